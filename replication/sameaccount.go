package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/table"
)

// AddReplica makes a replica of a table in another Region of its account. It has
// the table's settings, but for what it is to have for itself.
//
// Where the topology is mixed and members of other accounts are there, these have
// to let it in as they let in one that joins by itself, and the table's own policy
// has to let the service replicate for all members. The newcomer is given that
// statement for its own policy, and none of the others.
func (r *Replicator) AddReplica(ctx context.Context, caller Caller, t *table.Table, region aws.Region, own table.Settings) error {
	to := aws.Cell{Account: r.cell.Account, Region: region}
	kind := table.SameAccount
	if t.Def.Group != nil || t.Def.Topology == table.MixedTopology {
		kind = kindOf(&t.Def)
	}
	self := table.Member{Cell: to, Status: table.Creating, Since: r.dates.Now().UnixMicro(), Source: r.cell, Settings: own}
	if kind.Overrides() {
		self.Settings = withReads(&t.Def, own)
	}
	if m := memberIn(t.Def.Group, region); m != nil && m.Cell != to {
		return aws.InvalidParameter("The global table has a replica in Region %s already, of account %s", region, m.Cell.Account)
	}
	g := r.adding(t, self, kind)
	if d := r.decideAll(kind, subjectOf(t), cells(g)); !kind.Overrides() && !d.Allowed() {
		return withReason(d.AccessDenied(), d.Explain())
	}
	q := Request{Kind: Adopt, Table: t.Def.Name, Caller: caller.Principal, Member: self, Group: g, Definition: &t.Def, DryRun: true}
	if _, err := r.call(ctx, to, &q); err != nil {
		return err
	}
	q.DryRun = false
	in := Request{Kind: Admit, Table: t.Def.Name, Caller: caller.Principal, Came: caller.Came, Member: self, Group: g}
	if !kind.Overrides() {
		in.Member.Settings = table.Settings{}
	}
	for _, m := range g.Members {
		if m.Cell == to {
			continue
		}
		a, err := r.callOrServe(ctx, m.Cell, &in)
		if err != nil {
			return errors.Join(err, r.undoAdd(ctx, self, g, t.Def.Name))
		}
		if m.Cell == r.cell {
			q.Definition, q.Scaling, q.Roles = &a.Definition, a.Scaling, a.Roles // It may have changed since the call came.
		}
	}
	if _, err := r.call(ctx, to, &q); err != nil {
		return errors.Join(err, r.undoAdd(ctx, self, g, t.Def.Name))
	}
	return nil
}

// adding is the group of a table with a newcomer of the same account in it.
func (r *Replicator) adding(t *table.Table, newcomer table.Member, kind table.GroupKind) *table.Group {
	g := r.begin(r.cell, &t.Def, kind)
	if t.Def.Group != nil {
		g = t.Def.Group
	}
	g = &table.Group{ID: g.ID, Kind: kind, Members: slices.Clone(g.Members), Away: slices.Clone(g.Away)}
	g.Forget(newcomer.Cell)
	if kind.Overrides() {
		g.Member(r.cell).Settings = ownSettings(&t.Def)
	} else {
		newcomer.Settings = table.Settings{}
	}
	g.Members = insert(g.Members, newcomer)
	return g
}

// ownSettings is what others note of a member, reads aside.
func ownSettings(d *table.Definition) table.Settings {
	return table.Settings{TableClass: d.TableClass, TableClassSince: d.TableClassSince, Encryption: d.Encryption}
}

// memberIn returns the member in a Region, nil where there is none.
func memberIn(g *table.Group, region aws.Region) *table.Member {
	if g == nil {
		return nil
	}
	i := slices.IndexFunc(g.Members, func(m table.Member) bool { return m.Cell.Region == region })
	if i < 0 {
		return nil
	}
	return &g.Members[i]
}

func (r *Replicator) undoAdd(ctx context.Context, self table.Member, g *table.Group, name string) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
	defer stop()
	var errs error
	for _, m := range g.Members {
		if m.Cell != self.Cell {
			_, err := r.callOrServe(ctx, m.Cell, &Request{Kind: Expel, Table: name, Member: self, Group: g})
			errs = errors.Join(errs, err)
		}
	}
	return errs
}

