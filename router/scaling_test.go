package router_test

import (
	"strings"
	"testing"
	"time"
)

// scaled is the world with a provisioned table in two accounts.
func scaled(t *testing.T) (w *world, source, other string) {
	w = newWorld(t)
	source, other = claims("222222222222", "us-east-1"), claims("333333333333", "eu-west-1")
	policy := func(region, account string) string {
		arn := "arn:aws:dynamodb:" + region + ":" + account + ":table/Orders"
		return strings.ReplaceAll(`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":{"Service":"replication.dynamodb.amazonaws.com"},"Action":["dynamodb:ReadDataForReplication","dynamodb:WriteDataForReplication","dynamodb:ReplicateSettings"],
			 "Resource":"`+arn+`","Condition":{"StringEquals":{"aws:SourceAccount":["222222222222","333333333333"]}}},
			{"Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"dynamodb:AssociateTableReplica","Resource":"`+arn+`"}]}`, `"`, `\"`)
	}
	one := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	w.must(source, "DynamoDB_20120810.CreateTable", `{"TableName":"Orders","BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6},
		"GlobalTableSettingsReplicationMode":"ENABLED","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],
		"ResourcePolicy":"`+one(policy("us-east-1", "222222222222"))+`"}`)
	w.must(source, "AnyScaleFrontendService.RegisterScalableTarget", writes(`,"MinCapacity":6,"MaxCapacity":60,"Tags":{"team":"a"}`))
	w.must(source, "AnyScaleFrontendService.PutScalingPolicy", writes(`,"PolicyName":"p"`+tracks))
	w.must(other, "DynamoDB_20120810.CreateTable", `{"TableName":"Orders","GlobalTableSourceArn":"arn:aws:dynamodb:us-east-1:222222222222:table/Orders",
		"GlobalTableSettingsReplicationMode":"ENABLED","ResourcePolicy":"`+one(policy("eu-west-1", "333333333333"))+`"}`)
	deadline := time.Now().Add(30 * time.Second)
	for !strings.Contains(w.must(other, "DynamoDB_20120810.DescribeTable", `{"TableName":"Orders"}`), `"TableStatus":"ACTIVE"`) {
		if time.Now().After(deadline) {
			t.Fatal("the replica does not become active")
		}
		time.Sleep(5 * time.Millisecond)
	}
	return w, source, other
}

// writes is a call about the writes of the table.
func writes(more string) string {
	return `{"ServiceNamespace":"dynamodb","ResourceId":"table/Orders","ScalableDimension":"dynamodb:table:WriteCapacityUnits"` + more + `}`
}

const tracks = `,"PolicyType":"TargetTrackingScaling","TargetTrackingScalingPolicyConfiguration":{"TargetValue":70,"PredefinedMetricSpecification":{"PredefinedMetricType":"DynamoDBWriteCapacityUtilization"}}`

func (w *world) scale(auth, target, body string) (int, string) {
	return w.do(call{target: target, auth: auth, body: body, headers: map[string]string{"Content-Type": "application/x-amz-json-1.1"}})
}

func (w *world) must(auth, target, body string) string {
	w.t.Helper()
	status, answer := w.scale(auth, target, body)
	if status != 200 {
		w.t.Fatalf("%s %s: %d %s", target, body, status, answer)
	}
	return answer
}

