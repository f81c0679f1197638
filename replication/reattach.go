package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// A replica that was detached against its will may come back, with its data, for
// as long as neither it nor any member has dropped a tombstone since: all of them
// keep them for ReattachWithin. It becomes a member again first, so that from a
// position of every log on all changes flow. What was there before these positions
// the replica then compares with every member, row by row, and both merge what the
// other has, by the rules by which they merge what flows. Until that is done it
// tells nobody its progress, so that no tombstone goes, and nobody else joins.

// Reattach begins to bring this cell's replica back into the global table that it
// was detached from. It serves its clients meanwhile. The policies of all members
// and its own have to let the service replicate, as in a join; that the replica may
// be a member was asked when it joined.
func (r *Replicator) Reattach(ctx context.Context, name string) error {
	t := r.engine.Table(name)
	if err := r.checkDetached(t, name); err != nil {
		return err
	}
	if r.expected(name) {
		return errInUse
	}
	defer r.expectMember(name)()
	was := &t.Def.Detached.Group
	self := table.Member{Cell: r.cell, Status: table.Creating, Since: r.dates.Now().UnixMicro()}
	q := &Request{Kind: Rejoin, Table: name, Group: was, Member: self, Was: was.Member(r.cell).Since, DryRun: true}
	seen, err := r.askFormer(ctx, q)
	if errors.Is(err, errNobody) {
		seen, err = r.refound(ctx, t, q)
	}
	if err != nil {
		return err
	}
	g, err := r.regroup(t, seen, self)
	if err != nil {
		return err
	}
	q.Group, q.Member = g, *g.Member(r.cell)
	if err := r.rejoinAll(ctx, q, func(aws.Cell, *Response) {}); err != nil {
		return err
	}
	return r.comeBack(ctx, t, q, seen)
}

// checkDetached refuses a table that cannot come back, or not now.
func (r *Replicator) checkDetached(t *table.Table, name string) error {
	switch {
	case t == nil:
		return notFound(name)
	case t.Def.Returning() && t.Def.Resync == 0:
		return aws.InvalidParameter("The replica in %v is being reattached already", r.cell)
	case t.Def.Group != nil:
		return aws.InvalidParameter("The table %s in %v is a replica of a global table", name, r.cell)
	case outlived(&t.Def) != nil:
		return aws.InvalidParameter("The table %s in %v is what is left of its global table: have the replicas that were detached from it come back to it", name, r.cell)
	case t.Def.Detached == nil:
		return aws.InvalidParameter("The table %s in %v is no replica that was detached within the last %s for want of permission; delete it and join anew", name, r.cell, clock.Words(ReattachWithin))
	case r.dates.Now().UnixMicro() >= t.Def.Detached.Until:
		return errGraceOver(r.cell)
	case t.Def.Status != table.Active || t.Def.Changing() != nil || t.Def.Updating():
		return errInUse
	case r.disabled.Load():
		return r.errDisabled()
	}
	return r.checkKey(&t.Def, t.Def.Detached.Group.Kind)
}

func (r *Replicator) errDisabled() error {
	return aws.Validation("Failed to access the region: ‘%s’. User is missing the permissions since the region is disabled.", r.cell.Region)
}

func (r *Replicator) errNoDeletions(c aws.Cell) error {
	return aws.InvalidParameter("%v has kept no deletions for the replica in %v: what was deleted would come back; delete it and join anew", r.cell, c)
}

func errGraceOver(c aws.Cell) error {
	return aws.InvalidParameter("The replica in %v was detached more than %s ago: deletions of that time may be forgotten, and what was deleted would come back; delete it and join anew", c, clock.Words(ReattachWithin))
}

// askFormer asks the members that there were for the global table as it is now. The
// first one that answers says; errNobody where all say that there is none.
func (r *Replicator) askFormer(ctx context.Context, q *Request) (*Response, error) {
	var errs []error
	for _, c := range former(q.Group) {
		if c == r.cell {
			continue
		}
		a, err := r.call(ctx, c, q)
		if err == nil {
			return a, nil
		}
		if !isNotFound(err) {
			errs = append(errs, err)
		}
	}
	for _, err := range errs {
		// What somebody has against it says more than that another one is gone.
		if known, ok := errors.AsType[*aws.Error](err); ok && known.Code != unavailable {
			return nil, err
		}
	}
	if len(errs) == 0 {
		return nil, errNobody
	}
	return nil, errors.Join(errs...)
}

