package replication_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// part begins to take a member out, which keeps its data.
func (w *world) part(c aws.Cell) {
	w.t.Helper()
	if _, err := w.members[c].repl.Disassociate(w.t.Context(), w.members[c].table()); err != nil {
		w.t.Fatal(err)
	}
}

// regional reports whether a cell's table is one of its own.
func (w *world) regional(c aws.Cell) bool {
	d := w.members[c].table().Def
	return d.Group == nil && !d.Disassociating && d.Status == table.Active && d.Inaccessible == nil
}

// wantNoReaders fails when anybody still reads a member's log.
func (w *world) wantNoReaders(c aws.Cell, of ...aws.Cell) {
	w.t.Helper()
	readers, err := w.members[c].table().Log.Readers(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range readers {
		for _, o := range of {
			if r.Name == o.String() {
				w.t.Errorf("%v still keeps its log for %v", c, o)
			}
		}
	}
}

// TestDisassociate: a member that leaves and keeps its data gives the others all
// that it has, gets all that they have, and is a regional table from then on. The
// others go on.
func TestDisassociate(t *testing.T) {
	w := newTriple(t)
	for _, c := range w.order {
		w.members[c].put(t, "of "+c.String(), "before")
	}
	w.part(cellC)
	w.until(10*time.Second, "regional", func() bool { return w.regional(cellC) })
	for _, c := range w.order {
		if got := strings.Count(w.members[c].dump(t), "before"); got != 3 {
			t.Errorf("%v has %d of 3 items:\n%s", c, got, w.describe())
		}
	}
	w.until(time.Second, "let go", func() bool {
		return w.members[cellA].table().Def.Group.Member(cellC) == nil && w.members[cellB].table().Def.Group.Member(cellC) == nil
	})
	w.members[cellC].put(t, "own", "after")
	w.members[cellA].put(t, "theirs", "after")
	w.run(10 * time.Second)
	if !w.settled(4, cellA, cellB)() || strings.Contains(w.members[cellC].dump(t), "theirs") || strings.Contains(w.members[cellA].dump(t), "own") {
		t.Errorf("after it left:\n%s", w.describe())
	}
	w.wantNoReaders(cellC, cellA, cellB)
	w.wantNoReaders(cellA, cellC)
	if n := len(w.members[cellC].repl.Status()); n != 0 {
		t.Errorf("it still has %d links", n)
	}
}

// TestDisassociateLast: of two members both are regional tables afterwards, and
// the one can be the source of a new global table.
func TestDisassociateLast(t *testing.T) {
	w := newPair(t)
	w.members[cellA].put(t, "k", "v")
	w.part(cellB)
	w.until(10*time.Second, "regional", func() bool { return w.regional(cellA) && w.regional(cellB) })
	w.wantNoReaders(cellA, cellB)
	if err := w.members[cellB].engine.Drop(t.Context(), tableName); err != nil {
		t.Fatal(err)
	}
	w.mustJoin(cellB, cellA, grant{members: []aws.Cell{cellA, cellB}})
	w.until(10*time.Second, "together again", w.settled(1, cellA, cellB))
}

// TestDisassociateWaits: one that cannot reach a member waits for it, goes on
// serving, and survives a restart meanwhile.
func TestDisassociateWaits(t *testing.T) {
	w := newPair(t)
	w.network.Isolate(cellB.Region, true)
	w.members[cellA].put(t, "a", "v")
	w.members[cellB].put(t, "b", "v")
	w.part(cellB)
	w.run(time.Minute)
	w.restart(cellB)
	w.members[cellB].put(t, "during", "v")
	w.run(time.Minute)
	if d := w.members[cellB].table().Def; d.Group == nil || !d.Disassociating {
		t.Fatalf("it did not wait: %+v", d)
	}
	w.network.Isolate(cellB.Region, false)
	w.until(time.Minute, "regional", func() bool { return w.regional(cellB) && w.regional(cellA) })
	if !strings.Contains(w.members[cellB].dump(t), `"a"`) || !strings.Contains(w.members[cellA].dump(t), `"b"`) {
		t.Errorf("something is missing:\n%s", w.describe())
	}
}

// TestDisassociateDenied: where a policy keeps changes back, on either side, it
// is given up, and the replica is still a member.
func TestDisassociateDenied(t *testing.T) {
	both := []aws.Cell{cellA, cellB}
	for _, denier := range both {
		for _, action := range serviceActions[:2] {
			w := newPair(t)
			w.setPolicy(denier, grant{members: both, actions: []string{action, "dynamodb:ReplicateSettings"}})
			w.members[cellA].put(t, "a", "v")
			w.members[cellB].put(t, "b", "v")
			w.run(time.Second)
			w.part(cellB)
			w.run(time.Minute)
			if d := w.members[cellB].table().Def; d.Group == nil || d.Disassociating {
				t.Fatalf("with %s alone at %v: %+v", action, denier, d)
			}
			w.setPolicy(denier, grant{members: both})
			w.part(cellB)
			w.until(time.Minute, "regional", func() bool { return w.regional(cellB) && w.regional(cellA) })
			if w.members[cellA].dump(t) != w.members[cellB].dump(t) {
				t.Errorf("not the same:\n%s", w.describe())
			}
		}
	}
}

// TestDisassociateBoth: two members that leave at once both leave.
func TestDisassociateBoth(t *testing.T) {
	w := newTriple(t)
	w.members[cellB].put(t, "b", "v")
	w.members[cellC].put(t, "c", "v")
	w.run(10 * time.Second)
	w.part(cellB)
	w.part(cellC)
	w.until(time.Minute, "regional", func() bool { return w.regional(cellA) && w.regional(cellB) && w.regional(cellC) })
	if !w.settled(2, w.order...)() {
		t.Errorf("not the same:\n%s", w.describe())
	}
}

// TestDetach: a replica whose policy keeps it from replication shows since when,
// to the others too, and is a regional table after 20 hours; the others drop it.
func TestDetach(t *testing.T) {
	for _, action := range []string{"dynamodb:GetItem", serviceActions[0], serviceActions[1]} {
		w := newTriple(t)
		all := []aws.Cell{cellA, cellB, cellC}
		w.members[cellA].put(t, "k", "v")
		w.until(time.Second, "shipped", w.settled(1, all...))
		w.setPolicy(cellC, grant{members: all, actions: []string{"dynamodb:ReplicateSettings", action}})
		w.members[cellC].put(t, "local", "v")
		w.until(20*time.Second, "known to be inaccessible", func() bool {
			first := w.members[cellA].repl.Troubles(tableName)[cellC]
			trouble, b := w.members[cellB].repl.Troubles(tableName)[cellC]
			return first.Since != 0 && b && trouble.Status == table.ReplicationNotAuthorized && w.members[cellC].table().Def.Inaccessible != nil
		})
		if s := w.members[cellA].repl.Standing(w.members[cellA].table()); s != "" {
			t.Errorf("the member in order is %s", s)
		}
		trouble := w.members[cellA].repl.Troubles(tableName)[cellC]
		wantAt := time.UnixMicro(w.members[cellC].table().Def.Inaccessible.Since).Add(replication.InaccessibleAtMost)
		if !strings.HasPrefix(trouble.Reason, "No resource-based policy allows dynamodb:") || !strings.HasSuffix(trouble.Reason, " on "+cellC.TableARN(tableName)+" to replication.dynamodb.amazonaws.com.") || !trouble.Detaches().Equal(wantAt) {
			t.Errorf("A is told %q, and %v for %v", trouble.Reason, trouble.Detaches(), wantAt)
		}
		w.dates.Advance(replication.InaccessibleAtMost - time.Minute)
		w.run(20 * time.Second)
		if w.regional(cellC) {
			t.Fatal("too early")
		}
		w.dates.Advance(time.Minute)
		w.until(time.Minute, "detached", func() bool {
			return w.regional(cellC) && w.members[cellA].table().Def.Group.Member(cellC) == nil && w.members[cellB].table().Def.Group.Member(cellC) == nil
		})
		if !strings.Contains(w.members[cellC].dump(t), "local") || !strings.Contains(w.members[cellC].dump(t), `"k"`) {
			t.Errorf("it lost data:\n%s", w.describe())
		}
		w.members[cellA].put(t, "more", "v")
		w.run(10 * time.Second)
		w.wantNoReaders(cellC, cellA, cellB)
		w.wantNoReaders(cellA, cellC)
		if w.members[cellA].dump(t) != w.members[cellB].dump(t) || strings.Contains(w.members[cellC].dump(t), "more") {
			t.Errorf("afterwards:\n%s", w.describe())
		}
	}
}

// TestHealBeforeDetach: leave that is given back in time ends the count, and what
// waited is shipped.
func TestHealBeforeDetach(t *testing.T) {
	w := newPair(t)
	both := []aws.Cell{cellA, cellB}
	for range 3 {
		w.setPolicy(cellB, grant{members: both, actions: serviceActions[2:]})
		w.run(11 * time.Second)
		w.dates.Advance(15 * time.Hour)
		w.members[cellB].put(t, "k", w.clock.now.String())
		w.setPolicy(cellB, grant{members: both})
		w.until(20*time.Second, "shipped", w.settled(1, both...))
		w.until(20*time.Second, "in order", func() bool {
			return w.members[cellB].table().Def.Inaccessible == nil && len(w.members[cellA].repl.Troubles(tableName)) == 0
		})
	}
}

// TestDetachUnseen: one that is detached while it is cut off, and restarted, is
// dropped by the others when they meet again.
func TestDetachUnseen(t *testing.T) {
	w := newTriple(t)
	w.setPolicy(cellC, grant{})
	w.run(20 * time.Second)
	w.network.Isolate(cellC.Region, true)
	w.restart(cellC)
	w.dates.Advance(21 * time.Hour)
	w.until(time.Minute, "detached", func() bool { return w.regional(cellC) })
	w.run(time.Minute)
	if w.members[cellA].table().Def.Group.Member(cellC) == nil {
		t.Fatal("dropped by a member that cannot know")
	}
	w.network.Isolate(cellC.Region, false)
	w.until(time.Minute, "dropped", func() bool {
		return w.members[cellA].table().Def.Group.Member(cellC) == nil && w.members[cellB].table().Def.Group.Member(cellC) == nil
	})
}

// TestRegionDisabled: a replica in a disabled Region is not replicated, says so,
// and takes part again when the Region is enabled in time.
func TestRegionDisabled(t *testing.T) {
	w := newPair(t)
	w.members[cellB].repl.SetDisabled(true)
	w.members[cellA].put(t, "k", "v")
	w.until(20*time.Second, "known", func() bool {
		return w.members[cellA].repl.Troubles(tableName)[cellB].Status == table.RegionDisabled &&
			w.link(cellA, cellA, cellB).State == replication.RegionOff && w.link(cellB, cellB, cellA).State == replication.RegionOff
	})
	if got := w.members[cellA].repl.Troubles(tableName)[cellB].Reason; got != "Region eu-west-1 is disabled in account 222222222222" {
		t.Errorf("A is told %q", got)
	}
	if strings.Contains(w.members[cellB].dump(t), `"k"`) {
		t.Error("a change came into a disabled Region")
	}
	w.members[cellB].repl.SetDisabled(false)
	w.until(20*time.Second, "shipped", w.settled(1, cellA, cellB))
	w.members[cellB].repl.SetDisabled(true)
	w.run(11 * time.Second)
	w.dates.Advance(20 * time.Hour)
	w.until(time.Minute, "detached", func() bool { return w.regional(cellB) && w.regional(cellA) })
}

// TestSourceRule: the 24 hours are counted by the clock of deadlines.
func TestSourceRule(t *testing.T) {
	w := newPair(t)
	a := w.members[cellA]
	wantCode(t, a.repl.CheckDelete(a.table()), "ValidationException", "in the last 24 hours")
	w.dates.Advance(24 * time.Hour)
	if err := a.repl.CheckDelete(a.table()); err != nil {
		t.Error(err)
	}
}

// TestStatements: what is said to be missing, added to the policy, lets a link
// flow again.
func TestStatements(t *testing.T) {
	w := newTriple(t)
	w.setPolicyText(cellB, `{"Version":"2012-10-17","Statement":[`+replication.AssociateStatement(cellB, tableName, "999999999999")+`]}`)
	w.run(time.Second)
	s := w.link(cellB, cellA, cellB)
	if s.State != replication.NotAuthorized || s.By != cellB || s.Allow == "" {
		t.Fatalf("got %+v", s)
	}
	w.setPolicyText(cellB, `{"Version":"2012-10-17","Statement":[`+s.Allow+`]}`)
	w.members[cellA].put(t, "k", "v")
	w.until(20*time.Second, "shipped", w.settled(1, w.order...))
}

// TestSourceLeaves: a replica whose source is detached before it was seeded is
// seeded by another member.
func TestSourceLeaves(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	if err := w.members[cellC].repl.Leave(t.Context(), w.members[cellC].table()); err != nil {
		t.Fatal(err)
	}
	w.until(time.Minute, "gone", func() bool { return w.members[cellC].table() == nil })
	w.setPolicy(cellA, grant{members: all, admits: []aws.Cell{cellC}})
	w.setPolicy(cellB, grant{members: all, admits: []aws.Cell{cellC}})
	if err := w.join(cellC, cellB, grant{members: all}); err != nil {
		t.Fatal(err)
	}
	w.setPolicy(cellB, grant{})
	w.run(20 * time.Second)
	w.dates.Advance(20 * time.Hour)
	w.members[cellA].put(t, "k", "v")
	w.until(time.Minute, "B is regional, and A and C go on", func() bool {
		c := w.members[cellC].table()
		return w.regional(cellB) && !w.regional(cellA) && c.Def.Status == table.Active && c.Def.Group.Member(cellB) == nil
	})
	w.until(time.Minute, "C has it all", w.settled(1, cellA, cellC))
}
