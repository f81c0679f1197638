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

// TestJoinSeeds: a second and a third member get what was there, tombstones'
// effects included, and then every member's writes (invariants 1 and 6).
func TestJoinSeeds(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all, admits: []aws.Cell{cellB, cellC}})
	a := w.members[cellA]
	const before = 600 // More than two pages.
	for i := range before {
		a.put(t, key(i), "old")
	}
	w.mustJoin(cellB, cellA, grant{members: all, admits: []aws.Cell{cellC}})
	w.until(10*time.Second, "B has it all", w.settled(before, cellA, cellB))
	if s := w.link(cellB, cellA, cellB); s.Seeded != before {
		t.Errorf("%d rows were seeded, want %d", s.Seeded, before)
	}
	b := w.members[cellB]
	b.put(t, "from-b", "1")
	b.remove(t, key(0))
	w.until(10*time.Second, "A has B's", w.settled(before, cellA, cellB))
	w.mustJoin(cellC, cellB, grant{members: all})
	w.until(10*time.Second, "C has it all", w.settled(before, cellA, cellB, cellC))
	for _, c := range all {
		w.members[c].put(t, "of-"+c.String(), "1")
	}
	w.until(10*time.Second, "all have all", w.settled(before+3, all...))
	for _, c := range all {
		g := w.members[c].table().Def.Group
		if len(g.Members) != 3 {
			t.Errorf("%v knows %d members", c, len(g.Members))
		}
		for _, m := range g.Members {
			if m.Status != table.Active {
				t.Errorf("%v shows %v as %s", c, m.Cell, m.Status)
			}
		}
	}
}

func key(i int) string { return "k" + time.Duration(i).String() }

// TestWritesDuringSeed: what is written anywhere while a member is being seeded
// reaches it, and each other.
func TestWritesDuringSeed(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all, admits: []aws.Cell{cellB, cellC}})
	for i := range 1000 {
		w.members[cellA].put(t, key(i), "old")
	}
	w.mustJoin(cellB, cellA, grant{members: all, admits: []aws.Cell{cellC}})
	if err := w.join(cellC, cellA, grant{members: all}); err != nil {
		t.Fatal(err)
	}
	for i := 0; w.members[cellC].table().Def.Status != table.Active; i++ {
		w.members[cellA].put(t, key(i), "by a")
		w.members[cellB].put(t, key(500+i), "by b")
		w.members[cellB].remove(t, key(999-i))
		for _, c := range w.order {
			w.members[c].repl.StepAll(t.Context())
		}
		if i > 400 {
			t.Fatal("the seed does not end")
		}
	}
	want := 0
	w.until(10*time.Second, "all the same", func() bool {
		want = countLines(w.members[cellB].dump(t))
		return w.settled(want, all...)()
	})
	if want == 1000 || want < 500 {
		t.Errorf("%d items are left", want)
	}
}

func countLines(s string) int {
	n := 0
	for _, c := range s {
		if c == '\n' {
			n++
		}
	}
	return n
}

// TestThirdMemberAfterForeignWrites: a member whose log holds mostly others'
// changes takes a newcomer in; the newcomer gets the member's own changes
// (invariant 3: the source's cursor on it is far behind the end of its log).
func TestThirdMemberAfterForeignWrites(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all, admits: []aws.Cell{cellB, cellC}})
	w.mustJoin(cellB, cellA, grant{members: all, admits: []aws.Cell{cellC}})
	for i := range 50 {
		w.members[cellA].put(t, key(i), "a")
		w.run(tick)
	}
	w.run(3 * time.Second)
	w.mustJoin(cellC, cellA, grant{members: all})
	w.members[cellB].put(t, "late", "b")
	w.until(5*time.Second, "B's write is everywhere", w.settled(51, all...))
}

// TestRestartResumes: each member restarts in turn, and replication goes on
// from the cursors without a gap, in both directions (invariant 3).
func TestRestartResumes(t *testing.T) {
	w := newPair(t)
	n := 0
	write := func(c aws.Cell) {
		w.members[c].put(t, key(n), "x")
		n++
	}
	for range 4 {
		for range 20 {
			write(cellA)
		}
		write(cellB)
		w.run(3 * time.Second)
		w.restart(cellA)
		write(cellB)
		w.until(10*time.Second, "A restarted", w.settled(n, cellA, cellB))
		write(cellA)
		w.restart(cellB)
		write(cellB)
		write(cellA)
		w.until(10*time.Second, "B restarted", w.settled(n, cellA, cellB))
	}
	// What is there already does not come again.
	if s := w.link(cellB, cellA, cellB); s.Lost != 0 {
		t.Errorf("%d changes came again", s.Lost)
	}
}

