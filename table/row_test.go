package table

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
)

var self = aws.Cell{Account: "111111111111", Region: "us-east-1"}

// exampleItem is {"pk":{"S":"p"}}.
var exampleItem = item.BuildItem(nil, []item.Entry{{Name: "pk", Value: item.S("p")}})

func vectorOf(v conflict.Version) conflict.Vector {
	return conflict.Vector{Last: []conflict.Version{v}}
}

// TestRowBytes holds the stored form to docs/formats/row.md, byte for byte.
func TestRowBytes(t *testing.T) {
	version := conflict.Version{Time: clock.Timestamp{Wall: 0x0102, Logical: 3}, Cell: self}
	const cell = "19debd01c7" + "09" + "75732d656173742d31"
	const head = "0000000000000102" + "00000003" + cell
	for _, c := range []struct {
		state conflict.State
		want  string
	}{
		{conflict.State{Version: version, Item: exampleItem}, "0100" + head + "0102706b010170"},
		{conflict.State{Version: version, Item: exampleItem, Deleted: true}, "0101" + head + "0102706b010170"},
		{conflict.State{Version: version, Item: exampleItem, Vector: vectorOf(version)}, "0102" + head + "000000000000000000000000" + "01" + head + "0102706b010170"},
	} {
		got := appendRow(nil, &c.state)
		if hex.EncodeToString(got) != c.want {
			t.Errorf("%+v is stored as %x, want %s", c.state, got, c.want)
		}
		r, err := decodeRow(got, conflict.NewDecoder(self))
		if err != nil || r.Version != version || r.Deleted != c.state.Deleted || r.exists == r.Deleted || !bytes.Equal(r.Item, exampleItem) || !r.Vector.Equal(&c.state.Vector) {
			t.Errorf("%s is read as %+v (%v)", c.want, r, err)
		}
		it, err := rowItem(got, conflict.NewDecoder(self))
		if err != nil || (it == nil) != c.state.Deleted {
			t.Errorf("the item of %s is %x (%v)", c.want, it, err)
		}
	}
}

// TestKeyBytes holds keys to docs/formats/row.md.
func TestKeyBytes(t *testing.T) {
	tab, err := newTable(Definition{
		Name: "T", Number: 7, Hash: "pk", Range: "sk",
		Attributes: []Attribute{{"pk", "S"}, {"sk", "S"}, {"g", "S"}},
		Indexes:    []Index{{Name: "G", Number: 2, Hash: []string{"g"}, Range: []string{"sk"}, Projection: All}},
	}, self, kv.NewMem(kv.MemOptions{}), newGate(0))
	if err != nil {
		t.Fatal(err)
	}
	k := Key{item.S("p"), item.S("s")}
	rowKey := tab.appendRowKey(nil, k)
	hashOfP := hex.EncodeToString(appendHash(nil, []byte("p\x00\x01"))) // Of the value with its end.
	if got := hex.EncodeToString(rowKey); got != "64"+"00000007"+"0000"+hashOfP+"730001" {
		t.Errorf("a row's key is %s", got)
	}
	it := item.BuildItem(nil, []item.Entry{{Name: "g", Value: item.S("g")}, {Name: "pk", Value: k.Hash}, {Name: "sk", Value: k.Range}})
	entry, ok := tab.indexes[0].appendEntryKey(nil, it, rowKey)
	want := hex.EncodeToString(appendHash(nil, []byte("g\x00\x01"))) + "730001" + hex.EncodeToString(appendHash(nil, rowKey[prefixSize:]))
	if got := hex.EncodeToString(entry); !ok || got != "64"+"00000007"+"0002"+want {
		t.Errorf("an entry's key is %s", got)
	}
	mark := appendTombstoneKey(nil, 7, clock.Timestamp{Wall: 1, Logical: 2}, rowKey)
	if got := hex.EncodeToString(mark); got != "78"+"00000007"+"0000000000000001"+"00000002"+hex.EncodeToString(rowKey) {
		t.Errorf("a tombstone's mark is %s", got)
	}
}

