package replication_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// openPolicy lets everybody join, and the service replicate.
const openPolicy = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Principal":"*","Action":"dynamodb:AssociateTableReplica","Resource":"*"},
 {"Effect":"Allow","Principal":{"Service":"replication.dynamodb.amazonaws.com"},
  "Action":["dynamodb:ReadDataForReplication","dynamodb:WriteDataForReplication","dynamodb:ReplicateSettings"],"Resource":"*"}]}`

// filter is a transport that loses the messages that a test names.
type filter struct {
	replication.Transport
	lose func(from aws.Cell, m *replication.Message) bool
	sent map[string]int // Records, by table.
	to   aws.Cell       // Of the message that is asked about.
}

func (f *filter) Send(from, to aws.Cell, m *replication.Message) {
	f.sent[m.Table] += len(m.Entries)
	f.to = to
	if f.lose == nil || !f.lose(from, m) {
		f.Transport.Send(from, to, m)
	}
}

// newTables is a world of cellA and cellB with replicas of tables in both, whose
// transactions are visible together.
func newTables(t *testing.T, names ...string) (*world, *filter) {
	t.Helper()
	w := newWorld(t, cellA, cellB)
	f := &filter{Transport: w.network, sent: map[string]int{}}
	w.transport = f
	for _, name := range names {
		_, err := w.members[cellA].engine.Create(t.Context(), table.Definition{
			Name: name, ID: name, CreatedAt: w.clock.now.UnixMicro(), Status: table.Active,
			Attributes: []table.Attribute{{Name: "pk", Type: "S"}}, Hash: "pk", OnDemand: true,
			SettingsMode: "ENABLED", Policy: &table.Policy{Document: openPolicy}, Transactions: table.Together,
		})
		if err != nil {
			t.Fatal(err)
		}
		def := table.Definition{Name: name, Policy: &table.Policy{Document: openPolicy}}
		b := w.members[cellB]
		if _, err := b.repl.Join(t.Context(), caller(cellB), cellA.TableARN(name), def); err != nil {
			t.Fatal(err)
		}
		w.until(time.Minute, name+" is seeded", func() bool { return b.engine.Table(name).Def.Status == table.Active })
	}
	w.run(time.Second)
	return w, f
}

// transact puts items, named as table/pk, with one value.
func (m *member) transact(t *testing.T, value string, items ...string) {
	t.Helper()
	tx := &table.Transaction{Errors: make([]error, len(items))}
	for _, x := range items {
		name, pk, _ := strings.Cut(x, "/")
		wr := &table.Write{Table: m.engine.Table(name), Kind: table.Put, Item: decodeItem(t, fmt.Sprintf(`{"pk":{"S":%q},"v":{"S":%q}}`, pk, value))}
		var err error
		if wr.Key, err = wr.Table.ItemKey(wr.Item); err != nil {
			t.Fatal(err)
		}
		tx.Writes = append(tx.Writes, wr)
	}
	if err := m.engine.Transact(t.Context(), tx); err != nil {
		t.Fatal(err, tx.Errors)
	}
}

// shows returns the values of items, "-" for one that is not there.
func (m *member) shows(t *testing.T, items ...string) string {
	t.Helper()
	var out []string
	for _, x := range items {
		name, pk, _ := strings.Cut(x, "/")
		tab := m.engine.Table(name)
		k, err := tab.ItemKey(decodeItem(t, fmt.Sprintf(`{"pk":{"S":%q}}`, pk)))
		if err != nil {
			t.Fatal(err)
		}
		it, _, err := m.engine.Get(t.Context(), tab, k, true, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := "-"
		if v, ok := it.Get("v"); it != nil && ok {
			s = string(v.Bytes())
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// commitOf returns the position of the last commit that wrote an item.
func (m *member) commitOf(t *testing.T, name, pk string) kv.Position {
	t.Helper()
	at := kv.Position(0)
	_, err := m.store.ReadLog(context.Background(), m.engine.Table(name).Log.ID, 0, func(e kv.Entry) bool {
		r, err := changelog.Decode(append([]byte(nil), e.Record...), m.engine.Decoder())
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := r.Key.Get("pk"); string(v.Bytes()) == pk {
			at = e.Position
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// status returns that of a table's link as a cell sees it.
func (w *world) status(seenBy aws.Cell, name string, from aws.Cell) replication.LinkStatus {
	w.t.Helper()
	for _, s := range w.members[seenBy].repl.Status() {
		if s.Table == name && s.Source == from {
			return s
		}
	}
	w.t.Fatalf("%v has no link of %s from %v", seenBy, name, from)
	return replication.LinkStatus{}
}

func batchOf(name string) func(aws.Cell, *replication.Message) bool {
	return func(_ aws.Cell, m *replication.Message) bool {
		return m.Table == name && m.Kind == replication.Batch && len(m.Entries) > 0
	}
}

// rule takes the rule away, or gives it back, at one cell alone.
func (w *world) rule(c aws.Cell, name string, v table.Visibility) {
	w.t.Helper()
	_, err := w.members[c].engine.Alter(w.t.Context(), name, func(d *table.Definition) error {
		d.SetRules(table.Rules{Transactions: v})
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestTogether: the parts of a transaction come by two links, and the first waits
// for the other, with what is behind it, and not for ever sent again. Without the
// rule it does not.
func TestTogether(t *testing.T) {
	w, f := newTables(t, "T", "U")
	a, b := w.members[cellA], w.members[cellB]
	all := []string{"T/x", "U/y", "T/z", "T/before"}
	f.lose = batchOf("U")
	a.transact(t, "0", "T/before")
	a.transact(t, "1", "T/x", "U/y")
	a.transact(t, "2", "T/z")
	w.run(20 * time.Second)
	if got := b.shows(t, all...); got != "- - - 0" {
		t.Errorf("the destination shows %s", got)
	}
	if n := f.sent["T"]; n != 3 {
		t.Errorf("%d records of T were sent, want each once", n)
	}
	for _, c := range w.order {
		if s := w.status(c, "T", cellA); s.State != replication.Waiting || !strings.Contains(s.Reason, "waits for its part of table U") {
			t.Errorf("%v shows %s: %s", c, s.State, s.Reason)
		}
	}
	f.lose = nil
	w.until(10*time.Second, "all is there", func() bool { return b.shows(t, all...) == "1 1 2 0" })
	if x, y := b.commitOf(t, "T", "x"), b.commitOf(t, "U", "y"); x != y {
		t.Errorf("the parts were applied at %d and %d", x, y)
	}
	w.run(time.Second)
	for _, c := range w.order {
		if s := w.status(c, "T", cellA); s.State != replication.Flowing || s.Apart != 0 || s.Pending != 0 {
			t.Errorf("%v shows %+v", c, s)
		}
	}

	for _, c := range w.order {
		w.rule(c, "T", table.ByItem)
	}
	f.lose = batchOf("U")
	a.transact(t, "3", "T/x", "U/y")
	w.run(time.Second)
	if got := b.shows(t, all...); got != "3 1 2 0" {
		t.Errorf("without the rule the destination shows %s", got)
	}
}

// TestTogetherTurnedOff: what waits is applied once the rule is not the table's any
// more, and once the other table is no member any more.
func TestTogetherTurnedOff(t *testing.T) {
	for name, off := range map[string]func(w *world){
		"its own rule":   func(w *world) { w.rule(cellB, "T", table.ByItem) },
		"the other rule": func(w *world) { w.rule(cellB, "U", table.ByItem) },
		"the other table": func(w *world) {
			b := w.members[cellB]
			if err := b.repl.Leave(w.t.Context(), b.engine.Table("U")); err != nil {
				w.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, f := newTables(t, "T", "U")
			f.lose = batchOf("U")
			w.members[cellA].transact(t, "1", "T/x", "U/y")
			w.run(5 * time.Second)
			if got := w.members[cellB].shows(t, "T/x"); got != "-" {
				t.Fatalf("the destination shows %s", got)
			}
			off(w)
			w.until(10*time.Second, "T's part is there", func() bool { return w.members[cellB].shows(t, "T/x") == "1" })
			if s := w.status(cellB, "T", cellA); s.Apart != 0 {
				t.Errorf("%d transactions are counted as shown in parts", s.Apart)
			}
		})
	}
}

// TestTogetherDenied: a table that may not replicate is not waited for, and the
// link says so; its part comes when it may.
func TestTogetherDenied(t *testing.T) {
	const denied = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"dynamodb:GetItem","Resource":"*"}]}`
	for _, at := range []aws.Cell{cellA, cellB} {
		t.Run(at.String(), func(t *testing.T) {
			w, _ := newTables(t, "T", "U")
			a, b := w.members[cellA], w.members[cellB]
			permit := func(doc string) {
				_, err := w.members[at].engine.Alter(t.Context(), "U", func(d *table.Definition) error {
					d.Policy = &table.Policy{Document: doc}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			permit(denied)
			w.run(time.Second) // The destination hears of what the source may not.
			a.transact(t, "1", "T/x", "U/y")
			w.run(3 * time.Second)
			if got := b.shows(t, "T/x", "U/y"); got != "1 -" {
				t.Errorf("the destination shows %s", got)
			}
			s := w.status(cellB, "T", cellA)
			if s.State != replication.Flowing || s.Apart != 1 || !strings.Contains(s.ApartWhy, "table U may not be replicated: ") {
				t.Errorf("the link shows %+v", s)
			}
			if u := w.status(cellB, "U", cellA); strings.Contains(s.ApartWhy, "{") || u.Allow == "" {
				t.Errorf("a statement is suggested beside that of U's link, %s:\n%s", u.Allow, s.ApartWhy)
			}
			permit(openPolicy)
			w.until(20*time.Second, "the other part is there", func() bool { return b.shows(t, "T/x", "U/y") == "1 1" })
			a.transact(t, "2", "T/x", "U/y")
			w.until(10*time.Second, "together again", func() bool { return b.shows(t, "T/x", "U/y") == "2 2" })
			if b.commitOf(t, "T", "x") != b.commitOf(t, "U", "y") {
				t.Error("the parts were applied apart")
			}
		})
	}
}

// TestTogetherDeniedLate: a part that has come before its table may not replicate
// any more is shown with the others.
func TestTogetherDeniedLate(t *testing.T) {
	w, f := newTables(t, "T", "U")
	a, b := w.members[cellA], w.members[cellB]
	f.lose = batchOf("T")
	a.transact(t, "1", "T/x", "U/y")
	w.run(time.Second)
	_, err := a.engine.Alter(t.Context(), "U", func(d *table.Definition) error {
		d.Policy = nil
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.run(time.Second)
	if s := w.status(cellB, "U", cellA); s.State != replication.NotAuthorized {
		t.Fatalf("the link of U is %s", s.State)
	}
	f.lose = nil
	w.until(10*time.Second, "both are there", func() bool { return b.shows(t, "T/x", "U/y") == "1 1" })
	if b.commitOf(t, "T", "x") != b.commitOf(t, "U", "y") {
		t.Error("the parts were applied apart")
	}
}

// TestTogetherStuck: a table for which nothing comes for a minute, while others of
// the same member are heard, is not waited for until something comes. A time in
// which nothing at all comes does not count.
func TestTogetherStuck(t *testing.T) {
	t.Parallel()
	w, f := newTables(t, "T", "U")
	a, b := w.members[cellA], w.members[cellB]
	f.lose = batchOf("U")
	a.transact(t, "1", "T/x", "U/y")
	w.run(30 * time.Second)
	f.lose = func(aws.Cell, *replication.Message) bool { return true }
	w.run(10 * time.Minute)
	f.lose = batchOf("U")
	w.run(40 * time.Second)
	if got := b.shows(t, "T/x", "U/y"); got != "- -" {
		t.Fatalf("the destination shows %s", got)
	}
	w.until(time.Minute, "T goes on", func() bool { return b.shows(t, "T/x", "U/y") == "1 -" })
	a.transact(t, "2", "T/x", "U/y")
	w.until(5*time.Second, "T goes on at once", func() bool { return b.shows(t, "T/x", "U/y") == "2 -" })
	if s := w.status(cellB, "T", cellA); s.Apart != 2 || !strings.Contains(s.ApartWhy, "nothing has come for table U for 1 minute") {
		t.Errorf("the link shows %+v", s)
	}
	f.lose = nil
	w.until(20*time.Second, "U goes on", func() bool { return b.shows(t, "T/x", "U/y") == "2 2" })
	f.lose = batchOf("U")
	a.transact(t, "3", "T/x", "U/y")
	w.run(10 * time.Second)
	if got := b.shows(t, "T/x", "U/y"); got != "2 2" {
		t.Errorf("U is not waited for again: %s", got)
	}
}

// TestTogetherRestart: neither side shows a part of a transaction when either
// starts again while one of its parts waits.
func TestTogetherRestart(t *testing.T) {
	for _, c := range []aws.Cell{cellA, cellB} {
		t.Run(c.String(), func(t *testing.T) {
			w, f := newTables(t, "T", "U", "V")
			f.lose = batchOf("U")
			items := []string{"T/x", "U/y", "V/z"}
			for i := range 5 {
				w.members[cellA].transact(t, fmt.Sprint(i), items...)
				w.run(2 * time.Second)
				w.restart(c)
				w.run(2 * time.Second)
				if got := w.members[cellB].shows(t, items...); got != "- - -" {
					t.Fatalf("the destination shows %s", got)
				}
			}
			f.lose = nil
			w.until(20*time.Second, "all is there", func() bool { return w.members[cellB].shows(t, items...) == "4 4 4" })
		})
	}
}

// TestTogetherOneTable: a transaction of one table is not cut by what is in the
// batch before it: an item that it writes once more, or the limit of a commit.
func TestTogetherOneTable(t *testing.T) {
	w, f := newTables(t, "T")
	a, b := w.members[cellA], w.members[cellB]
	f.lose = batchOf("T")
	var items []string
	for i := range 90 {
		items = append(items, fmt.Sprintf("T/%d", i))
	}
	for range 5 {
		a.transact(t, "1", "T/x")
		a.transact(t, "1", append([]string{"T/first", "T/x"}, items...)...)
	}
	f.lose = nil
	w.until(10*time.Second, "all is there", func() bool { return b.shows(t, "T/89") == "1" })
	seen := map[kv.Position]int{}
	_, err := b.store.ReadLog(t.Context(), b.engine.Table("T").Log.ID, 0, func(e kv.Entry) bool {
		r, err := changelog.Decode(append([]byte(nil), e.Record...), b.engine.Decoder())
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := r.Key.Get("pk"); string(v.Bytes()) != "x" {
			seen[e.Position]++
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	for at, n := range seen {
		if n%91 != 0 {
			t.Errorf("commit %d has %d items of transactions of 91", at, n)
		}
	}
}

// TestTogetherConflict: of a transaction that meets a later write each item is
// decided by itself. What is left of it is visible together, and what lost is in
// the journal from then on.
func TestTogetherConflict(t *testing.T) {
	w, f := newTables(t, "T", "U")
	a, b := w.members[cellA], w.members[cellB]
	f.lose = func(aws.Cell, *replication.Message) bool { return true }
	a.transact(t, "a", "T/x", "T/z", "U/y")
	w.run(time.Second)
	b.transact(t, "b", "T/x")
	f.lose = batchOf("U")
	w.run(10 * time.Second)
	items := []string{"T/x", "T/z", "U/y"}
	if got := b.shows(t, items...); got != "b - -" || b.engine.Journal(b.engine.Table("T")).Conflicts != 0 {
		t.Errorf("the later writer shows %s", got)
	}
	f.lose = nil
	for _, m := range []*member{a, b} {
		w.until(20*time.Second, "all is there", func() bool { return m.shows(t, items...) == "b a a" })
		if n := m.engine.Journal(m.engine.Table("T")).Conflicts; n != 1 {
			t.Errorf("%v: %d conflicts are in the journal", m.cell, n)
		}
	}
	if b.commitOf(t, "T", "z") != b.commitOf(t, "U", "y") {
		t.Error("the parts were applied apart")
	}
}
