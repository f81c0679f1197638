package dynamodb_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/dynamodb"
	"github.com/hortusdb/hortus/policy"
)

// controlSeeds has bodies for each operation of the control plane. The table of
// fuzzStates that they find is "base".
var controlSeeds = map[string][]string{
	"CreateTable": {
		`{"TableName":"new","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"LocalSecondaryIndexes":[{"IndexName":"lll","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"Projection":{}}],"Tags":[{"Key":"a","Value":"b"}]}`,
		`{"TableName":"new","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"OnDemandThroughput":{"MaxReadRequestUnits":1},"SSESpecification":{"Enabled":true},"StreamSpecification":{"StreamEnabled":true,"StreamViewType":"KEYS_ONLY"}}`,
		`{"TableName":"base","GlobalTableSourceArn":"arn:aws:dynamodb:us-east-1:222222222222:table/base","GlobalTableSettingsReplicationMode":"ENABLED"}`,
	},
	"UpdateTable": {
		`{"TableName":"base","ReplicaUpdates":[{"Create":{"RegionName":"eu-west-2"}}]}`,
		`{"TableName":"base","ReplicaUpdates":[{"Update":{"RegionName":"us-west-2","OnDemandThroughputOverride":{"MaxReadRequestUnits":10}}}]}`,
		`{"TableName":"base","ReplicaUpdates":[{"Delete":{"RegionName":"us-west-2"}}]}`,
		`{"TableName":"base","BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}}`,
		`{"TableName":"base","GlobalSecondaryIndexUpdates":[{"Update":{"IndexName":"ggg","OnDemandThroughput":{"MaxReadRequestUnits":1}}}]}`,
		`{"TableName":"base","AttributeDefinitions":[{"AttributeName":"h","AttributeType":"S"}],"GlobalSecondaryIndexUpdates":[{"Create":{"IndexName":"hhh","KeySchema":[{"AttributeName":"h","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}}}]}`,
		`{"TableName":"base","GlobalSecondaryIndexUpdates":[{"Delete":{"IndexName":"ggg"}}]}`,
		`{"TableName":"base","WarmThroughput":{"ReadUnitsPerSecond":20000}}`,
		`{"TableName":"base","StreamSpecification":{"StreamEnabled":false},"DeletionProtectionEnabled":true}`,
		`{"TableName":"base","TableClass":"STANDARD_INFREQUENT_ACCESS"}`,
	},
	"DescribeTable":     {`{"TableName":"base"}`, `{"TableName":"arn:aws:dynamodb:eu-west-1:111111111111:table/base"}`},
	"DeleteTable":       {`{"TableName":"base"}`},
	"ListTables":        {`{"ExclusiveStartTableName":"bas","Limit":1}`},
	"DescribeEndpoints": {`{}`},
	"DescribeLimits":    {`{}`},
	"TagResource":       {`{"ResourceArn":"arn:aws:dynamodb:eu-west-1:111111111111:table/base","Tags":[{"Key":"a","Value":"b"}]}`},
	"UntagResource":     {`{"ResourceArn":"arn:aws:dynamodb:eu-west-1:111111111111:table/base","TagKeys":["a"]}`},
	"ListTagsOfResource": {
		`{"ResourceArn":"arn:aws:dynamodb:eu-west-1:111111111111:table/base"}`,
		`{"ResourceArn":"arn:aws:dynamodb:eu-west-1:111111111111:table/base","NextToken":"10"}`,
	},
	"PutResourcePolicy": {
		`{"ResourceArn":"arn:aws:dynamodb:eu-west-1:111111111111:table/base","Policy":"{}"}`,
		`{"ResourceArn":"arn:aws:dynamodb:eu-west-1:111111111111:table/base","ExpectedRevisionId":"NO_POLICY","Policy":"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"222222222222\"},\"Action\":\"dynamodb:GetItem\",\"Resource\":\"arn:aws:dynamodb:eu-west-1:111111111111:table/base\"}]}"}`,
	},
	"GetResourcePolicy":               {`{"ResourceArn":"arn:aws:dynamodb:eu-west-1:111111111111:table/base"}`},
	"DeleteResourcePolicy":            {`{"ResourceArn":"arn:aws:dynamodb:eu-west-1:111111111111:table/base","ExpectedRevisionId":"1"}`},
	"UpdateTimeToLive":                {`{"TableName":"base","TimeToLiveSpecification":{"AttributeName":"x","Enabled":true}}`},
	"DescribeTimeToLive":              {`{"TableName":"base"}`},
	"DescribeContinuousBackups":       {`{"TableName":"base"}`},
	"DescribeTableReplicaAutoScaling": {`{"TableName":"base"}`},
	"UpdateTableReplicaAutoScaling": {
		`{"TableName":"base","ProvisionedWriteCapacityAutoScalingUpdate":{"MinimumUnits":1,"MaximumUnits":9,"ScalingPolicyUpdate":{"PolicyName":"p","TargetTrackingScalingPolicyConfiguration":{"TargetValue":70}}}}`,
		`{"TableName":"base","ReplicaUpdates":[{"RegionName":"us-west-2","ReplicaProvisionedReadCapacityAutoScalingUpdate":{"AutoScalingDisabled":true}}],"GlobalSecondaryIndexUpdates":[{"IndexName":"ggg","ProvisionedWriteCapacityAutoScalingUpdate":{"AutoScalingDisabled":true}}]}`,
	},
	"CreateGlobalTable":           {`{"GlobalTableName":"base","ReplicationGroup":[{"RegionName":"eu-west-1"}]}`},
	"UpdateGlobalTable":           {`{"GlobalTableName":"base","ReplicaUpdates":[{"Create":{"RegionName":"eu-west-2"}},{"Delete":{"RegionName":"us-west-2"}}]}`},
	"DescribeGlobalTable":         {`{"GlobalTableName":"base"}`},
	"ListGlobalTables":            {`{"Limit":1,"RegionName":"eu-west-1","ExclusiveStartGlobalTableName":"bas"}`},
	"DescribeGlobalTableSettings": {`{"GlobalTableName":"base"}`},
	"UpdateGlobalTableSettings":   {`{"GlobalTableName":"base","GlobalTableBillingMode":"PROVISIONED","GlobalTableProvisionedWriteCapacityUnits":5}`},
}

