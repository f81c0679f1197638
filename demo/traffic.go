package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/demo/dataset"
)

// An application notes visits to airports: each worker puts items of its own,
// reads them back, and updates airports that all the others update too. The
// rate is gentle, so that what is measured is the server and not its queue.
const (
	workers   = 3                     // Of an application.
	workEvery = 20 * time.Millisecond // A worker writes and reads in turn.
	turns     = 4                     // Put, get, update, get.
)

// ledger holds what was acknowledged and has to be in every replica.
type ledger struct {
	mu      sync.Mutex
	entries map[string]string // Canonical JSON by key.
	keys    []entry           // In the order of acknowledgement.
	next    int64
}

func (l *ledger) number() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	return l.next
}

func (l *ledger) acknowledged(i item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[i.key()] = i.canonical()
	l.keys = append(l.keys, entry{i.key(), i.text("by")})
}

// missing lists what is not in a replica, or is another there.
func (l *ledger) missing(got map[string]item) []string {
	var out []string
	for key, want := range l.entries {
		if got[key] == nil || got[key].canonical() != want {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// entry is an item that an application put.
type entry struct{ key, by string }

// forget takes some items out of the ledger, of all ages.
func (l *ledger) forget(n int) []entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, len(l.keys))
	var out []entry
	for k := range n {
		e := l.keys[k*len(l.keys)/n]
		delete(l.entries, e.key)
		out = append(out, e)
	}
	return out
}

// call is a kind of call that is measured.
type call int

const (
	writing call = iota
	reading
	calls
)

// did is what an application of a cell did.
type did struct {
	took   [calls][]time.Duration
	failed int
	first  error    // The first failure.
	stale  []string // Reads that did not see the worker's own write before.
}

// work is what the applications did, by the names of their cells.
type work map[string]*did

func (w work) total(kind call) int {
	n := 0
	for _, d := range w {
		n += len(d.took[kind])
	}
	return n
}

// traffic is applications that are running.
type traffic struct {
	end     func()
	running sync.WaitGroup
	mu      sync.Mutex
	work    work
	ctx     func() error
}

// start starts the applications of some cells.
func (s *story) start(ctx context.Context, cells ...*cell) *traffic {
	until, end := context.WithCancel(ctx)
	t := &traffic{end: end, work: work{}, ctx: func() error { return context.Cause(ctx) }}
	for n, c := range cells {
		t.work[c.name] = &did{}
		for w := range workers {
			t.running.Go(func() { s.worker(ctx, until, t, c, n*workers+w) })
		}
	}
	return t
}

// stop waits for the applications and returns what they did.
func (t *traffic) stop() (work, error) {
	t.end()
	t.running.Wait()
	return t.work, t.ctx()
}

// worker works until that ends; a call that is under way is finished.
func (s *story) worker(ctx, until context.Context, t *traffic, c *cell, number int) {
	rng := random(number)
	if pause(until, time.Duration(rng.Int64N(int64(workEvery)))) != nil {
		return
	}
	tick := time.NewTicker(workEvery)
	defer tick.Stop()
	var own item
	for turn := 0; ; turn++ {
		a := s.airports[rng.IntN(len(s.airports))]
		began, kind, stale := time.Now(), reading, ""
		var err error
		switch turn % turns {
		case 0:
			kind, own = writing, s.visit(c, a)
			if err = put(ctx, c, own); err == nil {
				s.ledger.acknowledged(own)
			} else {
				own = nil // Whether it is there is not known.
			}
		case 2:
			kind = writing
			err = update(ctx, c, a.key)
		default:
			stale, err = readBack(ctx, c, own)
		}
		t.note(c, kind, time.Since(began), err, stale)
		select {
		case <-until.Done():
			return
		case <-tick.C:
		}
	}
}

// readBack reads what a worker wrote last, and returns its key where the cell
// shows something else.
func readBack(ctx context.Context, c *cell, own item) (stale string, err error) {
	if own == nil {
		return "", nil
	}
	seen, err := get(ctx, c, own.key())
	if err == nil && seen.canonical() != own.canonical() {
		stale = own.key()
	}
	return stale, err
}

func (t *traffic) note(c *cell, kind call, took time.Duration, err error, stale string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.work[c.name]
	if err != nil {
		d.failed++
		d.first = firstError(d.first, err)
		return
	}
	d.took[kind] = append(d.took[kind], took)
	if stale != "" {
		d.stale = append(d.stale, stale)
	}
}

// visit is an item that is written once, and by one worker.
func (s *story) visit(c *cell, a airport) item {
	n := s.ledger.number()
	return item{
		dataset.PartitionKey: str(a.country),
		dataset.SortKey:      str(fmt.Sprintf("VISIT#%s#%s-%06d", a.code, c.name, n)),
		"kind":               str("visit"),
		indexPartition:       str(a.region),
		indexSort:            str(a.name),
		"by":                 str(c.name),
		"number":             num(n),
	}
}

// update notes on an airport who was there last.
func update(ctx context.Context, c *cell, key string) error {
	ctx, stop := context.WithTimeout(ctx, callWithin)
	defer stop()
	_, err := c.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: tableName(), Key: keyOf(key),
		UpdateExpression:          awssdk.String("SET lastVisitor = :by ADD visits :one"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":by": str(c.name), ":one": num(1)},
	})
	if err != nil {
		return fmt.Errorf("UpdateItem in %s: %w", c, err)
	}
	return nil
}

