package replication_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// detach keeps a member from replication until it is a regional table, and the
// others know.
func (w *world) detach(c aws.Cell) {
	w.t.Helper()
	w.setPolicy(c, grant{})
	w.run(6 * time.Second)
	w.dates.Advance(replication.InaccessibleAtMost)
	w.until(time.Minute, "detached", func() bool {
		for _, d := range w.order {
			t := w.members[d].table()
			if t != nil && t.Def.Group != nil && (t.Def.Group.Member(c) != nil || len(t.Def.Group.Recover) > 0) {
				return false
			}
		}
		return w.regional(c)
	})
}

func (w *world) reattach(c aws.Cell) error {
	return w.members[c].repl.Reattach(w.t.Context(), tableName)
}

func (w *world) mustReattach(c aws.Cell) {
	w.t.Helper()
	if err := w.reattach(c); err != nil {
		w.t.Fatal(err)
	}
}

// sameRows reports whether cells store the same, deletions included, and no
// tombstones are left in the end.
func (w *world) sameRows(cells ...aws.Cell) func() bool {
	return func() bool {
		first := w.members[cells[0]].rows(w.t)
		for _, c := range cells {
			some, err := w.members[c].engine.Tombstones(w.t.Context(), w.members[c].table())
			if err != nil || some || w.members[c].rows(w.t) != first {
				return false
			}
		}
		return true
	}
}

// diverge has A and C, which do not hear each other, write and delete.
func (w *world) diverge() {
	a, c := w.members[cellA], w.members[cellC]
	a.put(w.t, key(100), "of A")
	a.remove(w.t, key(1))
	a.put(w.t, key(2), "A")
	c.put(w.t, key(200), "of C")
	c.remove(w.t, key(3))
	c.put(w.t, key(4), "C")
	a.put(w.t, key(5), "A first")
	c.remove(w.t, key(6))
	a.put(w.t, key(7), "A first")
	w.run(time.Second)
	c.put(w.t, key(5), "C last")
	a.put(w.t, key(6), "A last")
	c.remove(w.t, key(7))
}

// wantDiverged fails unless a cell has what came of diverge.
func (w *world) wantDiverged(c aws.Cell) {
	w.t.Helper()
	got := w.members[c].dump(w.t)
	for k, v := range map[int]string{100: "of A", 1: "", 2: `"A"`, 200: "of C", 3: "", 4: `"C"`, 5: "C last", 6: "A last", 7: ""} {
		i := strings.Index(got, `"`+key(k)+`"`)
		switch {
		case v == "" && i >= 0:
			w.t.Errorf("%v: %s came back", c, key(k))
		case v != "" && (i < 0 || !strings.Contains(strings.SplitN(got[i:], "\n", 2)[0], v)):
			w.t.Errorf("%v: %s is not %s:\n%s", c, key(k), v, got)
		}
	}
}

// TestReattach: a replica that was detached comes back with its data. What either
// side wrote and deleted meanwhile, and before that without the other's having it,
// is in all of them, and the last writer has won; and it goes on as before.
func TestReattach(t *testing.T) {
	for _, lateBy := range []time.Duration{0, 30 * time.Hour} { // The logs are trimmed, or not.
		w := newTriple(t)
		all := []aws.Cell{cellA, cellB, cellC}
		w.fill(cellA, 0, 20)
		w.until(10*time.Second, "all have all", w.settled(20, all...))
		w.network.Isolate(cellC.Region, true)
		w.members[cellC].put(t, key(300), "never shipped")
		w.members[cellA].remove(t, key(8))
		w.run(time.Second)
		w.network.Isolate(cellC.Region, false)
		w.detach(cellC)
		w.diverge()
		wantCode(t, w.reattach(cellC), "AccessDeniedException", "ReadDataForReplication")
		w.clock.now = w.clock.now.Add(lateBy)
		w.run(2 * time.Minute)
		w.setPolicy(cellC, grant{members: all})
		w.setPolicy(cellB, grant{members: []aws.Cell{cellA, cellB}})
		wantCode(t, w.reattach(cellC), "AccessDeniedException", cellB.TableARN(tableName))
		if !w.regional(cellC) || w.members[cellA].table().Def.Group.Member(cellC) != nil {
			t.Fatal("it was refused, and something changed")
		}
		w.setPolicy(cellB, grant{members: all})
		w.mustReattach(cellC)
		w.members[cellC].put(t, "while it comes back", "C")
		w.members[cellB].remove(t, key(9))
		w.until(time.Minute, "all are active", w.active(all...))
		w.until(time.Minute, "all have the same", w.sameRows(all...))
		w.wantDiverged(cellB)
		for _, gone := range []int{8, 9} {
			if strings.Contains(w.members[cellC].dump(t), `"`+key(gone)+`"`) {
				t.Errorf("%s came back", key(gone))
			}
		}
		if !strings.Contains(w.members[cellB].dump(t), "never shipped") || !strings.Contains(w.members[cellA].dump(t), "while it comes back") {
			t.Errorf("a write is lost:\n%s", w.describe())
		}
		d := w.members[cellC].table().Def
		if d.Detached != nil || len(d.Group.Away) > 0 || len(w.members[cellA].table().Def.Group.Away) > 0 {
			t.Errorf("left over: %+v, %+v", d.Detached, d.Group.Away)
		}
		wantCode(t, w.reattach(cellC), "ValidationException", "is a replica")
	}
}

