package replication_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// tap is a transport that a test listens to.
type tap struct {
	replication.Transport
	send func(from, to aws.Cell, m *replication.Message)
	call func(r *replication.Request) error // After the answer; its error goes in the answer's place.
}

func (t tap) Send(from, to aws.Cell, m *replication.Message) {
	if t.send != nil {
		t.send(from, to, m)
	}
	t.Transport.Send(from, to, m)
}

func (t tap) Call(ctx context.Context, from, to aws.Cell, r *replication.Request) (*replication.Response, error) {
	a, err := t.Transport.Call(ctx, from, to, r)
	if t.call != nil && err == nil {
		err = t.call(r)
	}
	return a, err
}

// newHalfJoin returns a world in which A took B in, and B knows nothing of it.
func newHalfJoin(t *testing.T) (*world, []aws.Cell) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all, admits: all})
	w.members[cellA].put(t, "a", "1")
	w.transport = tap{Transport: w.network, call: func(r *replication.Request) error {
		if r.Kind != replication.Admit || r.DryRun {
			return nil
		}
		w.network.Isolate(cellB.Region, true)
		return replication.ErrUnreachable
	}}
	if err := w.join(cellB, cellA, grant{members: all, admits: all}); err == nil {
		t.Fatal("B has joined")
	}
	w.transport = w.network
	if w.members[cellA].table().Def.Group.Member(cellB) == nil {
		t.Fatal("A has not taken B in")
	}
	return w, all
}

// TestHalfJoin: a member that was taken in and never made does not stay one.
func TestHalfJoin(t *testing.T) {
	t.Run("joins again", func(t *testing.T) {
		w, all := newHalfJoin(t)
		w.network.Isolate(cellB.Region, false)
		w.mustJoin(cellB, cellA, grant{members: all, admits: all})
		w.members[cellA].put(t, "b", "2")
		w.until(10*time.Second, "B has it all", w.settled(2, cellA, cellB))
	})
	t.Run("another one joins", func(t *testing.T) {
		w, all := newHalfJoin(t)
		w.run(time.Minute)
		if w.members[cellA].table().Def.Group.Member(cellB) == nil {
			t.Fatal("B was taken out, and could not be asked")
		}
		w.network.Isolate(cellB.Region, false)
		w.until(time.Minute, "B is taken out", func() bool {
			return w.members[cellA].table().Def.Group.Member(cellB) == nil
		})
		w.mustJoin(cellC, cellA, grant{members: all, admits: all})
		w.until(10*time.Second, "C has it all", w.settled(1, cellA, cellC))
	})
}

// TestHalfAdd: a replica that is made again, after the cell that made it crashed
// half-way, is one member in its own eyes.
func TestHalfAdd(t *testing.T) {
	w := newWorld(t, cellA, sameAccount)
	w.create(cellA, grant{})
	w.transport = onCall{w.network, func(q *replication.Request) {
		if q.Kind == replication.Adopt && !q.DryRun {
			w.network.Isolate(sameAccount.Region, true)
			w.restart(cellA)
		}
	}}
	add := func() error {
		a := w.members[cellA]
		return a.repl.AddReplica(t.Context(), caller(cellA), a.table(), sameAccount.Region, table.Settings{})
	}
	if err := add(); err == nil {
		t.Fatal("the replica was made")
	}
	if w.members[cellA].table().Def.Group.Member(sameAccount) == nil {
		t.Fatal("the replica was not begun")
	}
	w.transport = w.network
	w.network.Isolate(sameAccount.Region, false)
	w.run(time.Second)
	if err := add(); err != nil {
		t.Fatal(err)
	}
	for _, m := range w.members {
		if got := m.table().Def.Group.Members; len(got) != 2 {
			t.Errorf("the members in %v: %+v", m.cell, got)
		}
	}
}

// TestMailOfATimeBefore: what is under way of a member's time before it left is
// nothing to the member that joined again.
func TestMailOfATimeBefore(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.setPolicy(cellA, grant{members: all, admits: all})
	w.setPolicy(cellC, grant{members: all, admits: all})
	var old []*replication.Message
	w.transport = tap{Transport: w.network, send: func(from, to aws.Cell, m *replication.Message) {
		if from == cellA && to == cellB {
			old = append(old, m)
		}
	}}
	for i := range 100 {
		w.members[cellB].put(t, key(i), "1")
	}
	w.until(10*time.Second, "all have all", w.settled(100, all...))
	if err := w.members[cellB].repl.Leave(t.Context(), w.members[cellB].table()); err != nil {
		t.Fatal(err)
	}
	w.until(time.Minute, "B is gone", func() bool { return w.members[cellB].table() == nil })
	w.transport = w.network
	w.mustJoin(cellB, cellA, grant{members: all, admits: all})
	for _, m := range old {
		late := *m
		late.To = 1 << 40 // As far on as it may ever have been.
		w.members[cellB].repl.Deliver(cellA, &late)
	}
	w.until(10*time.Second, "B has it all", w.settled(100, all...))
	w.members[cellB].put(t, "again", "1")
	w.until(10*time.Second, "all have what B wrote", w.settled(101, all...))
}

