package replication_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
)

// batches counts the batches with changes that the transport takes.
type batches struct {
	replication.Transport
	n, changes int
	silent     bool // Nothing gets through.
}

func (b *batches) Send(from, to aws.Cell, m *replication.Message) {
	if m.Kind == replication.Batch && len(m.Entries) > 0 {
		b.n++
		b.changes += len(m.Entries)
	}
	if b.silent {
		return
	}
	b.Transport.Send(from, to, m)
}

// TestBatchesGather: a change that comes alone goes at once, changes that follow
// one another closely share batches, and where the peer does not answer, batches
// grow and do not pile up.
func TestBatchesGather(t *testing.T) {
	w := newPair(t)
	a := w.members[cellA]
	count := &batches{Transport: w.transport}
	w.transport = count
	a.repl.StepAll(t.Context())
	a.put(t, "alone", "1")
	a.repl.StepAll(t.Context())
	if count.n != 1 {
		t.Fatalf("a change that comes alone went in %d batches at once", count.n)
	}
	w.run(time.Second)   // Until the way is measured, one batch alone is under way.
	for i := range 100 { // One a millisecond.
		w.clock.now = w.clock.now.Add(time.Millisecond)
		a.put(t, fmt.Sprint("dense-", i), "1")
		a.repl.StepAll(t.Context())
	}
	w.until(10*time.Second, "B has them", w.settled(101, cellA, cellB))
	if n := count.n - 1; n < 20 || n > 30 || count.changes != 101 {
		t.Errorf("%d changes of a tenth of a second went in %d batches, want one in 5 ms", count.changes-1, n)
	}
	w.run(time.Second)
	count.n, count.silent = 0, true
	for i := range 40 { // In less time than the peer may take to answer.
		w.clock.now = w.clock.now.Add(6 * time.Millisecond)
		a.put(t, fmt.Sprint("unheard-", i), "1")
		a.repl.StepAll(t.Context())
	}
	if count.n != 32 {
		t.Errorf("%d batches are under way to a peer that does not answer, want 32", count.n)
	}
	count.silent = false
	w.until(20*time.Second, "B has all", w.settled(141, cellA, cellB))
}
