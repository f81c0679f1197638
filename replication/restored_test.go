package replication_test

import (
	"fmt"
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
// source's log is shown as cut off, with the reason, for good; what is behind it
// is not skipped. One late acknowledgement of that time cuts nobody off.
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
	cut := func() bool {
		s := w.link(cellA, cellA, cellB)
		return s.State == replication.CutOff && strings.Contains(s.Reason, "must be seeded again")
	}
	w.until(time.Minute, "A says that B is cut off", cut)
	w.restart(cellA)
	w.run(10 * time.Second)
	if !cut() {
		t.Errorf("after a restart of the source:\n%s", w.describe())
	}
	if n := strings.Count(w.members[cellB].dump(t), "\n"); n != 20 {
		t.Errorf("B has %d items, want the 20 of its copy", n)
	}
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

// TestRestoredSource: a member whose disk was put back gives out positions that the
// others have passed already. It says so on its links, instead of losing its
// writes in silence; a crash is no such case.
func TestRestoredSource(t *testing.T) {
	w := newPair(t)
	early := w.copied(cellA)
	w.fill(cellA, 0, 20)
	w.until(5*time.Second, "both have 20", w.settled(20, cellA, cellB))
	w.restart(cellA)
	w.fill(cellA, 20, 21)
	w.until(20*time.Second, "a crash does no harm", w.settled(21, cellA, cellB))
	if s := w.link(cellA, cellA, cellB); s.State != replication.Flowing {
		t.Errorf("after a crash the link is %s: %s", s.State, s.Reason)
	}
	w.restore(cellA, early)
	w.until(20*time.Second, "the link says that it is cut off", func() bool {
		s := w.link(cellA, cellA, cellB)
		return s.State == replication.CutOff && strings.Contains(s.Reason, "put back")
	})
	w.restart(cellA)
	w.until(20*time.Second, "and after a restart", func() bool { return w.link(cellA, cellA, cellB).State == replication.CutOff })
}
