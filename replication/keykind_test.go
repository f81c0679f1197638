package replication_test

import (
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// setKey gives a replica another key as UpdateTable does.
func (w *world) setKey(c aws.Cell, e *table.Encryption) error {
	m := w.members[c]
	_, err := m.repl.Change(w.t.Context(), m.table(), table.Overwritten{}, func(d *table.Definition) error {
		d.SetKey(c, e)
		return nil
	})
	return err
}

// wantKeys fails unless all cells have a key of a kind, and know so of each other.
func (w *world) wantKeys(kind table.KeyKind, cells ...aws.Cell) {
	w.t.Helper()
	for _, c := range cells {
		d := w.members[c].table().Def
		if d.Encryption.Kind() != kind {
			w.t.Errorf("%v has %+v, want one %q", c, d.Encryption, kind)
		}
		for _, o := range cells {
			if e := d.Group.Member(o).Settings.Encryption; o != c && e.Kind() != kind {
				w.t.Errorf("%v takes %v to have %+v, want one %q", c, o, e, kind)
			}
		}
	}
}

// TestKeyKind: all replicas of one account have keys of one kind: a change of it is
// one of all, comes to who missed it, and to a replica that comes back.
func TestKeyKind(t *testing.T) {
	all := []aws.Cell{cellA, cellA2, cellA3}
	w := newSameAccount(t, cellA3)
	if err := w.addReplica(cellA2, cellA3.Region); err != nil {
		t.Fatal(err)
	}
	w.until(20*time.Second, "all are active", w.active(all...))
	for _, e := range []*table.Encryption{{Type: "KMS"}, {Type: "KMS", KeyID: "mrk-1"}, nil, {Type: "KMS"}} {
		if err := w.setKey(cellA2, e); err != nil {
			t.Fatal(err)
		}
		w.wantKeys(e.Kind(), all...)
	}
	w.network.Isolate(cellA3.Region, true)
	wantCode(t, w.setKey(cellA, nil), "ServiceUnavailable", string(cellA3.Region))
	w.network.Isolate(cellA3.Region, false)
	w.wantKeys(table.ManagedKey, all...)

	before := w.members[cellA2].store.Copy()
	if err := w.setKey(cellA, &table.Encryption{Type: "KMS", KeyID: "1"}); err != nil {
		t.Fatal(err)
	}
	w.restore(cellA2, before)
	w.until(time.Minute, "it has caught up", func() bool {
		d := w.members[cellA2].table().Def
		return d.Edition == w.members[cellA].table().Def.Edition && d.Resync == 0
	})
	w.wantKeys(table.CustomerKey, all...)

	w.members[cellA3].repl.SetDisabled(true)
	w.run(6 * time.Second)
	w.dates.Advance(replication.InaccessibleAtMost)
	w.until(time.Minute, "A3 is regional", func() bool { return w.regional(cellA3) && w.members[cellA].table().Def.Group.Member(cellA3) == nil })
	w.members[cellA3].alter(t, func(d *table.Definition) { d.SetKey(cellA3, nil) })
	w.members[cellA3].repl.SetDisabled(false)
	w.until(time.Minute, "it is back", func() bool { return w.reattach(cellA3) == nil })
	w.until(time.Minute, "all are active", w.active(all...))
	w.wantKeys(table.CustomerKey, all...)
}
