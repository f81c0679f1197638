package replication_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// change makes a change of settings at all members, from one of them.
func (m *member) change(t *testing.T, fn func(d *table.Definition)) error {
	t.Helper()
	_, err := m.repl.Change(t.Context(), m.table(), table.Overwritten{}, func(d *table.Definition) error { fn(d); return nil })
	return err
}

// inStep reports whether members have the same settings, of one edition.
func (w *world) inStep(cells ...aws.Cell) func() bool {
	return func() bool {
		first := w.members[cells[0]].table().Def
		for _, c := range cells[1:] {
			if d := w.members[c].table().Def; d.Edition != first.Edition || w.settings(c) != w.settings(cells[0]) {
				return false
			}
		}
		return true
	}
}

func (w *world) settings(c aws.Cell) string {
	w.t.Helper()
	d := w.members[c].table().Def
	s, err := d.InStep()
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// provision is a change of the mode and the throughput.
func provision(units int64) func(d *table.Definition) {
	return func(d *table.Definition) {
		d.OnDemand, d.Throughput = false, table.Throughput{Read: units, Write: units}
	}
}

func expire(attribute string) func(d *table.Definition) {
	return func(d *table.Definition) { d.TimeToLive = &table.TimeToLive{Attribute: attribute} }
}

// TestChangeHalfWay: a change that came to one of the members, and of which
// the caller was told that it failed, comes to all in the end, also to the member
// from which it was made; and the next one is made of it.
func TestChangeHalfWay(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	asked := 0
	w.transport = tap{Transport: w.network, call: func(r *replication.Request) error {
		if r.Kind == replication.Settle && !r.DryRun {
			if asked++; asked == 1 {
				return replication.ErrUnreachable // It was heard, and its answer was not.
			}
		}
		return nil
	}}
	if err := w.members[cellB].change(t, expire("until")); err == nil {
		t.Fatal("it is changed")
	}
	if a, b := w.members[cellA].table().Def, w.members[cellB].table().Def; a.TimeToLive == nil || b.TimeToLive != nil {
		t.Fatalf("A has %v, B has %v", a.TimeToLive, b.TimeToLive)
	}
	wantCode(t, w.members[cellC].change(t, provision(3)), "ResourceInUseException", "")
	w.until(15*time.Second, "all have it", w.inStep(all...))
	if w.members[cellC].table().Def.TimeToLive == nil {
		t.Error("C has no time to live")
	}
	if err := w.members[cellC].change(t, provision(3)); err != nil {
		t.Fatal(err)
	}
	if !w.inStep(all...)() || w.members[cellA].table().Def.Throughput.Write != 3 || w.members[cellA].table().Def.TimeToLive == nil {
		t.Errorf("A has %s", w.settings(cellA))
	}
}

// TestNothingAtOnce: a change to what is there already, at the same time as another
// one, leaves nothing of that one where it is refused.
func TestNothingAtOnce(t *testing.T) {
	all := []aws.Cell{cellA, cellB, cellC}
	for _, order := range [][2]aws.Cell{{cellA, cellB}, {cellA, cellC}, {cellB, cellA}, {cellB, cellC}, {cellC, cellA}, {cellC, cellB}} {
		for at := range 3 {
			t.Run(fmt.Sprintf("%s %s %d", order[0].Region, order[1].Region, at), func(t *testing.T) {
				w := newTriple(t)
				asked := 0
				w.transport = tap{Transport: w.network, call: func(r *replication.Request) error {
					if r.Kind == replication.Settle {
						if asked++; asked == at+1 {
							_ = w.members[order[1]].change(t, func(d *table.Definition) { d.OnDemand = true }) // Done or refused.
						}
					}
					return nil
				}}
				err := w.members[order[0]].change(t, func(d *table.Definition) {
					d.Attributes = append(d.Attributes, table.Attribute{Name: "g", Type: "S"})
					d.AddIndex(table.Index{Name: "by-g", Hash: []string{"g"}, Projection: "ALL"})
				})
				w.run(30 * time.Second)
				for _, c := range all {
					if d := w.members[c].table().Def; (d.Index("by-g") != nil) != (err == nil) || !w.inStep(all...)() {
						t.Errorf("the index's creation: %v; %v has %s in edition %v", err, c, w.settings(c), d.Edition)
					}
				}
			})
		}
	}
}

// TestChangesAtOnce: of two changes at the same time one is done, at all members, and
// of the other, which is refused, nothing is: whoever of them asks first, and however
// far the first has come.
func TestChangesAtOnce(t *testing.T) {
	all := []aws.Cell{cellA, cellB, cellC}
	for _, order := range [][2]aws.Cell{{cellA, cellB}, {cellA, cellC}, {cellB, cellA}, {cellB, cellC}, {cellC, cellA}, {cellC, cellB}} {
		for at := range 3 { // Requests, of four, of the first one that are answered before the second begins.
			t.Run(fmt.Sprintf("%s %s %d", order[0].Region, order[1].Region, at), func(t *testing.T) {
				w := newTriple(t)
				var second error
				asked := 0
				w.transport = tap{Transport: w.network, call: func(r *replication.Request) error {
					if r.Kind == replication.Settle {
						if asked++; asked == at+1 {
							second = w.members[order[1]].change(t, provision(3))
						}
					}
					return nil
				}}
				first := w.members[order[0]].change(t, expire("until"))
				if (first == nil) == (second == nil) {
					t.Fatalf("the first change: %v; the second: %v", first, second)
				}
				if !w.inStep(all...)() {
					t.Errorf("A has %s, B %s, C %s", w.settings(cellA), w.settings(cellB), w.settings(cellC))
				}
				d := w.members[cellB].table().Def
				if (d.TimeToLive != nil) != (first == nil) || (d.Throughput.Write == 3) != (second == nil) {
					t.Errorf("the first change: %v; the second: %v; there is %s", first, second, w.settings(cellB))
				}
				for _, err := range []error{first, second} {
					if err != nil {
						wantCode(t, err, "ResourceInUseException", "")
					}
				}
			})
		}
	}
}

// TestChangeWithheld: while one member withholds the keeping of settings none is
// changed, and none is caught up with.
func TestChangeWithheld(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.transport = tap{Transport: w.network, call: func(r *replication.Request) error {
		if r.Kind == replication.Settle && !r.DryRun {
			return replication.ErrUnreachable
		}
		return nil
	}}
	if err := w.members[cellB].change(t, expire("until")); err == nil {
		t.Fatal("it is changed")
	}
	w.setPolicy(cellA, grant{members: all, actions: []string{"dynamodb:ReadDataForReplication", "dynamodb:WriteDataForReplication"}})
	w.transport = w.network
	w.run(20 * time.Second)
	for _, c := range []aws.Cell{cellB, cellC} {
		wantCode(t, w.members[c].change(t, provision(3)), "AccessDeniedException", "ReplicateSettings")
		if d := w.members[c].table().Def; d.TimeToLive != nil || !d.OnDemand {
			t.Errorf("%v has %s", c, w.settings(c))
		}
	}
	w.setPolicy(cellA, grant{members: all})
	w.until(15*time.Second, "all have the same", w.inStep(all...))
	if w.members[cellC].table().Def.TimeToLive == nil {
		t.Error("C has no time to live")
	}
}

// TestRestoredSettings: a member that was put back has the settings again that were
// changed since the copy was made: of each kind, by whomever they were changed.
func TestRestoredSettings(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.fill(cellA, 0, 5)
	if err := w.members[cellA].change(t, func(d *table.Definition) { *d = withIndex(*d, "early") }); err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		w.members[c].finish(t)
	}
	w.until(5*time.Second, "all have 5", w.settled(5, all...))
	early := w.copied(cellA)
	for _, c := range []struct {
		by  aws.Cell
		set func(d *table.Definition)
	}{
		{cellA, expire("until")},
		{cellB, provision(3)},
		{cellC, func(d *table.Definition) {
			d.SetRules(table.Rules{Conflict: conflict.Merge, Transactions: table.Together})
		}},
		{cellA, func(d *table.Definition) { d.Index("early").Status = table.Deleting }},
		{cellB, func(d *table.Definition) { *d = withIndex(*d, "late") }},
	} {
		if err := w.members[c.by].change(t, c.set); err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			w.members[m].finish(t)
		}
	}
	w.setTopology(cellC, table.MixedTopology)
	want := w.settings(cellB)
	if !w.inStep(all...)() {
		t.Fatalf("before: %s, %s and %s", w.settings(cellA), want, w.settings(cellC))
	}
	w.restore(cellA, early)
	wantCode(t, w.members[cellA].change(t, expire("other")), "ResourceInUseException", "")
	w.until(time.Minute, "A has what is in use", func() bool {
		if _, err := w.members[cellA].engine.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		return w.inStep(all...)()
	})
	if now := w.settings(cellB); now != want || w.members[cellA].table().Def.Group.Kind != table.Mixed {
		t.Errorf("the members have %s, and had %s; A is of a group %s", now, want, w.members[cellA].table().Def.Group.Kind)
	}
	w.members[cellA].finish(t)
	if n := w.members[cellA].entries(t, "late"); n != 5 {
		t.Errorf("the index that was made since has %d entries, want 5", n)
	}
	w.fill(cellA, 5, 6)
	w.wantBack(6, all...)
}

