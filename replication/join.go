package replication

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	sdkarn "github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/identity"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/scaling"
	"github.com/hortusdb/hortus/table"
)

// parseTableARN reads the ARN of a table.
func parseTableARN(s string) (aws.Cell, string, error) {
	a, err := sdkarn.Parse(s)
	name, ok := strings.CutPrefix(a.Resource, "table/")
	c := aws.Cell{Account: aws.Account(a.AccountID), Region: aws.Region(a.Region)}
	if err != nil || !ok || name == "" || strings.Contains(name, "/") || a.Partition != "aws" || a.Service != "dynamodb" || !c.Account.Valid() || !c.Region.Known() {
		return aws.Cell{}, "", aws.InvalidParameter("GlobalTableSourceArn is not the ARN of a table: %s", s)
	}
	return c, name, nil
}

// Join makes a replica of a table of another account here, or of one in another
// Region of this account where the topology is mixed, and a member of its global
// table. def holds what the newcomer decides for itself: its name, its
// policy, tags, encryption, deletion protection and table class. Everything
// else is inherited. The table is CREATING until it is seeded.
//
// The caller needs leave to associate by the policy of every member, and the
// replication service leave to read, write and keep settings by the policies of
// all of them, the newcomer's included. When any of it is missing the answer is
// AccessDeniedException, and nothing was made.
func (r *Replicator) Join(ctx context.Context, caller Caller, sourceARN string, def table.Definition) (*table.Table, error) {
	source, name, err := parseTableARN(sourceARN)
	if err != nil {
		return nil, err
	}
	if err := r.checkJoin(source, name, &def); err != nil {
		return nil, err
	}
	done, err := r.alone(ctx, def.Name)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := r.checkJoin(source, name, &def); err != nil {
		return nil, err // Another one has made it meanwhile.
	}
	defer r.expectMember(def.Name)()
	self := table.Member{Cell: r.cell, Status: table.Creating, Since: r.dates.Now().UnixMicro(), Source: source}
	seen, err := r.call(ctx, source, &Request{Kind: Inspect, Table: name, Caller: caller.Principal, Came: caller.Came, Member: self})
	if source.Account == r.cell.Account && (isNotFound(err) || (err == nil && kindOf(&seen.Definition) != table.Mixed)) {
		return nil, aws.InvalidParameter("GlobalTableSourceArn must be the ARN of a table of another account; add a replica in the same account with UpdateTable")
	}
	if err != nil {
		return nil, err
	}
	kind := kindOf(&seen.Definition)
	group, err := r.groupWith(&seen.Definition, self, kind)
	if err != nil {
		return nil, err
	}
	if err := checkSettings(&def, &seen.Definition); err != nil {
		return nil, err
	}
	if err := r.checkOwnPolicy(&caller.Principal, &def, group); err != nil {
		return nil, err
	}
	r.inherit(&def, &seen.Definition, group)
	def.SettingsMode = "ENABLED"
	return r.associate(ctx, caller, self, group, def)
}

func (r *Replicator) checkJoin(source aws.Cell, name string, def *table.Definition) error {
	switch {
	case name != def.Name:
		return aws.InvalidParameter("TableName %s must be the name of the source table, %s", def.Name, name)
	case source.Region == r.cell.Region:
		return aws.InvalidParameter("GlobalTableSourceArn must be the ARN of a table in another Region")
	case r.engine.Table(def.Name) != nil:
		return aws.Errorf("ResourceInUseException", "Table already exists: %s", def.Name)
	}
	return nil
}

// groupWith is the source's group with the newcomer in it.
func (r *Replicator) groupWith(source *table.Definition, self table.Member, kind table.GroupKind) (*table.Group, error) {
	g := r.begin(self.Source, source, kind)
	if source.Group != nil {
		g = source.Group
	}
	g = &table.Group{ID: g.ID, Kind: kind, Members: slices.Clone(g.Members), Away: slices.Clone(g.Away)}
	g.Forget(self.Cell)
	// An earlier attempt of this cell may have been given up half-way.
	g.Members = slices.DeleteFunc(g.Members, func(m table.Member) bool { return m.Cell == self.Cell })
	for _, m := range g.Members {
		if m.Cell.Region == self.Cell.Region {
			return nil, aws.InvalidParameter("The global table has a replica in Region %s already", m.Cell.Region)
		}
		if kind == table.MultiAccount && m.Cell.Account == self.Cell.Account {
			return nil, aws.InvalidParameter("The global table has a replica in account %s already", m.Cell.Account)
		}
	}
	g.Members = insert(g.Members, self)
	return g, nil
}

