package hortusapi

import (
	"cmp"
	"context"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// SettingsInput changes settings of a table that AWS does not have. They are in
// step in all replicas. An absent one stays.
type SettingsInput struct {
	Table  string
	Region aws.Region `json:",omitempty"` // Of the replica that is asked; needed where the account has several tables of that name.

	Conflict     conflict.Rule    `json:",omitempty"` // See the tag hortus:conflict.
	Topology     table.Topology   `json:",omitempty"` // See the tag hortus:topology.
	Transactions table.Visibility `json:",omitempty"` // See the tag hortus:transactions.
}

// SettingsOutput says what they are now, and of which cells the global table is.
type SettingsOutput struct {
	Table        string
	Conflict     conflict.Rule
	Topology     table.Topology
	Transactions table.Visibility
	Members      []string `json:",omitempty"` // As in "111111111111/us-east-1"; none of a regional table.

	Replica string          // Whose settings these are: the one that was asked, as in Members.
	Others  []OtherSettings `json:",omitempty"` // Of a DescribeTableSettings: what the other members have.
}

// OtherSettings are those of another replica at this moment.
type OtherSettings struct {
	Replica      string // As in Members.
	InStep       bool   // It has the same, also of the settings that AWS has and keeps in step.
	Conflict     conflict.Rule
	Topology     table.Topology
	Transactions table.Visibility
	Unknown      string `json:",omitempty"` // Why it did not say; then the others are empty.
}

// DescribeSettingsInput names a table whose settings are asked for.
type DescribeSettingsInput struct {
	Table  string
	Region aws.Region `json:",omitempty"` // Needed where the account has several tables of that name.
}

// describeTableSettings asks each replica: one that does not answer, or withholds the
// keeping of settings, is told as such.
func describeTableSettings(ctx context.Context, own []*replication.Replicator, in *DescribeSettingsInput) (*SettingsOutput, error) {
	r, err := replicaOf(own, in.Table, in.Region)
	if err != nil {
		return nil, err
	}
	out, err := settingsOf(r, in.Table)
	if err != nil {
		return nil, err
	}
	t := r.Engine().Table(in.Table)
	if t == nil {
		return nil, errNoTable(in.Table)
	}
	others, err := r.SettingsElsewhere(ctx, t)
	for _, o := range others {
		s := OtherSettings{Replica: o.Cell.String(), InStep: o.Same, Conflict: o.Rules.Conflict, Topology: o.Topology, Transactions: o.Rules.Transactions}
		if o.Err != nil {
			s = OtherSettings{Replica: s.Replica, Unknown: o.Err.Error()}
		}
		out.Others = append(out.Others, s)
	}
	return out, err
}

// settingsOf tells the settings of a replica.
func settingsOf(r *replication.Replicator, name string) (*SettingsOutput, error) {
	t := r.Engine().Table(name)
	if t == nil {
		return nil, errNoTable(name)
	}
	rules := t.Def.Rules()
	out := &SettingsOutput{
		Table: name, Replica: r.Cell().String(), Conflict: rules.Conflict, Topology: cmp.Or(t.Def.Topology, table.AWSTopology), Transactions: rules.Transactions,
	}
	if t.Def.Group != nil {
		for _, m := range t.Def.Group.Members {
			out.Members = append(out.Members, m.Cell.String())
		}
	}
	return out, nil
}

func updateTableSettings(ctx context.Context, own []*replication.Replicator, in *SettingsInput) (*SettingsOutput, error) {
	r, err := replicaOf(own, in.Table, in.Region)
	if err != nil {
		return nil, err
	}
	rules := table.Rules{Conflict: in.Conflict, Transactions: in.Transactions}
	if rules == (table.Rules{}) && in.Topology == "" {
		return nil, aws.Validation("Conflict, Topology or Transactions is required")
	}
	if rules != (table.Rules{}) {
		if err := r.SetRules(ctx, in.Table, rules); err != nil {
			return nil, err
		}
	}
	if in.Topology != "" {
		if err := r.SetTopology(ctx, in.Table, in.Topology); err != nil {
			return nil, err
		}
	}
	return settingsOf(r, in.Table)
}

// replicaOf finds a table in the caller's cells.
func replicaOf(own []*replication.Replicator, name string, at aws.Region) (*replication.Replicator, error) {
	own, err := inRegion(own, at)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, aws.Validation("Table is required")
	}
	var found *replication.Replicator
	for _, r := range own {
		t := r.Engine().Table(name)
		switch {
		case t == nil:
		case found == nil:
			found = r
		case t.Def.Group == nil || found.Engine().Table(name).Def.Group == nil || t.Def.Group.ID != found.Engine().Table(name).Def.Group.ID:
			return nil, aws.Validation("The account has several tables %s: name the Region", name)
		}
	}
	if found == nil {
		return nil, errNoTable(name)
	}
	return found, nil
}

// OfAccount reports whether an operation acts on cells of the caller's account
// alone. What it does there is as much the account's own as what DynamoDB's
// operations do.
func OfAccount(operation string) bool {
	switch operation {
	case "ListConflicts", "UpdateTableSettings", "CheckDivergence", "ReattachReplica", "RemoveLostReplicas":
		return true
	}
	return false
}

// errNoTable is what the control plane of AWS says of a table that is not there.
func errNoTable(name string) error {
	return aws.Errorf("ResourceNotFoundException", "Requested resource not found: Table: %s not found", name)
}
