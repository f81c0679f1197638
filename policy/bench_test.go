package policy_test

import (
	"testing"

	"github.com/hortusdb/hortus/policy"
)

const member = `{"Version":"2012-10-17","Statement":[
 {"Sid":"Replication","Effect":"Allow","Principal":{"Service":"replication.dynamodb.amazonaws.com"},
  "Action":["dynamodb:ReadDataForReplication","dynamodb:WriteDataForReplication","dynamodb:ReplicateSettings"],
  "Resource":"arn:aws:dynamodb:us-east-1:111111111111:table/Orders",
  "Condition":{"StringEquals":{"aws:SourceAccount":["111111111111","222222222222","333333333333"],
   "aws:SourceArn":["arn:aws:dynamodb:us-east-1:111111111111:table/Orders","arn:aws:dynamodb:eu-west-1:222222222222:table/Orders","arn:aws:dynamodb:ap-northeast-1:333333333333:table/Orders"]}}},
 {"Sid":"Clients","Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":["dynamodb:*Item","dynamodb:Query"],
  "Resource":"arn:aws:dynamodb:*:111111111111:table/Ord*"},
 {"Sid":"Tls","Effect":"Deny","Principal":"*","Action":"dynamodb:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`

const table = "arn:aws:dynamodb:us-east-1:111111111111:table/Orders"

func mustParse(tb testing.TB, kind policy.Kind, text string) *policy.Document {
	d, err := policy.Parse(kind, "bench", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// scenario is a question and the policies that bear on it.
func replicationScenario(tb testing.TB) (*policy.Layers, *policy.Request) {
	l := &policy.Layers{Owner: "111111111111", Resource: []*policy.Document{mustParse(tb, policy.Resource, member)}}
	return l, &policy.Request{
		Principal: policy.ServicePrincipal("replication.dynamodb.amazonaws.com"),
		Action:    "dynamodb:WriteDataForReplication", Resource: table,
		Context: []policy.Attribute{
			{Key: "aws:SourceAccount", Values: []string{"333333333333"}},
			{Key: "aws:SourceArn", Values: []string{"arn:aws:dynamodb:ap-northeast-1:333333333333:table/Orders"}},
			{Key: "aws:SecureTransport", Values: []string{"true"}},
		},
	}
}

func sessionScenario(tb testing.TB) (*policy.Layers, *policy.Request) {
	p, err := policy.ParsePrincipal("arn:aws:sts::111111111111:assumed-role/App/one")
	if err != nil {
		tb.Fatal(err)
	}
	identity := mustParse(tb, policy.Identity, `{"Version":"2012-10-17","Statement":[
	 {"Effect":"Deny","Action":"dynamodb:Delete*","Resource":"*"},
	 {"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:PutItem"],"Resource":"arn:aws:dynamodb:*:*:table/Orders"}]}`)
	full := mustParse(tb, policy.SCP, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	l := &policy.Layers{
		Owner: "111111111111", Resource: []*policy.Document{mustParse(tb, policy.Resource, member)},
		Identity: []*policy.Document{identity}, SCP: [][]*policy.Document{{full}, {full}, {full}},
	}
	return l, &policy.Request{
		Principal: p, Action: "dynamodb:PutItem", Resource: table,
		Context: []policy.Attribute{{Key: "aws:SecureTransport", Values: []string{"true"}}},
	}
}

// TestNoAllocation: a decision of the data path allocates nothing.
func TestNoAllocation(t *testing.T) {
	for name, make := range map[string]func(testing.TB) (*policy.Layers, *policy.Request){
		"replication": replicationScenario, "session": sessionScenario,
	} {
		l, r := make(t)
		if n := testing.AllocsPerRun(100, func() {
			if d := l.Evaluate(r); !d.Allowed() {
				t.Fatal(d.Explain())
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		r.Action = "dynamodb:Scan"
		if n := testing.AllocsPerRun(100, func() {
			if d := l.Evaluate(r); d.Allowed() {
				t.Fatal("allowed")
			}
		}); n != 0 {
			t.Errorf("%s, denied: %v allocations", name, n)
		}
	}
}

func BenchmarkReplication(b *testing.B) {
	l, r := replicationScenario(b)
	b.ReportAllocs()
	for b.Loop() {
		if d := l.Evaluate(r); !d.Allowed() {
			b.Fatal(d.Explain())
		}
	}
}

func BenchmarkSession(b *testing.B) {
	l, r := sessionScenario(b)
	b.ReportAllocs()
	for b.Loop() {
		if d := l.Evaluate(r); !d.Allowed() {
			b.Fatal(d.Explain())
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		mustParse(b, policy.Resource, member)
	}
}
