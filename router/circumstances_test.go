package router_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/router"
)

// TestCircumstances: a table's policy may ask how and when a call comes. A Deny of
// GetItem stands in it, with one condition after the other.
func TestCircumstances(t *testing.T) {
	w := newWorldWith(t, router.Options{})
	owner := claims("111111111111", "us-east-1")
	const arn = "arn:aws:dynamodb:us-east-1:111111111111:table/Orders"
	mustDo := func(operation, body string) {
		t.Helper()
		if status, answer := w.do(call{target: "DynamoDB_20120810." + operation, auth: owner, body: body}); status != 200 {
			t.Fatal(answer)
		}
	}
	put := func(action, condition string) (int, string) {
		text := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"dynamodb:%s","Resource":%q,"Condition":%s}]}`, action, arn, condition)
		body, err := json.Marshal(map[string]string{"ResourceArn": arn, "Policy": text})
		if err != nil {
			t.Fatal(err)
		}
		return w.do(call{target: "DynamoDB_20120810.PutResourcePolicy", auth: owner, body: string(body)})
	}
	denied := func() bool {
		status, answer := w.do(call{
			target: "DynamoDB_20120810.GetItem", auth: owner, body: `{"TableName":"Orders","Key":{"id":{"S":"1"}}}`,
			headers: map[string]string{"User-Agent": "shop/1.2", "Referer": "https://shop.example/cart"},
		})
		if status != 200 && !strings.Contains(answer, "with an explicit deny in a resource-based policy") {
			t.Fatal(answer)
		}
		return status != 200
	}
	mustDo("CreateTable", `{"TableName":"Orders","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}`)
	soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for _, c := range []struct {
		condition string
		want      bool
	}{
		{`{"DateLessThan":{"aws:CurrentTime":"` + soon + `"}}`, true},
		{fmt.Sprintf(`{"NumericLessThan":{"aws:EpochTime":"%d"}}`, time.Now().Add(time.Hour).Unix()), true},
		{`{"Bool":{"aws:SecureTransport":"false"}}`, true},
		{`{"Bool":{"aws:SecureTransport":"true"}}`, false},
		{`{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}`, true},
		{`{"NotIpAddress":{"aws:SourceIp":"127.0.0.0/8"}}`, false},
		{`{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}`, true},
		{`{"StringNotEquals":{"aws:RequestedRegion":"us-east-1"}}`, false},
		{`{"StringLike":{"aws:UserAgent":"shop/*"}}`, true},
		{`{"StringEquals":{"aws:Referer":"https://shop.example/cart"}}`, true},
		{`{"Bool":{"aws:ViaAWSService":"true"}}`, false},
		{`{"DateGreaterThan":{"aws:CurrentTime":"` + soon + `"}}`, false}, // The last: the clock goes on from here.
	} {
		if status, answer := put("GetItem", c.condition); status != 200 {
			t.Fatal(answer)
		}
		if got := denied(); got != c.want {
			t.Errorf("%s: denied is %v", c.condition, got)
		}
	}
	if err := w.node.AdvanceClock(2 * time.Hour); err != nil {
		t.Fatal(err)
	}
	if !denied() {
		t.Error("the time that was moved on is not the policy's")
	}
	// Who would lock himself out by how he calls, or at this time, is told so.
	if status, answer := put("PutResourcePolicy", `{"Bool":{"aws:SecureTransport":"false"}}`); status != 400 || !strings.Contains(answer, "will not allow you to update") {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := put("PutResourcePolicy", `{"DateLessThan":{"aws:CurrentTime":"`+soon+`"}}`); status != 200 {
		t.Errorf("%d %s", status, answer)
	}
}
