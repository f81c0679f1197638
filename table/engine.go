// Package table is the table engine of a cell: it reads, writes, queries and
// indexes items, and keeps the catalog of tables.
//
// There is one way to change an item, commit, which writes the item, its index
// entries and the change record in one transaction of the store. Every stored
// item has a version: when and where it was written.
package table

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/kv"
)

// Engine runs the tables of one cell. It is safe for concurrent use.
type Engine struct {
	cell    aws.Cell
	store   kv.Store
	wall    clock.Clock
	dates   clock.Clock // What items expire by.
	hybrid  *clock.Hybrid
	decoder *conflict.Decoder

	tables  atomic.Pointer[map[string]*Table]
	catalog sync.Mutex // Held by every change of the catalog.
	last    uint32     // The last table number given out.

	mark    sync.Mutex // Guards marked.
	marked  clock.Timestamp
	scratch sync.Pool // *writeScratch

	transactions sync.Pool     // *transactScratch
	tokens       atomic.Uint64 // How many idempotency tokens came.
	sweeping     sync.Mutex    // Guards swept.
	swept        int64         // Tokens of before this time are gone; in microseconds since 1970.
	upkeep       upkeep
	ongoing      *ongoing

	maxCollection int64
	journals      journals
}

// Options are what an engine needs from outside.
type Options struct {
	Cell  aws.Cell
	Store kv.Store
	Clock clock.Clock
	Dates clock.Clock // What items expire by; nil for Clock.
}

// Open reads the catalog of a store. The engine does not close the store.
func Open(ctx context.Context, o Options) (*Engine, error) {
	e := &Engine{
		cell: o.Cell, store: o.Store, wall: o.Clock, dates: cmp.Or(o.Dates, o.Clock),
		hybrid: clock.NewHybrid(o.Clock), ongoing: newOngoing(),
		decoder: conflict.NewDecoder(o.Cell), maxCollection: MaxCollection,
	}
	e.upkeep.wake, e.upkeep.rows = make(chan struct{}, 1), stepRows
	e.scratch.New = func() any { return new(writeScratch) }
	e.transactions.New = func() any { return new(transactScratch) }
	if err := e.restoreClock(ctx); err != nil {
		return nil, err
	}
	if err := e.loadCatalog(ctx); err != nil {
		return nil, err
	}
	if err := e.loadJournals(ctx); err != nil {
		return nil, err
	}
	if err := e.loadFigures(ctx); err != nil {
		return nil, err
	}
	return e, nil
}

// Close keeps the clock's reading, so that no version of the past is made after
// the next Open.
func (e *Engine) Close(ctx context.Context) error {
	if len(e.Tables()) == 0 {
		return nil
	}
	return e.persistClock(ctx, e.hybrid.Now())
}

// Cell returns the cell that the engine works for.
func (e *Engine) Cell() aws.Cell { return e.cell }

// Clock returns the wall clock that the engine was given.
func (e *Engine) Clock() clock.Clock { return e.wall }

// Store returns the store that the engine was given.
func (e *Engine) Store() kv.Store { return e.store }

// Decoder returns the decoder for versions stored in this cell.
func (e *Engine) Decoder() *conflict.Decoder { return e.decoder }

// Table returns the table of that name, nil when there is none.
func (e *Engine) Table(name string) *Table { return (*e.tables.Load())[name] }

// Tables lists the tables by name.
func (e *Engine) Tables() []*Table {
	m := *e.tables.Load()
	out := make([]*Table, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[name])
	}
	return out
}

// restoreClock moves the hybrid clock past every reading that was promised to
// other cells, also when the wall went back meanwhile.
func (e *Engine) restoreClock(ctx context.Context) error {
	b, _, err := e.store.Get(ctx, []byte(clockKey), nil)
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(b) != 1+clock.EncodedSize || b[0] != 1 {
		return fmt.Errorf("table: malformed clock reading %x", b)
	}
	e.marked = clock.DecodeTimestamp(b[1:])
	e.hybrid.Restore(e.marked)
	return nil
}

// persistClock keeps a reading that no later version may be before.
func (e *Engine) persistClock(ctx context.Context, t clock.Timestamp) error {
	e.mark.Lock()
	defer e.mark.Unlock()
	if t.Compare(e.marked) <= 0 {
		return nil
	}
	key := []byte(clockKey)
	_, err := e.store.Update(ctx, kv.Plan{Write: [][]byte{key}}, func(_ [][]byte, w *kv.Writes) error {
		w.Set(key, clock.AppendTimestamp([]byte{1}, t))
		return nil
	})
	if err == nil {
		e.marked = t
	}
	return err
}
