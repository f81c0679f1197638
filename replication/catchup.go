package replication

import (
	"slices"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/table"
)

// The pages of a seed are of different moments. A transaction that was made
// between two of them is in the later one and not in the earlier one, until its
// records come. So a newcomer that shows transactions whole is not ready for use
// before it has applied, of each member, all up to the latest version that it was
// seeded with.

// catchUpEvery is how often a newcomer looks whether it has. It waits for
// partWithin at most: a member that cannot be heard does not keep it from use.
const catchUpEvery = 50 * time.Millisecond

// sight is the latest version of a cell that a newcomer was seeded with.
type sight struct {
	Cell aws.Cell        `json:"cell"`
	Time clock.Timestamp `json:"time"`
}

// see takes in the versions of a page.
func (s *seed) see(states []conflict.State) {
	s.Seen = slices.Clone(s.Seen)
	for i := range states {
		v := &states[i].Version
		n := slices.IndexFunc(s.Seen, func(x sight) bool { return x.Cell == v.Cell })
		switch {
		case n < 0:
			s.Seen = append(s.Seen, sight{v.Cell, v.Time})
		case s.Seen[n].Time.Compare(v.Time) < 0:
			s.Seen[n].Time = v.Time
		}
	}
}

// caughtUp reports whether a table that has been seeded can be used. Until then
// it asks the others for their progress, by which it knows what it has of them.
func (k *keeper) caughtUp(t *table.Table, now time.Time) bool {
	if k.plantedAt.IsZero() {
		k.plantedAt = now
	}
	if !t.Together() || now.Sub(k.plantedAt) > partWithin {
		return true
	}
	reached := k.r.reached(k.table, k.group)
	behind := slices.ContainsFunc(k.seed.Seen, func(x sight) bool {
		other := x.Cell != k.r.cell && t.Def.Group.Member(x.Cell) != nil
		return other && markOf(reached, x.Cell).Compare(x.Time) < 0
	})
	if behind && now.Sub(k.urgedAt) >= progressEvery {
		k.urgedAt = now
		for _, m := range t.Def.Group.Members {
			if m.Cell != k.r.cell {
				k.r.send(t.Def.Group, m.Cell, &Message{Kind: Progress, Table: k.table, Group: k.group, Wants: true})
			}
		}
	}
	return !behind
}
