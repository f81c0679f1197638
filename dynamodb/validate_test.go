package dynamodb_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/dynamodb"
	"github.com/hortusdb/hortus/policy"
)

// FuzzControlPlane: whatever the body of an operation is, the answer is JSON or
// an error of the contract, and a table that was made can be described, also once
// what was begun on it is done.
func FuzzControlPlane(f *testing.F) {
	operations := []string{"CreateTable", "UpdateTable", "TagResource", "PutResourcePolicy", "ListTables", "DeleteTable", "UntagResource", "UpdateTimeToLive"}
	base := overBase(f, `{"LocalSecondaryIndexes":[{"IndexName":"lll","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"Projection":{}}],"Tags":[{"Key":"a","Value":"b"}]}`)
	for i := range operations {
		f.Add(byte(i), base)
	}
	f.Add(byte(0), overBase(f, `{"OnDemandThroughput":{"MaxReadRequestUnits":1},"SSESpecification":{"Enabled":true},"StreamSpecification":{"StreamEnabled":true,"StreamViewType":"KEYS_ONLY"}}`))
	f.Add(byte(0), overBase(f, `{"AttributeDefinitions":null,"KeySchema":null,"BillingMode":null,"GlobalTableSourceArn":"arn:aws:dynamodb:us-east-1:222222222222:table/base","GlobalTableSettingsReplicationMode":"ENABLED"}`))
	f.Add(byte(1), `{"TableName":"base","ReplicaUpdates":[{"Create":{"RegionName":"eu-west-2"}}]}`)
	f.Add(byte(1), `{"TableName":"base","BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}}`)
	f.Add(byte(1), `{"TableName":"base","GlobalSecondaryIndexUpdates":[{"Update":{"IndexName":"ggg","OnDemandThroughput":{"MaxReadRequestUnits":1}}}]}`)
	f.Add(byte(2), `{"ResourceArn":"arn:aws:dynamodb:eu-west-1:111111111111:table/base","Tags":[{"Key":"a","Value":"b"}]}`)
	f.Add(byte(3), `{"ResourceArn":"arn:aws:dynamodb:eu-west-1:111111111111:table/base","Policy":"{}"}`)
	f.Add(byte(6), `{"ResourceArn":"arn:aws:dynamodb:eu-west-1:111111111111:table/base","TagKeys":["a"]}`)
	f.Add(byte(1), `{"TableName":"base","AttributeDefinitions":[{"AttributeName":"g","AttributeType":"S"}],"GlobalSecondaryIndexUpdates":[{"Create":{"IndexName":"ggg","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}}}]}`)
	f.Add(byte(1), `{"TableName":"base","GlobalSecondaryIndexUpdates":[{"Delete":{"IndexName":"ggg"}}]}`)
	f.Add(byte(7), `{"TableName":"base","TimeToLiveSpecification":{"AttributeName":"x","Enabled":true}}`)
	home := aws.Cell{Account: "111111111111", Region: "eu-west-1"}
	caller, err := policy.ParsePrincipal(home.Account.Root())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, which byte, body string) {
		w := newControlWorld()
		for _, name := range []string{"CreateTable", operations[int(which)%len(operations)]} {
			c := &api.Call{Caller: caller, Home: home, Owner: home, Body: []byte(body)}
			if name == "CreateTable" && which%byte(len(operations)) != 0 {
				c.Body = []byte(overBase(t, "{}"))
			}
			checkAnswer(t, name, c, w.run(t, name, c))
		}
		for range 3 {
			w.upkeep(t)
		}
		for _, table := range w.cell(t, home).Engine.Tables() {
			if table.Def.Changing() != nil {
				t.Fatalf("%s: an index does not get done", table.Def.Name)
			}
			body, err := json.Marshal(map[string]string{"TableName": table.Def.Name})
			if err != nil {
				t.Fatal(err)
			}
			c := &api.Call{Caller: caller, Home: home, Owner: home, Body: body}
			if err := w.run(t, "DescribeTable", c); err != nil {
				t.Fatalf("DescribeTable %s: %v", table.Def.Name, err)
			}
			checkAnswer(t, "DescribeTable", c, nil)
		}
	})
}

func checkAnswer(t *testing.T, name string, c *api.Call, err error) {
	if err == nil {
		if !json.Valid(c.Out) {
			t.Fatalf("%s: the answer is not JSON: %s", name, c.Out)
		}
		return
	}
	if e, ok := errors.AsType[*aws.Error](err); !ok || e.Code == "" {
		t.Fatalf("%s: no error of the contract: %v", name, err)
	}
}

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
