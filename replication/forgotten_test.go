package replication_test

import (
	"context"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
)

// TestLateOfForgottenRun: what was sent in a run that a store has forgotten since comes
// once the member's cursor was found to be of its history. It moves no cursor: what
// the store then writes at these positions arrives.
func TestLateOfForgottenRun(t *testing.T) {
	w := newPair(t)
	w.fill(cellA, 0, 5)
	w.until(5*time.Second, "both have 5", w.settled(5, cellA, cellB))
	w.run(6 * time.Second)
	early := w.members[cellA].store.Copy()
	since := w.members[cellA].table().Def.Group.Member(cellA).Since
	var late *replication.Message
	w.transport = losing{tap{Transport: w.network}, func(m *replication.Message) bool {
		has := m.Kind == replication.Batch && len(m.Entries) > 0
		if has {
			c := *m
			late = &c
		}
		return has
	}}
	w.fill(cellA, 5, 25)
	w.run(time.Second)
	w.restore(cellA, early)
	w.run(6 * time.Second)
	w.transport = w.network
	w.members[cellB].repl.Deliver(cellA, late)
	w.fill(cellA, 25, 30)
	w.wantBack(10, cellA, cellB)
	if now := w.members[cellB].table().Def.Group.Member(cellA).Since; now != since {
		t.Errorf("A is a member since %d, and was since %d: it was counted anew, and nothing is tested", now, since)
	}
}

// TestSeededByOneWithLess: what a store has forgotten is with one member alone, and that
// one had its cursor by seeding, from a member that has nothing of it.
func TestSeededByOneWithLess(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all, admits: all})
	w.mustJoin(cellC, cellA, grant{members: all, admits: all})
	w.mustJoin(cellB, cellA, grant{members: all, admits: all})
	w.until(10*time.Second, "all are active", w.active(all...))
	w.fill(cellC, 0, 10)
	w.until(5*time.Second, "all have 10", w.settled(10, all...))
	w.cut(cellA, cellC, true)
	early := w.copied(cellC)
	w.fill(cellC, 10, 20)
	w.until(5*time.Second, "B has 20", w.settled(20, cellB, cellC))
	w.restore(cellC, early)
	w.cut(cellA, cellC, false)
	w.fill(cellC, 20, 25)
	w.wantBack(25, all...)
}

// TestSeededBeforeItsSourceWasAsked: a newcomer has its cursor on a member's log from
// another one that this member could not ask since it was started again. Both are
// brought together by what the cursor's run is.
func TestSeededBeforeItsSourceWasAsked(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all, admits: all})
	w.mustJoin(cellB, cellA, grant{members: all, admits: all})
	w.until(10*time.Second, "both are active", w.active(cellA, cellB))
	w.fill(cellA, 0, 5)
	w.until(5*time.Second, "both have 5", w.settled(5, cellA, cellB))
	w.run(6 * time.Second)
	w.cut(cellA, cellB, true)
	w.restart(cellA)
	since := w.members[cellA].table().Def.Group.Member(cellA).Since
	w.fill(cellA, 5, 10)
	w.mustJoin(cellC, cellB, grant{members: all, admits: all})
	w.until(time.Minute, "C has what A writes", w.settled(10, cellA, cellC))
	if now := w.members[cellC].table().Def.Group.Member(cellA).Since; now != since {
		t.Errorf("A is a member since %d, and was since %d: it was counted anew", now, since)
	}
}

// TestRestoredWhileOneLeaves: a member finds that its store was put back, and can reach
// one of the others alone, which leaves: the third has let that one go by the time that
// it is reached. The one that was put back still counts it, and has it asked.
func TestRestoredWhileOneLeaves(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.until(10*time.Second, "all are active", w.active(all...))
	w.fill(cellC, 0, 10)
	w.until(5*time.Second, "all have 10", w.settled(10, all...))
	early := w.copied(cellC)
	w.fill(cellC, 10, 20)
	w.until(20*time.Second, "all have 20", w.settled(20, all...))
	w.cut(cellA, cellC, true)
	w.restore(cellC, early)
	w.until(10*time.Second, "C knows it", func() bool { return w.members[cellC].table().Def.Resync != 0 })
	b := w.members[cellB]
	if err := b.repl.Leave(t.Context(), b.table()); err != nil {
		t.Fatal(err)
	}
	w.until(10*time.Second, "A has let B go", func() bool { return w.members[cellA].table().Def.Group.Member(cellB) == nil })
	w.run(20 * time.Second)
	w.cut(cellA, cellC, false)
	w.until(time.Minute, "B is gone", func() bool { return b.table() == nil })
	w.fill(cellC, 20, 25)
	w.wantBack(25, cellA, cellC)
}

// cut cuts the ways between two cells, or heals them.
func (w *world) cut(a, b aws.Cell, on bool) {
	w.t.Helper()
	for _, way := range []replication.Way{{From: a.Region, To: b.Region}, {From: b.Region, To: a.Region}} {
		if err := w.network.SetConditions(way, replication.Conditions{Cut: on}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestDisassociateFromRestored: what a member has forgotten is with one alone, and that
// one is to leave with its data. It waits until the other one has it back.
func TestDisassociateFromRestored(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.until(10*time.Second, "all are active", w.active(all...))
	w.fill(cellC, 0, 10)
	w.until(5*time.Second, "all have 10", w.settled(10, all...))
	early := w.copied(cellC)
	w.cut(cellA, cellC, true)
	w.fill(cellC, 10, 20)
	w.until(20*time.Second, "B has 20", w.settled(20, cellB, cellC))
	w.restore(cellC, early)
	b := w.members[cellB]
	if _, err := b.repl.Disassociate(t.Context(), b.table()); err != nil {
		t.Fatal(err)
	}
	w.run(20 * time.Second)
	w.cut(cellA, cellC, false)
	w.until(time.Minute, "B has left", func() bool { return b.table().Def.Group == nil })
	w.fill(cellC, 20, 25)
	w.wantBack(25, cellA, cellC)
}

// meanwhile is a transport where something happens while a member is asked how far it
// has come, before the question is there.
type meanwhile struct {
	replication.Transport
	happens func()
}

func (m meanwhile) Call(ctx context.Context, from, to aws.Cell, q *replication.Request) (*replication.Response, error) {
	if q.Kind == replication.Reached {
		m.happens()
	}
	return m.Transport.Call(ctx, from, to, q)
}

// TestJoinsWhileItIsAsked: a cell that was taken in half-way joins while the member that
// took it in asks how far it has come. Its answer is no sign that the member fell behind.
func TestJoinsWhileItIsAsked(t *testing.T) {
	w, all := newHalfJoin(t)
	w.network.Isolate(cellB.Region, false)
	w.run(time.Second)
	w.restart(cellA)
	since := w.members[cellA].table().Def.Group.Member(cellA).Since
	asked := 0
	w.transport = meanwhile{w.network, func() {
		if asked++; asked == 1 {
			if err := w.join(cellB, cellA, grant{members: all, admits: all}); err != nil {
				t.Fatal(err)
			}
		}
	}}
	w.until(time.Minute, "both are active", w.active(cellA, cellB))
	w.wantBack(1, cellA, cellB)
	if now := w.members[cellB].table().Def.Group.Member(cellA).Since; now != since || asked == 0 {
		t.Errorf("A is a member since %d, and was since %d; it was asked %d times", now, since, asked)
	}
}
