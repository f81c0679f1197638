package replication_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
)

// copied returns a copy of a cell's disk as it is now. The cell is restarted.
func (w *world) copied(c aws.Cell) *kv.Mem {
	w.t.Helper()
	old := w.members[c].store
	w.restart(c)
	return old.Crash()
}

// restore ends a cell and opens it on another disk.
func (w *world) restore(c aws.Cell, disk *kv.Mem) {
	w.t.Helper()
	w.network.Detach(c)
	w.members[c].store.Crash()
	w.start(c, disk)
}

func (w *world) fill(c aws.Cell, from, to int) {
	w.t.Helper()
	for i := from; i < to; i++ {
		w.members[c].put(w.t, key(i), "x")
	}
}

// TestRestoredReceiver: a member whose disk was put back to an earlier state
// gets again what it had acknowledged since, whether its source ran on, or
// restarted with what it had kept of the acknowledgement.
func TestRestoredReceiver(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		t.Run(fmt.Sprintf("source restarts=%t", restarts), func(t *testing.T) {
			w := newPair(t)
			w.fill(cellA, 0, 20)
			w.until(5*time.Second, "both have 20", w.settled(20, cellA, cellB))
			early := w.copied(cellB)
			w.fill(cellA, 20, 40)
			w.until(15*time.Second, "both have 40", w.settled(40, cellA, cellB))
			w.run(3 * time.Second) // The acknowledgement is kept.
			w.restore(cellB, early)
			if restarts {
				w.restart(cellA)
			}
			w.until(20*time.Second, "B has again what it lost", w.settled(40, cellA, cellB))
			w.fill(cellA, 40, 50)
			w.until(5*time.Second, "and what is new", w.settled(50, cellA, cellB))
			w.until(time.Second, "the link flows, and nothing is pending", func() bool {
				s := w.link(cellA, cellA, cellB)
				return s.State == replication.Flowing && s.Pending == 0
			})
		})
	}
}

// TestRestoredBeforeLog: a member that was put back to a state of before the
// source's log is compared with the source when it starts, and has all again. One
// late acknowledgement of that time cuts nobody off.
func TestRestoredBeforeLog(t *testing.T) {
	w := newPair(t)
	w.fill(cellA, 0, 20)
	w.until(5*time.Second, "both have 20", w.settled(20, cellA, cellB))
	early := w.copied(cellB)
	w.run(6 * time.Second)
	var late *replication.Message
	w.transport = tap{Transport: w.network, send: func(from, _ aws.Cell, m *replication.Message) {
		if from == cellB && m.Kind == replication.Ack && late == nil {
			c := *m
			c.Life, late = "an earlier life", &c
		}
	}}
	w.fill(cellA, 20, 40)
	w.until(5*time.Second, "both have 40", w.settled(40, cellA, cellB))
	w.clock.now = w.clock.now.Add(25 * time.Hour)
	a := w.members[cellA]
	w.until(3*time.Minute, "the log is trimmed", func() bool {
		start, err := a.table().Log.Start(t.Context())
		return err == nil && start > 0
	})
	late.To = 1
	a.repl.Deliver(cellB, late)
	w.run(6 * time.Second)
	w.fill(cellA, 40, 41)
	w.until(15*time.Second, "a late message changes nothing", w.settled(41, cellA, cellB))

	w.restore(cellB, early)
	w.until(time.Minute, "both have 41 again", w.settled(41, cellA, cellB))
	w.until(time.Minute, "both are active", w.active(cellA, cellB))
	w.fill(cellA, 41, 42)
	w.fill(cellB, 42, 43)
	w.until(15*time.Second, "and what is new", w.settled(43, cellA, cellB))
}

// TestRewindForgetsPassed: a sender that goes back does not name, on an idle
// contact, entries that never arrived.
func TestRewindForgetsPassed(t *testing.T) {
	w := newPair(t)
	w.fill(cellA, 0, 5)
	w.until(5*time.Second, "both have 5", w.settled(5, cellA, cellB))
	had := w.members[cellA].store.Durable()
	lost := true
	w.transport = losing{tap{Transport: w.network, send: func(from, _ aws.Cell, m *replication.Message) {
		if from == cellA && m.Kind == replication.Batch && len(m.Entries) == 0 && m.To > had && lost {
			t.Errorf("an empty batch goes from %d to %d, and B has all up to %d", m.From, m.To, had)
		}
	}}, func(m *replication.Message) bool { return lost && len(m.Entries) > 0 }}
	w.fill(cellA, 5, 10)
	// Leave to read is withheld when the batch is overdue, and comes back when
	// nothing is in flight.
	w.run(time.Second)
	for range 40 {
		w.setPolicy(cellA, grant{members: []aws.Cell{cellA, cellB}, actions: []string{"dynamodb:WriteDataForReplication"}})
		w.run(700 * time.Millisecond)
		w.setPolicy(cellA, grant{members: []aws.Cell{cellA, cellB}})
		w.run(700 * time.Millisecond)
	}
	lost = false
	w.until(time.Minute, "both have 10", w.settled(10, cellA, cellB))
}

