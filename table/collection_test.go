package table_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/table"
)

// collected is a table whose item collections have sizes.
func collected(t testing.TB, e *table.Engine) *table.Table {
	return create(t, e, table.Definition{
		Name: "T", Attributes: attributes, Hash: "pk", Range: "sk",
		Indexes: []table.Index{
			{Name: "X", Local: true, Hash: []string{"pk"}, Range: []string{"a"}, Projection: table.All},
			{Name: "Y", Local: true, Hash: []string{"pk"}, Range: []string{"b"}, Projection: table.KeysOnly},
		},
	})
}

// collectionOf asks for the size of a collection by a write that changes nothing.
func collectionOf(t testing.TB, e *table.Engine, hash string) int64 {
	t.Helper()
	w := writeOf(t, e.Table("T"), table.Delete, fmt.Sprintf(`{"pk":{"S":%q},"sk":{"N":"999"}}`, hash), "")
	if err := e.Write(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	return w.Collection
}

// TestCollectionSizes: after any operations the size of each item collection is
// that of its items and of their entries in local indexes.
func TestCollectionSizes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := openEngine(t, newMem(), &countingClock{})
		def := drawDefinition(rt)
		tab := create(t, e, def)
		for _, o := range drawOps(rt, t, tab.Replicated()) {
			o.run(t, e)
		}
		local := false
		for i := range def.Indexes {
			local = local || def.Indexes[i].Local
		}
		if !local {
			return
		}
		want := map[string]int64{}
		p := table.Page{Table: tab}
		if err := e.Query(t.Context(), &p, func(it item.Item) error {
			k, err := tab.ItemKey(it)
			want[string(k.Hash)] += int64(tab.Size(it))
			return err
		}); err != nil {
			rt.Fatal(err)
		}
		for i := range 5 {
			w := writeOf(t, tab, table.Delete, fmt.Sprintf(`{"pk":{"S":"p%d"},"sk":{"N":"999"}}`, i), "")
			if err := e.Write(t.Context(), w); err != nil {
				rt.Fatal(err)
			}
			if w.Collection != want[string(w.Key.Hash)] {
				rt.Fatalf("collection p%d has %d bytes, want %d", i, w.Collection, want[string(w.Key.Hash)])
			}
		}
	})
}

// TestCollectionLimit: what would grow a collection over the limit is refused, on
// its own, in a batch and in a transaction, and what shrinks it never is. Other
// collections, and replicas, go on.
func TestCollectionLimit(t *testing.T) {
	e := openEngine(t, newMem(), &countingClock{})
	tab := collected(t, e)
	one := `{"pk":{"S":"p"},"sk":{"N":"%d"},"a":{"S":"aaaaaaaaaa"}}`
	size := int64(tab.Size(decodeItem(t, fmt.Sprintf(one, 1))))
	e.LimitCollections(3 * size)
	putOne := func(n int) *table.Write { return writeOf(t, tab, table.Put, fmt.Sprintf(one, n), "") }
	for n := range 3 {
		if err := e.Write(t.Context(), putOne(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Write(t.Context(), putOne(3)); !errors.Is(err, table.ErrCollectionTooLarge) {
		t.Errorf("a fourth item: %v", err)
	}
	if _, err := e.WriteBatch(t.Context(), []*table.Write{putOne(3)}); !errors.Is(err, table.ErrCollectionTooLarge) {
		t.Errorf("a fourth item in a batch: %v", err)
	}
	elsewhere := writeOf(t, tab, table.Put, `{"pk":{"S":"q"},"sk":{"N":"1"}}`, "")
	tx := transaction(elsewhere, putOne(3))
	if err := e.Transact(t.Context(), tx); !errors.Is(err, table.ErrCanceled) || tx.Errors[0] != nil || !errors.Is(tx.Errors[1], table.ErrCollectionTooLarge) {
		t.Errorf("a fourth item in a transaction: %v, %v", err, tx.Errors)
	}
	if got := collectionOf(t, e, "q"); got != 0 {
		t.Errorf("a canceled transaction left %d bytes", got)
	}
	if err := e.Write(t.Context(), putOne(2)); err != nil {
		t.Errorf("the same item again: %v", err)
	}
	if err := e.Write(t.Context(), writeOf(t, tab, table.Delete, fmt.Sprintf(`{"pk":{"S":"p"},"sk":{"N":"%d"}}`, 0), "")); err != nil {
		t.Errorf("a deletion: %v", err)
	}
	// Two that fit one by one do not fit together.
	tx = transaction(putOne(3), putOne(4))
	if err := e.Transact(t.Context(), tx); !errors.Is(err, table.ErrCanceled) || tx.Errors[0] != nil || tx.Errors[1] == nil {
		t.Errorf("two items where one fits: %v, %v", err, tx.Errors)
	}
	tx = transaction(putOne(3), elsewhere)
	if err := e.Transact(t.Context(), tx); err != nil {
		t.Errorf("one item where one fits: %v, %v", err, tx.Errors)
	}
	if got := collectionOf(t, e, "p"); got != 3*size || tx.Writes[0].Collection != got {
		t.Errorf("the collection has %d bytes, and its last write says %d; want %d", got, tx.Writes[0].Collection, 3*size)
	}
}

// TestCollectionOutlives: sizes are there after the store was opened again, and
// expiry counts.
func TestCollectionOutlives(t *testing.T) {
	store := newMem()
	c := &wallClock{now: time.Unix(1000, 0)}
	e := openEngine(t, store, c)
	tab := collected(t, e)
	put(t, e, tab, decodeItem(t, `{"pk":{"S":"p"},"sk":{"N":"1"},"a":{"S":"x"},"ttl":{"N":"1500"}}`))
	put(t, e, tab, decodeItem(t, `{"pk":{"S":"p"},"sk":{"N":"2"}}`))
	left := int64(tab.Size(decodeItem(t, `{"pk":{"S":"p"},"sk":{"N":"2"}}`)))
	before := collectionOf(t, e, "p")
	if e = openEngine(t, store.Crash(), c); collectionOf(t, e, "p") != before || before <= left {
		t.Errorf("%d bytes before a crash, %d after", before, collectionOf(t, e, "p"))
	}
	if _, err := e.Alter(t.Context(), "T", func(d *table.Definition) error {
		d.TimeToLive = &table.TimeToLive{Attribute: "ttl"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c.now = time.Unix(2000, 0)
	for range 20 {
		if _, err := e.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.now = c.now.Add(7 * time.Hour)
	}
	if got := collectionOf(t, e, "p"); got != left {
		t.Errorf("%d bytes are left after expiry, want %d", got, left)
	}
}
