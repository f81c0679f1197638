package table

import (
	"context"
	"errors"
	"fmt"

	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/kv"
)

// Bounds of one step over a table's rows.
const (
	stepRows  = 1024
	stepBytes = 1 << 20
)

// stepIndex does a bounded piece of the creation or deletion of an index.
//
// An index that is being created is in the definition, so every write keeps it
// from then on. What is left is to give entries to the items that no write has
// touched since. The step makes those under the locks of the items, out of what
// it reads there, so that an entry is never that of an image of before. Doing
// it again does no harm.
func (e *Engine) stepIndex(ctx context.Context, t *Table, x *Index) error {
	switch {
	case x.Status == Deleting:
		return e.dropIndex(ctx, t, x.Number)
	case !x.Backfilling:
		return e.alterIndex(ctx, t, x.Number, func(_ *Definition, x *Index) { x.Backfilling = true })
	}
	for i := range t.indexes {
		if t.indexes[i].def == x {
			return e.backfill(ctx, t, &t.indexes[i])
		}
	}
	return fmt.Errorf("table: %s: index %s is not kept", t.Def.Name, x.Name)
}

// alterIndex changes an index of a definition that is still of this table.
func (e *Engine) alterIndex(ctx context.Context, t *Table, number uint16, fn func(d *Definition, x *Index)) error {
	_, err := e.Alter(ctx, t.Def.Name, func(d *Definition) error {
		if d.ID != t.Def.ID {
			return errRetired
		}
		for i := range d.Indexes {
			if x := &d.Indexes[i]; x.Number == number {
				fn(d, x)
				return nil
			}
		}
		return errRetired
	})
	if err != nil && e.Table(t.Def.Name) == nil {
		return errRetired
	}
	return err
}

// backfill gives the next items their entries. How far it has come is kept in
// the commit that brings the entries, so a crash costs nothing.
func (e *Engine) backfill(ctx context.Context, t *Table, x *index) error {
	mark := appendBackfillKey(nil, t.Def.Number, x.def.Number)
	after, _, err := e.store.Get(ctx, mark, nil)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	keys, last, err := e.unindexed(ctx, t, x, after)
	if err != nil {
		return err
	}
	if last == nil && len(keys) == 0 {
		return e.endBackfill(ctx, t, x.def.Number)
	}
	plan := kv.Plan{Guard: t.guard, Write: append([][]byte{mark}, keys...)}
	var key, value, scratch []byte
	_, err = e.store.Update(ctx, plan, func(values [][]byte, w *kv.Writes) error {
		if t.retired.Load() {
			return errRetired
		}
		for i, stored := range values[1:] {
			r, err := decodeRow(stored, e.decoder)
			if err != nil {
				return err
			}
			if !r.exists {
				continue
			}
			var has bool
			if key, has = x.appendEntryKey(key[:0], r.Item, keys[i]); has {
				entry := x.entryItem(scratch[:0], r.Item)
				value = appendEntry(value[:0], entry)
				w.Set(key, value)
				if x.project != nil {
					scratch = entry
				}
			}
		}
		if last != nil {
			w.Set(mark, last)
		}
		return nil
	})
	if err == nil && last == nil {
		err = e.endBackfill(ctx, t, x.def.Number)
	}
	return err
}

// unindexed returns the keys of the next rows that have an entry in an index,
// and the key of the last row that was looked at, nil at the end of the table.
// Rows that get an entry later get it by the write that brings it about.
func (e *Engine) unindexed(ctx context.Context, t *Table, x *index, after []byte) (keys [][]byte, last []byte, err error) {
	var bad error
	rows, size, full := 0, 0, false
	var entry []byte
	_, err = e.store.Scan(ctx, rowsAfter(t, after), func(key, value []byte) bool {
		if full = len(keys) >= MaxApply || rows >= e.upkeep.rows || size >= stepBytes; full {
			return false
		}
		rows++
		size += len(value)
		last = append(last[:0], key...)
		it, err := rowItem(value, e.decoder)
		if err != nil {
			bad = err
			return false
		}
		if it == nil {
			return true
		}
		var has bool
		if entry, has = x.appendEntryKey(entry[:0], it, key); has {
			keys = append(keys, append([]byte(nil), key...))
		}
		return true
	})
	if !full {
		last = nil
	}
	return keys, last, errors.Join(err, bad)
}

// rowsAfter is the range of a table's rows behind a key, nil for all.
func rowsAfter(t *Table, after []byte) kv.Range {
	prefix := appendPrefix(nil, t.Def.Number, baseRows)
	r := kv.Range{Low: prefix, High: changelog.Successor(prefix)}
	if after != nil {
		r.Low = append(append([]byte(nil), after...), 0)
	}
	return r
}

// endBackfill puts an index into use. Its mark goes last: one that a crash
// leaves behind goes with the index.
func (e *Engine) endBackfill(ctx context.Context, t *Table, number uint16) error {
	err := e.alterIndex(ctx, t, number, func(_ *Definition, x *Index) {
		if x.Status == Creating {
			x.Status, x.Backfilling, x.SettlesAt = "", false, 0
		}
	})
	if err != nil {
		return err
	}
	return e.dropMark(ctx, t, number)
}

func (e *Engine) dropMark(ctx context.Context, t *Table, number uint16) error {
	mark := appendBackfillKey(nil, t.Def.Number, number)
	_, err := e.store.Update(ctx, kv.Plan{Write: [][]byte{mark}}, func(values [][]byte, w *kv.Writes) error {
		if values[0] != nil {
			w.Delete(mark)
		}
		return nil
	})
	return err
}

// dropIndex ends an index: no write has kept it since it is Deleting.
func (e *Engine) dropIndex(ctx context.Context, t *Table, number uint16) error {
	prefix := appendPrefix(nil, t.Def.Number, number)
	if err := e.store.DropRange(ctx, kv.Range{Low: prefix, High: changelog.Successor(prefix)}); err != nil {
		return err
	}
	if err := e.dropMark(ctx, t, number); err != nil {
		return err
	}
	return e.alterIndex(ctx, t, number, func(d *Definition, _ *Index) { d.removeIndex(number) })
}
