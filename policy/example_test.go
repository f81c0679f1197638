package policy_test

import (
	"fmt"

	"github.com/hortusdb/hortus/policy"
)

// A caller of another account is allowed by neither side yet: the explanation
// names both, with what would have to be added where.
func ExampleDecision_Explain() {
	bob, _ := policy.ParsePrincipal("arn:aws:iam::222222222222:user/bob")
	l := policy.Layers{Owner: "111111111111"}
	d := l.Evaluate(&policy.Request{
		Principal: bob,
		Action:    "dynamodb:GetItem",
		Resource:  "arn:aws:dynamodb:eu-west-1:111111111111:table/T",
	})
	fmt.Println(d.Effect)
	fmt.Print(d.Explain())
	// Output:
	// implicit deny
	// No resource-based policy allows dynamodb:GetItem on arn:aws:dynamodb:eu-west-1:111111111111:table/T to arn:aws:iam::222222222222:user/bob.
	//   There is none.
	// This statement would allow it:
	// {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:user/bob"},"Action":"dynamodb:GetItem","Resource":"arn:aws:dynamodb:eu-west-1:111111111111:table/T"}
	// No identity-based policy allows dynamodb:GetItem on arn:aws:dynamodb:eu-west-1:111111111111:table/T to arn:aws:iam::222222222222:user/bob.
	//   There is none.
	// This statement would allow it:
	// {"Effect":"Allow","Action":"dynamodb:GetItem","Resource":"arn:aws:dynamodb:eu-west-1:111111111111:table/T"}
}
