package replication_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// stored returns where the store of a member has the row of an item, and the row.
func (m *member) stored(t *testing.T, pk string) (key, row []byte) {
	t.Helper()
	k, err := m.table().ItemKey(decodeItem(t, fmt.Sprintf(`{"pk":{"S":%q}}`, pk)))
	if err != nil {
		t.Fatal(err)
	}
	low := []byte{'d', 0, 0, 0, byte(m.table().Def.Number), 0, 0}
	low = binary.BigEndian.AppendUint64(low, m.table().Place(k))
	_, err = m.store.Scan(t.Context(), kv.Range{Low: low}, func(k, v []byte) bool {
		key, row = bytes.Clone(k), bytes.Clone(v)
		return false
	})
	if err != nil || !bytes.HasPrefix(key, low) {
		t.Fatalf("%s is not in %v: %v", pk, m.cell, err)
	}
	return key, row
}

// damage changes the row of an item behind the engine's back; nil removes it.
func (m *member) damage(t *testing.T, pk string, row []byte) {
	t.Helper()
	key, _ := m.stored(t, pk)
	if _, err := m.store.Update(t.Context(), kv.Plan{Write: [][]byte{key}}, func(_ [][]byte, w *kv.Writes) error {
		if row == nil {
			w.Delete(key)
		} else {
			w.Set(key, row)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// checkAll is a check of all pages.
func (m *member) checkAll(t *testing.T, peer aws.Cell, repair bool) (replication.Divergence, int) {
	t.Helper()
	var sum replication.Divergence
	o := replication.CheckOptions{Repair: repair}
	for pages := 1; ; pages++ {
		d, err := m.repl.CheckDivergence(t.Context(), tableName, peer, o)
		if err != nil {
			t.Fatal(err)
		}
		sum.Checked += d.Checked
		sum.First += d.First
		sum.Moving += d.Moving
		sum.Pending += d.Pending
		sum.Repaired += d.Repaired
		sum.Differences = append(sum.Differences, d.Differences...)
		if o.After = d.Next; o.After == nil {
			return sum, pages
		}
	}
}

// describeDifferences prints differences in the order of their items.
func describeDifferences(d *replication.Divergence) string {
	var lines []string
	for _, x := range d.Differences {
		lines = append(lines, strings.Split(string(item.AppendItemJSON(nil, x.Key)), `"`)[5]+":"+string(x.Kind))
	}
	slices.SortFunc(lines, func(a, b string) int {
		return cmp.Or(len(strings.Split(a, ":")[0])-len(strings.Split(b, ":")[0]), strings.Compare(a, b))
	})
	return fmt.Sprint(lines)
}

// TestDivergence: what was lost, altered or never came is found from either side,
// and is the same after a repair.
func TestDivergence(t *testing.T) {
	for _, from := range []aws.Cell{cellA, cellB} {
		t.Run(from.String(), func(t *testing.T) {
			w := newPair(t)
			a, b := w.members[cellA], w.members[cellB]
			for i := range 40 {
				a.put(t, key(i), "first")
			}
			w.until(10*time.Second, "everywhere", w.settled(40, cellA, cellB))
			_, old := b.stored(t, key(3))
			b.put(t, key(2), "second")
			b.put(t, key(3), "second")
			b.remove(t, key(4))
			b.remove(t, key(5))
			w.until(10*time.Second, "the second", w.settled(38, cellA, cellB))
			checker, peer := w.members[from], cellB
			if from == cellB {
				peer = cellA
			}
			d, _ := checker.checkAll(t, peer, false)
			if d.First != 0 || len(d.Differences) != 0 || d.Checked < 38 {
				t.Fatalf("of replicas in step: %+v", d)
			}
			a.damage(t, key(1), nil)  // Lost.
			a.damage(t, key(3), old)  // As if the second write had not come.
			a.damage(t, key(4), nil)  // The tombstone is lost.
			b.damage(t, key(10), nil) // Lost at the other.
			want := map[aws.Cell]string{
				cellA: "[k1ns:MISSING_HERE k3ns:OLDER_HERE k4ns:MISSING_HERE k10ns:MISSING_THERE]",
				cellB: "[k1ns:MISSING_THERE k3ns:OLDER_THERE k4ns:MISSING_THERE k10ns:MISSING_HERE]",
			}
			before := a.rows(t)
			d, _ = checker.checkAll(t, peer, false)
			if got := describeDifferences(&d); got != want[from] || d.Repaired != 0 || a.rows(t) != before {
				t.Fatalf("found %s, want %s; %+v", got, want[from], d)
			}
			d, _ = checker.checkAll(t, peer, true)
			if got := describeDifferences(&d); got != want[from] || d.Repaired != 4 {
				t.Fatalf("repaired %s, want %s; %+v", got, want[from], d)
			}
			if d, _ = checker.checkAll(t, peer, false); d.First != 0 || a.rows(t) != b.rows(t) {
				t.Fatalf("after the repair: %+v\n%s", d, w.describe())
			}
		})
	}
}

// TestDivergenceSameVersion: what one version is in two forms is told, and said not
// to be repaired: which of the two is right cannot be known.
func TestDivergenceSameVersion(t *testing.T) {
	w := newPair(t)
	a := w.members[cellA]
	a.put(t, "k", "good")
	w.until(10*time.Second, "everywhere", w.settled(1, cellA, cellB))
	_, row := a.stored(t, "k")
	a.damage(t, "k", []byte(strings.Replace(string(row), "good", "evil", 1)))
	d, _ := a.checkAll(t, cellB, true)
	if len(d.Differences) != 1 || d.Differences[0].Kind != replication.Differing || d.Repaired != 0 || d.Differences[0].Repaired {
		t.Errorf("%+v", d)
	}
}

// TestDivergenceOriginGone: what a member that has left wrote is brought from one
// that has it to one that lacks it, with the version of the one that left.
func TestDivergenceOriginGone(t *testing.T) {
	w := newTriple(t)
	a, b, c := w.members[cellA], w.members[cellB], w.members[cellC]
	c.put(t, "k", "of C")
	w.until(10*time.Second, "everywhere", w.settled(1, cellA, cellB, cellC))
	if err := c.repl.Leave(t.Context(), c.table()); err != nil {
		t.Fatal(err)
	}
	w.until(time.Minute, "left", func() bool { return c.table() == nil })
	b.damage(t, "k", nil)
	w.run(5 * time.Second)
	if b.rows(t) != "" {
		t.Fatal("it came back by itself")
	}
	if d, _ := b.checkAll(t, cellA, true); d.Repaired != 1 || d.Differences[0].There.Version.Cell != cellC {
		t.Errorf("%+v", d)
	}
	if a.rows(t) != b.rows(t) {
		t.Errorf("not the same:\n%s", w.describe())
	}
}

// TestDivergencePages: a table of many runs, of which one side has a part, in
// pages that list no more than they may.
func TestDivergencePages(t *testing.T) {
	for _, lacks := range []aws.Cell{cellA, cellB} {
		w := newPair(t)
		a, b := w.members[cellA], w.members[cellB]
		const n = 3000
		for i := range n {
			a.put(t, key(i), "v")
		}
		w.until(time.Minute, "everywhere", w.settled(n, cellA, cellB))
		lost := 0
		for m, i := w.members[lacks], 0; i < n; i++ {
			if i%2 == 0 {
				m.damage(t, key(i), nil)
				lost++
			}
		}
		d, pages := a.checkAll(t, cellB, true)
		if d.First != lost || d.Checked < n-lost || d.Checked > n || len(d.Differences) != lost || d.Repaired != lost || pages < 2 {
			t.Errorf("of %d rows %d differed, %d differ, %d repaired, %d pages; want %d of %d", d.Checked, d.First, len(d.Differences), d.Repaired, pages, lost, n)
		}
		if a.rows(t) != b.rows(t) {
			t.Errorf("%v: not the same", lacks)
		}
	}
}

// TestDivergenceOneEmpty: one side has nothing at all.
func TestDivergenceOneEmpty(t *testing.T) {
	for _, lacks := range []aws.Cell{cellA, cellB} {
		w := newPair(t)
		a, b := w.members[cellA], w.members[cellB]
		const n = 1500
		for i := range n {
			a.put(t, key(i), "v")
		}
		w.until(time.Minute, "everywhere", w.settled(n, cellA, cellB))
		for i := range n {
			w.members[lacks].damage(t, key(i), nil)
		}
		if d, _ := a.checkAll(t, cellB, true); d.Repaired != n || len(d.Differences) != n {
			t.Errorf("%d differences, %d repaired", len(d.Differences), d.Repaired)
		}
		if a.rows(t) != b.rows(t) {
			t.Errorf("%v: not the same", lacks)
		}
	}
}

// TestDivergenceTombstones: one that one member dropped before the other is no
// difference.
func TestDivergenceTombstones(t *testing.T) {
	w := newPair(t)
	a, b := w.members[cellA], w.members[cellB]
	a.put(t, "k", "v")
	a.remove(t, "k")
	w.until(10*time.Second, "at both", func() bool { return strings.Contains(b.rows(t), "deleted=true") })
	now, err := b.engine.Reading(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine.Sweep(t.Context(), b.table(), now); err != nil {
		t.Fatal(err)
	}
	if a.rows(t) == "" || b.rows(t) != "" {
		t.Fatal("the tombstone should be at one of both alone")
	}
	w.transport = onCall{w.network, func(q *replication.Request) {
		if q.Kind != replication.Digest {
			t.Error("rows are read although the sums leave the tombstone out")
		}
	}}
	for _, m := range []*member{a, b} {
		peer := cellB
		if m == b {
			peer = cellA
		}
		if d, _ := m.checkAll(t, peer, false); d.First != 0 {
			t.Errorf("%v: %+v", m.cell, d)
		}
	}
	w.transport = w.network
	// Nor beside one that is: the rows of this run are compared one by one.
	a.put(t, "l", "v")
	w.until(10*time.Second, "at both", w.settled(1, cellA, cellB))
	if !strings.Contains(a.rows(t), "deleted=true") || strings.Contains(b.rows(t), "deleted=true") {
		t.Fatal("the tombstone should be at one of both alone")
	}
	b.damage(t, "l", nil)
	for _, m := range []*member{a, b} {
		peer := cellB
		if m == b {
			peer = cellA
		}
		if d, _ := m.checkAll(t, peer, false); d.First != 1 || len(d.Differences) != 1 {
			t.Errorf("%v: %+v", m.cell, d)
		}
	}
}

// onCall is a transport that does something before each request.
type onCall struct {
	replication.Transport
	before func(q *replication.Request)
}

func (c onCall) Call(ctx context.Context, from, to aws.Cell, q *replication.Request) (*replication.Response, error) {
	c.before(q)
	return c.Transport.Call(ctx, from, to, q)
}

// TestDivergenceInFlight: what is on its way differs at first, and is no divergence;
// of what is written again and again nothing is said.
func TestDivergenceInFlight(t *testing.T) {
	w := newPair(t)
	a := w.members[cellA]
	a.put(t, "once", "v")
	a.put(t, "hot", "v")
	looks := 0
	w.transport = onCall{w.network, func(q *replication.Request) {
		if q.Compared != nil && q.Compared.Keys != nil {
			if looks++; looks == 1 {
				w.run(10 * time.Second)
			}
			a.put(t, "hot", fmt.Sprint(looks))
		}
	}}
	if d, _ := a.checkAll(t, cellB, true); d.First != 2 || d.Moving != 1 || len(d.Differences) != 0 {
		t.Errorf("%+v", d)
	}
}

// TestDivergenceDenied: a check needs the leave to read at the other, and a repair
// that to read and to write at both; who is no member gets no answer.
func TestDivergenceDenied(t *testing.T) {
	both := []aws.Cell{cellA, cellB}
	for _, c := range []struct {
		at            aws.Cell
		actions       []string
		check, repair string
	}{
		{cellA, []string{"dynamodb:WriteDataForReplication"}, "", "ReadDataForReplication"},
		{cellA, []string{"dynamodb:ReadDataForReplication"}, "", "WriteDataForReplication"},
		{cellB, []string{"dynamodb:WriteDataForReplication"}, "ReadDataForReplication", "ReadDataForReplication"},
		{cellB, []string{"dynamodb:ReadDataForReplication"}, "", "WriteDataForReplication"},
	} {
		w := newPair(t)
		a := w.members[cellA]
		a.put(t, "k", "v")
		w.until(10*time.Second, "everywhere", w.settled(1, cellA, cellB))
		w.members[cellB].damage(t, "k", nil)
		w.setPolicy(c.at, grant{members: both, actions: c.actions})
		for repair, want := range map[bool]string{false: c.check, true: c.repair} {
			_, err := a.repl.CheckDivergence(t.Context(), tableName, cellB, replication.CheckOptions{Repair: repair})
			if want == "" && err != nil {
				t.Errorf("%v allows %v: %v", c.at, c.actions, err)
			}
			if want != "" {
				wantCode(t, err, "AccessDeniedException", want)
			}
		}
	}
	w := newPair(t)
	stranger := &replication.Request{Kind: replication.Digest, Table: tableName, Group: &table.Group{ID: w.members[cellA].table().Def.Group.ID}, Compared: &replication.Compared{}}
	_, err := w.members[cellA].repl.Serve(t.Context(), cellC, stranger)
	wantCode(t, err, "ResourceNotFoundException", tableName)
	_, err = w.members[cellA].repl.CheckDivergence(t.Context(), tableName, cellC, replication.CheckOptions{})
	wantCode(t, err, "ValidationException", cellC.String())
	_, err = w.members[cellA].repl.CheckDivergence(t.Context(), "none", cellB, replication.CheckOptions{})
	wantCode(t, err, "ResourceNotFoundException", "none")
}

// TestDivergenceNonsense: answers that make no sense end the check with an error.
func TestDivergenceNonsense(t *testing.T) {
	w := newPair(t)
	a := w.members[cellA]
	for _, answer := range []*replication.Response{
		{},
		{Comparison: &replication.Comparison{}},
		{Comparison: &replication.Comparison{Blocks: []table.Block{{High: []byte{}}}}},
		{Comparison: &replication.Comparison{Blocks: []table.Block{{Rows: -1}}}},
		{Comparison: &replication.Comparison{Blocks: []table.Block{{Rows: 1}}, Rows: []table.KeyedRow{{Key: []byte{1}, Row: table.Row{1}}}, Briefs: make([]replication.Brief, 2)}},
		{Comparison: &replication.Comparison{Blocks: []table.Block{{Rows: 1}}, Rows: []table.KeyedRow{{Key: []byte{1}, Row: table.Row{1}}}, Briefs: []replication.Brief{{Sum: []byte{1}, Size: 2}}}},
	} {
		w.transport = fixed{w.network, answer}
		if _, err := a.repl.CheckDivergence(t.Context(), tableName, cellB, replication.CheckOptions{}); err == nil || !strings.Contains(err.Error(), "nonsense") {
			t.Errorf("%+v: %v", answer.Comparison, err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	w.transport = w.network
	a.put(t, "k", "v")
	if _, err := a.repl.CheckDivergence(ctx, tableName, cellB, replication.CheckOptions{Pause: time.Hour}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// fixed is a transport that answers every request alike.
type fixed struct {
	replication.Transport
	answer *replication.Response
}

func (f fixed) Call(context.Context, aws.Cell, aws.Cell, *replication.Request) (*replication.Response, error) {
	return f.answer, nil
}

// slowly is a transport over which a question takes its time, and which counts the
// bytes of rows that are answered.
type slowly struct {
	replication.Transport
	clock *wallClock
	takes time.Duration
	rows  *int
}

func (n slowly) Call(ctx context.Context, from, to aws.Cell, r *replication.Request) (*replication.Response, error) {
	n.clock.now = n.clock.now.Add(n.takes)
	a, err := n.Transport.Call(ctx, from, to, r)
	if err == nil && a.Comparison != nil {
		for _, row := range a.Comparison.Rows {
			*n.rows += len(row.Row)
		}
	}
	return a, err
}

// TestDivergenceSlow: a page over a slow way ends while whoever asked still waits, and
// fetches what tells rows apart and not the rows; a repair fetches each once, some in
// a page.
func TestDivergenceSlow(t *testing.T) {
	const items, size = 120, 30_000
	w := newPair(t)
	a, b := w.members[cellA], w.members[cellB]
	for i := range items {
		a.put(t, key(i), strings.Repeat("x", size))
	}
	last := a.putAt(t, "last")
	w.until(10*time.Second, "everywhere", func() bool { return b.awaits(t, last) == "" })
	for i := range items {
		b.damage(t, key(i), nil)
	}
	rows := 0
	w.transport = slowly{w.network, w.clock, 2 * time.Second, &rows}
	began := w.clock.now
	first, err := b.repl.CheckDivergence(t.Context(), tableName, cellA, replication.CheckOptions{})
	if err != nil || first.Next == nil || len(first.Differences) == 0 {
		t.Fatalf("the first page: %+v, %v", first, err)
	}
	if took := w.clock.now.Sub(began); took > 30*time.Second {
		t.Errorf("the first page takes %v", took)
	}
	rows = 0
	all, pages := b.checkAll(t, cellA, false)
	if len(all.Differences) != items || all.First != items || pages < 2 {
		t.Errorf("on %d pages %d differ, %d at first", pages, len(all.Differences), all.First)
	}
	if rows > items*size/10 {
		t.Errorf("a check fetches %d bytes of rows", rows)
	}
	rows = 0
	w.transport = slowly{w.network, w.clock, 0, &rows}
	if mended, pages := b.checkAll(t, cellA, true); mended.Repaired != items || pages < 2 || rows > items*size*11/10 {
		t.Errorf("a repair mends %d on %d pages and fetches %d bytes of rows", mended.Repaired, pages, rows)
	}
	if left, _ := b.checkAll(t, cellA, false); left.First != 0 {
		t.Errorf("after it %d differ", left.First)
	}
}
