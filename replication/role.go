package replication

import (
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/table"
)

// roleName is the service-linked role that replicates between the Regions of an
// account (documented).
const roleName = "AWSServiceRoleForDynamoDBReplication"

// What the role does with a replica and with its stream, by the managed policy that
// is attached to it (documented).
var (
	roleActions = []string{
		"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Scan",
		"dynamodb:DescribeTable", "dynamodb:UpdateTable", "dynamodb:DescribeTimeToLive", "dynamodb:UpdateTimeToLive",
		"dynamodb:GetResourcePolicy",
	}
	roleStreamActions = []string{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}
)

// replicationRole is a session of an account's role. How AWS names the session is
// not known.
func replicationRole(a aws.Account) policy.Principal {
	return policy.Principal{
		Type: policy.AssumedRole, Account: a, ServiceLinked: true,
		ARN:  "arn:aws:sts::" + string(a) + ":assumed-role/" + roleName + "/replication",
		Role: "arn:aws:iam::" + string(a) + ":role/aws-service-role/" + ServicePrincipal + "/" + roleName,
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
