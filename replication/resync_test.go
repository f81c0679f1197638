package replication_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// TestRestoredSideBySide: two members are put back, one of them to before it was
// counted anew the last time, so that it takes itself for what it was; the other one
// was counted anew by a third member alone. Neither waits for the other.
func TestRestoredSideBySide(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.fill(cellA, 0, 10)
	w.until(5*time.Second, "all have 10", w.settled(10, all...))
	early := map[aws.Cell]*kv.Mem{cellB: w.members[cellB].store.Copy(), cellC: w.members[cellC].store.Copy()}
	w.fill(cellB, 10, 20)
	w.fill(cellC, 20, 30)
	w.until(5*time.Second, "all have 30", w.settled(30, all...))
	w.restore(cellB, early[cellB].Copy())
	w.wantBack(30, all...)
	w.fill(cellB, 30, 31)
	w.until(5*time.Second, "all have 31", w.settled(31, all...))
	g := w.members[cellC].table().Def.Group
	q := &replication.Request{Kind: replication.Renew, Table: tableName, Group: g, Member: *g.Member(cellC)}
	q.Member.Since, q.Member.Status, q.Member.Source = q.Member.Since+1, table.Creating, aws.Cell{}
	if _, err := w.members[cellA].repl.Serve(t.Context(), cellC, q); err != nil {
		t.Fatal(err)
	}
	w.restore(cellC, early[cellC])
	w.restore(cellB, early[cellB])
	w.fill(cellB, 31, 32)
	w.wantBack(32, all...)
}

// TestCountedAnewByAClockAhead: an attempt to be counted anew came to one member alone,
// when the clock was far ahead. The next one is later all the same.
func TestCountedAnewByAClockAhead(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	early := w.members[cellA].store.Copy()
	w.fill(cellA, 0, 10)
	w.until(5*time.Second, "all have 10", w.settled(10, all...))
	g := w.members[cellA].table().Def.Group
	q := &replication.Request{Kind: replication.Renew, Table: tableName, Group: g, Member: *g.Member(cellA)}
	q.Member.Since, q.Member.Status = w.clock.now.Add(time.Hour).UnixMicro(), table.Creating
	if _, err := w.members[cellB].repl.Serve(t.Context(), cellA, q); err != nil {
		t.Fatal(err)
	}
	w.restore(cellA, early)
	w.fill(cellA, 10, 11)
	w.wantBack(11, all...)
}

// TestRestoredBeforeJoinStays: a member that was put back to before another one joined
// does not know it, and does not say for that that it is none of its group.
func TestRestoredBeforeJoinStays(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all, admits: all})
	w.mustJoin(cellB, cellA, grant{members: all, admits: all})
	w.until(10*time.Second, "both are active", w.active(cellA, cellB))
	w.fill(cellA, 0, 10)
	w.until(5*time.Second, "both have 10", w.settled(10, cellA, cellB))
	early := w.members[cellA].store.Copy()
	w.mustJoin(cellC, cellB, grant{members: all, admits: all})
	w.until(10*time.Second, "all are active", w.active(all...))
	w.fill(cellA, 10, 20)
	w.until(5*time.Second, "all have 20", w.settled(20, all...))
	cut := func(on bool) {
		for _, way := range []replication.Way{{From: cellA.Region, To: cellB.Region}, {From: cellB.Region, To: cellA.Region}} {
			if err := w.network.SetConditions(way, replication.Conditions{Cut: on}); err != nil {
				t.Fatal(err)
			}
		}
	}
	cut(true)
	w.restore(cellA, early)
	w.run(40 * time.Second)
	if w.members[cellC].table().Def.Group.Member(cellA) == nil {
		t.Error("C has taken A out")
	}
	cut(false)
	w.wantBack(20, all...)
}

