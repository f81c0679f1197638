package main

import (
	"testing"

	"github.com/hortusdb/hortus/hortusapi"
	"github.com/hortusdb/hortus/table"
)

// TestPendingText: a number that is not known is not shown as one, nor one that was
// not counted to its end as the whole.
func TestPendingText(t *testing.T) {
	for want, l := range map[string]hortusapi.Replication{
		"0":             {},
		"9999":          {Pending: 9999},
		"10000 or more": {Pending: 10_000},
		"unknown":       {PendingUnknown: "it fell behind"},
	} {
		if got := pendingText(&l); got != want {
			t.Errorf("%+v: %s, want %s", l, got, want)
		}
	}
}

// TestSeedText: the node of a source that knows how much has come does not say that
// it is no item.
func TestSeedText(t *testing.T) {
	for want, l := range map[string]hortusapi.Replication{
		"49 %":                   {SeedShare: 0.49},
		"49 %, 3 items, 2.0 MiB": {SeedShare: 0.49, Seeded: 3, SeededBytes: 2 << 20},
	} {
		if got := seedText(&l); got != want {
			t.Errorf("%+v: %s, want %s", l, got, want)
		}
	}
}

func TestVisibleText(t *testing.T) {
	for v, want := range map[table.Visibility]string{
		table.Together: "transactions become visible as a whole (atomic)",
		table.ByItem:   "the items of transactions become visible one by one (items)",
	} {
		if got := visibleText(v); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
