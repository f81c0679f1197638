package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/dynamodb"
)

// TestSimultaneousOperations: while as many tables come and go as may at once,
// no other one does; what they hold is in use all the same.
func TestSimultaneousOperations(t *testing.T) {
	w := newControlWorld()
	w.pace = dynamodb.Pace{Create: time.Hour, Update: time.Hour}
	create := func(i int, members string) string {
		_, err := w.control(t, "CreateTable", overBase(t, fmt.Sprintf(`{"TableName":"t%03d"%s}`, i, members)))
		if err != nil {
			return err.Error()
		}
		return ""
	}
	const index = `,"GlobalSecondaryIndexes":[{"IndexName":"iii","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}}]`
	refused := func(got, want string) {
		t.Helper()
		if !strings.Contains(got, "LimitExceededException") || !strings.Contains(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
	}
	for i := range dynamodb.MaxIndexedOperations {
		if err := create(i, index); err != "" {
			t.Fatalf("table %d: %s", i, err)
		}
	}
	refused(create(999, index), "Only 250 tables with secondary indexes")
	for i := dynamodb.MaxIndexedOperations; i < dynamodb.MaxOperations; i++ {
		if err := create(i, ""); err != "" {
			t.Fatalf("table %d: %s", i, err)
		}
	}
	const text = "Subscriber limit exceeded: Only 500 tables can be created, updated, or deleted simultaneously"
	refused(create(999, ""), text)

	w.now = w.now.Add(time.Hour)
	for range 3 {
		w.upkeep(t)
	}
	update := func(i int) string {
		_, err := w.control(t, "UpdateTable", fmt.Sprintf(`{"TableName":"t%03d","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"KEYS_ONLY"}}`, i))
		if err != nil {
			return err.Error()
		}
		return ""
	}
	if err := create(999, index); err != "" {
		t.Fatal(err)
	}
	for i := range dynamodb.MaxOperations - 1 {
		if err := update(i); err != "" {
			t.Fatalf("table %d: %s", i, err)
		}
	}
	refused(update(499), text)
	_, err := w.control(t, "DeleteTable", `{"TableName":"t499"}`)
	refused(fmt.Sprint(err), text)
	if _, err := w.control(t, "PutItem", `{"TableName":"t499","Item":{"pk":{"S":"a"}}}`); err != nil {
		t.Error(err)
	}
}
