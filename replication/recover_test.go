package replication_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// heal lets messages pass again from one cell's Region to another's.
func (w *world) heal(from, to aws.Cell) {
	w.t.Helper()
	if err := w.network.SetConditions(replication.Way{From: from.Region, To: to.Region}, replication.Conditions{}); err != nil {
		w.t.Fatal(err)
	}
}

// TestRecover: a member that is detached had brought some of its changes to one
// member alone. Those that stay come to hold the same, deletions too, also when
// one of them restarts meanwhile; and its tombstones go once it cannot come back.
func TestRecover(t *testing.T) {
	for _, restart := range []bool{false, true} {
		w := newTriple(t)
		all := []aws.Cell{cellA, cellB, cellC}
		a, b, c := w.members[cellA], w.members[cellB], w.members[cellC]
		for i := range 30 {
			c.put(t, key(i), "first")
		}
		w.until(10*time.Second, "everywhere", w.settled(30, all...))
		if err := w.network.SetConditions(replication.Way{From: cellC.Region, To: cellB.Region}, replication.Conditions{Cut: true}); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			c.put(t, key(i), "second")
			c.remove(t, key(10+i))
		}
		w.until(10*time.Second, "with one", w.settled(20, cellA, cellC))
		w.setPolicy(cellC, grant{})
		w.run(20 * time.Second)
		w.heal(cellC, cellB)
		w.dates.Advance(20 * time.Hour)
		w.until(time.Minute, "detached", func() bool { return w.regional(cellC) })
		if restart {
			w.until(time.Minute, "noted", func() bool {
				g := b.table().Def.Group
				return g.Member(cellC) == nil
			})
			w.restart(cellB)
			b = w.members[cellB]
		}
		w.until(time.Minute, "the same", func() bool { return w.settled(20, cellA, cellB)() && a.rows(t) == b.rows(t) })
		w.until(time.Minute, "asked for", func() bool {
			return len(a.table().Def.Group.Recover) == 0 && len(b.table().Def.Group.Recover) == 0
		})
		a.put(t, "again", "v")
		a.remove(t, "again")
		w.run(30 * time.Second)
		if some, err := a.engine.Tombstones(t.Context(), a.table()); !some || err != nil {
			t.Errorf("tombstones went while C may come back: %t, %v", some, err)
		}
		w.dates.Advance(replication.ReattachWithin)
		w.until(time.Minute, "without tombstones", func() bool {
			x, errX := a.engine.Tombstones(t.Context(), a.table())
			y, errY := b.engine.Tombstones(t.Context(), b.table())
			return !x && !y && errX == nil && errY == nil
		})
		if a.dump(t) != b.dump(t) {
			t.Errorf("not the same:\n%s", w.describe())
		}
	}
}

// TestRecoverBeforeLeaving: a member does not leave while another still asks it
// for what it alone has; when that one leaves, too, both can go.
func TestRecoverBeforeLeaving(t *testing.T) {
	for _, both := range []bool{false, true} {
		t.Run(fmt.Sprintf("both=%t", both), func(t *testing.T) { recoverBeforeLeaving(t, both) })
	}
}

func recoverBeforeLeaving(t *testing.T, both bool) {
	t.Helper()
	w := newTriple(t)
	a, b, c := w.members[cellA], w.members[cellB], w.members[cellC]
	if err := w.network.SetConditions(replication.Way{From: cellC.Region, To: cellB.Region}, replication.Conditions{Cut: true}); err != nil {
		t.Fatal(err)
	}
	c.put(t, "k", "v")
	w.until(10*time.Second, "with one", w.settled(1, cellA, cellC))
	w.setPolicy(cellC, grant{})
	w.run(20 * time.Second)
	w.heal(cellC, cellB)
	// B learns of it, and cannot ask A.
	for _, way := range []replication.Way{{From: cellA.Region, To: cellB.Region}, {From: cellB.Region, To: cellA.Region}} {
		if err := w.network.SetConditions(way, replication.Conditions{Cut: true}); err != nil {
			t.Fatal(err)
		}
	}
	w.dates.Advance(24 * time.Hour)
	w.until(time.Minute, "detached", func() bool {
		return w.regional(cellC) && a.table().Def.Group.Member(cellC) == nil && b.table().Def.Group.Member(cellC) == nil
	})
	if err := a.repl.Leave(t.Context(), a.table()); err != nil {
		t.Fatal(err)
	}
	if both {
		if err := b.repl.Leave(t.Context(), b.table()); err != nil {
			t.Fatal(err)
		}
	}
	w.run(time.Minute)
	if a.table() == nil || a.table().Def.Status != table.Deleting {
		t.Fatal("it left")
	}
	w.heal(cellA, cellB)
	w.heal(cellB, cellA)
	w.until(time.Minute, "left", func() bool { return a.table() == nil && (!both || b.table() == nil) })
	if !both && b.dump(t) != c.dump(t) {
		t.Errorf("something is missing:\n%s", w.describe())
	}
}
