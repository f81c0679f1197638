package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// maxMicros is the longest time that a histogram tells apart, a minute.
const maxMicros = int64(time.Minute / time.Microsecond)

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, maxMicros, 3) }

// measurement is what came of one round.
type measurement struct {
	done, failed, unserved int64
	conflicts, partial     int64 // Refused for a transaction under way; batches that were not processed whole.
	first                  error
	elapsed                time.Duration
	cpu                    time.Duration // Of the server; zero where it is not known.
	resident               int64
	took                   *hdrhistogram.Histogram
}

// warmUp loads a server for a while, and says so if nothing comes of it.
func (r *run) warmUp(ctx context.Context, s *server, w Workload) error {
	if r.o.WarmUp == 0 {
		return nil
	}
	_, err := r.measure(ctx, s, w, r.o.WarmUp)
	return err
}

// measure loads a server for d. It is an error if no request succeeds.
func (r *run) measure(ctx context.Context, s *server, w Workload, d time.Duration) (measurement, error) {
	before, err := s.usage()
	if err != nil {
		return measurement{}, err
	}
	began := r.o.Clock.Now()
	if r.o.Rate > 0 {
		err = r.openLoop(ctx, s, &w, began.Add(d))
	} else {
		err = s.each(func(k *worker) error { return r.closedLoop(ctx, k, &w, began.Add(d)) })
	}
	m := measurement{elapsed: r.o.Clock.Now().Sub(began), took: newHistogram()}
	for _, k := range s.workers {
		k.give(&m)
	}
	if err != nil {
		return measurement{}, err
	}
	switch {
	case m.done == 0 && m.conflicts+m.partial > 0 && m.failed == 0:
		return measurement{}, fmt.Errorf("no request succeeded: %d met transactions under way, and %d batches were not processed whole", m.conflicts, m.partial)
	case m.done == 0 && m.failed > 0:
		return measurement{}, fmt.Errorf("no request succeeded: %w", m.first)
	case m.done == 0:
		return measurement{}, errors.New("no request was begun before the round ended: it needs to be longer")
	}
	after, err := s.usage()
	m.cpu, m.resident = after.CPU-before.CPU, after.Resident
	return m, err
}

func (s *server) usage() (Usage, error) {
	if s.Usage == nil {
		return Usage{}, nil
	}
	return s.Usage()
}

// give adds what came of a worker's requests to m and forgets it.
func (w *worker) give(m *measurement) {
	m.done += w.done
	m.failed += w.failed
	m.conflicts += w.conflicts
	m.partial += w.partial
	m.unserved += w.unserved
	if m.first == nil {
		m.first = w.first
	}
	m.took.Merge(w.took)
	w.took.Reset()
	w.done, w.failed, w.conflicts, w.partial, w.unserved, w.first = 0, 0, 0, 0, 0, nil
}

// closedLoop sends one request after the other until the deadline, and one at
// the least.
func (r *run) closedLoop(ctx context.Context, w *worker, mix *Workload, deadline time.Time) error {
	for began, first := r.o.Clock.Now(), true; first || began.Before(deadline); first = false {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := w.once(ctx, mix.draw(&w.generator)); err != nil {
			return err
		}
		ended := r.o.Clock.Now()
		w.record(ended.Sub(began))
		began = ended
	}
	return nil
}

// openLoop has requests fall due at the rate until the deadline, and the
// workers take them in turn, each as soon as it is free. What no worker has
// begun by then counts as unserved, with the time that it waited.
func (r *run) openLoop(ctx context.Context, s *server, mix *Workload, deadline time.Time) error {
	const waiting = 1 << 12 // Requests that are due and have no worker; those behind them are late all the same.
	due := make(chan time.Time, waiting)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(due)
		r.pace(ctx, due, deadline)
	}()
	err := s.each(func(w *worker) error {
		var failed error // The queue is emptied all the same: the pacer must end.
		for at := range due {
			switch now := r.o.Clock.Now(); {
			case failed != nil || ctx.Err() != nil:
			case now.After(deadline):
				w.unserved++
				w.record(now.Sub(at))
			default:
				if failed = w.once(ctx, mix.draw(&w.generator)); failed == nil {
					w.record(r.o.Clock.Now().Sub(at))
				}
			}
		}
		return failed
	})
	<-ended
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}

// pace sends the moment at which each request is due, not before it has come.
func (r *run) pace(ctx context.Context, due chan<- time.Time, deadline time.Time) {
	began := r.o.Clock.Now()
	for i := 0; ; i++ {
		at := began.Add(time.Duration(float64(i) / r.o.Rate * float64(time.Second)))
		if !at.Before(deadline) {
			return
		}
		if early := at.Sub(r.o.Clock.Now()); early > 0 {
			r.o.Pause(early)
		}
		select {
		case due <- at:
		case <-ctx.Done():
			return
		}
	}
}

// once sends one request and holds its answer to what it has to show. One that met a
// transaction under way is counted as such, and so is a batch that leaves items to be
// sent again: these are no failures of the server. Only a server that is gone ends the
// round.
func (w *worker) once(ctx context.Context, op *operation) error {
	w.body = op.build(&w.generator, w.body[:0])
	answer, err := w.connection.call(ctx, op.target, w.body)
	if err == nil && op.check != nil {
		err = op.check(&w.generator, answer)
	}
	switch {
	case err == nil:
		w.done++
	case conflicted(err):
		w.conflicts++
	case errors.Is(err, errUnprocessed):
		w.partial++
	case errors.Is(err, errUnreachable):
		return err
	default:
		w.failed++
		if w.first == nil {
			w.first = err
		}
	}
	return nil
}

func (w *worker) record(d time.Duration) {
	// RecordValue fails only out of range, which the bounds exclude.
	_ = w.took.RecordValue(min(max(d.Microseconds(), 1), maxMicros))
}
