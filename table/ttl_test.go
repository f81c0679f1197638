package table_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// names lists the partition keys of a table's items, sorted.
func names(t *testing.T, e *table.Engine, tab *table.Table) string {
	t.Helper()
	var out []string
	err := e.Query(t.Context(), &table.Page{Table: tab}, func(it item.Item) error {
		v, _ := it.Get("p")
		out = append(out, string(v.Bytes()))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// TestExpiry: expired items go, their index entries with them, and the log says
// why; in a replicated table they leave tombstones, as every delete does.
func TestExpiry(t *testing.T) {
	for _, replicated := range []bool{false, true} {
		t.Run(fmt.Sprint("replicated=", replicated), func(t *testing.T) {
			c := &wallClock{time.Unix(1_000_000_000, 0)}
			e := openEngine(t, kv.NewMem(kv.MemOptions{}), c)
			e.LimitSteps(3)
			def := table.Definition{
				Name: "T", Hash: "p", Attributes: []table.Attribute{{Name: "p", Type: "S"}, {Name: "g", Type: "S"}},
				Indexes:    []table.Index{{Name: "I", Hash: []string{"g"}, Projection: table.All}},
				Status:     table.Active,
				TimeToLive: &table.TimeToLive{Attribute: "x"},
				Stream:     &table.Stream{View: "OLD_IMAGE"},
			}
			if replicated {
				def.Group = group()
			}
			tab := create(t, e, def)
			for i := range 20 {
				put(t, e, tab, decodeItem(t, fmt.Sprintf(`{"p":{"S":"%c"},"g":{"S":"x"},"x":{"N":"%d"}}`, 'a'+i, 1_000_000_000-10+i)))
			}
			for range 10 {
				next, err := e.Step(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if next.Sub(c.now) < time.Second { // The next piece, not the next round.
					c.now = next
				}
			}
			if got, want := names(t, e, tab), "k l m n o p q r s t"; got != want { // The eleventh expires now.
				t.Fatalf("left are %s, want %s", got, want)
			}
			if want, got := indexed(t, e, tab, &tab.Def.Indexes[0]); len(got) != len(want) {
				t.Errorf("%d entries are left, of %d items", len(got), len(want))
			}
			gone := 0
			_, err := tab.Log.Store.ReadLog(t.Context(), tab.Log.ID, 0, func(entry kv.Entry) bool {
				r, err := changelog.Decode(entry.Record, e.Decoder())
				if err != nil {
					t.Fatal(err)
				}
				if r.Cause == changelog.Expiry {
					gone++
				}
				if r.Deleted != (r.Cause == changelog.Expiry) || (r.Deleted && r.Old == nil) {
					t.Errorf("a record of cause %s: deleted %t, before %s", r.Cause, r.Deleted, r.Old)
				}
				return true
			})
			if err != nil || gone != 10 {
				t.Errorf("%d records of expiry: %v", gone, err)
			}
			now, err := e.Reading(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n, err := e.Sweep(t.Context(), tab, now)
			if want := map[bool]int{true: 10}[replicated]; err != nil || n != want {
				t.Errorf("%d tombstones, want %d: %v", n, want, err)
			}
		})
	}
}

// TestExpiryRests: a table to which nothing happens is left alone until its next
// item expires, and that one is not missed.
func TestExpiryRests(t *testing.T) {
	c := &wallClock{time.Unix(1000, 0)}
	store := kv.NewMem(kv.MemOptions{})
	e := openEngine(t, store, c)
	tab := create(t, e, table.Definition{
		Name: "T", Hash: "p", Attributes: []table.Attribute{{Name: "p", Type: "S"}},
		Status: table.Active, TimeToLive: &table.TimeToLive{Attribute: "x"},
	})
	put(t, e, tab, decodeItem(t, `{"p":{"S":"a"},"x":{"N":"1100"}}`))
	put(t, e, tab, decodeItem(t, `{"p":{"S":"b"},"x":{"N":"1200"}}`))
	for at := int64(1000); at < 1210; at++ {
		c.now = time.Unix(at, 0)
		if _, err := e.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := "a b"
		switch {
		case at > 1202: // A round begins every two seconds.
			want = ""
		case at > 1102:
			want = "b"
		}
		if got := names(t, e, tab); got != want && at != 1101 && at != 1102 && at != 1201 && at != 1202 {
			t.Fatalf("at %d: left are %q, want %q", at, got, want)
		}
	}
}