// losing is a transport that loses some messages.
type losing struct {
	tap
	lost func(m *replication.Message) bool
}

func (l losing) Send(from, to aws.Cell, m *replication.Message) {
	if l.send != nil {
		l.send(from, to, m)
	}
	if !l.lost(m) {
		l.Transport.Send(from, to, m)
	}
}

// TestNoContactWhileLost: a peer that was cut off is sent nothing, also no
// message that would move its cursor over what it lacks.
func TestNoContactWhileLost(t *testing.T) {
	w := newPair(t)
	w.fill(cellA, 0, 5)
	w.until(5*time.Second, "both have 5", w.settled(5, cellA, cellB))
	w.cutOff(cellA, cellB)
	w.transport = tap{Transport: w.network, send: func(from, _ aws.Cell, m *replication.Message) {
		if from == cellA && m.Kind == replication.Batch {
			t.Errorf("%d to %d is sent to a peer that was cut off", m.From, m.To)
		}
	}}
	w.run(30 * time.Second)
}

// cutOff marks a peer as lost in a member's log, as retention does, and restarts
// the member.
func (w *world) cutOff(c, peer aws.Cell) {
	w.t.Helper()
	tab := w.members[c].table()
	if err := tab.Log.Rewind(w.t.Context(), peer.String(), 0, true); err != nil {
		w.t.Fatal(err)
	}
	w.restart(c)
}

// TestLeaveWithCutOffPeer: a member leaves although another one was cut off from
// it: that one can take nothing any more.
func TestLeaveWithCutOffPeer(t *testing.T) {
	w := newTriple(t)
	w.fill(cellB, 0, 5)
	w.until(5*time.Second, "all have 5", w.settled(5, cellA, cellB, cellC))
	w.cutOff(cellB, cellC)
	b := w.members[cellB]
	w.fill(cellB, 5, 10)
	w.until(5*time.Second, "A has 10", w.settled(10, cellA, cellB))
	if err := b.repl.Leave(t.Context(), b.table()); err != nil {
		t.Fatal(err)
	}
	w.until(10*time.Second, "B is gone", func() bool { return b.table() == nil })
	for _, c := range []aws.Cell{cellA, cellC} {
		if g := w.members[c].table().Def.Group; g.Member(cellB) != nil {
			t.Errorf("%v still counts B", c)
		}
	}
}

// wantBack waits until cells have n items each, the same, and are members in use
// whose links flow.
func (w *world) wantBack(n int, cells ...aws.Cell) {
	w.t.Helper()
	w.until(time.Minute, fmt.Sprintf("all have %d", n), w.settled(n, cells...))
	w.until(time.Minute, "all are active", w.active(cells...))
	w.until(time.Minute, "all have the same rows, and no tombstones are left", w.sameRows(cells...))
	w.until(time.Minute, "all links flow", func() bool {
		for _, c := range cells {
			bad := func(s replication.LinkStatus) bool { return s.State != replication.Flowing }
			if w.members[c].table().Def.Resync != 0 || slices.ContainsFunc(w.members[c].repl.Status(), bad) {
				return false
			}
		}
		return true
	})
}

// TestRestoredSource: a member whose disk was put back gives out positions that the
// others have passed already. It finds that out before it sends anything, gets back
// what it has forgotten, and what it writes from then on arrives. A crash is no such
// case.
func TestRestoredSource(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(w *world) // Between the start of the copy and what others hear of it.
		more   int            // Items that this adds.
	}{
		{"at once", func(*world) {}, 0},
		{"that has written much", func(w *world) {
			w.network.Isolate(cellA.Region, true)
			w.fill(cellA, 100, 150) // Positions far past those that it has forgotten.
			w.run(time.Second)
			w.network.Isolate(cellA.Region, false)
		}, 50},
		{"that was started again", func(w *world) {
			w.network.Isolate(cellA.Region, true)
			w.fill(cellA, 100, 150)
			w.run(time.Second)
			w.restart(cellA)
			w.run(time.Second)
			w.restart(cellA)
			w.network.Isolate(cellA.Region, false)
		}, 50},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newPair(t)
			early := w.copied(cellA)
			w.fill(cellA, 0, 20)
			w.until(5*time.Second, "both have 20", w.settled(20, cellA, cellB))
			w.restart(cellA)
			w.fill(cellA, 20, 21)
			w.until(20*time.Second, "a crash does no harm", w.settled(21, cellA, cellB))
			w.until(time.Second, "the link flows after a crash", func() bool { return w.link(cellA, cellA, cellB).State == replication.Flowing })
			w.restore(cellA, early)
			c.before(w)
			w.fill(cellA, 21, 22)
			w.wantBack(22+c.more, cellA, cellB)
			w.fill(cellA, 22, 23)
			w.fill(cellB, 23, 24)
			w.wantBack(24+c.more, cellA, cellB)
		})
	}
}

