package replication

import (
	"context"
	"slices"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/identity"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/table"
)

// Roles gives a cell the account's role of a kind, made where there is none: the one
// that another node tells of, if that is not nil. identity.Directory is one.
type Roles func(ctx context.Context, k *identity.Linked, elsewhere *identity.Role) (*identity.Role, error)

// What the role that replicates does with a replica and with its stream, by the managed policy that
// is attached to it (documented).
var (
	roleActions = []string{
		"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Scan",
		"dynamodb:DescribeTable", "dynamodb:UpdateTable", "dynamodb:DescribeTimeToLive", "dynamodb:UpdateTimeToLive",
		"dynamodb:GetResourcePolicy",
	}
	roleStreamActions = []string{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}
)

// rolesFor are the roles that this cell's replica needs with these members: one to
// replicate by with those of its account, one to keep settings with the others
// (documented).
func (r *Replicator) rolesFor(g *table.Group) []*identity.Linked {
	var near, far bool
	for _, m := range g.Members {
		switch {
		case m.Cell == r.cell:
		case g.Kind.ByRole(r.cell.Account, m.Cell.Account):
			near = true
		default:
			far = true
		}
	}
	var out []*identity.Linked
	if near {
		out = append(out, identity.Replication)
	}
	if far {
		out = append(out, identity.Settings)
	}
	return out
}

// ensureRoles has the account have the roles that this cell's replica needs with these
// members, and returns them. Those elsewhere are what another cell of the account told
// of. Called once the replica is one, nobody can delete the roles any more.
func (r *Replicator) ensureRoles(ctx context.Context, g *table.Group, elsewhere []identity.Role) ([]identity.Role, error) {
	if r.roles == nil {
		return nil, nil
	}
	var out []identity.Role
	for _, k := range r.rolesFor(g) {
		var told *identity.Role
		if i := slices.IndexFunc(elsewhere, func(o identity.Role) bool { return o.Service == k.Service }); i >= 0 {
			told = &elsewhere[i]
		}
		role, err := r.roles(ctx, k, told)
		if err != nil {
			return nil, err
		}
		out = append(out, *role)
	}
	return out, nil
}

// restoreRoles makes the roles that the cell's replicas need and do not have: there
// were none when they were made, or the making was cut off.
func (r *Replicator) restoreRoles(ctx context.Context) {
	for _, k := range identity.Kinds() {
		if r.roles == nil || len(r.Uses(k)) == 0 {
			continue
		}
		if _, err := r.roles(ctx, k, nil); err != nil && ctx.Err() == nil {
			r.logger.Error("a service-linked role cannot be made", "cell", r.cell.String(), "role", k.Name, "error", err)
		}
	}
}

// Uses lists the ARNs of the replicas here that need a role.
func (r *Replicator) Uses(k *identity.Linked) []string {
	var out []string
	for _, t := range r.engine.Tables() {
		if t.Def.Group != nil && slices.Contains(r.rolesFor(t.Def.Group), k) {
			out = append(out, t.ARN)
		}
	}
	return out
}

// replicationRole is a session of an account's role. How AWS names the session is
// not known.
func replicationRole(a aws.Account) policy.Principal {
	return policy.Principal{
		Type: policy.AssumedRole, Account: a, ServiceLinked: true,
		ARN:  "arn:aws:sts::" + string(a) + ":assumed-role/" + identity.Replication.Name + "/replication",
		Role: identity.Replication.ARN(a),
	}
}

// subject is a table of this cell with the policies that say who may replicate it.
type subject struct {
	name   string
	policy *policy.Document
	stream *policy.Document // The policy of its stream.
	label  string           // Of the stream.
}

func subjectOf(t *table.Table) subject {
	s := subject{name: t.Def.Name, policy: t.Policy, stream: t.StreamPolicy}
	if t.Def.Stream != nil {
		s.label = t.Def.Stream.Label
	}
	return s
}

// timed reports whether the time alone may change what the policies say.
func timed(t *table.Table) bool { return t.Policy.Timed() || t.StreamPolicy.Timed() }

// roleDenial is the first Deny that the role meets; an allowing decision where there
// is none. The role needs no Allow, and one action that it is denied stops
// replication to and from the replica (documented). A Deny of the action by its name
// between accounts counts, too, for that action (ours).
func (r *Replicator) roleDenial(s subject, action string) policy.Decision {
	arn := r.cell.TableARN(s.name)
	for _, x := range []struct {
		policy   *policy.Document
		resource string
		actions  []string
	}{
		{s.policy, arn, []string{action}},
		{s.policy, arn, roleActions},
		{s.stream, arn + "/stream/" + s.label, roleStreamActions},
	} {
		if x.policy == nil {
			continue
		}
		req := policy.Request{Principal: replicationRole(r.cell.Account), Resource: x.resource, Came: r.circumstances()}
		for _, req.Action = range x.actions {
			if d := policy.Evaluate(&req, x.policy); d.Effect == policy.ExplicitDeny {
				return d
			}
		}
	}
	return policy.Decision{Effect: policy.Allow}
}
