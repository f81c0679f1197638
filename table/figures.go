package table

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
)

// A table's figures are counted from time to time, as on AWS: a round goes over
// its rows in bounded steps, and deletes those that are expired on the way.
// Writes count nothing, so they cost nothing. A small table that changes is
// counted every few seconds; the larger it is, the longer a round rests. A round
// over a table that nobody has written to, and of which no item expires, is
// left out.
const (
	roundRest    = 2 * time.Second
	roundPause   = 20 * time.Millisecond  // Between the pieces of a round, at least.
	roundShare   = 20                     // A piece that takes a while is followed by so many times that.
	roundRestMax = 6 * time.Hour          // How often AWS counts (documented).
	restPerRow   = 100 * time.Microsecond // Some hundred times what a row costs.
	restPerMB    = 100 * time.Millisecond
)

// Figure is a number of items and their size in bytes.
type Figure struct{ Items, Bytes int64 }

func (f *Figure) add(size int) {
	f.Items++
	f.Bytes += int64(size)
}

// Figures are what a table and its indexes held at the last count.
type Figures struct {
	Table   Figure
	Indexes map[uint16]Figure // By Index.Number.
}

// Figures returns a table's figures as of the last count, zero before the first.
// They must not be changed.
func (e *Engine) Figures(t *Table) Figures {
	e.upkeep.reading.Lock()
	defer e.upkeep.reading.Unlock()
	if f := e.upkeep.figures[t.Def.Number]; f != nil {
		return *f
	}
	return Figures{}
}

// round is how far a table's present round has come.
type round struct {
	due   time.Time
	going bool
	table *Table      // As it was when the round began.
	began kv.Position // The store's, when the last round began.
	after []byte
	count Figures
	rows  int64
	bytes int64
	soon  int64 // When the first item expires that has not yet; 0 for none.
}

// stepRound does the next piece of a round, when there is one to do.
func (e *Engine) stepRound(ctx context.Context, t *Table, r *round, now time.Time) (time.Time, error) {
	if r.table == nil {
		if f := e.Figures(t); f.Table.Items > 0 { // Counted before the cell was opened.
			r.table, r.due = t, now.Add(rest(f.Table.Items, f.Table.Bytes))
		}
	}
	if now.Before(r.due) && r.table == t {
		return r.due, nil
	}
	date := e.dates.Now().Unix()
	if !r.going || r.table != t {
		at := e.store.Durable()
		if !r.going && r.table == t && at == r.began && (r.soon == 0 || date <= r.soon) {
			r.due = now.Truncate(roundRest).Add(roundRest) // All tables together: each step looks at all.
			return r.due, nil
		}
		*r = round{going: true, table: t, began: at, count: Figures{Indexes: map[uint16]Figure{}}}
	}
	gone, more, err := e.count(ctx, t, r, date)
	if err == nil && len(gone) > 0 {
		_, err = e.expire(ctx, t, gone, date)
	}
	if err != nil {
		*r = round{} // What was passed over is looked at again.
		return now, err
	}
	if more {
		done := e.wall.Now()
		r.due = done.Add(max(roundPause, roundShare*done.Sub(now)))
		return r.due, nil
	}
	r.going = false
	if err := e.keepFigures(ctx, t, r.count); err != nil {
		return now, err
	}
	r.due = now.Add(rest(r.rows, r.bytes))
	return r.due, nil
}

// rest is how long a table that was counted is left alone.
func rest(rows, bytes int64) time.Duration {
	d := time.Duration(rows)*restPerRow + time.Duration(bytes>>20)*restPerMB
	return min(max(d, roundRest), roundRestMax)
}

// count looks at the next rows of a round. It returns the keys of those that are
// expired, and whether there are more.
func (e *Engine) count(ctx context.Context, t *Table, r *round, now int64) (gone [][]byte, more bool, err error) {
	var bad error
	rows, size := 0, 0
	var scratch []byte
	_, err = e.store.Scan(ctx, rowsAfter(t, r.after), func(key, value []byte) bool {
		if more = len(gone) >= MaxApply || rows >= e.upkeep.rows || size >= stepBytes; more {
			return false
		}
		rows++
		size += len(value)
		r.after = append(r.after[:0], key...)
		it, err := rowItem(value, e.decoder)
		if err != nil || it == nil {
			bad = err
			return err == nil
		}
		if l := t.Def.TimeToLive; l != nil {
			if l.expired(it, now) && t.Def.Status != Creating {
				gone = append(gone, append([]byte(nil), key...))
				return true
			}
			if at, ok := l.expiry(it, now); ok && (r.soon == 0 || at < r.soon) {
				r.soon = at
			}
		}
		scratch = r.count.addItem(t, it, scratch)
		return true
	})
	r.rows += int64(rows)
	r.bytes += int64(size)
	return gone, more, errors.Join(err, bad)
}