// work has the applications of all cells at it, and measures.
func (s *story) work(ctx context.Context) error {
	t := s.start(ctx, s.cells()...)
	lags, err := s.probe(ctx, s.pace.Traffic)
	w, workErr := t.stop()
	if err := errors.Join(err, workErr); err != nil {
		return err
	}
	s.figures.work, s.figures.probes = w, lags
	if s.figures.links, err = s.links(ctx); err != nil {
		return err
	}
	s.verifyWork(w)
	s.noteWork(w)
	ways, probes := 0, 0
	for _, w := range s.ways() {
		if l := s.figures.links[w]; l.LagCount > 0 && len(lags[w]) > 0 {
			ways++
		}
		probes += len(lags[w])
	}
	s.report.verify(ways == len(s.ways()), fmt.Sprintf("writes flow in all %d directions: %s probes were seen by the peer", ways, count(probes)),
		fmt.Sprintf("%d directions", len(s.ways())), fmt.Sprintf("%d", ways))
	return nil
}

// noteWork shows the latencies of each cell's own application.
func (s *story) noteWork(w work) {
	for _, c := range s.cells() {
		q := func(kind call, share float64) string { return duration(quantile(w[c.name].took[kind], share)) }
		s.report.note("%s: write p50 %s, p99 %s; read p50 %s, p99 %s", c.name,
			q(writing, 0.5), q(writing, 0.99), q(reading, 0.5), q(reading, 0.99))
	}
}

// verifyWork verifies that no call failed and that each worker saw its writes.
func (s *story) verifyWork(w work) {
	failed, stale := 0, []string(nil)
	var first error
	for _, d := range w {
		failed += d.failed
		stale = append(stale, d.stale...)
		first = firstError(first, d.first)
	}
	s.report.verify(failed == 0, fmt.Sprintf("%s writes and %s reads in %s cells, none refused", count(w.total(writing)), count(w.total(reading)), count(len(w))),
		"no error", fmt.Sprintf("%d errors; the first: %s", failed, text(first)))
	s.report.verify(len(stale) == 0, "every read in the own cell saw the write before it", "no stale read", fmt.Sprintf("%d stale reads: %s", len(stale), firstOf(stale)))
}

// quantile is the value that a share q of all values is not above; 0 of none.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// firstOf names the first of many.
func firstOf(s []string) string {
	if len(s) == 0 {
		return "none"
	}
	return s[0]
}