// TestCrashBeforeActive: a newcomer that has all of its seed and is not yet
// active becomes so after a crash.
func TestCrashBeforeActive(t *testing.T) {
	w := newPair(t)
	_, err := w.members[cellB].engine.Alter(t.Context(), tableName, func(d *table.Definition) error {
		d.Status = table.Creating
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.restart(cellB)
	w.until(10*time.Second, "B is active", func() bool { return w.members[cellB].table().Def.Status == table.Active })
}

// TestLeavingSource: nobody joins by a member that is leaving.
func TestLeavingSource(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.network.Isolate(cellC.Region, true) // So that B stays for a while.
	if err := w.members[cellB].repl.Leave(t.Context(), w.members[cellB].table()); err != nil {
		t.Fatal(err)
	}
	fourth := aws.Cell{Account: "999999999999", Region: "sa-east-1"}
	w.order = append(w.order, fourth)
	w.start(fourth, kv.NewMem(kv.MemOptions{}))
	w.setPolicy(cellB, grant{members: append(all, fourth), admits: []aws.Cell{fourth}})
	err := w.join(fourth, cellB, grant{members: append(all, fourth)})
	var answer *aws.Error
	if !errors.As(err, &answer) || answer.Code != "ResourceInUseException" {
		t.Errorf("the join: %v", err)
	}
}

// TestNewcomersTogether: two members that join before either has been heard of
// have each other's writes.
func TestNewcomersTogether(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all, admits: all})
	if err := w.join(cellB, cellA, grant{members: all, admits: all}); err != nil {
		t.Fatal(err)
	}
	if err := w.join(cellC, cellA, grant{members: all}); err != nil {
		t.Fatal(err)
	}
	w.until(10*time.Second, "all are active", func() bool {
		return w.members[cellB].table().Def.Status == table.Active && w.members[cellC].table().Def.Status == table.Active
	})
	w.members[cellB].put(t, "b", "1")
	w.members[cellC].put(t, "c", "1")
	w.until(10*time.Second, "all have all", w.settled(2, all...))
}

// TestNewcomerSawALifeBefore: a newcomer that saw a member as it was before it
// joined again is refused. The two would take nothing from each other, for good.
func TestNewcomerSawALifeBefore(t *testing.T) {
	w, all := newHalfJoin(t)
	w.network.Isolate(cellB.Region, false)
	w.run(time.Second)
	g := grant{members: all, admits: all}
	again := false
	w.transport = onCall{w.network, func(q *replication.Request) {
		if q.Kind == replication.Admit && q.Member.Cell == cellC && !again {
			again = true
			if err := w.join(cellB, cellA, g); err != nil {
				t.Fatal(err)
			}
		}
	}}
	wantCode(t, w.join(cellC, cellA, g), "ResourceInUseException", "in use")
	w.mustJoin(cellC, cellA, g)
	w.members[cellB].put(t, "b", "2")
	w.members[cellC].put(t, "c", "3")
	w.until(10*time.Second, "all have all", w.settled(3, all...))
}

// TestSeedNamesEveryMember: a source that has just started, and has not heard of
// a member since, still tells a newcomer where to begin at that member.
func TestSeedNamesEveryMember(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all, admits: []aws.Cell{cellB, cellC}})
	w.mustJoin(cellB, cellA, grant{members: all, admits: []aws.Cell{cellC}})
	w.run(7 * time.Second)
	w.restart(cellA)
	w.order = []aws.Cell{cellC, cellA, cellB} // C asks before A has taken a step.
	w.mustJoin(cellC, cellA, grant{members: all})
	w.fill(cellB, 0, 5)
	w.until(20*time.Second, "C has what B wrote", w.settled(5, cellA, cellB, cellC))
	w.until(20*time.Second, "C is active in B's eyes", func() bool {
		return w.members[cellB].table().Def.Group.Member(cellC).Status == table.Active
	})
}

// TestLeftMemberAdmitsNobody: a member that has just left its group does not take
// in a newcomer that still counts it, which would begin a second half.
func TestLeftMemberAdmitsNobody(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellB, grant{members: all, admits: []aws.Cell{cellC}})
	q := &replication.Request{
		Kind: replication.Admit, Table: tableName, Caller: root(cellC),
		Member: table.Member{Cell: cellC, Status: table.Creating, Source: cellA},
		Group:  &table.Group{ID: "g", Kind: table.MultiAccount, Members: []table.Member{{Cell: cellA}, {Cell: cellB, Since: w.members[cellB].table().Def.CreatedAt}, {Cell: cellC}}},
	}
	_, err := w.members[cellB].repl.Serve(t.Context(), cellC, q)
	wantCode(t, err, "ResourceInUseException", "in use")
	if w.members[cellB].table().Def.Group != nil {
		t.Error("it is a member again")
	}
	q.Group.Members = q.Group.Members[1:] // As its source it begins a group.
	since := q.Group.Members[0].Since
	q.Group.Members[0].Since++ // Of another time: their links would not know each other.
	_, err = w.members[cellB].repl.Serve(t.Context(), cellC, q)
	wantCode(t, err, "ResourceInUseException", "in use")
	q.Group.Members[0].Since = since
	if _, err := w.members[cellB].repl.Serve(t.Context(), cellC, q); err != nil {
		t.Error(err)
	}
}