// checkOwnPolicy asks the policy that the newcomer brings along.
func (r *Replicator) checkOwnPolicy(caller *policy.Principal, def *table.Definition, g *table.Group) error {
	arn := r.cell.TableARN(def.Name)
	var doc *policy.Document
	if def.Policy != nil {
		var err error
		if doc, err = policy.Parse(policy.Resource, arn, []byte(def.Policy.Document)); err != nil {
			return err
		}
	}
	if d := r.decideAll(g.Kind, subject{name: def.Name, policy: doc}, cells(g)); !d.Allowed() {
		return withReason(accessDenied(caller, arn), r.explainAll(d, def.Name, cells(g)))
	}
	return nil
}

// inherit fills in what all members have in common.
func (r *Replicator) inherit(def, source *table.Definition, g *table.Group) {
	now := r.dates.Now()
	def.ID, def.CreatedAt, def.Status, def.Group = r.newID(), now.UnixMicro(), table.Creating, g
	common(def, source)
	view := "NEW_AND_OLD_IMAGES"
	if source.Stream != nil {
		view = source.Stream.View
	}
	r.EnableStream(def, view)
}

// common takes over what all members have in common.
func common(def, source *table.Definition) {
	def.Attributes, def.Hash, def.Range = source.Attributes, source.Hash, source.Range
	def.Indexes = append([]table.Index(nil), source.Indexes...)
	def.OnDemand, def.Throughput, def.OnDemandMax, def.Warm = source.OnDemand, source.Throughput, source.OnDemandMax, source.Warm
	def.TimeToLive, def.TimeToLiveSince = source.TimeToLive, source.TimeToLiveSince
	def.Conflict, def.Topology, def.Transactions = source.Conflict, source.Topology, source.Transactions
	def.Edition, def.Scaled = source.Edition, source.Scaled
	def.OnDemandSince = 0
	if def.OnDemand {
		def.OnDemandSince = def.CreatedAt
	}
}

