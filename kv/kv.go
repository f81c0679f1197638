// Package kv is what a table engine needs of an ordered store, and no more:
// point reads under locks with one atomic durable write, scans of a snapshot,
// and logs whose order is the order of commits.
//
// A Store belongs to one cell. kv.Mem is the reference for tests; kvtest holds
// every driver to this contract.
package kv

import (
	"context"
	"errors"

	"github.com/hortusdb/hortus/invariant"
)

// Position numbers the commits of a store, from 1, without going back. Zero is
// before the first commit.
type Position uint64

// LogID names a log of a store.
type LogID uint64

// Limits that every driver keeps.
const (
	MaxKeySize    = 2600
	MaxUpdateSize = 64 << 20 // Bytes of keys, values and records of one update.
	MaxUpdateRows = 20_000
)

// Errors that a caller acts on. Others are operating errors.
var (
	ErrNotFound      = errors.New("kv: not found")
	ErrTooLarge      = errors.New("kv: update is too large")
	ErrNoSpace       = errors.New("kv: free disk space is below the reserve: writes are refused")
	ErrUnknown       = errors.New("kv: it is unknown whether the commit took effect")
	ErrInUse         = errors.New("kv: the data directory is in use by another process")
	ErrNewerFormat   = errors.New("kv: the data directory has a newer format than this version reads")
	ErrClosed        = errors.New("kv: the store is closed")
	ErrTrimmed       = errors.New("kv: the log is trimmed past this position")
	ErrCommitAborted = errors.New("kv: the update was given up before it was ordered")
)

// Plan says which keys an update touches. All keys are named up front, so
// locks are taken in sorted order and never deadlock.
type Plan struct {
	Guard [][]byte // Locked shared, against Exclusive alone; not read. A table's epoch, against changes of its catalog entry.
	Read  [][]byte // Locked shared, read.
	Write [][]byte // Locked exclusive, read.

	// Early has Update return once its commit is visible, which is before it is
	// durable: for a caller that has more to write meanwhile, and asks Durable
	// or WaitDurable before it tells anybody. It becomes durable soon, at once
	// where somebody waits for it. Commits become durable in their order, or the
	// store fails.
	Early bool
}

// Store is an ordered transactional store. It is safe for concurrent use.
//
// Keys are at most MaxKeySize bytes and values are never empty. Key and value
// slices given to a callback are valid only until it returns; the caller keeps
// ownership of those that it passes in.
type Store interface {
	// Update locks the keys of p, reads those of p.Read and then p.Write at
	// one point in time, and calls fn with their values in that order (nil for
	// an absent key). What fn puts into w is committed atomically; the locks are
	// let go once the commit is ordered and visible. Update returns when all
	// that fn observed and wrote is durable (but see Plan.Early), also when fn
	// returns an error (fn's error then comes back as it is) or writes nothing.
	//
	// fn may write any key of p.Write, and any other key that belongs to one of
	// them alone (an index entry). It has no side effects and may run more than
	// once. The position returned is that of the commit, or the one that was
	// observed.
	Update(ctx context.Context, p Plan, fn func(values [][]byte, w *Writes) error) (Position, error)

	// Exclusive runs fn while no Update that has key among its Guard keys is
	// between taking its locks and being ordered. fn must not call Update.
	Exclusive(ctx context.Context, key []byte, fn func() error) error

	// Get appends the value of key to dst. The value may not be durable yet: a
	// caller that must not show what a crash could take back passes the
	// position to WaitDurable, also when the error is ErrNotFound.
	Get(ctx context.Context, key, dst []byte) ([]byte, Position, error)

	// GetMany calls fn for each key, in their order, with its value, nil when
	// it is absent, all as of one point in time.
	GetMany(ctx context.Context, keys [][]byte, fn func(i int, value []byte)) (Position, error)

	// Scan calls fn for the keys of r in order, or in reverse, on one snapshot,
	// until fn returns false.
	Scan(ctx context.Context, r Range, fn func(key, value []byte) bool) (Position, error)

	// DropRange deletes all keys of r, which will not be used again. It may go
	// on in the background, and does after a restart.
	DropRange(ctx context.Context, r Range) error

	// ReadLog calls fn for the entries of a log after a position, in order, up
	// to the durable watermark, until fn returns false. The result is the
	// position up to which the log was read: the last entry given to fn, or
	// the durable watermark when there are no more. It returns ErrTrimmed when
	// entries after that position are gone. A commit can have several entries:
	// whoever stops between them resumes at the position before.
	ReadLog(ctx context.Context, log LogID, after Position, fn func(Entry) bool) (Position, error)

	// WaitLog returns when the log has, or had, a durable entry after a
	// position, or when ctx ends, then with its error.
	WaitLog(ctx context.Context, log LogID, after Position) error

	// TrimLog gives up the entries of a log up to and including a position, and
	// none past the durable watermark. A crash may bring some back.
	TrimLog(ctx context.Context, log LogID, upTo Position) error

	// Durable is the watermark: every commit up to it is durable.
	Durable() Position

	// Found is the last commit that was there when the store was opened, 0 in a
	// new one. All positions that were given out since are after it; a crash may
	// have left a gap between.
	Found() Position

	// WaitDurable returns when the commit at pos is durable (at once, where
	// the store acknowledges writes before they are synced).
	WaitDurable(ctx context.Context, pos Position) error

	// Caps names the driver's limits.
	Caps() Caps

	// Close waits for running calls, then syncs and closes.
	Close() error
}