// TestReattachPair: of two members both became regional tables; they are a global
// table again.
func TestReattachPair(t *testing.T) {
	w := newWorld(t, cellA, cellC)
	both := []aws.Cell{cellA, cellC}
	w.create(cellA, grant{members: both, admits: both})
	w.fill(cellA, 0, 20)
	w.mustJoin(cellC, cellA, grant{members: both})
	w.detach(cellC)
	if !w.regional(cellA) {
		t.Fatal("A is no regional table")
	}
	w.diverge()
	w.setPolicy(cellC, grant{members: both})
	w.mustReattach(cellC)
	w.until(time.Minute, "both are active", w.active(both...))
	w.until(time.Minute, "both have the same", w.sameRows(both...))
	w.wantDiverged(cellA)
}

// TestReattachNewcomer: who joined while a replica was away keeps deletions for
// it, and has its writes; so does one that joined the last member left.
func TestReattachNewcomer(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all, admits: all})
	w.fill(cellA, 0, 20)
	w.mustJoin(cellC, cellA, grant{members: all})
	w.detach(cellC)
	w.mustJoin(cellB, cellA, grant{members: all})
	w.diverge()
	w.members[cellB].remove(t, key(10))
	w.run(time.Minute)
	w.setPolicy(cellC, grant{members: all})
	w.mustReattach(cellC)
	w.until(time.Minute, "all are active", w.active(all...))
	w.until(time.Minute, "all have the same", w.sameRows(all...))
	w.wantDiverged(cellB)
	if strings.Contains(w.members[cellB].dump(t), `"`+key(10)+`"`) {
		t.Error("it came back")
	}
}

