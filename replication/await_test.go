package replication_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
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
	err := b.awaitsErr(t, a.point(t, wr.At))
	if wr.At == 0 || !errors.As(err, &contract) || contract.Code != "PositionNotReachedException" {
		t.Errorf("before it is shipped, position %d: %v", wr.At, err)
	}
	w.until(10*time.Second, "B has it", w.settled(1, all...))
	if err := b.awaitsErr(t, a.point(t, wr.At)); err != nil {
		t.Errorf("once it is there: %v", err)
	}
	if err := a.awaitsErr(t, a.point(t, wr.At+100)); err != nil {
		t.Errorf("in the cell that wrote it: %v", err)
	}
	if err := b.awaitsErr(t, replication.Point{Cell: cellC, Run: 1, Position: wr.At}); err != nil {
		t.Errorf("of a cell that is no member any more: %v", err)
	}
	if wr := write(); wr.At != 0 {
		t.Errorf("a write that changes nothing has position %d", wr.At)
	}
}

// point is a position of a cell in its present run.
func (m *member) point(t *testing.T, at kv.Position) replication.Point {
	t.Helper()
	run, err := m.repl.Present(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return replication.Point{Cell: m.cell, Run: run, Position: at}
}

// putAt puts an item and returns where it is.
func (m *member) putAt(t *testing.T, pk string) replication.Point {
	t.Helper()
	it := item.BuildItem(nil, []item.Entry{{Name: "pk", Value: item.S(pk)}})
	wr := table.Write{Table: m.table(), Key: table.Key{Hash: item.S(pk)}, Item: it}
	if err := m.engine.Write(t.Context(), &wr); err != nil {
		t.Fatal(err)
	}
	return m.point(t, wr.At)
}

// awaitsErr is what a wait that may take no time comes to.
func (m *member) awaitsErr(t *testing.T, p replication.Point) error {
	t.Helper()
	_, err := m.repl.Await(t.Context(), 0, replication.Awaited{Table: tableName, Point: p})
	return err
}

// awaits returns the code of what a wait that may take no time comes to, "" where
// the point is reached.
func (m *member) awaits(t *testing.T, p replication.Point) string {
	t.Helper()
	err := m.awaitsErr(t, p)
	if err == nil {
		return ""
	}
	var contract *aws.Error
	if !errors.As(err, &contract) {
		t.Fatal(err)
	}
	return contract.Code
}

const (
	notReached   = "PositionNotReachedException"
	positionLost = "PositionLostException"
)

// TestAwaitAll: the time of a call is one for all that it waits for.
func TestAwaitAll(t *testing.T) {
	w := newPair(t)
	a, b := w.members[cellA], w.members[cellB]
	had := replication.Awaited{Table: tableName, Point: a.putAt(t, "had")}
	w.until(10*time.Second, "B has it", func() bool { return b.awaits(t, had.Point) == "" })
	late := replication.Awaited{Table: tableName, Point: a.putAt(t, "late")}
	const within = 5 * time.Second
	spent := func(want string, points ...replication.Awaited) time.Duration {
		began := w.clock.now
		w.clock.step = time.Second // With each look at the clock.
		at, err := b.repl.Await(t.Context(), within, points...)
		w.clock.step = 0
		if want == "" && (err != nil || at != len(points)) {
			t.Fatalf("what is there is waited for: %d, %v", at, err)
		}
		if want != "" {
			if wantCode(t, err, want, " within 5 seconds "); at != len(points)-1 {
				t.Errorf("position %d is not reached, of %d", at, len(points))
			}
		}
		return w.clock.now.Sub(began)
	}
	some := []replication.Awaited{had, had, had, had, had, had}
	first := spent("", some...)
	if first < within {
		t.Fatalf("the first ones take %v: nothing is tested", first)
	}
	if all := spent(notReached, append(some, late)...); all >= first+within {
		t.Errorf("the first ones take %v, all of them %v, and the call was to wait for %v", first, all, within)
	}
	if alone := spent(notReached, late); alone < within {
		t.Errorf("alone, %v was waited for, not %v", alone, within)
	}
}

// TestAwaitRuns: a position of an earlier run is reached as one of the present run
// is, at a member that was started again as well, and when its cell is gone.
func TestAwaitRuns(t *testing.T) {
	w := newPair(t)
	b := func() *member { return w.members[cellB] }
	first := w.members[cellA].putAt(t, "first")
	w.until(10*time.Second, "B has the first", func() bool { return b().awaits(t, first) == "" })
	w.restart(cellA)
	second := w.members[cellA].putAt(t, "second")
	if first.Run == second.Run {
		t.Fatal("both are of one run")
	}
	if got := b().awaits(t, second); got != notReached {
		t.Errorf("before it is shipped: %q", got)
	}
	if got := w.members[cellA].awaits(t, first); got != "" {
		t.Errorf("in the cell itself: %q", got)
	}
	w.until(10*time.Second, "B has the second", func() bool { return b().awaits(t, second) == "" })
	w.restart(cellB)
	w.lose(cellA)
	for _, p := range []replication.Point{first, second} {
		if got := b().awaits(t, p); got != "" {
			t.Errorf("A is gone, and a position of run %x is %q", p.Run, got)
		}
	}
	unknown := second
	unknown.Run++
	if got := b().awaits(t, unknown); got != notReached {
		t.Errorf("of a run that nobody knows of here: %q", got)
	}
}

// TestAwaitLost: a position that a store has forgotten is not taken for what stands
// there now, at the member that had applied it, at one that had not, and in the cell
// itself; one from before the copy is reached, and so is one of the new history, once
// what was written there has come.
func TestAwaitLost(t *testing.T) {
	w := newPair(t)
	a, b := func() *member { return w.members[cellA] }, func() *member { return w.members[cellB] }
	w.restart(cellA) // A run that the copy has the end of.
	early := a().putAt(t, "early")
	w.until(5*time.Second, "B has it", w.settled(1, cellA, cellB))
	disk := w.copied(cellA)
	had := a().putAt(t, "had")
	w.fill(cellA, 0, 30)
	w.until(20*time.Second, "B has all", w.settled(32, cellA, cellB))
	w.network.Isolate(cellA.Region, true)
	never := a().putAt(t, "never")
	w.run(time.Second)

	w.restore(cellA, disk)
	forked := a().putAt(t, "forked")
	if forked.Position >= never.Position {
		t.Fatalf("it is at %d, and what was lost at %d: nothing is tested", forked.Position, never.Position)
	}
	if got := b().awaits(t, forked); got != notReached {
		t.Errorf("what B has of the history before is taken for the new one: %q", got)
	}
	w.network.Isolate(cellA.Region, false)
	came := false
	for range 1000 {
		if b().awaits(t, forked) == "" {
			came = true
			if !strings.Contains(b().dump(t), "forked") {
				t.Fatal("the position is reached, and what was written there is not at B")
			}
		}
		w.run(tick)
	}
	if !came {
		t.Errorf("the position of the new history is not reached: %s\n%s", b().awaits(t, forked), w.describe())
	}
	w.fill(cellA, 100, 200)
	w.wantBack(133, cellA, cellB)
	for _, m := range []*member{a(), b()} {
		for _, c := range []struct {
			what string
			p    replication.Point
			want string
		}{{"before the copy", early, ""}, {"forgotten, and B had it", had, positionLost}, {"forgotten", never, positionLost}, {"new", forked, ""}} {
			if got := m.awaits(t, c.p); got != c.want {
				t.Errorf("at %v a position %s: %q, want %q", m.cell, c.what, got, c.want)
			}
		}
	}
}
