package replication_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/metrics"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// between does something once, before the first request that changes anything.
type between struct {
	replication.Transport
	do func()
}

func (b between) Call(ctx context.Context, from, to aws.Cell, r *replication.Request) (*replication.Response, error) {
	if r.Kind == replication.Admit && !r.DryRun {
		b.do()
	}
	return b.Transport.Call(ctx, from, to, r)
}

// chaos loses, repeats and reorders messages.
type chaos struct {
	replication.Transport
	rng  *rand.Rand
	held []func()
}

func (c *chaos) Send(from, to aws.Cell, m *replication.Message) {
	for n := c.rng.IntN(4); n > 0; n-- { // 0 to 3 times.
		c.held = append(c.held, func() { c.Transport.Send(from, to, m) })
	}
}

// release delivers about half of what is held, in any order.
func (c *chaos) release() {
	c.rng.Shuffle(len(c.held), func(i, j int) { c.held[i], c.held[j] = c.held[j], c.held[i] })
	half := (len(c.held) + 1) / 2
	for _, send := range c.held[:half] {
		send()
	}
	c.held = c.held[half:]
}

// TestChaos: whatever becomes of messages, seeding included, the members end
// with equal rows once the network is whole again (invariants 2 and 4).
func TestChaos(t *testing.T) {
	for seed := range uint64(15) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { runChaos(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func runChaos(t *testing.T, rng *rand.Rand) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	c := &chaos{Transport: w.network, rng: rng}
	w.transport = c
	w.create(cellA, grant{members: all, admits: []aws.Cell{cellB, cellC}})
	present := []aws.Cell{cellA}
	newcomers := []grant{{members: all, admits: []aws.Cell{cellC}}, {members: all}}
	for range 150 {
		m := w.members[present[rng.IntN(len(present))]]
		pk := key(rng.IntN(12))
		switch op := rng.IntN(20); {
		case op < 10:
			m.put(t, pk, key(rng.IntN(5)))
		case op < 14:
			m.remove(t, pk)
		case op == 14:
			w.restart(m.cell)
		case op == 15 && len(present) < 3 && w.members[present[len(present)-1]].table().Def.Status == table.Active:
			c := all[len(present)]
			if err := w.join(c, present[rng.IntN(len(present))], newcomers[len(present)-1]); err != nil {
				t.Fatal(err)
			}
			present = append(present, c)
		default:
			w.run(time.Duration(rng.IntN(100)) * tick)
		}
		c.release()
	}
	w.transport, c.held = w.network, nil
	w.run(time.Minute)
	want := w.members[cellA].rows(t)
	for _, c := range present[1:] {
		if got := w.members[c].rows(t); got != want {
			t.Fatalf("%v holds\n%swant\n%s%s", c, got, want, w.describe())
		}
	}
	if len(present) > 1 && strings.Contains(want, "deleted=true") {
		t.Fatalf("after a minute of rest there are tombstones:\n%s", want)
	}
}

// forge delivers a batch to B as if it came from A.
func (w *world) forge(records ...changelog.Record) {
	w.t.Helper()
	g := w.members[cellB].table().Def.Group
	m := &replication.Message{
		Kind: replication.Batch, Table: tableName, Group: g.ID, To: 1 << 40,
		FromSince: g.Member(cellA).Since, ToSince: g.Member(cellB).Since,
	}
	for i, r := range records {
		m.Entries = append(m.Entries, replication.Entry{Position: 1<<39 + 1, Time: int64(i), Record: r.Append(nil)})
	}
	w.members[cellB].repl.Deliver(cellA, m)
	w.run(tick)
}

// TestForgedRecords: a member ships what it wrote itself and nothing else. A
// batch that holds another cell's record, or bytes that are none, is refused
// whole; the cursor stays, and replication goes on (invariant 1).
func TestForgedRecords(t *testing.T) {
	w := newTriple(t)
	it := decodeItem(t, `{"pk":{"S":"forged"},"v":{"S":"x"}}`)
	good := changelog.Record{
		Version: conflict.Version{Time: clock.Timestamp{Wall: w.clock.now.UnixMicro()}, Cell: cellA},
		Cause:   changelog.Client, Key: decodeItem(t, `{"pk":{"S":"forged"}}`), New: it,
	}
	other := good
	other.Version.Cell = cellC
	own := good
	own.Version.Cell = cellB
	noKey := good
	noKey.New = decodeItem(t, `{"v":{"S":"x"}}`)
	broken := good
	broken.New = it[:len(it)-1]
	none := good
	none.New = nil
	for name, bad := range map[string]changelog.Record{"another member's": other, "the destination's own": own, "without key": noKey, "cut": broken, "without image": none} {
		w.forge(good, bad)
		if got := w.members[cellB].dump(t); got != "" {
			t.Fatalf("%s record was applied: %s", name, got)
		}
	}
	g := w.members[cellB].table().Def.Group
	w.members[cellB].repl.Deliver(cellA, &replication.Message{
		Kind: replication.Batch, Table: tableName, Group: g.ID, To: 1 << 40,
		FromSince: g.Member(cellA).Since, ToSince: g.Member(cellB).Since,
		Entries: []replication.Entry{{Position: 1 << 39, Record: []byte("no record")}},
	})
	w.members[cellA].put(t, "k", "1")
	w.until(5*time.Second, "replication goes on", w.settled(1, cellA, cellB, cellC))
}

// TestClockAhead: what a cell whose clock is far ahead writes is refused, whole
// and visibly, until the destination's clock has come near; nothing is lost.
func TestClockAhead(t *testing.T) {
	w := newPair(t)
	w.ahead[cellA] = clock.MaxAhead + 20*time.Second
	w.members[cellA].put(t, "k", "1")
	w.run(3 * time.Second)
	if got := w.members[cellB].dump(t); got != "" {
		t.Fatalf("B took %s", got)
	}
	for _, seenBy := range []aws.Cell{cellA, cellB} {
		if s := w.link(seenBy, cellA, cellB); s.State != replication.Refused || !strings.Contains(s.Reason, "ahead") {
			t.Errorf("%v shows %s: %s", seenBy, s.State, s.Reason)
		}
	}
	b := w.members[cellB].repl
	series := metrics.Series{Name: "RefusedBatches", Table: tableName, Peer: cellA.String()}
	if s := w.link(cellB, cellA, cellB); s.Refusals == 0 || b.Sums().All()[series] != float64(s.Refusals) {
		t.Errorf("%d batches were refused, and the sums are %v", s.Refusals, b.Sums().All())
	}
	w.members[cellB].put(t, "l", "1")
	w.run(time.Second)
	if got := w.members[cellA].dump(t); !strings.Contains(got, `"l"`) {
		t.Errorf("the other direction stopped: %s", got)
	}
	w.until(time.Minute, "applied when the time has come", w.settled(2, cellA, cellB))
}

// TestRefusalLost: a source whose batch was refused, and that did not hear of it, hears
// of it when it asks, and tries again; so it does where the batch was lost.
func TestRefusalLost(t *testing.T) {
	w := newPair(t)
	w.ahead[cellA] = clock.MaxAhead + 20*time.Second
	w.transport = losing{tap{Transport: w.network}, func(m *replication.Message) bool { return m.Refused != "" && m.Ask == 0 }}
	w.members[cellA].put(t, "k", "1")
	w.run(3 * time.Second)
	if s := w.link(cellA, cellA, cellB); s.State != replication.Refused || !strings.Contains(s.Reason, "ahead") {
		t.Errorf("A shows %s: %s", s.State, s.Reason)
	}
	w.until(time.Minute, "applied when the time has come", w.settled(1, cellA, cellB))
}
