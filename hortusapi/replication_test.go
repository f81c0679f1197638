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
			r.merge(&ends[i], ends[i].By)
			allow[ends[i].By.String()] = ends[i].Allow
		}
		if r.By == "" || r.Allow != allow[r.By] || (r.Since != "") != (r.Allow == "one") || (r.Detaches != "") != (r.Since != "") {
			t.Errorf("%+v", r)
		}
		ends[0], ends[1] = ends[1], ends[0]
	}
}

// TestMergePending: what is pending is known to the source's end alone. The other one
// does not put a zero in its place, whichever is asked first.
func TestMergePending(t *testing.T) {
	here, there := aws.Cell{Account: "111111111111", Region: "us-east-1"}, aws.Cell{Account: "222222222222", Region: "eu-west-1"}
	end := replication.LinkStatus{Source: here, Destination: there, State: replication.Flowing}
	source := end
	source.Pending = 7
	lost := end
	lost.Uncounted = "it fell behind"
	for _, x := range []struct {
		source  *replication.LinkStatus
		pending int64
		unknown string
	}{
		{&source, 7, ""}, {&lost, 0, lost.Uncounted}, {nil, 0, sourceKnows},
	} {
		for _, first := range []bool{true, false} {
			r := Replication{PendingUnknown: sourceKnows}
			if x.source != nil && first {
				r.merge(x.source, here)
			}
			r.merge(&end, there)
			if x.source != nil && !first {
				r.merge(x.source, here)
			}
			if r.Pending != x.pending || r.PendingUnknown != x.unknown {
				t.Errorf("%d pending, %q; want %d, %q", r.Pending, r.PendingUnknown, x.pending, x.unknown)
			}
		}
	}
}
