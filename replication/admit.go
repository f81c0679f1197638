package replication

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/table"
)

// permits checks that the caller may join, and that replication may go on with
// the group as it will be, by this table's policy.
func (r *Replicator) permits(t *table.Table, q *Request, members []aws.Cell) error {
	if q.Caller.Account == r.cell.Account {
		return nil // A replica in the same account: the caller's own right was checked there.
	}
	kind := kindOf(&t.Def)
	if q.Kind == Admit {
		kind = q.Group.Kind
	}
	req := policy.Request{Principal: q.Caller, Action: associate, Resource: t.ARN, Came: r.came(q)}
	var docs []*policy.Document
	if t.Policy != nil {
		docs = append(docs, t.Policy)
	}
	if d := policy.Evaluate(&req, docs...); !d.Allowed() {
		return d.AccessDenied()
	}
	if d := r.decideAll(kind, subjectOf(t), members); !d.Allowed() {
		return withReason(accessDenied(&q.Caller, t.ARN), r.explainAll(d, t.Def.Name, members))
	}
	return nil
}

// accessDenied is what a join is told when the service may not replicate: the
// failure surfaces as the joiner's (documented).
func accessDenied(caller *policy.Principal, arn string) *aws.Error {
	return aws.Errorf("AccessDeniedException", "%s", denied(caller.String(), arn))
}

func denied(caller, arn string) string {
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s because no resource-based policy allows the %s action", caller, associate, arn, associate)
}

// withReason adds what is missing, for a person to act on.
func withReason(e *aws.Error, reason string) *aws.Error {
	e.Message += ". " + strings.TrimRight(reason, "\n")
	return e
}

// kindOf is the kind of the global table that a table is in, or would be in if
// another account joined it.
func kindOf(d *table.Definition) table.GroupKind {
	switch {
	case d.Group != nil:
		return d.Group.Kind
	case d.Topology == table.MixedTopology:
		return table.Mixed
	}
	return table.MultiAccount
}

// inspect tells a newcomer what to make.
func (r *Replicator) inspect(ctx context.Context, _ aws.Cell, q *Request) (*Response, error) {
	t := r.engine.Table(q.Table)
	if t == nil {
		return nil, notFound(q.Table)
	}
	if q.Caller.Account != r.cell.Account {
		members := append(known(t.Def.Group, r.cell, q.Member.Cell), q.Member.Cell)
		if err := r.permits(t, q, members); err != nil {
			return nil, err
		}
		if t.Def.SettingsMode != "ENABLED" || (t.Def.Group != nil && t.Def.Group.Kind == table.SameAccount) {
			return nil, aws.InvalidParameter("GlobalTableSettingsReplicationMode of the source table %s must be ENABLED, and the table must not have replicas in its own account", t.ARN)
		}
	}
	if err := r.checkSource(t); err != nil {
		return nil, err
	}
	return &Response{Definition: t.Def}, r.CheckScaled(ctx, &t.Def)
}

// checkSource refuses to be the source of a newcomer while the table changes.
func (r *Replicator) checkSource(t *table.Table) error {
	switch d := &t.Def; {
	case d.Status != table.Active:
		return busy("The table in %v is %s", r.cell, d.Status)
	case d.Updating() || d.Changing() != nil:
		return busy("The table in %v, or an index of it, is being updated", r.cell)
	case d.Returning():
		return busy("The replica in %v is coming back, and is compared with the others", r.cell)
	}
	return r.checkHost(t)
}

// checkHost refuses a newcomer while a member, or former one, has something that
// others may lack.
func (r *Replicator) checkHost(t *table.Table) error {
	d, g := &t.Def, t.Def.Group
	switch {
	case d.Disassociating:
		return busy("The replica in %v is being disassociated", r.cell)
	case d.Status == table.Deleting:
		return busy("The table in %v is being deleted", r.cell)
	case g == nil:
		return nil
	case len(g.Recover) > 0:
		return busy("%v left, and the replica in %v still asks %v for what it wrote last", g.Recover[0].Gone, r.cell, g.Recover[0].From)
	case g.Returns():
		return busy("A replica that was detached is coming back, and is compared with the others")
	}
	return nil
}

// cells lists where the members are.
func cells(g *table.Group) []aws.Cell {
	var out []aws.Cell
	for _, m := range g.Members {
		out = append(out, m.Cell)
	}
	return out
}

