package table_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/kv/pebblekv"
	"github.com/hortusdb/hortus/table"
)

// The attributes of random items: the key, and five that indexes are made of.
var attributes = []table.Attribute{{"pk", "S"}, {"sk", "N"}, {"a", "S"}, {"b", "N"}, {"c", "B"}, {"d", "S"}}

// drawDefinition draws a table with up to four indexes.
func drawDefinition(t *rapid.T) table.Definition {
	def := table.Definition{Name: "T", Attributes: attributes, Hash: "pk"}
	if rapid.Bool().Draw(t, "sort key") {
		def.Range = "sk"
	}
	if rapid.Bool().Draw(t, "replicated") {
		def.Group = group()
	}
	def.Stream = &table.Stream{View: "NEW_AND_OLD_IMAGES", Label: "l"}
	names := []string{"a", "b", "c", "d", "pk", "sk"}
	for i := range rapid.IntRange(0, 4).Draw(t, "indexes") {
		x := table.Index{Name: fmt.Sprint("X", i)}
		if def.Range != "" && rapid.Bool().Draw(t, "local") {
			x.Local, x.Hash, x.Range = true, []string{"pk"}, []string{rapid.SampledFrom(names[:4]).Draw(t, "range")}
		} else {
			keys := rapid.Permutation(names).Draw(t, "keys")
			hashes := rapid.IntRange(1, 3).Draw(t, "hashes")
			x.Hash, x.Range = keys[:hashes], keys[hashes:hashes+rapid.IntRange(0, 3).Draw(t, "ranges")]
		}
		x.Projection = rapid.SampledFrom([]table.Projection{table.KeysOnly, table.Include, table.All}).Draw(t, "projection")
		if x.Projection == table.Include {
			x.NonKey = []string{"x", "d"}
		}
		def.Indexes = append(def.Indexes, x)
	}
	return def
}

// drawItem draws an item with few different keys and values, so that they meet.
func drawItem(t *rapid.T, tb testing.TB) item.Item {
	parts := []string{
		fmt.Sprintf(`"pk":{"S":"p%d"}`, rapid.IntRange(0, 4).Draw(t, "pk")),
		fmt.Sprintf(`"sk":{"N":"%d"}`, rapid.IntRange(-1, 2).Draw(t, "sk")),
	}
	for _, v := range []string{`"a":{"S":"a%d"}`, `"b":{"N":"%d"}`, `"c":{"B":"A%dA="}`, `"d":{"S":"\u0000%d"}`, `"x":{"S":"x%d"}`, `"y":{"L":[{"N":"%d"}]}`} {
		if n := rapid.IntRange(0, 3).Draw(t, v); n > 0 {
			parts = append(parts, fmt.Sprintf(v, n))
		}
	}
	return decodeItem(tb, "{"+strings.Join(parts, ",")+"}")
}

// op is one random operation.
type op struct {
	kind   int // 0 put, 1 update, 2 delete, 3 apply, 4 batch, 5 reopen.
	item   item.Item
	items  []item.Item
	state  conflict.State
	cond   bool // Only where an item is.
	remove string
}

func drawOps(t *rapid.T, tb testing.TB, replicated bool) []op {
	var out []op
	for range rapid.IntRange(1, 40).Draw(t, "operations") {
		o := op{kind: rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 5}).Draw(t, "kind"), item: drawItem(t, tb)}
		o.cond = rapid.Bool().Draw(t, "condition")
		o.remove = rapid.SampledFrom([]string{"a", "b", "x"}).Draw(t, "remove")
		if o.kind == 3 && !replicated {
			o.kind = 0
		}
		if o.kind == 3 {
			cell := there
			o.state = conflict.State{
				Version: conflict.Version{Time: clock.Timestamp{Wall: int64(rapid.IntRange(1, 400).Draw(t, "wall")), Logical: 7}, Cell: cell},
				Deleted: rapid.Bool().Draw(t, "deleted"), Item: o.item,
			}
		}
		if o.kind == 4 {
			o.items = []item.Item{o.item, drawItem(t, tb)}
		}
		out = append(out, o)
	}
	return out
}

