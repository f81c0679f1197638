package replication_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// detachAll keeps cells from replication until each is a regional table that knows
// nothing of the others' being one.
func (w *world) detachAll(cells ...aws.Cell) {
	w.t.Helper()
	for _, c := range cells {
		w.setPolicy(c, grant{})
	}
	w.run(6 * time.Second)
	for _, c := range cells {
		w.network.Isolate(c.Region, true)
	}
	w.dates.Advance(replication.InaccessibleAtMost)
	w.until(time.Minute, "all are detached", func() bool {
		for _, c := range cells {
			if d := w.members[c].table().Def.Detached; d == nil || !d.Own {
				return false
			}
		}
		return true
	})
	for _, c := range cells {
		w.network.Isolate(c.Region, false)
	}
}

// newForlorn returns a world of three of which all were detached, and have been
// written to since. Their policies allow replication again.
func newForlorn(t *testing.T) *world {
	t.Helper()
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.fill(cellA, 0, 20)
	w.until(10*time.Second, "all have all", w.settled(20, all...))
	w.detachAll(all...)
	w.diverge()
	for _, c := range all {
		w.setPolicy(c, grant{members: all})
	}
	return w
}

// bringBack has cells reattach, again where it is refused, until all are members.
func (w *world) bringBack(all ...aws.Cell) {
	w.t.Helper()
	var last error
	for range 10 {
		for _, c := range all {
			if d := w.members[c].table().Def; d.Group == nil && d.Detached != nil && d.Detached.Own {
				if err := w.reattach(c); err != nil {
					last = err
				}
			}
			w.run(10 * time.Second)
		}
		if w.active(all...)() {
			w.until(time.Minute, "all have the same", w.sameRows(all...))
			return
		}
	}
	w.t.Fatalf("they do not find together: %v\n%s", last, w.describe())
}

// wantOneGroup fails where two tables are, or are left of, two global tables.
func (w *world) wantOneGroup() {
	w.t.Helper()
	var alone, members []aws.Cell
	for _, c := range w.order {
		switch d := w.members[c].table().Def; {
		case d.Group != nil:
			members = append(members, c)
		case d.Detached != nil && !d.Detached.Own:
			alone = append(alone, c)
		}
	}
	for _, c := range members {
		for _, o := range members {
			if w.members[c].table().Def.Group.Member(o) == nil {
				w.t.Errorf("%v and %v are members, and %v does not count it", c, o, c)
			}
		}
	}
	if len(alone) > 1 || (len(alone) == 1 && len(members) > 0) {
		w.t.Errorf("%v are left, and %v are members", alone, members)
	}
}

