package dynamodb

import (
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/capacity"
	"github.com/hortusdb/hortus/jsonscan"
	"github.com/hortusdb/hortus/table"
)

// AWS's words for a refusal. Those of an account's quota are of its older
// documentation, the others are documented or known from the live service.
const (
	textTable      = "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API."
	textIndex      = "The level of configured provisioned throughput for one or more global secondary indexes of the table was exceeded. Consider increasing your provisioning level for the under-provisioned global secondary indexes with the UpdateTable API."
	textMax        = "Throughput exceeds the maximum OnDemandThroughput configured on table or index"
	textQuota      = "Throughput exceeds the current throughput limit for your account. Please contact AWS Support at https://aws.amazon.com/support request a limit increase."
	textRange      = "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or index so please try again shortly. If exceptions persist, check if you have a hot key: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"
	textIndexRange = "Throughput exceeds the current capacity for one or more global secondary indexes. DynamoDB is automatically scaling your index so please try again shortly."
)

// Codes of refusals.
const (
	codeProvisioned = "ProvisionedThroughputExceededException"
	codeThrottling  = "ThrottlingException"
	codeLimit       = "RequestLimitExceeded"
)

// throttled is AWS's error for a call that a table, or a global index of it, has
// no room for. In provisioned mode that is always the throughput's exception
// (recorded for a hot partition, too); on demand it is ThrottlingException, but
// for the maximum of an index that a write runs into (recorded).
func throttled(t *table.Table, x *table.Index, k capacity.Kind, reason capacity.Reason) error {
	code, text := codeThrottling, textRange
	back := x != nil && k == capacity.Write // A write of the table that its index holds back.
	switch {
	case reason == capacity.AccountLimit:
		code, text = codeLimit, textQuota
	case reason == capacity.MaxOnDemand:
		text = textMax
		if back {
			code = codeProvisioned
		}
	case !t.Def.OnDemand && x != nil:
		code, text = codeProvisioned, textIndex
	case !t.Def.OnDemand:
		code, text = codeProvisioned, textTable
	case back:
		text = textIndexRange
	}
	of, arn := "Table", t.ARN
	if x != nil {
		of, arn = "Index", t.ARN+"/index/"+x.Name
	}
	// One exception spells its member in lower case (recorded, and in the model).
	member := "ThrottlingReasons"
	if code == codeThrottling {
		member = "throttlingReasons"
	}
	list := append([]byte(`[{"reason":`), '"')
	list = append(append(append(append(list, of...), k.String()...), reason...), `","resource":`...)
	list = append(jsonscan.AppendString(list, arn), '}', ']')
	e := aws.Errorf(code, "%s", text)
	e.Members = []aws.Member{{Name: member, JSON: list}}
	return e
}
