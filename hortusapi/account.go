package hortusapi

import (
	"context"
	"encoding/json"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
)

// accountOperation makes an operation of a function that acts on the cells of the
// caller's own account, of which it is given the replicators in the order of
// their Regions. What other accounts hold it neither sees nor touches.
func accountOperation[I, O any](name string, run func(ctx context.Context, own []*replication.Replicator, in *I) (*O, error)) *Operation {
	op := operation(name, func(World, *I) (*O, error) { return nil, nil })
	op.Run = func(ctx context.Context, w World, c *api.Call) error {
		var own []*replication.Replicator
		for _, r := range w.Replicators() {
			if r.Engine().Cell().Account == c.Caller.Account {
				own = append(own, r)
			}
		}
		out, err := run(ctx, own, c.Input.(*I))
		if err != nil {
			return err
		}
		b, err := json.Marshal(out)
		c.Out = append(c.Out, b...)
		return err
	}
	return op
}

// inRegion keeps the cell of a Region; "" keeps all.
func inRegion(own []*replication.Replicator, r aws.Region) ([]*replication.Replicator, error) {
	if r == "" {
		return own, nil
	}
	if err := region(r); err != nil {
		return nil, err
	}
	for i := range own {
		if own[i].Engine().Cell().Region == r {
			return own[i : i+1], nil
		}
	}
	return nil, nil
}
