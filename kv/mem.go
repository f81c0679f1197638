package kv

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/google/btree"
)

// MemOptions configure a Mem. The zero value is usable.
type MemOptions struct {
	// Now reads the wall in microseconds; nil reads as zero for ever.
	Now func() int64

	// ManualSync makes commits visible at once but durable only at the next
	// Sync, so that a test decides what a crash loses. Neither Update nor
	// WaitDurable then waits: whoever must know asks Durable.
	ManualSync bool
}

// Mem is a Store in memory: the reference for drivers, and the store of
// simulations. Calls of one goroutine never block, WaitLog excepted, and the
// same calls give the same results. What a callback was given is overwritten
// once it has returned, so that whoever keeps it finds out.
type Mem struct {
	options MemOptions
	updates sync.Mutex // Held by Update and Exclusive. Taken before mu.

	mu      sync.Mutex
	now     memState // What reads see.
	synced  memState // What a crash leaves, with ManualSync.
	last    Position
	durable Position
	found   Position      // The last commit of before a crash.
	time    int64         // Of the last commit.
	down    error         // Why no further call is taken, or nil.
	refuse  error         // What updates that write are refused with, or nil.
	wake    chan struct{} // Closed, and made anew, when commits become durable.
}

var _ Store = (*Mem)(nil)

// memState is the contents of a Mem. A clone shares memory with its original,
// and each may go on changing.
type memState struct {
	rows *btree.BTreeG[memRow]
	logs map[LogID]memLog
}

type memRow struct{ key, value []byte }

type memLog struct {
	entries []Entry // In order; an entry never changes.
	trimmed Position
}

func (s memState) clone() memState {
	logs := maps.Clone(s.logs)
	for id, l := range logs {
		logs[id] = memLog{slices.Clip(l.entries), l.trimmed}
	}
	return memState{s.rows.Clone(), logs}
}

// NewMem returns an empty store.
func NewMem(o MemOptions) *Mem {
	const degree = 32
	rows := btree.NewG(degree, func(a, b memRow) bool { return bytes.Compare(a.key, b.key) < 0 })
	m := &Mem{options: o, now: memState{rows, map[LogID]memLog{}}, wake: make(chan struct{})}
	m.sync()
	return m
}

// Sync makes every commit durable.
func (m *Mem) Sync() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sync()
}

func (m *Mem) sync() {
	m.durable = m.last
	if m.options.ManualSync {
		m.synced = m.now.clone()
	}
	close(m.wake)
	m.wake = make(chan struct{})
}

// Refuse makes updates that write fail with err, as ErrNoSpace on a full disk,
// until it is called with nil.
func (m *Mem) Refuse(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = err
}

// Crash ends m and returns a new store that holds what was durable. Positions
// go on above every one that m used, and times do not go back.
func (m *Mem) Crash() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.left()
	m.end(ErrClosed)
	return n
}

// Copy returns a new store that holds what is durable, as a copy of a disk does
// that is put back later. m goes on.
func (m *Mem) Copy() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.left()
}

// left is a store with what is durable.
func (m *Mem) left() *Mem {
	left := m.now
	if m.options.ManualSync {
		left = m.synced
	}
	n := &Mem{options: m.options, now: left.clone(), last: m.last, found: m.durable, time: m.time, wake: make(chan struct{})}
	n.sync()
	return n
}

// end refuses further calls and wakes those that wait.
func (m *Mem) end(err error) {
	if m.down == nil {
		m.down = err
		close(m.wake)
	}
}

// Update implements Store.
func (m *Mem) Update(ctx context.Context, p Plan, fn func([][]byte, *Writes) error) (Position, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrCommitAborted, err)
	}
	m.updates.Lock()
	defer m.updates.Unlock()
	values, observed, err := m.read(p)
	if err != nil {
		return 0, err
	}
	var w Writes
	err = fn(values, &w)
	for _, v := range values {
		clear(v)
	}
	if err != nil {
		return observed, err
	}
	if w.Len() == 0 {
		return observed, nil
	}
	if err := w.Check(); err != nil {
		return observed, err
	}
	return m.commit(&w)
}

// read returns copies of the values that p names, and the position they are
// at.
func (m *Mem) read(p Plan) ([][]byte, Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, 0, m.down
	}
	var values [][]byte
	for _, keys := range [][][]byte{p.Read, p.Write} {
		for _, k := range keys {
			values = append(values, bytes.Clone(m.value(k)))
		}
	}
	return values, m.last, nil
}

// value returns the value of key, or nil. The row's memory never changes.
func (m *Mem) value(key []byte) []byte {
	r, _ := m.now.rows.Get(memRow{key: key})
	return r.value
}

func (m *Mem) commit(w *Writes) (Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return 0, m.down
	}
	if m.refuse != nil {
		return 0, m.refuse
	}
	m.advance()
	var index uint32
	w.Apply(
		func(key, value []byte) {
			m.now.rows.ReplaceOrInsert(memRow{bytes.Clone(key), bytes.Clone(value)})
		},
		func(key []byte) { m.now.rows.Delete(memRow{key: key}) },
		func(log LogID, record []byte) {
			l := m.now.logs[log]
			l.entries = append(l.entries, Entry{m.last, index, m.time, bytes.Clone(record)})
			m.now.logs[log] = l
			index++
		})
	if !m.options.ManualSync {
		m.sync()
	}
	return m.last, nil
}

