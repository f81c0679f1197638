package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// A replica whose store was put back to an earlier state, or for which a member has
// given up a part of its log, has astray cursors: nothing that the links carry
// brings what it lacks. It comes back as one does that was detached, see Reattach,
// but without leaving: all members count it anew, with another moment of joining,
// so that no message, cursor or position of its time before counts any more; from a
// position of every log on all changes flow; and what was before that is compared
// row by row and merged on both sides.
//
// The members need not have kept their tombstones for it. A row that this replica
// has and another one has no trace of was deleted, and that deletion forgotten,
// where the other's floor is past the row's version: up to its floor a replica has
// applied all that any member stamped. Such a row is deleted here. One of after the
// floor the other never had.

// stray notes that this cell's replica has to be brought back.
func (r *Replicator) stray(ctx context.Context, t *table.Table) error {
	_, err := r.engine.Alter(ctx, t.Def.Name, func(d *table.Definition) error {
		if d.Group != nil && d.Group.ID == t.Def.Group.ID && d.Resync == 0 {
			d.Resync = r.dates.Now().UnixMicro()
		}
		return nil
	})
	r.Refresh()
	return err
}

// astray reports whether a replica has to be counted anew before anything is sent
// from it.
func astray(t *table.Table, own aws.Cell) bool {
	return t.Def.Resync != 0 && t.Def.Group.Member(own).Status == table.Active
}

