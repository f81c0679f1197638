package replication

import (
	"encoding/json"
	"slices"

	"github.com/hortusdb/hortus/aws"
)

// statement is one of a resource policy, in the order in which people write it.
type statement struct {
	Effect    string
	Principal map[string]any
	Action    any
	Resource  string
	Condition map[string]map[string][]string `json:",omitempty"`
}

func (s statement) String() string {
	b, err := json.Marshal(s)
	if err != nil {
		return "" // Strings alone: it cannot fail.
	}
	return string(b)
}

// The statements here have no Sid: who adds one to a policy that has an older one of
// the same Sid would be refused.

// ServiceStatement is the statement by which the policy of a member's table lets
// the service replicate on behalf of all members, itself included: one statement
// that names them all, for pairs of them do not add up (documented).
func ServiceStatement(own aws.Cell, name string, members []aws.Cell) string {
	var accounts, arns []string
	for _, m := range members {
		if !slices.Contains(accounts, string(m.Account)) {
			accounts = append(accounts, string(m.Account))
		}
		arns = append(arns, m.TableARN(name))
	}
	return statement{
		Effect: "Allow", Principal: map[string]any{"Service": ServicePrincipal},
		Action: []string{readData, writeData, replicateSetting}, Resource: own.TableARN(name),
		Condition: map[string]map[string][]string{"StringEquals": {"aws:SourceAccount": accounts, "aws:SourceArn": arns}},
	}.String()
}

// policyOf is a policy of one statement.
func policyOf(statement string) string {
	return `{"Version":"2012-10-17","Statement":[` + statement + `]}`
}

// AssociateStatement is the statement by which the policy of a member's table
// lets an account join its global table.
func AssociateStatement(own aws.Cell, name string, newcomer aws.Account) string {
	return statement{
		Effect: "Allow", Principal: map[string]any{"AWS": string(newcomer)},
		Action: associate, Resource: own.TableARN(name),
	}.String()
}
