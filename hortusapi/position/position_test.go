package position_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/hortusapi/position"
)

// server answers a write with a position, and prints what a call waits for.
func server(print func(target, waitFor, timeout string)) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target := r.Header.Get("X-Amz-Target")
		print(target, r.Header.Get("x-hortus-wait-for"), r.Header.Get("x-hortus-wait-timeout"))
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		switch {
		case target == "DynamoDB_20120810.PutItem":
			w.Header().Set("x-hortus-position", "2:a:111111111111/us-east-1/Orders@1234,2:a:111111111111/us-east-1/Other@1")
		case r.Header.Get("x-hortus-position") != "": // A read that asks for what it has seen.
			w.Header().Set("x-hortus-position", "2:b:222222222222/eu-west-1/Orders@77,2:a:111111111111/us-east-1/Orders@1240")
		}
		fmt.Fprint(w, "{}")
	}))
}

func newClient(endpoint, account, region string, seen *position.Tracker) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: sdkaws.String(endpoint), Region: region,
		Credentials: credentials.NewStaticCredentialsProvider(account, "any", ""),
		APIOptions:  seen.APIOptions(),
	})
}

// What is written or seen in one Region is waited for in another.
func ExampleTracker() {
	s := server(func(target, waitFor, timeout string) { fmt.Printf("%s waits for %q, %q\n", target, waitFor, timeout) })
	defer s.Close()
	seen := &position.Tracker{Wait: "500ms"}
	here := newClient(s.URL, "111111111111", "us-east-1", seen)
	there := newClient(s.URL, "222222222222", "eu-west-1", seen)
	key := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "a"}}
	ctx := context.Background()
	if _, err := here.PutItem(ctx, &dynamodb.PutItemInput{TableName: sdkaws.String("Orders"), Item: key}); err != nil {
		fmt.Println(err)
	}
	for _, client := range []*dynamodb.Client{there, here} {
		if _, err := client.GetItem(ctx, &dynamodb.GetItemInput{TableName: sdkaws.String("Orders"), Key: key}); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// DynamoDB_20120810.PutItem waits for "", ""
	// DynamoDB_20120810.GetItem waits for "2:a:111111111111/us-east-1/Orders@1234", "500ms"
	// DynamoDB_20120810.GetItem waits for "2:a:111111111111/us-east-1/Orders@1240,2:b:222222222222/eu-west-1/Orders@77", "500ms"
}

// TestObserve: of each replica the latest position is kept, and what is no
// position is passed over.
func TestObserve(t *testing.T) {
	var tracker position.Tracker
	for _, h := range []string{"b/r/T@7", "a/r/T@5, b/r/T@6", "", "what", "a/r/T@x", "a/r/U@1"} {
		tracker.Observe(h)
	}
	if got, want := tracker.Header(), "a/r/T@5,a/r/U@1,b/r/T@7"; got != want {
		t.Errorf("header %q, want %q", got, want)
	}
	if got, want := tracker.Header("U"), "a/r/U@1"; got != want {
		t.Errorf("of one table %q, want %q", got, want)
	}
}

// TestRuns: a position of another run is kept beside one of before, for it may be of
// another history, until a call that waited for both was answered; what is lost is
// forgotten, and no more than that.
func TestRuns(t *testing.T) {
	var tracker position.Tracker
	tracker.Observe("2:a:c/r/T@10,2:b:c/r/T@7,2:a:d/r/T@3,2:b:c/r/U@9")
	for _, step := range []struct {
		do   func(string)
		with string
		want string
	}{
		{tracker.Reached, "2:a:c/r/T@9,2:b:c/r/T@7", "2:a:c/r/T@10,2:a:d/r/T@3,2:b:c/r/U@9"}, // One has gone on since it was sent.
		{tracker.Observe, "2:b:c/r/T@12", "2:a:c/r/T@10,2:a:d/r/T@3,2:b:c/r/T@12,2:b:c/r/U@9"},
		{tracker.Reached, "2:a:c/r/T@10,2:b:c/r/T@12", "2:a:d/r/T@3,2:b:c/r/T@12,2:b:c/r/U@9"},
		{tracker.Forget, "2:b:c/r/T@11", "2:a:d/r/T@3,2:b:c/r/T@12,2:b:c/r/U@9"},
		{tracker.Forget, "2:b:c/r/T@12", "2:a:d/r/T@3,2:b:c/r/U@9"},
	} {
		if step.do(step.with); tracker.Header() != step.want {
			t.Errorf("after %s: %s, want %s", step.with, tracker.Header(), step.want)
		}
	}
}