// admit takes a member in. The log is kept for it from where its source has
// read it, so that what its seed lacks is still here.
func (r *Replicator) admit(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	t := r.engine.Table(q.Table)
	if t == nil {
		return nil, notFound(q.Table)
	}
	if err := r.checkKind(t, from, q); err != nil {
		return nil, err
	}
	if err := r.admits(t, q); err != nil {
		return nil, err
	}
	if err := r.permits(t, q, cells(q.Group)); err != nil {
		return nil, err
	}
	if err := r.checkKey(&t.Def, q.Group.Kind); err != nil {
		return nil, err
	}
	if err := r.checkHost(t); err != nil {
		return nil, err
	}
	if q.Member.Source == r.cell && t.Def.Status != table.Active {
		return nil, busy("The table in %v is %s", r.cell, t.Def.Status)
	}
	if err := r.followed(ctx, t, q.Member.Source); err != nil || q.DryRun {
		return &Response{}, err
	}
	if m := t.Def.Group.Member(q.Member.Cell); m != nil {
		if m.Status == table.Active {
			// It has left, and that is not known here yet. What it wrote last has to be
			// brought to all before it comes again.
			return nil, busy("%v still counts the replica that there was in %v, and has not heard that it is gone: it asks after 15 seconds of silence", r.cell, m.Cell)
		}
		if again := from == q.Member.Cell || (from == m.Source && q.Group.Kind == table.SameAccount); !again {
			return nil, busy("A replica in %v is being made already, as %v knows", m.Cell, r.cell)
		}
		// It was taken in before, and has made nothing of it: it has no table.
		if err := r.remove(ctx, t, q.Member.Cell, departure{}); err != nil {
			return nil, err
		}
		if t = r.engine.Table(q.Table); t == nil {
			return nil, notFound(q.Table)
		}
		if err := r.admits(t, q); err != nil {
			return nil, err // It may be regional now, and no member any more that it was.
		}
	}
	if err := r.takeIn(ctx, t, q); err != nil {
		return nil, err
	}
	// Whoever changes from now on what all members have in common asks the
	// newcomer, too.
	if t = r.engine.Table(q.Table); t == nil {
		return nil, notFound(q.Table)
	}
	a := &Response{Definition: t.Def}
	roles, err := r.ensureRoles(ctx, q.Group, nil)
	if q.Member.Cell.Account == r.cell.Account {
		a.Roles = roles
	}
	if q.Member.Source == r.cell && err == nil {
		a.Scaling, err = r.exportScaling(ctx, q.Table)
	}
	return a, err
}

// checkKind refuses a newcomer for which a cell asks that may not, and one of a
// group of another kind than this table's.
func (r *Replicator) checkKind(t *table.Table, from aws.Cell, q *Request) error {
	own := from.Account == r.cell.Account && q.Member.Cell.Account == r.cell.Account
	var fits bool
	kind := q.Group.Kind
	switch g := t.Def.Group; {
	case kind == table.SameAccount && !own, kind == table.MultiAccount && from != q.Member.Cell, from.Account != q.Member.Cell.Account:
		return fmt.Errorf("replication: %v cannot take in %v", from, q.Member.Cell)
	case g != nil:
		fits = g.Kind == kind
	case kind == table.SameAccount:
		fits = t.Def.Topology != table.MixedTopology
	default:
		fits = kindOf(&t.Def) == kind
	}
	if !fits {
		return aws.InvalidParameter("The topology of the replica in %v is not that of its source: the change of it did not come to all members; make it again", r.cell)
	}
	return nil
}

// known lists the members that a cell knows of, but for a newcomer. A table that is
// in no group is alone.
func known(g *table.Group, own, newcomer aws.Cell) []aws.Cell {
	if g == nil {
		return []aws.Cell{own}
	}
	return slices.DeleteFunc(cells(g), func(c aws.Cell) bool { return c == newcomer })
}

// admits refuses a newcomer that sees the group otherwise than this cell does. A
// regional table is the only other member, and has been one for as long as it says
// itself: one of a larger group has just left it, or has been left, and the newcomer has
// not heard of that. Links know each other by when both ends joined.
func (r *Replicator) admits(t *table.Table, q *Request) error {
	g := t.Def.Group
	if g == nil {
		g = &table.Group{ID: q.Group.ID}
		g.Members, _ = r.alreadyIn(&t.Def, g.ID)
	}
	if g.ID == q.Group.ID && sameMembers(g, q.Group, q.Member.Cell) {
		return nil
	}
	return busy("Another replica joins or leaves: the members are %v as %v knows them, and %v as %v does", known(t.Def.Group, r.cell, q.Member.Cell), r.cell, known(q.Group, q.Member.Source, q.Member.Cell), q.Member.Source)
}

// followed refuses a newcomer whose source was cut off from this cell's log: its
// seed would lack what the source lacks.
func (r *Replicator) followed(ctx context.Context, t *table.Table, source aws.Cell) error {
	readers, err := t.Log.Readers(ctx)
	if err != nil {
		return err
	}
	for _, reader := range readers {
		if reader.Name == source.String() && reader.Lost {
			return aws.InvalidParameter("The replica in %v fell behind the one in %v and has to be made again; name another replica as the source", source, r.cell)
		}
	}
	return nil
}

