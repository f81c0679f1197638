package replication

import (
	"context"
	"slices"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// trim gives up the part of the log that no reader needs, and cuts off members
// that are too far behind. Whoever moved since the last time is spared: after a
// time in which nothing ran, as of a machine that slept, all are behind.
func (k *keeper) trim(ctx context.Context, t *table.Table, now time.Time) error {
	if !k.trimMore {
		first := k.trimAt.IsZero() || now.Sub(k.trimAt) > 2*trimEvery
		k.trimAt = now
		var err error
		if k.moved, err = k.r.persistAcks(ctx, t, k.acked); err != nil || first {
			return err
		}
	}
	r := changelog.Retention{MaxAge: retentionLimit, MaxBytes: MaxBacklog, Spare: k.moved}
	if t.Def.Stream != nil {
		r.Keep = retentionLimit
	}
	lost, more, err := t.Log.Trim(ctx, now, r)
	k.trimMore = more
	for _, name := range lost {
		k.r.logger.Error("a member is too far behind and must be seeded again", "table", k.table, "member", name)
	}
	return err
}

// persistAcks keeps what every member has acknowledged, and names those that
// have acknowledged more than is in last, which it brings up to date.
func (r *Replicator) persistAcks(ctx context.Context, t *table.Table, last map[aws.Cell]kv.Position) (map[string]bool, error) {
	moved := map[string]bool{}
	for _, l := range r.sortedOf(t.Def.Name) {
		s, ok := l.work.(*sender)
		if !ok || l.key.group != t.Def.Group.ID {
			continue
		}
		l.mu.Lock()
		started, acked := s.started, s.acked
		l.mu.Unlock()
		if !started {
			continue
		}
		if acked > last[s.peer] {
			last[s.peer] = acked
			moved[s.peer.String()] = true
		}
		if err := t.Log.Advance(ctx, s.peer.String(), acked); err != nil {
			return nil, err
		}
	}
	return moved, nil
}

// progress tells every member how far this cell has applied every member's
// versions, and drops the tombstones that all members are past.
func (k *keeper) progress(ctx context.Context, t *table.Table, wants bool) error {
	if len(t.Def.Group.Recover) > 0 || t.Def.Returning() || k.r.unmet(t) {
		return nil // What it has applied says nothing of the rows of one that left, or of what it missed or forgot.
	}
	run, err := k.r.Present(ctx)
	if err != nil {
		return err
	}
	reached := k.r.reached(k.table, k.group)
	low, at, turned, err := k.r.engine.LowWater(ctx, t)
	if err != nil {
		return err
	}
	if turned {
		// What this cell wrote without having seen what it had reached then is up
		// to at by now: it was under way before the turn before this one.
		k.told, k.drawn = k.drawn, reached
	}
	own := Mark{k.r.cell, low}
	told := append(slices.Clone(k.told), own)
	for _, m := range t.Def.Group.Members {
		if m.Cell != k.r.cell {
			to := k.shipped(m.Cell, at)
			k.r.send(t.Def.Group, m.Cell, &Message{Kind: Progress, Table: k.table, Group: k.group, LowWater: low, To: to, Run: run, Applied: told, Wants: wants})
		}
	}
	stable, ok := k.stable(t.Def.Group, append(reached, own))
	if !ok || len(t.Def.Group.Away) > 0 {
		return nil // Who comes back needs the tombstones.
	}
	_, err = k.r.engine.Sweep(ctx, t, stable)
	return err
}

// stable is the time up to which every member has applied all that every member
// stamped, and from which on all that can still come here was written by a member
// that had; false while some member's progress is unknown.
func (k *keeper) stable(g *table.Group, mine []Mark) (clock.Timestamp, bool) {
	applied := k.r.claims(k.table, k.group)
	var least clock.Timestamp
	first := true
	for _, m := range g.Members {
		marks := applied[m.Cell]
		if m.Cell == k.r.cell {
			marks = mine
		}
		if slices.ContainsFunc(marks, func(x Mark) bool { return g.Member(x.Cell) == nil }) {
			return least, false // It has not taken out who left.
		}
		for _, origin := range g.Members {
			at := markOf(marks, origin.Cell)
			if at.IsZero() {
				return at, false
			}
			if first || at.Compare(least) < 0 {
				least, first = at, false
			}
		}
	}
	return least, !first
}

func markOf(marks []Mark, c aws.Cell) clock.Timestamp {
	for _, m := range marks {
		if m.Cell == c {
			return m.Time
		}
	}
	return clock.Timestamp{}
}
