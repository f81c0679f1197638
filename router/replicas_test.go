package router_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestEmptyRegion: a Create whose Region is empty is denied as on AWS, by the word of
// the first action that is needed there; it says nothing of Regions.
func TestEmptyRegion(t *testing.T) {
	w := newWorld(t)
	auth := claims("111111111111", "us-east-1")
	if status, body := w.do(call{createTable, sound, auth, nil}); status != http.StatusOK {
		t.Fatal(body)
	}
	for update, want := range map[string]string{
		`{"Create":{"RegionName":""}}`: "User: arn:aws:iam::111111111111:root is not authorized to perform: dynamodb:Scan on resource: arn:aws:dynamodb::111111111111:table/Orders because no identity-based policy allows the dynamodb:Scan action",
		`{"Delete":{"RegionName":""}}`: "Region  is not supported.",
	} {
		status, body := w.do(call{"DynamoDB_20120810.UpdateTable", `{"TableName":"Orders","ReplicaUpdates":[` + update + `]}`, auth, nil})
		if status != http.StatusBadRequest || !strings.Contains(body, want) || strings.Contains(body, "AccessDenied") != strings.Contains(update, "Create") {
			t.Errorf("%s: %d %s, want %s", update, status, body, want)
		}
	}
}