// TestReattachAll: of three members all were detached, none knowing of the others.
// They are refused until the policies of two allow it; these two find together, and
// the third one comes later. What each wrote and deleted is in all of them.
func TestReattachAll(t *testing.T) {
	w := newForlorn(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.members[cellB].put(t, "of B", "1")
	w.members[cellB].remove(t, key(10))
	for _, c := range all {
		w.setPolicy(c, grant{})
	}
	for _, c := range all {
		wantCode(t, w.reattach(c), "AccessDeniedException", c.TableARN(tableName))
	}
	w.setPolicy(cellC, grant{members: all})
	wantCode(t, w.reattach(cellC), "AccessDeniedException", cellA.TableARN(tableName))
	for _, c := range all {
		if d := w.members[c].table().Def; d.Group != nil || !d.Detached.Own {
			t.Errorf("%v was refused, and something changed", c)
		}
	}
	w.setPolicy(cellB, grant{members: all})
	w.mustReattach(cellC) // A does not allow it, and B does.
	w.until(time.Minute, "two are active", w.active(cellB, cellC))
	if !strings.Contains(w.members[cellC].dump(t), "of B") || strings.Contains(w.members[cellC].dump(t), `"`+key(10)+`"`) {
		t.Errorf("C lacks what B did:\n%s", w.describe())
	}
	wantCode(t, w.reattach(cellB), "ValidationException", "is a replica")
	wantCode(t, w.reattach(cellA), "AccessDeniedException", cellA.TableARN(tableName))
	w.run(2 * time.Minute)
	w.setPolicy(cellA, grant{members: all})
	w.mustReattach(cellA)
	w.until(time.Minute, "all are active", w.active(all...))
	w.until(time.Minute, "all have the same", w.sameRows(all...))
	w.wantDiverged(cellB)
	for _, c := range all {
		d := w.members[c].table().Def
		if d.Detached != nil || len(d.Group.Away) > 0 || d.Group.ID != w.members[cellA].table().Def.Group.ID {
			t.Errorf("%v: left over: %+v, %+v", c, d.Detached, d.Group)
		}
	}
}

// TestReattachAllRefused: what stands against it is named, and changes nothing.
func TestReattachAllRefused(t *testing.T) {
	for _, x := range []struct {
		name       string
		make       func(w *world)
		code, text string
	}{
		{"one that cannot be asked", func(w *world) { w.network.Isolate(cellB.Region, true) }, "ServiceUnavailable", "eu-west-1"},
		{"other indexes", func(w *world) {
			w.members[cellA].alter(t, func(d *table.Definition) {
				d.Indexes = append(d.Indexes, table.Index{Name: "x", Number: 1, Hash: []string{"pk"}, Projection: table.All})
			})
			if err := w.members[cellB].engine.Drop(t.Context(), tableName); err != nil {
				t.Fatal(err)
			}
		}, "ValidationException", "and the global table has [x (pk; ; ALL )]"},
		{"no deletions kept", func(w *world) {
			for _, c := range []aws.Cell{cellA, cellB} {
				w.members[c].alter(t, func(d *table.Definition) { d.Detached.Group.Member(cellC).Since++ })
			}
		}, "ValidationException", "111111111111/us-east-1 has kept no deletions"},
		{"too late for the others", func(w *world) {
			for _, c := range []aws.Cell{cellA, cellB} {
				w.members[c].alter(t, func(d *table.Definition) { d.Detached.Until = w.dates.Now().UnixMicro() })
			}
		}, "ValidationException", "The replica in 111111111111/us-east-1 was detached more than"},
		{"all others are gone", func(w *world) {
			for _, c := range []aws.Cell{cellA, cellB} {
				if err := w.members[c].engine.Drop(t.Context(), tableName); err != nil {
					t.Fatal(err)
				}
			}
		}, "ValidationException", "is no more"},
		{"the others' Regions are disabled", func(w *world) {
			for _, c := range []aws.Cell{cellA, cellB} {
				w.members[c].repl.SetDisabled(true)
			}
		}, "ValidationException", "the region is disabled"},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newForlorn(t)
			x.make(w)
			wantCode(t, w.reattach(cellC), x.code, x.text)
			for _, c := range w.order {
				if m := w.members[c].table(); m != nil && (m.Def.Group != nil || !m.Def.Detached.Own) {
					t.Errorf("%v was changed: %+v", c, m.Def)
				}
			}
		})
	}
}

// hooked is a transport that counts the calls, from 0, and asks before and after each.
type hooked struct {
	replication.Transport
	calls  *int
	before func(n int, from, to aws.Cell) error
	after  func(n int, from, to aws.Cell) error
}

func (h hooked) Call(ctx context.Context, from, to aws.Cell, r *replication.Request) (*replication.Response, error) {
	n := *h.calls
	*h.calls++
	if h.before != nil {
		if err := h.before(n, from, to); err != nil {
			return nil, err
		}
	}
	a, err := h.Transport.Call(ctx, from, to, r)
	if h.after != nil {
		if lost := h.after(n, from, to); lost != nil {
			return nil, lost
		}
	}
	return a, err
}

