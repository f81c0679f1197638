package router_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

const (
	createTable = "DynamoDB_20120810.CreateTable"
	sound       = `{"TableName":"Orders","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}`
	unsound     = `{"TableName":"Orders","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"other","AttributeType":"S"}]}`
)

// TestRefusedCreateMakesNoCell holds that a CreateTable that is refused leaves
// nothing behind, and that one that is not does.
func TestRefusedCreateMakesNoCell(t *testing.T) {
	w := newWorld(t)
	owner, other := claims("111111111111", "us-east-1"), claims("222222222222", "eu-west-1")
	join := `{"TableName":"Orders","GlobalTableSettingsReplicationMode":"ENABLED","GlobalTableSourceArn":"arn:aws:dynamodb:us-east-1:111111111111:table/Orders"}`
	for _, c := range []struct {
		call   call
		status int
		want   string
		cells  int
	}{
		{call{createTable, unsound, owner, nil}, 400, "ValidationException", 0},
		{call{createTable, join, other, nil}, 400, "ResourceNotFoundException", 0}, // There is no such source.
		{call{createTable, sound, owner, nil}, 200, "TableDescription", 1},
		{call{createTable, sound, owner, nil}, 400, "ResourceInUseException", 1},
		{call{createTable, join, other, nil}, 400, "AccessDeniedException", 1},
		{call{createTable, unsound, other, nil}, 400, "ValidationException", 1},
		{call{createTable, sound, other, nil}, 200, "TableDescription", 2},
	} {
		status, body := w.do(c.call)
		if status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: got %d %s, want %d %s", c.call.body, status, body, c.status, c.want)
		}
		if n := len(w.node.Cells()); n != c.cells {
			t.Errorf("%s: %d cells, want %d", c.call.body, n, c.cells)
		}
	}
}

// TestCreateAtOnce lets calls that are refused, that look and that make a table
// meet in one cell. No call may fail for the cell's coming and going, and the
// tables that were made stay.
func TestCreateAtOnce(t *testing.T) {
	const callers, rounds = 6, 15
	w := newWorld(t)
	auth := claims("111111111111", "us-east-1")
	var wait sync.WaitGroup
	for caller := range callers {
		wait.Go(func() {
			for round := range rounds {
				c := call{createTable, unsound, auth, nil}
				switch {
				case round == rounds-1:
					c.body = strings.Replace(sound, "Orders", fmt.Sprintf("Orders%d", caller), 1)
				case caller%3 == 1:
					c.target, c.body = "DynamoDB_20120810.TransactWriteItems", `{"ClientRequestToken":"t","TransactItems":[{"Put":{"TableName":"None","Item":{"id":{"S":"1"}}}}]}`
				case caller%3 == 2:
					c.target, c.body = "DynamoDB_20120810.ListTables", "{}"
				}
				if status, body := w.do(c); status >= 500 || (round == rounds-1 && status != 200) {
					t.Errorf("%s: %d %s", c.target, status, body)
				}
			}
		})
	}
	wait.Wait()
	_, body := w.do(call{"DynamoDB_20120810.ListTables", "{}", auth, nil})
	if got := strings.Count(body, "Orders"); got != callers {
		t.Errorf("%d tables, want %d: %s", got, callers, body)
	}
}
