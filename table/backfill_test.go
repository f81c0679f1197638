package table_test

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// indexWorld is a table to which indexes come and from which they go while it is
// written to and its machine crashes.
type indexWorld struct {
	t      *rapid.T
	tb     testing.TB
	store  *kv.Mem
	engine *table.Engine
	clock  *countingClock
	made   int // How many indexes were ever made.
}

func newIndexWorld(t *rapid.T, tb testing.TB, replicated bool) *indexWorld {
	w := &indexWorld{t: t, tb: tb, clock: &countingClock{}, store: kv.NewMem(kv.MemOptions{ManualSync: true})}
	w.engine = openEngine(tb, w.store, w.clock)
	w.engine.LimitSteps(2)
	def := table.Definition{Name: "T", Hash: "p", Attributes: []table.Attribute{{Name: "p", Type: "S"}}, Status: table.Active}
	if replicated {
		def.Group = group()
	}
	create(tb, w.engine, def)
	w.store.Sync()
	return w
}

func (w *indexWorld) table() *table.Table { return w.engine.Table("T") }

// write puts or deletes a random item; one attribute has the wrong type for an
// index sometimes, or is not there.
func (w *indexWorld) write(*rapid.T) {
	t := w.table()
	pk := rapid.StringMatching("[a-h]").Draw(w.t, "pk")
	if rapid.IntRange(0, 3).Draw(w.t, "kind") == 0 {
		key := decodeItem(w.tb, fmt.Sprintf(`{"p":{"S":%q}}`, pk))
		k, err := t.ItemKey(key)
		if err == nil {
			err = w.engine.Write(w.tb.Context(), &table.Write{Table: t, Kind: table.Delete, Key: k})
		}
		if err != nil {
			w.t.Fatal(err)
		}
		return
	}
	g := rapid.SampledFrom([]string{``, `,"g":{"S":"x"}`, `,"g":{"S":"y"}`, `,"g":{"N":"1"}`}).Draw(w.t, "g")
	put(w.tb, w.engine, t, decodeItem(w.tb, fmt.Sprintf(`{"p":{"S":%q},"v":{"N":"%d"}%s}`, pk, rapid.IntRange(0, 9).Draw(w.t, "v"), g)))
}

func (w *indexWorld) begin(*rapid.T) {
	if w.table().Def.Changing() != nil || len(w.table().Def.Indexes) > 2 {
		return
	}
	w.made++
	x := table.Index{Name: fmt.Sprint("I", w.made), Hash: []string{"g"}, Projection: rapid.SampledFrom([]table.Projection{table.All, table.KeysOnly}).Draw(w.t, "projection")}
	w.alter(func(d *table.Definition) {
		if _, ok := d.Type("g"); !ok {
			d.Attributes = append(d.Attributes, table.Attribute{Name: "g", Type: "S"})
		}
		d.AddIndex(x)
	})
}

func (w *indexWorld) remove(*rapid.T) {
	d := &w.table().Def
	if len(d.Indexes) == 0 {
		return
	}
	name := d.Indexes[rapid.IntRange(0, len(d.Indexes)-1).Draw(w.t, "index")].Name
	if busy := d.Changing(); busy != nil {
		name = busy.Name
	}
	w.alter(func(d *table.Definition) {
		d.Index(name).Status, d.Index(name).Backfilling = table.Deleting, false
	})
}

