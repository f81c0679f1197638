package replication

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/identity"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/scaling"
	"github.com/hortusdb/hortus/table"
)

// RequestKind says what a Request asks of another cell.
type RequestKind uint8

// The kinds of requests.
const (
	Inspect      RequestKind = 1 + iota // May the caller join? Answers with the table's definition.
	Admit                               // Take a member in.
	Expel                               // A member leaves.
	Adopt                               // Make a replica, of a table of the same account.
	Abandon                             // Delete a replica, of a table of the same account.
	Settle                              // Take over settings that are kept in step.
	Confirm                             // Is the cell that is asked a member, or about to be one?
	Drain                               // Has Member all that the cell that is asked wrote up to Position?
	ReadScaling                         // How does the replica scale? Asked within an account.
	Rescale                             // Scale like this.
	Override                            // Member has Member.Settings for itself; asked within an account.
	Digest                              // Sums of rows, for a check for divergence.
	ReadRows                            // Rows as they are stored, for the same.
	MergeRows                           // Rows to take in, to repair it.
	Resow                               // Member is seeded from Member.Source from now on: its first source does not answer.
	Convert                             // Be of a global table of the kind that Group says.
	Rejoin                              // Take back Member, which was detached and kept its data.
	Consent                             // May settings be changed, also those that are not kept in step?
	Permit                              // May Caller, of the asking cell's account, do Actions with the table?
	Reached                             // How far is the log of Member applied at the cell that is asked? Position is how far that cell's log is at Member.
	Renew                               // Count Member anew: its store was put back, or it fell behind.
	ReadSettings                        // What are the settings that members have in step? Answers with the definition.
	Lineage                             // Which runs has the cell that is asked had?
	Underway                            // Which versions of the cell that is asked are still to come to Member?
	Explain                             // What of the table keeps Member from joining the global table of Group by way of Member.Source? Without Group: who are its members?
	Remove                              // Take out the members in Lost, from which nothing is heard any more.
	Found                               // Found the global table of Group anew, of which all members were detached, so that Member can come back. As a DryRun: is the replica detached?
)

// Request is a question of one cell to another that belongs, or is about to
// belong, to the same global table.
type Request struct {
	Kind       RequestKind
	Table      string
	Caller     policy.Principal // Who joins.
	Member     table.Member     // Who joins or leaves.
	Group      *table.Group     // As it will be.
	Definition *table.Definition
	Position   kv.Position      // Of a Drain; zero for now. Of a Rejoin and a Renew: from where on the log of Member is read. Of a Reached: see there. Of an Underway: what Member is known to have applied.
	DryRun     bool             // Check alone.
	Scaling    []scaling.Target // Of an Adopt and a Rescale.
	Hasty      bool             // Of an Expel: the member may not have brought all its changes to all.
	Away       bool             `json:",omitempty"` // Of an Expel: it was detached against its will, and may come back.
	Was        int64            `json:",omitempty"` // Of a Rejoin and a Found: the Since of the member before.
	Compared   *Compared        `json:",omitempty"` // Of a Digest, a ReadRows, a MergeRows and an Underway.
	Actions    []string         `json:",omitempty"` // Of a Permit.
	Runs       *Runs            `json:",omitempty"` // Of a Reached: those of the asking cell.
	Run        uint64           `json:",omitempty"` // Of a Rejoin and a Renew: of Position.

	Roles []identity.Role `json:",omitempty"` // Of an Adopt: those of the account that the replica needs.
	Lost  []aws.Cell      `json:",omitempty"` // Of a Remove.

	Came *policy.Circumstances `json:",omitempty"` // How Caller's call came. Nil where that is not known.

	Overwritten table.Overwritten `json:",omitzero"` // Of a Settle.
	Base        table.Edition     `json:",omitzero"` // Of a Settle and a Convert: of the settings that it changes.
	Edition     table.Edition     `json:",omitzero"` // Of a Settle and a Convert: of those that it makes. Of a Reached: of those of the asking cell, which leaves.
	SettlesAt   int64             `json:",omitzero"` // Of an Override: until when it shows; microseconds.
}

