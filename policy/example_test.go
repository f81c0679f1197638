package policy_test

import (
	"fmt"

	"github.com/hortusdb/hortus/policy"
)

// A decision can say which statement decided.
func ExampleEvaluate() {
	doc, err := policy.Parse(policy.Resource, "Orders", []byte(`{"Version": "2012-10-17", "Statement": [
		{"Sid": "Prod", "Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": "dynamodb:Get*", "Resource": "*"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	who, err := policy.ParsePrincipal("arn:aws:iam::222222222222:root")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, action := range []string{"dynamodb:GetItem", "dynamodb:PutItem"} {
		d := policy.Evaluate(&policy.Request{Principal: who, Action: action, Resource: "arn:aws:dynamodb:us-east-1:111111111111:table/Orders"}, doc)
		fmt.Println(action, d.Effect, d.Statement)
	}
	// Output:
	// dynamodb:GetItem allow statement 1 (Prod) of the resource-based policy "Orders"
	// dynamodb:PutItem implicit deny <nil>
}
