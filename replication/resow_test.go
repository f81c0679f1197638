package replication_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// cellD is a fourth member.
var cellD = aws.Cell{Account: "999999999999", Region: "sa-east-1"}

// holdPages keeps from a newcomer the pages of a seed that are not the first
// answer, and returns those of one source.
func (w *world) holdPages(newcomer, of aws.Cell) *[]*replication.Message {
	var held []*replication.Message
	w.transport = dropping{tap{Transport: w.network}, func(from, to aws.Cell, m *replication.Message) bool {
		if to != newcomer || m.Kind != replication.SeedPage || m.Begin {
			return false
		}
		if from == of {
			held = append(held, m)
		}
		return true
	}}
	return &held
}

// dropping is a transport that loses what a test says.
type dropping struct {
	tap
	drop func(from, to aws.Cell, m *replication.Message) bool
}

func (d dropping) Send(from, to aws.Cell, m *replication.Message) {
	if !d.drop(from, to, m) {
		d.tap.Send(from, to, m)
	}
}

// lose takes a cell away for good.
func (w *world) lose(c aws.Cell) {
	w.network.Detach(c)
	for i, x := range w.order {
		if x == c {
			w.order = append(w.order[:i:i], w.order[i+1:]...)
		}
	}
}

// TestLostSource: the source of a newcomer is lost for good while it seeds it. The
// newcomer is seeded by another member, and has also what that member has not
// heard of yet, and what the lost one had shown it was further on with.
func TestLostSource(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cellA, cellB, cellC, cellD)
	all := []aws.Cell{cellA, cellB, cellC, cellD}
	w.create(cellA, grant{members: all, admits: all})
	w.fill(cellA, 0, 700)
	w.mustJoin(cellB, cellA, grant{members: all, admits: all})
	w.mustJoin(cellD, cellA, grant{members: all, admits: all})
	// B does not hear D any more, and A does.
	way := replication.Way{From: cellD.Region, To: cellB.Region}
	if err := w.network.SetConditions(way, replication.Conditions{Cut: true}); err != nil {
		t.Fatal(err)
	}
	w.fill(cellD, 1000, 1100)
	w.until(10*time.Second, "A has what D wrote", w.settled(800, cellA, cellD))
	// Calls between B and D go on, so that C is admitted.
	w.holdPages(cellC, cellA)
	if err := w.network.SetConditions(way, replication.Conditions{}); err != nil {
		t.Fatal(err)
	}
	lost := w.transport.(dropping)
	inner := lost.drop
	lost.drop = func(from, to aws.Cell, m *replication.Message) bool {
		return (from == cellD && to == cellB) || inner(from, to, m)
	}
	w.transport = lost
	if err := w.join(cellC, cellA, grant{members: all}); err != nil {
		t.Fatal(err)
	}
	w.run(3 * time.Second)
	w.lose(cellA)
	inner = func(_, _ aws.Cell, _ *replication.Message) bool { return false } // B's pages come.
	w.fill(cellB, 2000, 2010)
	w.run(20 * time.Second)
	if s := w.link(cellC, cellA, cellC); s.State != replication.NoContact || !strings.Contains(s.Reason, "Another member takes its place") {
		t.Errorf("the status says %s, %s", s.State, s.Reason)
	}
	w.until(time.Minute, "C is seeded by B", func() bool { return w.members[cellC].table().Def.Status == table.Active })
	if got := w.members[cellC].table().Def.Group.Member(cellC).Source; got != cellB {
		t.Errorf("its source is %v", got)
	}
	if err := w.members[cellB].repl.CheckDelete(w.members[cellB].table()); err == nil {
		t.Error("B may be deleted, and has just been a source")
	}
	if strings.Contains(w.members[cellB].dump(t), key(1000)) {
		t.Fatal("B has heard of D: nothing is tested")
	}
	w.until(20*time.Second, "C has what D wrote before it joined", func() bool { return countLines(w.members[cellC].dump(t)) == 810 })
	w.transport = w.network
	w.until(20*time.Second, "all that are left have all", w.settled(810, cellB, cellC, cellD))
	w.members[cellC].put(t, "of C", "1")
	w.until(20*time.Second, "all have what C writes", w.settled(811, cellB, cellC, cellD))
}

