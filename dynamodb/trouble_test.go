package dynamodb

import (
	"testing"

	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// TestDescribeTrouble: what is said of a replica that takes no part in replication
// makes sense with and without what it says of itself.
func TestDescribeTrouble(t *testing.T) {
	const since = 1_800_000_000_000_000
	for _, c := range []struct {
		reason string
		since  int64
		status table.Status
		want   string
	}{
		{"", 0, table.Active, ""},
		{"No policy allows it.", 0, table.Active, "No policy allows it."},
		{"No policy allows it", since, table.Creating, "No policy allows it. If that does not change, the replica is given up at 2027-01-16T04:00:00Z."},
		{"No policy allows it", since, table.Active, "No policy allows it. If that does not change, the replica becomes a single-Region table at 2027-01-16T04:00:00Z."},
		{"", since, table.Active, "Unless it takes part in replication again, the replica becomes a single-Region table at 2027-01-16T04:00:00Z."},
	} {
		got := ""
		if s := describeTrouble(&replication.Trouble{Inaccessible: table.Inaccessible{Since: c.since}, Reason: c.reason}, c.status); s != nil {
			got = *s
		}
		if got != c.want {
			t.Errorf("%q since %d: %q, want %q", c.reason, c.since, got, c.want)
		}
	}
}
