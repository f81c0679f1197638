package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/table"
)

// Gap is something about a member's table that keeps a cell from joining its
// global table.
type Gap struct {
	Cell   aws.Cell // Whose table it is.
	Reason string
	Allow  string // Statements, as JSON, that the table's policy lacks; "" where a policy is not what is in the way.
}

// Members lists the cells of the global table of that name, this one included;
// nil when there is no such table here.
func (r *Replicator) Members(name string) []aws.Cell {
	t := r.engine.Table(name)
	switch {
	case t == nil:
		return nil
	case t.Def.Group == nil:
		return []aws.Cell{r.cell}
	}
	return cells(t.Def.Group)
}

// Explanation is what a cell says of its table to whoever asks what keeps a newcomer
// from joining.
type Explanation struct {
	Members []aws.Cell // Of the global table, as Members has them.
	Gaps    []Gap      // As far as they were asked for.

	Withheld bool // Members is this cell alone: who else there is is not for the caller.
}

// ExplainWith has this cell's table explained to a newcomer, and to whoever has a
// replica of it. Members are those of the global table, nil where they are asked
// for alone.
func (r *Replicator) ExplainWith(ctx context.Context, name string, newcomer, source aws.Cell, members []aws.Cell) (*Explanation, error) {
	out := &Explanation{Members: r.Members(name)}
	if members == nil {
		return out, nil
	}
	var err error
	if source == r.cell {
		if out.Gaps, err = r.ExplainSource(ctx, name); err != nil {
			return nil, err
		}
	}
	gaps, err := r.ExplainJoin(name, newcomer, members)
	out.Gaps = append(out.Gaps, gaps...)
	return out, err
}

// getPolicy is the leave to read a table's policy.
const getPolicy = "dynamodb:GetResourcePolicy"

// policyWithheld is said instead of what a policy says.
const policyWithheld = "What the policy of its table says is for its own account, and for those whom it lets read it, or associate."

// explainTo answers a request of that kind, in the name of a caller who has to be of
// the account of the cell that asks. What a table's policy says is for its own account
// and for whoever it lets associate, or read it; of other callers one of a member's
// account is told what they have in common, and one of none what a join would be told.
func (r *Replicator) explainTo(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	t, newcomer := r.engine.Table(q.Table), q.Member.Cell
	own := q.Caller.Account == from.Account && from.Account == r.cell.Account
	switch {
	case t == nil, newcomer == r.cell && !own:
		return &Response{Explanation: &Explanation{}}, nil
	case newcomer == r.cell:
		return &Response{Explanation: &Explanation{Members: []aws.Cell{r.cell}}}, nil // It has such a table.
	case from != newcomer && from != r.cell && t.Def.Group.Member(from) == nil:
		return nil, aws.Errorf("AccessDeniedException", "%v explains its table %s to its members and to the newcomer alone", r.cell, q.Table)
	}
	var members []aws.Cell
	if q.Group != nil {
		members = cells(q.Group)
	}
	if own || (q.Caller.Account == from.Account && r.shows(t, q)) {
		e, err := r.ExplainWith(ctx, q.Table, newcomer, q.Member.Source, members)
		return &Response{Explanation: e}, err
	}
	out := &Explanation{Members: []aws.Cell{r.cell}, Withheld: true}
	var err error
	switch {
	case q.Caller.Account == from.Account && t.Def.Group.Member(from) != nil:
		out, err = r.explainMember(t, newcomer, members)
	case members != nil:
		gap := Gap{Cell: r.cell, Reason: policyWithheld, Allow: AssociateStatement(r.cell, q.Table, newcomer.Account)}
		if join := r.leaveFor(t, q, associate); from == newcomer && q.Caller.Account == from.Account && !join.Allowed() {
			gap.Reason = denied(newcomer.Account.Root(), t.ARN) + ". What else is in the way is told once that is allowed."
		}
		out.Gaps = []Gap{gap}
	}
	return &Response{Explanation: out}, err
}

// shows reports whether a caller of another account may know what a table's policy
// says: who may associate has to know, unless the policy denies its reading.
func (r *Replicator) shows(t *table.Table, q *Request) bool {
	read, join := r.leaveFor(t, q, getPolicy), r.leaveFor(t, q, associate)
	return read.Allowed() || (read.Effect != policy.ExplicitDeny && join.Allowed())
}

// leaveFor is what a table's policy says to an action of the caller of a request.
func (r *Replicator) leaveFor(t *table.Table, q *Request, action string) policy.Decision {
	return Leave(t, r.cell.Account, &policy.Request{Principal: q.Caller, Action: action, Resource: t.ARN, Came: r.came(q)})
}

// explainMember explains a table to another member of its global table that may not
// read its policy: of that it says whether it lets the newcomer join, and not why.
func (r *Replicator) explainMember(t *table.Table, newcomer aws.Cell, members []aws.Cell) (*Explanation, error) {
	out := &Explanation{Members: r.Members(t.Def.Name)}
	if members == nil {
		return out, nil
	}
	out.Gaps = r.settingsGaps(t, newcomer)
	if newcomer.Account == r.cell.Account {
		return out, nil
	}
	gap, err := r.policyGap(t, newcomer, append(slices.Clone(members), newcomer))
	if err == nil && gap.Reason != "" {
		gap.Reason = denied(newcomer.Account.Root(), t.ARN) + ". " + policyWithheld
		out.Gaps = append(out.Gaps, gap)
	}
	return out, err
}

