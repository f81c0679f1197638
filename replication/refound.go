package replication

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// All members of a global table may be detached against their will, each before it
// heard of the others: then nobody is left that could take one of them back. So one
// that wants back has another one found the global table anew: that becomes what the
// last member left is, to which the others may come back, with the same id and with
// its deletions kept, and takes the first one in as any other (Reattach). Whoever
// comes later finds it there.
//
// Two must not found it at the same time, or there would be two of one id. So who
// founds it says so first, and then asks all that were members, also those that only
// others of them know. It goes on when all answer, and none founds it, or is one that
// is left. Of two that begin at the same time at least one finds the other, and gives
// up; perhaps both do. Nothing is stored before the one commit that founds it: a crash
// leaves it detached, or as the last one left, and either can be tried again.

// errNobody says that none of those that were members is one, or is left.
var errNobody = errors.New("replication: the global table is no more")

// former lists the cells of those that are, or were, members as a table of the group
// knows.
func former(g *table.Group) []aws.Cell {
	out := cells(g)
	for _, a := range g.Away {
		if !slices.Contains(out, a.Cell) {
			out = append(out, a.Cell)
		}
	}
	return out
}

// refound has one of those that were detached as this cell's replica was found the
// global table anew, and asks it to take the replica back, as q does. The first one
// whose policy allows it is taken, of those that were detached with the latest settings
// first: what is founded has those.
func (r *Replicator) refound(ctx context.Context, t *table.Table, q *Request) (*Response, error) {
	ask := *q
	ask.Kind = Found
	others, err := r.askDetached(ctx, &ask, nil)
	if err != nil {
		return nil, err
	}
	ask.DryRun = false
	var refused error
	for i := range others {
		d := &others[i]
		err := r.pairs(t, d.cell, &d.Definition)
		if err == nil {
			_, err = r.call(ctx, d.cell, &ask)
		}
		if err == nil {
			return r.call(ctx, d.cell, q)
		}
		if known, ok := errors.AsType[*aws.Error](err); !ok || known.Code == unavailable || known.Code == errInUse.Code {
			return nil, err
		}
		if refused == nil {
			refused = err
		}
	}
	if refused == nil {
		refused = aws.InvalidParameter("The global table that the replica in %v was detached from is no more", r.cell)
	}
	return nil, refused
}

// detached is one that was a member, and was detached.
type detached struct {
	cell aws.Cell
	table.Definition
}

// askDetached asks all that were members, but for this cell, what they are, and
// returns those that are detached, in the order in which they found it. It fails while one
// cannot be asked, founds the global table, or is left of it.
func (r *Replicator) askDetached(ctx context.Context, q *Request, also []aws.Cell) ([]detached, error) {
	var out []detached
	asked := []aws.Cell{r.cell}
	for todo := append(former(q.Group), also...); len(todo) > 0; todo = todo[1:] {
		c := todo[0]
		if slices.Contains(asked, c) {
			continue
		}
		asked = append(asked, c)
		a, err := r.call(ctx, c, q)
		switch {
		case isNotFound(err):
			continue // It has no such table any more.
		case err != nil:
			return nil, err
		case !a.Away || a.Definition.Detached == nil:
			return nil, errFounds(c)
		case a.Definition.Detached.Group.Member(c) == nil:
			return nil, fmt.Errorf("replication: %v was detached from a group without it", c)
		}
		out = append(out, detached{c, a.Definition})
		todo = append(todo, former(&a.Definition.Detached.Group)...)
	}
	slices.SortFunc(out, func(a, b detached) int {
		return cmp.Or(b.Detached.Edition.Compare(a.Detached.Edition), a.cell.Compare(b.cell))
	})
	return out, nil
}

func errFounds(c aws.Cell) error {
	return busy("The replica in %v is a member, or founds the global table anew just now", c)
}

// pairs refuses to be a member with one other alone where this cell's policy does not
// allow that, or where their indexes differ.
func (r *Replicator) pairs(t *table.Table, with aws.Cell, other *table.Definition) error {
	if err := r.sameIndexes(&t.Def, other); err != nil {
		return err
	}
	if d := r.decideAll(t.Def.Detached.Group.Kind, subjectOf(t), []aws.Cell{r.cell, with}); !d.Allowed() {
		return withReason(d.AccessDenied(), d.Explain())
	}
	return nil
}