// fuzzStates are what "base" may be when a fuzzed request comes: regional and on
// demand, provisioned with an index and all that a table can have, and a member
// of a global table.
var fuzzStates = [][][2]string{
	{{"CreateTable", `{"TableName":"base","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}`}},
	{
		{"CreateTable", `{"TableName":"base","ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":5},"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"g","AttributeType":"N"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],
			"GlobalSecondaryIndexes":[{"IndexName":"ggg","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"},"ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":5}}],"Tags":[{"Key":"a","Value":"b"}]}`},
		{"UpdateTimeToLive", `{"TableName":"base","TimeToLiveSpecification":{"AttributeName":"x","Enabled":true}}`},
		{"PutResourcePolicy", `{"ResourceArn":"arn:aws:dynamodb:eu-west-1:111111111111:table/base","Policy":"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"222222222222\"},\"Action\":\"dynamodb:GetItem\",\"Resource\":\"arn:aws:dynamodb:eu-west-1:111111111111:table/base\"}]}"}`},
	},
	{
		{"CreateTable", `{"TableName":"base","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"g","AttributeType":"N"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],
			"GlobalSecondaryIndexes":[{"IndexName":"ggg","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}}]}`},
		{"UpdateTable", `{"TableName":"base","ReplicaUpdates":[{"Create":{"RegionName":"us-west-2"}}]}`},
	},
}

// recordedFaults are the requests at which AWS itself is at fault (recorded).
var recordedFaults = map[string]string{
	"UpdateTable": "InternalFailure", "UpdateTableReplicaAutoScaling": "InternalServerError", "ListGlobalTables": "InternalServerError",
}

// dataPlane are the operations that FuzzRequest targets are for.
var dataPlane = []string{
	"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem", "TransactWriteItems", "TransactGetItems",
	"ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction",
}

// FuzzControlPlane: whatever the body of an operation is, the answer is JSON or
// an error of the contract that is the client's fault, and every table that there
// is then can be described, also once what was begun on it is done.
func FuzzControlPlane(f *testing.F) {
	service := dynamodb.New()
	var operations []string
	for _, o := range service.Operations() {
		if slices.Contains(dataPlane, o.Name) {
			continue
		}
		seeds := controlSeeds[o.Name]
		if len(seeds) == 0 {
			f.Fatalf("no seed for %s", o.Name)
		}
		for _, body := range append(seeds, `{}`) {
			for state := range fuzzStates {
				f.Add(byte(len(operations)), byte(state), body)
			}
		}
		operations = append(operations, o.Name)
	}
	f.Fuzz(func(t *testing.T, which, state byte, body string) {
		w := newWorldOf(service)
		for _, made := range fuzzStates[int(state)%len(fuzzStates)] {
			if _, err := w.control(t, made[0], made[1]); err != nil {
				t.Fatal(err)
			}
		}
		for range 4 {
			w.step(t)
		}
		name := operations[int(which)%len(operations)]
		_, err := w.control(t, name, body)
		if e, ok := errors.AsType[*aws.Error](err); ok && e.Status >= 500 && recordedFaults[name] != e.Code {
			t.Fatalf("%s: the server's fault: %v", name, err)
		}
		w.checkTables(t)
	})
}

// control runs an operation as its cell's owner, and holds its answer to being
// JSON or an error of the contract.
func (w *controlWorld) control(t *testing.T, name, body string) ([]byte, error) {
	t.Helper()
	home := aws.Cell{Account: "111111111111", Region: "eu-west-1"}
	caller, err := policy.ParsePrincipal(home.Account.Root())
	if err != nil {
		t.Fatal(err)
	}
	c := &api.Call{Caller: caller, Home: home, Owner: home, Body: []byte(body)}
	err = w.run(t, name, c)
	if err == nil && !json.Valid(c.Out) {
		t.Fatalf("%s: the answer is not JSON: %s", name, c.Out)
	}
	if e, ok := errors.AsType[*aws.Error](err); err != nil && (!ok || e.Code == "") {
		t.Fatalf("%s: no error of the contract: %v", name, err)
	}
	return c.Out, err
}

// checkTables ends what was begun on tables, and describes them.
func (w *controlWorld) checkTables(t *testing.T) {
	t.Helper()
	for range 3 {
		w.upkeep(t)
	}
	home := aws.Cell{Account: "111111111111", Region: "eu-west-1"}
	for _, table := range w.cell(t, home).Engine.Tables() {
		if table.Def.Changing() != nil {
			t.Fatalf("%s: an index does not get done", table.Def.Name)
		}
		body, err := json.Marshal(map[string]string{"TableName": table.Def.Name})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.control(t, "DescribeTable", string(body)); err != nil {
			t.Fatalf("DescribeTable %s: %v", table.Def.Name, err)
		}
	}
}