// TestRestoredTwice: the same copy is put back again.
func TestRestoredTwice(t *testing.T) {
	w := newPair(t)
	early, again := w.copied(cellA), w.members[cellA].store
	w.restart(cellA)
	w.fill(cellA, 0, 20)
	w.until(5*time.Second, "both have 20", w.settled(20, cellA, cellB))
	w.restore(cellA, early)
	w.fill(cellA, 20, 30)
	w.wantBack(30, cellA, cellB)
	w.restore(cellA, again.Crash())
	w.fill(cellA, 30, 40)
	w.wantBack(40, cellA, cellB)
}

// TestRestoredAmongThree: what a member has forgotten may be with one of the others
// alone. While one of them is out of reach the replica waits, says so, and serves
// its own clients.
func TestRestoredAmongThree(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.fill(cellA, 0, 10)
	w.until(5*time.Second, "all have 10", w.settled(10, all...))
	early := w.copied(cellA)
	cut := func(on bool) {
		for _, way := range []replication.Way{{From: cellA.Region, To: cellB.Region}, {From: cellB.Region, To: cellA.Region}} {
			if err := w.network.SetConditions(way, replication.Conditions{Cut: on}); err != nil {
				t.Fatal(err)
			}
		}
	}
	cut(true)
	w.fill(cellA, 10, 20)
	w.until(5*time.Second, "C has 20", w.settled(20, cellA, cellC))
	w.restore(cellA, early)
	w.fill(cellA, 20, 25)
	w.until(20*time.Second, "the link to C says why it waits", func() bool {
		s := w.link(cellA, cellA, cellC)
		return s.State == replication.CutOff && strings.Contains(s.Reason, "put back")
	})
	cut(false)
	w.wantBack(25, all...)
}

// TestRestoredDeletion: what was deleted, and whose deletion all members have
// forgotten, does not come back with a copy of before; what the copy's cell wrote
// and nobody had yet does.
func TestRestoredDeletion(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.fill(cellA, 0, 10)
	w.until(5*time.Second, "all have 10", w.settled(10, all...))
	w.network.Isolate(cellA.Region, true)
	w.fill(cellA, 10, 11) // Of this the copy alone will know.
	w.run(time.Second)
	early := w.copied(cellA)
	w.network.Isolate(cellA.Region, false)
	w.until(20*time.Second, "all have 11", w.settled(11, all...))
	w.fill(cellA, 11, 12)
	w.members[cellB].remove(t, key(3))
	w.members[cellA].remove(t, key(4))
	w.until(time.Minute, "the deletions are forgotten", func() bool { return w.settled(10, all...)() && w.sameRows(all...)() })
	w.restore(cellA, early)
	w.wantBack(10, all...)
	for _, c := range all {
		for _, gone := range []int{3, 4} {
			if strings.Contains(w.members[c].dump(t), `"`+key(gone)+`"`) {
				t.Errorf("%v: %s came back", c, key(gone))
			}
		}
	}
}

// TestRestoredBeforeJoin: a member that was put back to before another one joined
// learns of it from the others.
func TestRestoredBeforeJoin(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all, admits: all})
	w.mustJoin(cellB, cellA, grant{members: all, admits: all})
	w.until(10*time.Second, "both are active", w.active(cellA, cellB))
	w.fill(cellA, 0, 10)
	w.until(5*time.Second, "both have 10", w.settled(10, cellA, cellB))
	early := w.copied(cellA)
	w.mustJoin(cellC, cellB, grant{members: all, admits: all})
	w.until(10*time.Second, "all are active", w.active(all...))
	w.fill(cellA, 10, 20)
	w.fill(cellC, 20, 30)
	w.until(5*time.Second, "all have 30", w.settled(30, all...))
	w.restore(cellA, early)
	w.fill(cellA, 30, 35)
	w.wantBack(35, all...)
}

// TestRestoredWorld: all members are put back to copies of different moments. What
// any of them has is with all in the end.
func TestRestoredWorld(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.fill(cellA, 0, 10)
	w.until(5*time.Second, "all have 10", w.settled(10, all...))
	copies := map[aws.Cell]*kv.Mem{cellA: w.copied(cellA)}
	w.fill(cellA, 10, 20)
	w.fill(cellB, 20, 30)
	w.until(20*time.Second, "all have 30", w.settled(30, all...))
	copies[cellB] = w.copied(cellB)
	w.fill(cellB, 30, 40)
	w.fill(cellC, 40, 50)
	w.until(20*time.Second, "all have 50", w.settled(50, all...))
	copies[cellC] = w.copied(cellC)
	w.fill(cellC, 50, 60)
	w.until(20*time.Second, "all have 60", w.settled(60, all...))
	for _, c := range all {
		w.restore(c, copies[c])
	}
	w.fill(cellA, 60, 61)
	w.wantBack(51, all...)
}