// addItem counts an item and its entries. It returns the scratch that it used.
func (f *Figures) addItem(t *Table, it item.Item, scratch []byte) []byte {
	size := it.Size()
	f.Table.add(size)
	for i := range t.indexes {
		x := &t.indexes[i]
		if !x.covers(it) {
			continue
		}
		entry := size
		if x.project != nil {
			scratch = x.entryItem(scratch[:0], it)
			entry = item.Item(scratch).Size()
		}
		g := f.Indexes[x.def.Number]
		g.add(entry)
		f.Indexes[x.def.Number] = g
	}
	return scratch
}

// figuresFormat is the first byte of stored figures; see docs/formats/catalog.md.
const figuresFormat = 1

const figuresHead = 1 + 16

func (f *Figures) encode() []byte {
	var dst []byte
	pair := func(g Figure) {
		dst = binary.BigEndian.AppendUint64(dst, uint64(g.Items))
		dst = binary.BigEndian.AppendUint64(dst, uint64(g.Bytes))
	}
	dst = append(dst, figuresFormat)
	pair(f.Table)
	for _, n := range slices.Sorted(maps.Keys(f.Indexes)) {
		dst = binary.BigEndian.AppendUint16(dst, n)
		pair(f.Indexes[n])
	}
	return dst
}

// decodeFigures reads stored figures; nil for what is none.
func decodeFigures(b []byte) *Figures {
	const entry = 2 + 16
	if len(b) < figuresHead || b[0] != figuresFormat || (len(b)-figuresHead)%entry != 0 {
		return nil
	}
	pair := func(b []byte) Figure {
		return Figure{int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))}
	}
	f := &Figures{Table: pair(b[1:]), Indexes: map[uint16]Figure{}}
	for b = b[figuresHead:]; len(b) > 0; b = b[entry:] {
		f.Indexes[binary.BigEndian.Uint16(b)] = pair(b[2:])
	}
	return f
}

// loadFigures reads the figures of the last counts. What cannot be read is
// counted again.
func (e *Engine) loadFigures(ctx context.Context) error {
	e.upkeep.figures = map[uint32]*Figures{}
	low := []byte{figuresPrefix}
	_, err := e.store.Scan(ctx, kv.Range{Low: low, High: changelog.Successor(low)}, func(key, value []byte) bool {
		if f := decodeFigures(value); f != nil && len(key) == len(low)+4 {
			e.upkeep.figures[binary.BigEndian.Uint32(key[len(low):])] = f
		}
		return true
	})
	return err
}

// keepFigures publishes and stores figures that are not those of before. On a
// full disk they are right until the next start, which counts again.
func (e *Engine) keepFigures(ctx context.Context, t *Table, f Figures) error {
	was := e.Figures(t)
	if was.Table == f.Table && maps.Equal(was.Indexes, f.Indexes) {
		return nil
	}
	e.upkeep.reading.Lock()
	e.upkeep.figures[t.Def.Number] = &f
	e.upkeep.reading.Unlock()
	key := figuresKey(t.Def.Number)
	_, err := e.store.Update(ctx, kv.Plan{Guard: t.guard, Write: [][]byte{key}}, func(_ [][]byte, w *kv.Writes) error {
		if t.retired.Load() {
			return errRetired // It may be gone, and its figures with it.
		}
		w.Set(key, f.encode())
		return nil
	})
	return err
}

// forgetFigures drops the figures of tables that are gone.
func (e *Engine) forgetFigures(there map[uint32]*round) {
	e.upkeep.reading.Lock()
	defer e.upkeep.reading.Unlock()
	maps.DeleteFunc(e.upkeep.figures, func(n uint32, _ *Figures) bool { return there[n] == nil })
}
