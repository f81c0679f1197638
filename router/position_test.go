package router_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	hortusaws "github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/hortusapi/position"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/router"
)

// places are where the members of the global table of these tests are.
var places = []struct{ account, region string }{
	{"111111111111", "us-east-1"}, {"222222222222", "eu-west-1"}, {"333333333333", "ap-south-1"},
}

// newMesh makes a global table in all places. Ways from the first place take a
// while, that to the third a long one.
func newMesh(t *testing.T) *world {
	t.Helper()
	w := newWorldWith(t, router.Options{})
	var accounts []string
	for _, p := range places {
		accounts = append(accounts, strconv.Quote(p.account))
	}
	for i, p := range places {
		policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Principal":{"AWS":[%[1]s]},"Action":"dynamodb:AssociateTableReplica","Resource":%[2]q},
 {"Effect":"Allow","Principal":{"Service":"replication.dynamodb.amazonaws.com"},"Resource":%[2]q,
  "Action":["dynamodb:ReadDataForReplication","dynamodb:WriteDataForReplication","dynamodb:ReplicateSettings"],
  "Condition":{"StringEquals":{"aws:SourceAccount":[%[1]s]}}}]}`,
			strings.Join(accounts, ","), "arn:aws:dynamodb:"+p.region+":"+p.account+":table/Orders")
		in := &dynamodb.CreateTableInput{
			TableName: aws.String("Orders"), ResourcePolicy: &policy,
			GlobalTableSettingsReplicationMode: types.GlobalTableSettingsReplicationModeEnabled,
		}
		if i == 0 {
			in.BillingMode = types.BillingModePayPerRequest
			in.AttributeDefinitions = []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}}
			in.KeySchema = []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}}
		} else {
			in.GlobalTableSourceArn = aws.String("arn:aws:dynamodb:us-east-1:111111111111:table/Orders")
		}
		c := w.client(i, nil)
		if _, err := c.CreateTable(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		waiter := dynamodb.NewTableExistsWaiter(c, func(o *dynamodb.TableExistsWaiterOptions) {
			o.MinDelay, o.MaxDelay = 10*time.Millisecond, 10*time.Millisecond
		})
		if err := waiter.Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("Orders")}, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	for to, d := range map[string]time.Duration{"eu-west-1": 20 * time.Millisecond, "ap-south-1": 250 * time.Millisecond} {
		way := replication.Way{From: "us-east-1", To: hortusaws.Region(to)}
		if err := w.node.Network().SetConditions(way, replication.Conditions{Delay: d}); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// client calls in a place, in a session where there is one.
func (w *world) client(place int, session *position.Tracker) *dynamodb.Client {
	o := dynamodb.Options{
		Region: places[place].region, BaseEndpoint: &w.url,
		Credentials: credentials.NewStaticCredentialsProvider(places[place].account, "any", ""),
	}
	if session != nil {
		o.APIOptions = session.APIOptions()
	}
	return dynamodb.New(o)
}

// reads are the operations that read, each of the counter's item.
var reads = []func(ctx context.Context, c *dynamodb.Client) (map[string]types.AttributeValue, error){
	func(ctx context.Context, c *dynamodb.Client) (map[string]types.AttributeValue, error) {
		out, err := c.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("Orders"), Key: counterKey})
		if err != nil {
			return nil, err
		}
		return out.Item, nil
	},
	func(ctx context.Context, c *dynamodb.Client) (map[string]types.AttributeValue, error) {
		out, err := c.Query(ctx, &dynamodb.QueryInput{
			TableName: aws.String("Orders"), KeyConditionExpression: aws.String("id = :id"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":id": counterKey["id"]},
		})
		if err != nil {
			return nil, err
		}
		return first(out.Items), nil
	},
	func(ctx context.Context, c *dynamodb.Client) (map[string]types.AttributeValue, error) {
		out, err := c.Scan(ctx, &dynamodb.ScanInput{TableName: aws.String("Orders")})
		if err != nil {
			return nil, err
		}
		return first(out.Items), nil
	},
	func(ctx context.Context, c *dynamodb.Client) (map[string]types.AttributeValue, error) {
		out, err := c.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			"Orders": {Keys: []map[string]types.AttributeValue{counterKey}},
		}})
		if err != nil {
			return nil, err
		}
		return first(out.Responses["Orders"]), nil
	},
	func(ctx context.Context, c *dynamodb.Client) (map[string]types.AttributeValue, error) {
		for {
			out, err := c.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
				{Get: &types.Get{TableName: aws.String("Orders"), Key: counterKey}},
			}})
			if err == nil {
				return out.Responses[0].Item, nil
			}
			// Others write the item meanwhile.
			var cancelled *types.TransactionCanceledException
			if !errors.As(err, &cancelled) || aws.ToString(cancelled.CancellationReasons[0].Code) != "TransactionConflict" {
				return nil, err
			}
		}
	},
	func(ctx context.Context, c *dynamodb.Client) (map[string]types.AttributeValue, error) {
		out, err := c.ExecuteStatement(ctx, &dynamodb.ExecuteStatementInput{Statement: aws.String(`SELECT * FROM "Orders" WHERE id = 'counter'`)})
		if err != nil {
			return nil, err
		}
		return first(out.Items), nil
	},
}

var counterKey = map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "counter"}}

func first(items []map[string]types.AttributeValue) map[string]types.AttributeValue {
	if len(items) == 0 {
		return nil
	}
	return items[0]
}

// count is what the counter stands at, 0 without an item.
func count(t *testing.T, item map[string]types.AttributeValue) int {
	t.Helper()
	v, ok := item["n"].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(v.Value)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSession: a session that reads in one place and then in another sees nothing
// go back, by any operation that reads, while others write; callers without one do.
func TestSession(t *testing.T) {
	w := newMesh(t)
	add := func(c *dynamodb.Client) error {
		_, err := c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: aws.String("Orders"), Key: counterKey, UpdateExpression: aws.String("ADD n :one"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}},
		})
		return err
	}
	done := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for c := w.client(0, nil); ; {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
			}
			if err := add(c); err != nil {
				t.Error(err)
				return
			}
		}
	})
	back := func(session *position.Tracker) int {
		seen, times := 0, 0
		for i, read := range append(reads, reads...) {
			for _, place := range []int{i % 2, 2} { // The first or the second place, then the one far away.
				item, err := read(t.Context(), w.client(place, session))
				if err != nil {
					t.Fatal(err)
				}
				if n := count(t, item); n < seen {
					times++
				} else {
					seen = n
				}
			}
		}
		return times
	}
	if n := back(&position.Tracker{}); n > 0 {
		t.Errorf("a session saw the counter go back %d times", n)
	}
	if back(nil) == 0 {
		t.Error("without a session nothing goes back: nothing is tested")
	}
	close(done)
	writing.Wait()
}

// TestSeen: what a read may have seen is told where it is asked for, and nowhere
// else; it is reached also where nothing is left to be shipped.
func TestSeen(t *testing.T) {
	w := newMesh(t)
	get := func(headers map[string]string, place int) (int, string) {
		headers["Content-Type"] = "application/x-amz-json-1.0"
		headers["X-Amz-Target"] = "DynamoDB_20120810.GetItem"
		headers["X-Amz-Date"] = "20260101T000000Z"
		headers["Authorization"] = claims(places[place].account, places[place].region)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url, strings.NewReader(`{"TableName":"Orders","Key":{"id":{"S":"counter"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range headers {
			req.Header.Set(k, v)
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode, answer.Header.Get("x-hortus-position")
	}
	if _, err := w.client(0, nil).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("Orders"), Item: counterKey}); err != nil {
		t.Fatal(err)
	}
	if status, p := get(map[string]string{}, 0); status != http.StatusOK || p != "" {
		t.Errorf("a read that does not ask is told %d %s", status, p)
	}
	status, seen := get(map[string]string{"x-hortus-position": "seen"}, 0)
	if status != http.StatusOK || !strings.Contains(seen, "111111111111/us-east-1/Orders@") {
		t.Fatalf("a read that asks is told %d %q", status, seen)
	}
	// A position at which something else was committed in that cell.
	in := &dynamodb.CreateTableInput{
		TableName: aws.String("Diary"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	}
	if _, err := w.client(0, nil).CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	replica, number, _ := strings.Cut(seen, "@")
	at, err := strconv.Atoi(number)
	if err != nil {
		t.Fatalf("%s: %v", seen, err)
	}
	for _, n := range []int{at, at + 1} {
		for place := range places {
			if status, _ := get(map[string]string{"x-hortus-wait-for": fmt.Sprintf("%s@%d", replica, n)}, place); status != http.StatusOK {
				t.Errorf("in %s what was seen at %d is not reached: %d", places[place].region, n, status)
			}
		}
	}
}

// TestPositionOfNothing: a write that changes nothing is told where what it found
// is, whoever wrote that; a call that was refused, or reads, is told nothing.
func TestPositionOfNothing(t *testing.T) {
	w := newMesh(t)
	call := func(place int, operation, body string) (status int, positions string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-amz-json-1.0")
		req.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
		req.Header.Set("X-Amz-Date", "20260101T000000Z")
		req.Header.Set("Authorization", claims(places[place].account, places[place].region))
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode, answer.Header.Get("x-hortus-position")
	}
	const put = `"TableName":"Orders","Item":{"id":{"S":"counter"}}`
	const key = `"TableName":"Orders","Key":{"id":{"S":"counter"}}`
	_, first := call(0, "PutItem", `{`+put+`}`)
	seen := position.Tracker{Wait: "10s"}
	seen.Observe(first)
	get := &dynamodb.GetItemInput{TableName: aws.String("Orders"), Key: counterKey}
	if _, err := w.client(1, &seen).GetItem(t.Context(), get); err != nil { // It is there, too.
		t.Fatal(err)
	}
	const there = "111111111111/us-east-1/Orders@"
	const token = `,"ClientRequestToken":"t"}`
	if _, p := call(1, "TransactWriteItems", `{"TransactItems":[{"Put":{"TableName":"Orders","Item":{"id":{"S":"other"}}}}]`+token); p == "" {
		t.Error("a transaction has no position")
	}
	for _, c := range []struct {
		operation, body, want string
		status                int
	}{
		{"PutItem", `{` + put + `}`, there, http.StatusOK},
		{"UpdateItem", `{` + key + `}`, there, http.StatusOK},
		{"DeleteItem", `{"TableName":"Orders","Key":{"id":{"S":"none"}}}`, there, http.StatusOK},
		{"BatchWriteItem", `{"RequestItems":{"Orders":[{"PutRequest":{"Item":{"id":{"S":"counter"}}}},{"PutRequest":{"Item":{"id":{"S":"new"}}}}]}}`, there, http.StatusOK},
		{"TransactWriteItems", `{"TransactItems":[{"Put":{"TableName":"Orders","Item":{"id":{"S":"other"}}}}]` + token, "222222222222/eu-west-1/Orders@", http.StatusOK},
		{"PutItem", `{` + put + `,"ConditionExpression":"attribute_not_exists(id)"}`, "", http.StatusBadRequest},
		{"GetItem", `{` + key + `}`, "", http.StatusOK},
	} {
		status, p := call(1, c.operation, c.body)
		if status != c.status || (c.want == "") != (p == "") || !strings.Contains(p, c.want) {
			t.Errorf("%s %s: %d, %q; want %q", c.operation, c.body, status, p, c.want)
		}
		var told position.Tracker
		told.Observe(p)
		before := told.Header()
		if told.Observe(first); c.want == there && told.Header() != before {
			t.Errorf("%s %s: %s, short of %s", c.operation, c.body, p, first)
		}
	}
}

// TestPositionRefused: what is no position, or one of the form before, is refused by
// a clear word; one that the store has no trace of is an error that names it.
func TestPositionRefused(t *testing.T) {
	w := newMesh(t)
	const lost = "2:0000000000000001:222222222222/eu-west-1/Orders@7"
	for _, c := range []struct{ header, want string }{ // A line of the header in each line.
		{"111111111111/us-east-1/Orders@1234", "no position that this version gives"},
		{"3:0000000000000001:111111111111/us-east-1/Orders@1234", "no position that this version gives"},
		{"2:0:111111111111/us-east-1/Orders@1234", "no position that this version gives"},
		{"2:1:111111111111/us-east-1/Orders", "no position that this version gives"},
		{"2:1:Orders@1", "no position that this version gives"},
		{"2:1:111111111111/us-east-9/Orders@1", "is not a cell"},
		{lost + ",junk", "no position that this version gives"}, // Before anything is waited for.
		{strings.Repeat(lost+",", 512) + lost, "names 513 positions, and a call can wait for 512"},
		{lost + "\njunk", "no position that this version gives"},
		{strings.Repeat(lost+",", 255) + lost + "\n" + strings.Repeat(lost+",", 256) + lost, "names 513 positions, and a call can wait for 512"},
		{lost, "PositionLostException"},                                                 // In the cell itself,
		{"2:0000000000000001:111111111111/us-east-1/Orders@7", "PositionLostException"}, // and of another one, which is asked.
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url, strings.NewReader(`{"TableName":"Orders","Key":{"id":{"S":"counter"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range map[string]string{
			"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.GetItem", "X-Amz-Date": "20260101T000000Z",
			"Authorization": claims(places[1].account, places[1].region),
		} {
			req.Header.Set(k, v)
		}
		for line := range strings.SplitSeq(c.header, "\n") {
			req.Header.Add("x-hortus-wait-for", line)
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), c.want) {
			t.Errorf("%s: %d %s, %v; want %s", c.header, answer.StatusCode, body, err, c.want)
		}
		if got := answer.Header.Get("x-hortus-position-lost"); (got == c.header) != (c.want == "PositionLostException") {
			t.Errorf("%s: the lost position is %q", c.header, got)
		}
	}
}

// TestPositionWaits: how long a call waits is at most 30 s and said once, and a position
// of a table that the call does not touch is not waited for.
func TestPositionWaits(t *testing.T) {
	w := newMesh(t)
	const elsewhere = "2:0000000000000001:111111111111/us-east-1/Diary@7" // Of the table Orders it would be lost.
	for _, c := range []struct {
		timeouts []string
		want     string // "" is an answer.
	}{
		{nil, ""},
		{[]string{"0s"}, ""},
		{[]string{"30s"}, ""},
		{[]string{"30001ms"}, "at most 30 seconds"},
		{[]string{"-1s"}, "at most 30 seconds"},
		{[]string{"soon"}, "at most 30 seconds"},
		{[]string{""}, "at most 30 seconds"},
		{[]string{"1s", "1s"}, "at most 30 seconds"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url, strings.NewReader(`{"TableName":"Orders","Key":{"id":{"S":"counter"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{
			"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {"DynamoDB_20120810.GetItem"}, "X-Amz-Date": {"20260101T000000Z"},
			"Authorization": {claims(places[1].account, places[1].region)}, "X-Hortus-Wait-For": {elsewhere}, "X-Hortus-Wait-Timeout": c.timeouts,
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || (answer.StatusCode == http.StatusOK) != (c.want == "") || !strings.Contains(string(body), c.want) {
			t.Errorf("%q: %d %s, %v; want %q", c.timeouts, answer.StatusCode, body, err, c.want)
		}
	}
}
