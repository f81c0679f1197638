package table

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
)

// handClock is moved by the test alone.
type handClock struct{ now time.Time }

func (c *handClock) Now() time.Time { return c.now }

// journalTable is a member of a global table whose journal holds n conflicts, a
// second apart.
func journalTable(t *testing.T, c *handClock, dates clock.Clock, n int) (*Engine, *Table) {
	t.Helper()
	other := aws.Cell{Account: "222222222222", Region: "eu-west-1"}
	e, err := Open(t.Context(), Options{Cell: self, Store: kv.NewMem(kv.MemOptions{}), Clock: c, Dates: dates})
	if err != nil {
		t.Fatal(err)
	}
	tab, err := e.Create(t.Context(), Definition{
		Name: "T", Status: Active, Attributes: []Attribute{{"pk", "S"}}, Hash: "pk",
		Group: &Group{ID: "g", Members: []Member{{Cell: self}, {Cell: other}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		c.now = c.now.Add(time.Second)
		it := item.BuildItem(nil, []item.Entry{{Name: "pk", Value: item.S(fmt.Sprint("p", i%3))}, {Name: "v", Value: item.S(fmt.Sprint(i))}})
		k, err := tab.ItemKey(it)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Write(t.Context(), &Write{Table: tab, Key: k, Item: it}); err != nil {
			t.Fatal(err)
		}
		in := conflict.State{Version: conflict.Version{Time: clock.Timestamp{Wall: c.now.UnixMicro() + 1}, Cell: other}, Item: item.BuildItem(nil, []item.Entry{{Name: "pk", Value: k.Hash}})}
		if sum, err := e.Apply(t.Context(), tab, []conflict.State{in}, nil); err != nil || sum.Conflicts != 1 {
			t.Fatalf("%+v, %v", sum, err)
		}
	}
	return e, tab
}

// TestJournalInRehearsal: a clock of deadlines that is moved on drops nothing of a
// journal, and dates nothing in it.
func TestJournalInRehearsal(t *testing.T) {
	c := &handClock{time.Unix(1000, 0)}
	dates := clock.NewOffset(c, time.Hour)
	e, tab := journalTable(t, c, dates, 3)
	dates.Advance(2 * MaxConflictAge)
	for range 3 {
		c.now = c.now.Add(2 * journalEvery)
		if _, err := e.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	page, _, err := e.Conflicts(t.Context(), tab, ConflictQuery{})
	if err != nil || len(page) != 3 || page[2].At.After(c.now) || e.Journal(tab).Dropped != 0 {
		t.Errorf("%v, %v, %+v", page, err, e.Journal(tab))
	}
}

func readJournal(t *testing.T, e *Engine, tab *Table, q ConflictQuery) (ids []string) {
	t.Helper()
	for {
		page, next, err := e.Conflicts(t.Context(), tab, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page {
			v, _ := c.Lost.Item.Get("v")
			ids = append(ids, string(v.Bytes()))
		}
		if q.After = next; next == nil {
			return ids
		}
	}
}

// TestConflictQueries: filters by key and by time, and pages of any size.
func TestConflictQueries(t *testing.T) {
	c := &handClock{time.Unix(1000, 0)}
	e, tab := journalTable(t, c, nil, 9)
	p1 := item.BuildItem(nil, []item.Entry{{Name: "pk", Value: item.S("p1")}})
	at := func(s int) time.Time { return time.Unix(1000+int64(s), 0) }
	for _, test := range []struct {
		q    ConflictQuery
		want string
	}{
		{ConflictQuery{}, "[0 1 2 3 4 5 6 7 8]"},
		{ConflictQuery{Limit: 2}, "[0 1 2 3 4 5 6 7 8]"},
		{ConflictQuery{Key: p1, Limit: 1}, "[1 4 7]"},
		{ConflictQuery{Since: at(3)}, "[2 3 4 5 6 7 8]"},
		{ConflictQuery{Until: at(3)}, "[0 1]"},
		{ConflictQuery{Since: at(3), Until: at(6), Limit: 1}, "[2 3 4]"},
		{ConflictQuery{Since: at(6), Until: at(3)}, "[]"},
	} {
		if got := fmt.Sprint(readJournal(t, e, tab, test.q)); got != test.want {
			t.Errorf("%+v gives %s, want %s", test.q, got, test.want)
		}
	}
}

// TestJournalLimits: what is too old goes, and the figures follow, also those
// counted when the store is opened.
func TestJournalLimits(t *testing.T) {
	c := &handClock{time.Unix(1000, 0)}
	e, tab := journalTable(t, c, nil, 9)
	c.now = time.Unix(1004, 0).Add(MaxConflictAge)
	if _, err := e.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(readJournal(t, e, tab, ConflictQuery{})); got != "[3 4 5 6 7 8]" {
		t.Errorf("left are %s", got)
	}
	size := e.Journal(tab)
	if size.Conflicts != 6 || size.Noted != 9 || size.Dropped != 3 || size.Bytes <= 0 {
		t.Errorf("size %+v", size)
	}
	again, err := Open(context.WithoutCancel(t.Context()), Options{Cell: self, Store: e.store, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Journal(tab); got.Conflicts != 6 || got.Bytes != size.Bytes || got.Noted != 0 {
		t.Errorf("opened again: %+v, want what %+v holds", got, size)
	}
	n, err := e.trimJournal(t.Context(), tab, JournalSize{Conflicts: MaxConflicts + 2, Bytes: size.Bytes}, c.now)
	if err != nil || n != 2 {
		t.Errorf("two over the limit of conflicts: %d go, %v", n, err)
	}
	n, err = e.trimJournal(t.Context(), tab, JournalSize{Conflicts: 4, Bytes: MaxConflictBytes + 1}, c.now)
	if err != nil || n != 1 {
		t.Errorf("a byte over the limit: %d go, %v", n, err)
	}
	if err := e.Drop(t.Context(), "T"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.store.Get(t.Context(), floorKey(tab.Def.Number), nil); err == nil {
		t.Error("the floor outlives its table")
	}
}

// FuzzConflict: no bytes make the decoder panic.
func FuzzConflict(f *testing.F) {
	tab, err := newTable(Definition{Name: "T", Hash: "pk", Attributes: []Attribute{{"pk", "S"}}}, self, kv.NewMem(kv.MemOptions{}), newGate(0))
	if err != nil {
		f.Fatal(err)
	}
	e := &Engine{decoder: conflict.NewDecoder(self), wall: &handClock{time.Unix(5, 0)}}
	s := conflict.State{Version: conflict.Version{Time: clock.Timestamp{Wall: 1}, Cell: self}, Item: exampleItem}
	var w kv.Writes
	e.note(&w, tab, exampleItem, &s, &s, s.Version)
	w.Apply(func(_, value []byte) { f.Add(value) }, nil, nil)
	key := append(binary.BigEndian.AppendUint64(journalKey(0), 7), make([]byte, conflictIDSize)...)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := e.decodeConflict(tab, key, b)
		if err == nil && (c.Key == nil || c.At.UnixMicro() != 7) {
			t.Fatalf("%x is read as %+v", b, c)
		}
	})
}