// regroup is the global table with this cell's replica in it. It refuses a table
// whose indexes are not those of the others.
func (r *Replicator) regroup(t *table.Table, seen *Response, self table.Member) (*table.Group, error) {
	now := seen.Definition.Group
	if now == nil || len(now.Members) == 0 {
		return nil, fmt.Errorf("replication: a member of %s answers with no group", t.Def.Name)
	}
	if err := r.sameIndexes(&t.Def, &seen.Definition); err != nil {
		return nil, err
	}
	g := *now
	g.Members = slices.DeleteFunc(slices.Clone(g.Members), func(m table.Member) bool { return m.Cell == r.cell })
	if g.Kind.Overrides() {
		self.Settings = ownSettings(&t.Def)
		self.Settings.Reads = t.Def.Reads()
		if e := seen.Definition.Encryption; e.Kind() != t.Def.Encryption.Kind() {
			self.Settings.Encryption = e.Elsewhere() // It follows them when it is back.
		}
	}
	g.Members = insert(g.Members, self)
	if d := r.decideAll(g.Kind, subjectOf(t), cells(&g)); !d.Allowed() {
		return nil, withReason(d.AccessDenied(), d.Explain())
	}
	return &g, nil
}

// sameIndexes refuses a table whose indexes are not those of another one.
func (r *Replicator) sameIndexes(own, other *table.Definition) error {
	if a, b := indexes(own), indexes(other); a != b {
		return aws.InvalidParameter("The replica in %v has the indexes [%s], and the global table has [%s]: make them the same with UpdateTable", r.cell, a, b)
	}
	return nil
}

