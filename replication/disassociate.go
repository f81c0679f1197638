package replication

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// partPoll is how often a member that leaves and keeps its data asks the others
// whether it has all that they wrote.
const partPoll = 100 * time.Millisecond

// Disassociate begins to take this cell's replica out of its global table; it
// keeps its data and becomes a regional table. It is done once the others have
// all that was written here, and this one all that was written there, before.
// Members that cannot be reached are waited for. With one that policies keep
// apart it is given up after leaveWithin, and the replica stays a member
// (documented: the table still has replicas then, and is ACTIVE unless its own policy
// keeps it from replication).
func (r *Replicator) Disassociate(ctx context.Context, t *table.Table) (*table.Table, error) {
	after, err := r.engine.Alter(ctx, t.Def.Name, func(d *table.Definition) error {
		adding := d.Group != nil && slices.ContainsFunc(d.Group.Members, func(m table.Member) bool { return m.Status == table.Creating })
		if d.Group == nil || adding || d.Status != table.Active || d.Disassociating {
			return errInUse
		}
		d.Disassociating = true
		return nil
	})
	if err == nil {
		r.rouseKeeper(after)
	}
	return after, err
}

// part goes on with what Disassociate began. left is true when the table is a
// regional one.
func (k *keeper) part(ctx context.Context, t *table.Table, now time.Time) (left bool, err error) {
	if k.leaving.IsZero() {
		k.leaving, k.last, k.parted = now, k.r.engine.Store().Durable(), map[aws.Cell]bool{}
		k.owed = map[aws.Cell]kv.Position{}
	}
	k.learnParted(ctx, t, now)
	lacking := k.r.lacking(t, k.last, k.parted)
	for _, m := range t.Def.Group.Members {
		if countedAnew(t.Def.Group, m.Cell) {
			delete(k.owed, m.Cell) // It gives out positions again.
		}
		if m.Cell != k.r.cell && !k.parted[m.Cell] && !k.received(ctx, t, m) {
			lacking = append(lacking, m.Cell)
		}
	}
	if len(lacking) == 0 {
		if all, err := k.r.standBack(ctx, t, k.parted, now.Sub(k.leaving) < leaveWithin); !all || err != nil {
			return false, err
		}
		return true, k.r.detach(ctx, k.table, k.group, k.last, false)
	}
	if now.Sub(k.leaving) < leaveWithin {
		return false, nil
	}
	for _, c := range lacking {
		if k.r.denied(t, c) {
			k.r.logger.Error("a replica cannot be disassociated: a policy keeps changes back", "cell", k.r.cell.String(), "table", k.table, "peer", c.String())
			k.leaving = time.Time{}
			_, err := k.r.engine.Alter(ctx, k.table, func(d *table.Definition) error {
				d.Disassociating = false
				return nil
			})
			return false, err
		}
	}
	return false, nil
}

// received asks a member whether all that it wrote before it was first asked is
// here.
func (k *keeper) received(ctx context.Context, t *table.Table, m table.Member) bool {
	q := &Request{Kind: Drain, Table: k.table, Group: t.Def.Group, Member: *t.Def.Group.Member(k.r.cell), Position: k.owed[m.Cell]}
	a, err := k.r.transport.Call(ctx, k.r.cell, m.Cell, q)
	if isNotFound(err) {
		k.parted[m.Cell] = true
		return true
	}
	if err != nil {
		return false
	}
	k.owed[m.Cell] = a.Position
	return a.Done
}

// drain answers whether a member has all that this cell wrote up to a position.
func (r *Replicator) drain(_ context.Context, _ aws.Cell, q *Request) (*Response, error) {
	t := r.engine.Table(q.Table)
	if !belongs(t, q.Group.ID, q.Member.Cell) || !belongs(t, q.Group.ID, r.cell) {
		return nil, notFound(q.Table)
	}
	at := q.Position
	if at == 0 {
		at = r.engine.Store().Durable()
	}
	l := r.linkOf(linkKey{q.Table, q.Group.ID, q.Member.Cell, sending})
	if l == nil {
		return &Response{Position: at}, nil
	}
	l.mu.Lock()
	s, ok := l.work.(*sender)
	done := ok && s.delivered(at) && !recovers(t.Def.Group, q.Member.Cell)
	l.mu.Unlock()
	if !done {
		l.box.rouse()
	}
	return &Response{Position: at, Done: done}, nil
}

