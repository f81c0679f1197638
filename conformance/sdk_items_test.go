//go:build conformance

package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// allTypes is an item with values of all ten types.
func allTypes(id string) attributes {
	return attributes{
		"id":   str(id),
		"s":    str("text, \"quoted\", \u2603 and \U0001f33b"),
		"n":    &types.AttributeValueMemberN{Value: "-1234567890.12345678901234567890123456"},
		"b":    &types.AttributeValueMemberB{Value: []byte{0, 1, 254, 255}},
		"bool": &types.AttributeValueMemberBOOL{Value: true},
		"null": &types.AttributeValueMemberNULL{Value: true},
		"ss":   &types.AttributeValueMemberSS{Value: []string{"a", "b"}},
		"ns":   &types.AttributeValueMemberNS{Value: []string{"1", "2.5"}},
		"bs":   &types.AttributeValueMemberBS{Value: [][]byte{{1}, {2}}},
		"l":    &types.AttributeValueMemberL{Value: []types.AttributeValue{str(""), num(0), &types.AttributeValueMemberL{Value: []types.AttributeValue{}}}},
		"m":    &types.AttributeValueMemberM{Value: attributes{"deep": &types.AttributeValueMemberM{Value: attributes{"deeper": num(1)}}, "b": &types.AttributeValueMemberB{Value: []byte{}}}},
	}
}

func TestSDKItems(t *testing.T) {
	ctx := deadline(t)
	c := inMemory(t).client(staging, virginia)
	createTable(ctx, t, c, simple("Things", false))
	want := allTypes("1")
	put(ctx, t, c, "Things", want)
	key := attributes{"id": str("1")}
	wantItem(t, get(ctx, t, c, "Things", key), want)
	wantItem(t, get(ctx, t, c, "Things", attributes{"id": str("2")}), nil)

	out, err := c.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String("Things"), Key: key, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		ProjectionExpression: aws.String("#s, m.deep, l[1]"), ExpressionAttributeNames: map[string]string{"#s": "s"},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantItem(t, out.Item, attributes{
		"s": want["s"], "l": &types.AttributeValueMemberL{Value: []types.AttributeValue{num(0)}},
		"m": &types.AttributeValueMemberM{Value: attributes{"deep": &types.AttributeValueMemberM{Value: attributes{"deeper": num(1)}}}},
	})
	if out.ConsumedCapacity == nil || *out.ConsumedCapacity.CapacityUnits != 0.5 || *out.ConsumedCapacity.TableName != "Things" {
		t.Errorf("GetItem consumed %+v", out.ConsumedCapacity)
	}

	old, err := c.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("Things"), Item: attributes{"id": str("1"), "v": num(2)}, ReturnValues: types.ReturnValueAllOld})
	if err != nil {
		t.Fatal(err)
	}
	wantItem(t, old.Attributes, want)
	gone, err := c.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String("Things"), Key: key, ReturnValues: types.ReturnValueAllOld})
	if err != nil {
		t.Fatal(err)
	}
	wantItem(t, gone.Attributes, attributes{"id": str("1"), "v": num(2)})
	wantItem(t, get(ctx, t, c, "Things", key), nil)
}

// TestSDKAttributeValue goes by way of Go types, as most applications do.
func TestSDKAttributeValue(t *testing.T) {
	type line struct {
		Product string
		Count   int
		Price   float64
	}
	type order struct {
		ID    string `dynamodbav:"id"`
		Lines []line
		Tags  []string `dynamodbav:",stringset"`
		Blob  []byte
		Open  bool
		Notes map[string]any
	}
	ctx := deadline(t)
	c := inMemory(t).client(staging, virginia)
	createTable(ctx, t, c, simple("Orders", false))
	want := order{
		ID: "o-1", Lines: []line{{"seeds", 3, 2.75}, {"spade", 1, 19}}, Tags: []string{"garden", "spring"},
		Blob: []byte("\x00\xff"), Open: true, Notes: map[string]any{"gift": true, "from": "Ada"},
	}
	item, err := attributevalue.MarshalMap(want)
	if err != nil {
		t.Fatal(err)
	}
	put(ctx, t, c, "Orders", item)
	var got order
	if err := attributevalue.UnmarshalMap(get(ctx, t, c, "Orders", attributes{"id": str("o-1")}), &got); err != nil {
		t.Fatal(err)
	}
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("order %s, want %s", g, w)
	}
}

