package pebblekv

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hortusdb/hortus/invariant"
	"github.com/hortusdb/hortus/kv"
)

// contextInterval is the number of rows after which a read looks whether its
// caller is still there.
const contextInterval = 256

// Get implements kv.Store.
func (s *Store) Get(_ context.Context, key, dst []byte) ([]byte, kv.Position, error) {
	if err := s.life.enter(); err != nil {
		return dst, 0, err
	}
	defer s.life.exit()
	id := s.rowID(key)
	latch := s.latchOf(id.hash)
	dst, ok := s.rows.get(id, key, dst)
	var err error
	if !ok {
		dst, err = s.getRow(id, latch, key, dst)
	}
	// Loaded after the value was read: not below the commit that wrote it.
	pos := kv.Position(max(latch.last.Load(), s.dropped.Load()))
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return dst, pos, kv.ErrNotFound
	case err != nil:
		return dst, pos, fmt.Errorf("pebblekv: get: %w", err)
	}
	return dst, pos, nil
}

// getRow appends the value of key, which is not cached, to dst.
func (s *Store) getRow(id rowID, latch *latch, key, dst []byte) ([]byte, error) {
	shown := latch.shown.Load()
	k := s.keys.Get().(*[]byte)
	defer s.keys.Put(k)
	*k = appendKey((*k)[:0], key)
	v, closer, err := s.db.Get(*k)
	if err != nil {
		return dst, err
	}
	invariant.Assert(len(v) > 0, "pebblekv: a stored value is empty")
	s.rows.putRead(id, key, v, &latch.last, shown)
	dst = append(dst, v...)
	return dst, closer.Close()
}

// GetMany implements kv.Store. The position is that of the last commit.
func (s *Store) GetMany(ctx context.Context, keys [][]byte, fn func(int, []byte)) (kv.Position, error) {
	if err := s.life.enter(); err != nil {
		return 0, err
	}
	defer s.life.exit()
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{})
	if err != nil {
		return 0, fmt.Errorf("pebblekv: get: %w", err)
	}
	pos := kv.Position(s.last.Load())
	var k []byte
	for i, key := range keys {
		k = appendKey(k[:0], key)
		var v []byte
		if it.SeekPrefixGE(k) {
			if v, err = it.ValueAndErr(); err != nil {
				break
			}
			invariant.Assert(len(v) > 0, "pebblekv: a stored value is empty")
		} else if it.Error() != nil {
			break
		}
		fn(i, v)
	}
	if err = errors.Join(err, it.Close()); err != nil {
		return pos, fmt.Errorf("pebblekv: get: %w", err)
	}
	return pos, nil
}

// Scan implements kv.Store. The position is that of the last commit.
func (s *Store) Scan(ctx context.Context, r kv.Range, fn func(key, value []byte) bool) (kv.Position, error) {
	if err := s.life.enter(); err != nil {
		return 0, err
	}
	defer s.life.exit()
	lower, upper := bounds(r)
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return 0, fmt.Errorf("pebblekv: scan: %w", err)
	}
	pos := kv.Position(s.last.Load())
	first, next := it.First, it.Next
	if r.Reverse {
		first, next = it.Last, it.Prev
	}
	err = scan(ctx, it, first, next, fn)
	if err = errors.Join(err, it.Close()); err != nil {
		return pos, fmt.Errorf("pebblekv: scan: %w", err)
	}
	return pos, nil
}

func scan(ctx context.Context, it *pebble.Iterator, first, next func() bool, fn func(key, value []byte) bool) error {
	n := 0
	for ok := first(); ok; ok = next() {
		if n++; n%contextInterval == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if !fn(it.Key()[1:], v) {
			return nil
		}
	}
	return nil // The iterator's own error comes with Close.
}

// Durable implements kv.Store.
func (s *Store) Durable() kv.Position { return s.watermark.get() }

// Found implements kv.Store.
func (s *Store) Found() kv.Position { return s.found }

// WaitDurable implements kv.Store.
func (s *Store) WaitDurable(ctx context.Context, pos kv.Position) error {
	if err := s.life.enter(); err != nil {
		return err
	}
	defer s.life.exit()
	return s.waitDurable(ctx, pos)
}

func (s *Store) waitDurable(ctx context.Context, pos kv.Position) error {
	if s.acknowledgesEarly() || pos <= s.watermark.get() {
		return nil
	}
	reached := s.watermark.wait(pos)
	if reached == nil {
		return nil
	}
	s.late.hurry(pos)
	select {
	case <-reached:
		return nil
	case <-ctx.Done():
		s.watermark.forget(reached)
		return ctx.Err()
	case <-s.life.dead:
		return s.life.failure()
	}
}

// entriesOf returns an iterator over the entries of a log after a position and
// up to another, at the first of them, and the position up to which the log is
// trimmed.
func (s *Store) entriesOf(ctx context.Context, log kv.LogID, after, upTo kv.Position) (*pebble.Iterator, kv.Position, error) {
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{
		LowerBound: appendLogHeader(nil, log),
		UpperBound: appendLogKey(nil, log, upTo+1, 0),
	})
	if err != nil {
		return nil, 0, err
	}
	var trimmed kv.Position
	if it.First() && len(it.Key()) == logHeaderSize {
		v, err := it.ValueAndErr()
		if err != nil {
			return nil, 0, errors.Join(err, it.Close())
		}
		invariant.Assert(len(v) == 8, "pebblekv: a log's header is malformed")
		trimmed = kv.Position(binary.BigEndian.Uint64(v))
	}
	it.SeekGE(appendLogKey(nil, log, after+1, 0))
	return it, trimmed, nil
}

