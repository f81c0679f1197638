package table

import (
	"context"
	"errors"
	"fmt"

	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/kv"
)

// Floor is a time up to which this replica has applied every version that any
// member stamped, as far as that was needed to drop tombstones. A write that
// finds no row may stand where a tombstone was: it says by the floor that it
// comes after it, and is not taken for a concurrent one where the tombstone
// still is.
func (t *Table) Floor() clock.Timestamp {
	if f := t.gate.floor.Load(); f != nil {
		return *f
	}
	return clock.Timestamp{}
}

// FollowFloor raises the floor to another member's. All that this cell stamps from
// now on comes after it, for others would take it for seen otherwise, and that
// member's clock may be ahead. One that is too far ahead is refused, with
// clock.ErrAhead.
func (e *Engine) FollowFloor(ctx context.Context, t *Table, to clock.Timestamp) error {
	if err := e.hybrid.Observe(to); err != nil {
		return err
	}
	return e.RaiseFloor(ctx, t, to)
}

// RaiseFloor moves the floor on, durably. It never goes back.
func (e *Engine) RaiseFloor(ctx context.Context, t *Table, to clock.Timestamp) error {
	g := t.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if to.Compare(t.Floor()) <= 0 {
		return nil
	}
	key := floorKey(t.Def.Number)
	_, err := e.store.Update(ctx, kv.Plan{Guard: t.guard, Write: [][]byte{key}}, func(_ [][]byte, w *kv.Writes) error {
		w.Set(key, clock.AppendTimestamp([]byte{1}, to))
		return nil
	})
	if err == nil {
		g.floor.Store(&to)
	}
	return err
}

// Reading returns a reading of the hybrid clock that is after every version which
// was given out before, and before every one that is given out later, also after
// a crash.
func (e *Engine) Reading(ctx context.Context) (clock.Timestamp, error) {
	now := e.hybrid.Now()
	return now, e.persistClock(ctx, now)
}

// loadFloor reads the floor of a table whose store is being opened.
func (e *Engine) loadFloor(ctx context.Context, t *Table) error {
	b, _, err := e.store.Get(ctx, floorKey(t.Def.Number), nil)
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	if err == nil && (len(b) != 1+clock.EncodedSize || b[0] != 1) {
		err = fmt.Errorf("table: %s: malformed floor %x", t.Def.Name, b)
	}
	if err == nil {
		at := clock.DecodeTimestamp(b[1:])
		t.gate.floor.Store(&at)
	}
	return err
}

// follow returns the vector of a version that this cell makes on top of old. A
// regional table has none: whoever is to join it sees all of it.
func (t *Table) follow(old *row, at conflict.Version) conflict.Vector {
	switch {
	case !t.versioned:
		return conflict.Vector{}
	case old.Version.IsZero():
		return conflict.Vector{Floor: t.Floor()}
	}
	return old.Follow(at)
}