// TestLeaveWithLaterSettings: a member is deleted, or leaves and keeps its data, while
// another one has settings of before: its store was put back, and it has not heard of
// the later ones. The member goes once that one has them; where a policy withholds them
// it does not wait for ever.
func TestLeaveWithLaterSettings(t *testing.T) {
	for _, c := range []struct {
		keeps    bool
		withhold aws.Cell
	}{{}, {keeps: true}, {withhold: cellA}, {withhold: cellB}, {keeps: true, withhold: cellA}} {
		w := newPair(t)
		both := []aws.Cell{cellA, cellB}
		w.fill(cellA, 0, 5)
		w.until(5*time.Second, "both have 5", w.settled(5, both...))
		w.run(7 * time.Second)
		early := w.members[cellA].store.Copy()
		if err := w.members[cellB].change(t, expire("until")); err != nil {
			t.Fatal(err)
		}
		w.restore(cellA, early)
		if c.withhold != (aws.Cell{}) {
			w.setPolicy(c.withhold, grant{members: both, actions: serviceActions[:2]})
		}
		// Settings are told by signs of life, too: here these come too late.
		w.transport = losing{tap{Transport: w.network}, func(m *replication.Message) bool {
			return m.Kind == replication.Ack || len(m.Entries) == 0
		}}
		b := w.members[cellB]
		var err error
		if c.keeps {
			_, err = b.repl.Disassociate(t.Context(), b.table())
		} else {
			err = b.repl.Leave(t.Context(), b.table())
		}
		if err != nil {
			t.Fatal(err)
		}
		w.until(2*time.Minute, "B has left", func() bool { return b.table() == nil || b.table().Def.Group == nil })
		w.until(time.Minute, "A is alone", func() bool { return w.members[cellA].table().Def.Group == nil })
		if has, wants := w.members[cellA].table().Def.TimeToLive != nil, c.withhold == (aws.Cell{}); has != wants {
			t.Errorf("%+v: A has a time to live: %t", c, has)
		}
	}
}
