package table_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// TestTogetherRecords: the first record of a transaction in each table's log names
// the other tables that it wrote to, of those that are to be visible together,
// and no other record does.
func TestTogetherRecords(t *testing.T) {
	e := openEngine(t, newMem(), &countingClock{})
	tables := map[string]*table.Table{}
	for name, def := range map[string]table.Definition{
		"A": {Group: group(), Transactions: table.Together},
		"B": {Group: group(), Transactions: table.Together},
		"C": {Group: group(), Transactions: table.Together},
		"I": {Group: group()},
		"R": {Transactions: table.Together},
	} {
		def.Name, def.Attributes, def.Hash = name, attributes, "pk"
		tables[name] = create(t, e, def)
	}
	on := func(name string, kind table.Kind, pk string) *table.Write {
		return writeOf(t, tables[name], kind, fmt.Sprintf(`{"pk":{"S":%q}}`, pk), "")
	}
	none := on("C", table.Check, "checked")
	none.Condition = bindCondition(t, "attribute_not_exists(pk)")
	for _, tx := range []*table.Transaction{
		transaction(on("B", table.Put, "1"), on("A", table.Put, "1"), on("I", table.Put, "1"), on("R", table.Put, "1"), on("B", table.Put, "2"), none),
		transaction(on("A", table.Put, "3"), on("A", table.Put, "4"), on("C", table.Delete, "never")),
		transaction(on("A", table.Put, "5"), on("B", table.Delete, "2"), on("C", table.Put, "5")),
	} {
		if err := e.Transact(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"A": "[B] [] [] [B C]", "B": "[A] [] [A C]", "C": "[A B]", "I": "[]", "R": ""} {
		var got []string
		for _, r := range recordsOf(t, e, tables[name]) {
			got = append(got, fmt.Sprint(r.Tables))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("the records of %s name %s, want %s", name, s, want)
		}
	}
}

// remote is a state that another cell made at a time.
func remote(t *testing.T, pk string, at int64) conflict.State {
	t.Helper()
	return conflict.State{
		Version: conflict.Version{Time: clock.Timestamp{Wall: at}, Cell: there},
		Item:    decodeItem(t, fmt.Sprintf(`{"pk":{"S":%q},"x":{"N":"%d"}}`, pk, at)),
	}
}

// commits returns, of each commit that wrote to the logs of tables, what it
// wrote: T:pk for each record.
func commits(t *testing.T, e *table.Engine, tables ...*table.Table) []string {
	t.Helper()
	at := map[kv.Position][]string{}
	for _, tab := range tables {
		_, err := e.Store().ReadLog(t.Context(), tab.Log.ID, 0, func(x kv.Entry) bool {
			r, err := changelog.Decode(slices.Clone(x.Record), e.Decoder())
			if err != nil {
				t.Error(err)
			}
			pk, _ := r.Key.Get("pk")
			at[x.Position] = append(at[x.Position], tab.Def.Name+":"+string(pk.Bytes()))
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var out []string
	positions := make([]kv.Position, 0, len(at))
	for p := range at {
		positions = append(positions, p)
	}
	slices.Sort(positions)
	for _, p := range positions {
		out = append(out, strings.Join(at[p], " "))
	}
	return out
}

// TestApplyJoined: states that are joined are in one commit, whatever else is in
// the way: an item that was written before, the limit of a commit, another table.
func TestApplyJoined(t *testing.T) {
	e := openEngine(t, newMem(), &countingClock{now: 1_000_000})
	keys := &table.Stream{View: "KEYS_ONLY"} // So that the logs show what was applied.
	tab := create(t, e, table.Definition{Name: "T", Attributes: attributes, Hash: "pk", Group: group(), Stream: keys})
	other := create(t, e, table.Definition{Name: "U", Attributes: attributes, Hash: "pk", Group: group(), Stream: keys})
	var in []table.Incoming
	add := func(tab *table.Table, pk string, joined bool) {
		in = append(in, table.Incoming{Table: tab, State: remote(t, pk, int64(len(in)+1)), Joined: joined})
	}
	add(tab, "a", false)
	add(tab, "b", false) // Joined to the next, which is written a second time.
	add(tab, "a", true)
	add(other, "a", true)
	for i := range table.MaxApply - 4 {
		add(tab, fmt.Sprint("k", i), false)
	}
	add(tab, "y", false) // With what is before it in the commit it would be full between the two.
	add(other, "y", true)
	add(tab, "z", false)
	var told []int
	sums, err := e.ApplyAll(t.Context(), tab, in, func(done int, _ *kv.Writes) { told = append(told, done) })
	if err != nil {
		t.Fatal(err)
	}
	got := commits(t, e, tab, other)
	if len(got) != 3 || got[0] != "T:a" || !strings.HasPrefix(got[1], "T:b T:a T:k0") || !strings.HasSuffix(got[1], " U:a") || got[2] != "T:y T:z U:y" {
		t.Errorf("commits: %q", got)
	}
	if want := []int{1, len(in) - 3, len(in)}; !slices.Equal(told, want) {
		t.Errorf("the cursor was asked for after %v states, want %v", told, want)
	}
	if len(sums) != 2 || sums[0].Written != len(in)-2 || sums[1].Written != 2 || sums[0].Split != 0 {
		t.Errorf("tallies %+v", sums)
	}
	sums, err = e.ApplyAll(t.Context(), tab, in, func(int, *kv.Writes) {})
	if err != nil || sums[0].Known != len(in)-3 || sums[0].Lost != 1 || sums[0].Written != 0 {
		t.Errorf("again: %+v, %v", sums, err)
	}
}

// TestApplyTooLarge: what no commit holds is applied all the same, in pieces that
// are counted.
func TestApplyTooLarge(t *testing.T) {
	e := openEngine(t, newMem(), &countingClock{now: 1_000_000})
	def := table.Definition{Name: "T", Attributes: attributes, Hash: "pk", Group: group()}
	for i := range 20 { // The row, its image in the log, and twenty copies.
		def.Indexes = append(def.Indexes, table.Index{Name: fmt.Sprint("X", i), Hash: []string{"pk"}, Projection: table.All})
	}
	tab := create(t, e, def)
	long := strings.Repeat("x", 300<<10)
	var in []table.Incoming
	for i := range 12 {
		s := remote(t, fmt.Sprint(i), int64(i+1))
		s.Item = item.BuildItem(nil, []item.Entry{{Name: "pk", Value: item.S(fmt.Sprint(i))}, {Name: "x", Value: item.S(long)}})
		in = append(in, table.Incoming{Table: tab, State: s, Joined: i > 0})
	}
	sums, err := e.ApplyAll(t.Context(), tab, in, func(int, *kv.Writes) {})
	if err != nil || sums[0].Written != 12 || sums[0].Split != 1 {
		t.Errorf("%+v, %v", sums, err)
	}
}
