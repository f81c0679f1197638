package replication_test

import (
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
)

// newLagging is a pair whose B syncs its store in the background: a commit is
// answered before it is durable, and the test says when it becomes so.
func newLagging(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, cellA, cellB)
	both := []aws.Cell{cellA, cellB}
	w.create(cellA, grant{members: both, admits: []aws.Cell{cellB}})
	w.members[cellB].store.Crash()
	w.start(cellB, kv.NewMem(kv.MemOptions{Now: func() int64 { return w.clock.now.UnixMicro() }, ManualSync: true}))
	if err := w.join(cellB, cellA, grant{members: both}); err != nil {
		t.Fatal(err)
	}
	w.until(time.Minute, "seeded", w.synced(func() bool { return w.link(cellB, cellA, cellB).State == replication.Flowing }))
	w.until(time.Minute, "B is active in A's eyes", w.synced(func() bool {
		return w.members[cellA].table().Def.Group.Member(cellB).Status == "ACTIVE"
	}))
	return w
}

// synced syncs B's store before it asks.
func (w *world) synced(ok func() bool) func() bool {
	return func() bool {
		w.members[cellB].store.Sync()
		return ok()
	}
}

// TestAckIsDurable: what a member acknowledged is there after a crash, also
// where its writes are synced in the background; so its source can give it up.
func TestAckIsDurable(t *testing.T) {
	w := newLagging(t)
	a, b := w.members[cellA], w.members[cellB]
	w.run(10 * time.Second)
	b.store.Sync()
	safe := a.store.Durable() // B's durable cursor is at most here.
	acks := 0
	w.transport = tap{Transport: w.network, send: func(from, _ aws.Cell, m *replication.Message) {
		if from == cellB && m.Kind == replication.Ack {
			if acks++; m.To > safe {
				t.Errorf("B acknowledges %d, and would have %d at most after a crash", m.To, safe)
			}
		}
	}}
	w.fill(cellA, 0, 10)
	w.until(5*time.Second, "B shows the 10", w.settled(10, cellA, cellB))
	w.run(7 * time.Second)
	if s := w.link(cellA, cellA, cellB); s.Pending != 10 || acks == 0 {
		t.Errorf("after %d acknowledgements %d changes are pending, want all 10", acks, s.Pending)
	}
	w.restart(cellB)
	if n := w.members[cellB].dump(t); n != "" {
		t.Fatalf("the crash took nothing back: %s", n)
	}
	safe = a.store.Durable()
	w.until(20*time.Second, "B has it again, and for good", w.synced(func() bool {
		safe = a.store.Durable() // What A notes of B's new run is a commit, too, and B's store is synced each time.
		return w.settled(10, cellA, cellB)() && w.link(cellA, cellA, cellB).Pending == 0
	}))
}

// TestTombstonesWaitForDurable: a tombstone stays while a crash could take a
// member back to before the deletion.
func TestTombstonesWaitForDurable(t *testing.T) {
	w := newLagging(t)
	a := w.members[cellA]
	w.fill(cellA, 0, 3)
	w.until(10*time.Second, "both have 3", w.synced(w.settled(3, cellA, cellB)))
	a.remove(t, key(0))
	w.until(5*time.Second, "the deletion arrives", w.settled(2, cellA, cellB))
	w.run(20 * time.Second)
	if some, err := a.engine.Tombstones(t.Context(), a.table()); err != nil || !some {
		t.Fatalf("the tombstone is gone, and the other member would have the item again after a crash (%v)", err)
	}
	w.restart(cellB)
	w.until(time.Minute, "tombstones go", w.synced(func() bool {
		some, err := a.engine.Tombstones(t.Context(), a.table())
		return err == nil && !some
	}))
	if !w.settled(2, cellA, cellB)() {
		t.Errorf("a deleted item is back:\n%s", w.describe())
	}
}

// TestSeedIsDurable: a page of a seed shows nothing that its source may yet
// lose.
func TestSeedIsDurable(t *testing.T) {
	w := newLagging(t)
	b := w.members[cellB]
	all := []aws.Cell{cellA, cellB, cellC}
	w.order = append(w.order, cellC)
	w.start(cellC, kv.NewMem(kv.MemOptions{Now: func() int64 { return w.clock.now.UnixMicro() }}))
	w.setPolicy(cellA, grant{members: all, admits: []aws.Cell{cellC}})
	w.setPolicy(cellB, grant{members: all, admits: []aws.Cell{cellC}})
	if err := w.join(cellC, cellB, grant{members: all}); err != nil {
		t.Fatal(err)
	}
	b.store.Sync()
	w.fill(cellB, 0, 10)
	w.run(5 * time.Second)
	if n := w.members[cellC].dump(t); n != "" {
		t.Errorf("C was seeded with what B may lose: %s", n)
	}
	w.restart(cellB)
	w.until(time.Minute, "C is active", w.synced(func() bool { return w.members[cellC].table().Def.Status == "ACTIVE" }))
	if n := w.members[cellC].dump(t); n != "" {
		t.Errorf("C has what B lost: %s", n)
	}
	w.fill(cellB, 10, 15)
	w.until(time.Minute, "all have what is new", w.synced(w.settled(5, cellA, cellB, cellC)))
}