// run runs an operation and returns what the client sees of it.
func (o *op) run(t testing.TB, e *table.Engine) string {
	tab := e.Table("T")
	w := table.Write{Table: tab, Item: o.item, KeepOld: true}
	w.Key, _ = tab.ItemKey(o.item)
	if o.cond {
		w.Condition = bindCondition(t, "attribute_exists(pk)")
	}
	var err error
	switch o.kind {
	case 0:
		err = e.Write(t.Context(), &w)
	case 1:
		w.Kind, w.Item = table.Update, nil
		parsed, perr := expr.Parse(expr.UpdateKind, "SET x = if_not_exists(a, d) REMOVE "+o.remove)
		if o.remove == "x" {
			parsed, perr = expr.Parse(expr.UpdateKind, "REMOVE x, d")
		}
		if perr != nil {
			t.Fatal(perr)
		}
		if w.Update, err = expr.BindUpdate(parsed, &expr.Scope{}); err == nil {
			err = e.Write(t.Context(), &w)
		}
	case 2:
		w.Kind, w.Item = table.Delete, nil
		err = e.Write(t.Context(), &w)
	case 3:
		s := o.state
		if s.Deleted {
			s.Item = tab.KeyItem(nil, w.Key)
		}
		sum, err := e.Apply(t.Context(), tab, []conflict.State{s}, nil)
		sum.Commit = 0 // Positions are each store's own.
		return fmt.Sprint(sum, err)
	case 4:
		batch := []*table.Write{}
		seen := map[string]bool{}
		for _, it := range o.items {
			k, _ := tab.ItemKey(it)
			if id := string(tab.KeyItem(nil, k)); !seen[id] {
				seen[id] = true
				batch = append(batch, &table.Write{Table: tab, Kind: table.Put, Item: it, Key: k})
			}
		}
		_, err := e.WriteBatch(t.Context(), batch)
		return fmt.Sprint(err)
	}
	return fmt.Sprint(jsonOf(w.Old), jsonOf(w.New), w.OldSize, w.NewSize, err)
}

