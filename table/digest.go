package table

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
)

// Replicas that hold the same rows hold them byte for byte, vectors included, under
// keys that differ in the table's number alone. So they are compared by sums of
// runs of rows, and keys travel without what is before them in the store.

// Span is an interval of a table's rows: from Low, included, up to High, not
// included. Both are keys behind the table's prefix; a nil High is the end of the
// table.
type Span struct{ Low, High []byte }

// Most bounds what is read of a span. It ends behind the row with which one of
// the two is reached.
type Most struct {
	Rows  int
	Bytes int // Of keys and rows.
}

// Block sums up a run of rows.
type Block struct {
	High []byte // Where it ends, not included; nil at the end of the table.
	Rows int
	Sum  []byte // SHA-256 over keys and rows.
}

// KeyedRow is a stored row and its key behind the table's prefix.
type KeyedRow struct {
	Key []byte
	Row Row
}

// Digest sums up the rows of a span, as far as most allows. Tombstones of versions
// up to stable count for nothing: replicas drop them when they like. What it has
// summed up is durable.
func (e *Engine) Digest(ctx context.Context, t *Table, s Span, stable clock.Timestamp, most Most) (Block, error) {
	h := sha256.New()
	b := Block{High: s.High}
	var bad error
	high, err := e.scanSpan(ctx, t, s, most, func(key, row []byte) {
		settled, err := e.droppable(row, stable)
		if err != nil {
			bad = err
		}
		if settled || bad != nil {
			return
		}
		var n [8]byte
		binary.BigEndian.PutUint32(n[:4], uint32(len(key)))
		binary.BigEndian.PutUint32(n[4:], uint32(len(row)))
		h.Write(n[:])
		h.Write(key)
		h.Write(row)
		b.Rows++
	})
	if err == nil && bad != nil {
		err = fmt.Errorf("table: %s: %w", t.Def.Name, bad)
	}
	b.High, b.Sum = high, h.Sum(nil)
	return b, err
}

// droppable reports whether a stored row is a tombstone of a version up to stable.
func (e *Engine) droppable(stored []byte, stable clock.Timestamp) (bool, error) {
	if len(stored) < 2 || stored[0] != rowFormat {
		return false, errMalformedRow
	}
	if stored[1]&rowDeleted == 0 {
		return false, nil
	}
	r, err := decodeRow(stored, e.decoder)
	return err == nil && r.Version.Time.Compare(stable) <= 0, err
}

// Rows returns the rows of a span, tombstones included, as far as most allows, and
// where they end. They are durable.
func (e *Engine) Rows(ctx context.Context, t *Table, s Span, most Most) (rows []KeyedRow, high []byte, err error) {
	high, err = e.scanSpan(ctx, t, s, most, func(key, row []byte) {
		rows = append(rows, KeyedRow{append([]byte(nil), key...), append(Row(nil), row...)})
	})
	return rows, high, err
}

// Head is what tells a row from others of its key: its version and vector, whether it
// is a tombstone, and the key attributes, in the form of a row.
func (e *Engine) Head(t *Table, r Row) (Row, error) {
	s, err := e.State(r)
	if err != nil {
		return nil, err
	}
	k, err := t.ItemKey(s.Item)
	if err != nil {
		return nil, err
	}
	s.Item, s.Parts = t.KeyItem(nil, k), nil
	return appendRow(nil, &s), nil
}

// scanSpan calls fn for the rows of a span, as far as most allows. It returns
// where it ended, s.High at the end of the span.
func (e *Engine) scanSpan(ctx context.Context, t *Table, s Span, most Most, fn func(key, row []byte)) ([]byte, error) {
	prefix := appendPrefix(nil, t.Def.Number, baseRows)
	r := kv.Range{Low: append(appendPrefix(nil, t.Def.Number, baseRows), s.Low...), High: changelog.Successor(prefix)}
	if s.High != nil {
		r.High = append(appendPrefix(nil, t.Def.Number, baseRows), s.High...)
	}
	high := s.High
	rows, size := 0, 0
	at, err := e.store.Scan(ctx, r, func(key, row []byte) bool {
		fn(key[prefixSize:], row)
		rows++
		size += len(key) - prefixSize + len(row)
		if rows < most.Rows && size < most.Bytes {
			return true
		}
		high = append(append([]byte(nil), key[prefixSize:]...), 0)
		return false
	})
	if err != nil {
		return nil, err
	}
	return high, e.store.WaitDurable(ctx, at)
}

// RowsOf returns the rows under keys, nil for one that is not there, for the first
// of them: until their rows are maxBytes together. They are durable.
func (e *Engine) RowsOf(ctx context.Context, t *Table, keys [][]byte, maxBytes int) ([]Row, error) {
	var out []Row
	size := 0
	for _, k := range keys {
		if size >= maxBytes {
			break
		}
		full := append(appendPrefix(nil, t.Def.Number, baseRows), k...)
		at, err := e.store.GetMany(ctx, [][]byte{full}, func(_ int, value []byte) {
			var row Row
			if value != nil {
				row = append(Row{}, value...)
			}
			size += len(row)
			out = append(out, row)
		})
		if err == nil {
			err = e.store.WaitDurable(ctx, at)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