// found founds a global table anew, for a former member that wants back; or, when it
// is asked for that alone, says what this cell's replica is: Away where it is detached
// and does not found it.
func (r *Replicator) found(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	founds := r.founds(q.Table) // Before the table is looked at: it ends after the table has changed.
	t := r.engine.Table(q.Table)
	if !r.stems(t, q.Group.ID) {
		return nil, notFound(q.Table)
	}
	if q.DryRun {
		return &Response{Away: !founds && wasDetached(t, q.Group.ID), Definition: t.Def}, nil
	}
	if from != q.Member.Cell {
		return nil, fmt.Errorf("replication: %v cannot have the global table founded for %v", from, q.Member.Cell)
	}
	if !wasDetached(t, q.Group.ID) {
		return &Response{}, nil // It is there.
	}
	if err := r.checkFounder(t, q); err != nil {
		return nil, err
	}
	end, alone := r.beginFounding(q.Table)
	if !alone {
		return nil, errFounds(r.cell)
	}
	defer end()
	ask := &Request{Kind: Found, Table: q.Table, Group: &t.Def.Detached.Group, DryRun: true}
	others, err := r.askDetached(ctx, ask, former(q.Group))
	if err != nil {
		return nil, err
	}
	return &Response{}, r.remain(ctx, t, others)
}

// stems reports whether a table is a member of a global table, was detached from it,
// or is what is left of it.
func (r *Replicator) stems(t *table.Table, group string) bool {
	return t != nil && (belongs(t, group, r.cell) || (t.Def.Group == nil && t.Def.Detached != nil && t.Def.Detached.Group.ID == group))
}

// checkFounder refuses to found a global table anew for one that this table has kept
// no deletions for, or that may not be a member with it; and where it could not come
// back itself.
func (r *Replicator) checkFounder(t *table.Table, q *Request) error {
	if err := r.checkDetached(t, q.Table); err != nil {
		return err
	}
	g, c := &t.Def.Detached.Group, q.Member.Cell
	m, away := g.Member(c), g.AwayIn(c)
	known := (m != nil && m.Since == q.Was) || (away != nil && away.Was(q.Was) && r.dates.Now().UnixMicro() < away.Until)
	if !known {
		return r.errNoDeletions(c)
	}
	if d := r.decideAll(g.Kind, subjectOf(t), []aws.Cell{r.cell, c}); !d.Allowed() {
		return withReason(d.AccessDenied(), d.Explain())
	}
	return nil
}

// remain makes a detached table the last one left of its global table, to which the
// others may come back as what they were last by their own words. One may have joined,
// or joined again, after this table was detached: from a member that kept its deletions
// for this one, as this one did.
func (r *Replicator) remain(ctx context.Context, t *table.Table, others []detached) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	_, err := r.engine.Alter(context.WithoutCancel(ctx), t.Def.Name, func(d *table.Definition) error {
		if d.ID != t.Def.ID || d.Group != nil || d.Detached == nil || !d.Detached.Own || d.Detached.Group.ID != t.Def.Detached.Group.ID {
			return errFounds(r.cell)
		}
		until := r.dates.Now().Add(ReattachWithin).UnixMicro()
		d.Remain(r.cell, until)
		for i := range others {
			o := &others[i]
			g, own := &d.Detached.Group, o.Detached.Group.Member(o.cell)
			if away := g.AwayIn(o.cell); away == nil || away.Since < own.Since {
				g.Forget(o.cell)
				g.Away = append(g.Away, table.Away{Cell: o.cell, Since: own.Since, Until: until})
			}
		}
		return nil
	})
	if err == nil {
		r.logger.Warn("a global table of which all members were detached is founded anew", "cell", r.cell.String(), "table", t.Def.Name)
	}
	return err
}

// beginFounding notes that this cell founds a table's global table anew; false where
// it does already.
func (r *Replicator) beginFounding(name string) (end func(), alone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.founding[name] {
		return nil, false
	}
	r.founding[name] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.founding, name)
	}, true
}

// founds reports whether this cell founds a table's global table anew.
func (r *Replicator) founds(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.founding[name]
}
