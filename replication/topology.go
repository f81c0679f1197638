package replication

import (
	"context"
	"slices"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// SetTopology changes of which accounts the members of a table's global table may
// be. A global table of one account, or of one replica in each account, becomes
// mixed, and a mixed one becomes what AWS has where its members are such: in
// place, at all members, as in Change. Data, links and cursors stay as they are: members of one
// account authorize each other by the same rule before and after, and so do those
// of different accounts.
//
// Each member has to allow ReplicateSettings, as for every setting in step. A
// replica of a mixed global table has no overrides: where a member has reads of its
// own, or the AWS managed key, the change is refused.
func (r *Replicator) SetTopology(ctx context.Context, name string, to table.Topology) error {
	if !to.Known() {
		return aws.Validation("The topology %s is none; there are %s and %s", to, table.AWSTopology, table.MixedTopology)
	}
	t := r.engine.Table(name)
	switch {
	case t == nil:
		return notFound(name)
	case t.Def.Status != table.Active:
		return errInUse
	case t.Def.Group != nil:
		return r.convertAll(ctx, t, to)
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	_, err := r.engine.Alter(ctx, name, func(d *table.Definition) error {
		if d.ID != t.Def.ID || d.Group != nil {
			return errInUse
		}
		d.SetTopology(to)
		if d.Edition != (table.Edition{}) {
			d.Edition = d.Edition.Next(r.newID()) // As in Change.
		}
		return nil
	})
	return err
}

// errInUse is recorded for a table that another change is under way on.
var errInUse = aws.Errorf("ResourceInUseException", "The resource which you are attempting to change is in use.")

// busy is errInUse with what is waited for, in our words.
func busy(why string, args ...any) error {
	return aws.Errorf(errInUse.Code, errInUse.Message+" "+why+"; nothing was changed. Try again", args...)
}

// kindFor is the kind of a global table of these members in a topology. In that of
// AWS all are of one account, or no two of them.
func kindFor(g *table.Group, to table.Topology) (table.GroupKind, error) {
	if to == table.MixedTopology {
		return table.Mixed, nil
	}
	accounts := map[aws.Account]int{}
	for _, m := range g.Members {
		accounts[m.Cell.Account]++
	}
	switch {
	case len(accounts) == 1:
		return table.SameAccount, nil
	case len(accounts) == len(g.Members):
		return table.MultiAccount, nil
	}
	for _, m := range g.Members {
		if accounts[m.Cell.Account] > 1 {
			return "", aws.InvalidParameter("The topology %s has all members in one account, or one in each; account %s has %d of %d members", to, m.Cell.Account, accounts[m.Cell.Account], len(g.Members))
		}
	}
	return table.MultiAccount, nil
}

// convertAll asks all members whether they can be of the other kind, and has them
// become it.
func (r *Replicator) convertAll(ctx context.Context, t *table.Table, to table.Topology) error {
	kind, err := kindFor(t.Def.Group, to)
	if err != nil {
		return err
	}
	g := *t.Def.Group
	g.Kind, g.Members = kind, slices.Clone(g.Members)
	def, err := t.Def.Clone()
	if err != nil {
		return err
	}
	def.Group = &g
	def.SetTopology(to)
	q := Request{Kind: Convert, Table: t.Def.Name, Group: &g, Definition: &def, Base: t.Def.Edition, Edition: t.Def.Edition.Next(r.newID()), DryRun: true}
	for i := range g.Members {
		m := &g.Members[i]
		a, err := r.callOrServe(ctx, m.Cell, &q)
		if err != nil {
			return err
		}
		if m.Settings = (table.Settings{}); kind.Overrides() {
			m.Settings = ownSettings(&a.Definition)
		}
	}
	if err := checkKeys(&g); err != nil {
		return err
	}
	q.DryRun = false
	for _, m := range g.Members { // In the order of every change: see Change.
		if _, err := r.callOrServe(ctx, m.Cell, &q); err != nil {
			return err
		}
	}
	return nil
}

// checkKeys: in a global table of one account all keys are of one kind (known from
// the live service).
func checkKeys(g *table.Group) error {
	if !g.Kind.Overrides() {
		return nil
	}
	for _, m := range g.Members[1:] {
		if m.Settings.Encryption.Kind() != g.Members[0].Settings.Encryption.Kind() {
			return aws.InvalidParameter("All replica keys must either be Customer Managed CMK or AWS Managed CMK.")
		}
	}
	return nil
}

// convert makes this cell's replica one of a global table of another kind.
func (r *Replicator) convert(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	t := r.engine.Table(q.Table)
	if !belongs(t, q.Group.ID, from) {
		return nil, notFound(q.Table)
	}
	if !sameMembers(t.Def.Group, q.Group, aws.Cell{}) || !steady(&t.Def) {
		return nil, errInUse
	}
	to := table.AWSTopology
	if q.Group.Kind == table.Mixed {
		to = table.MixedTopology
	}
	kind, err := kindFor(t.Def.Group, to)
	if err != nil {
		return nil, err
	}
	if err := r.CheckSettle(t); err != nil {
		return nil, err
	}
	if err := r.checkConvertible(&t.Def, kind); err != nil {
		return nil, err
	}
	if err := checkEdition(&t.Def, q); err != nil || q.DryRun {
		return &Response{Definition: t.Def}, err
	}
	_, err = r.engine.Alter(ctx, q.Table, func(d *table.Definition) error {
		if d.Group == nil || !steady(d) {
			return errInUse
		}
		if err := checkEdition(d, q); err != nil {
			return err
		}
		if d.Edition.Compare(q.Edition) < 0 {
			d.Edition = q.Edition
		}
		d.SetTopology(to)
		d.Group.Kind, d.SettingsMode = kind, settingsMode(kind)
		for i := range d.Group.Members {
			m := &d.Group.Members[i]
			if m.Settings = (table.Settings{}); kind.Overrides() && m.Cell != r.cell {
				m.Settings = q.Group.Member(m.Cell).Settings
			}
		}
		return nil
	})
	r.Rouse()
	return &Response{}, err
}

// steady reports whether nothing is under way that asks members.
func steady(d *table.Definition) bool {
	return d.Status == table.Active && !d.Updating() && d.Changing() == nil && !d.Disassociating && len(d.Group.Recover) == 0 &&
		!slices.ContainsFunc(d.Group.Members, func(m table.Member) bool { return m.Status != table.Active })
}

// checkConvertible refuses what replicas of a kind cannot have.
func (r *Replicator) checkConvertible(d *table.Definition, kind table.GroupKind) error {
	if kind.Overrides() {
		return nil
	}
	for _, m := range d.Group.Members {
		if len(m.Settings.Reads) > 0 {
			return aws.InvalidParameter("The replicas in %s and %s have other read throughput than each other, and in a %s global table all have the same: make it so with UpdateTable", r.cell.Region, m.Cell.Region, kind)
		}
	}
	return r.checkKey(d, kind)
}

// checkKey refuses a replica under the key that AWS manages where that is not
// supported (documented; the text is ours).
func (r *Replicator) checkKey(d *table.Definition, kind table.GroupKind) error {
	if kind.Overrides() || !d.Encryption.Managed() {
		return nil
	}
	return aws.InvalidParameter("The replica in %s has the AWS managed key, which is not supported for a %s global table; use an AWS owned key or a customer managed key", r.cell.Region, kind)
}
