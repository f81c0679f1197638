package replication

import (
	"context"
	"slices"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// mender brings a replica that came back, or was counted anew, and every member in
// step with what both had before: see Reattach and renew. It begins anew after a
// restart: doing it twice does no harm.
type mender struct {
	mailbox
	r     *Replicator
	table string
	group string

	begun bool
	left  []aws.Cell // The members that it has still to be compared with.
	after []byte     // Where the last page ended.
	rows  int        // That differed.
}

func (m *mender) step(ctx context.Context, now time.Time) (time.Time, error) {
	m.take()
	t := m.r.engine.Table(m.table)
	if !belongs(t, m.group, m.r.cell) || !t.Def.Returning() {
		return time.Time{}, nil
	}
	if astray(t, m.r.cell) {
		return now.Add(stillAstray), m.r.renew(ctx, t)
	}
	if !m.begun {
		m.begun, m.left = true, m.partners(t)
	}
	if len(m.left) == 0 {
		return now.Add(time.Second), m.finish(ctx)
	}
	if t.Def.Group.Member(m.left[0]) == nil {
		m.left, m.after = m.left[1:], nil
		return now, nil
	}
	d, err := m.r.CheckDivergence(ctx, m.table, m.left[0], CheckOptions{After: m.after, Repair: true, Merge: true, Forget: t.Def.Resync != 0})
	if err != nil {
		return now.Add(time.Second), err
	}
	m.rows += d.First
	if m.after = d.Next; m.after == nil {
		m.left = m.left[1:]
	}
	return now, nil
}

// partners are the members to be compared with. What a replica wrote that was put
// back may be with one of them alone: so it is fetched from all, and then brought
// to all.
func (m *mender) partners(t *table.Table) []aws.Cell {
	all := slices.DeleteFunc(cells(t.Def.Group), func(c aws.Cell) bool { return c == m.r.cell })
	if t.Def.Resync == 0 || len(all) == 0 {
		return all
	}
	return append(all, all[:len(all)-1]...)
}

// finish makes the replica one like all others and tells them.
func (m *mender) finish(ctx context.Context) error {
	t, err := m.r.engine.Alter(ctx, m.table, func(d *table.Definition) error {
		if d.Group == nil || d.Group.ID != m.group || !d.Returning() {
			return notFound(m.table)
		}
		d.Detached, d.Resync = nil, 0
		d.Group.Forget(m.r.cell)
		d.Group.Member(m.r.cell).Status = table.Active
		return nil
	})
	if err != nil {
		return err
	}
	m.r.logger.Info("a replica has come back", "cell", m.r.cell.String(), "table", m.table, "differed", m.rows)
	m.r.announce(t)
	m.r.Refresh()
	return nil
}

// announce tells all members that this one is in use.
func (r *Replicator) announce(t *table.Table) {
	for _, l := range r.sortedOf(t.Def.Name) {
		if v, ok := l.work.(*receiver); ok && l.key.group == t.Def.Group.ID {
			l.mu.Lock()
			v.settle()
			v.ack(t, "")
			l.mu.Unlock()
		}
	}
}

// inUse reports whether this cell's replica has all that it needs to be a member.
func inUse(t *table.Table) bool { return t.Def.Status == table.Active && !t.Def.Returning() }

// expire forgets former members whose time to come back is over.
func (k *keeper) expire(ctx context.Context, t *table.Table) error {
	now, over := k.r.dates.Now().UnixMicro(), false
	for _, a := range t.Def.Group.Away {
		over = over || (a.Until <= now && t.Def.Group.Member(a.Cell) == nil)
	}
	if !over {
		return nil
	}
	_, err := k.r.engine.Alter(ctx, k.table, func(d *table.Definition) error {
		if d.Group == nil || d.Group.ID != k.group {
			return notFound(k.table)
		}
		for _, a := range slices.Clone(d.Group.Away) {
			if a.Until <= now && d.Group.Member(a.Cell) == nil {
				d.Group.Forget(a.Cell)
			}
		}
		return nil
	})
	return err
}

// settled waits until a position is really durable, not for long: where writes
// are acknowledged before they are synced, nobody must count on what this cell may
// yet lose.
func (r *Replicator) settled(ctx context.Context, at kv.Position) bool {
	for range settleTries {
		if r.engine.Store().Durable() >= at {
			return true
		}
		if !clock.Wait(ctx, nil, settlePause) {
			return false
		}
	}
	return false
}
