package replication

import (
	"cmp"
	"context"
	"slices"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/table"
)

// SetConflict changes by which rule a table decides between concurrent writes, at
// all members or, when one of them cannot be asked, at none or some: the call may
// be made again. While members have different rules they still agree on every
// item: the rule says what writes keep account of, and not how states merge.
func (r *Replicator) SetConflict(ctx context.Context, name string, rule conflict.Rule) error {
	if !rule.Known() {
		return aws.Validation("The rule %s is none; there are %s and %s", rule, conflict.LastWriter, conflict.Merge)
	}
	if rule == conflict.LastWriter {
		rule = ""
	}
	t := r.engine.Table(name)
	switch {
	case t == nil:
		return notFound(name)
	case t.Def.Status != table.Active:
		return errInUse
	case t.Def.Group != nil:
		next := &table.Table{Def: t.Def}
		next.Def.Indexes = slices.Clone(t.Def.Indexes)
		if x := next.Def.Changing(); x != nil {
			x.Status, x.Backfilling = "", false // That the members know already.
		}
		next.Def.Conflict = rule
		if err := r.CheckSettle(t); err != nil {
			return err
		}
		if err := r.Settle(ctx, next, table.Overwritten{}); err != nil {
			return err
		}
	}
	_, err := r.engine.Alter(ctx, name, func(d *table.Definition) error {
		if d.ID != t.Def.ID || (d.Group == nil) != (t.Def.Group == nil) || (d.Group != nil && !sameMembers(d.Group, t.Def.Group, aws.Cell{})) {
			return errInUse
		}
		d.SetConflict(rule)
		return nil
	})
	return err
}

// checkSettings refuses a newcomer that asks for other settings than its source
// has.
func checkSettings(def, source *table.Definition) error {
	for _, x := range []struct {
		tag string
		has string
	}{
		{table.ConflictTag, cmp.Or(string(source.Conflict), string(conflict.LastWriter))},
		{table.TopologyTag, string(cmp.Or(source.Topology, table.AWSTopology))},
	} {
		if asks, ok := def.Tag(x.tag); ok && asks != x.has {
			return aws.InvalidParameter("The tag %s is %s, and the source table has %s; the replica inherits it", x.tag, asks, x.has)
		}
	}
	return nil
}