// TestTablesOfCall: a call brings the positions of its own tables, whatever has been
// seen: a session may see hundreds, and a header has an end.
func TestTablesOfCall(t *testing.T) {
	var got string
	s := server(func(_, waitFor, _ string) { got = waitFor })
	defer s.Close()
	var seen position.Tracker
	c := newClient(s.URL, "111111111111", "us-east-1", &seen)
	for i := range 1000 {
		seen.Observe(fmt.Sprintf("a/r/Many%d@%d", i, i))
	}
	name := sdkaws.String
	item := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "a"}}
	keys := types.KeysAndAttributes{Keys: []map[string]types.AttributeValue{item}}
	writes := []types.WriteRequest{{PutRequest: &types.PutRequest{Item: item}}}
	const one, both = "a/r/Many1@1", "a/r/Many1@1,a/r/Many200@200"
	for _, x := range []struct {
		name string
		call func(context.Context) error
		want string
	}{
		{"Query of an ARN", func(ctx context.Context) error {
			_, err := c.Query(ctx, &dynamodb.QueryInput{TableName: name("arn:aws:dynamodb:us-east-1:222222222222:table/Many1"), KeyConditionExpression: name("pk = :p")})
			return err
		}, one},
		{"BatchGetItem", func(ctx context.Context) error {
			_, err := c.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"Many1": keys, "Many200": keys}})
			return err
		}, both},
		{"BatchWriteItem", func(ctx context.Context) error {
			_, err := c.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"Many1": writes, "Many200": writes}})
			return err
		}, both},
		{"TransactGetItems", func(ctx context.Context) error {
			_, err := c.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{{Get: &types.Get{TableName: name("Many1"), Key: item}}, {Get: &types.Get{TableName: name("Many200"), Key: item}}}})
			return err
		}, both},
		{"TransactWriteItems", func(ctx context.Context) error {
			_, err := c.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
				{Put: &types.Put{TableName: name("Many1"), Item: item}}, {Delete: &types.Delete{TableName: name("Many200"), Key: item}},
			}})
			return err
		}, both},
		{"a condition and an update", func(ctx context.Context) error {
			_, err := c.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
				{ConditionCheck: &types.ConditionCheck{TableName: name("Many1"), Key: item, ConditionExpression: name("attribute_exists(pk)")}},
				{Update: &types.Update{TableName: name("Many200"), Key: item, UpdateExpression: name("REMOVE v")}},
			}})
			return err
		}, both},
		{"DescribeTable", func(ctx context.Context) error {
			_, err := c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: name("Many1")})
			return err
		}, ""},
	} {
		got = "not called"
		if err := x.call(t.Context()); err != nil || got != x.want {
			t.Errorf("%s waits for %.200q, not %q (%v)", x.name, got, x.want, err)
		}
	}
}

// TestTablesOfStatements: a statement is not read: what looks like one of its tables is
// waited for.
func TestTablesOfStatements(t *testing.T) {
	var got string
	s := server(func(_, waitFor, _ string) { got = waitFor })
	defer s.Close()
	var seen position.Tracker
	c := newClient(s.URL, "111111111111", "us-east-1", &seen)
	seen.Observe("a/r/Sales@1,a/r/Sale@2,a/r/Users@3")
	statement := sdkaws.String(`SELECT * FROM "Sales" WHERE pk = 'a'`)
	for _, x := range []struct {
		name string
		call func(context.Context) error
	}{
		{"ExecuteStatement", func(ctx context.Context) error {
			_, err := c.ExecuteStatement(ctx, &dynamodb.ExecuteStatementInput{Statement: statement})
			return err
		}},
		{"BatchExecuteStatement", func(ctx context.Context) error {
			_, err := c.BatchExecuteStatement(ctx, &dynamodb.BatchExecuteStatementInput{Statements: []types.BatchStatementRequest{{Statement: statement}}})
			return err
		}},
		{"ExecuteTransaction", func(ctx context.Context) error {
			_, err := c.ExecuteTransaction(ctx, &dynamodb.ExecuteTransactionInput{TransactStatements: []types.ParameterizedStatement{{Statement: statement}}})
			return err
		}},
	} {
		got = "not called"
		if err := x.call(t.Context()); err != nil || got != "a/r/Sale@2,a/r/Sales@1" {
			t.Errorf("%s waits for %q (%v)", x.name, got, err)
		}
	}
}
