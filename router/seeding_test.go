package router_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/router"
)

// TestPercentProgress: a replica that is being made has its progress in the
// description of the table in the Region where it was asked for, and none once it
// is in use.
func TestPercentProgress(t *testing.T) {
	w := newWorldOf(t, cell.NodeOptions{SeedRate: 10_000}, router.Options{})
	auth := claims("111111111111", "us-east-1")
	must := func(operation, body string) string {
		t.Helper()
		status, answer := w.do(call{"DynamoDB_20120810." + operation, body, auth, nil})
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", operation, status, answer)
		}
		return answer
	}
	describe := func(name string) string { return must("DescribeTable", fmt.Sprintf(`{"TableName":%q}`, name)) }
	create := func(name string) {
		must("CreateTable", strings.Replace(sound, "Orders", name, 1))
	}
	replicate := func(name string) {
		must("UpdateTable", fmt.Sprintf(`{"TableName":%q,"ReplicaUpdates":[{"Create":{"RegionName":"eu-west-1"}}]}`, name))
	}
	until := func(name, want string) string {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			got := describe(name)
			if regexp.MustCompile(want).MatchString(got) {
				return got
			}
			if time.Now().After(end) {
				t.Fatalf("no %s in %s", want, got)
			}
		}
	}
	create("Small")
	replicate("Small")
	if got := until("Small", `"ReplicaStatus":"ACTIVE"`); strings.Contains(got, "PercentProgress") {
		t.Errorf("a replica in use has %s", got)
	}
	create("Large") // A page of it takes a minute, after the first.
	for i := range 40 {
		var puts []string
		for j := range 25 {
			puts = append(puts, fmt.Sprintf(`{"PutRequest":{"Item":{"id":{"S":"%d-%d"},"v":{"S":%q}}}}`, i, j, strings.Repeat("v", 2000)))
		}
		must("BatchWriteItem", `{"RequestItems":{"Large":[`+strings.Join(puts, ",")+`]}}`)
	}
	replicate("Large")
	until("Large", `"ReplicaStatus":"CREATING".*"ReplicaStatusPercentProgress":"[1-9][0-9]?"`)
}
