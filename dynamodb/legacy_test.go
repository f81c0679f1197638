package dynamodb_test

import (
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestLegacyParameters runs requests with the parameters of before expressions.
// The commands are those of TestControlPlane.
func TestLegacyParameters(t *testing.T) {
	datadriven.Walk(t, "testdata/legacy", func(t *testing.T, path string) {
		w := newControlWorld()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return w.call(t, d)
		})
	})
}

// legacySeeds are requests of every operation that takes such parameters.
var legacySeeds = []string{
	`{"TableName":"tab","Key":{"p":{"S":"a"},"s":{"N":"1"}},"AttributesToGet":["a","l"]}`,
	`{"TableName":"tab","Item":{"p":{"S":"a"},"s":{"N":"1"}},"Key":{"p":{"S":"a"},"s":{"N":"1"}},"Expected":{"a":{"Exists":true,"Value":{"N":"5"}},"l":{"ComparisonOperator":"CONTAINS","AttributeValueList":[{"S":"b"}]}},"ConditionalOperator":"OR","ReturnValues":"ALL_OLD"}`,
	`{"TableName":"tab","Key":{"p":{"S":"a"},"s":{"N":"1"}},"AttributeUpdates":{"a":{"Action":"ADD","Value":{"N":"1"}},"l":{"Action":"ADD","Value":{"L":[]}},"ss":{"Action":"DELETE","Value":{"SS":["u"]}},"m":{"Action":"DELETE"},"n":{"Value":{"S":""}}},"Expected":{"zz":{"Exists":false}},"ReturnValues":"UPDATED_NEW"}`,
	`{"TableName":"tab","KeyConditions":{"p":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"a"}]},"s":{"ComparisonOperator":"BETWEEN","AttributeValueList":[{"N":"1"},{"N":"2"}]}},"QueryFilter":{"a":{"ComparisonOperator":"NE","AttributeValueList":[{"S":"x"}]},"q":{"ComparisonOperator":"NULL"}},"ConditionalOperator":"AND","AttributesToGet":["a"]}`,
	`{"TableName":"tab","ScanFilter":{"a":{"ComparisonOperator":"IN","AttributeValueList":[{"N":"5"},{"N":"6"}]},"l":{"ComparisonOperator":"NOT_CONTAINS","AttributeValueList":[{"NULL":true}]}},"ConditionalOperator":"OR"}`,
	`{"RequestItems":{"tab":{"Keys":[{"p":{"S":"a"},"s":{"N":"1"}}],"AttributesToGet":["a"]}}}`,
	`{"TableName":"tab","Expected":{"a":null},"AttributeUpdates":{"":null},"KeyConditions":{"p":null},"AttributesToGet":[null]}`,
}

// The fuzz targets of the operations that take such parameters; fuzzRequest tells
// what holds.

func FuzzLegacyGetItem(f *testing.F) { fuzzRequest(f, "GetItem", legacySeeds...) }

func FuzzLegacyPutItem(f *testing.F) { fuzzRequest(f, "PutItem", legacySeeds...) }

func FuzzLegacyUpdateItem(f *testing.F) { fuzzRequest(f, "UpdateItem", legacySeeds...) }

func FuzzLegacyQuery(f *testing.F) { fuzzRequest(f, "Query", legacySeeds...) }

func FuzzLegacyScan(f *testing.F) { fuzzRequest(f, "Scan", legacySeeds...) }

func FuzzLegacyBatchGetItem(f *testing.F) { fuzzRequest(f, "BatchGetItem", legacySeeds...) }