// Response is the answer.
type Response struct {
	Definition table.Definition // Of an Inspect, of an Admit once the newcomer is taken in, of a Rejoin, of a ReadSettings, and of a dry Convert and a dry Found. Of a dry Renew: the group alone.
	Position   kv.Position      // Of a Drain: what to ask for next time. Of a Rejoin and a Renew: from where on this cell's log is kept. Of a Reached: the cursor.
	Away       bool             `json:",omitempty"` // Of a Confirm and a dry Found: it was one until it was detached, and may come back.
	Since      int64            `json:",omitempty"` // Of a Confirm that is Away: when it had joined.
	Uncounted  bool             `json:",omitempty"` // Of a Confirm: it is one, and Member is none.
	Out        bool             `json:",omitempty"` // Of a Confirm: it is one, and has taken out the member that the request names, which may come back.
	Known      []Known          `json:",omitempty"` // Of a Remove: how much of the logs of those in Lost is here.
	Done       bool             // Of a Drain. Of a Reached: there is a cursor.
	Behind     bool             `json:",omitempty"` // Of a Reached: this cell's log begins after what the asking one has.
	Older      bool             `json:",omitempty"` // Of a Reached: this cell has still to take over the asking one's settings.
	Withheld   bool             `json:",omitempty"` // Of a Reached that is Older: its policy keeps it from that.
	Scaling    []scaling.Target // Of an Admit at the newcomer's source, and of a ReadScaling.
	Comparison *Comparison      `json:",omitempty"` // Of a Digest, a ReadRows and an Underway.
	Runs       *Runs            `json:",omitempty"` // Of a Lineage.
	Run        uint64           `json:",omitempty"` // Of a Rejoin, a Renew and a Reached: of Position.

	Explanation *Explanation `json:",omitempty"` // Of an Explain.

	Roles []identity.Role `json:",omitempty"` // Of an Admit, to a newcomer of the same account: those that this cell's replica needs.
}

// Serve implements Peer.
func (r *Replicator) Serve(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	if r.disabled.Load() && (q.Kind == Inspect || q.Kind == Admit || q.Kind == Adopt || q.Kind == Settle || q.Kind == Override || q.Kind == Convert) {
		return nil, r.errDisabled()
	}
	switch q.Kind {
	case Inspect:
		return r.inspect(ctx, q)
	case Admit:
		return r.admit(ctx, from, q)
	case Expel:
		return r.expel(ctx, from, q)
	case Adopt:
		return r.adopt(ctx, from, q)
	case Abandon:
		return r.abandon(ctx, from, q)
	case Settle:
		return r.settle(ctx, from, q)
	case Confirm:
		return r.confirm(q)
	case Drain:
		return r.drain(q)
	case ReadScaling:
		return r.readScaling(ctx, from, q)
	case Rescale:
		return r.rescale(ctx, from, q)
	case Consent:
		return r.consent(from, q)
	case Override:
		return r.override(ctx, from, q)
	case Convert:
		return r.convert(ctx, from, q)
	case Found:
		return r.found(ctx, from, q)
	case Rejoin:
		return r.rejoin(ctx, from, q)
	case Digest, ReadRows, MergeRows:
		return r.compare(ctx, from, q)
	case Underway:
		return r.underwayTo(ctx, from, q)
	case Explain:
		return r.explainTo(ctx, from, q)
	case Resow:
		return r.resow(ctx, from, q)
	case Permit:
		return r.permit(q)
	case Reached:
		return r.reachedBy(ctx, from, q)
	case Renew:
		return r.renewed(ctx, from, q)
	case ReadSettings:
		return r.readSettings(from, q)
	case Lineage:
		return r.lineage(ctx, from, q)
	case Remove:
		return r.removeLost(ctx, from, q)
	}
	return nil, fmt.Errorf("replication: unknown request %d", q.Kind)
}

