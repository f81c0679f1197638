package sim

import (
	"fmt"
	"strings"
)

// Event is something that a run is to meet now and then.
type Event uint8

// The events.
const (
	NetworkChange Event = iota
	MessageLost
	CallLost
	CrashAtOnce
	CrashBefore
	CrashVisible
	CrashDurable
	CrashElsewhere
	CallerCrash
	ServedCrash
	ClockJump
	ClockFar
	DeadlineJump
	Withheld
	WithheldSettings
	Settled
	Unsettled
	SettingsTaken
	Protected
	PutBack
	DiskLost
	SourceLost
	SourceChanged
	Joined
	Left
	KeptData
	Detached
	BeganAnew
	CameBack
	Grew
	Converted
	Wrote
	Refused
	Counted
	Transacted
	SessionRead
	Conflicted
	Compared
	events
)

var eventNames = [events]string{
	NetworkChange:    "a way of the network gets other conditions",
	MessageLost:      "a message is lost",
	CallLost:         "a call or its answer is lost",
	CrashAtOnce:      "crash between calls of the store",
	CrashBefore:      "crash before a commit",
	CrashVisible:     "crash when a commit is visible, not durable",
	CrashDurable:     "crash when a commit is durable, nobody told",
	CrashElsewhere:   "crash in another call of the store",
	CallerCrash:      "crash of who asks another cell, meanwhile",
	ServedCrash:      "crash of who is asked, meanwhile",
	ClockJump:        "a clock jumps",
	ClockFar:         "a clock jumps up to a minute ahead",
	DeadlineJump:     "the clock of deadlines jumps",
	Withheld:         "a member's policy withholds replication",
	WithheldSettings: "a member's policy withholds the keeping of settings",
	Settled:          "a change of settings in step",
	Unsettled:        "one that a policy forbids",
	SettingsTaken:    "a member takes over later settings",
	Protected:        "a change of a member's own setting",
	PutBack:          "a member is put back to an earlier copy",
	DiskLost:         "a member loses its disk for good",
	SourceLost:       "the source of a newcomer is lost",
	SourceChanged:    "a newcomer changes its source",
	Joined:           "a cell joins",
	Left:             "a member leaves",
	KeptData:         "a member leaves and keeps its data",
	Detached:         "a member is detached",
	BeganAnew:        "who was detached or left deletes its table",
	CameBack:         "who was detached comes back with its data",
	Grew:             "a member makes a replica in its account",
	Converted:        "a global table becomes mixed",
	Wrote:            "a write",
	Refused:          "a write whose condition fails",
	Counted:          "a count or a collection, under merge",
	Transacted:       "a transaction",
	SessionRead:      "a read of a session",
	Conflicted:       "an entry of a conflict journal",
	Compared:         "a comparison of two replicas",
}

func (e Event) String() string { return eventNames[e] }

// Tally counts what runs met.
type Tally [events]int

// count notes an event. A nil tally counts nothing.
func (t *Tally) count(e Event) {
	if t != nil {
		t[e]++
	}
}

// did notes an event if it came about.
func (w *world) did(e Event, err error) {
	if err == nil {
		w.Tally.count(e)
	}
}

// Add adds what another tally counted.
func (t *Tally) Add(other *Tally) {
	for e, n := range other {
		t[e] += n
	}
}

func (t *Tally) String() string {
	var b strings.Builder
	for e, n := range t {
		fmt.Fprintf(&b, "%10d  %v\n", n, Event(e))
	}
	return b.String()
}
