package replication_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/replication"
)

// TestPendingAfterRestart: what a destination that is away has still to get is counted
// also by a source that was restarted meanwhile, and has not heard it since.
func TestPendingAfterRestart(t *testing.T) {
	w := newPair(t)
	w.fill(cellA, 0, 3)
	w.until(5*time.Second, "B has 3", w.settled(3, cellA, cellB))
	w.run(2 * time.Second) // The cursor of B is kept.
	w.network.Isolate(cellB.Region, true)
	w.fill(cellA, 3, 103)
	want := func(n int64) {
		t.Helper()
		if s := w.link(cellA, cellA, cellB); s.Pending != n || s.Uncounted != "" {
			t.Errorf("%s, %d pending (%s), want %d", s.State, s.Pending, s.Uncounted, n)
		}
	}
	want(100)
	w.restart(cellA)
	want(100)
	w.fill(cellA, 103, 108)
	w.run(20 * time.Second)
	want(105)
	if s := w.link(cellA, cellA, cellB); s.State != replication.NoContact {
		t.Errorf("the link is %s", s.State)
	}
	w.network.Isolate(cellB.Region, false)
	w.until(30*time.Second, "B has all", w.settled(108, cellA, cellB))
	w.until(5*time.Second, "nothing is pending", func() bool { return w.link(cellA, cellA, cellB).Pending == 0 })
	want(0)
}

// TestPendingUnknown: where nobody can count what is pending the link says so, and
// why, and shows no number for it: the log has no more what a member lacks, or cannot
// be read.
func TestPendingUnknown(t *testing.T) {
	w := newPair(t)
	w.fill(cellA, 0, 3)
	w.network.Isolate(cellB.Region, true)
	w.cutOff(cellA, cellB)
	if s := w.link(cellA, cellA, cellB); !strings.Contains(s.Uncounted, "fell behind") {
		t.Errorf("cut off, %s: %d pending (%q)", s.State, s.Pending, s.Uncounted)
	}

	w = newPair(t)
	w.run(time.Second)
	if err := w.members[cellA].store.Close(); err != nil {
		t.Fatal(err)
	}
	if s := w.link(cellA, cellA, cellB); s.State != replication.Failing || s.Uncounted == "" || s.Reason != s.Uncounted {
		t.Errorf("with a store that cannot be read the link is %s (%s), %d pending (%q)", s.State, s.Reason, s.Pending, s.Uncounted)
	}
}