// call asks another cell. A cell that does not answer is AWS's
// ServiceUnavailable: the caller may try again.
func (r *Replicator) call(ctx context.Context, to aws.Cell, q *Request) (*Response, error) {
	a, err := r.transport.Call(ctx, r.cell, to, q)
	if errors.Is(err, ErrUnreachable) {
		so := "it may have been changed elsewhere already; try again"
		if q.DryRun || q.Kind == Inspect || q.Kind == Consent || q.Kind == ReadSettings || q.Kind == Digest || q.Kind == ReadRows || q.Kind == Underway {
			so = "nothing was changed; try again"
		}
		return nil, &aws.Error{
			Code: unavailable, Status: http.StatusServiceUnavailable,
			Message: fmt.Sprintf("Region %s of account %s cannot be reached; %s.", to.Region, to.Account, so),
		}
	}
	if isNotFound(err) && q.Kind != Inspect && q.Kind != Rejoin && q.Kind != Found {
		return nil, errNoReplica(to, q.Table)
	}
	return a, err
}

// errNoReplica is the answer where a member turns out to have no replica. That it has
// none is no matter of the table that the caller named, which is there.
func errNoReplica(c aws.Cell, name string) error {
	return aws.Errorf("ResourceInUseException",
		"Region %s of account %s is a member of the global table %s, and says that it has no such replica: it has just left, or it lost its data. Within half a minute it is taken out of the global table; try again then. To have a replica there again, make it again.",
		c.Region, c.Account, name)
}

// unavailable is the code of an answer for a cell that cannot be asked.
const unavailable = "ServiceUnavailable"

// notFound is AWS's answer for a table that does not exist.
func notFound(name string) error {
	return aws.Errorf("ResourceNotFoundException", "Requested resource not found: Table: %s not found", name)
}

// isNotFound reports whether another cell said that it has no such table, or is no
// member.
func isNotFound(err error) bool {
	var answer *aws.Error
	return errors.As(err, &answer) && answer.Code == "ResourceNotFoundException"
}

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
		return withReason(accessDenied(&q.Caller, t.ARN), d.Explain())
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
	e.Message += ". " + reason
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
func (r *Replicator) inspect(ctx context.Context, q *Request) (*Response, error) {
	t := r.engine.Table(q.Table)
	if t == nil {
		return nil, notFound(q.Table)
	}
	if q.Caller.Account != r.cell.Account {
		if err := r.permits(t, q, []aws.Cell{r.cell, q.Member.Cell}); err != nil {
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
	if !r.admits(t, q) {
		return nil, busy("Another replica joins or leaves: the members are %v as %v knows them, and %v as %v does", known(t.Def.Group, r.cell, q.Member.Cell), r.cell, known(q.Group, q.Member.Source, q.Member.Cell), q.Member.Source)
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

// admits reports whether a newcomer sees the group as this cell does. A regional
// table is the only other member: one of a larger group has just left it, and the
// newcomer has not heard of that.
func (r *Replicator) admits(t *table.Table, q *Request) bool {
	const first = 2
	if g := t.Def.Group; g != nil {
		return g.ID == q.Group.ID && sameMembers(g, q.Group, q.Member.Cell)
	}
	return len(q.Group.Members) == first
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
	was := outlived(d)
	own := table.Member{Cell: r.cell, Status: table.Active, Since: d.CreatedAt}
	d.Group = &table.Group{ID: g.ID, Kind: g.Kind, Members: []table.Member{own}}
	if was != nil && was.ID == g.ID {
		d.Group.Members, d.Group.Away = was.Members, was.Away
	}
	d.Detached = nil
	if d.Stream == nil {
		r.EnableStream(d, "NEW_AND_OLD_IMAGES")
	}
	d.SettingsMode = settingsMode(g.Kind)
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
				d.Group.Forget(c)
				d.Group.Away = append(d.Group.Away, table.Away{Cell: c, Since: cmp.Or(how.since, m.Since), Until: r.dates.Now().Add(ReattachWithin).UnixMicro()})
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
