package replication

import (
	"cmp"
	"context"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/table"
)

// SetRules changes settings that AWS does not have, those that s names, at all
// members: see Change.
//
// While members have different rules for conflicts they still agree on every
// item: the rule says what writes keep account of, and not how states merge.
// While they differ in how transactions become visible, a transaction is visible
// together where both the member that made it and the one that shows it have it
// so.
func (r *Replicator) SetRules(ctx context.Context, name string, s table.Rules) error {
	if err := checkKnown(s); err != nil {
		return err
	}
	t := r.engine.Table(name)
	switch {
	case t == nil:
		return notFound(name)
	case t.Def.Status != table.Active:
		return errInUse
	}
	_, err := r.Change(ctx, t, table.Overwritten{}, func(d *table.Definition) error {
		d.SetRules(s)
		return nil
	})
	return err
}

// OtherSettings is what another member says of the settings that all have in step.
type OtherSettings struct {
	Cell     aws.Cell
	Rules    table.Rules
	Topology table.Topology
	Same     bool  // All of these settings, capacity and indexes included, are this cell's.
	Err      error // Why it did not say.
}

// SettingsElsewhere asks the other members of a table's global table for the settings
// that all have in step. For some seconds after a change that ended half-way, or
// while the policy of one withholds the keeping of settings, they may be others.
func (r *Replicator) SettingsElsewhere(ctx context.Context, t *table.Table) ([]OtherSettings, error) {
	if t.Def.Group == nil {
		return nil, nil
	}
	own, err := t.Def.InStep()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, consentWithin)
	defer stop()
	var out []OtherSettings
	for _, m := range t.Def.Group.Members {
		if m.Cell == r.cell {
			continue
		}
		s := OtherSettings{Cell: m.Cell}
		a, err := r.call(ctx, m.Cell, &Request{Kind: ReadSettings, Table: t.Def.Name, Group: t.Def.Group})
		if err == nil {
			d := &a.Definition
			var theirs string
			theirs, err = d.InStep()
			s.Rules, s.Topology, s.Same = d.Rules(), cmp.Or(d.Topology, table.AWSTopology), theirs == own && d.Edition == t.Def.Edition
		}
		s.Err = err
		out = append(out, s)
	}
	return out, nil
}

// checkKnown refuses values that are none.
func checkKnown(s table.Rules) error {
	switch {
	case s.Conflict != "" && !s.Conflict.Known():
		return aws.Validation("The rule %s is none; there are %s and %s", s.Conflict, conflict.LastWriter, conflict.Merge)
	case s.Transactions != "" && !s.Transactions.Known():
		return aws.Validation("Transactions cannot be %s; they are %s or %s", s.Transactions, table.ByItem, table.Together)
	}
	return nil
}

// checkSettings refuses a newcomer that asks for other settings than its source
// has.
func checkSettings(def, source *table.Definition) error {
	rules := source.Rules()
	for _, x := range []struct {
		tag string
		has string
	}{
		{table.ConflictTag, string(rules.Conflict)},
		{table.TransactionsTag, string(rules.Transactions)},
		{table.TopologyTag, string(cmp.Or(source.Topology, table.AWSTopology))},
	} {
		if asks, ok := def.Tag(x.tag); ok && asks != x.has {
			return aws.InvalidParameter("The tag %s is %s, and the source table has %s; the replica inherits it", x.tag, asks, x.has)
		}
	}
	return nil
}
