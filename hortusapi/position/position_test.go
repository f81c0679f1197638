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