// TestRestartDuringSeed: the newcomer restarts between pages and goes on.
func TestRestartDuringSeed(t *testing.T) {
	w := newWorld(t, cellA, cellB)
	both := []aws.Cell{cellA, cellB}
	w.create(cellA, grant{members: both, admits: []aws.Cell{cellB}})
	for i := range 5000 {
		w.members[cellA].put(t, key(i), "old")
	}
	if err := w.join(cellB, cellA, grant{members: both}); err != nil {
		t.Fatal(err)
	}
	restarts := 0
	for i := 0; w.members[cellB].table().Def.Status != table.Active; i++ {
		for _, c := range w.order {
			w.members[c].repl.StepAll(t.Context())
		}
		if restarts < 3 {
			w.restart(cellB)
			restarts++
		}
		w.run(tick)
		if i > 5000 {
			t.Fatal("the seed does not end")
		}
	}
	if restarts != 3 {
		t.Fatalf("the seed was too quick for the test: %d restarts", restarts)
	}
	w.until(10*time.Second, "all there", w.settled(5000, cellA, cellB))
}

// TestIsolation: while a Region is cut off its members go on; healing ships what
// is pending both ways, and the later write wins.
func TestIsolation(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.network.Isolate(cellB.Region, true)
	w.members[cellA].put(t, "k", "a")
	w.run(time.Second)
	w.members[cellB].put(t, "k", "b")
	w.members[cellB].put(t, "only-b", "b")
	w.run(20 * time.Second)
	if got := w.members[cellC].dump(t); got != w.members[cellA].dump(t) {
		t.Errorf("A and C are not cut off from each other, but differ: %s", got)
	}
	if s := w.link(cellA, cellA, cellB); s.State != "NO_CONTACT" || s.Pending == 0 {
		t.Errorf("the link to B shows %s with %d pending", s.State, s.Pending)
	}
	w.network.Isolate(cellB.Region, false)
	w.until(15*time.Second, "healed", w.settled(2, all...))
	if got, want := w.members[cellC].dump(t), `{"pk":{"S":"k"},"v":{"S":"b"}}`; !strings.Contains(got, want) {
		t.Errorf("C holds %s, want %s in it", got, want)
	}
	w.until(15*time.Second, "flowing", func() bool {
		s := w.link(cellA, cellA, cellB)
		return s.State == "FLOWING" && s.Pending == 0
	})
}

// TestLastWriterWins: concurrent writes end the same everywhere, as do their
// versions; a delete wins against an earlier write, and loses to a later one.
func TestLastWriterWins(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	for round := range 20 {
		for i, c := range all {
			m := w.members[c]
			if (round+i)%4 == 0 {
				m.remove(t, "k")
			} else {
				m.put(t, "k", time.Duration(round*10+i).String())
			}
			if round%3 == 0 {
				w.clock.now = w.clock.now.Add(time.Millisecond)
			}
		}
		w.run(50 * time.Millisecond)
	}
	w.run(5 * time.Second)
	want := w.members[cellA].rows(t)
	for _, c := range all[1:] {
		if got := w.members[c].rows(t); got != want {
			t.Errorf("%v holds\n%swant\n%s", c, got, want)
		}
	}
}

// TestTombstonesGo: a tombstone stays while some member may not have it, and
// goes from all of them once all have (invariant 7). It does so without a
// further write, and after a restart.
func TestTombstonesGo(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	w.members[cellA].put(t, "k", "1")
	w.until(5*time.Second, "everywhere", w.settled(1, all...))
	w.network.Isolate(cellC.Region, true)
	w.members[cellB].remove(t, "k")
	w.run(time.Minute)
	for _, c := range all[:2] {
		if countLines(w.members[c].rows(t)) != 1 {
			t.Errorf("%v dropped the tombstone before C had it", c)
		}
	}
	w.network.Isolate(cellC.Region, false)
	w.until(time.Minute, "no tombstones", func() bool { return w.noRows(all) })

	w.members[cellA].put(t, "l", "1")
	w.until(5*time.Second, "everywhere", w.settled(1, all...))
	w.members[cellC].remove(t, "l")
	w.run(100 * time.Millisecond)
	for _, c := range all {
		w.restart(c)
	}
	w.until(time.Minute, "no tombstones after the restart", func() bool { return w.noRows(all) })
}