// ReadLog implements kv.Store.
func (s *Store) ReadLog(ctx context.Context, log kv.LogID, after kv.Position, fn func(kv.Entry) bool) (kv.Position, error) {
	if err := s.life.enter(); err != nil {
		return 0, err
	}
	defer s.life.exit()
	// Read before the iterator is made, which then has all entries up to it.
	durable := s.Durable()
	if after >= durable {
		return durable, nil
	}
	if entries, ok := s.tails.between(log, after, durable); ok {
		for _, e := range entries {
			if !fn(e) {
				return e.Position, nil
			}
		}
		return durable, nil
	}
	return s.readEngine(ctx, log, after, durable, fn)
}

// readEngine is ReadLog of what is durable, from the engine.
func (s *Store) readEngine(
	ctx context.Context, log kv.LogID, after, durable kv.Position, fn func(kv.Entry) bool,
) (kv.Position, error) {
	it, trimmed, err := s.entriesOf(ctx, log, after, durable)
	if err != nil {
		return 0, fmt.Errorf("pebblekv: read a log: %w", err)
	}
	if after < trimmed {
		if err := it.Close(); err != nil {
			return 0, fmt.Errorf("pebblekv: read a log: %w", err)
		}
		return 0, kv.ErrTrimmed
	}
	pos, err := readLog(ctx, it, durable, fn)
	if err = errors.Join(err, it.Close()); err != nil {
		return 0, fmt.Errorf("pebblekv: read a log: %w", err)
	}
	return pos, nil
}

func readLog(ctx context.Context, it *pebble.Iterator, durable kv.Position, fn func(kv.Entry) bool) (kv.Position, error) {
	n := 0
	for ok := it.Valid(); ok; ok = it.Next() {
		if n++; n%contextInterval == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return 0, err
		}
		if e := decodeEntry(it.Key(), v); !fn(e) {
			return e.Position, nil
		}
	}
	return durable, nil
}

func decodeEntry(key, value []byte) kv.Entry {
	invariant.Assert(len(key) == logKeySize && len(value) >= logTimeSize, "pebblekv: a log entry is malformed")
	return kv.Entry{
		Position: kv.Position(binary.BigEndian.Uint64(key[logPositionOff:])),
		Index:    binary.BigEndian.Uint32(key[logIndexOff:]),
		Time:     int64(binary.BigEndian.Uint64(value)),
		Record:   value[logTimeSize:],
	}
}

// WaitLog implements kv.Store.
func (s *Store) WaitLog(ctx context.Context, log kv.LogID, after kv.Position) (err error) {
	if err := s.life.enter(); err != nil {
		return err
	}
	defer s.life.exit()
	defer func() {
		if err != nil {
			s.tails.forget(log) // Who follows it may be gone.
		}
	}()
	if has, err := s.hasEntry(ctx, log, after); has || err != nil {
		return err
	}
	s.follow(log)
	s.logs.join(log)
	defer s.logs.leave(log)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		changed := s.logs.next(log) // Before the look, so that nothing is missed.
		if has, err := s.hasEntry(ctx, log, after); has || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
		case <-s.life.closed:
			return kv.ErrClosed
		case <-s.life.dead:
			return s.life.failure()
		}
	}
}

// follow keeps the log's end in memory from now on.
func (s *Store) follow(log kv.LogID) {
	if s.tails.of(log) != nil {
		return
	}
	s.seq.Lock()
	defer s.seq.Unlock()
	s.tails.follow(log, kv.Position(s.last.Load()))
}

func (s *Store) hasEntry(ctx context.Context, log kv.LogID, after kv.Position) (bool, error) {
	durable := s.Durable()
	if after >= durable {
		return false, nil
	}
	if entries, ok := s.tails.between(log, after, durable); ok {
		return len(entries) > 0, nil
	}
	it, trimmed, err := s.entriesOf(ctx, log, after, durable)
	if err != nil {
		return false, fmt.Errorf("pebblekv: wait for a log: %w", err)
	}
	has := it.Valid() || after < trimmed
	if err := it.Close(); err != nil {
		return false, fmt.Errorf("pebblekv: wait for a log: %w", err)
	}
	return has, nil
}

// TrimLog implements kv.Store.
func (s *Store) TrimLog(ctx context.Context, log kv.LogID, upTo kv.Position) error {
	if err := s.life.enter(); err != nil {
		return err
	}
	defer s.life.exit()
	s.trim.Lock()
	defer s.trim.Unlock()
	it, trimmed, err := s.entriesOf(ctx, log, 0, min(upTo, s.Durable()))
	if err != nil {
		return fmt.Errorf("pebblekv: trim a log: %w", err)
	}
	var last kv.Position
	if it.Last() && len(it.Key()) == logKeySize {
		last = kv.Position(binary.BigEndian.Uint64(it.Key()[logPositionOff:]))
	}
	if err := it.Close(); err != nil {
		return fmt.Errorf("pebblekv: trim a log: %w", err)
	}
	if last == 0 {
		return nil
	}
	// From where the last trim ended, so that the tombstones do not overlap.
	b := s.db.NewBatch()
	err = errors.Join(
		b.DeleteRange(appendLogKey(nil, log, trimmed+1, 0), appendLogKey(nil, log, last+1, 0), nil),
		b.Set(appendLogHeader(nil, log), binary.BigEndian.AppendUint64(nil, uint64(last)), nil))
	if err != nil {
		return fmt.Errorf("pebblekv: trim a log: %w", err)
	}
	if err := s.apply(b, false); err != nil {
		return err
	}
	s.tails.trimmed(log, last)
	return s.finish(b, false)
}
