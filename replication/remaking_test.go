package replication

import (
	"testing"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// TestStatusWhileCountedAnew: links that are not there for a moment are told about,
// so that a global table is never shown as none.
func TestStatusWhileCountedAnew(t *testing.T) {
	here, there := aws.Cell{Account: "111111111111", Region: "us-east-1"}, aws.Cell{Account: "222222222222", Region: "eu-west-1"}
	engine, err := table.Open(t.Context(), table.Options{Cell: here, Store: kv.NewMem(kv.MemOptions{}), Clock: clock.Wall{}})
	if err != nil {
		t.Fatal(err)
	}
	r := &Replicator{cell: here, engine: engine, clock: clock.Wall{}, barred: map[linkKey]bool{
		{"Orders", "g", there, receiving}: true, {"Orders", "g", there, sending}: true,
	}}
	out := r.Status()
	if len(out) != 2 || out[0].Source != here || out[0].Destination != there || out[1].Source != there || out[1].Destination != here {
		t.Fatalf("%+v", out)
	}
	for _, s := range out {
		if s.Table != "Orders" || s.State != CutOff || s.Reason == "" {
			t.Errorf("%+v", s)
		}
	}
}
