package replication_test

import (
	"slices"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// withIndex is a definition that is about to create an index on "v".
func withIndex(d table.Definition, name string) table.Definition {
	d.Indexes, d.Attributes = slices.Clone(d.Indexes), slices.Clone(d.Attributes)
	if _, ok := d.Type("v"); !ok {
		d.Attributes = append(d.Attributes, table.Attribute{Name: "v", Type: "S"})
	}
	d.AddIndex(table.Index{Name: name, Hash: []string{"v"}, Projection: table.KeysOnly})
	return d
}

func (m *member) alter(t *testing.T, fn func(d *table.Definition)) {
	t.Helper()
	if _, err := m.engine.Alter(t.Context(), tableName, func(d *table.Definition) error { fn(d); return nil }); err != nil {
		t.Fatal(err)
	}
}

// notHere does nothing when it is the turn of the cell that asks.
func notHere(table.Edition) error { return nil }

// settle brings a definition's settings to the other members.
func (m *member) settle(t *testing.T, d table.Definition) error {
	t.Helper()
	_, err := m.repl.Settle(t.Context(), &table.Table{Def: d}, table.Overwritten{}, notHere)
	return err
}

// finish runs a cell's background work until no index is coming or going.
func (m *member) finish(t *testing.T) {
	t.Helper()
	for n := 0; m.table().Def.Changing() != nil; n++ {
		if _, err := m.engine.Step(t.Context()); err != nil || n > 100 {
			t.Fatalf("an index does not get done: %v", err)
		}
	}
}

// entries counts the entries of an index.
func (m *member) entries(t *testing.T, name string) int {
	t.Helper()
	p := table.Page{Table: m.table(), Index: m.table().Def.Index(name)}
	if p.Index == nil {
		return -1
	}
	if err := m.engine.Query(t.Context(), &p, func(item.Item) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return p.Count
}

// TestSettleIndex: an index comes to all members or to none, each fills its own,
// and while one is under way there is no other.
func TestSettleIndex(t *testing.T) {
	w := newPair(t)
	a, b := w.members[cellA], w.members[cellB]
	a.put(t, "1", "x")
	b.put(t, "2", "y")
	w.until(time.Minute, "both have both", w.settled(2, cellA, cellB))
	next := &table.Table{Def: withIndex(a.table().Def, "first")}
	var to table.Edition
	for range 2 { // The second time, after the first failed half-way, changes nothing.
		var err error
		if to, err = a.repl.Settle(t.Context(), next, table.Overwritten{}, notHere); err != nil {
			t.Fatal(err)
		}
		if x := b.table().Def.Index("first"); x == nil || x.Status != table.Creating || len(b.table().Def.Indexes) != 1 {
			t.Fatalf("the other member has %+v", b.table().Def.Indexes)
		}
	}
	wantCode(t, a.settle(t, withIndex(a.table().Def, "second")), "ResourceInUseException", "")
	a.alter(t, func(d *table.Definition) {
		*d = next.Def
		d.Edition = b.table().Def.Edition
	})
	if to.Number != 1 {
		t.Errorf("the change makes edition %+v", to)
	}
	a.finish(t)
	b.finish(t)
	for _, m := range []*member{a, b} {
		if n := m.entries(t, "first"); n != 2 {
			t.Errorf("%v: %d entries, want 2", m.cell, n)
		}
	}
	gone := a.table().Def
	gone.Indexes = slices.Clone(gone.Indexes)
	gone.Index("first").Status = table.Deleting
	if err := a.settle(t, gone); err != nil {
		t.Fatal(err)
	}
	b.finish(t)
	if len(b.table().Def.Indexes) != 0 || len(b.table().Def.Attributes) != 1 {
		t.Errorf("the other member still has %+v, %+v", b.table().Def.Indexes, b.table().Def.Attributes)
	}
	if err := a.settle(t, gone); err != nil || len(b.table().Def.Indexes) != 0 {
		t.Errorf("asked again, the other member has %+v: %v", b.table().Def.Indexes, err)
	}
}

// TestSettleAsksAll: a member whose view of the group lacks a newcomer changes
// nothing that the newcomer should have, too.
func TestSettleAsksAll(t *testing.T) {
	w := newTriple(t)
	a := w.members[cellA]
	d := a.table().Def
	g := *d.Group
	g.Members = slices.DeleteFunc(slices.Clone(g.Members), func(m table.Member) bool { return m.Cell == cellC })
	d.Group = &g
	wantCode(t, a.settle(t, withIndex(d, "first")), "ResourceInUseException", "")
	if len(w.members[cellB].table().Def.Indexes) != 0 {
		t.Error("the other member took the index over")
	}
}

// TestJoinTakesLateChanges: what the source changes between being inspected and
// taking the newcomer in is not lost.
func TestJoinTakesLateChanges(t *testing.T) {
	w := newWorld(t, cellA, cellB)
	both := []aws.Cell{cellA, cellB}
	w.create(cellA, grant{members: both, admits: []aws.Cell{cellB}})
	a, b := w.members[cellA], w.members[cellB]
	a.put(t, "1", "x")
	done := false
	w.transport = tap{Transport: w.network, call: func(r *replication.Request) error {
		if r.Kind == replication.Admit && !done {
			done = true
			a.alter(t, func(d *table.Definition) {
				*d = withIndex(*d, "late")
				d.TimeToLive = &table.TimeToLive{Attribute: "until"}
			})
		}
		return nil
	}}
	w.mustJoin(cellB, cellA, grant{members: both})
	w.transport = w.network
	a.finish(t)
	b.finish(t)
	if l := b.table().Def.TimeToLive; l == nil || l.Attribute != "until" {
		t.Errorf("the newcomer's time to live is %+v", l)
	}
	if n := b.entries(t, "late"); n != 1 {
		t.Errorf("the newcomer's index has %d entries, want 1", n)
	}
}