// TestScalingAcrossAccounts: a replica in another account scales as its source,
// and what is changed at one member is changed at the other (documented), unless
// a policy withholds the keeping of settings.
func TestScalingAcrossAccounts(t *testing.T) {
	w, source, other := scaled(t)
	const describe = "AnyScaleFrontendService.DescribeScalableTargets"
	if got := w.must(other, describe, `{"ServiceNamespace":"dynamodb"}`); !strings.Contains(got, `"MaxCapacity":60`) || !strings.Contains(got, ":eu-west-1:333333333333:scalable-target/") {
		t.Errorf("the replica scales by %s", got)
	}
	w.must(other, "AnyScaleFrontendService.RegisterScalableTarget", writes(`,"MaxCapacity":99`))
	if got := w.must(source, describe, `{"ServiceNamespace":"dynamodb"}`); !strings.Contains(got, `"MaxCapacity":99`) || !strings.Contains(got, `"MinCapacity":6`) {
		t.Errorf("the source scales by %s", got)
	}
	const update = "DynamoDB_20120810.UpdateTableReplicaAutoScaling"
	most := func(n string) string {
		return `{"TableName":"Orders","ProvisionedWriteCapacityAutoScalingUpdate":{"MinimumUnits":6,"MaximumUnits":` + n + `,"ScalingPolicyUpdate":{"TargetTrackingScalingPolicyConfiguration":{"TargetValue":60}}}}`
	}
	w.must(other, update, most("88"))
	for _, at := range []string{source, other} {
		if got := w.must(at, describe, `{"ServiceNamespace":"dynamodb"}`); !strings.Contains(got, `"MaxCapacity":88`) {
			t.Errorf("after UpdateTableReplicaAutoScaling: %s", got)
		}
	}
	w.must(source, "DynamoDB_20120810.DeleteResourcePolicy", `{"ResourceArn":"arn:aws:dynamodb:us-east-1:222222222222:table/Orders"}`)
	if status, body := w.scale(other, "AnyScaleFrontendService.RegisterScalableTarget", writes(`,"MaxCapacity":7`)); status != 400 || !strings.Contains(body, "AccessDenied") {
		t.Errorf("without leave: %d %s", status, body)
	}
	if status, body := w.scale(other, update, most("7")); status != 400 || !strings.Contains(body, "AccessDenied") || !strings.Contains(body, "ReplicateSettings") {
		t.Errorf("without leave: %d %s", status, body)
	}
	if got := w.must(other, describe, `{"ServiceNamespace":"dynamodb"}`); !strings.Contains(got, `"MaxCapacity":88`) {
		t.Errorf("a change that was refused is there: %s", got)
	}
}