// TestReattachAllAtOnce: while one of those that were detached has another one found
// the global table anew another one wants back, at each moment that there is. They
// are never two global tables; who was refused tries again, and all find together.
func TestReattachAllAtOnce(t *testing.T) {
	t.Parallel()
	inOneGoroutine(t)
	all := []aws.Cell{cellA, cellB, cellC}
	for _, pair := range [][2]aws.Cell{{cellA, cellB}, {cellC, cellB}} {
		for at, more := 0, true; more; at++ {
			w := newForlorn(t)
			var calls int
			more = false
			meet := func(moment int) error {
				if moment == at {
					more = true
					wantContract(t, w.reattach(pair[1]))
					w.wantOneGroup()
				}
				return nil
			}
			w.transport = hooked{
				Transport: w.network, calls: &calls,
				before: func(n int, _, _ aws.Cell) error { return meet(2 * n) },
				after:  func(n int, _, _ aws.Cell) error { return meet(2*n + 1) },
			}
			wantContract(t, w.reattach(pair[0]))
			w.transport = w.network
			w.wantOneGroup()
			w.bringBack(all...)
			w.wantDiverged(cellB)
			if t.Failed() {
				t.Fatalf("%v asked at moment %d of %v", pair[1], at, pair[0])
			}
		}
	}
}

// wantContract fails unless err is none, or one of AWS's.
func wantContract(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*aws.Error](err); err != nil && !ok {
		t.Errorf("%v is no error for a client", err)
	}
}

// TestReattachAllCrash: who asks, or who is asked, crashes at each call that is made
// while a global table is founded anew and the first one comes back. What is left can
// be tried again.
func TestReattachAllCrash(t *testing.T) {
	t.Parallel()
	inOneGoroutine(t)
	all := []aws.Cell{cellA, cellB, cellC}
	for _, asker := range []bool{true, false} {
		for at, more := 0, true; more; at++ {
			w := newForlorn(t)
			var calls int
			more = false
			var dead aws.Cell
			crash := func(c aws.Cell) error {
				dead, more = c, true
				w.restart(c)
				return replication.ErrUnreachable
			}
			w.transport = hooked{
				Transport: w.network, calls: &calls,
				before: func(n int, from, _ aws.Cell) error {
					if n == at && asker {
						return crash(from)
					}
					if from == dead {
						return replication.ErrUnreachable // It is what ran before the crash.
					}
					return nil
				},
				after: func(n int, _, to aws.Cell) error {
					if n == at && !asker {
						return crash(to)
					}
					return nil
				},
			}
			if err := w.reattach(cellC); more && err == nil {
				t.Fatalf("call %d did not come through, and all went well", at)
			}
			w.transport = w.network
			w.wantOneGroup()
			w.bringBack(all...)
			w.wantDiverged(cellB)
			if t.Failed() {
				t.Fatalf("the asker %t crashed at call %d", asker, at)
			}
		}
	}
}

