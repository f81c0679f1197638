package main

import (
	"testing"

	"github.com/hortusdb/hortus/hortusapi"
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