// TestScalingCalls holds the calls of Application Auto Scaling to their answers.
func TestScalingCalls(t *testing.T) {
	w := newWorld(t)
	me := claims("111111111111", "us-east-1")
	create := `"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]`
	w.must(me, "DynamoDB_20120810.CreateTable", `{"TableName":"Orders","BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6},`+create+`}`)
	w.must(me, "DynamoDB_20120810.CreateTable", `{"TableName":"OnDemand","BillingMode":"PAY_PER_REQUEST",`+create+`}`)
	arn := ""
	for _, c := range []struct {
		operation, body string
		status          int
		want            string // Part of the body.
	}{
		{"RegisterScalableTarget", `{}`, 400, "3 validation errors detected: Value null at 'serviceNamespace'"},
		{"RegisterScalableTarget", `{"ServiceNamespace":"ecs","ResourceId":"service/a/b","ScalableDimension":"ecs:service:DesiredCount"}`, 400, "Unsupported service namespace, resource type or scalable dimension"},
		{"RegisterScalableTarget", `{"ServiceNamespace":"dynamodb","ResourceId":"table/Orders","ScalableDimension":"dynamodb:index:WriteCapacityUnits"}`, 400, "Unsupported service namespace"},
		{"RegisterScalableTarget", `{"ServiceNamespace":"dynamodb","ResourceId":"table/None","ScalableDimension":"dynamodb:table:WriteCapacityUnits","MinCapacity":1,"MaxCapacity":2}`, 400, "DynamoDB table does not exist: table/None"},
		{"RegisterScalableTarget", `{"ServiceNamespace":"dynamodb","ResourceId":"table/Orders/index/i","ScalableDimension":"dynamodb:index:WriteCapacityUnits","MinCapacity":1,"MaxCapacity":2}`, 400, "DynamoDB index does not exist: table/Orders/index/i"},
		{"RegisterScalableTarget", `{"ServiceNamespace":"dynamodb","ResourceId":"table/OnDemand","ScalableDimension":"dynamodb:table:WriteCapacityUnits","MinCapacity":1,"MaxCapacity":2}`, 400, "PAY_PER_REQUEST"},
		{"RegisterScalableTarget", writes(`,"MinCapacity":5`), 400, "MinCapacity and MaxCapacity must be specified"},
		{"RegisterScalableTarget", writes(`,"MinCapacity":5,"MaxCapacity":4`), 400, "Maximum capacity cannot be less than minimum capacity"},
		{"RegisterScalableTarget", writes(`,"MinCapacity":0,"MaxCapacity":4`), 400, "Minimum capacity must be at least 1"},
		{"PutScalingPolicy", writes(`,"PolicyName":"p"` + tracks), 400, "ObjectNotFoundException"},
		{"DeregisterScalableTarget", writes(""), 400, "No scalable target registered for service namespace: dynamodb, resource ID: table/Orders, scalable dimension: dynamodb:table:WriteCapacityUnits"},
		{"RegisterScalableTarget", writes(`,"MinCapacity":5,"MaxCapacity":50,"Tags":{"a":"b"}`), 200, `{"ScalableTargetARN":"arn:aws:application-autoscaling:us-east-1:111111111111:scalable-target/`},
		{"RegisterScalableTarget", writes(`,"SuspendedState":{"DynamicScalingInSuspended":true}`), 200, "ScalableTargetARN"},
		{"DescribeScalableTargets", `{"ServiceNamespace":"dynamodb"}`, 200, `"SuspendedState":{"DynamicScalingInSuspended":true,"DynamicScalingOutSuspended":false,"ScheduledScalingSuspended":false}`},
		{"DescribeScalableTargets", `{"ServiceNamespace":"ecs"}`, 200, `{"ScalableTargets":[]}`},
		{"DescribeScalableTargets", `{"ServiceNamespace":"dynamodb","ScalableDimension":"dynamodb:table:ReadCapacityUnits"}`, 400, "Resource id must be provided"},
		{"DescribeScalableTargets", `{"ServiceNamespace":"dynamodb","MaxResults":51}`, 400, "MaxResults"},
		{"DescribeScalableTargets", `{"ServiceNamespace":"dynamodb","NextToken":"x"}`, 400, "InvalidNextTokenException"},
		{"PutScalingPolicy", writes(`,"PolicyName":"p","PolicyType":"StepScaling","StepScalingPolicyConfiguration":{}`), 400, "TargetTrackingScaling only"},
		{"PutScalingPolicy", writes(`,"PolicyName":"p"` + strings.Replace(tracks, "70", "91", 1)), 400, "TargetValue must be between 20 and 90"},
		{"PutScalingPolicy", writes(`,"PolicyName":"p"` + strings.Replace(tracks, "Write", "Read", 1)), 400, "The predefined metric for dynamodb:table:WriteCapacityUnits is DynamoDBWriteCapacityUtilization"},
		{"PutScalingPolicy", writes(`,"PolicyName":"p"` + tracks), 200, `:resource/dynamodb/table/Orders:policyName/p"`},
		{"PutScalingPolicy", writes(`,"PolicyName":"p"` + tracks), 200, "PolicyARN"},
		{"PutScalingPolicy", writes(`,"PolicyName":"q"` + tracks), 400, "Only one TargetTrackingScaling policy for a given metric specification is allowed."},
		{"DescribeScalingPolicies", `{"ServiceNamespace":"dynamodb","PolicyNames":["p"]}`, 200, `"TargetValue":70.0`},
		{"DescribeScalingPolicies", `{"ServiceNamespace":"dynamodb","PolicyNames":["q"]}`, 200, `{"ScalingPolicies":[]}`},
		{"ListTagsForResource", `{"ResourceARN":"$ARN"}`, 200, `{"Tags":{"a":"b"}}`},
		{"TagResource", `{"ResourceARN":"$ARN","Tags":{"c":"d"}}`, 200, "{}"},
		{"TagResource", `{"ResourceARN":"$ARN","Tags":{"aws:c":"d"}}`, 400, "cannot be prefixed with aws:"},
		{"UntagResource", `{"ResourceARN":"$ARN","TagKeys":["a"]}`, 200, "{}"},
		{"ListTagsForResource", `{"ResourceARN":"$ARN"}`, 200, `{"Tags":{"c":"d"}}`},
		{"ListTagsForResource", `{"ResourceARN":"arn:aws:application-autoscaling:us-east-1:111111111111:scalable-target/none"}`, 400, "ResourceNotFoundException"},
		{"DeleteScalingPolicy", writes(`,"PolicyName":"q"`), 400, "No scaling policy found"},
		{"DeleteScalingPolicy", writes(`,"PolicyName":"p"`), 200, "{}"},
		{"DeregisterScalableTarget", writes(""), 200, "{}"},
		{"PutScheduledAction", "{}", 400, "UnknownOperationException"},
	} {
		status, body := w.scale(me, "AnyScaleFrontendService."+c.operation, strings.ReplaceAll(c.body, "$ARN", arn))
		if status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: %d %s, want %d %s", c.operation, c.body, status, body, c.status, c.want)
		}
		if rest, ok := strings.CutPrefix(body, `{"ScalableTargetARN":"`); ok {
			arn = strings.TrimSuffix(rest, `"}`)
		}
	}
}
