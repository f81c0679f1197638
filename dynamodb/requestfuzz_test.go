package dynamodb_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/dynamodb"
	"github.com/hortusdb/hortus/kv"
)

// fuzzTable is the table that fuzzed requests meet, and fuzzItem its only item.
const (
	fuzzTable = `{"TableName":"tab","BillingMode":"PAY_PER_REQUEST",
		"AttributeDefinitions":[{"AttributeName":"p","AttributeType":"S"},{"AttributeName":"s","AttributeType":"N"},{"AttributeName":"x","AttributeType":"B"}],
		"KeySchema":[{"AttributeName":"p","KeyType":"HASH"},{"AttributeName":"s","KeyType":"RANGE"}],
		"LocalSecondaryIndexes":[{"IndexName":"loc","KeySchema":[{"AttributeName":"p","KeyType":"HASH"},{"AttributeName":"x","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}],
		"GlobalSecondaryIndexes":[{"IndexName":"glo","KeySchema":[{"AttributeName":"x","KeyType":"HASH"}],"Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["a"]}}]}`
	fuzzItem = `{"TableName":"tab","Item":{"p":{"S":"a"},"s":{"N":"1"},"x":{"B":"AQ=="},"a":{"N":"5"},"l":{"L":[{"S":"b"},{"NULL":true}]},"m":{"M":{"k":{"BOOL":true}}},"ss":{"SS":["u","v"]}}}`
)