// ExplainSource lists what else keeps this cell's table from being the source of a
// newcomer, which alone is asked for it.
func (r *Replicator) ExplainSource(ctx context.Context, name string) ([]Gap, error) {
	t := r.engine.Table(name)
	if t == nil {
		return nil, nil // ExplainJoin says so.
	}
	err := r.CheckScaled(ctx, &t.Def)
	var unscaled *aws.Error
	if !errors.As(err, &unscaled) {
		return nil, err
	}
	return []Gap{{Cell: r.cell, Reason: unscaled.Message + " Register its write capacity with Application Auto Scaling and put a policy for it, for the table and each index."}}, nil
}

// ExplainJoin lists what about this cell's table keeps a newcomer from joining a
// global table of these members, which does not hold the newcomer yet. The
// newcomer is taken for the root user of its account.
func (r *Replicator) ExplainJoin(name string, newcomer aws.Cell, members []aws.Cell) ([]Gap, error) {
	t := r.engine.Table(name)
	if t == nil {
		return []Gap{{Cell: r.cell, Reason: "There is no table of that name."}}, nil
	}
	out := r.settingsGaps(t, newcomer)
	if newcomer.Account == r.cell.Account {
		return out, nil // Its policy is asked only for other accounts.
	}
	gap, err := r.policyGap(t, newcomer, append(slices.Clone(members), newcomer))
	if err == nil && gap.Reason != "" {
		out = append(out, gap)
	}
	return out, err
}

// settingsGaps is what but for policies keeps a newcomer from joining.
func (r *Replicator) settingsGaps(t *table.Table, newcomer aws.Cell) []Gap {
	var out []Gap
	name := t.Def.Name
	say := func(format string, args ...any) {
		out = append(out, Gap{Cell: r.cell, Reason: fmt.Sprintf(format, args...)})
	}
	kind := kindOf(&t.Def)
	switch {
	case kind == table.SameAccount && newcomer.Account != r.cell.Account:
		say("The table has replicas in its own account. Disassociate them first; another account joins a regional table, or a multi-account global table. Or let the global table be mixed: hortus table set %s --topology %s.", name, table.MixedTopology)
	case kind != table.SameAccount && t.Def.SettingsMode != "ENABLED" && newcomer.Account != r.cell.Account:
		say("GlobalTableSettingsReplicationMode of the table is not ENABLED. Set it with UpdateTable.")
	}
	if newcomer.Region == r.cell.Region {
		say("The table is in Region %s, too: members are in different Regions.", r.cell.Region)
	}
	if newcomer.Account == r.cell.Account && kind != table.Mixed {
		say("The table is of account %s, too: add a replica in its own account with UpdateTable where it has no member in another account, or let the global table be mixed: hortus table set %s --topology %s.", r.cell.Account, name, table.MixedTopology)
	}
	if t.Def.Status != table.Active || t.Def.Disassociating || t.Def.Changing() != nil {
		say("The table is being changed: it is not ACTIVE. Wait until it is.")
	}
	if (kind == table.Mixed || newcomer.Account != r.cell.Account) && t.Def.Encryption.Managed() {
		say("The table has the AWS managed key, which no replica of a global table of several accounts may have: give it an AWS owned key or a customer managed key with UpdateTable.")
	}
	if r.disabled.Load() {
		say("Region %s is disabled in account %s.", r.cell.Region, r.cell.Account)
	}
	return out
}

// policyGap is what the table's policy lacks, or denies.
func (r *Replicator) policyGap(t *table.Table, newcomer aws.Cell, members []aws.Cell) (Gap, error) {
	who, err := policy.ParsePrincipal(newcomer.Account.Root())
	if err != nil {
		return Gap{}, err
	}
	var docs []*policy.Document
	if t.Policy != nil {
		docs = append(docs, t.Policy)
	}
	var reasons, allow []string
	note := func(d policy.Decision, lacks string) {
		if d.Allowed() {
			return
		}
		reasons = append(reasons, strings.TrimSpace(d.Explain()))
		if d.Effect == policy.ImplicitDeny {
			allow = append(allow, lacks)
		}
	}
	kind := kindOf(&t.Def)
	if kind == table.SameAccount {
		kind = table.Mixed // That it has to become first.
	}
	note(policy.Evaluate(&policy.Request{Principal: who, Action: associate, Resource: t.ARN, Came: r.circumstances()}, docs...), AssociateStatement(r.cell, t.Def.Name, newcomer.Account))
	note(r.decideAll(kind, subjectOf(t), members), ServiceStatement(r.cell, t.Def.Name, members))
	return Gap{Cell: r.cell, Reason: strings.Join(reasons, "\n"), Allow: strings.Join(allow, ",\n")}, nil
}
