package replication

import (
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/identity"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/table"
)

// ServicePrincipal is who replicates (documented).
const ServicePrincipal = identity.ReplicationService

// The actions that replication needs on every member (documented).
const (
	readData         = "dynamodb:ReadDataForReplication"
	writeData        = "dynamodb:WriteDataForReplication"
	replicateSetting = "dynamodb:ReplicateSettings"
	associate        = "dynamodb:AssociateTableReplica"
)

// permission is what the policy of a table said of one action for one peer. It
// holds for one state of the table: a policy that is put or deleted makes a new
// one, so that it is asked again on the next batch. One that speaks of the time is
// asked again each second.
type permission struct {
	table    *table.Table
	second   int64 // In which it was asked, where that matters.
	decision policy.Decision
	lacks    string // The statement, as JSON, that would allow all that the table's replication needs; "" where none would.
	disabled string // Set where the cell's Region is disabled.
}

func (p *permission) allows(r *Replicator, t *table.Table, action string, peer aws.Cell) bool {
	if p.disabled = ""; r.disabled.Load() {
		p.disabled = r.disabledText()
		return false
	}
	var second int64
	if timed(t) {
		second = r.dates.Now().Unix()
	}
	if p.table != t || p.second != second {
		p.table, p.second = t, second
		p.decision, p.lacks = r.decideData(t.Def.Group.Kind, subjectOf(t), action, peer), ""
		if p.decision.Effect == policy.ImplicitDeny {
			p.lacks = ServiceStatement(r.cell, t.Def.Name, cells(t.Def.Group))
		}
	}
	return p.decision.Allowed()
}

// disabledText says that the cell's Region is disabled.
func (r *Replicator) disabledText() string {
	return "Region " + string(r.cell.Region) + " is disabled in account " + string(r.cell.Account)
}

// reason explains a denial to the statement; "" when there is none. The peer is told
// it as well, so what it suggests is the whole statement: one for the denied action
// and this pair alone would only lead to the next denial.
func (p *permission) reason() string {
	if p.disabled != "" {
		return p.disabled
	}
	if p.table == nil || p.decision.Allowed() {
		return ""
	}
	return suggesting(p.decision.Explain(), p.lacks)
}

// suggesting puts another statement in the place of the one that an explanation
// suggests.
func suggesting(explanation, statement string) string {
	before, _, found := strings.Cut(explanation, policy.Suggestion)
	if !found || statement == "" {
		return explanation
	}
	return before + policy.Suggestion + "\n" + statement + "\n"
}

// explainAll explains a denial of what the service needs for these members, and
// suggests the whole statement.
func (r *Replicator) explainAll(d policy.Decision, name string, members []aws.Cell) string {
	return suggesting(d.Explain(), ServiceStatement(r.cell, name, members))
}

// suggested is the statement that an explanation suggests; "" where it does not.
func suggested(explanation string) string {
	_, statement, _ := strings.Cut(explanation, policy.Suggestion)
	return strings.TrimSpace(statement)
}

// decide asks whether the service may do action to this cell's table on behalf of
// members of its global table, this cell among them whether it is named or not. The
// statement that allows it names all of them, this cell included (documented).
//
// Within one account a service-linked role replicates: only an explicit Deny in
// the resource policy stops it (documented). Where a group is mixed, members of the own account
// need no statement, and the others need one that names them all.
func (r *Replicator) decide(kind table.GroupKind, s subject, action string, members []aws.Cell) policy.Decision {
	var far []aws.Cell
	near := false
	for _, m := range members {
		switch {
		case m == r.cell:
		case kind.ByRole(r.cell.Account, m.Account):
			near = true
		default:
			far = append(far, m)
		}
	}
	d := policy.Decision{Effect: policy.Allow}
	if len(far) > 0 {
		if d = r.evaluate(s, action, far); !d.Allowed() {
			return d
		}
	}
	if near {
		return r.roleDenial(s, action)
	}
	return d
}

// decideData asks whether changes may flow between this cell's table and a member's:
// one of the two actions that is denied stops both ways (documented). The denial of
// action, which the caller is about, is the one that it hears of first.
func (r *Replicator) decideData(kind table.GroupKind, s subject, action string, peer aws.Cell) policy.Decision {
	d := r.decide(kind, s, action, []aws.Cell{peer})
	for _, a := range []string{readData, writeData} {
		if d.Allowed() && a != action {
			d = r.decide(kind, s, a, []aws.Cell{peer})
		}
	}
	return d
}

// evaluate asks this table's policy what it says to the service.
func (r *Replicator) evaluate(s subject, action string, others []aws.Cell) policy.Decision {
	accounts := policy.Attribute{Key: "aws:SourceAccount", Each: true}
	arns := policy.Attribute{Key: "aws:SourceArn", Each: true}
	for _, m := range append([]aws.Cell{r.cell}, others...) {
		accounts.Values = append(accounts.Values, string(m.Account))
		arns.Values = append(arns.Values, m.TableARN(s.name))
	}
	req := policy.Request{
		Principal: policy.ServicePrincipal(ServicePrincipal),
		Action:    action, Resource: r.cell.TableARN(s.name),
		Context: []policy.Attribute{accounts, arns}, Came: r.circumstances(),
	}
	var docs []*policy.Document
	if s.policy != nil {
		docs = append(docs, s.policy)
	}
	return policy.Evaluate(&req, docs...)
}

// circumstances are those of what other cells ask of this one. The time is that of
// the clock of deadlines: an Allow or a Deny that ends in some hours is one. Between
// nodes there is TLS, and within one nothing leaves it.
func (r *Replicator) circumstances() *policy.Circumstances {
	return &policy.Circumstances{Time: r.dates.Now(), Region: r.cell.Region, Secure: true}
}

// decideAll asks for all actions that replication needs, and returns the first
// denial.
func (r *Replicator) decideAll(kind table.GroupKind, s subject, members []aws.Cell) policy.Decision {
	var d policy.Decision
	for _, action := range []string{readData, writeData, replicateSetting} {
		if d = r.decide(kind, s, action, members); !d.Allowed() {
			return d
		}
	}
	return d
}