// callOrServe asks a cell, this one included.
func (r *Replicator) callOrServe(ctx context.Context, to aws.Cell, q *Request) (*Response, error) {
	if to == r.cell {
		return r.Serve(ctx, r.cell, q)
	}
	return r.call(ctx, to, q)
}

// adopt makes a replica here for another Region of the account.
func (r *Replicator) adopt(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	if from.Account != r.cell.Account || q.Group.Kind == table.MultiAccount {
		return nil, fmt.Errorf("replication: %v cannot make a replica in %v", from, r.cell)
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	if r.engine.Table(q.Table) != nil || r.expected(q.Table) {
		return nil, aws.Validation("Failed to create a the new replica of table with name: ‘%s’ because one or more replicas already existed as tables.", q.Table)
	}
	def := table.Definition{Name: q.Table, SettingsMode: settingsMode(q.Group.Kind), TableClass: "STANDARD"}
	g := *q.Group
	g.Members = slices.Clone(g.Members)
	if q.DryRun {
		common(&def, q.Definition)
		def.Group = &g
		def.Override(r.cell, r.cell, q.Member.Settings)
		if r.engine.CheckUnits(&def) != nil {
			return nil, aws.Errorf("LimitExceededException", "Cannot create a replica of table '%[1]s' in region '%[2]s' because its exceeds your current account limit in region '%[2]s'.", q.Table, r.cell.Region)
		}
		return &Response{}, nil
	}
	r.inherit(&def, q.Definition, &g)
	if slices.ContainsFunc(g.Members, func(m table.Member) bool { return !g.Kind.ByRole(r.cell.Account, m.Cell.Account) }) {
		def.Policy = &table.Policy{Document: policyOf(ServiceStatement(r.cell, def.Name, cells(&g))), Revision: strconv.FormatInt(r.dates.Now().UnixMilli(), 10)}
	}
	def.Override(r.cell, r.cell, q.Member.Settings)
	if err := r.forgetSeed(ctx, def.Name); err != nil {
		return nil, err
	}
	if err := r.adoptScaling(ctx, q.Scaling); err != nil {
		return nil, err
	}
	_, err := r.makeReplica(ctx, def, q.Roles)
	return &Response{}, err
}

// DeleteReplica deletes the replica in another Region of the account.
func (r *Replicator) DeleteReplica(ctx context.Context, t *table.Table, region aws.Region) error {
	to := aws.Cell{Account: r.cell.Account, Region: region}
	_, err := r.call(ctx, to, &Request{Kind: Abandon, Table: t.Def.Name, Group: t.Def.Group})
	return err
}

// abandon deletes this cell's replica for another Region of the account.
func (r *Replicator) abandon(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	t := r.engine.Table(q.Table)
	if t == nil || t.Def.Group == nil || t.Def.Group.ID != q.Group.ID || from.Account != r.cell.Account {
		return nil, notFound(q.Table)
	}
	if t.Def.DeletionProtection {
		return nil, aws.Validation("Cannot delete table %s in region %s because it has deletion protection enabled. Disable deletion protection first.", q.Table, r.cell.Region)
	}
	if err := r.CheckDelete(t); err != nil {
		return nil, err
	}
	return &Response{}, r.Leave(ctx, t)
}

// sourceRule is how long the source of a replica cannot be deleted (documented).
const sourceRule = 24 * time.Hour

// CheckDelete returns AWS's error for a table that must stay: it is protected,
// or another replica was made from it less than 24 hours ago.
func (r *Replicator) CheckDelete(t *table.Table) error {
	if t.Def.DeletionProtection {
		return aws.Validation("Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")
	}
	if t.Def.Group == nil {
		return nil
	}
	if t.Def.Returning() || t.Def.Group.Returns() {
		return errInUse // What one of them alone has would be lost.
	}
	for _, m := range t.Def.Group.Members {
		if m.Source == r.cell && r.dates.Now().Sub(time.UnixMicro(m.Since)) < sourceRule {
			return aws.Validation("Replica cannot be deleted because it has acted as a source region for new replica(s) being added to the table in the last 24 hours.")
		}
	}
	return nil
}

// Settle brings the settings that all members keep in step to them, in the order of
// their cells, once none of the others has anything against it: capacity mode,
// throughput, time to live, rules, and an index that t's definition is about to create
// or to delete. What members have for themselves stays, but for what is overwritten.
// t's edition is the one that they were made from; the answer is the one that they
// are, which own is given when it is this cell's turn.
func (r *Replicator) Settle(ctx context.Context, t *table.Table, o table.Overwritten, own func(table.Edition) error) (table.Edition, error) {
	to := t.Def.Edition.Next(r.newID())
	for _, dry := range []bool{true, false} {
		for _, m := range t.Def.Group.Members {
			var err error
			switch {
			case m.Cell != r.cell:
				q := &Request{Kind: Settle, Table: t.Def.Name, Group: t.Def.Group, Definition: &t.Def, Overwritten: o, Base: t.Def.Edition, Edition: to, DryRun: dry}
				_, err = r.call(ctx, m.Cell, q)
			case !dry:
				err = own(to)
			}
			if err != nil {
				return to, err
			}
		}
	}
	return to, nil
}

// CheckSettle returns AWS's error when this table's own policy withholds the
// keeping of settings from any member.
func (r *Replicator) CheckSettle(t *table.Table) error {
	d := r.settleDecision(t)
	if d.Allowed() {
		return nil
	}
	return withReason(d.AccessDenied(), d.Explain())
}

// settleDecision is what this table's policy says to the keeping of settings.
func (r *Replicator) settleDecision(t *table.Table) policy.Decision {
	return r.decide(t.Def.Group.Kind, subjectOf(t), replicateSetting, cells(t.Def.Group))
}

func (r *Replicator) settle(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	t := r.engine.Table(q.Table)
	if !belongs(t, q.Group.ID, from) {
		return nil, notFound(q.Table)
	}
	if !sameMembers(t.Def.Group, q.Group, aws.Cell{}) {
		// Somebody joins or leaves who is not asked.
		return nil, errInUse
	}
	if err := r.CheckSettle(t); err != nil {
		return nil, err
	}
	if q.DryRun {
		next, err := r.settledBy(&t.Def, q)
		if err == nil {
			err = r.engine.CheckUnits(next)
		}
		return &Response{}, err
	}
	provisioned := false
	after, err := r.engine.Alter(ctx, q.Table, func(d *table.Definition) error {
		next, err := r.settledBy(d, q)
		if err != nil {
			return err
		}
		provisioned = d.OnDemand && !next.OnDemand
		*d = *next
		return nil
	})
	if err == nil && provisioned {
		err = r.ResetScaling(ctx, &after.Def)
	}
	return &Response{}, err
}

// settledBy is a definition as a Settle makes it.
func (r *Replicator) settledBy(d *table.Definition, q *Request) (*table.Definition, error) {
	next, err := d.Clone()
	if err != nil {
		return nil, err
	}
	if err := settleIndex(&next, q.Definition); err != nil {
		return nil, err
	}
	r.takeSettings(&next, q.Definition, q.Overwritten)
	next.Settles(q.Definition.SettlesAt)
	if err := checkEdition(d, q); err != nil {
		return nil, err
	}
	if next.Edition.Compare(q.Edition) < 0 {
		next.Edition = q.Edition
	}
	return &next, nil
}

// settleIndex begins what another member is about to begin with an index. Each
// member fills its own. A member that has done it already, when it was asked
// before and the asking failed half-way, has nothing to do.
func settleIndex(d, s *table.Definition) error {
	x := s.Changing()
	if x == nil {
		return nil
	}
	mine, busy := d.Index(x.Name), d.Changing()
	switch {
	case busy != nil && busy != mine, mine != nil && mine.Status == table.Deleting && x.Status == table.Creating:
		return errInUse
	case x.Status == table.Creating && mine == nil:
		addIndex(d, s, x)
	case x.Status == table.Deleting && mine != nil:
		mine.Status, mine.Backfilling, mine.SettlesAt = table.Deleting, false, x.SettlesAt
	}
	return nil
}