// TestSourceAnswersLate: what a source sent before it was given up is nothing to a
// newcomer that came back to it.
func TestSourceAnswersLate(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all, admits: all})
	w.fill(cellA, 0, 300)
	w.mustJoin(cellB, cellA, grant{members: all, admits: all})
	held := w.holdPages(cellC, cellA)
	both := w.transport.(dropping)
	pages := both.drop
	both.drop = func(from, to aws.Cell, m *replication.Message) bool {
		return (from == cellA && to == cellC && m.Kind == replication.Batch) || pages(from, to, m)
	}
	w.transport = both // What A wrote comes by its pages alone.
	if err := w.join(cellC, cellA, grant{members: all}); err != nil {
		t.Fatal(err)
	}
	w.run(time.Second)
	source := func() aws.Cell { return w.members[cellC].table().Def.Group.Member(cellC).Source }
	w.network.Isolate(cellA.Region, true)
	w.until(2*time.Minute, "B is its source", func() bool { return source() == cellB })
	late := *held
	if len(late) == 0 {
		t.Fatal("A sent no page")
	}
	w.network.Isolate(cellA.Region, false)
	for i := range 300 {
		w.members[cellA].put(t, key(i), "new")
	}
	w.run(7 * time.Second)
	w.network.Isolate(cellB.Region, true)
	w.until(5*time.Minute, "A is its source again", func() bool { return source() == cellA })
	w.run(time.Second) // A says where to begin.
	for _, m := range late {
		w.members[cellC].repl.Deliver(cellA, m)
	}
	w.run(time.Second)
	w.transport = w.network
	w.network.Isolate(cellB.Region, false)
	w.until(time.Minute, "all have all", func() bool {
		return w.settled(300, all...)() && !strings.Contains(w.members[cellC].dump(t), `"x"`)
	})
}

// TestStranded: a newcomer of whose only source nothing is heard says so, and can
// be deleted; who took it in learns of it.
func TestStranded(t *testing.T) {
	w := newWorld(t, cellA, cellB)
	both := []aws.Cell{cellA, cellB}
	w.create(cellA, grant{members: both, admits: both})
	w.fill(cellA, 0, 10)
	w.holdPages(cellB, cellA)
	if err := w.join(cellB, cellA, grant{members: both}); err != nil {
		t.Fatal(err)
	}
	b := w.members[cellB]
	w.run(10 * time.Second)
	if b.repl.Stranded(b.table()) {
		t.Error("it is stranded, and its source is there")
	}
	w.network.Isolate(cellA.Region, true)
	w.run(2 * time.Minute)
	if s := w.link(cellB, cellA, cellB); s.State != replication.NoContact || !strings.Contains(s.Reason, "There is no other member") {
		t.Errorf("the status says %s, %s", s.State, s.Reason)
	}
	if !b.repl.Stranded(b.table()) {
		t.Fatal("it is not stranded")
	}
	if err := b.repl.Leave(t.Context(), b.table()); err != nil {
		t.Fatal(err)
	}
	w.until(time.Minute, "it is gone", func() bool { return b.table() == nil })
	w.transport = w.network
	w.network.Isolate(cellA.Region, false)
	w.until(time.Minute, "A is a regional table", func() bool { return w.members[cellA].table().Def.Group == nil })
	w.mustJoin(cellB, cellA, grant{members: both})
	w.until(10*time.Second, "B has it all", w.settled(10, both...))
}

// TestSourceHasNoTable: the source runs and has no such table any more. A newcomer
// with another member is seeded by that one; one without is given up.
func TestSourceHasNoTable(t *testing.T) {
	for _, other := range []bool{true, false} {
		w := newWorld(t, cellA, cellB, cellC)
		all := []aws.Cell{cellA, cellB, cellC}
		w.create(cellA, grant{members: all, admits: all})
		w.fill(cellA, 0, 10)
		if other {
			w.mustJoin(cellB, cellA, grant{members: all, admits: all})
		}
		w.holdPages(cellC, cellA)
		if err := w.join(cellC, cellA, grant{members: all}); err != nil {
			t.Fatal(err)
		}
		w.run(time.Second)
		if err := w.members[cellA].engine.Drop(t.Context(), tableName); err != nil {
			t.Fatal(err)
		}
		w.members[cellA].repl.Refresh()
		w.transport = w.network
		c := w.members[cellC]
		if other {
			w.until(2*time.Minute, "C is seeded by B", func() bool { return c.table().Def.Status == table.Active })
			w.until(2*time.Minute, "both have all, and A is no member", func() bool {
				return w.settled(10, cellB, cellC)() && c.table().Def.Group.Member(cellA) == nil
			})
		} else {
			w.until(2*time.Minute, "C is given up", func() bool { return c.table() == nil })
		}
	}
}

