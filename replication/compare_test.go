package replication_test

import (
	"testing"
	"time"

	"github.com/hortusdb/hortus/replication"
)

// TestCompareBySchedule: the first member of a pair compares by itself, once in an
// interval and not before, page by page, and counts what it finds.
func TestCompareBySchedule(t *testing.T) {
	w := newPair(t)
	const n = 2600
	for i := range n {
		w.members[cellA].put(t, key(i), "v")
	}
	w.until(time.Minute, "everywhere", w.settled(n, cellA, cellB))
	w.compareEvery = time.Hour
	w.restart(cellA)
	w.restart(cellB)
	a, b := w.members[cellA], w.members[cellB]
	asked := 0
	w.transport = onCall{w.network, func(q *replication.Request) {
		if q.Kind == replication.Digest {
			asked++
		}
	}}
	const lost = 1300 // More than a page lists.
	for i := range lost {
		b.damage(t, key(i), nil)
	}
	w.run(10 * time.Second)
	if asked != 0 {
		t.Fatal("it compares before an interval has passed")
	}
	// again lets an interval pass.
	again := func() replication.LinkStatus {
		before := w.link(cellA, cellB, cellA).Compared
		w.clock.now = w.clock.now.Add(time.Hour)
		w.until(time.Minute, "compared", func() bool { return w.link(cellA, cellB, cellA).Compared.After(before) })
		return w.link(cellA, cellB, cellA)
	}
	if s := again(); s.Differing != lost {
		t.Errorf("%d differ, want %d", s.Differing, lost)
	}
	if a.rows(t) == b.rows(t) {
		t.Error("it repairs")
	}
	if d, _ := a.checkAll(t, cellB, true); d.Repaired != lost {
		t.Errorf("%d repaired, want %d", d.Repaired, lost)
	}
	if s := again(); s.Differing != 0 {
		t.Errorf("%d differ after the repair", s.Differing)
	}
	if s := w.link(cellB, cellA, cellB); !s.Compared.IsZero() {
		t.Errorf("the second member compares, too: %+v", s)
	}
	asked = 0
	w.run(10 * time.Second)
	if asked != 0 {
		t.Error("it goes on within the interval")
	}
}