// TestKeyLimit: no item's keys are longer than a store takes.
func TestKeyLimit(t *testing.T) {
	tab, err := newTable(Definition{
		Name: "T", Number: 1, Hash: "pk", Range: "sk",
		Attributes: []Attribute{{"pk", "B"}, {"sk", "B"}, {"a", "B"}, {"b", "B"}},
		Indexes:    []Index{{Name: "G", Number: 1, Hash: []string{"a"}, Range: []string{"b", "sk", "pk"}, Projection: KeysOnly}},
	}, self, kv.NewMem(kv.MemOptions{}), newGate(0))
	if err != nil {
		t.Fatal(err)
	}
	zeros := func(n int) item.Value { return item.B(make([]byte, n)) } // Each takes two bytes in a key.
	it := item.BuildItem(nil, []item.Entry{
		{Name: "a", Value: zeros(MaxHashKey)},
		{Name: "b", Value: zeros(MaxRangeKey)},
		{Name: "pk", Value: zeros(MaxRangeKey)},
		{Name: "sk", Value: zeros(MaxRangeKey)},
	})
	k, err := tab.ItemKey(it)
	if err != nil {
		t.Fatal(err)
	}
	rowKey := tab.appendRowKey(nil, k)
	entry, ok := tab.indexes[0].appendEntryKey(nil, it, rowKey)
	mark := appendTombstoneKey(nil, 1, clock.Timestamp{}, rowKey)
	if !ok || len(rowKey) > kv.MaxKeySize || len(entry) > kv.MaxKeySize || len(mark) > kv.MaxKeySize {
		t.Errorf("keys of %d, %d and %d bytes, over %d", len(rowKey), len(entry), len(mark), kv.MaxKeySize)
	}
	long := item.BuildItem(nil, []item.Entry{{Name: "pk", Value: zeros(MaxHashKey + 1)}, {Name: "sk", Value: zeros(1)}})
	if _, err := tab.ItemKey(long); err == nil {
		t.Error("a partition key over the limit is taken")
	}
}

// FuzzRow: no bytes make the decoders panic; what they take is written back as
// it was read, and both ways to read the item agree.
func FuzzRow(f *testing.F) {
	d := conflict.NewDecoder(self)
	for _, s := range []conflict.State{
		{Version: conflict.Version{Cell: self}, Item: exampleItem},
		{Version: conflict.Version{Cell: aws.Cell{Account: "000000000001", Region: "x"}}, Item: exampleItem, Deleted: true, Vector: vectorOf(conflict.Version{Time: clock.Timestamp{Wall: 1}, Cell: self})},
	} {
		f.Add(appendRow(nil, &s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = decodeEntry(b)
		r, err := decodeRow(b, d)
		it, short := rowItem(b, d)
		if b == nil || err != nil {
			return
		}
		if short == nil && !r.Deleted && !bytes.Equal(it, r.Item) {
			t.Fatalf("%x holds %x by one way, %x by the other", b, r.Item, it)
		}
		again, err := decodeRow(appendRow(nil, &r.State), d)
		if err != nil || again.Version != r.Version || again.Deleted != r.Deleted || !bytes.Equal(again.Item, r.Item) {
			t.Fatalf("%x is read as %+v, and written and read again as %+v (%v)", b, r, again, err)
		}
	})
}

// FuzzDefinition: whatever stands in the catalog, Open gives an error or a
// catalog of the format that it knows, and never panics.
func FuzzDefinition(f *testing.F) {
	good, err := json.Marshal(Definition{
		Format: 1, Name: "T", Number: 1, Hash: "pk", Attributes: []Attribute{{"pk", "S"}},
		Indexes: []Index{{Name: "G", Number: 1, Hash: []string{"pk"}, Projection: All}},
		Policy:  &Policy{Document: `{"Version":"2012-10-17","Statement":[]}`},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{"format":1,"hash":"pk","attributes":[{"name":"pk","type":"SS"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return // Values are never empty.
		}
		store := kv.NewMem(kv.MemOptions{})
		if _, err := store.Update(t.Context(), kv.Plan{Write: [][]byte{catalogKey("T")}}, func(_ [][]byte, w *kv.Writes) error {
			w.Set(catalogKey("T"), b)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		e, err := Open(t.Context(), Options{Cell: self, Store: store, Clock: clock.Wall{}})
		if err != nil {
			return
		}
		for _, tab := range e.Tables() {
			if tab.Def.Format != definitionFormat {
				t.Fatalf("a definition of format %d was read", tab.Def.Format)
			}
		}
	})
}
