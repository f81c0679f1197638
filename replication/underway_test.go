package replication_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// withheld is a transport that brings no records from one cell to another.
type withheld struct {
	replication.Transport
	from, to aws.Cell
}

func (h withheld) Send(from, to aws.Cell, m *replication.Message) {
	if from == h.from && to == h.to && len(m.Entries) > 0 {
		return
	}
	h.Transport.Send(from, to, m)
}

// TestDivergencePending: what a member has still to ship is no divergence, whoever
// checks; what is lost is found among it, also of what was written meanwhile and
// has come.
func TestDivergencePending(t *testing.T) {
	w := newTriple(t)
	a, b, c := w.members[cellA], w.members[cellB], w.members[cellC]
	for i := range 20 {
		a.put(t, key(i), "first")
	}
	w.until(10*time.Second, "everywhere", w.settled(20, cellA, cellB, cellC))
	w.transport = withheld{w.network, cellA, cellB}
	for i := 10; i < 40; i++ {
		a.put(t, key(i), "second") // 10 to 19 are older at B, the others missing.
	}
	a.remove(t, key(5))
	w.run(5 * time.Second)
	b.damage(t, key(1), nil)
	c.put(t, key(2), "of C")
	w.run(5 * time.Second)
	b.damage(t, key(2), nil)
	const pending = 31
	for _, x := range []struct {
		checks *member
		peer   aws.Cell
		want   string
	}{
		{a, cellB, "[k1ns:MISSING_THERE k2ns:MISSING_THERE]"},
		{b, cellA, "[k1ns:MISSING_HERE k2ns:MISSING_HERE]"},
		{c, cellB, "[k1ns:MISSING_THERE k2ns:MISSING_THERE]"}, // Which has to ask A.
		{b, cellC, "[k1ns:MISSING_HERE k2ns:MISSING_HERE]"},
	} {
		d, _ := x.checks.checkAll(t, x.peer, false)
		if got := describeDifferences(&d); got != x.want || d.Pending != pending {
			t.Errorf("%v with %v: %s, %d pending; want %s, %d", x.checks.cell, x.peer, got, d.Pending, x.want, pending)
		}
	}
	// Nobody brings what an origin has that cannot be asked.
	w.network.Isolate(cellA.Region, true)
	if d, _ := c.checkAll(t, cellB, false); d.Pending != 0 || len(d.Differences) != pending+2 {
		t.Errorf("of an origin that is away %d are pending, %d differ", d.Pending, len(d.Differences))
	}
	w.network.Isolate(cellA.Region, false)
	w.transport = w.network
	w.until(time.Minute, "shipped", func() bool { return w.link(cellA, cellA, cellB).Pending == 0 })
	if d, _ := a.checkAll(t, cellB, true); d.Pending != 0 || d.Repaired != 2 {
		t.Errorf("after all has come: %+v", d)
	}
	if a.rows(t) != b.rows(t) {
		t.Errorf("not the same:\n%s", w.describe())
	}
}

// TestDivergencePendingMerge: nor is a write that was overwritten before it came,
// and is part of the row at one side alone.
func TestDivergencePendingMerge(t *testing.T) {
	w := newPair(t)
	a, b := w.members[cellA], w.members[cellB]
	w.transport = withheld{w.network, cellA, cellB}
	a.put(t, "k", "earlier")
	w.clock.now = w.clock.now.Add(time.Second)
	b.put(t, "k", "later")
	w.until(10*time.Second, "A has it", func() bool {
		return a.dump(t) == string(item.AppendItemJSON(nil, decodeItem(t, `{"pk":{"S":"k"},"v":{"S":"later"}}`)))+"\n"
	})
	for _, x := range []struct {
		checks *member
		peer   aws.Cell
	}{{a, cellB}, {b, cellA}} {
		if d, _ := x.checks.checkAll(t, x.peer, false); d.First != 1 || d.Pending != 1 || len(d.Differences) != 0 {
			t.Errorf("%v: %+v", x.checks.cell, d)
		}
	}
	w.transport = w.network
	w.until(10*time.Second, "shipped", func() bool { return w.link(cellA, cellA, cellB).Pending == 0 })
	if d, _ := a.checkAll(t, cellB, false); d.First != 0 {
		t.Errorf("after all has come: %+v", d)
	}
}

// TestDivergenceCutOff: for a member that is cut off from a log nothing of it is
// pending.
func TestDivergenceCutOff(t *testing.T) {
	w := newPair(t)
	a := w.members[cellA]
	w.transport = withheld{w.network, cellA, cellB}
	a.put(t, "k", "v")
	if d, _ := a.checkAll(t, cellB, false); d.Pending != 1 {
		t.Errorf("%+v", d)
	}
	if err := a.table().Log.Rewind(t.Context(), cellB.String(), 0, true); err != nil {
		t.Fatal(err)
	}
	w.restart(cellA)
	for _, checks := range []aws.Cell{cellA, cellB} {
		peer := cellB
		if checks == cellB {
			peer = cellA
		}
		if d, _ := w.members[checks].checkAll(t, peer, false); d.Pending != 0 || len(d.Differences) != 1 {
			t.Errorf("%v: %+v", checks, d)
		}
	}
}

// TestUnderwayRefuses: only a member learns what is under way to another.
func TestUnderwayRefuses(t *testing.T) {
	w := newPair(t)
	q := &replication.Request{
		Kind: replication.Underway, Table: tableName, Group: &table.Group{ID: w.members[cellA].table().Def.Group.ID},
		Member: table.Member{Cell: cellB}, Compared: &replication.Compared{},
	}
	if _, err := w.members[cellA].repl.Serve(t.Context(), cellB, q); err != nil {
		t.Error(err)
	}
	_, err := w.members[cellA].repl.Serve(t.Context(), cellC, q)
	wantCode(t, err, "ResourceNotFoundException", tableName)
	q.Compared = nil
	if _, err := w.members[cellA].repl.Serve(t.Context(), cellB, q); err == nil {
		t.Error(fmt.Sprint("of no versions: ", err))
	}
}
