package table_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv/pebblekv"
	"github.com/hortusdb/hortus/table"
)

// benchItem is an item of 1 KB, 20 in each partition.
func benchItem(b *testing.B, i int, fill string) item.Item {
	return decodeItem(b, fmt.Sprintf(`{"pk":{"S":"partition-%d"},"sk":{"N":"%d"},"a":{"S":"a%d"},"n":{"N":"0"},"x":{"S":%q}}`, i/20, i%20, i%100, strings.Repeat(fill, 960)))
}

// benchEngine is an engine on Pebble in memory with a table of such items.
func benchEngine(b *testing.B, indexes ...table.Index) (*table.Engine, *table.Table, []item.Item) {
	store, err := pebblekv.Open(pebblekv.Options{Memory: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	e := openEngine(b, store, clock.Wall{})
	tab := create(b, e, table.Definition{Name: "T", Attributes: attributes, Hash: "pk", Range: "sk", Indexes: indexes})
	var items []item.Item
	for i := range 2000 {
		it := benchItem(b, i, "x")
		put(b, e, tab, it)
		items = append(items, it)
	}
	b.ReportAllocs()
	return e, tab, items
}

func benchPut(b *testing.B, indexes ...table.Index) {
	e, tab, items := benchEngine(b, indexes...)
	var images [2][]item.Item // The same keys with other images in turn, so that no put is a no-op.
	images[1] = items
	for i := range items {
		images[0] = append(images[0], benchItem(b, i, "y"))
	}
	w := table.Write{Table: tab, Kind: table.Put}
	for n := 0; b.Loop(); n++ {
		w.Item = images[n/len(items)%2][n%len(items)]
		w.Key, _ = tab.ItemKey(w.Item)
		if err := e.Write(b.Context(), &w); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPut(b *testing.B) { benchPut(b) }

func BenchmarkPutIndexed(b *testing.B) {
	benchPut(b, table.Index{Name: "X", Hash: []string{"a"}, Range: []string{"sk"}, Projection: table.All})
}

func BenchmarkUpdate(b *testing.B) {
	e, tab, items := benchEngine(b)
	one, _ := item.N("1")
	parsed, err := expr.Parse(expr.UpdateKind, "SET n = n + :one")
	if err != nil {
		b.Fatal(err)
	}
	w := table.Write{Table: tab, Kind: table.Update}
	if w.Update, err = expr.BindUpdate(parsed, &expr.Scope{Values: expr.Values{{Placeholder: ":one", Value: one}}}); err != nil {
		b.Fatal(err)
	}
	for n := 0; b.Loop(); n++ {
		w.Key, _ = tab.ItemKey(items[n%len(items)])
		if err := e.Write(b.Context(), &w); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTransactGet(b *testing.B) {
	e, tab, items := benchEngine(b)
	lookups := make([]table.Lookup, 4)
	for n := 0; b.Loop(); n++ {
		for i := range lookups {
			lookups[i].Table = tab
			lookups[i].Key, _ = tab.ItemKey(items[(n+i*len(items)/4)%len(items)])
		}
		if err := e.TransactGet(b.Context(), lookups, func(int, item.Item) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	e, tab, items := benchEngine(b)
	var row []byte
	for n := 0; b.Loop(); n++ {
		k, _ := tab.ItemKey(items[n%len(items)])
		it, r, err := e.Get(b.Context(), tab, k, true, row[:0])
		if row = r; err != nil || it == nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkQuery20(b *testing.B) {
	e, tab, items := benchEngine(b)
	for n := 0; b.Loop(); n++ {
		pk, _ := items[n*20%len(items)].Get("pk")
		p := table.Page{Table: tab, Keys: &expr.KeyRange{Hash: []item.Value{pk}}}
		if err := e.Query(b.Context(), &p, func(item.Item) error { return nil }); err != nil || p.Count != 20 {
			b.Fatal(p.Count, err)
		}
	}
}

// BenchmarkBackfill is what an index costs for each item that was there before.
func BenchmarkBackfill(b *testing.B) {
	e, _, items := benchEngine(b)
	change := func(fn func(d *table.Definition)) {
		if _, err := e.Alter(b.Context(), "T", func(d *table.Definition) error { fn(d); return nil }); err != nil {
			b.Fatal(err)
		}
		for e.Table("T").Def.Changing() != nil {
			if _, err := e.Step(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		change(func(d *table.Definition) {
			d.AddIndex(table.Index{Name: "X", Hash: []string{"a"}, Projection: table.KeysOnly})
		})
		b.StopTimer()
		change(func(d *table.Definition) { d.Index("X").Status = table.Deleting })
		change(func(d *table.Definition) { d.Attributes = attributes })
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(items)), "ns/item")
}

// BenchmarkRound is what counting costs for each item.
func BenchmarkRound(b *testing.B) {
	store, err := pebblekv.Open(pebblekv.Options{Memory: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	c := &wallClock{time.Unix(1000, 0)}
	e := openEngine(b, store, c)
	tab := create(b, e, table.Definition{
		Name: "T", Attributes: attributes, Hash: "pk", Range: "sk", TimeToLive: &table.TimeToLive{Attribute: "n"},
		Indexes: []table.Index{{Name: "X", Hash: []string{"a"}, Projection: table.KeysOnly}},
	})
	const items = 2000
	for i := range items {
		put(b, e, tab, benchItem(b, i, "x"))
	}
	for n := 0; b.Loop(); n++ {
		put(b, e, tab, benchItem(b, 0, "xy"[n%2:][:1])) // Or the round is left out.
		for rest := time.Duration(0); rest < time.Second; {
			next, err := e.Step(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			rest = next.Sub(c.now)
			c.now = next
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*items), "ns/item")
}
