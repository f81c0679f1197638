package table

import (
	"context"

	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
)

// sweepStep bounds the tombstones that one Sweep looks at.
const sweepStep = 512

// Tombstones reports whether the table holds any tombstone.
func (e *Engine) Tombstones(ctx context.Context, t *Table) (bool, error) {
	prefix := tombstoneRange(t)
	found := false
	_, err := e.store.Scan(ctx, prefix, func(_, _ []byte) bool {
		found = true
		return false
	})
	return found, err
}

func tombstoneRange(t *Table) kv.Range {
	low := appendTombstoneKey(nil, t.Def.Number, clock.Timestamp{}, nil)
	low = low[:len(low)-clock.EncodedSize]
	return kv.Range{Low: low, High: changelog.Successor(low)}
}

// Sweep drops the tombstones of versions up to stable: a time up to which every
// member of the global table has applied all that every member stamped. An
// earlier write can then no longer come and bring the item back. It does a
// bounded piece of work and returns how many it dropped.
func (e *Engine) Sweep(ctx context.Context, t *Table, stable clock.Timestamp) (int, error) {
	r := tombstoneRange(t)
	r.High = appendTombstoneKey(nil, t.Def.Number, stable, nil)
	r.High = changelog.Successor(r.High)
	head := len(r.Low) + clock.EncodedSize
	var marks [][]byte
	if _, err := e.store.Scan(ctx, r, func(key, _ []byte) bool {
		marks = append(marks, append([]byte(nil), key...))
		return len(marks) < sweepStep
	}); err != nil {
		return 0, err
	}
	if t.replicated && len(marks) > 0 {
		if err := e.RaiseFloor(ctx, t, stable); err != nil {
			return 0, err
		}
	}
	dropped := 0
	for _, mark := range marks {
		rowKey := mark[head:]
		version := clock.DecodeTimestamp(mark[head-clock.EncodedSize:])
		plan := kv.Plan{Guard: t.guard, Write: [][]byte{rowKey, mark}}
		_, err := e.store.Update(ctx, plan, func(values [][]byte, w *kv.Writes) error {
			if t.retired.Load() {
				return nil
			}
			old, err := decodeRow(values[0], e.decoder)
			if err != nil {
				return err
			}
			if old.Deleted && old.Version.Time == version {
				w.Delete(rowKey)
			}
			w.Delete(mark)
			dropped++
			return nil
		})
		if err != nil {
			return dropped, err
		}
	}
	return dropped, nil
}