// Range is the keys from Low up to but not including High. A nil High is the
// end of the store.
type Range struct {
	Low, High []byte
	Reverse   bool
}

// Entry is an entry of a log. Record is valid only until the callback returns.
type Entry struct {
	Position Position
	Index    uint32 // Within the commit, from 0.
	Time     int64  // When it was committed here, microseconds, never decreasing in log order.
	Record   []byte
}

// Caps are a driver's limits.
type Caps struct {
	MaxKeySize    int
	MaxUpdateSize int
	Durable       bool // Whether a crash of the process keeps acknowledged commits.
}

// Writes collects what an update writes. The zero Writes is empty.
type Writes struct {
	ops    []op
	buf    []byte
	maxKey int // The length of the longest key.
}

type op struct {
	kind     opKind
	log      LogID
	key, end int // buf[start:key] is the key, buf[key:end] the value or record.
	start    int
}

type opKind uint8

const (
	opSet opKind = iota
	opDelete
	opAppend
)

// Set writes a value, which must not be empty. Both slices are copied.
func (w *Writes) Set(key, value []byte) {
	invariant.Assert(len(value) > 0, "kv: a value is empty")
	w.add(opSet, 0, key, value)
}

// Delete removes a key; one that is absent is no error.
func (w *Writes) Delete(key []byte) { w.add(opDelete, 0, key, nil) }

// Append adds a record to a log. Its position is given at the commit.
func (w *Writes) Append(log LogID, record []byte) { w.add(opAppend, log, nil, record) }

func (w *Writes) add(k opKind, log LogID, key, value []byte) {
	start := len(w.buf)
	w.buf = append(append(w.buf, key...), value...)
	w.ops = append(w.ops, op{k, log, start + len(key), len(w.buf), start})
	w.maxKey = max(w.maxKey, len(key))
}

// Reset empties w and keeps its memory.
func (w *Writes) Reset() { w.ops, w.buf, w.maxKey = w.ops[:0], w.buf[:0], 0 }

// Len is the number of rows written.
func (w *Writes) Len() int { return len(w.ops) }

// Size is the number of bytes written.
func (w *Writes) Size() int { return len(w.buf) }

// Check returns ErrTooLarge when w is over the limits of an update.
func (w *Writes) Check() error {
	if len(w.ops) > MaxUpdateRows || len(w.buf) > MaxUpdateSize || w.maxKey > MaxKeySize {
		return ErrTooLarge
	}
	return nil
}

// Apply calls the functions for what was written, in order.
func (w *Writes) Apply(set func(key, value []byte), del func(key []byte), app func(log LogID, record []byte)) {
	for _, o := range w.ops {
		switch o.kind {
		case opSet:
			set(w.buf[o.start:o.key], w.buf[o.key:o.end])
		case opDelete:
			del(w.buf[o.start:o.key])
		case opAppend:
			app(o.log, w.buf[o.key:o.end])
		}
	}
}
