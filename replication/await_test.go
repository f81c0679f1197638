package replication_test

import (
	"errors"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/table"
)

// TestAwait: a position is reached once the other member has applied the write,
// and not before; a write that changes nothing has none.
func TestAwait(t *testing.T) {
	w := newWorld(t, cellA, cellB)
	all := []aws.Cell{cellA, cellB}
	w.create(cellA, grant{members: all, admits: []aws.Cell{cellB}})
	w.mustJoin(cellB, cellA, grant{members: all})
	w.until(10*time.Second, "B is there", w.settled(0, all...))
	a, b := w.members[cellA], w.members[cellB]
	it := item.BuildItem(nil, []item.Entry{{Name: "pk", Value: item.S("k")}})
	write := func() table.Write {
		wr := table.Write{Table: a.table(), Key: table.Key{Hash: item.S("k")}, Item: it}
		if err := a.engine.Write(t.Context(), &wr); err != nil {
			t.Fatal(err)
		}
		return wr
	}
	wr := write()
	var contract *aws.Error
	err := b.repl.Await(t.Context(), tableName, cellA, wr.At, 0)
	if wr.At == 0 || !errors.As(err, &contract) || contract.Code != "PositionNotReachedException" {
		t.Errorf("before it is shipped, position %d: %v", wr.At, err)
	}
	w.until(10*time.Second, "B has it", w.settled(1, all...))
	if err := b.repl.Await(t.Context(), tableName, cellA, wr.At, 0); err != nil {
		t.Errorf("once it is there: %v", err)
	}
	if err := a.repl.Await(t.Context(), tableName, cellA, wr.At+100, 0); err != nil {
		t.Errorf("in the cell that wrote it: %v", err)
	}
	if err := b.repl.Await(t.Context(), tableName, cellC, wr.At, 0); err != nil {
		t.Errorf("of a cell that is no member any more: %v", err)
	}
	if wr := write(); wr.At != 0 {
		t.Errorf("a write that changes nothing has position %d", wr.At)
	}
}