// advance gives out the next position and time.
func (m *Mem) advance() {
	m.last++
	if m.options.Now != nil {
		m.time = max(m.time, m.options.Now())
	}
}

// Exclusive implements Store. It keeps out every Update.
func (m *Mem) Exclusive(ctx context.Context, _ []byte, fn func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.updates.Lock()
	defer m.updates.Unlock()
	if _, _, err := m.read(Plan{}); err != nil {
		return err
	}
	return fn()
}

// Get implements Store.
func (m *Mem) Get(_ context.Context, key, dst []byte) ([]byte, Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return dst, 0, m.down
	}
	v := m.value(key)
	if v == nil {
		return dst, m.last, ErrNotFound
	}
	return append(dst, v...), m.last, nil
}

// GetMany implements Store.
func (m *Mem) GetMany(_ context.Context, keys [][]byte, fn func(int, []byte)) (Position, error) {
	values, pos, err := m.read(Plan{Read: keys})
	for i, v := range values {
		fn(i, v)
		clear(v)
	}
	return pos, err
}

// Scan implements Store.
func (m *Mem) Scan(ctx context.Context, r Range, fn func(key, value []byte) bool) (Position, error) {
	m.mu.Lock()
	rows, pos, err := m.now.rows.Clone(), m.last, m.down
	m.mu.Unlock()
	if err != nil {
		return 0, err
	}
	var key, value []byte
	scan(rows, r, func(row memRow) bool {
		if err = ctx.Err(); err != nil {
			return false
		}
		key, value = append(key[:0], row.key...), append(value[:0], row.value...)
		return fn(key, value)
	})
	return pos, err
}

// scan calls fn for the rows of r in its order until fn returns false.
func scan(t *btree.BTreeG[memRow], r Range, fn func(memRow) bool) {
	switch {
	case !r.Reverse && r.High == nil:
		t.AscendGreaterOrEqual(memRow{key: r.Low}, fn)
	case !r.Reverse:
		t.AscendRange(memRow{key: r.Low}, memRow{key: r.High}, fn)
	default:
		down := func(row memRow) bool {
			if r.High != nil && bytes.Compare(row.key, r.High) >= 0 {
				return true // Only the first can be: High itself.
			}
			return bytes.Compare(row.key, r.Low) >= 0 && fn(row)
		}
		if r.High == nil {
			t.Descend(down)
		} else {
			t.DescendLessOrEqual(memRow{key: r.High}, down)
		}
	}
}

// DropRange implements Store.
func (m *Mem) DropRange(_ context.Context, r Range) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	m.advance()
	var drop []memRow
	scan(m.now.rows, r, func(row memRow) bool {
		drop = append(drop, row)
		return true
	})
	for _, row := range drop {
		m.now.rows.Delete(row)
	}
	if !m.options.ManualSync {
		m.sync()
	}
	return nil
}

// ReadLog implements Store.
func (m *Mem) ReadLog(ctx context.Context, log LogID, after Position, fn func(Entry) bool) (Position, error) {
	m.mu.Lock()
	l, watermark, err := m.now.logs[log], m.durable, m.down
	m.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if after < l.trimmed {
		return 0, ErrTrimmed
	}
	for _, e := range l.entries[l.after(after):] {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if e.Position > watermark {
			break
		}
		e.Record = bytes.Clone(e.Record)
		more := fn(e)
		clear(e.Record)
		if !more {
			return e.Position, nil
		}
	}
	return watermark, nil
}

// after returns the index of the first entry after p.
func (l memLog) after(p Position) int {
	i, _ := slices.BinarySearchFunc(l.entries, p, func(e Entry, p Position) int {
		if e.Position <= p {
			return -1
		}
		return 1
	})
	return i
}

// WaitLog implements Store.
func (m *Mem) WaitLog(ctx context.Context, log LogID, after Position) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		m.mu.Lock()
		l, watermark, wake, err := m.now.logs[log], m.durable, m.wake, m.down
		m.mu.Unlock()
		if err != nil {
			return err
		}
		if i := l.after(after); after < l.trimmed || i < len(l.entries) && l.entries[i].Position <= watermark {
			return nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
		}
	}
}

// TrimLog implements Store.
func (m *Mem) TrimLog(_ context.Context, log LogID, upTo Position) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	l := m.now.logs[log]
	if i := l.after(min(upTo, m.durable)); i > 0 {
		l.trimmed, l.entries = l.entries[i-1].Position, l.entries[i:]
		m.now.logs[log] = l
	}
	return nil
}

// Durable implements Store.
func (m *Mem) Durable() Position {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.durable
}

// Found implements Store.
func (m *Mem) Found() Position { return m.found }

// WaitDurable implements Store. It never waits.
func (m *Mem) WaitDurable(ctx context.Context, _ Position) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, _, err := m.read(Plan{})
	return err
}

// Caps implements Store.
func (m *Mem) Caps() Caps { return Caps{MaxKeySize, MaxUpdateSize, !m.options.ManualSync} }

// Close implements Store.
func (m *Mem) Close() error {
	m.updates.Lock()
	defer m.updates.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	m.sync()
	m.end(ErrClosed)
	return nil
}