// fuzzRequest fuzzes the body of an operation on a world that is new each time.
// Whatever the body, the call does not panic, does not fail for a reason of our
// own, and answers with JSON.
func fuzzRequest(f *testing.F, operation string, seeds ...string) {
	f.Helper()
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"TableName":"tab","Key":{"p":{"S":"a"},"s":{"N":"1"}},"Item":{"p":null},"RequestItems":{"tab":[]},"TransactItems":[{}]}`))
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	service := dynamodb.New()
	f.Fuzz(func(t *testing.T, body []byte) {
		w := newWorldOf(service)
		for _, made := range [][2]string{{"CreateTable", fuzzTable}, {"PutItem", fuzzItem}} {
			if _, err := w.raw(t, made[0], []byte(made[1])); err != nil {
				t.Fatal(err)
			}
		}
		out, err := w.raw(t, operation, body)
		var known *aws.Error
		switch {
		case err == nil:
			if !json.Valid(out) {
				t.Fatalf("the answer is not JSON: %q", out)
			}
			if !utf8.Valid(out) {
				t.Fatalf("the answer is not UTF-8: %q", out)
			}
		case errors.Is(err, kv.ErrTooLarge): // The router words it.
		case !errors.As(err, &known):
			t.Fatalf("not an error for a client: %v", err)
		case known.Status >= 500:
			t.Fatalf("the server's fault: %v", err)
		default:
			for _, m := range known.Members {
				if !json.Valid(m.JSON) {
					t.Fatalf("member %s of the error is not JSON: %q", m.Name, m.JSON)
				}
			}
		}
	})
}

// raw runs one operation as its cell's owner.
func (w *controlWorld) raw(t testing.TB, operation string, body []byte) ([]byte, error) {
	t.Helper()
	home := aws.Cell{Account: "111111111111", Region: "us-east-1"}
	c := &api.Call{Body: body, Home: home, Owner: home}
	op := w.ops[operation]
	defer w.api.Release(c)
	if err := op.Decode(c); err != nil {
		return nil, err
	}
	if err := op.Run(context.Background(), w.cell(t, home), c); err != nil {
		return nil, err
	}
	return c.Out, nil
}

func FuzzRequestGetItem(f *testing.F) {
	fuzzRequest(f, "GetItem", `{"TableName":"tab","Key":{"p":{"S":"a"},"s":{"N":"1.0"}},"ProjectionExpression":"a, #l[0], m.k","ExpressionAttributeNames":{"#l":"l"},"ConsistentRead":true,"ReturnConsumedCapacity":"INDEXES"}`)
}

func FuzzRequestPutItem(f *testing.F) {
	fuzzRequest(f, "PutItem", fuzzItem,
		`{"TableName":"tab","Item":{"p":{"S":"a"},"s":{"N":"1e2"},"n":{"NS":["1","2"]},"b":{"BS":["AQ==",""]}},"ConditionExpression":"attribute_not_exists(p) OR a BETWEEN :x AND :y","ExpressionAttributeValues":{":x":{"N":"1"},":y":{"N":"9"}},"ReturnValues":"ALL_OLD","ReturnValuesOnConditionCheckFailure":"ALL_OLD","ReturnItemCollectionMetrics":"SIZE","ReturnConsumedCapacity":"TOTAL"}`)
}

func FuzzRequestUpdateItem(f *testing.F) {
	fuzzRequest(f, "UpdateItem",
		`{"TableName":"tab","Key":{"p":{"S":"a"},"s":{"N":"1"}},"UpdateExpression":"SET a = if_not_exists(a, :n) + :n, l = list_append(l, :l), m.z = :n REMOVE #x, l[9] ADD c :n DELETE ss :ss","ExpressionAttributeNames":{"#x":"x"},"ExpressionAttributeValues":{":n":{"N":"1"},":l":{"L":[]},":ss":{"SS":["u"]}},"ReturnValues":"UPDATED_NEW"}`)
}

func FuzzRequestDeleteItem(f *testing.F) {
	fuzzRequest(f, "DeleteItem",
		`{"TableName":"tab","Key":{"p":{"S":"a"},"s":{"N":"1"}},"ConditionExpression":"contains(ss, :v) AND NOT size(l) IN (:v, a)","ExpressionAttributeValues":{":v":{"S":"u"}},"ReturnValues":"ALL_OLD"}`)
}

func FuzzRequestQuery(f *testing.F) {
	fuzzRequest(f, "Query",
		`{"TableName":"tab","KeyConditionExpression":"p = :p AND s >= :s","FilterExpression":"a < :s","ExpressionAttributeValues":{":p":{"S":"a"},":s":{"N":"1"}},"Limit":1,"ScanIndexForward":false,"ExclusiveStartKey":{"p":{"S":"a"},"s":{"N":"3"}}}`,
		`{"TableName":"tab","IndexName":"glo","KeyConditionExpression":"x = :x","ExpressionAttributeValues":{":x":{"B":"AQ=="}},"Select":"COUNT","ReturnConsumedCapacity":"INDEXES"}`,
		`{"TableName":"tab","IndexName":"loc","KeyConditionExpression":"p = :p AND begins_with(x, :x)","ProjectionExpression":"a","ExpressionAttributeValues":{":p":{"S":"a"},":x":{"B":"AQ=="}}}`)
}

func FuzzRequestScan(f *testing.F) {
	fuzzRequest(f, "Scan",
		`{"TableName":"tab","FilterExpression":"attribute_type(a, :t)","ExpressionAttributeValues":{":t":{"S":"N"}},"Segment":0,"TotalSegments":2,"Limit":3}`,
		`{"TableName":"tab","IndexName":"loc","Select":"ALL_ATTRIBUTES","ExclusiveStartKey":{"p":{"S":"a"},"s":{"N":"1"},"x":{"B":"AQ=="}}}`)
}

func FuzzRequestBatchGetItem(f *testing.F) {
	fuzzRequest(f, "BatchGetItem",
		`{"RequestItems":{"tab":{"Keys":[{"p":{"S":"a"},"s":{"N":"1"}},{"p":{"S":"b"},"s":{"N":"1"}}],"ProjectionExpression":"#a","ExpressionAttributeNames":{"#a":"a"},"ConsistentRead":true}},"ReturnConsumedCapacity":"TOTAL"}`)
}

func FuzzRequestBatchWriteItem(f *testing.F) {
	fuzzRequest(f, "BatchWriteItem",
		`{"RequestItems":{"tab":[{"PutRequest":{"Item":{"p":{"S":"b"},"s":{"N":"1"}}}},{"DeleteRequest":{"Key":{"p":{"S":"a"},"s":{"N":"1"}}}}]},"ReturnItemCollectionMetrics":"SIZE","ReturnConsumedCapacity":"INDEXES"}`)
}

func FuzzRequestTransactWriteItems(f *testing.F) {
	fuzzRequest(f, "TransactWriteItems",
		`{"ClientRequestToken":"t","TransactItems":[{"Put":{"TableName":"tab","Item":{"p":{"S":"b"},"s":{"N":"1"}}}},{"ConditionCheck":{"TableName":"tab","Key":{"p":{"S":"a"},"s":{"N":"1"}},"ConditionExpression":"attribute_exists(nope)","ReturnValuesOnConditionCheckFailure":"ALL_OLD"}}]}`,
		`{"TransactItems":[{"Update":{"TableName":"tab","Key":{"p":{"S":"a"},"s":{"N":"1"}},"UpdateExpression":"SET a = a + :n","ExpressionAttributeValues":{":n":{"N":"1"}}}},{"Delete":{"TableName":"tab","Key":{"p":{"S":"c"},"s":{"N":"1"}}}}],"ReturnConsumedCapacity":"TOTAL"}`)
}

func FuzzRequestTransactGetItems(f *testing.F) {
	fuzzRequest(f, "TransactGetItems",
		`{"TransactItems":[{"Get":{"TableName":"tab","Key":{"p":{"S":"a"},"s":{"N":"1"}},"ProjectionExpression":"a"}},{"Get":{"TableName":"tab","Key":{"p":{"S":"b"},"s":{"N":"1"}}}}]}`)
}