// delivered reports whether the peer has all that this cell wrote up to a
// position, or will never get it.
func (s *sender) delivered(at kv.Position) bool {
	return s.lost || (s.started && (s.acked >= at || (len(s.flight) == 0 && s.read >= at)))
}

// denied reports whether policies keep this cell and a member apart.
func (r *Replicator) denied(t *table.Table, c aws.Cell) bool {
	if r.Standing(t) != "" {
		return true
	}
	for _, side := range []side{sending, receiving} {
		l := r.linkOf(linkKey{t.Def.Name, t.Def.Group.ID, c, side})
		if l == nil {
			continue
		}
		l.mu.Lock()
		by := false
		switch w := l.work.(type) {
		case *sender:
			by = w.denied
		case *receiver:
			by = w.withheld != ""
		}
		l.mu.Unlock()
		if by {
			return true
		}
	}
	return false
}

// detach makes this cell's replica a regional table, at once, and tells the
// others. All that was written here up to last is with all of them, nothing for
// certain where that is 0; away says that it did not want to leave, and may come
// back. Those that cannot be told now learn it when they ask why it is silent.
func (r *Replicator) detach(ctx context.Context, name, group string, last kv.Position, away bool) error {
	ctx = context.WithoutCancel(ctx) // The end of the keeper's own link comes with it.
	t, err := r.letGo(ctx, name, group, away)
	if t == nil || err != nil {
		return err
	}
	hasty := last == 0
	if !hasty {
		if hasty, err = r.wroteSince(ctx, t, last); err != nil {
			return err
		}
	}
	if err := r.dissociate(ctx, *t.Def.Group.Member(r.cell), t.Def.Group, name, departure{hasty: hasty, away: away}); err != nil {
		r.logger.Info("members that do not know yet that a replica has left", "table", name, "cell", r.cell.String(), "error", err)
	}
	return nil
}

// wroteSince reports whether anything was written here after a position. Some of
// the members may have it then, and some may not.
func (r *Replicator) wroteSince(ctx context.Context, t *table.Table, at kv.Position) (bool, error) {
	some := false
	var bad error
	_, err := r.engine.Store().ReadLog(ctx, t.Log.ID, at, func(e kv.Entry) bool {
		var rec changelog.Record
		rec, bad = changelog.Decode(e.Record, r.engine.Decoder())
		some = bad == nil && r.engine.Local(rec.Version) && rec.Cause != changelog.Replica
		return !some && bad == nil
	})
	return some, errors.Join(err, bad)
}

// letGo makes the table a regional one and forgets what belonged to its links.
// It returns the table as it was, nil when it is no member of the group.
func (r *Replicator) letGo(ctx context.Context, name, group string, away bool) (*table.Table, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	t := r.engine.Table(name)
	if !belongs(t, group, r.cell) {
		return nil, nil
	}
	_, err := r.engine.Alter(ctx, name, func(d *table.Definition) error {
		if d.Detached = nil; away {
			d.Detach(r.dates.Now().Add(ReattachWithin).UnixMicro())
		} else {
			d.Regional()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.Refresh()
	return t, r.forgetLinks(ctx, t)
}

// forgetLinks forgets cursors, readers of the log and the seeding of a table
// that was a member.
func (r *Replicator) forgetLinks(ctx context.Context, t *table.Table) error {
	r.sums.Forget(t.Def.Name)
	return errors.Join(r.forgetMembers(ctx, t, t.Def.Group), r.forgetSeed(ctx, t.Def.Name))
}

// forgetMembers forgets cursors and readers of the log of a group's members.
func (r *Replicator) forgetMembers(ctx context.Context, t *table.Table, g *table.Group) error {
	var errs error
	for _, m := range g.Members {
		errs = errors.Join(errs, r.forgetCursor(ctx, t, m.Cell), t.Log.Remove(ctx, m.Cell.String()))
	}
	return errs
}
