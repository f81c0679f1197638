package replication_test

import (
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
)

// TestSeededInALaterRun: a newcomer that joined in one run of a member's store, and
// was seeded by another one with what that store wrote in the next run, has more
// than was found at the start between. The store was not put back, and the replica
// stays the member that it was: it is not counted anew.
func TestSeededInALaterRun(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all, admits: all})
	w.mustJoin(cellB, cellA, grant{members: all, admits: all})
	w.fill(cellA, 0, 5)
	w.until(5*time.Second, "both have 5", w.settled(5, cellA, cellB))
	seeds := false
	w.transport = losing{tap{Transport: w.network}, func(m *replication.Message) bool { return m.Kind == replication.SeedPage && !seeds }}
	if err := w.join(cellC, cellB, grant{members: all, admits: all}); err != nil {
		t.Fatal(err)
	}
	since := w.members[cellA].table().Def.Group.Member(cellA).Since
	w.restart(cellA)
	w.fill(cellA, 5, 25)
	w.until(20*time.Second, "B has what A wrote since its start", w.settled(25, cellA, cellB))
	seeds = true
	w.until(time.Minute, "all are active", w.active(all...))
	w.run(3 * time.Second) // A asks C again.
	w.wantBack(25, all...)
	for _, c := range all {
		d := w.members[c].table().Def
		if now := d.Group.Member(cellA).Since; now != since {
			t.Errorf("%v: A is a member since %d, and was since %d: it was counted anew", c, now, since)
		}
	}
}