func (w *indexWorld) alter(fn func(d *table.Definition)) {
	if _, err := w.engine.Alter(w.tb.Context(), "T", func(d *table.Definition) error { fn(d); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

func (w *indexWorld) step(*rapid.T) {
	if _, err := w.engine.Step(w.tb.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *indexWorld) crash(*rapid.T) {
	w.store = w.store.Crash()
	w.engine = openEngine(w.tb, w.store, w.clock)
	w.engine.LimitSteps(2)
}

// check holds every index to the items: it has no entry but theirs, and in use
// it has all.
func (w *indexWorld) check(*rapid.T) {
	for i := range w.table().Def.Indexes {
		x := &w.table().Def.Indexes[i]
		if x.Status == table.Deleting {
			continue
		}
		want, got := indexed(w.tb, w.engine, w.table(), x)
		for pk, entry := range got {
			if want[pk] != entry {
				w.t.Fatalf("%s (%s %t): the entry of %s is %s, want %s", x.Name, x.Status, x.Backfilling, pk, entry, want[pk])
			}
		}
		if x.Active() && len(got) != len(want) {
			w.t.Fatalf("%s has %d of %d entries", x.Name, len(got), len(want))
		}
	}
}

// indexed returns, by partition key, what the entries of an index on "g" have to
// be, and what they are.
func indexed(t testing.TB, e *table.Engine, tab *table.Table, x *table.Index) (want, got map[string]string) {
	t.Helper()
	want, got = map[string]string{}, map[string]string{}
	read := func(x *table.Index, fn func(pk string, it item.Item)) {
		err := e.Query(t.Context(), &table.Page{Table: tab, Index: x}, func(it item.Item) error {
			v, _ := it.Get("p")
			fn(string(v.Bytes()), it)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	read(nil, func(pk string, it item.Item) {
		g, ok := it.Get("g")
		if !ok || g.Type() != item.TypeS {
			return
		}
		if x.Projection == table.KeysOnly {
			p, _ := it.Get("p")
			it = item.BuildItem(nil, []item.Entry{{Name: "g", Value: g}, {Name: "p", Value: p}})
		}
		want[pk] = string(item.AppendItemJSON(nil, it))
	})
	read(x, func(pk string, it item.Item) {
		if _, twice := got[pk]; twice {
			t.Fatalf("%s has two entries of %s", x.Name, pk)
		}
		got[pk] = string(item.AppendItemJSON(nil, it))
	})
	return want, got
}

// finish runs Step until no index is coming or going.
func (w *indexWorld) finish() {
	for n := 0; w.table().Def.Changing() != nil; n++ {
		if n > 100 {
			w.t.Fatal("an index does not get done")
		}
		w.step(w.t)
	}
}

// TestBackfill: whatever is written while indexes come and go, and wherever the
// machine crashes, an index in use equals the items, and one that is being
// filled holds nothing that is not so. At the end nothing is left of those that
// are gone.
func TestBackfill(t *testing.T) {
	for _, replicated := range []bool{false, true} {
		t.Run(fmt.Sprint("replicated=", replicated), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				w := newIndexWorld(rt, t, replicated)
				rt.Repeat(map[string]func(*rapid.T){
					"write": w.write, "write again": w.write, "step": w.step, "begin": w.begin, "remove": w.remove,
					"sync": func(*rapid.T) { w.store.Sync() }, "crash": w.crash, "": w.check,
				})
				w.finish()
				w.check(rt)
				rows, entries := 0, 0
				for i := range w.table().Def.Indexes {
					_, got := indexed(t, w.engine, w.table(), &w.table().Def.Indexes[i])
					entries += len(got)
				}
				low := []byte("d")
				_, err := w.store.Scan(t.Context(), kv.Range{Low: low, High: []byte("e")}, func(k, _ []byte) bool {
					if k[5] != 0 || k[6] != 0 { // The number of the index.
						rows++
					}
					return true
				})
				if err != nil || rows != entries {
					rt.Fatalf("%d rows of indexes in the store, want %d: %v", rows, entries, err)
				}
			})
		})
	}
}

// TestBackfillRace: writers and the backfill at the same time.
func TestBackfillRace(t *testing.T) {
	const items, writers, writes = 400, 4, 300
	e := openEngine(t, kv.NewMem(kv.MemOptions{}), &countingClock{})
	e.LimitSteps(7)
	tab := create(t, e, table.Definition{Name: "T", Hash: "p", Attributes: []table.Attribute{{Name: "p", Type: "S"}}})
	numbered := func(i, g, v int) item.Item {
		return decodeItem(t, fmt.Sprintf(`{"p":{"S":"%d"},"g":{"S":"%d"},"v":{"N":"%d"}}`, i, g, v))
	}
	for i := range items {
		put(t, e, tab, numbered(i, i%5, 0))
	}
	var wait sync.WaitGroup
	for n := range writers {
		wait.Go(func() {
			for i := range writes {
				at := (i*31 + n*101) % (items / 2) // The other half is the backfill's alone.
				if i%4 == 0 {
					k, err := tab.ItemKey(numbered(at, 0, 0))
					if err == nil {
						err = e.Write(t.Context(), &table.Write{Table: tab, Kind: table.Delete, Key: k})
					}
					if err != nil {
						t.Error(err)
					}
					continue
				}
				put(t, e, e.Table("T"), numbered(at, i%5, i))
			}
		})
	}
	_, err := e.Alter(t.Context(), "T", func(d *table.Definition) error {
		d.Attributes = append(d.Attributes, table.Attribute{Name: "g", Type: "S"})
		d.AddIndex(table.Index{Name: "I", Hash: []string{"g"}, Projection: table.All})
		return nil
	})
	for err == nil && e.Table("T").Def.Changing() != nil {
		_, err = e.Step(t.Context())
	}
	wait.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if want, got := indexed(t, e, e.Table("T"), e.Table("T").Def.Index("I")); !maps.Equal(want, got) {
		t.Fatalf("the index has %d entries, the table %d items", len(got), len(want))
	}
}

// TestBackfillResumes: a crash in the middle of a backfill costs no more than
// the piece that was under way.
func TestBackfillResumes(t *testing.T) {
	store := kv.NewMem(kv.MemOptions{})
	c := &countingClock{}
	e := openEngine(t, store, c)
	e.LimitSteps(4)
	tab := create(t, e, table.Definition{Name: "T", Hash: "p", Attributes: []table.Attribute{{Name: "p", Type: "S"}, {Name: "g", Type: "S"}}})
	const items = 40
	for i := range items {
		put(t, e, tab, decodeItem(t, fmt.Sprintf(`{"p":{"S":"%d"},"g":{"S":"x"}}`, i)))
	}
	if _, err := e.Alter(t.Context(), "T", func(d *table.Definition) error {
		d.AddIndex(table.Index{Name: "I", Hash: []string{"g"}, Projection: table.All})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var seen []int
	for e.Table("T").Def.Changing() != nil {
		if _, err := e.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, got := indexed(t, e, e.Table("T"), e.Table("T").Def.Index("I"))
		seen = append(seen, len(got))
		store = store.Crash()
		e = openEngine(t, store, c)
		e.LimitSteps(4)
	}
	if want := []int{0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40}; !slices.Equal(seen[:len(want)], want) || len(seen) > len(want)+1 {
		t.Errorf("entries after each piece: %v", seen)
	}
}

// TestFigures: counts follow the items and the entries, survive a restart, and
// go with their table.
func TestFigures(t *testing.T) {
	c := &wallClock{time.Unix(1000, 0)}
	store := kv.NewMem(kv.MemOptions{})
	e := openEngine(t, store, c)
	e.LimitSteps(3)
	tab := create(t, e, table.Definition{
		Name: "T", Hash: "p", Attributes: []table.Attribute{{Name: "p", Type: "S"}, {Name: "g", Type: "S"}},
		Indexes: []table.Index{{Name: "I", Hash: []string{"g"}, Projection: table.KeysOnly}},
	})
	for i := range 10 {
		put(t, e, tab, decodeItem(t, fmt.Sprintf(`{"p":{"S":"%d"},"v":{"S":"abc"}}`, i)))
	}
	put(t, e, tab, decodeItem(t, `{"p":{"S":"k"},"g":{"S":"xy"},"v":{"S":"abc"}}`))
	check := func(want table.Figures) {
		t.Helper()
		got := e.Figures(e.Table("T"))
		if got.Table != want.Table || !maps.Equal(got.Indexes, want.Indexes) {
			t.Fatalf("figures are %+v, want %+v", got, want)
		}
	}
	run := func() {
		t.Helper()
		for n := range 10 {
			next, err := e.Step(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if next.Sub(c.now) > time.Second {
				return // The round is over.
			}
			c.now = next
			if n == 9 {
				t.Fatal("a round does not end")
			}
		}
	}
	check(table.Figures{})
	run()
	// Ten items of 1+1 and 1+3 bytes, one of 1+1, 1+2 and 1+3; its entry lacks v.
	want := table.Figures{Table: table.Figure{Items: 11, Bytes: 69}, Indexes: map[uint16]table.Figure{1: {Items: 1, Bytes: 5}}}
	check(want)
	put(t, e, tab, decodeItem(t, `{"p":{"S":"l"},"g":{"S":"xy"}}`))
	run()
	check(want) // The round rests.
	c.now = c.now.Add(3 * time.Second)
	run()
	want = table.Figures{Table: table.Figure{Items: 12, Bytes: 74}, Indexes: map[uint16]table.Figure{1: {Items: 2, Bytes: 10}}}
	check(want)
	store = store.Crash()
	e = openEngine(t, store, c)
	check(want)
	if err := e.Drop(t.Context(), "T"); err != nil {
		t.Fatal(err)
	}
	left := 0
	if _, err := store.Scan(t.Context(), kv.Range{Low: []byte("f"), High: []byte("g")}, func(_, _ []byte) bool { left++; return true }); err != nil || left > 0 {
		t.Errorf("%d figures are left of a table that is gone: %v", left, err)
	}
}
