package replication

import (
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/table"
)

// ServicePrincipal is who replicates (documented).
const ServicePrincipal = "replication.dynamodb.amazonaws.com"

// The actions that replication needs on every member (documented).
const (
	readData         = "dynamodb:ReadDataForReplication"
	writeData        = "dynamodb:WriteDataForReplication"
	replicateSetting = "dynamodb:ReplicateSettings"
	associate        = "dynamodb:AssociateTableReplica"
)

// permission is what the policy of a table said of one action for one peer. It
// holds for one state of the table: a policy that is put or deleted makes a new
// one, so that it is asked again on the next batch.
type permission struct {
	table    *table.Table
	decision policy.Decision
	disabled string // Set where the cell's Region is disabled.
}

func (p *permission) allows(r *Replicator, t *table.Table, action string, peer aws.Cell) bool {
	if p.disabled = ""; r.disabled.Load() {
		p.disabled = "Region " + string(r.cell.Region) + " is disabled in account " + string(r.cell.Account)
		return false
	}
	if p.table != t {
		p.table = t
		p.decision = decide(t.Def.Group.Kind, r.cell, t.Def.Name, t.Policy, action, []aws.Cell{peer})
	}
	return p.decision.Allowed()
}

// reason explains a denial to the statement; "" when there is none.
func (p *permission) reason() string {
	if p.disabled != "" {
		return p.disabled
	}
	if p.table == nil || p.decision.Allowed() {
		return ""
	}
	return p.decision.Explain()
}

// decide asks whether the service may do action to the table of own on behalf of
// members of its global table, own among them whether it is named or not. The
// statement that allows it names all of them, own included (documented).
//
// Within one account a service-linked role replicates: only an explicit Deny in
// the resource policy stops it (documented). Where a group is mixed, members of
// the own account need no statement, and the others need one that names them all.
func decide(kind table.GroupKind, own aws.Cell, name string, doc *policy.Document, action string, members []aws.Cell) policy.Decision {
	var near, far []aws.Cell
	for _, m := range members {
		switch {
		case m == own:
		case kind.ByRole(own.Account, m.Account):
			near = append(near, m)
		default:
			far = append(far, m)
		}
	}
	d := policy.Decision{Effect: policy.Allow}
	if len(far) > 0 {
		if d = evaluate(own, name, doc, action, far); !d.Allowed() {
			return d
		}
	}
	if len(near) > 0 {
		if n := evaluate(own, name, doc, action, near); n.Effect == policy.ExplicitDeny {
			return n
		}
	}
	return d
}

// evaluate asks the policy of own's table alone.
func evaluate(own aws.Cell, name string, doc *policy.Document, action string, others []aws.Cell) policy.Decision {
	accounts := policy.Attribute{Key: "aws:SourceAccount", Each: true}
	arns := policy.Attribute{Key: "aws:SourceArn", Each: true}
	for _, m := range append([]aws.Cell{own}, others...) {
		accounts.Values = append(accounts.Values, string(m.Account))
		arns.Values = append(arns.Values, m.TableARN(name))
	}
	req := policy.Request{
		Principal: policy.ServicePrincipal(ServicePrincipal),
		Action:    action, Resource: own.TableARN(name),
		Context: []policy.Attribute{accounts, arns},
	}
	var docs []*policy.Document
	if doc != nil {
		docs = append(docs, doc)
	}
	return policy.Evaluate(&req, docs...)
}

// decideAll asks for all actions that replication needs, and returns the first
// denial.
func decideAll(kind table.GroupKind, own aws.Cell, name string, doc *policy.Document, members []aws.Cell) policy.Decision {
	var d policy.Decision
	for _, action := range []string{readData, writeData, replicateSetting} {
		if d = decide(kind, own, name, doc, action, members); !d.Allowed() {
			return d
		}
	}
	return d
}
