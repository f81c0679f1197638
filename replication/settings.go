package replication

import (
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
		return aws.Errorf("ResourceInUseException", "The resource which you are attempting to change is in use.")
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
			return aws.Errorf("ResourceInUseException", "The resource which you are attempting to change is in use.")
		}
		d.SetConflict(rule)
		return nil
	})
	return err
}

// checkConflict refuses a newcomer that asks for another rule than its source
// has.
func checkConflict(def, source *table.Definition) error {
	rule, ok := def.Tag(table.ConflictTag)
	has := source.Conflict
	if has == "" {
		has = conflict.LastWriter
	}
	if ok && conflict.Rule(rule) != has {
		return aws.InvalidParameter("The tag %s is %s, and the source table has %s; the replica inherits it", table.ConflictTag, rule, has)
	}
	return nil
}
