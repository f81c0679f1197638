package hortusapi

import (
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
)

// TestMergeBlamesOne: where the policies at both ends stop a link, the statement and
// the times that are shown are of the one whose policy is said to be the reason.
func TestMergeBlamesOne(t *testing.T) {
	ends := []replication.LinkStatus{
		{State: replication.NotAuthorized, By: aws.Cell{Account: "111111111111", Region: "us-east-1"}, Allow: "one", Since: time.Unix(1_800_000_000, 0)},
		{State: replication.NotAuthorized, By: aws.Cell{Account: "222222222222", Region: "eu-west-1"}, Allow: "two"},
	}
	for range ends {
		r := Replication{State: replication.Flowing}
		allow := map[string]string{}
		for i := range ends {
			r.merge(&ends[i])
			allow[ends[i].By.String()] = ends[i].Allow
		}
		if r.By == "" || r.Allow != allow[r.By] || (r.Since != "") != (r.Allow == "one") || (r.Detaches != "") != (r.Since != "") {
			t.Errorf("%+v", r)
		}
		ends[0], ends[1] = ends[1], ends[0]
	}
}
