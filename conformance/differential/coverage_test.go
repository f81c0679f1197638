//go:build conformance

package differential

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// dataPlane are the operations on items, with the SDK's inputs.
var dataPlane = map[string]any{
	"GetItem": dynamodb.GetItemInput{}, "PutItem": dynamodb.PutItemInput{}, "UpdateItem": dynamodb.UpdateItemInput{}, "DeleteItem": dynamodb.DeleteItemInput{},
	"Query": dynamodb.QueryInput{}, "Scan": dynamodb.ScanInput{}, "BatchGetItem": dynamodb.BatchGetItemInput{}, "BatchWriteItem": dynamodb.BatchWriteItemInput{},
	"TransactGetItems": dynamodb.TransactGetItemsInput{}, "TransactWriteItems": dynamodb.TransactWriteItemsInput{},
	"ExecuteStatement": dynamodb.ExecuteStatementInput{}, "BatchExecuteStatement": dynamodb.BatchExecuteStatementInput{}, "ExecuteTransaction": dynamodb.ExecuteTransactionInput{},
}

// What a run of all families must have sent, at least.
const (
	leastRequests  = 20000 // Of operations on items.
	leastOperation = 300   // Of each of them.
	leastMember    = 20    // With each member of its input.
	leastValid     = 15    // Percent of each that DynamoDB Local takes.
)

// coverage counts what was sent, and what of it DynamoDB Local took.
type coverage struct {
	mu         sync.Mutex
	operations map[string]*counts
}

// counts are those of one operation.
type counts struct {
	sent, valid int
	members     map[string]int
	values      map[string]int // Of members whose name begins with Return, and of Select.
}

func newCoverage() *coverage { return &coverage{operations: map[string]*counts{}} }

func (v *coverage) add(c *call) {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := v.operations[c.operation]
	if n == nil {
		n = &counts{members: map[string]int{}, values: map[string]int{}}
		v.operations[c.operation] = n
	}
	n.sent++
	if c.valid {
		n.valid++
	}
	n.members[c.also]++
	for name, value := range c.request {
		n.members[name]++
		if text, ok := value.(string); ok && c.valid && (name == "Select" || strings.HasPrefix(name, "Return")) && hasMember(c.operation, name) {
			n.values[name+"="+text]++
		}
	}
}

func hasMember(operation, name string) bool {
	input, ok := dataPlane[operation]
	if !ok {
		return false
	}
	_, ok = reflect.TypeOf(input).FieldByName(name)
	return ok
}

// report prints the coverage. A run of all families is held to its floors.
func (v *coverage) report(t *testing.T) {
	total := 0
	for _, name := range slices.Sorted(maps.Keys(v.operations)) {
		n := v.operations[name]
		if _, ok := dataPlane[name]; ok {
			total += n.sent
		}
		t.Logf("%-21s %6d requests, %3d%% valid  %v", name, n.sent, 100*n.valid/n.sent, n.values)
	}
	t.Logf("%d requests to operations on items", total)
	if *requests < leastRequests || t.Failed() || len(v.operations) < len(dataPlane) {
		t.Log("not all families were run in full: no floor is asked for")
		return
	}
	if total < leastRequests {
		t.Errorf("%d requests to operations on items, fewer than %d", total, leastRequests)
	}
	for _, name := range slices.Sorted(maps.Keys(dataPlane)) {
		n := v.operations[name]
		if n == nil || n.sent < leastOperation || 100*n.valid/n.sent < leastValid {
			t.Errorf("%s: %+v, less than %d requests or less than %d%% of them valid", name, n, leastOperation, leastValid)
			continue
		}
		for f := range reflect.TypeOf(dataPlane[name]).Fields() {
			if f.IsExported() && n.members[f.Name] < leastMember {
				t.Errorf("%s: %d requests with %s, fewer than %d", name, n.members[f.Name], f.Name, leastMember)
			}
		}
	}
}
