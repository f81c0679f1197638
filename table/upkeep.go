package table

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/clock"
)

// upkeep is the state of the tables' own background work.
type upkeep struct {
	wake    chan struct{}
	mu      sync.Mutex        // Held by Step.
	rounds  map[uint32]*round // By table number.
	reading sync.Mutex        // Guards figures.
	figures map[uint32]*Figures
	rows    int                  // How many rows one piece of work looks at.
	logs    map[uint32]time.Time // When a regional table's log is looked at next.

	journals map[uint32]time.Time // When a table's conflict journal is looked at next.
}

// rouse makes Wake's channel ready.
func (u *upkeep) rouse() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// Wake is ready when Step has work that it did not know of when it last
// returned: the catalog changed.
func (e *Engine) Wake() <-chan struct{} { return e.upkeep.wake }

// Rouse makes Step look again before it said that it would: the clock that items
// expire by was moved.
func (e *Engine) Rouse() { e.upkeep.rouse() }

// stepAgain is when a step that failed is tried again.
const stepAgain = time.Second

// Step does a bounded piece of the background work of every table: it creates
// and deletes indexes, deletes expired items, and counts. It returns when it is
// to be called again, the zero time for not before Wake. An error of one table
// does not keep the others from their turn.
func (e *Engine) Step(ctx context.Context) (time.Time, error) {
	e.upkeep.mu.Lock()
	defer e.upkeep.mu.Unlock()
	now := e.wall.Now()
	var next time.Time
	var errs error
	due := map[uint32]*round{}
	for _, t := range e.Tables() {
		if ctx.Err() != nil {
			return next, ctx.Err()
		}
		r := e.upkeep.rounds[t.Def.Number]
		if r == nil {
			r = new(round)
		}
		due[t.Def.Number] = r
		at, err := e.stepTable(ctx, t, r, now)
		if errors.Is(err, errRetired) {
			at, err = now, nil // The table changed meanwhile.
		}
		if err != nil {
			errs = errors.Join(errs, err)
			at = now.Add(stepAgain)
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	e.upkeep.rounds = due
	e.forgetFigures(due)
	return next, errs
}

// stepTable does a piece of work for one table. Indexes come first.
func (e *Engine) stepTable(ctx context.Context, t *Table, r *round, now time.Time) (time.Time, error) {
	settles, err := e.stepSettling(ctx, t, now)
	switch {
	case err != nil || settles.Equal(now):
		return now, err
	case t.Def.Status == Creating && !settles.IsZero():
		return settles, nil
	case t.Def.Status == Deleting && !settles.IsZero():
		return settles, nil
	case t.Def.Status == Deleting:
		return now.Add(roundRest), nil
	}
	if x := t.Def.Changing(); x != nil && settles.IsZero() {
		if settles = e.awaitsIndex(x, now); settles.IsZero() {
			return now, e.stepIndex(ctx, t, x)
		}
	}
	at, err := e.stepRound(ctx, t, r, now)
	if !settles.IsZero() && settles.Before(at) {
		at = settles
	}
	detached, err2 := e.stepDetached(ctx, t, now)
	if err = errors.Join(err, err2); !detached.IsZero() && detached.Before(at) {
		at = detached
	}
	log, logErr := e.stepLog(ctx, t, now)
	if !log.IsZero() && log.Before(at) {
		at = log
	}
	journal, journalErr := e.stepJournal(ctx, t, now)
	if !journal.IsZero() && journal.Before(at) {
		at = journal
	}
	return at, errors.Join(err, logErr, journalErr)
}

// How often the log of a regional table is looked at, and how long its entries
// are kept for its stream (documented: 24 hours).
const (
	logEvery   = 30 * time.Second
	streamKeep = 24 * time.Hour
)

// stepDetached ends the time within which a replica may come back to a regional
// table, or the table to its global table. It returns the zero time where there is
// none.
func (e *Engine) stepDetached(ctx context.Context, t *Table, now time.Time) (time.Time, error) {
	if t.Def.Detached == nil || t.Def.Group != nil {
		return time.Time{}, nil
	}
	if again := e.awaits(t.Def.Detached.Until, now); !again.IsZero() {
		return again, nil
	}
	_, err := e.Alter(ctx, t.Def.Name, func(d *Definition) error {
		if d.ID != t.Def.ID || d.Group != nil || d.Detached == nil || d.Detached.Until != t.Def.Detached.Until {
			return errRetired
		}
		d.Detached = nil
		return nil
	})
	return now, err
}

// stepLog does for a regional table what replication does for a member of a
// global one: it gives up the log that its stream needs no more, and the
// tombstones of a time when it was a member. It returns the zero time for a
// table that never had a log.
func (e *Engine) stepLog(ctx context.Context, t *Table, now time.Time) (time.Time, error) {
	if t.replicated || t.Def.LastStreamLabel == "" {
		return time.Time{}, nil
	}
	if due := e.upkeep.logs[t.Def.Number]; now.Before(due) {
		return due, nil
	}
	if e.upkeep.logs == nil {
		e.upkeep.logs = map[uint32]time.Time{}
	}
	e.upkeep.logs[t.Def.Number] = now.Add(logEvery)
	_, more, err := t.Log.Trim(ctx, now, changelog.Retention{Keep: streamKeep, MaxAge: math.MaxInt64, MaxBytes: math.MaxInt64})
	if err != nil {
		return now.Add(logEvery), err
	}
	swept := 0
	if !t.versioned { // Whoever comes back needs the tombstones.
		swept, err = e.Sweep(ctx, t, clock.Timestamp{Wall: math.MaxInt64, Logical: math.MaxUint32})
	}
	if more || swept > 0 {
		e.upkeep.logs[t.Def.Number] = now.Add(roundPause)
	}
	return e.upkeep.logs[t.Def.Number], err
}
