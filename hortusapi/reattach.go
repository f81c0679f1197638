package hortusapi

import (
	"context"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
)

// ReattachInput names a replica that was detached from its global table against its
// will: it was kept from replication for 20 hours, and became a regional table.
type ReattachInput struct {
	Table  string
	Region aws.Region `json:",omitempty"` // Of the replica; needed where the account has several tables of that name.
}

// ReattachOutput says who is a member again. It serves its clients; until it and
// the others have what they missed of each other its TableStatus is UPDATING.
type ReattachOutput struct {
	Table   string
	Replica string   // Its cell, as in "111111111111/us-east-1".
	Members []string // All of them, this one included.
}

// reattachReplica brings a detached replica back with its data: what it and the
// others wrote and deleted meanwhile goes both ways, and the table's rule decides
// where both wrote. It is refused after replication.ReattachWithin, when a member
// cannot be asked or has kept no deletions for the replica, and when the policy of
// some member's table still withholds replication.
func reattachReplica(ctx context.Context, own []*replication.Replicator, in *ReattachInput) (*ReattachOutput, error) {
	r, err := detachedOf(own, in)
	if err != nil {
		return nil, err
	}
	if err := r.Reattach(ctx, in.Table); err != nil {
		return nil, err
	}
	out := &ReattachOutput{Table: in.Table, Replica: r.Cell().String()}
	for _, c := range r.Members(in.Table) {
		out.Members = append(out.Members, c.String())
	}
	return out, nil
}

// detachedOf finds the replica: the only one that was detached, where no Region is
// named.
func detachedOf(own []*replication.Replicator, in *ReattachInput) (*replication.Replicator, error) {
	if in.Region != "" || in.Table == "" {
		return replicaOf(own, in.Table, in.Region)
	}
	var found *replication.Replicator
	for _, r := range own {
		if t := r.Engine().Table(in.Table); t == nil || t.Def.Detached == nil || !t.Def.Detached.Own {
			continue
		}
		if found != nil {
			return nil, aws.Validation("Several replicas of %s were detached: name the Region", in.Table)
		}
		found = r
	}
	if found == nil {
		return replicaOf(own, in.Table, in.Region)
	}
	return found, nil
}
