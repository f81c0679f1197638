package replication

import (
	"context"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/table"
)

// Caller is in whose name a member asks others, and how its call came; nil where that
// is not known.
type Caller struct {
	policy.Principal
	Came *policy.Circumstances
}

// AskLeave asks another cell whether the policy of its table, if it has both,
// leaves a caller of this account all of some actions on it.
// The first denial is the answer's error.
func (r *Replicator) AskLeave(ctx context.Context, to aws.Cell, name string, caller Caller, actions []string) error {
	_, err := r.call(ctx, to, &Request{Kind: Permit, Table: name, Caller: caller.Principal, Came: caller.Came, Actions: actions, DryRun: true})
	return err
}

// permit answers AskLeave.
func (r *Replicator) permit(_ context.Context, _ aws.Cell, q *Request) (*Response, error) {
	came := r.came(q)
	for _, action := range q.Actions {
		req := policy.Request{Principal: q.Caller, Action: action, Resource: r.cell.TableARN(q.Table), Came: came}
		if d := Leave(r.engine.Table(q.Table), r.cell.Account, &req); !d.Allowed() {
			return nil, d.AccessDenied()
		}
	}
	return &Response{}, nil
}

// came is how the caller's call came in whose name another cell asks. Its time is
// this cell's: policies are judged by the clock that is where they are.
func (r *Replicator) came(q *Request) *policy.Circumstances {
	out := r.circumstances()
	if q.Came != nil {
		now := out.Time
		*out = *q.Came
		out.Time = now
	}
	return out
}

// Leave decides whether a principal may do something with a resource of a table,
// nil where there is none, that an account owns. The root user of the account
// needs no policy there unless one denies; in another account the resource's
// policy has to allow.
func Leave(t *table.Table, owner aws.Account, req *policy.Request) policy.Decision {
	layers := policy.Layers{Owner: owner}
	switch {
	case t != nil && t.Policy != nil:
		layers.Resource = []*policy.Document{t.Policy}
	case owner == req.Principal.Account:
		return policy.Decision{Effect: policy.Allow}
	}
	return layers.Evaluate(req)
}