// TestReattachRefused: what stands against it is named, and changes nothing.
func TestReattachRefused(t *testing.T) {
	all := []aws.Cell{cellA, cellB, cellC}
	for _, x := range []struct {
		name       string
		make       func(w *world)
		code, text string
	}{
		{"too late", func(w *world) {
			w.detach(cellC)
			w.dates.Advance(replication.ReattachWithin)
		}, "ValidationException", "was detached more than 7 days ago"},
		{"of its own will", func(w *world) {
			if _, err := w.members[cellC].repl.Disassociate(t.Context(), w.members[cellC].table()); err != nil {
				t.Fatal(err)
			}
			w.until(time.Minute, "it left", func() bool { return w.regional(cellC) })
		}, "ValidationException", "is no replica that was detached"},
		{"its Region is disabled", func(w *world) {
			w.members[cellC].repl.SetDisabled(true)
			w.detach(cellC)
		}, "ValidationException", "the region is disabled"},
		{"a member out of reach", func(w *world) {
			w.detach(cellC)
			w.network.Isolate(cellB.Region, true)
		}, "ServiceUnavailable", "eu-west-1"},
		{"the global table is no more", func(w *world) {
			w.detach(cellC)
			for _, c := range []aws.Cell{cellA, cellB} {
				if err := w.members[c].engine.Drop(t.Context(), tableName); err != nil {
					t.Fatal(err)
				}
				w.members[c].repl.Refresh()
			}
		}, "ValidationException", "is no more"},
		{"a member without its deletions", func(w *world) {
			w.detach(cellC)
			if _, err := w.members[cellB].engine.Alter(t.Context(), tableName, func(d *table.Definition) error {
				d.Group.Away = nil
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}, "ValidationException", "222222222222/eu-west-1 has kept no deletions"},
		{"another index", func(w *world) {
			w.detach(cellC)
			if _, err := w.members[cellC].engine.Alter(t.Context(), tableName, func(d *table.Definition) error {
				d.Indexes = append(d.Indexes, table.Index{Name: "x", Number: 1, Hash: []string{"pk"}, Projection: table.All})
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}, "ValidationException", "has the indexes [x (pk; ; ALL )], and the global table has []"},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newTriple(t)
			x.make(w)
			w.setPolicy(cellC, grant{members: all})
			wantCode(t, w.reattach(cellC), x.code, x.text)
			if d := w.members[cellC].table().Def; d.Group != nil {
				t.Errorf("it is a member: %+v", d.Group)
			}
			if m := w.members[cellA].table(); m != nil && m.Def.Group.Member(cellC) != nil {
				t.Error("A counts it")
			}
		})
	}
}

// TestReattachInterrupted: what a failure leaves half-way is taken up by the next
// call, and what a crash interrupts goes on.
func TestReattachInterrupted(t *testing.T) {
	t.Parallel()
	inOneGoroutine(t)
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.fill(cellA, 0, 700)
	w.until(10*time.Second, "all have all", w.settled(700, all...))
	w.detach(cellC)
	w.diverge()
	w.setPolicy(cellC, grant{members: all})
	w.transport = tap{Transport: w.network, call: func(r *replication.Request) error {
		if r.Kind == replication.Rejoin && !r.DryRun {
			w.network.Isolate(cellC.Region, true)
			return replication.ErrUnreachable
		}
		return nil
	}}
	wantCode(t, w.reattach(cellC), "ServiceUnavailable", "")
	w.transport = w.network
	if w.members[cellA].table().Def.Group.Member(cellC) == nil || !w.regional(cellC) {
		t.Fatal("nothing is half-way")
	}
	w.network.Isolate(cellC.Region, false)
	w.mustReattach(cellC)
	if !w.members[cellC].table().Def.Returning() {
		t.Fatal("it has come back at once")
	}
	wantCode(t, w.members[cellC].repl.CheckDelete(w.members[cellC].table()), "ResourceInUseException", "in use")
	wantCode(t, w.members[cellA].repl.CheckDelete(w.members[cellA].table()), "ResourceInUseException", "in use")
	w.network.Isolate(cellB.Region, true)
	w.run(20 * time.Second) // It has what A has.
	if !w.members[cellC].table().Def.Returning() {
		t.Fatal("it has come back without B")
	}
	w.restart(cellC)
	w.run(time.Second)
	w.restart(cellA)
	w.network.Isolate(cellB.Region, false)
	w.until(time.Minute, "all are active", w.active(all...))
	w.until(2*time.Minute, "all have the same", w.sameRows(all...))
	w.wantDiverged(cellB)
}

// TestReattachHalfWay: a replica that crashed while it came back knows nothing of that.
// A member that took it in asks it, takes it out, and still takes it back when it comes
// again.
func TestReattachHalfWay(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.fill(cellA, 0, 10)
	w.until(10*time.Second, "all have all", w.settled(10, all...))
	w.detach(cellC)
	w.setPolicy(cellC, grant{members: all})
	w.transport = tap{Transport: w.network, call: func(r *replication.Request) error {
		if r.Kind == replication.Rejoin && !r.DryRun {
			w.network.Isolate(cellC.Region, true)
			return replication.ErrUnreachable
		}
		return nil
	}}
	wantCode(t, w.reattach(cellC), "ServiceUnavailable", "")
	w.transport = w.network
	w.restart(cellC)
	w.network.Isolate(cellC.Region, false)
	a := w.members[cellA]
	if a.table().Def.Group.Member(cellC) == nil {
		t.Fatal("A did not take it in")
	}
	w.until(time.Minute, "A has taken it out, and asks for nothing", func() bool {
		g := a.table().Def.Group
		return g.Member(cellC) == nil && len(g.Recover) == 0
	})
	w.mustReattach(cellC)
	w.until(time.Minute, "all are active", w.active(all...))
	w.until(2*time.Minute, "all have the same", w.sameRows(all...))
}

// TestReattachSameAccount: in a global table of one account a disabled Region
// detaches, and the replica has its overrides when it is back.
func TestReattachSameAccount(t *testing.T) {
	w := newSameAccount(t)
	both := []aws.Cell{cellA, cellA2}
	w.fill(cellA, 0, 10)
	own := table.Member{Cell: cellA2, Settings: table.Settings{Reads: []table.Reads{{OnDemand: true, Units: 7}}}}
	if err := w.members[cellA].repl.Override(t.Context(), w.members[cellA].table(), []table.Member{own}, 0); err != nil {
		t.Fatal(err)
	}
	w.until(10*time.Second, "both have all", w.settled(10, both...))
	w.members[cellA2].repl.SetDisabled(true)
	w.run(6 * time.Second)
	w.dates.Advance(replication.InaccessibleAtMost)
	w.until(time.Minute, "both are regional", func() bool { return w.regional(cellA) && w.regional(cellA2) })
	w.members[cellA].remove(t, key(1))
	w.members[cellA2].remove(t, key(2))
	w.members[cellA2].repl.SetDisabled(false)
	w.mustReattach(cellA2)
	w.until(time.Minute, "both are active", w.active(both...))
	w.until(time.Minute, "both have the same", w.sameRows(both...))
	if n := countLines(w.members[cellA].dump(t)); n != 8 {
		t.Errorf("%d items are left", n)
	}
	a, b := w.members[cellA].table().Def, w.members[cellA2].table().Def
	if r, ok := a.Differs(a.Group.Member(cellA2), ""); !ok || r.Units != 7 {
		t.Errorf("A does not know of its override: %+v", a.Group)
	}
	if r, ok := b.Differs(b.Group.Member(cellA), ""); !ok || r.Units != -1 || b.SettingsMode != "ENABLED_WITH_OVERRIDES" {
		t.Errorf("it does not know of A's reads: %+v", b.Group)
	}
}

// TestReattachTwice: a replica that is detached again while it comes back, and
// cannot tell anybody, comes back later all the same; and what it had brought to one
// member alone meanwhile is with all.
func TestReattachTwice(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.fill(cellA, 0, 20)
	w.until(10*time.Second, "all have all", w.settled(20, all...))
	w.detach(cellC)
	w.diverge()
	w.setPolicy(cellC, grant{members: all})
	w.mustReattach(cellC)
	w.network.Isolate(cellB.Region, true)
	w.run(10 * time.Second)
	w.members[cellC].put(t, "to A alone", "1")
	w.until(10*time.Second, "A has it", func() bool { return strings.Contains(w.members[cellA].dump(t), "to A alone") })
	w.setPolicy(cellC, grant{})
	w.run(6 * time.Second)
	w.network.Isolate(cellC.Region, true)
	w.dates.Advance(replication.InaccessibleAtMost)
	w.until(time.Minute, "C is regional", func() bool { return w.regional(cellC) })
	w.network.Isolate(cellC.Region, false)
	w.network.Isolate(cellB.Region, false)
	w.until(2*time.Minute, "the others know", func() bool {
		for _, c := range []aws.Cell{cellA, cellB} {
			if g := w.members[c].table().Def.Group; g.Member(cellC) != nil || len(g.Recover) > 0 {
				return false
			}
		}
		return true
	})
	if !strings.Contains(w.members[cellB].dump(t), "to A alone") {
		t.Error("B does not have what C brought to A")
	}
	w.setPolicy(cellC, grant{members: all})
	w.mustReattach(cellC)
	w.until(time.Minute, "all are active", w.active(all...))
	w.until(time.Minute, "all have the same", w.sameRows(all...))
	w.wantDiverged(cellB)
}
