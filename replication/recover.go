package replication

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// A member that leaves in haste, since it was kept from replication for too long
// or deleted while policies kept it apart, may have brought some changes to one
// member and not to another; and nobody ships what another cell wrote. So each of
// those that stay asks each other one for the rows of the one that left. Until
// that is done it tells nobody its progress, so that no tombstone goes meanwhile,
// and takes in no newcomer.

// maxSifted is how many rows are looked at for one page of one cell's rows.
const maxSifted = 20_000

// recovery is how far this cell has come with one of its group's recoveries.
type recovery struct {
	table.Recovery
	key   []byte
	asked time.Time
}

// recover asks for the next page of the first recovery. It returns when to call
// it again.
func (k *keeper) recover(t *table.Table, now time.Time) time.Time {
	next := t.Def.Group.Recover[0]
	if k.recovery == nil || k.recovery.Recovery != next {
		k.recovery = &recovery{Recovery: next}
	}
	if now.Sub(k.recovery.asked) >= askAgain {
		k.askRows(t, now)
	}
	return k.recovery.asked.Add(askAgain)
}

func (k *keeper) askRows(t *table.Table, now time.Time) {
	k.recovery.asked = now
	k.r.send(t.Def.Group, k.recovery.From, &Message{Kind: SeedAsk, Table: k.table, Group: k.group, Origin: k.recovery.Gone, Key: k.recovery.key})
}

// giveRows answers askRows: with those rows of a page of which something is by the
// cell that is gone. Leave to read was asked for before.
func (k *keeper) giveRows(ctx context.Context, t *table.Table, m *Message) error {
	if t.Def.Group.Member(m.Origin) != nil {
		return nil // Here it is not gone yet. It will be asked again.
	}
	out := &Message{Kind: SeedPage, Table: k.table, Group: k.group, Origin: m.Origin, Key: m.Key}
	size, rows := 0, 0
	var bad error
	next, at, err := k.r.engine.Snapshot(ctx, t, m.Key, func(row table.Row) bool {
		state, err := k.r.engine.State(row)
		if err != nil {
			bad = err
			return false
		}
		rows++
		if partOf(&state, m.Origin) {
			out.Rows = append(out.Rows, append(table.Row(nil), row...))
			size += len(row)
		}
		return rows < maxSifted && size < maxPageBytes && len(out.Rows) < maxPageRows
	})
	if bad != nil {
		return fmt.Errorf("replication: rows of %v in %s: %w", m.Origin, k.table, bad)
	}
	if err != nil || !k.r.settled(ctx, at) {
		return err
	}
	out.Next = append([]byte(nil), next...)
	k.r.send(t.Def.Group, m.from, out)
	return nil
}

// takeRows takes in an answer to askRows.
func (k *keeper) takeRows(ctx context.Context, t *table.Table, m *Message, now time.Time) error {
	p := k.recovery
	if p == nil || m.from != p.From || m.Origin != p.Gone || string(m.Key) != string(p.key) || !slices.Contains(t.Def.Group.Recover, p.Recovery) {
		return nil // An answer to a question of before.
	}
	if d := k.r.decideData(t.Def.Group.Kind, subjectOf(t), writeData, p.From); !d.Allowed() {
		return nil
	}
	var states []conflict.State
	for _, row := range m.Rows {
		state, err := k.r.engine.State(row)
		if err != nil {
			return fmt.Errorf("replication: rows of %v: %w", m.Origin, err)
		}
		if !partOf(&state, m.Origin) {
			return fmt.Errorf("replication: %v sent a row of %v for one of %v", m.from, state.Version.Cell, m.Origin)
		}
		states = append(states, state)
	}
	if len(states) > 0 {
		if _, err := k.r.engine.Apply(ctx, t, states, func(*kv.Writes) {}); err != nil {
			return err
		}
	}
	if len(m.Next) > 0 {
		p.key = m.Next
		k.askRows(t, now)
		return nil
	}
	k.recovery = nil
	_, err := k.r.engine.Alter(ctx, k.table, func(d *table.Definition) error {
		if d.Group != nil {
			d.Group.Recover = slices.DeleteFunc(d.Group.Recover, func(x table.Recovery) bool { return x == p.Recovery })
		}
		return nil
	})
	if err == nil {
		k.rouse()
	}
	return err
}

// partOf reports whether something of what a cell wrote is part of a state.
func partOf(s *conflict.State, c aws.Cell) bool {
	return s.Version.Cell == c || slices.ContainsFunc(s.Vector.Last, func(v conflict.Version) bool { return v.Cell == c })
}

// recoverFrom notes, in a definition that one member was just taken out of, that
// its rows are to be asked of the others; and gives up on asking it for rows.
func recoverFrom(g *table.Group, own, gone aws.Cell, hasty bool) {
	g.Recover = slices.DeleteFunc(g.Recover, func(x table.Recovery) bool { return x.From == gone })
	for _, m := range g.Members {
		if hasty && m.Cell != own {
			g.Recover = append(g.Recover, table.Recovery{Gone: gone, From: m.Cell})
		}
	}
}

// recovers reports whether this cell still asks a member for rows of one that has
// left.
func recovers(g *table.Group, from aws.Cell) bool {
	return slices.ContainsFunc(g.Recover, func(x table.Recovery) bool { return x.From == from })
}

// forgetClaims drops what the members said that they have: it does not count the
// one that left in haste.
func (r *Replicator) forgetClaims(t *table.Table) {
	for _, l := range r.sortedOf(t.Def.Name) {
		if v, ok := l.work.(*receiver); ok {
			l.mu.Lock()
			v.claimed, v.promised = nil, nil
			l.mu.Unlock()
		}
	}
}
