package hortusapi

import (
	"slices"
	"testing"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// TestReattachReplica: the detached replica is found among the account's tables of
// that name, and comes back; what stands against it is said.
func TestReattachReplica(t *testing.T) {
	f := newReplicas(t, nil)
	for i, r := range f.all {
		if _, err := r.Engine().Alter(t.Context(), "A", func(d *table.Definition) error {
			other := d.Group.Members[1-i].Cell
			if r.Cell().Region == "us-east-1" {
				d.Detach(still{}.Now().Add(replication.ReattachWithin).UnixMicro())
				return nil
			}
			d.Group.Members = slices.DeleteFunc(d.Group.Members, func(m table.Member) bool { return m.Cell == other })
			d.Group.Away = []table.Away{{Cell: other, Until: still{}.Now().Add(replication.ReattachWithin).UnixMicro()}}
			d.Outlive()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		r.Refresh()
	}
	for _, bad := range []ReattachInput{{}, {Table: "B"}, {Table: "A", Region: "eu-west-1"}, {Table: "A", Region: "mars"}} {
		if out, err := reattachReplica(t.Context(), f.all, &bad); err == nil {
			t.Errorf("%+v: %+v", bad, out)
		}
	}
	out, err := reattachReplica(t.Context(), f.all, &ReattachInput{Table: "A"})
	if err != nil {
		t.Fatal(err)
	}
	if out.Replica != "111111111111/us-east-1" || len(out.Members) != 2 {
		t.Errorf("%+v", out)
	}
	for _, r := range f.all {
		if m := r.Engine().Table("A").Def.Group.Member(aws.Cell{Account: "111111111111", Region: "us-east-1"}); m == nil || m.Status != table.Creating {
			t.Errorf("%v: %+v", r.Cell(), m)
		}
	}
	if !OfAccount("ReattachReplica") {
		t.Error("it is not of the caller's account")
	}
}
