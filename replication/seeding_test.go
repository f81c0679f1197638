package replication_test

import (
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// TestSeedingShown: the other members know how much of a table has come to a
// newcomer, whether they seed it or not, also after one of them or the newcomer
// began anew; it is what the newcomer says itself, in whole hundredths.
func TestSeedingShown(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all, admits: all})
	w.fill(cellA, 0, 3*pages)
	w.mustJoin(cellB, cellA, grant{members: all, admits: all})
	left := 1 // Pages that come.
	w.transport = dropping{tap{Transport: w.network}, func(_, to aws.Cell, m *replication.Message) bool {
		if to != cellC || m.Kind != replication.SeedPage || m.Begin {
			return false
		}
		left--
		return left < 0
	}}
	shown := func(by aws.Cell) int {
		percent, said := w.members[by].repl.Seeding(tableName)[cellC]
		if !said {
			return -1
		}
		return percent
	}
	share := func() int { return int(100 * w.link(cellC, cellA, cellC).SeedShare) }
	agreed := func() bool { return shown(cellA) == share() && shown(cellB) == share() }
	if err := w.join(cellC, cellA, grant{members: all}); err != nil {
		t.Fatal(err)
	}
	if got := shown(cellB); got != -1 {
		t.Errorf("before anything is heard of it %d %%", got)
	}
	before := 0
	for range 2 {
		w.until(20*time.Second, "more has come", func() bool { return share() > before && left < 0 })
		w.until(time.Second, "A and B know", agreed)
		if before = share(); before >= 100 {
			t.Fatal("all came at once: nothing is tested")
		}
		if s := w.link(cellA, cellA, cellC); s.State != replication.Seeding || int(100*s.SeedShare) != before {
			t.Errorf("the source's end is %s, %.2f of it; %d %% has come", s.State, s.SeedShare, before)
		}
		if s := w.link(cellB, cellB, cellC); s.State != replication.Flowing {
			t.Errorf("the end of another member is %s", s.State)
		}
		w.restart(cellB)
		w.until(20*time.Second, "B knows again", agreed)
		w.restart(cellC)
		w.until(20*time.Second, "both know after the newcomer's restart", agreed)
		if share() != before {
			t.Fatalf("%d %%, and %d before the restarts", share(), before)
		}
		left = 1
	}
	w.transport = w.network
	w.until(time.Minute, "in use", func() bool { return w.members[cellC].table().Def.Status == table.Active })
	w.until(20*time.Second, "A and B know that, too", func() bool {
		return w.members[cellA].table().Def.Group.Member(cellC).Status == table.Active && w.members[cellB].table().Def.Group.Member(cellC).Status == table.Active
	})
	if s := w.link(cellA, cellA, cellC); s.State != replication.Flowing {
		t.Errorf("once it is in use the source's end is %s", s.State)
	}
}