func TestSDKConditions(t *testing.T) {
	ctx := deadline(t)
	c := inMemory(t).client(staging, virginia)
	createTable(ctx, t, c, simple("Things", false))
	item := attributes{"id": str("1"), "v": num(1)}
	absent := &dynamodb.PutItemInput{
		TableName: aws.String("Things"), Item: item, ConditionExpression: aws.String("attribute_not_exists(id)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if _, err := c.PutItem(ctx, absent); err != nil {
		t.Fatal(err)
	}
	_, err := c.PutItem(ctx, absent)
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		t.Fatalf("PutItem of what exists: %v", err)
	}
	wantItem(t, failed.Item, item)
	_, err = c.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: aws.String("Things"), Key: attributes{"id": str("1")}, ConditionExpression: aws.String("v > :v"),
		ExpressionAttributeValues: attributes{":v": num(1)},
	})
	if !errors.As(err, &failed) || failed.Item != nil {
		t.Errorf("DeleteItem under a false condition: %v", err)
	}
	_, err = c.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("Things"), Item: item, ConditionExpression: aws.String("v >")})
	wantError(t, err, "ValidationException", "Invalid ConditionExpression: Syntax error")
	_, err = c.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("Nowhere"), Item: item})
	wantError(t, err, "ResourceNotFoundException", "")
	_, err = c.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("Things"), Item: attributes{"v": num(1)}})
	wantError(t, err, "ValidationException", "Missing the key id in the item")
}

func TestSDKUpdateItem(t *testing.T) {
	ctx := deadline(t)
	c := inMemory(t).client(staging, virginia)
	createTable(ctx, t, c, simple("Things", false))
	update := func(expression string, values attributes, returns types.ReturnValue) attributes {
		t.Helper()
		out, err := c.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: aws.String("Things"), Key: attributes{"id": str("1")}, UpdateExpression: &expression,
			ExpressionAttributeValues: values, ReturnValues: returns,
		})
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		return out.Attributes
	}
	list := func(v ...types.AttributeValue) types.AttributeValue { return &types.AttributeValueMemberL{Value: v} }
	wantItem(t, update("SET a = :a, l = :l ADD n :n, ss :ss", attributes{
		":a": str("x"), ":l": list(num(1)), ":n": num(5), ":ss": &types.AttributeValueMemberSS{Value: []string{"p", "q"}},
	}, types.ReturnValueAllNew), attributes{
		"id": str("1"), "a": str("x"), "l": list(num(1)), "n": num(5), "ss": &types.AttributeValueMemberSS{Value: []string{"p", "q"}},
	})
	wantItem(t, update("SET l = list_append(l, :l), n = n - :n, b = if_not_exists(b, :b) REMOVE a DELETE ss :ss", attributes{
		":l": list(num(2)), ":n": num(2), ":b": str("new"), ":ss": &types.AttributeValueMemberSS{Value: []string{"p"}},
	}, types.ReturnValueUpdatedNew), attributes{
		"l": list(num(1), num(2)), "n": num(3), "b": str("new"), "ss": &types.AttributeValueMemberSS{Value: []string{"q"}},
	})
	wantItem(t, update("SET l[0] = :n", attributes{":n": num(9)}, types.ReturnValueUpdatedOld), attributes{"l": list(num(1))})
	_, err := c.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String("Things"), Key: attributes{"id": str("1")}, UpdateExpression: aws.String("ADD b :n"),
		ExpressionAttributeValues: attributes{":n": num(1)},
	})
	wantError(t, err, "ValidationException", "")
	_, err = c.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String("Things"), Key: attributes{"id": str("1")}, UpdateExpression: aws.String("SET id = :n"),
		ExpressionAttributeValues: attributes{":n": str("2")},
	})
	wantError(t, err, "ValidationException", "This attribute is part of the key")
}