// associate checks all members, then has them take the newcomer in, then makes
// the table. What was done is undone when a later part fails.
func (r *Replicator) associate(ctx context.Context, caller Caller, self table.Member, g *table.Group, def table.Definition) (*table.Table, error) {
	q := Request{Kind: Admit, Table: def.Name, Caller: caller.Principal, Came: caller.Came, Member: self, Group: g}
	var targets []scaling.Target
	var roles []identity.Role
	for _, dry := range []bool{true, false} {
		q.DryRun = dry
		for _, m := range g.Members {
			if m.Cell == self.Cell {
				continue
			}
			a, err := r.call(ctx, m.Cell, &q)
			if err != nil {
				if !dry {
					err = errors.Join(err, r.dissociate(ctx, self, g, def.Name, departure{}))
				}
				return nil, err
			}
			if m.Cell == self.Source && !dry {
				common(&def, &a.Definition) // It may have changed since it was inspected.
				targets = a.Scaling
			}
			if m.Cell.Account == self.Cell.Account {
				roles = append(roles, a.Roles...)
			}
		}
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	if err := errors.Join(r.forgetSeed(ctx, def.Name), r.adoptScaling(ctx, targets)); err != nil {
		return nil, errors.Join(err, r.dissociate(ctx, self, g, def.Name, departure{}))
	}
	t, err := r.makeReplica(ctx, def, roles)
	if err != nil {
		return nil, errors.Join(err, r.dissociate(ctx, self, g, def.Name, departure{}))
	}
	return t, nil
}

// makeReplica makes a replica here, with the roles that it needs.
func (r *Replicator) makeReplica(ctx context.Context, def table.Definition, roles []identity.Role) (*table.Table, error) {
	t, err := r.engine.Create(ctx, def)
	if err != nil {
		return nil, err
	}
	if _, err := r.ensureRoles(ctx, def.Group, roles); err != nil {
		return nil, errors.Join(err, r.drop(ctx, t))
	}
	r.Refresh()
	return t, nil
}

// undoWithin bounds the undoing of what was begun.
const undoWithin = 30 * time.Second

// dissociate asks every member to let a member go.
func (r *Replicator) dissociate(ctx context.Context, self table.Member, g *table.Group, name string, how departure) error {
	// What was begun is undone also when the caller has gone.
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
	defer stop()
	var errs []error
	for _, m := range g.Members {
		if m.Cell != self.Cell {
			_, err := r.call(ctx, m.Cell, &Request{Kind: Expel, Table: name, Member: self, Group: g, Hasty: how.hasty, Away: how.away})
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// forgetSeed removes the notes of a seeding of an earlier table of that name.
func (r *Replicator) forgetSeed(ctx context.Context, name string) error {
	return r.forget(ctx, seedKey(name))
}

// setCursor puts the cursor on the log of a member that begins with this cell's log
// now.
func (r *Replicator) setCursor(ctx context.Context, t *table.Table, at Point) error {
	runs, err := r.begun(ctx)
	if err != nil {
		return err
	}
	keys := [][]byte{cursorKey(t, at.Cell), runKey(t, at.Cell), metKey(t, at.Cell)}
	_, err = r.engine.Store().Update(ctx, kv.Plan{Write: keys}, func(_ [][]byte, w *kv.Writes) error {
		writeCursor(w, t, at)
		w.Set(metKey(t, at.Cell), metValue(runs.last()))
		return nil
	})
	return err
}

// forgetCursor removes the cursor on a former member's log.
func (r *Replicator) forgetCursor(ctx context.Context, t *table.Table, c aws.Cell) error {
	return errors.Join(r.forget(ctx, cursorKey(t, c)), r.forget(ctx, metKey(t, c)), r.forget(ctx, runKey(t, c)))
}

func (r *Replicator) forget(ctx context.Context, key []byte) error {
	_, err := r.engine.Store().Update(ctx, kv.Plan{Write: [][]byte{key}}, func(_ [][]byte, w *kv.Writes) error {
		w.Delete(key)
		return nil
	})
	return err
}

// leaveWithin is how long a replica that is being deleted waits for members that
// do not take its last changes because a policy says so. For others it waits as
// long as it takes: what it acknowledged is nowhere else.
const leaveWithin = 30 * time.Second

// Leave begins to take this cell's replica out of its global table and to delete
// it. From now on it takes no writes; it goes once the others have its last
// changes, or have not been allowed to take them for leaveWithin.
func (r *Replicator) Leave(ctx context.Context, t *table.Table) error {
	_, err := r.engine.Alter(ctx, t.Def.Name, func(d *table.Definition) error {
		d.Status = table.Deleting
		return nil
	})
	if err == nil {
		r.rouseKeeper(t)
	}
	return err
}

// lacking lists the members that do not have all that this cell wrote up to a
// position, but for those that parted.
func (r *Replicator) lacking(t *table.Table, last kv.Position, parted map[aws.Cell]bool) []aws.Cell {
	var out []aws.Cell
	for _, l := range r.sortedOf(t.Def.Name) {
		s, ok := l.work.(*sender)
		if !ok || l.key.group != t.Def.Group.ID || parted[s.peer] {
			continue
		}
		l.mu.Lock()
		done := s.delivered(last) && !countedAnew(t.Def.Group, s.peer)
		l.mu.Unlock()
		if !done {
			out = append(out, s.peer)
			l.box.rouse()
		}
	}
	return out
}

// unsent is what a member does not have of this cell's changes.
type unsent struct {
	cell aws.Cell
	backlog
}

// unsent counts what the members that are named do not have, and leaves out those
// that have all.
func (r *Replicator) unsent(t *table.Table, lacking []aws.Cell) []unsent {
	var out []unsent
	for _, c := range lacking {
		l := r.linkOf(linkKey{t.Def.Name, t.Def.Group.ID, c, sending})
		if l == nil {
			continue
		}
		l.mu.Lock()
		if s, ok := l.work.(*sender); ok {
			if waits := s.backlog(); waits.changes > 0 || waits.unknown != "" {
				out = append(out, unsent{c, waits})
			}
		}
		l.mu.Unlock()
	}
	return out
}

// depart ends what Leave began.
func (r *Replicator) depart(ctx context.Context, t *table.Table, hasty bool) error {
	self := *t.Def.Group.Member(r.cell)
	err := r.dissociate(ctx, self, t.Def.Group, t.Def.Name, departure{hasty: hasty})
	if err != nil && (self.Status != table.Creating || !allOf(err, unavailable)) {
		return err
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	if !belongs(r.engine.Table(t.Def.Name), t.Def.Group.ID, r.cell) {
		return nil // The last other member left meanwhile.
	}
	return r.drop(ctx, t)
}

// allOf reports whether an error of dissociate says no more than that members answered
// by a code. That none could be asked is such a one: a replica that was never in use
// wrote nothing, and need not wait for them, who ask for themselves what has become of it.
func allOf(err error, code string) bool {
	all, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return false
	}
	for _, e := range all.Unwrap() {
		if known, ok := errors.AsType[*aws.Error](e); !ok || known.Code != code {
			return false
		}
	}
	return true
}

// drop deletes a replica and what belonged to its links.
func (r *Replicator) drop(ctx context.Context, t *table.Table) error {
	if err := r.engine.Drop(ctx, t.Def.Name); err != nil {
		return err
	}
	r.Refresh()
	return r.forgetLinks(ctx, t)
}

func (r *Replicator) rouseKeeper(t *table.Table) {
	if l := r.linkOf(linkKey{t.Def.Name, t.Def.Group.ID, r.cell, keeping}); l != nil {
		l.box.rouse()
	}
}