// takeIn makes room for a newcomer in the log and in the group.
func (r *Replicator) takeIn(ctx context.Context, t *table.Table, q *Request) error {
	start := r.engine.Store().Durable()
	if q.Member.Source != r.cell {
		start = 0 // The source may not have been heard of yet: this table is new itself.
	}
	readers, err := t.Log.Readers(ctx)
	if err != nil {
		return err
	}
	for _, reader := range readers {
		if reader.Name == q.Member.Source.String() && !reader.Lost {
			start = reader.Position
		}
	}
	if err := t.Log.Remove(ctx, q.Member.Cell.String()); err != nil {
		return err
	}
	if _, err := t.Log.Register(ctx, q.Member.Cell.String(), start); err != nil {
		return err
	}
	// The newcomer ships its log from the beginning.
	if err := r.setCursor(ctx, t, Point{Cell: q.Member.Cell}); err != nil {
		return err
	}
	return r.enrol(ctx, q)
}

// enrol puts a newcomer into the group. A table that was regional so far has all
// versions of before, deletions that left nothing included: what newcomers write
// comes after them.
func (r *Replicator) enrol(ctx context.Context, q *Request) error {
	before, err := r.engine.Reading(ctx)
	if err != nil {
		return err
	}
	regional := false
	t, err := r.engine.Alter(ctx, q.Table, func(d *table.Definition) error {
		regional = d.Group == nil && d.Detached == nil
		r.enter(d, q.Group)
		d.Group.Forget(q.Member.Cell) // It comes without what it had.
		d.Enrol(q.Member)
		return nil
	})
	r.Refresh()
	if err != nil || !regional {
		return err
	}
	return r.engine.RaiseFloor(ctx, t, before)
}

// sameMembers reports whether two views of a group differ in the newcomer at
// most. When they do not, another one is joining or leaving. A member that joined
// again is another one: links know when both ends joined.
func sameMembers(a, b *table.Group, newcomer aws.Cell) bool {
	for _, pair := range [2][2]*table.Group{{a, b}, {b, a}} {
		for _, m := range pair[0].Members {
			if o := pair[1].Member(m.Cell); m.Cell != newcomer && (o == nil || o.Since != m.Since) {
				return false
			}
		}
	}
	return true
}

// enter makes a regional table a member of a group that so far holds it alone.
func (r *Replicator) enter(d *table.Definition, g *table.Group) {
	if d.Group != nil {
		return
	}
	members, away := r.alreadyIn(d, g.ID)
	d.Group, d.Detached = &table.Group{ID: g.ID, Kind: g.Kind, Members: members, Away: away}, nil
	if d.Stream == nil {
		r.EnableStream(d, "NEW_AND_OLD_IMAGES")
	}
	d.SettingsMode = settingsMode(g.Kind)
}

// alreadyIn is who is in a group that others join: a regional table alone, as what it
// was in that group or else since it was made, and who may come back.
func (r *Replicator) alreadyIn(d *table.Definition, id string) ([]table.Member, []table.Away) {
	if was := outlived(d); was != nil && was.ID == id {
		return was.Members, was.Away
	}
	return []table.Member{{Cell: r.cell, Status: table.Active, Since: d.CreatedAt}}, nil
}

// settingsMode is the GlobalTableSettingsReplicationMode of members (documented
// for those of AWS; a mixed global table has no overrides).
func settingsMode(k table.GroupKind) string {
	if k.Overrides() {
		return "ENABLED_WITH_OVERRIDES"
	}
	return "ENABLED"
}

// outlived is the global table of which a regional table was the last member left,
// and to which others may come back; nil where there is none.
func outlived(d *table.Definition) *table.Group {
	if d.Group != nil || d.Detached == nil || d.Detached.Own {
		return nil
	}
	return &d.Detached.Group
}

// begin is the group of a regional table that others join, as it is before. One to
// which others may come back goes on.
func (r *Replicator) begin(c aws.Cell, d *table.Definition, kind table.GroupKind) *table.Group {
	if was := outlived(d); was != nil && was.Kind == kind {
		return &table.Group{ID: was.ID, Kind: kind, Members: slices.Clone(was.Members), Away: slices.Clone(was.Away)}
	}
	return &table.Group{ID: r.newID(), Kind: kind, Members: []table.Member{{Cell: c, Status: table.Active, Since: d.CreatedAt}}}
}

// insert keeps members ordered by cell. What a cell was before, in an attempt that
// was given up half-way, goes.
func insert(members []table.Member, m table.Member) []table.Member {
	at, found := slices.BinarySearchFunc(members, m, func(a, b table.Member) int { return a.Cell.Compare(b.Cell) })
	if found {
		members[at] = m
		return members
	}
	return slices.Insert(members, at, m)
}

// streamLabel is the layout of a stream's label (recorded).
const streamLabel = "2006-01-02T15:04:05.000"

// EnableStream turns a definition's stream on; its label is this moment.
func (r *Replicator) EnableStream(d *table.Definition, view string) {
	label := r.dates.Now().UTC().Format(streamLabel)
	d.Stream, d.LastStreamLabel = &table.Stream{View: view, Label: label}, label
}
