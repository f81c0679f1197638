package replication

import (
	"context"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/table"
)

// AskLeave asks another cell whether the policy of its table, if it has both,
// leaves a principal of this account, whose call came so, all of some actions on it.
// The first denial is the answer's error.
func (r *Replicator) AskLeave(ctx context.Context, to aws.Cell, name string, caller policy.Principal, came *policy.Circumstances, actions []string) error {
	_, err := r.call(ctx, to, &Request{Kind: Permit, Table: name, Caller: caller, Came: came, Actions: actions, DryRun: true})
	return err
}

// permit answers AskLeave.
func (r *Replicator) permit(q *Request) (*Response, error) {
	came := r.circumstances()
	if q.Came != nil {
		*came = *q.Came
		came.Time = r.dates.Now() // Policies are judged by this cell's clock.
	}
	for _, action := range q.Actions {
		req := policy.Request{Principal: q.Caller, Action: action, Resource: r.cell.TableARN(q.Table), Came: came}
		if d := Leave(r.engine.Table(q.Table), r.cell.Account, &req); !d.Allowed() {
			return nil, d.AccessDenied()
		}
	}
	return &Response{}, nil
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
