package dynamodb_test

import (
	"context"
	"testing"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/dynamodb"
)

// BenchmarkNew is what the control plane adds to the start of a process: its
// decoders are made once.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if len(dynamodb.New().Operations()) == 0 {
			b.Fatal("no operations")
		}
	}
}

// BenchmarkDescribeTable is the operation that clients call in loops.
func BenchmarkDescribeTable(b *testing.B) {
	w := newControlWorld()
	home := aws.Cell{Account: "111111111111", Region: "eu-west-1"}
	if err := w.run(b, "CreateTable", &api.Call{Home: home, Owner: home, Body: []byte(overBase(b, "{}"))}); err != nil {
		b.Fatal(err)
	}
	s, op := w.cell(b, home), w.ops["DescribeTable"]
	b.ReportAllocs()
	for b.Loop() {
		c := api.Call{Home: home, Owner: home, Body: []byte(`{"TableName":"base"}`)}
		if err := op.Decode(&c); err != nil {
			b.Fatal(err)
		}
		if err := op.Run(context.Background(), s, &c); err != nil {
			b.Fatal(err)
		}
	}
}
