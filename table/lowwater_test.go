package table_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/kv/pebblekv"
	"github.com/hortusdb/hortus/table"
)

// promise is what LowWater said.
type promise struct {
	low clock.Timestamp
	at  kv.Position
}

// TestLowWater: with writers in many goroutines, no record behind the position
// of a low water has a version up to its time (invariant 4). Some writes change
// nothing, and some fail their condition.
func TestLowWater(t *testing.T) {
	pebble, err := pebblekv.Open(pebblekv.Options{Memory: true})
	if err != nil {
		t.Fatal(err)
	}
	defer pebble.Close()
	e := openEngine(t, pebble, clock.Wall{})
	tab := create(t, e, table.Definition{Name: "T", Attributes: attributes, Hash: "pk", Group: group()})
	const writers, each = 8, 300
	var running sync.WaitGroup
	var left atomic.Int64
	left.Store(writers)
	var enough atomic.Bool // Low waters, that is: writers that are fast go on until then.
	for n := range writers {
		running.Go(func() {
			defer left.Add(-1)
			rng := rand.New(rand.NewPCG(uint64(n), 0))
			for i := 0; i < each || !enough.Load(); i++ {
				it := decodeItem(t, fmt.Sprintf(`{"pk":{"S":"p%d"},"x":{"S":"%d"}}`, rng.IntN(20), rng.IntN(3)))
				w := table.Write{Table: tab, Kind: table.Put, Item: it}
				if rng.IntN(5) == 0 {
					w.Condition = bindCondition(t, "attribute_not_exists(pk)")
				}
				w.Key, _ = tab.ItemKey(it)
				_ = e.Write(t.Context(), &w) // Only conditions fail.
			}
		})
	}
	var promises []promise
	for left.Load() > 0 {
		low, at, _, err := e.LowWater(t.Context(), tab)
		if err != nil {
			enough.Store(true)
			running.Wait()
			t.Fatal(err)
		}
		if n := len(promises); !low.IsZero() && (n == 0 || promises[n-1].low != low) {
			promises = append(promises, promise{low, at})
			enough.Store(len(promises) >= 3)
		}
	}
	running.Wait()
	if records := checkPromises(t, pebble, tab, promises); records < each {
		t.Errorf("only %d records", records)
	}
	// When nobody writes, two calls bring it past all.
	for range 2 {
		if _, _, _, err := e.LowWater(t.Context(), tab); err != nil {
			t.Fatal(err)
		}
	}
	low, at, _, err := e.LowWater(t.Context(), tab)
	if last := promises[len(promises)-1]; err != nil || low.Compare(last.low) <= 0 || at < last.at {
		t.Errorf("at rest the low water is %v at %d (%v)", low, at, err)
	}
}

// checkPromises reads the log for a record that breaks a promise, and counts
// the records.
func checkPromises(t *testing.T, store kv.Store, tab *table.Table, promises []promise) int {
	t.Helper()
	records := 0
	decoder := conflict.NewDecoder(here)
	_, err := store.ReadLog(t.Context(), tab.Log.ID, 0, func(entry kv.Entry) bool {
		r, err := changelog.Decode(entry.Record, decoder)
		if err != nil {
			t.Error(err)
			return false
		}
		records++
		for _, p := range promises {
			if entry.Position > p.at && r.Version.Time.Compare(p.low) <= 0 {
				t.Errorf("position %d has version %v, but low water %v stood at %d", entry.Position, r.Version, p.low, p.at)
				return false
			}
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return records
}
