package replication_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// removeLost has a member ask for the removal of lost ones.
func (m *member) removeLost(t *testing.T, lost ...aws.Cell) ([]replication.Removal, error) {
	t.Helper()
	return m.repl.RemoveLost(t.Context(), caller(m.cell), tableName, lost)
}

// silence cuts a cell off until the others are long without contact.
func (w *world) silence(c aws.Cell) {
	w.network.Isolate(c.Region, true)
	w.run(20 * time.Second)
}

// without reports whether some cells are the only members, in the eyes of all of
// them, and have all of each other.
func (w *world) without(cells ...aws.Cell) func() bool {
	return func() bool {
		for _, c := range cells {
			g := w.members[c].table().Def.Group
			if g == nil || len(g.Members) != len(cells) || len(g.Recover) > 0 {
				return false
			}
		}
		return true
	}
}

// removing is a policy that lets another account take out members here.
func removing(g grant, by aws.Cell) string {
	return strings.TrimSuffix(g.String(), "]}") + fmt.Sprintf(`,{"Sid":"Remove","Effect":"Allow","Principal":{"AWS":%q},"Action":"dynamodb:DeleteTableReplica","Resource":%q}]}`, by.Account, g.self.TableARN(tableName))
}

// TestRemoveLost: a member that never returns holds up changes of settings,
// deletions and disassociations until it is taken out. What it brought to one of the
// others alone comes to all of them, and how far its log is known is told.
func TestRemoveLost(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	a, b, c := w.members[cellA], w.members[cellB], w.members[cellC]
	w.setPolicyText(cellB, removing(grant{self: cellB, members: all, admits: []aws.Cell{cellC}}, cellA))
	c.put(t, "everywhere", "1")
	w.until(10*time.Second, "everywhere", w.settled(1, all...))
	if err := w.network.SetConditions(replication.Way{From: cellC.Region, To: cellB.Region}, replication.Conditions{Cut: true}); err != nil {
		t.Fatal(err)
	}
	c.put(t, "with one", "1")
	w.until(10*time.Second, "with one", w.settled(2, cellA, cellC))
	w.silence(cellC)
	c.put(t, "with none", "1")
	w.dates.Advance(230 * time.Hour) // It is about leave to replicate, and nobody takes that away.
	w.run(20 * time.Second)
	if a.table().Def.Group.Member(cellC) == nil {
		t.Fatal("it was taken out unasked")
	}
	wantCode(t, a.change(t, expire("until")), "ServiceUnavailable", "")
	if _, err := b.repl.Disassociate(t.Context(), b.table()); err != nil {
		t.Fatal(err)
	}
	w.run(40 * time.Second)
	if b.table().Def.Group == nil {
		t.Fatal("it left without the lost one's changes")
	}
	out, err := a.removeLost(t, cellC)
	if err != nil || len(out) != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	for _, x := range out {
		if x.Err != nil || len(x.Known) != 1 || x.Known[0].Cell != cellC || x.Known[0].Silent < 15*time.Second {
			t.Errorf("%+v", x)
		}
	}
	if ka, kb := out[0].Known[0], out[1].Known[0]; ka.Position <= kb.Position || kb.Position == 0 {
		t.Errorf("A has its log up to %d, B up to %d", ka.Position, kb.Position)
	}
	w.until(time.Minute, "B has left, with what A alone had", func() bool { return b.table().Def.Group == nil && w.settled(2, cellA, cellB)() })
	if a.table().Def.Group != nil {
		t.Errorf("A is in the group %+v", a.table().Def.Group)
	}
	if err := a.change(t, expire("until")); err != nil {
		t.Error(err)
	}
	if readers, err := a.table().Log.Readers(t.Context()); err != nil || len(readers) != 0 {
		t.Errorf("A keeps its log for %v (%v)", readers, err)
	}
}