func (w *world) noRows(cells []aws.Cell) bool {
	for _, c := range cells {
		if w.members[c].rows(w.t) != "" {
			return false
		}
	}
	return true
}

// TestIdleLinkRests: members that have nothing to say commit nothing, so that
// hundreds of idle tables cost nothing but a message now and then.
func TestIdleLinkRests(t *testing.T) {
	w := newTriple(t)
	w.members[cellA].put(t, "k", "1")
	w.run(time.Minute)
	before := map[aws.Cell]any{}
	for _, c := range w.order {
		before[c] = w.members[c].store.Durable()
	}
	w.run(5 * time.Minute)
	for _, c := range w.order {
		if at := w.members[c].store.Durable(); at != before[c] {
			t.Errorf("%v: the idle store went from %d to %d", c, before[c], at)
		}
	}
}

// TestForeignChangesAreNotShipped: what came from another member is in the log
// for streams, and goes no further (invariant 1).
func TestForeignChangesAreNotShipped(t *testing.T) {
	w := newTriple(t)
	for i := range 20 {
		w.members[cellA].put(t, key(i), "a")
	}
	w.until(5*time.Second, "everywhere", w.settled(20, cellA, cellB, cellC))
	if s := w.link(cellB, cellB, cellC); s.Shipped != 0 {
		t.Errorf("B shipped %d bytes of A's changes to C", s.Shipped)
	}
	for _, r := range w.members[cellB].records(t) {
		if r.Cause.String() != "replica" || r.Version.Cell != cellA {
			t.Errorf("B's log has %v by %v", r.Cause, r.Version.Cell)
		}
	}
}

// TestDown: what is known to be cut off shows at once, and no longer than that.
func TestDown(t *testing.T) {
	w := newPair(t)
	shows := func(state replication.LinkState, reason string) {
		t.Helper()
		for _, way := range [][2]aws.Cell{{cellA, cellB}, {cellB, cellA}} {
			if s := w.link(cellA, way[0], way[1]); s.State != state || s.Reason != reason {
				t.Errorf("%v: %s: %s", way, s.State, s.Reason)
			}
		}
	}
	w.run(20 * time.Second)
	shows("FLOWING", "")
	if s := w.link(cellA, cellA, cellB); s.Silent > 6*time.Second || !s.LastContact.Add(s.Silent).Equal(w.clock.now) {
		t.Errorf("an idle link is silent for %v, since %v", s.Silent, s.LastContact)
	}
	w.network.Isolate(cellB.Region, true)
	shows("NO_CONTACT", "Region eu-west-1 is isolated")
	w.network.Isolate(cellB.Region, false)
	shows("FLOWING", "")
	if err := w.network.SetConditions(replication.Way{From: cellB.Region, To: cellA.Region}, replication.Conditions{Cut: true}); err != nil {
		t.Fatal(err)
	}
	shows("NO_CONTACT", "the way from eu-west-1 to us-east-1 is cut")
}

// TestWiped: a member that lost its data is named to whoever changes settings, until
// the others have taken it out.
func TestWiped(t *testing.T) {
	w := newTriple(t)
	w.network.Detach(cellC)
	w.start(cellC, newStore(w))
	settle := func() error {
		_, err := w.members[cellA].repl.Settle(t.Context(), w.members[cellA].table(), table.Overwritten{}, notHere)
		return err
	}
	wantCode(t, settle(), "ResourceInUseException", "Region ap-south-1 of account 333333333333 is a member of the global table T, and says that it has no such replica")
	w.until(30*time.Second, "it is taken out", func() bool {
		return w.members[cellA].table().Def.Group.Member(cellC) == nil && w.members[cellB].table().Def.Group.Member(cellC) == nil
	})
	if err := settle(); err != nil {
		t.Error(err)
	}
}