func TestSDKBatches(t *testing.T) {
	ctx := deadline(t)
	c := inMemory(t).client(staging, virginia)
	createTable(ctx, t, c, simple("Things", false))
	createTable(ctx, t, c, simple("Lines", true))
	var writes, lines []types.WriteRequest
	var keys []attributes
	for i := range 15 {
		id := str(fmt.Sprint("t-", i))
		writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: attributes{"id": id, "v": num(i)}}})
		keys = append(keys, attributes{"id": id})
	}
	for i := range 10 {
		lines = append(lines, types.WriteRequest{PutRequest: &types.PutRequest{Item: attributes{"id": str("l"), "seq": num(i), "text": str(strings.Repeat("x", 2000))}}})
	}
	write(ctx, t, c, map[string][]types.WriteRequest{"Things": writes, "Lines": lines})
	out, err := c.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		"Things": {Keys: append(keys, attributes{"id": str("none")}), ConsistentRead: aws.Bool(true)},
		"Lines":  {Keys: []attributes{{"id": str("l"), "seq": num(3)}}, ProjectionExpression: aws.String("seq")},
	}, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Responses["Things"]) != 15 || len(out.UnprocessedKeys) != 0 || len(out.ConsumedCapacity) != 2 {
		t.Errorf("BatchGetItem: %d items, %d unprocessed, consumed %+v", len(out.Responses["Things"]), len(out.UnprocessedKeys), out.ConsumedCapacity)
	}
	if len(out.Responses["Lines"]) != 1 {
		t.Fatalf("BatchGetItem: lines %v", out.Responses["Lines"])
	}
	wantItem(t, out.Responses["Lines"][0], attributes{"seq": num(3)})

	write(ctx, t, c, map[string][]types.WriteRequest{"Things": {
		{DeleteRequest: &types.DeleteRequest{Key: keys[0]}}, {PutRequest: &types.PutRequest{Item: attributes{"id": str("t-1"), "v": str("new")}}},
	}})
	if got := scanAll(ctx, t, c, "Things", ""); len(got) != 14 {
		t.Errorf("%d items after a batch with a delete, want 14", len(got))
	}
	wantItem(t, get(ctx, t, c, "Things", keys[1]), attributes{"id": str("t-1"), "v": str("new")})

	_, err = c.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"Things": {writes[1], writes[1]}}})
	wantError(t, err, "ValidationException", "Provided list of item keys contains duplicates")
	_, err = c.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"Things": append(writes, lines[0], lines[0], lines[0], lines[0], lines[0], lines[0], lines[0], lines[0], lines[0], lines[0], lines[0])}})
	wantError(t, err, "ValidationException", "25")
	_, err = c.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"Nowhere": {Keys: keys[:1]}}})
	wantError(t, err, "ResourceNotFoundException", "")
}

// TestSDKBatchGetPages asks for more than an answer holds, and for the rest until
// all is there.
func TestSDKBatchGetPages(t *testing.T) {
	ctx := deadline(t)
	c := inMemory(t).client(staging, virginia)
	createTable(ctx, t, c, simple("Things", false))
	big := strings.Repeat("x", 390_000)
	asked := types.KeysAndAttributes{}
	for i := range 60 {
		key := attributes{"id": str(fmt.Sprint(i))}
		put(ctx, t, c, "Things", attributes{"id": key["id"], "big": str(big)})
		asked.Keys = append(asked.Keys, key)
	}
	seen := map[string]bool{}
	rounds := 0
	for next := (map[string]types.KeysAndAttributes{"Things": asked}); len(next) > 0; rounds++ {
		out, err := c.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: next})
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range out.Responses["Things"] {
			seen[it["id"].(*types.AttributeValueMemberS).Value] = true
		}
		next = out.UnprocessedKeys
		if rounds > 10 {
			t.Fatal("no progress")
		}
	}
	if len(seen) != 60 || rounds < 2 {
		t.Errorf("%d items in %d rounds, want 60 in more than one", len(seen), rounds)
	}
}

// write writes a batch until nothing is left unprocessed.
func write(ctx context.Context, t testing.TB, c *dynamodb.Client, requests map[string][]types.WriteRequest) {
	t.Helper()
	for len(requests) > 0 {
		out, err := c.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: requests})
		if err != nil {
			t.Fatalf("BatchWriteItem: %v", err)
		}
		requests = out.UnprocessedItems
	}
}
