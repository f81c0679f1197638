package dynamodb_test

import (
	"strings"
	"testing"
)

// TestFaultOrder: of several faults of a request the one is told that AWS tells,
// as far as DynamoDB Local knows.
func TestFaultOrder(t *testing.T) {
	w := newControlWorld()
	const other = `{"TableName":"other","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"h","AttributeType":"S"}],"KeySchema":[{"AttributeName":"h","KeyType":"HASH"}]}`
	for _, made := range [][2]string{{"CreateTable", fuzzTable}, {"CreateTable", other}, {"PutItem", fuzzItem}} {
		if _, err := w.raw(t, made[0], []byte(made[1])); err != nil {
			t.Fatal(err)
		}
	}
	const (
		scalars    = "Key attributes must be scalars"
		schema     = "The provided key element does not match the schema"
		duplicates = "Provided list of item keys contains duplicates"
		k          = `{"p":{"S":"a"},"s":{"N":"1"}}`
		same       = `{"p":{"S":"a"},"s":{"N":"1.0"}}`
		short      = `{"p":{"S":"a"}}`
		arn        = `"arn:aws:dynamodb:us-east-1:111111111111:table/tab"`
	)
	del := func(keys ...string) string {
		for i, k := range keys {
			keys[i] = `{"DeleteRequest":{"Key":` + k + `}}`
		}
		return "[" + strings.Join(keys, ",") + "]"
	}
	for _, c := range []struct{ operation, body, want string }{
		{"GetItem", `{"TableName":"tab","Key":` + short + `,"ProjectionExpression":"p.x"}`, scalars},
		{"UpdateItem", `{"TableName":"tab","Key":` + short + `,"UpdateExpression":"REMOVE p.x"}`, schema},
		{"UpdateItem", `{"TableName":"tab","Key":` + k + `,"UpdateExpression":"REMOVE s SET p = s"}`, "Cannot update attribute p."},
		{"UpdateItem", `{"TableName":"tab","Key":` + k + `,"AttributeUpdates":{"s":{"Action":"DELETE"},"p":{"Action":"DELETE"}}}`, "Cannot update attribute s."},
		{"ExecuteStatement", `{"Statement":"UPDATE tab SET s = 1, p = 'b' WHERE p = 'a' AND s = 1"}`, "Cannot update attribute p."},
		{"ExecuteStatement", `{"Statement":"UPDATE tab SET p = 'b', s = 1 WHERE p = 'a' AND s = 1"}`, "Cannot update attribute p."},
		{"Scan", `{"TableName":"tab","IndexName":"glo","ConsistentRead":true,"ProjectionExpression":"x.y"}`, "Consistent reads are not supported"},
		{"Scan", `{"TableName":"tab","ExclusiveStartKey":` + short + `,"ProjectionExpression":"p.x"}`, "The provided starting key is invalid"},
		{"Query", `{"TableName":"tab","ExclusiveStartKey":` + short + `,"ProjectionExpression":"p.x","KeyConditionExpression":"p=:p","ExpressionAttributeValues":{":p":{"S":"a"}}}`, scalars},

		{"BatchGetItem", `{"RequestItems":{"tab":{"Keys":[` + short + `],"ProjectionExpression":"p.x"}}}`, schema},
		{"BatchGetItem", `{"RequestItems":{"tab":{"Keys":[` + k + `],"ProjectionExpression":"p.x"},"other":{"Keys":[` + short + `]}}}`, schema},
		{"BatchGetItem", `{"RequestItems":{"tab":{"Keys":[` + short + `,` + k + `,` + same + `]}}}`, duplicates},
		{"BatchGetItem", `{"RequestItems":{"tab":{"Keys":[` + short + `]},"other":{"Keys":[{"h":{"S":"a"}},{"h":{"S":"a"}}]}}}`, duplicates},
		{"BatchWriteItem", `{"RequestItems":{"tab":` + del(short, k, same) + `}}`, schema},
		{"BatchWriteItem", `{"RequestItems":{"tab":` + del(k, same, short) + `}}`, duplicates},

		// One table by its name and by its ARN.
		{"BatchGetItem", `{"RequestItems":{"tab":{"Keys":[` + k + `]},` + arn + `:{"Keys":[` + same + `]}}}`, duplicates},
		{"BatchWriteItem", `{"RequestItems":{"tab":` + del(k) + `,` + arn + `:` + del(same) + `}}`, duplicates},
		{"BatchWriteItem", `{"RequestItems":{"tab":` + del(k) + `,` + arn + `:[{"PutRequest":{"Item":` + same + `}}]}}`, duplicates},
		{
			"TransactWriteItems", `{"TransactItems":[{"Delete":{"TableName":"tab","Key":` + k + `}},{"Delete":{"TableName":` + arn + `,"Key":` + same + `}}]}`,
			"Transaction request cannot include multiple operations on one item",
		},
		{
			"TransactGetItems", `{"TransactItems":[{"Get":{"TableName":"tab","Key":` + k + `}},{"Get":{"TableName":` + arn + `,"Key":` + same + `}}]}`,
			"Transaction request cannot include multiple operations on one item",
		},
	} {
		if _, err := w.raw(t, c.operation, []byte(c.body)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %s", c.operation, c.body, err, c.want)
		}
	}

	// Different keys of one table by both of its names are all answered.
	out, err := w.raw(t, "BatchGetItem", []byte(`{"RequestItems":{"tab":{"Keys":[`+k+`]},`+arn+`:{"Keys":[{"p":{"S":"b"},"s":{"N":"1"}}]}}}`))
	if err != nil || !strings.Contains(string(out), `"tab":[{`) || !strings.Contains(string(out), arn+`:[]`) {
		t.Errorf("%s, %v", out, err)
	}
}