// TestAdoptedInVain: a replica is made in another Region, the answer of that is lost,
// and of the other members not all hear that it was given up. The replica, which
// one of them counts and another one does not, gives itself up; and can be made again.
func TestAdoptedInVain(t *testing.T) {
	w := newSameAccount(t, cellA3)
	all := []aws.Cell{cellA, cellA2, cellA3}
	w.fill(cellA, 0, 10)
	w.until(20*time.Second, "both have 10", w.settled(10, cellA, cellA2))
	w.transport = tap{Transport: w.network, call: func(r *replication.Request) error {
		if r.Kind == replication.Adopt && !r.DryRun {
			w.network.Isolate(cellA2.Region, true)
			return replication.ErrUnreachable
		}
		return nil
	}}
	if err := w.addReplica(cellA, cellA3.Region); err == nil {
		t.Fatal("it is made")
	}
	w.transport = w.network
	w.run(time.Second)
	w.network.Isolate(cellA2.Region, false)
	if w.members[cellA3].table() == nil || w.members[cellA].table().Def.Group.Member(cellA3) != nil || w.members[cellA2].table().Def.Group.Member(cellA3) == nil {
		t.Fatal("it is not counted by one alone")
	}
	w.until(2*time.Minute, "it is gone everywhere", func() bool {
		return w.members[cellA3].table() == nil && w.active(cellA, cellA2)()
	})
	if err := w.addReplica(cellA, cellA3.Region); err != nil {
		t.Fatal(err)
	}
	w.until(time.Minute, "all are active", w.active(all...))
	w.wantBack(10, all...)
}

// TestLeaveWhileOneIsPutBack: a member is deleted, or leaves and keeps its data, when
// all others have acknowledged what it wrote, and then one of them is put back to before
// that. It goes only when that one has it again, be it what the one that leaves wrote or
// what the one that was put back has forgotten.
func TestLeaveWhileOneIsPutBack(t *testing.T) {
	for _, c := range []struct {
		keeps bool
		wrote int // By the one that is put back, after the copy.
	}{{false, 5}, {true, 5}, {false, 0}, {true, 0}} {
		w := newPair(t)
		a, b := w.members[cellA], w.members[cellB]
		w.fill(cellA, 0, 5)
		w.until(5*time.Second, "both have 5", w.settled(5, cellA, cellB))
		w.run(7 * time.Second)
		early := a.store.Copy()
		w.fill(cellB, 5, 10)
		w.fill(cellA, 10, 10+c.wrote)
		w.until(10*time.Second, "both have all", w.settled(10+c.wrote, cellA, cellB))
		w.run(7 * time.Second)
		w.network.Isolate(cellA.Region, true)
		if c.keeps {
			if _, err := b.repl.Disassociate(t.Context(), b.table()); err != nil {
				t.Fatal(err)
			}
		} else if err := b.repl.Leave(t.Context(), b.table()); err != nil {
			t.Fatal(err)
		}
		w.run(2 * time.Second)
		w.restore(cellA, early)
		w.network.Isolate(cellA.Region, false)
		w.until(2*time.Minute, "B has left", func() bool { return b.table() == nil || b.table().Def.Group == nil })
		w.until(time.Minute, "A is alone", func() bool { return w.members[cellA].table().Def.Group == nil })
		if got := strings.Count(w.members[cellA].dump(t), "\n"); got != 10+c.wrote {
			t.Errorf("%+v: A has %d items, want %d", c, got, 10+c.wrote)
		}
	}
}

// TestCountedAnewByOneThatDoesNotKnow: a member whose store was put back counts no other
// one anew before it has asked that one: it would take it for asked.
func TestCountedAnewByOneThatDoesNotKnow(t *testing.T) {
	w := newPair(t)
	early := w.members[cellA].store.Copy()
	w.fill(cellA, 0, 10)
	w.until(5*time.Second, "both have 10", w.settled(10, cellA, cellB))
	w.restore(cellA, early)
	g := w.members[cellB].table().Def.Group
	q := &replication.Request{Kind: replication.Renew, Table: tableName, Group: g, Member: *g.Member(cellB), DryRun: true}
	q.Member.Since++
	_, err := w.members[cellA].repl.Serve(t.Context(), cellB, q)
	wantCode(t, err, "ResourceInUseException", "")
	w.wantBack(10, cellA, cellB)
	q.Group = w.members[cellB].table().Def.Group
	if _, err := w.members[cellA].repl.Serve(t.Context(), cellB, q); err != nil {
		t.Error(err)
	}
}