// TestRemoveLostDelete: a deletion that waits for a member which never returns goes
// on once that is taken out, and one of the last pair is over then.
func TestRemoveLostDelete(t *testing.T) {
	w := newPair(t)
	a := w.members[cellA]
	w.silence(cellB)
	w.dates.Advance(24 * time.Hour)
	a.put(t, "k", "1")
	if err := a.repl.Leave(t.Context(), a.table()); err != nil {
		t.Fatal(err)
	}
	w.run(time.Minute)
	if a.table() == nil {
		t.Fatal("it is gone")
	}
	if _, err := a.removeLost(t, cellB); err != nil {
		t.Fatal(err)
	}
	w.until(10*time.Second, "it is gone", func() bool { return a.table() == nil })
}

// TestRemoveLostRefused: nobody is taken out with whom some member has contact, or
// while a member that is not lost cannot be asked, and then nothing is changed.
func TestRemoveLostRefused(t *testing.T) {
	w := newTriple(t)
	a, b := w.members[cellA], w.members[cellB]
	refused := func(code, text string, lost ...aws.Cell) {
		t.Helper()
		_, err := a.removeLost(t, lost...)
		wantCode(t, err, code, text)
		for _, m := range []*member{a, b} {
			if len(m.table().Def.Group.Members) != 3 {
				t.Errorf("%v has the members %+v", m.cell, m.table().Def.Group.Members)
			}
		}
	}
	w.run(20 * time.Second)
	refused("ValidationException", "cannot take the replica in 333333333333/ap-south-1 for lost", cellC)
	refused("ValidationException", "it is not lost", cellA)
	refused("ValidationException", "has no replica in 111111111111/eu-north-1", sameAccount)
	refused("ValidationException", "Name the replicas")
	cut := func(on bool) {
		t.Helper()
		for _, way := range []replication.Way{{From: cellA.Region, To: cellC.Region}, {From: cellC.Region, To: cellA.Region}} {
			if err := w.network.SetConditions(way, replication.Conditions{Cut: on}); err != nil {
				t.Fatal(err)
			}
		}
	}
	cut(true)
	w.run(20 * time.Second)
	refused("ValidationException", "222222222222/eu-west-1 cannot take the replica in 333333333333/ap-south-1 for lost", cellC)
	cut(false)
	w.silence(cellC)
	w.network.Isolate(cellB.Region, true)
	refused("ServiceUnavailable", "nothing was changed", cellC)
	w.network.Isolate(cellB.Region, false)
	w.network.Isolate(cellC.Region, false)
	refused("ValidationException", "answers 111111111111/us-east-1: it is not lost", cellC)
	w.run(20 * time.Second)
	w.setPolicyText(cellA, strings.TrimSuffix(grant{self: cellA, members: []aws.Cell{cellA, cellB, cellC}}.String(), "]}")+fmt.Sprintf(`,{"Sid":"Keep","Effect":"Deny","Principal":"*","Action":"dynamodb:DeleteTableReplica","Resource":%q}]}`, cellA.TableARN(tableName)))
	w.silence(cellC)
	refused("AccessDeniedException", "dynamodb:DeleteTableReplica on resource: "+cellA.TableARN(tableName), cellC)
}

