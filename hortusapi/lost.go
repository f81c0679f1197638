package hortusapi

import (
	"context"
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/replication"
)

// RemoveLostInput names replicas of a global table that will never return.
type RemoveLostInput struct {
	Table    string
	Region   aws.Region `json:",omitempty"` // Of the caller's replica that is asked; needed where the account has several tables of that name.
	Replicas []string   // The lost ones, as in "111111111111/us-east-1".
}

// RemoveLostOutput says which members remain, and what became of it there.
type RemoveLostOutput struct {
	Table   string
	Removed []string
	Remain  []Remaining
}

// Remaining is a member that remains.
type Remaining struct {
	Replica string
	Still   string      `json:",omitempty"` // Why it still counts those that are lost; "" when it does not.
	Known   []KnownPart `json:",omitempty"` // Of a member that counted them until now.
}

// KnownPart is how much of what a lost replica wrote a member has. What was written
// there behind all of these positions is lost, unless the replica returns.
type KnownPart struct {
	Replica       string
	Position      uint64  // Of its log: applied up to here.
	Missing       uint64  `json:",omitempty"` // Of its log: it said that there is something up to here.
	SilentSeconds float64 // Since anything came from it.
}

// removeLostReplicas takes replicas out that will never return, at all members that
// remain: see replication.RemoveLost. The caller is asked for as the root of the
// account.
func removeLostReplicas(ctx context.Context, own []*replication.Replicator, in *RemoveLostInput) (*RemoveLostOutput, error) {
	var lost []aws.Cell
	for _, text := range in.Replicas {
		c, err := aws.ParseCell(text)
		if err != nil {
			return nil, aws.Validation("%v", err)
		}
		lost = append(lost, c)
	}
	r, err := replicaOf(own, in.Table, in.Region)
	if err != nil {
		return nil, err
	}
	root, err := policy.ParsePrincipal(r.Cell().Account.Root())
	if err != nil {
		return nil, err
	}
	list, err := r.RemoveLost(ctx, replication.Caller{Principal: root}, in.Table, lost)
	if err != nil {
		return nil, err
	}
	out := &RemoveLostOutput{Table: in.Table, Removed: in.Replicas}
	for i := range list {
		x := Remaining{Replica: list[i].Cell.String()}
		if list[i].Err != nil {
			x.Still, _, _ = strings.Cut(list[i].Err.Error(), "\n")
		}
		for _, k := range list[i].Known {
			x.Known = append(x.Known, KnownPart{k.Cell.String(), uint64(k.Position), uint64(k.Missing), k.Silent.Seconds()})
		}
		out.Remain = append(out.Remain, x)
	}
	return out, nil
}