// narrow is a transport one way of which takes so many bytes a second, behind a
// queue of five seconds; what finds no room there is lost.
type narrow struct {
	replication.Transport
	w       *world
	from    aws.Cell
	rate    int
	free    time.Time // When all that was sent has gone out.
	waiting []func()
	due     []time.Time
	bytes   int // That were sent, those that were lost included.

	deep bool // The queue takes everything.
}

func (n *narrow) Send(from, to aws.Cell, m *replication.Message) {
	if from != n.from {
		n.Transport.Send(from, to, m)
		return
	}
	n.bytes += m.Size()
	now := n.w.clock.now
	if n.free.Before(now) {
		n.free = now
	}
	if !n.deep && n.free.Sub(now) > 5*time.Second {
		return
	}
	n.free = n.free.Add(time.Duration(m.Size()) * time.Second / time.Duration(n.rate))
	n.waiting, n.due = append(n.waiting, func() { n.Transport.Send(from, to, m) }), append(n.due, n.free)
}

// TestNarrow: a backlog that a narrow way takes long for goes over it once, and not
// again and again: what waits for its turn is not taken for lost, and what is lost
// for want of room makes the sender keep less under way.
func TestNarrow(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{16 << 10, 64 << 10, 1 << 20} {
		t.Run(fmt.Sprintf("%d KiB", rate>>10), func(t *testing.T) {
			w := newPair(t)
			w.network.Isolate(cellA.Region, true)
			for i := range 200 {
				w.members[cellA].put(t, key(i), strings.Repeat("x", 4000))
			}
			w.run(time.Second)
			w.network.Isolate(cellA.Region, false)
			n := &narrow{Transport: w.network, w: w, from: cellA, rate: rate}
			w.transport = n
			began, there := w.clock.now, w.settled(200, cellA, cellB)
			for i := 0; i%50 != 0 || (!there() && w.clock.now.Sub(began) < 3*time.Minute); i++ {
				w.run(tick)
				for len(n.due) > 0 && !n.due[0].After(w.clock.now) {
					n.waiting[0]()
					n.waiting, n.due = n.waiting[1:], n.due[1:]
				}
			}
			took, least := w.clock.now.Sub(began), time.Duration(200*4000)*time.Second/time.Duration(rate)
			t.Logf("%v, %v at least; %d bytes", took, least, n.bytes)
			if !there() || n.bytes > 200*4000*13/10 || took > least*13/10+2*time.Second {
				t.Errorf("after %v, of %v that it takes at least, %d bytes were sent for %d; all is there: %t", took, least, n.bytes, 200*4000, there())
			}
		})
	}
}

// TestNarrows: a way that takes much becomes a narrow one while much is under way, and
// loses nothing: what waits for its turn there goes over it once, however long it takes.
// What is lost with a connection is sent again.
func TestNarrows(t *testing.T) {
	t.Parallel()
	inOneGoroutine(t)
	for _, breaks := range []bool{false, true} {
		w := newPair(t)
		n := &narrow{Transport: w.network, w: w, from: cellA, rate: 64 << 20, deep: true}
		w.transport = n
		pump := func() {
			w.run(tick)
			for len(n.due) > 0 && !n.due[0].After(w.clock.now) {
				n.waiting[0]()
				n.waiting, n.due = n.waiting[1:], n.due[1:]
			}
		}
		const items, size = 500, 4000
		for i := range items { // Until there is room for much.
			w.members[cellA].put(t, key(i), strings.Repeat("x", size))
			pump()
		}
		n.rate, n.bytes = 32<<10, 0
		for i := range items {
			w.members[cellA].put(t, key(items+i), strings.Repeat("x", size))
		}
		for range 500 {
			pump()
		}
		most := items * size * 11 / 10
		if breaks {
			n.waiting, n.due, n.free = nil, nil, w.clock.now
			most += 2 << 20 // What was under way.
		}
		there := func() int { return countLines(w.members[cellB].rows(t)) }
		for i := 0; i%50 != 0 || (there() < 2*items && i < 20_000); i++ {
			pump()
		}
		if there() < 2*items || n.bytes > most {
			t.Errorf("breaks %t: %d bytes were sent for %d; of %d items %d are there", breaks, n.bytes, items*size, 2*items, there())
		}
	}
}
