package replication

import (
	"cmp"
	"context"
	"fmt"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// expel takes a member out. Only the member itself may ask for it, or a member
// of the same account.
func (r *Replicator) expel(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	t := r.engine.Table(q.Table)
	if t == nil || t.Def.Group == nil || t.Def.Group.ID != q.Group.ID {
		return &Response{}, nil
	}
	if from != q.Member.Cell && from.Account != q.Member.Cell.Account {
		return nil, fmt.Errorf("replication: %v cannot take out %v", from, q.Member.Cell)
	}
	if m := t.Def.Group.Member(q.Member.Cell); m != nil && m.Since != q.Member.Since {
		return &Response{}, nil // It came again, in another way; that is to stay.
	}
	if !q.Hasty && recovers(t.Def.Group, q.Member.Cell) {
		return nil, errInUse
	}
	if m := t.Def.Group.Member(q.Member.Cell); !q.Hasty && m != nil && m.Status == table.Active {
		// It may have what this replica has forgotten, where the store was put back.
		met, err := r.hasMet(ctx, t, m.Cell)
		switch {
		case err != nil:
			return nil, err
		case !met || t.Def.Resync != 0:
			return nil, errInUse
		}
	}
	return &Response{}, r.remove(ctx, t, q.Member.Cell, departure{hasty: q.Hasty, away: q.Away})
}

// departure is how a member left.
type departure struct {
	hasty bool  // It may not have brought all its changes to all.
	away  bool  // It was detached against its will, and may come back.
	since int64 // Then: when it joined, by its own words; zero where that is what is known here.
	lost  bool  // Nobody could ask it: where it was coming back, it may not have got so far.
}

// remove takes a member out of this cell's view of a group. The last one left
// is a regional table again, or goes where it is being deleted or made.
func (r *Replicator) remove(ctx context.Context, t *table.Table, c aws.Cell, how departure) error {
	hasty := how.hasty && t.Def.Group.Member(c) != nil
	if t.Def.Status != table.Active && len(t.Def.Group.Members) <= 2 && t.Def.Group.Member(c) != nil {
		return r.drop(ctx, t)
	}
	_, err := r.engine.Alter(ctx, t.Def.Name, func(d *table.Definition) error {
		var left []table.Member
		for _, m := range d.Group.Members {
			switch {
			case m.Cell != c:
				left = append(left, m)
			case how.away:
				gone := table.Away{Cell: c, Since: cmp.Or(how.since, m.Since), Until: r.dates.Now().Add(ReattachWithin).UnixMicro()}
				if before := d.Group.AwayIn(c); before != nil && how.lost {
					gone.Before = before.Since
				}
				d.Group.Forget(c)
				d.Group.Away = append(d.Group.Away, gone)
			}
		}
		d.Group.Members = left
		recoverFrom(d.Group, r.cell, c, hasty)
		if len(left) < 2 {
			d.Outlive()
		}
		return nil
	})
	if err != nil {
		return err
	}
	if hasty {
		r.forgetClaims(t)
	}
	r.Refresh()
	if err := r.forgetCursor(ctx, t, c); err != nil {
		return err
	}
	return t.Log.Remove(ctx, c.String())
}