// renew has all members count this cell's replica anew. While one of them cannot be
// reached it fails, and nothing or not all is done: it is called again.
func (r *Replicator) renew(ctx context.Context, t *table.Table) error {
	g := t.Def.Group
	self := *g.Member(r.cell)
	q := &Request{Kind: Renew, Table: t.Def.Name, Group: g, Member: self, DryRun: true}
	q.Member.Since, q.Member.Status, q.Member.Source = max(r.dates.Now().UnixMicro(), self.Since+1), table.Creating, aws.Cell{}
	var seen []table.Member
	if err := r.rejoinAll(ctx, q, func(_ aws.Cell, a *Response) {
		if a.Definition.Group != nil {
			seen = append(seen, a.Definition.Group.Members...)
		}
	}); err != nil {
		return err
	}
	if known, err := r.catchUpWith(ctx, t, seen); !known || err != nil {
		return err
	}
	for _, m := range seen {
		if m.Cell == r.cell { // An attempt before may have come to some, by a clock that has gone back since.
			q.Member.Since = max(q.Member.Since, m.Since+1)
		}
	}
	at, err := r.here(ctx)
	if err != nil {
		return err
	}
	q.DryRun, q.Position, q.Run = false, at.Position, at.Run
	var starts []Point
	if err := r.rejoinAll(ctx, q, func(c aws.Cell, a *Response) { starts = append(starts, Point{c, a.Run, a.Position}) }); err != nil {
		return err
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	return r.restart(ctx, t, q.Member, starts, q.Position)
}

// catchUpWith takes in what has become of the members since the state that the store
// was put back to: who joined, and who is counted anew. It returns false when there
// was something.
func (r *Replicator) catchUpWith(ctx context.Context, t *table.Table, seen []table.Member) (bool, error) {
	newer := func(g *table.Group, m table.Member) bool {
		own := g.Member(m.Cell)
		return m.Cell != r.cell && (own == nil || own.Since < m.Since)
	}
	if !slices.ContainsFunc(seen, func(m table.Member) bool { return newer(t.Def.Group, m) }) {
		return true, nil
	}
	_, err := r.engine.Alter(ctx, t.Def.Name, func(d *table.Definition) error {
		if d.Group == nil || d.Group.ID != t.Def.Group.ID {
			return notFound(d.Name)
		}
		for _, m := range seen {
			if !newer(d.Group, m) {
				continue
			}
			d.Group.Members = slices.DeleteFunc(slices.Clone(d.Group.Members), func(x table.Member) bool { return x.Cell == m.Cell })
			d.Enrol(m)
		}
		return nil
	})
	r.Refresh()
	return false, err
}

// renewed answers renew.
func (r *Replicator) renewed(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	t := r.engine.Table(q.Table)
	if !belongs(t, q.Group.ID, from) || !belongs(t, q.Group.ID, r.cell) {
		return nil, notFound(q.Table)
	}
	if from != q.Member.Cell {
		return nil, fmt.Errorf("replication: %v cannot have %v counted anew", from, q.Member.Cell)
	}
	d, g := &t.Def, t.Def.Group
	// Others may be counted anew at the same time. One that leaves waits for those.
	seeded := func(m table.Member) bool {
		return m.Cell != from && m.Status == table.Creating && !countedAnew(g, m.Cell)
	}
	switch m := g.Member(from); {
	case m.Since >= q.Member.Since && !q.DryRun:
		return nil, notFound(q.Table) // It is a later one than that asks.
	case d.Status == table.Creating, d.Updating(), d.Changing() != nil,
		len(g.Recover) > 0, slices.ContainsFunc(g.Members, seeded):
		return nil, errInUse
	}
	// Who may have been put back itself, and does not know yet, takes nobody for asked;
	// but one that knows less of this cell than it does itself could not be asked.
	asks := q.Group.Member(r.cell)
	switch met, err := r.hasMet(ctx, t, from); {
	case err != nil:
		return nil, err
	case !met && t.Def.Resync == 0 && (asks == nil || asks.Since >= g.Member(r.cell).Since):
		return nil, errInUse
	case q.DryRun:
		return &Response{Definition: table.Definition{Group: g}}, nil
	case slices.ContainsFunc(g.Members, func(m table.Member) bool { return q.Group.Member(m.Cell) == nil }):
		// Somebody was not asked. That one was who is no member here any more does no
		// harm: it leaves, and could not go from all. Since when the others are members is
		// not compared: several that were put back may have been counted anew in part.
		return nil, errInUse
	}
	at, err := r.here(ctx)
	if err != nil {
		return nil, err
	}
	return &Response{Position: at.Position, Run: at.Run}, r.restart(ctx, t, q.Member, []Point{{from, q.Run, q.Position}}, at.Position)
}

// countedAnew reports whether a member is being counted anew: it lacks what it has
// forgotten, whatever it acknowledged before. It has no source, as a newcomer has, and
// was not away.
func countedAnew(g *table.Group, c aws.Cell) bool {
	m := g.Member(c)
	return m != nil && m.Status == table.Creating && m.Source == (aws.Cell{}) && g.AwayIn(c) == nil
}

// restart counts a member anew, this cell or another one, and begins its links with
// this one anew: the logs of the cells named are applied from the positions given,
// and this cell's log is shipped to them from a position of its own.
func (r *Replicator) restart(ctx context.Context, t *table.Table, m table.Member, starts []Point, from kv.Position) error {
	relink, free := r.unlink(t, starts)
	defer relink()
	if !free {
		return errInUse
	}
	for _, at := range starts {
		if err := t.Log.Remove(ctx, at.Cell.String()); err != nil {
			return err
		}
		if _, err := t.Log.Register(ctx, at.Cell.String(), from); err != nil {
			return err
		}
		if err := r.setCursor(ctx, t, at); err != nil {
			return err
		}
	}
	_, err := r.engine.Alter(ctx, t.Def.Name, func(d *table.Definition) error {
		if d.Group == nil || d.Group.ID != t.Def.Group.ID || d.Group.Member(m.Cell) == nil {
			return notFound(d.Name)
		}
		was := d.Group.Member(m.Cell)
		was.Since, was.Status, was.Source = m.Since, m.Status, m.Source
		return nil
	})
	return err
}

// unlink ends the links with some members of a table and waits for what they are
// at; relink makes them anew. free is false while another table's link applies what
// had come by one of them.
func (r *Replicator) unlink(t *table.Table, peers []Point) (relink func(), free bool) {
	var gone []*link
	r.mu.Lock()
	for _, c := range peers {
		for _, s := range []side{sending, receiving} {
			k := linkKey{t.Def.Name, t.Def.Group.ID, c.Cell, s}
			r.barred[k] = true
			if l := r.links[k]; l != nil {
				if l.stop != nil {
					l.stop()
				}
				delete(r.links, k)
				gone = append(gone, l)
			}
		}
	}
	r.mu.Unlock()
	free = true
	for _, l := range gone {
		l.mu.Lock()
		l.ended = true
		l.mu.Unlock()
		free = (l.key.side != receiving || r.assembly(l.key.peer).forget(t.Def.Name)) && free
	}
	return func() {
		r.mu.Lock()
		for _, c := range peers {
			delete(r.barred, linkKey{t.Def.Name, t.Def.Group.ID, c.Cell, sending})
			delete(r.barred, linkKey{t.Def.Name, t.Def.Group.ID, c.Cell, receiving})
		}
		r.mu.Unlock()
		r.Refresh()
	}, free
}

// forgotten returns the deletion of a row that another member has no trace of,
// where that member has forgotten it: the row's version is up to its floor.
func (c *check) forgotten(row table.Row, floor clock.Timestamp) (conflict.State, bool, error) {
	s, err := c.r.engine.State(row)
	if err != nil || s.Deleted || s.Version.Time.Compare(floor) > 0 {
		return s, false, err
	}
	k, err := c.t.ItemKey(s.Item)
	if err != nil {
		return s, false, err
	}
	at := conflict.Version{Time: floor, Cell: c.peer}
	return conflict.State{Version: at, Vector: s.Follow(at), Deleted: true, Item: c.t.KeyItem(nil, k)}, true, nil
}

// stillAstray is when renew is tried again.
const stillAstray = time.Second

// standBack asks the members, before this one leaves, how far they have its log
// applied, and goes back for one that has less than it acknowledged: its store was put
// back, and it may not have said so yet. Settings of before that are waited for
// likewise; where policies keep them back only while it is patient. It returns true
// where nobody lacks anything.
func (r *Replicator) standBack(ctx context.Context, t *table.Table, parted map[aws.Cell]bool, patient bool) (bool, error) {
	if t.Def.Group.Member(r.cell).Status == table.Creating {
		return true, nil // It was never in use, and wrote nothing.
	}
	for _, l := range r.sortedOf(t.Def.Name) {
		s, ok := l.work.(*sender)
		if !ok || l.key.group != t.Def.Group.ID || parted[s.peer] {
			continue
		}
		a, err := r.askReached(ctx, t, s.peer, t.Def.Edition)
		switch {
		case errors.Is(err, ErrUnreachable):
			return false, nil
		case isNotFound(err):
			continue // It does not count this cell any more.
		case err != nil:
			return false, err
		case a.Older && (patient || (!a.Withheld && r.CheckSettle(t) == nil)):
			return false, nil
		}
		l.mu.Lock()
		other := a.Run != 0 && a.Run != s.run
		less := a.Done && s.started && a.Position < s.acked
		switch {
		case other:
			err = s.askAgain(ctx, t)
		case less:
			err = s.standAt(ctx, t, a.Position)
		}
		l.mu.Unlock()
		if other || less || err != nil {
			return false, err
		}
	}
	return true, nil
}
