package replication_test

import (
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// TestOverride: what a replica has for itself is known to all members, also to
// one that comes later; while one of them cannot be reached nothing changes
// anywhere.
func TestOverride(t *testing.T) {
	third := aws.Cell{Account: cellA.Account, Region: "sa-east-1"}
	w := newWorld(t, cellA, sameAccount, third)
	a, b := w.members[cellA], w.members[sameAccount]
	_, err := a.engine.Create(t.Context(), table.Definition{
		Name: tableName, ID: "first", Status: table.Active, CreatedAt: w.clock.now.UnixMicro(),
		Attributes: []table.Attribute{{Name: "pk", Type: "S"}}, Hash: "pk", OnDemand: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	add := func(to aws.Cell) {
		t.Helper()
		if err := a.repl.AddReplica(t.Context(), caller(cellA), a.table(), to.Region, table.Settings{}); err != nil {
			t.Fatal(err)
		}
		w.until(10*time.Second, "seeded", func() bool { return w.members[to].table().Def.Status == table.Active })
	}
	reads := func(units int64) []table.Member {
		return []table.Member{{Cell: sameAccount, Settings: table.Settings{Reads: []table.Reads{{OnDemand: true, Units: units}}}}}
	}
	seen := func(by *member, of aws.Cell) int64 {
		d := &by.table().Def
		if r, ok := d.Differs(d.Group.Member(of), ""); ok {
			return r.Units
		}
		return d.Reads()[0].Units
	}
	want := func(units int64) {
		t.Helper()
		for _, m := range w.members {
			if m.table() == nil {
				continue
			}
			if got := seen(m, sameAccount); got != units {
				t.Errorf("%v takes the reads for %d, want %d", m.cell, got, units)
			}
			if got := seen(m, cellA); got != -1 {
				t.Errorf("%v takes the others' reads for %d, want -1", m.cell, got)
			}
		}
	}
	add(sameAccount)
	if err := a.repl.Override(t.Context(), a.table(), reads(7), 0); err != nil {
		t.Fatal(err)
	}
	want(7)
	add(third)
	want(7)

	w.transport = tap{Transport: w.network, call: func(r *replication.Request) error {
		if r.Kind == replication.Override && r.Member.Settings.Reads[0].Units == 8 {
			return replication.ErrUnreachable
		}
		return nil
	}}
	wantCode(t, a.repl.Override(t.Context(), a.table(), reads(8), 0), "ServiceUnavailable", "")
	want(7)
	w.transport = w.network

	// A mode that was changed meanwhile, and another account, are refused.
	b.alter(t, func(d *table.Definition) { d.OnDemand = false })
	wantCode(t, a.repl.Override(t.Context(), a.table(), reads(9), 0), "ResourceInUseException", "")
	q := &replication.Request{Kind: replication.Override, Table: tableName, Group: a.table().Def.Group, Member: reads(9)[0]}
	_, err = a.repl.Serve(t.Context(), cellB, q)
	wantCode(t, err, "ResourceNotFoundException", "")
}