// TestRemoveLostElsewhere: a table of another account is that account's. Where its
// policy does not let the caller take out members, its own operator does; until then
// the two have other members, and settings stay. Two lost members go at once.
func TestRemoveLostElsewhere(t *testing.T) {
	w := newTriple(t)
	a, b := w.members[cellA], w.members[cellB]
	w.silence(cellC)
	out, err := a.removeLost(t, cellC)
	if err != nil || len(out) != 2 || out[0].Err != nil {
		t.Fatalf("%+v, %v", out, err)
	}
	wantCode(t, out[1].Err, "AccessDeniedException", "dynamodb:DeleteTableReplica on resource: "+cellB.TableARN(tableName))
	if b.table().Def.Group.Member(cellC) == nil {
		t.Fatal("B was not asked for leave")
	}
	wantCode(t, a.change(t, expire("until")), "ResourceInUseException", "")
	for range 2 { // The second time there is nothing to do.
		if out, err := b.removeLost(t, cellC); err != nil || out[1].Err != nil {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	w.until(time.Minute, "they are the only members", w.without(cellA, cellB))
	if err := a.change(t, expire("until")); err != nil {
		t.Error(err)
	}
	w = newTriple(t)
	w.network.Isolate(cellB.Region, true)
	w.silence(cellC)
	if out, err := w.members[cellA].removeLost(t, cellB, cellC); err != nil || len(out) != 1 || len(out[0].Known) != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	if w.members[cellA].table().Def.Group != nil {
		t.Error("A is not alone")
	}
}

// TestLostReturns: one that was taken out learns of it when it returns, and is a
// regional table with all its data, which may be reattached within a week and joins
// anew after that.
func TestLostReturns(t *testing.T) {
	for _, late := range []bool{false, true} {
		w := newTriple(t)
		all := []aws.Cell{cellA, cellB, cellC}
		a, c := w.members[cellA], w.members[cellC]
		w.setPolicyText(cellB, removing(grant{self: cellB, members: all, admits: []aws.Cell{cellC}}, cellA))
		w.silence(cellC)
		c.put(t, "of the lost", "1")
		if out, err := a.removeLost(t, cellC); err != nil || out[1].Err != nil {
			t.Fatalf("%+v, %v", out, err)
		}
		a.put(t, "meanwhile", "1")
		w.until(time.Minute, "they are the only members", w.without(cellA, cellB))
		if late {
			w.dates.Advance(replication.ReattachWithin + time.Hour)
			w.run(time.Minute)
		}
		w.network.Isolate(cellC.Region, false)
		w.until(time.Minute, "it is regional", func() bool { return w.regional(cellC) })
		if got := c.dump(t); !strings.Contains(got, "of the lost") {
			t.Errorf("it has %s", got)
		}
		err := c.repl.Reattach(t.Context(), tableName)
		if late {
			wantCode(t, err, "ValidationException", "delete it and join anew")
			if err := c.engine.Drop(t.Context(), tableName); err != nil {
				t.Fatal(err)
			}
			w.mustJoin(cellC, cellA, grant{members: all})
			w.until(time.Minute, "it has what the others have", w.settled(1, all...))
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		w.until(2*time.Minute, "all have all", w.settled(2, all...))
		w.until(time.Minute, "all are members", func() bool {
			for _, m := range all {
				if g := w.members[m].table().Def.Group; g == nil || len(g.Members) != 3 || g.Returns() {
					return false
				}
			}
			return true
		})
		if s := c.table().Def.Status; s != table.Active {
			t.Errorf("it is %s", s)
		}
	}
}

// TestLostHalfWayBack: a replica that was taken out as lost while it was coming back
// comes back all the same, however far it had got: one member had taken it in, or all,
// or it was a member in its own eyes. No deletion is undone by that.
func TestLostHalfWayBack(t *testing.T) {
	for _, took := range []int{1, 2, 3} {
		t.Run(fmt.Sprint(took), func(t *testing.T) {
			w := newTriple(t)
			all := []aws.Cell{cellA, cellB, cellC}
			a, c := w.members[cellA], w.members[cellC]
			w.fill(cellA, 0, 10)
			w.until(10*time.Second, "all have all", w.settled(10, all...))
			w.detach(cellC)
			w.setPolicyText(cellB, removing(grant{self: cellB, members: all, admits: []aws.Cell{cellC}}, cellA))
			w.setPolicy(cellC, grant{members: all})
			a.remove(t, key(0))
			c.remove(t, key(1))
			c.put(t, "of the lost", "1")
			w.comeHalfWay(cellC, took)
			w.run(20 * time.Second)
			if back := took == len(all); w.regional(cellC) == back {
				t.Fatalf("back in its own eyes: %t", !back)
			}
			if out, err := a.removeLost(t, cellC); err != nil || out[1].Err != nil {
				t.Fatalf("%+v, %v", out, err)
			}
			w.until(time.Minute, "they are the only members", w.without(cellA, cellB))
			w.network.Isolate(cellC.Region, false)
			w.until(time.Minute, "it is regional", func() bool { return w.regional(cellC) })
			w.mustReattach(cellC)
			w.until(time.Minute, "all are active", w.active(all...))
			w.until(2*time.Minute, "all have the same", w.sameRows(all...))
			if got := a.dump(t); strings.Count(got, "\n") != 9 || !strings.Contains(got, "of the lost") {
				t.Errorf("they have %s", got)
			}
		})
	}
}

// comeHalfWay has a cell come back until that many replicas, its own the last of them,
// are members as they see it, and cuts it off.
func (w *world) comeHalfWay(c aws.Cell, took int) {
	w.t.Helper()
	w.transport = tap{Transport: w.network, call: func(r *replication.Request) error {
		if r.Kind != replication.Rejoin || r.DryRun {
			return nil
		}
		if took--; took > 0 {
			return nil
		}
		w.network.Isolate(c.Region, true)
		return replication.ErrUnreachable
	}}
	err := w.reattach(c)
	if took == 0 {
		wantCode(w.t, err, "ServiceUnavailable", "")
	} else if err != nil {
		w.t.Fatal(err)
	}
	w.network.Isolate(c.Region, true)
	w.transport = w.network
}

// TestRemoveLostCountedAnew: what a lost member brought to one of the others alone
// comes to all of them, also where it was being counted anew when it was lost. Should
// it return, it is a regional table and does not come back.
func TestRemoveLostCountedAnew(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.setPolicyText(cellB, removing(grant{self: cellB, members: all, admits: []aws.Cell{cellC}}, cellA))
	early := w.members[cellC].store.Copy()
	w.fill(cellC, 0, 10)
	w.until(10*time.Second, "all have 10", w.settled(10, all...))
	w.transport = tap{Transport: w.network, call: func(r *replication.Request) error {
		if r.Kind == replication.Digest {
			return replication.ErrUnreachable // It is compared with nobody.
		}
		return nil
	}}
	w.restore(cellC, early)
	w.until(time.Minute, "all count it anew", func() bool {
		for _, m := range all {
			if w.members[m].table().Def.Group.Member(cellC).Status != table.Creating {
				return false
			}
		}
		return true
	})
	if err := w.network.SetConditions(replication.Way{From: cellC.Region, To: cellB.Region}, replication.Conditions{Cut: true}); err != nil {
		t.Fatal(err)
	}
	w.members[cellC].put(t, "with one", "1")
	w.until(10*time.Second, "A has it", func() bool { return strings.Contains(w.members[cellA].dump(t), "with one") })
	w.silence(cellC)
	if strings.Contains(w.members[cellB].dump(t), "with one") {
		t.Fatal("B has it, too")
	}
	w.transport = w.network
	if out, err := w.members[cellA].removeLost(t, cellC); err != nil || out[1].Err != nil {
		t.Fatalf("%+v, %v", out, err)
	}
	w.until(time.Minute, "both have all", func() bool { return w.without(cellA, cellB)() && w.settled(11, cellA, cellB)() })
	if err := w.network.SetConditions(replication.Way{From: cellC.Region, To: cellB.Region}, replication.Conditions{}); err != nil {
		t.Fatal(err)
	}
	w.network.Isolate(cellC.Region, false)
	w.until(time.Minute, "the lost one is regional", func() bool { return w.regional(cellC) })
	wantCode(t, w.reattach(cellC), "ValidationException", "delete it and join anew") // It forgot deletions that nobody kept for it.
	if got := w.members[cellC].dump(t); !strings.Contains(got, "with one") {
		t.Errorf("it has %s", got)
	}
}
