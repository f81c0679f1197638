package replication_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
)

// TestFailingSeenBySource: a destination that cannot write what comes, for its disk is
// full, says so to the source, whose changes wait: the link shows FAILING at both ends
// for as long as that lasts, and flows by itself afterwards. So does one whose tables
// show transactions whole.
func TestFailingSeenBySource(t *testing.T) {
	for _, together := range []bool{false, true} {
		t.Run(fmt.Sprint("together=", together), func(t *testing.T) {
			var w *world
			if together {
				w, _ = newTables(t, tableName)
			} else {
				w = newPair(t)
			}
			a, b := w.members[cellA], w.members[cellB]
			b.store.Refuse(kv.ErrNoSpace)
			for i := range 300 {
				a.put(t, key(i), strings.Repeat("x", 2_000)) // More than is sent at once.
			}
			failing := func() bool {
				far, own := w.link(cellA, cellA, cellB), w.link(cellB, cellA, cellB)
				return far.State == replication.Failing && strings.Contains(far.Reason, "disk space") && far.Pending == 300 &&
					own.State == replication.Failing && own.Reason != ""
			}
			w.until(5*time.Second, "both ends say it", failing)
			for range 200 {
				w.run(10 * tick)
				if !failing() {
					t.Fatalf("the ends do not say it any more:\n%s", w.describe())
				}
			}
			w.network.Isolate(cellB.Region, true)
			w.run(20 * time.Second)
			if s := w.link(cellA, cellA, cellB); s.State != replication.NoContact {
				t.Errorf("of one that cannot be reached it is told that it is %s: %s", s.State, s.Reason)
			}
			w.network.Isolate(cellB.Region, false)
			b.store.Refuse(nil)
			w.until(20*time.Second, "all there", w.settled(300, cellA, cellB))
			w.until(5*time.Second, "flowing", w.flowing)
		})
	}
}
