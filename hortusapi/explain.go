package hortusapi

import (
	"context"
	"slices"
	"time"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// ExplainJoinInput asks why a cell cannot join the global table of a member.
type ExplainJoinInput struct {
	Table            string
	Source, Newcomer string // Cells, as in "111111111111/us-east-1".
}

// ExplainJoinOutput lists what is in the way, member by member, and the statement
// that the policy which the newcomer brings along must have.
type ExplainJoinOutput struct {
	Gaps     []Gap
	Unknown  []string // Cells of which this server had no answer.
	Newcomer string   // The statement, as JSON; "" where the caller may not know all members.
}

// Gap is something that is in the way of a join.
type Gap struct {
	Cell   string
	Reason string
	Allow  string `json:",omitempty"` // Statements, as JSON, that the policy of the member's table lacks.
}

func explainJoin(ctx context.Context, w World, c *api.Call, in *ExplainJoinInput) (*ExplainJoinOutput, error) {
	source, err := aws.ParseCell(in.Source)
	if err != nil {
		return nil, aws.Validation("Source: %v", err)
	}
	newcomer, err := aws.ParseCell(in.Newcomer)
	if err != nil {
		return nil, aws.Validation("Newcomer: %v", err)
	}
	x := newExplainer(w, c, in.Table, source, newcomer)
	out := &ExplainJoinOutput{Gaps: []Gap{}}
	at := x.ask(ctx, source, nil)
	switch {
	case at == nil:
		out.Unknown = append(out.Unknown, in.Source)
		return out, nil
	case at.Members == nil:
		out.Gaps = append(out.Gaps, Gap{Cell: in.Source, Reason: "There is no table of that name."})
		return out, nil
	case slices.Contains(at.Members, newcomer):
		out.Gaps = append(out.Gaps, Gap{Cell: in.Newcomer, Reason: "It has a replica of this table already, and nothing to join."})
		return out, nil
	}
	members := at.Members
	if !at.Withheld { // Else there may be more of them, whom its policy has to name.
		out.Newcomer = replication.ServiceStatement(newcomer, in.Table, append(slices.Clone(members), newcomer))
	}
	switch own := x.ask(ctx, newcomer, nil); {
	case own == nil:
		out.Unknown = append(out.Unknown, in.Newcomer)
	case own.Members != nil:
		out.Gaps = append(out.Gaps, Gap{Cell: in.Newcomer, Reason: "The newcomer has a table of that name already: delete it, for a join makes its own."})
	}
	others := slices.DeleteFunc(slices.Clone(members), func(c aws.Cell) bool { return c == source })
	for _, m := range append([]aws.Cell{source}, others...) {
		e := x.ask(ctx, m, members)
		if e == nil {
			out.Unknown = append(out.Unknown, m.String())
			continue
		}
		out.lacks(e.Gaps)
	}
	return out, nil
}

// explainer asks cells what keeps a newcomer from joining: those of this node
// themselves, others in the name of one that has a part in the join.
type explainer struct {
	own              map[aws.Cell]*replication.Replicator
	network          *replication.Network
	table            string
	source, newcomer aws.Cell
	name             aws.Cell
	caller           replication.Caller
}

func newExplainer(w World, c *api.Call, table string, source, newcomer aws.Cell) *explainer {
	x := &explainer{own: map[aws.Cell]*replication.Replicator{}, network: w.Network(), table: table, source: source, newcomer: newcomer, name: newcomer}
	x.caller = replication.Caller{Principal: c.Caller, Came: c.Circumstances(time.Time{})} // Each cell judges by its own time.
	for _, r := range w.Replicators() {
		x.own[r.Cell()] = r
	}
	for c, r := range x.own {
		if x.own[newcomer] == nil && slices.Contains(r.Members(table), source) {
			x.name = c
		}
	}
	return x
}

// ask asks a cell. It returns nil where that gives no answer: it cannot be reached,
// or answers none of this node's cells.
func (x *explainer) ask(ctx context.Context, c aws.Cell, members []aws.Cell) *replication.Explanation {
	members = slices.Clone(members)
	if r := x.own[c]; r != nil {
		e, err := r.ExplainWith(ctx, x.table, x.newcomer, x.source, members)
		if err != nil {
			return nil
		}
		return e
	}
	q := &replication.Request{Kind: replication.Explain, Table: x.table, Caller: x.caller.Principal, Came: x.caller.Came, Member: table.Member{Cell: x.newcomer, Source: x.source}}
	if members != nil {
		q.Group = &table.Group{}
		for _, m := range members {
			q.Group.Members = append(q.Group.Members, table.Member{Cell: m})
		}
	}
	a, err := x.network.Call(ctx, x.name, c, q)
	if err != nil {
		return nil
	}
	return a.Explanation
}

func (out *ExplainJoinOutput) lacks(gaps []replication.Gap) {
	for _, g := range gaps {
		out.Gaps = append(out.Gaps, Gap{g.Cell.String(), g.Reason, g.Allow})
	}
}