// indexes describes a table's indexes, but for their capacity.
func indexes(d *table.Definition) string {
	var out []string
	for i := range d.Indexes {
		x := &d.Indexes[i]
		out = append(out, fmt.Sprintf("%s (%s; %s; %s %s)", x.Name, strings.Join(x.Hash, ", "), strings.Join(x.Range, ", "), x.Projection, strings.Join(x.NonKey, ", ")))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// rejoinAll asks every other member.
func (r *Replicator) rejoinAll(ctx context.Context, q *Request, answered func(aws.Cell, *Response)) error {
	for _, m := range q.Group.Members {
		if m.Cell == r.cell {
			continue
		}
		a, err := r.call(ctx, m.Cell, q)
		if err != nil {
			return err
		}
		answered(m.Cell, a)
	}
	return nil
}

// comeBack has all members take this cell's replica in, and makes it one. What was
// written here up to now is in the rows, what is written from now on in the log.
func (r *Replicator) comeBack(ctx context.Context, t *table.Table, q *Request, seen *Response) error {
	at, err := r.here(ctx)
	if err != nil {
		return err
	}
	for _, m := range q.Group.Members {
		if m.Cell == r.cell {
			continue
		}
		if err := t.Log.Remove(ctx, m.Cell.String()); err != nil {
			return err
		}
		if _, err := t.Log.Register(ctx, m.Cell.String(), at.Position); err != nil {
			return err
		}
	}
	q.DryRun, q.Position, q.Run = false, at.Position, at.Run
	var starts []Point
	err = r.rejoinAll(ctx, q, func(c aws.Cell, a *Response) {
		starts = append(starts, Point{c, a.Run, a.Position})
		if c == seen.Definition.Group.Members[0].Cell {
			seen = a
		}
	})
	if err == nil {
		err = r.reenter(ctx, t, q.Group, &seen.Definition, starts)
	}
	if err != nil {
		return errors.Join(err, r.dissociate(ctx, q.Member, q.Group, q.Table, departure{}), r.forgetMembers(context.WithoutCancel(ctx), t, q.Group))
	}
	return nil
}

// outdates reports whether a detached table was a member with later settings than a global
// table has to which it comes back: that was founded anew by one that was detached
// before those were made. The others follow it then; but not where the topology is
// another one: that of a group is its members' kind.
func outdates(d, common *table.Definition) bool {
	return d.Detached.Edition.Compare(common.Edition) > 0 && d.Topology == common.Topology
}

// reenter makes the detached table a member. It follows the settings that all have
// in step, unless its own are later.
func (r *Replicator) reenter(ctx context.Context, t *table.Table, g *table.Group, common *table.Definition, starts []Point) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	if _, err := r.ensureRoles(ctx, g, nil); err != nil {
		return err
	}
	for _, at := range starts {
		if err := r.setCursor(ctx, t, at); err != nil {
			return err
		}
	}
	_, err := r.engine.Alter(ctx, t.Def.Name, func(d *table.Definition) error {
		if d.ID != t.Def.ID || d.Group != nil || d.Detached == nil || !d.Detached.Own || indexes(d) != indexes(common) {
			return errInUse
		}
		own := *g
		own.Recover = nil
		d.Group = &own
		if !outdates(d, common) {
			r.takeSettings(d, common, table.Overwritten{})
			d.SetTopology(common.Topology)
			d.Edition = common.Edition
		}
		d.SettingsMode = settingsMode(g.Kind)
		d.Group.Member(r.cell).Settings = table.Settings{}
		if d.Stream == nil {
			r.EnableStream(d, "NEW_AND_OLD_IMAGES")
		}
		return nil
	})
	r.Refresh()
	return err
}

// rejoin takes a replica back that was detached, or says, when it is asked for
// that alone, whether this cell would.
func (r *Replicator) rejoin(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	t := r.engine.Table(q.Table)
	if t == nil {
		return nil, notFound(q.Table)
	}
	g := t.Def.Group
	if g == nil {
		g = outlived(&t.Def)
	}
	if g == nil || g.ID != q.Group.ID {
		return nil, notFound(q.Table)
	}
	if from != q.Member.Cell {
		return nil, fmt.Errorf("replication: %v cannot take back %v", from, q.Member.Cell)
	}
	if err := r.checkRejoin(t, g, q); err != nil {
		return nil, err
	}
	out := &Response{Definition: t.Def}
	out.Definition.Group = g
	if g.Kind.Overrides() {
		out.Definition.Group = withOwnReads(g, r.cell, &t.Def)
	}
	if q.DryRun {
		return out, nil
	}
	if !sameMembers(g, q.Group, from) {
		return nil, errInUse
	}
	if g.Member(from) != nil { // Of an attempt before, that was given up half-way.
		if err := r.remove(ctx, t, from, departure{}); err != nil {
			return nil, err
		}
		t = r.engine.Table(q.Table)
	}
	at, err := r.here(ctx)
	if err != nil {
		return nil, err
	}
	out.Position, out.Run = at.Position, at.Run
	return out, r.takeBack(ctx, t, q, out.Position)
}

// withOwnReads is a group as a newcomer notes it: with what the member that answers
// has for itself.
func withOwnReads(g *table.Group, own aws.Cell, d *table.Definition) *table.Group {
	out := *g
	out.Members = slices.Clone(g.Members)
	m := out.Member(own)
	m.Settings = ownSettings(d)
	m.Settings.Reads = d.Reads()
	return &out
}

// checkRejoin refuses a replica that left of its own will or too long ago, or that
// may not be a member.
func (r *Replicator) checkRejoin(t *table.Table, g *table.Group, q *Request) error {
	c := q.Member.Cell
	away, m := g.AwayIn(c), g.Member(c)
	switch {
	case r.disabled.Load():
		return r.errDisabled()
	case m != nil && m.Status == table.Active:
		return busy("%v counts the replica in %v, and has not heard that it was detached: it asks after 15 seconds of silence", r.cell, c)
	case away == nil || !away.Was(q.Was):
		return r.errNoDeletions(c)
	case r.dates.Now().UnixMicro() >= away.Until:
		return errGraceOver(c)
	case t.Def.Status != table.Active || t.Def.Changing() != nil || t.Def.Disassociating:
		return busy("The replica in %v is being made, changed or taken out", r.cell)
	case t.Def.Returning() || slices.ContainsFunc(g.Members, func(x table.Member) bool { return x.Cell != c && x.Status == table.Creating }):
		return busy("Another replica joins, or comes back, as %v knows", r.cell)
	case len(g.Recover) > 0:
		return busy("%v left, and the replica in %v still asks %v for what it wrote last", g.Recover[0].Gone, r.cell, g.Recover[0].From)
	}
	members := append(cells(g), c)
	if d := r.decideAll(g.Kind, subjectOf(t), members); !d.Allowed() {
		return withReason(d.AccessDenied(), d.Explain())
	}
	return r.checkKey(&t.Def, g.Kind)
}

// takeBack makes room for the replica in the log and in the group. Its log is read
// from where it said.
func (r *Replicator) takeBack(ctx context.Context, t *table.Table, q *Request, start kv.Position) error {
	name := q.Member.Cell.String()
	if err := t.Log.Remove(ctx, name); err != nil {
		return err
	}
	if _, err := t.Log.Register(ctx, name, start); err != nil {
		return err
	}
	if err := r.setCursor(ctx, t, Point{q.Member.Cell, q.Run, q.Position}); err != nil {
		return err
	}
	_, err := r.engine.Alter(ctx, q.Table, func(d *table.Definition) error {
		r.enter(d, q.Group)
		if away := d.Group.AwayIn(q.Member.Cell); away != nil {
			away.Since, away.Before = q.Was, 0 // By its own words.
		}
		d.Enrol(q.Member)
		return nil
	})
	r.Refresh()
	if err == nil {
		_, err = r.ensureRoles(ctx, q.Group, nil)
	}
	return err
}