// TestReattachAllAbandoned: who founded a global table, for one that never came, is an
// ordinary table: others come back to it, or join it, and when the time is over it
// forgets its deletions.
func TestReattachAllAbandoned(t *testing.T) {
	all := []aws.Cell{cellA, cellB, cellC}
	abandoned := func(t *testing.T) *world {
		t.Helper()
		w := newForlorn(t)
		a := w.members[cellA]
		var calls int
		w.transport = hooked{Transport: w.network, calls: &calls, after: func(int, aws.Cell, aws.Cell) error {
			if d := a.table().Def.Detached; d != nil && !d.Own {
				return replication.ErrUnreachable // It has founded it, and nobody hears of that.
			}
			return nil
		}}
		wantCode(t, w.reattach(cellC), "ServiceUnavailable", string(cellA.Region))
		w.transport = w.network
		if err := w.members[cellC].engine.Drop(t.Context(), tableName); err != nil {
			t.Fatal(err)
		}
		w.members[cellC].repl.Refresh()
		wantCode(t, w.reattach(cellA), "ValidationException", "is what is left of its global table")
		a.put(t, "alone", "1")
		return w
	}
	t.Run("another comes back", func(t *testing.T) {
		w := abandoned(t)
		w.mustReattach(cellB)
		w.until(time.Minute, "both are active", w.active(cellA, cellB))
		if w.members[cellA].dump(t) != w.members[cellB].dump(t) || !strings.Contains(w.members[cellB].dump(t), "alone") {
			t.Errorf("they differ:\n%s", w.describe())
		}
	})
	t.Run("one joins", func(t *testing.T) {
		w := abandoned(t)
		w.setPolicy(cellA, grant{members: all, admits: all})
		w.mustJoin(cellC, cellA, grant{members: all, admits: all})
		w.until(time.Minute, "it has joined", w.active(cellA, cellC))
		w.mustReattach(cellB)
		w.until(time.Minute, "all are active", w.active(all...))
		if w.members[cellC].dump(t) != w.members[cellB].dump(t) || !strings.Contains(w.members[cellB].dump(t), "alone") {
			t.Errorf("they differ:\n%s", w.describe())
		}
	})
	t.Run("nobody comes", func(t *testing.T) {
		w := abandoned(t)
		a := w.members[cellA]
		w.clock.now = w.clock.now.Add(replication.ReattachWithin + replication.InaccessibleAtMost)
		for range 5 {
			w.clock.now = w.clock.now.Add(time.Minute)
			if _, err := a.engine.Step(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if some, err := a.engine.Tombstones(t.Context(), a.table()); some || err != nil {
			t.Errorf("deletions are kept: %v", err)
		}
		if d := a.table().Def; d.Detached != nil || d.Group != nil || d.Status != table.Active {
			t.Errorf("it waits still: %+v", d)
		}
		if err := a.repl.CheckDelete(a.table()); err != nil {
			t.Error(err)
		}
		wantCode(t, w.reattach(cellB), "ValidationException", "")
	})
}

// TestFoundedLater: what is founded anew has the settings that were in use last, and
// takes back who joined after its founder was detached, whoever asks first.
func TestFoundedLater(t *testing.T) {
	all := []aws.Cell{cellA, cellB, cellC}
	for _, order := range [][]aws.Cell{{cellA, cellB, cellC}, {cellB, cellC, cellA}, {cellC, cellB, cellA}, {cellC, cellA, cellB}} {
		t.Run(fmt.Sprint(order[0].Region, order[1].Region), func(t *testing.T) {
			w := newTriple(t)
			w.fill(cellB, 0, 10)
			w.until(10*time.Second, "all have all", w.settled(10, all...))
			w.detachAll(cellA)
			w.until(time.Minute, "the others are without it", w.without(cellB, cellC))
			c := w.members[cellC]
			if err := c.repl.Leave(t.Context(), c.table()); err != nil {
				t.Fatal(err)
			}
			w.until(time.Minute, "C is gone", func() bool { return c.table() == nil })
			w.setPolicy(cellB, grant{members: all, admits: all})
			w.mustJoin(cellC, cellB, grant{members: all})
			w.until(time.Minute, "B and C are members", w.active(cellB, cellC))
			if err := w.members[cellB].change(t, expire("until")); err != nil {
				t.Fatal(err)
			}
			w.detachAll(cellB, cellC)
			c.put(t, "of C", "1")
			for _, m := range all {
				w.setPolicy(m, grant{members: all})
			}
			w.bringBack(order...)
			w.until(time.Minute, "all have the same settings", w.inStep(all...))
			for _, m := range all {
				if d := w.members[m].table().Def; d.TimeToLive == nil || !strings.Contains(w.members[m].dump(t), "of C") {
					t.Errorf("%v has %s and %s", m, w.settings(m), w.members[m].dump(t))
				}
			}
		})
	}
}

// TestFoundedByNonsense: a former member that answers with a group in which it was not
// is refused; nothing is founded for what it says.
func TestFoundedByNonsense(t *testing.T) {
	w := newForlorn(t)
	w.transport = nonsense{tap{Transport: w.network}, cellB}
	err := w.reattach(cellA)
	if err == nil || !strings.Contains(err.Error(), "was detached from a group without it") {
		t.Errorf("with nonsense from B: %v", err)
	}
	w.transport = w.network
	w.bringBack(cellA, cellB, cellC)
}

// nonsense is a transport in which a cell answers that it was detached from a group of
// nobody.
type nonsense struct {
	tap
	of aws.Cell
}

func (n nonsense) Call(ctx context.Context, from, to aws.Cell, q *replication.Request) (*replication.Response, error) {
	a, err := n.tap.Call(ctx, from, to, q)
	if err == nil && q.Kind == replication.Found && q.DryRun && to == n.of {
		out := *a
		detached := *a.Definition.Detached
		detached.Group.Members = nil
		out.Definition.Detached = &detached
		return &out, nil
	}
	return a, err
}