// TestNewcomerWithoutLeave: a newcomer that has no leave to take part says so while
// it is made, may be deleted, and is given up after as long as a member would be
// detached; until then it goes on once it has its leave back.
func TestNewcomerWithoutLeave(t *testing.T) {
	for _, how := range []string{"back", "given up", "deleted", "disabled"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t, cellA, cellB, cellC)
			all := []aws.Cell{cellA, cellB, cellC}
			w.create(cellA, grant{members: all, admits: all})
			w.fill(cellA, 0, 10)
			w.mustJoin(cellB, cellA, grant{members: all, admits: all})
			w.holdPages(cellC, cellA)
			if err := w.join(cellC, cellA, grant{members: all}); err != nil {
				t.Fatal(err)
			}
			a, c := w.members[cellA], w.members[cellC]
			w.run(10 * time.Second)
			if len(a.repl.Troubles(tableName)) != 0 || c.repl.Stranded(c.table()) {
				t.Errorf("a newcomer with leave: %v", a.repl.Troubles(tableName))
			}
			want := table.ReplicationNotAuthorized
			if how == "disabled" {
				want = table.RegionDisabled
				c.repl.SetDisabled(true)
			} else {
				w.setPolicy(cellC, grant{})
			}
			w.transport = w.network
			w.until(time.Minute, "A hears of it", func() bool {
				x := a.repl.Troubles(tableName)[cellC]
				return x.Status == want && !x.Detaches().IsZero()
			})
			if !c.repl.Stranded(c.table()) {
				t.Error("it cannot be deleted")
			}
			switch how {
			case "back":
				w.dates.Advance(replication.InaccessibleAtMost - time.Hour)
				w.setPolicy(cellC, grant{members: all})
				w.until(time.Minute, "it is made", w.settled(10, all...))
				return
			case "deleted":
				if err := c.repl.Leave(t.Context(), c.table()); err != nil {
					t.Fatal(err)
				}
			default:
				w.dates.Advance(replication.InaccessibleAtMost)
			}
			w.until(2*time.Minute, "it is gone", func() bool { return c.table() == nil })
			w.until(time.Minute, "the others are without it", func() bool {
				g := a.table().Def.Group
				return g.Member(cellC) == nil && len(g.Recover) == 0 && w.members[cellB].table().Def.Group.Member(cellC) == nil
			})
			c.repl.SetDisabled(false)
			w.mustJoin(cellC, cellB, grant{members: all})
			w.until(time.Minute, "all have all", w.settled(10, all...))
		})
	}
}

// interrupting is a transport that does something else first when a member is asked
// to take in a newcomer, once.
type interrupting struct {
	tap
	first *atomic.Bool
	do    func()
}

func (i interrupting) Call(ctx context.Context, from, to aws.Cell, q *replication.Request) (*replication.Response, error) {
	if q.Kind == replication.Admit && !q.DryRun {
		if i.first.CompareAndSwap(false, true) {
			i.do()
		}
	}
	return i.tap.Call(ctx, from, to, q)
}

// TestJoinTwice: a join that is sent again while it is under way waits for it, and
// leaves what it made alone.
func TestJoinTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cellA, cellB)
		both := []aws.Cell{cellA, cellB}
		w.create(cellA, grant{members: both, admits: both})
		w.fill(cellA, 0, 10)
		again := make(chan error, 1)
		w.transport = interrupting{tap{Transport: w.network}, new(atomic.Bool), func() {
			go func() { again <- w.join(cellB, cellA, grant{members: both}) }()
			synctest.Wait()
		}}
		if err := w.join(cellB, cellA, grant{members: both}); err != nil {
			t.Errorf("the first join: %v", err)
		}
		if err := <-again; err == nil || !strings.Contains(err.Error(), "Table already exists: "+tableName) {
			t.Errorf("the second join: %v", err)
		}
		w.until(time.Minute, "both have all", w.settled(10, both...))
	})
}
