package replication

import (
	"context"
	"fmt"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/scaling"
	"github.com/hortusdb/hortus/table"
)

// maker stamps targets of auto scaling that are made here.
func (r *Replicator) maker() scaling.Maker {
	return scaling.Maker{NewID: r.newID, Now: r.clock.Now().UnixMicro()}
}

// exportScaling lists a table's targets of auto scaling, for a newcomer.
func (r *Replicator) exportScaling(ctx context.Context, name string) ([]scaling.Target, error) {
	if r.scaling == nil {
		return nil, nil
	}
	return r.scaling.Of(ctx, name)
}

// adoptScaling takes over the targets of a newcomer's source (recorded).
func (r *Replicator) adoptScaling(ctx context.Context, targets []scaling.Target) error {
	if r.scaling == nil {
		return nil
	}
	return r.scaling.Adopt(ctx, r.maker(), targets)
}

// CheckScaled returns AWS's error for a table that can have no replica: in
// provisioned mode its writes have to scale, and those of each index (recorded).
func (r *Replicator) CheckScaled(ctx context.Context, d *table.Definition) error {
	if d.OnDemand {
		return nil
	}
	if err := r.scales(ctx, scaling.Resource(d.Name, ""), scaling.TableWrite, "Table"); err != nil {
		return err
	}
	for i := range d.Indexes {
		if x := &d.Indexes[i]; !x.Local {
			if err := r.scales(ctx, scaling.Resource(d.Name, x.Name), scaling.IndexWrite, "GSI"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Replicator) scales(ctx context.Context, resource string, d scaling.Dimension, what string) error {
	ok := false
	if r.scaling != nil {
		var err error
		if ok, err = r.scaling.Scaled(ctx, resource, d); err != nil {
			return err
		}
	}
	if !ok {
		return aws.Validation("%s write capacity should either be Pay-Per-Request or AutoScaled.", what)
	}
	return nil
}

// ResetScaling sets up the auto scaling of a member of a global table that has
// become provisioned (recorded).
func (r *Replicator) ResetScaling(ctx context.Context, d *table.Definition) error {
	if r.scaling == nil {
		return nil
	}
	capacities := []scaling.Capacity{{Read: d.Throughput.Read, Write: d.Throughput.Write}}
	for i := range d.Indexes {
		if x := &d.Indexes[i]; !x.Local {
			capacities = append(capacities, scaling.Capacity{Index: x.Name, Read: x.Throughput.Read, Write: x.Throughput.Write})
		}
	}
	return r.scaling.Reset(ctx, r.maker(), d.Name, capacities)
}

// CheckShareScaling returns the error that a change of auto scaling meets which
// all members of a multi-account global table have to follow: a policy withholds
// the keeping of settings, or a member cannot be reached.
func (r *Replicator) CheckShareScaling(ctx context.Context, t *table.Table) error {
	if err := r.CheckSettle(t); err != nil {
		return err
	}
	return r.shareScaling(ctx, t, &Request{DryRun: true})
}

// ShareScaling makes this cell's targets of a table of a multi-account global table
// those of all members. Of several at the same time all members end with one's.
func (r *Replicator) ShareScaling(ctx context.Context, t *table.Table) error {
	r.changing.Lock()
	targets, err := r.exportScaling(ctx, t.Def.Name)
	var to table.Edition
	if err == nil {
		_, err = r.engine.Alter(ctx, t.Def.Name, func(d *table.Definition) error {
			d.Scaled = d.Scaled.Next(r.newID())
			to = d.Scaled
			return nil
		})
	}
	r.changing.Unlock()
	if err != nil {
		return err
	}
	return r.shareScaling(ctx, t, &Request{Scaling: targets, Edition: to})
}

func (r *Replicator) shareScaling(ctx context.Context, t *table.Table, q *Request) error {
	q.Kind, q.Table, q.Group = Rescale, t.Def.Name, t.Def.Group
	for _, m := range t.Def.Group.Members {
		if m.Cell == r.cell {
			continue
		}
		if _, err := r.call(ctx, m.Cell, q); err != nil {
			return err
		}
	}
	return nil
}

// Scaling returns the targets of a table as another member has them, this cell
// included. Only members of the same account are asked.
func (r *Replicator) Scaling(ctx context.Context, t *table.Table, m table.Member) ([]scaling.Target, error) {
	a, err := r.callOrServe(ctx, m.Cell, &Request{Kind: ReadScaling, Table: t.Def.Name, Group: t.Def.Group})
	if err != nil {
		return nil, err
	}
	return a.Scaling, nil
}

// NextScaling is the edition of a change of a table's targets that is made now, for
// SetScaling.
func (r *Replicator) NextScaling(t *table.Table) table.Edition { return t.Def.Scaled.Next(r.newID()) }

// SetScaling replaces targets of a member of the same account, this cell
// included, unless it has those of a later edition.
func (r *Replicator) SetScaling(ctx context.Context, t *table.Table, m table.Member, targets []scaling.Target, to table.Edition) error {
	_, err := r.callOrServe(ctx, m.Cell, &Request{Kind: Rescale, Table: t.Def.Name, Group: t.Def.Group, Scaling: targets, Edition: to})
	return err
}

// readScaling answers another Region of the account.
func (r *Replicator) readScaling(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	t := r.engine.Table(q.Table)
	if !belongs(t, q.Group.ID, from) || from.Account != r.cell.Account {
		return nil, notFound(q.Table)
	}
	targets, err := r.exportScaling(ctx, q.Table)
	return &Response{Scaling: targets}, err
}

// rescale takes over targets from another member: as far as they are kept in
// step, or where members may have their own as they are given. Changes that are made
// at the same time come to the members in any order, so each keeps the one of the
// latest edition.
func (r *Replicator) rescale(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	t := r.engine.Table(q.Table)
	if !belongs(t, q.Group.ID, from) || r.scaling == nil {
		return nil, notFound(q.Table)
	}
	for i := range q.Scaling {
		if name, _, ok := scaling.ParseResource(q.Scaling[i].Resource); !ok || name != q.Table {
			return nil, fmt.Errorf("replication: %v cannot scale %s with %s", from, q.Scaling[i].Resource, q.Table)
		}
	}
	if err := r.CheckSettle(t); err != nil || q.DryRun || q.Edition.Compare(t.Def.Scaled) < 0 {
		return &Response{}, err
	}
	ownReads := from != r.cell && !t.Def.Group.Kind.Overrides()
	if err := r.scaling.Replace(ctx, r.maker(), q.Table, q.Scaling, ownReads); err != nil {
		return nil, err
	}
	_, err := r.engine.Alter(ctx, q.Table, func(d *table.Definition) error {
		if d.Scaled.Compare(q.Edition) < 0 {
			d.Scaled = q.Edition
		}
		return nil
	})
	return &Response{}, err
}
