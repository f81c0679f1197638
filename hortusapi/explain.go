package hortusapi

import (
	"context"
	"slices"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
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
	Unknown  []string // Members that this server cannot ask.
	Newcomer string   // The statement, as JSON.
}

// Gap is something that is in the way of a join.
type Gap struct {
	Cell   string
	Reason string
	Allow  string `json:",omitempty"` // Statements, as JSON, that the policy of the member's table lacks.
}

func explainJoin(ctx context.Context, w World, in *ExplainJoinInput) (*ExplainJoinOutput, error) {
	source, err := aws.ParseCell(in.Source)
	if err != nil {
		return nil, aws.Validation("Source: %v", err)
	}
	newcomer, err := aws.ParseCell(in.Newcomer)
	if err != nil {
		return nil, aws.Validation("Newcomer: %v", err)
	}
	at := map[aws.Cell]*replication.Replicator{}
	for _, r := range w.Replicators() {
		at[r.Cell()] = r
	}
	out := &ExplainJoinOutput{Gaps: []Gap{}}
	if at[source] == nil || at[source].Members(in.Table) == nil {
		out.Gaps = append(out.Gaps, Gap{Cell: in.Source, Reason: "There is no table of that name."})
		return out, nil
	}
	members := at[source].Members(in.Table)
	if slices.Contains(members, newcomer) {
		out.Gaps = append(out.Gaps, Gap{Cell: in.Newcomer, Reason: "It has a replica of this table already, and nothing to join."})
		return out, nil
	}
	out.Newcomer = replication.ServiceStatement(newcomer, in.Table, append(slices.Clone(members), newcomer))
	if r := at[newcomer]; r != nil && r.Members(in.Table) != nil {
		out.Gaps = append(out.Gaps, Gap{Cell: in.Newcomer, Reason: "The newcomer has a table of that name already: delete it, for a join makes its own."})
	}
	gaps, err := at[source].ExplainSource(ctx, in.Table)
	if err != nil {
		return nil, err
	}
	out.lacks(gaps)
	for _, m := range members {
		if at[m] == nil {
			out.Unknown = append(out.Unknown, m.String())
			continue
		}
		gaps, err := at[m].ExplainJoin(in.Table, newcomer, slices.Clone(members))
		if err != nil {
			return nil, err
		}
		out.lacks(gaps)
	}
	return out, nil
}

func (out *ExplainJoinOutput) lacks(gaps []replication.Gap) {
	for _, g := range gaps {
		out.Gaps = append(out.Gaps, Gap{g.Cell.String(), g.Reason, g.Allow})
	}
}
