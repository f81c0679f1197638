package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/hortusdb/hortus/clock"
)

const (
	fillTries = 10 // Of a batch of which some items were not processed.
	fillPause = 100 * time.Millisecond
)

// run is one Run in progress.
type run struct {
	o       *Options
	values  *values
	servers []*server
}

// server is a target with its connections.
type server struct {
	Target
	workers []*worker
	made    []string // Tables that this run made.
}

// worker is a connection, what is sent over it, and what came of it.
type worker struct {
	connection *connection
	generator  generator
	body       []byte
	took       *hdrhistogram.Histogram // Microseconds.
	done       int64
	failed     int64
	conflicts  int64
	partial    int64
	unserved   int64
	first      error // The first failure.
}

// open connects to a target, makes its tables and fills them.
func (r *run) open(ctx context.Context, t Target) error {
	s := &server{Target: t}
	r.servers = append(r.servers, s)
	single, partitioned := r.o.tableNames()
	var names []string
	for _, n := range single {
		names = append(names, quoted(n))
	}
	run := strconv.FormatInt(r.o.Clock.Now().UnixNano(), 36)
	for i := range r.o.Connections {
		c, err := newConnection(&s.Target, r.o.Clock)
		if err != nil {
			return err
		}
		s.workers = append(s.workers, &worker{
			connection: c,
			generator: generator{
				o: r.o, v: r.values, rng: rand.New(rand.NewPCG(r.o.Seed, uint64(i)+1)), connection: i,
				token: run + "-" + strconv.Itoa(i) + "-", tables: names, query: quoted(partitioned),
			},
			took: newHistogram(),
		})
	}
	if err := s.workers[0].connection.dial(ctx); err != nil {
		return err
	}
	if r.o.single() {
		for i, name := range single {
			if err := r.table(ctx, s, table{name: name, first: i, puts: (*generator).puts}); err != nil {
				return err
			}
		}
	}
	if r.o.partitioned() {
		return r.table(ctx, s, table{name: partitioned, sorted: true, puts: (*generator).queryPuts})
	}
	return nil
}

// table makes a table and, where it is new, fills it.
func (r *run) table(ctx context.Context, s *server, t table) error {
	made, err := s.create(ctx, r.o, t)
	if err != nil || !made {
		return err
	}
	s.made = append(s.made, t.name)
	began := r.o.Clock.Now()
	if err := s.fill(ctx, r.o, t); err != nil {
		return fmt.Errorf("filling table %s: %w", t.name, err)
	}
	if r.o.Tables == 1 || t.first == r.o.Tables-1 {
		r.o.log("%s: table %s of %d items, filled in %.1f s", s.Name, t.name, r.o.Items/r.o.Tables, r.o.Clock.Now().Sub(began).Seconds())
	}
	return nil
}

// fill writes a table's items over all connections.
func (s *server) fill(ctx context.Context, o *Options, t table) error {
	n := o.Items / o.Tables
	var next atomic.Int64
	return s.each(func(w *worker) error {
		for ctx.Err() == nil {
			i := int(next.Add(writeItems)) - writeItems
			if i >= n {
				return nil
			}
			w.body = t.puts(&w.generator, w.body[:0], t.first+i*o.Tables, min(writeItems, n-i))
			if err := w.write(ctx); err != nil {
				return err
			}
		}
		return context.Cause(ctx)
	})
}

// write sends the batch in w.body until all of it was processed.
func (w *worker) write(ctx context.Context) error {
	for try := range fillTries {
		answer, err := w.connection.call(ctx, "BatchWriteItem", w.body)
		if err != nil {
			return err
		}
		if err = wroteAll(&w.generator, answer); err == nil {
			return nil
		}
		if try == fillTries-1 || !clock.Wait(ctx, nil, fillPause) {
			return err
		}
	}
	return nil
}

// each runs f for all workers side by side and waits for them.
func (s *server) each(f func(*worker) error) error {
	errs := make([]error, len(s.workers))
	var all sync.WaitGroup
	for i, w := range s.workers {
		all.Go(func() { errs[i] = f(w) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// close drops the tables that were made, unless they are to be kept, and ends
// the connections. It does so also when ctx has ended.
func (r *run) close(ctx context.Context) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), dropWithin)
	defer stop()
	var errs []error
	for _, s := range r.servers {
		for _, name := range s.made {
			if r.o.Keep {
				r.o.log("%s: table %s was kept", s.Name, name)
				continue
			}
			if err := s.drop(ctx, name); err != nil {
				errs = append(errs, fmt.Errorf("load: %s: %w", s.Name, err))
			}
		}
		for _, w := range s.workers {
			w.connection.close()
		}
	}
	return errors.Join(errs...)
}
