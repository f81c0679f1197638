package policy_test

import (
	"fmt"
	"testing"

	"github.com/hortusdb/hortus/policy"
)

// TestTimed finds every place in which a policy can speak of the time.
func TestTimed(t *testing.T) {
	const plain = `{"StringEquals":{"aws:SourceAccount":"111111111111"}}`
	for _, c := range []struct {
		version, resource, condition string
		want                         bool
	}{
		{"2012-10-17", "*", plain, false},
		{"2012-10-17", "*", `{"DateLessThan":{"AWS:currenttime":"2026-12-01T00:00:00Z"}}`, true},
		{"2012-10-17", "*", `{"NumericLessThanIfExists":{"aws:EpochTime":"1796083200"}}`, true},
		{"2012-10-17", "*", `{"DateLessThan":{"aws:TokenIssueTime":"2026-12-01T00:00:00Z"}}`, false},
		{"2012-10-17", "*", `{"StringLike":{"aws:UserAgent":"x-${aws:CurrentTime}"}}`, true},
		{"2012-10-17", "arn:aws:dynamodb:us-east-1:111111111111:table/${aws:EpochTime}", plain, true},
		{"2008-10-17", "arn:aws:dynamodb:us-east-1:111111111111:table/${aws:EpochTime}", plain, false}, // No variables yet.
	} {
		text := fmt.Sprintf(`{"Version":%q,"Statement":[{"Effect":"Deny","Principal":"*","Action":"dynamodb:GetItem","Resource":"*"},`+
			`{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"*","Resource":%q,"Condition":%s}]}`, c.version, c.resource, c.condition)
		doc, err := policy.Parse(policy.Resource, "x", []byte(text))
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if doc.Timed() != c.want {
			t.Errorf("%s: %v", text, doc.Timed())
		}
	}
	if (*policy.Document)(nil).Timed() {
		t.Error("no document")
	}
}