func bindCondition(t testing.TB, text string) *expr.Condition {
	e, err := expr.Parse(expr.ConditionKind, text)
	if err != nil {
		t.Fatal(err)
	}
	c, err := expr.BindCondition(e, &expr.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// scanAll returns the items of a table or index, sorted.
func scanAll(t testing.TB, e *table.Engine, x *table.Index) []string {
	t.Helper()
	var out []string
	p := table.Page{Table: e.Table("T"), Index: x}
	if err := e.Query(t.Context(), &p, func(it item.Item) error {
		out = append(out, jsonOf(it))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// rowsOf returns the stored states in the order of their keys.
func rowsOf(t testing.TB, e *table.Engine) []string {
	t.Helper()
	var out []string
	_, _, err := e.Snapshot(t.Context(), e.Table("T"), nil, func(r table.Row) bool {
		s, err := e.State(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(s.Version, s.Deleted, jsonOf(s.Item)))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// wantEntries works out what an index holds from what the table holds.
func wantEntries(t testing.TB, e *table.Engine, x *table.Index) []string {
	tab := e.Table("T")
	keep := map[string]bool{}
	for _, list := range [][]string{x.Hash, x.Range, x.NonKey, {tab.Def.Hash, tab.Def.Range}} {
		for _, n := range list {
			keep[n] = true
		}
	}
	var out []string
	p := table.Page{Table: tab}
	if err := e.Query(t.Context(), &p, func(it item.Item) error {
		for _, n := range slices.Concat(x.Hash, x.Range) {
			if _, ok := it.Get(n); !ok {
				return nil
			}
		}
		var b item.Builder
		for name, v := range it.All() {
			if x.Projection == table.All || keep[string(name)] {
				b.Add(string(name), v)
			}
		}
		out = append(out, jsonOf(b.Item(nil)))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func newMem() *kv.Mem { return kv.NewMem(kv.MemOptions{}) }

// TestIndexEqualsBase: after any operations each index holds exactly the
// projection of the items that have its key attributes (invariant 1).
func TestIndexEqualsBase(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := openEngine(t, newMem(), &countingClock{})
		tab := create(t, e, drawDefinition(rt))
		for _, o := range drawOps(rt, t, tab.Replicated()) {
			o.run(t, e)
		}
		for i := range tab.Def.Indexes {
			x := &tab.Def.Indexes[i]
			if got, want := scanAll(t, e, x), wantEntries(t, e, x); !slices.Equal(got, want) {
				rt.Fatalf("index %+v holds\n%s\nwant\n%s", *x, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	})
}

// TestStoresAgree runs the same operations on the reference store and on
// Pebble, with the engine opened again in between: every answer, and all that is
// stored at the end, is the same.
func TestStoresAgree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		pebble, err := pebblekv.Open(pebblekv.Options{Memory: true})
		if err != nil {
			t.Fatal(err)
		}
		defer pebble.Close()
		def := drawDefinition(rt)
		ops := drawOps(rt, t, def.Group != nil)
		stores := []kv.Store{newMem(), pebble}
		var answers, rows [2][]string
		for i, store := range stores {
			c := &countingClock{}
			e := openEngine(t, store, c)
			create(t, e, def)
			for _, o := range ops {
				if o.kind == 5 {
					e = openEngine(t, store, c)
					continue
				}
				answers[i] = append(answers[i], o.run(t, e))
			}
			rows[i] = rowsOf(t, e)
			for j := range def.Indexes {
				rows[i] = append(rows[i], scanAll(t, e, e.Table("T").Def.Index(fmt.Sprint("X", j)))...)
			}
		}
		if !slices.Equal(answers[0], answers[1]) || !slices.Equal(rows[0], rows[1]) {
			rt.Fatalf("the stores differ:\n%q\n%q\n%q\n%q", answers[0], answers[1], rows[0], rows[1])
		}
	})
}

// TestLogReplays: the records of a log, applied to an empty table of another
// cell, make the same items; each says what was before it (invariant 2).
func TestLogReplays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		def := drawDefinition(rt)
		store := newMem()
		e := openEngine(t, store, &countingClock{})
		tab := create(t, e, def)
		for _, o := range drawOps(rt, t, tab.Replicated()) {
			o.run(t, e)
		}
		copied := openEngine(t, newMem(), &countingClock{now: 1000})
		other := create(t, copied, def)
		images := map[string]string{}
		decoder := conflict.NewDecoder(here)
		_, err := store.ReadLog(t.Context(), tab.Log.ID, 0, func(entry kv.Entry) bool {
			r, err := changelog.Decode(entry.Record, decoder)
			if err != nil {
				t.Fatal(err)
			}
			if before := images[jsonOf(r.Key)]; before != "" && before != jsonOf(r.Old) || before == "" && r.Old != nil {
				rt.Fatalf("the record of %s says %s was before, it was %s", jsonOf(r.Key), jsonOf(r.Old), before)
			}
			images[jsonOf(r.Key)] = jsonOf(r.New)
			s := conflict.State{Version: r.Version, Deleted: r.Deleted, Item: r.New}
			if r.Deleted {
				s.Item = r.Key
				delete(images, jsonOf(r.Key))
			}
			if _, err := copied.Apply(t.Context(), other, []conflict.State{s}, nil); err != nil {
				t.Fatal(err)
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := scanAll(t, copied, nil), scanAll(t, e, nil); !slices.Equal(got, want) {
			rt.Fatalf("the copy holds %q, want %q", got, want)
		}
	})
}

// TestApplyOrder: states end in the same rows in whatever order, in whatever
// pieces and however often they come (invariant 3).
func TestApplyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		def := table.Definition{Name: "T", Attributes: attributes, Hash: "pk", Group: group(), Indexes: []table.Index{{Name: "X", Hash: []string{"a"}, Projection: table.All}}}
		var states []conflict.State
		for range rapid.IntRange(1, 30).Draw(rt, "states") {
			it := drawItem(rt, t)
			s := conflict.State{Version: conflict.Version{Time: clock.Timestamp{Wall: int64(rapid.IntRange(1, 9).Draw(rt, "wall"))}, Cell: rapid.SampledFrom([]cellName{here, there}).Draw(rt, "cell")}, Item: it}
			// No cell gives out one version twice.
			s.Version.Time.Logical = uint32(len(states))
			if s.Deleted = rapid.Bool().Draw(rt, "deleted"); s.Deleted {
				pk, _ := it.Get("pk")
				s.Item = item.BuildItem(nil, []item.Entry{{Name: "pk", Value: pk}})
			}
			states = append(states, s)
		}
		var first []string
		for round := range 3 {
			e := openEngine(t, newMem(), &countingClock{})
			tab := create(t, e, def)
			todo := slices.Clone(states)
			if round > 0 {
				todo = append(todo, states...)
				seed := rapid.Uint64().Draw(rt, "order")
				rng := rand.New(rand.NewPCG(seed, 0))
				rng.Shuffle(len(todo), func(i, j int) { todo[i], todo[j] = todo[j], todo[i] })
			}
			for len(todo) > 0 {
				n := rapid.IntRange(1, len(todo)).Draw(rt, "piece")
				sum, err := e.Apply(t.Context(), tab, todo[:n], nil)
				if err != nil {
					t.Fatal(err)
				}
				if sum.Written+sum.Lost+sum.Known != n {
					rt.Fatalf("%d states counted as %+v", n, sum)
				}
				todo = todo[n:]
			}
			rows := append(rowsOf(t, e), scanAll(t, e, &tab.Def.Indexes[0])...)
			if first == nil {
				first = rows
			}
			if !slices.Equal(rows, first) {
				rt.Fatalf("another order gives\n%q\nwant\n%q", rows, first)
			}
		}
	})
}

// TestSegments: the segments of a scan, and its pages, hold each item once.
func TestSegments(t *testing.T) {
	e := openEngine(t, newMem(), &countingClock{})
	tab := create(t, e, table.Definition{Name: "T", Attributes: attributes, Hash: "pk", Indexes: []table.Index{{Name: "X", Hash: []string{"a"}, Projection: table.KeysOnly}}})
	const items = 500
	for i := range items {
		put(t, e, tab, decodeItem(t, fmt.Sprintf(`{"pk":{"S":"p%d"},"a":{"S":"a%d"}}`, i, i%97)))
	}
	for _, total := range []int{1, 2, 3, 7, 64, 1000} {
		for _, x := range []*table.Index{nil, &tab.Def.Indexes[0]} {
			seen := map[string]int{}
			for segment := range total {
				p := table.Page{Table: tab, Index: x, Segment: segment, TotalSegments: total, Limit: 1 + total%5}
				for {
					q := p
					if err := e.Query(t.Context(), &q, func(it item.Item) error {
						v, _ := it.Get("pk")
						seen[string(v.Bytes())]++
						return nil
					}); err != nil {
						t.Fatal(err)
					}
					if q.Last == nil {
						break
					}
					p.After = q.Last
				}
			}
			if most := slices.Max(slices.Collect(maps.Values(seen))); len(seen) != items || most != 1 {
				t.Errorf("%d segments hold %d items, one %d times", total, len(seen), most)
			}
		}
	}
}

// TestPageSize: a page ends with the item that reaches 1 MB, and the next goes
// on behind it (documented).
func TestPageSize(t *testing.T) {
	e := openEngine(t, newMem(), &countingClock{})
	tab := create(t, e, table.Definition{Name: "T", Attributes: attributes, Hash: "pk", Range: "sk"})
	const items, size = 12, 300 << 10
	for i := range items {
		put(t, e, tab, decodeItem(t, fmt.Sprintf(`{"pk":{"S":"p"},"sk":{"N":"%d"},"x":{"S":%q}}`, i, strings.Repeat("x", size))))
	}
	for _, reverse := range []bool{false, true} {
		p := table.Page{Table: tab, Keys: &expr.KeyRange{Hash: []item.Value{item.S("p")}}, Reverse: reverse}
		var pages []int
		for {
			q := p
			if err := e.Query(t.Context(), &q, func(item.Item) error { return nil }); err != nil {
				t.Fatal(err)
			}
			pages = append(pages, q.Count)
			if q.Last != nil && (q.Bytes < table.MaxPage || q.Bytes >= table.MaxPage+size+100) {
				t.Errorf("a page has %d bytes", q.Bytes)
			}
			if p.After = q.Last; p.After == nil {
				break
			}
		}
		if want := []int{4, 4, 4}; !slices.Equal(pages, want) {
			t.Errorf("pages of %v items, want %v", pages, want)
		}
	}
}

// TestItemLimit: an item may have 400 KB and no byte more (documented).
func TestItemLimit(t *testing.T) {
	e := openEngine(t, newMem(), &countingClock{})
	tab := create(t, e, table.Definition{Name: "T", Attributes: attributes, Hash: "pk"})
	fit := table.MaxItemSize - len("pk") - len("p") - len("x")
	for _, c := range []struct {
		size int
		ok   bool
	}{{fit, true}, {fit + 1, false}} {
		it := decodeItem(t, fmt.Sprintf(`{"pk":{"S":"p"},"x":{"S":%q}}`, strings.Repeat("x", c.size)))
		w := table.Write{Table: tab, Kind: table.Put, Item: it}
		w.Key, _ = tab.ItemKey(it)
		if err := e.Write(t.Context(), &w); (err == nil) != c.ok {
			t.Errorf("an item of %d bytes: %v", it.Size(), err)
		}
	}
}

// interposed runs something between the planning of an update and the update.
type interposed struct {
	kv.Store
	before func()
}

func (s *interposed) Update(ctx context.Context, p kv.Plan, fn func([][]byte, *kv.Writes) error) (kv.Position, error) {
	if before := s.before; before != nil {
		s.before = nil
		before()
	}
	return s.Store.Update(ctx, p, fn)
}

// cursorKey is that of a cursor that Apply writes.
var cursorKey = []byte("z")

// plannedWrites are the ways to write to a table as of before: a write, a batch,
// a state, and a bare cursor. n makes their keys.
func plannedWrites(t *testing.T, e *table.Engine, n *int) []func(*table.Table) error {
	write := func(tab *table.Table) error {
		it := decodeItem(t, fmt.Sprintf(`{"pk":{"S":"w%d"},"a":{"S":"a"}}`, *n))
		w := table.Write{Table: tab, Kind: table.Put, Item: it}
		w.Key, _ = tab.ItemKey(it)
		return e.Write(t.Context(), &w)
	}
	batch := func(tab *table.Table) error {
		it := decodeItem(t, fmt.Sprintf(`{"pk":{"S":"b%d"},"a":{"S":"a"}}`, *n))
		w := table.Write{Table: tab, Kind: table.Put, Item: it}
		w.Key, _ = tab.ItemKey(it)
		_, err := e.WriteBatch(t.Context(), []*table.Write{&w})
		return err
	}
	cursor := func(tab *table.Table) error {
		_, err := e.Apply(t.Context(), tab, nil, func(w *kv.Writes) { w.Set(cursorKey, []byte{byte(*n)}) })
		return err
	}
	apply := func(tab *table.Table) error {
		s := conflict.State{Version: conflict.Version{Time: clock.Timestamp{Wall: 1}, Cell: there}, Item: decodeItem(t, fmt.Sprintf(`{"pk":{"S":"s%d"},"a":{"S":"a"}}`, *n))}
		_, err := e.Apply(t.Context(), tab, []conflict.State{s}, nil)
		return err
	}
	return []func(*table.Table) error{write, batch, apply, cursor}
}

// TestPlannedOnRetired: a write, a batch, a state and a bare cursor that were
// planned on a definition of before are done on the present one; when the table
// is gone, or another has its name, they are not done (invariant 5).
func TestPlannedOnRetired(t *testing.T) {
	store := &interposed{Store: newMem()}
	e := openEngine(t, store, &countingClock{})
	create(t, e, table.Definition{Name: "T", Attributes: attributes, Hash: "pk", Group: group()})
	n := 0
	alter := func() {
		if _, err := e.Alter(t.Context(), "T", func(d *table.Definition) error {
			d.NextIndex++
			d.Indexes = append(d.Indexes, table.Index{Name: fmt.Sprint("N", n), Number: d.NextIndex, Hash: []string{"a"}, Projection: table.All})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	drop := func() {
		if err := e.Drop(t.Context(), "T"); err != nil {
			t.Fatal(err)
		}
	}
	replace := func() {
		if _, err := e.Create(t.Context(), table.Definition{Name: "T", ID: "another", Attributes: attributes, Hash: "pk"}); err != nil {
			t.Fatal(err)
		}
	}
	kinds := plannedWrites(t, e, &n)
	for _, do := range kinds {
		n++
		store.before = alter
		if err := do(e.Table("T")); err != nil {
			t.Fatal(err)
		}
	}
	if v, _, err := store.Get(t.Context(), cursorKey, nil); err != nil || string(v) != string([]byte{byte(n)}) {
		t.Errorf("the cursor is %x (%v)", v, err)
	}
	for i, want := range []int{3, 2, 1, 0} { // Each index holds what was written since it is there.
		x := e.Table("T").Def.Index(fmt.Sprint("N", i+1))
		if got := len(scanAll(t, e, x)); got != want {
			t.Errorf("%s has %d entries, want %d", x.Name, got, want)
		}
	}
	store.before = drop
	old := e.Table("T")
	if err := kinds[0](old); !errors.Is(err, table.ErrNoTable) {
		t.Errorf("a write on a dropped table: %v", err)
	}
	replace()
	for _, do := range kinds {
		if err := do(old); !errors.Is(err, table.ErrNoTable) {
			t.Errorf("a write on a table of before: %v", err)
		}
	}
	if got := scanAll(t, e, nil); len(got) != 0 {
		t.Errorf("the new table holds %q", got)
	}
}

// TestAlterFails: a change that is refused, or cannot be, changes nothing.
func TestAlterFails(t *testing.T) {
	e := openEngine(t, newMem(), &countingClock{})
	before := create(t, e, table.Definition{Name: "T", Attributes: attributes, Hash: "pk"})
	refused := errors.New("refused")
	if _, err := e.Alter(t.Context(), "T", func(d *table.Definition) error { d.Hash = "a"; return refused }); !errors.Is(err, refused) {
		t.Error(err)
	}
	if _, err := e.Alter(t.Context(), "T", func(d *table.Definition) error { d.Hash = "none"; return nil }); err == nil {
		t.Error("a key without type is taken")
	}
	if e.Table("T") != before || before.Def.Hash != "pk" {
		t.Error("the table changed")
	}
	if _, err := e.Alter(t.Context(), "U", nil); err == nil {
		t.Error("a table that is not there was changed")
	}
}

// TestClockAfterRestart: a reading that was promised is not given out again,
// even when the wall goes back.
func TestClockAfterRestart(t *testing.T) {
	store := newMem()
	c := &wallClock{time.Unix(1000, 0)}
	e := openEngine(t, store, c)
	tab := create(t, e, table.Definition{Name: "T", Attributes: attributes, Hash: "pk", Group: group()})
	var low clock.Timestamp
	for range 3 {
		var err error
		if low, _, _, err = e.LowWater(t.Context(), tab); err != nil {
			t.Fatal(err)
		}
	}
	if low.IsZero() {
		t.Fatal("no low water")
	}
	c.now = time.Unix(10, 0)
	e = openEngine(t, store.Crash(), c)
	put(t, e, e.Table("T"), decodeItem(t, `{"pk":{"S":"p"}}`))
	_, _, err := e.Snapshot(t.Context(), e.Table("T"), nil, func(r table.Row) bool {
		if s, err := e.State(r); err != nil || s.Version.Time.Compare(low) <= 0 {
			t.Errorf("after the restart version %v was made, low water was %v (%v)", s.Version, low, err)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
}
