package pebblekv

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"runtime/debug"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hortusdb/hortus/invariant"
	"github.com/hortusdb/hortus/kv"
)

// keptWrites bounds the memory that an update keeps for later ones.
const keptWrites = 1 << 20

// update is the working memory of an Update, used again by later ones.
type update struct {
	s        *Store
	writes   kv.Writes
	key      []byte
	values   [][]byte
	copied   []byte // Values that came from the cache of rows.
	closers  []io.Closer
	guards   latchSet
	latches  latchSet
	batch    *pebble.Batch
	named    []uint64 // Hashes of the plan's keys to write.
	next     int      // Where among them to look first.
	rows     []writtenRow
	entries  []entry
	meta     int  // Offset of metaCommit's value in the batch.
	drop     bool // The batch drops a range.
	early    bool // Nobody waits for its sync.
	set      func(key, value []byte)
	del      func(key []byte)
	appendFn func(log kv.LogID, record []byte)
	err      error // Of building the batch.
}

// writtenRow is a row in the batch.
type writtenRow struct {
	hash       uint64
	key, value []byte // Of update.writes; no value when it is deleted.
	named      bool   // By the plan: it may be read by its key.
}

// entry is a log entry in the batch, whose position and time are filled in once
// they are known.
type entry struct {
	log   kv.LogID
	key   int // Offset of the key in the batch.
	value int // Offset of the value.
	size  int // Of the record, which is the value's end.
}

func newUpdate(s *Store) *update {
	u := &update{s: s}
	u.set, u.del, u.appendFn = u.batchSet, u.batchDelete, u.batchAppend
	return u
}

// reset forgets the last update, and with it any reference to its memory.
func (u *update) reset() {
	if u.writes.Size() > keptWrites {
		u.writes = kv.Writes{}
	}
	u.writes.Reset()
	if cap(u.copied) > keptWrites {
		u.copied = nil
	}
	clear(u.values)
	clear(u.rows)
	u.values, u.copied, u.guards, u.latches = u.values[:0], u.copied[:0], u.guards[:0], u.latches[:0]
	u.named, u.next, u.rows, u.entries = u.named[:0], 0, u.rows[:0], u.entries[:0]
	u.batch, u.err = nil, nil
}

// Update implements kv.Store.
func (s *Store) Update(ctx context.Context, p kv.Plan, fn func([][]byte, *kv.Writes) error) (kv.Position, error) {
	if err := s.life.enter(); err != nil {
		return 0, err
	}
	defer s.life.exit()
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("%w: %w", kv.ErrCommitAborted, err)
	}
	u := s.updates.Get().(*update)
	pos, err := u.run(ctx, p, fn)
	if u.batch != nil {
		err = s.commitDurable(u, pos)
	} else if wait := s.waitDurable(ctx, pos); wait != nil {
		err = wait
	}
	u.reset()
	s.updates.Put(u)
	return pos, err
}

// run does what happens under the latches. When it leaves u.batch, that is
// ordered and visible at the position returned. Otherwise the position is what
// was observed.
func (u *update) run(ctx context.Context, p kv.Plan, fn func([][]byte, *kv.Writes) error) (kv.Position, error) {
	s := u.s
	u.plan(p)
	u.early = p.Early
	s.guards.lock(u.guards)
	defer s.guards.unlock(u.guards)
	s.data.lock(u.latches)
	defer s.data.unlock(u.latches)
	observed, err := u.observe(p, fn)
	if err != nil || u.writes.Len() == 0 {
		return observed, err
	}
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("%w: %w", kv.ErrCommitAborted, err)
	}
	if err := s.space.admit(u.writes.Size()); err != nil {
		return 0, err
	}
	batch, err := u.build()
	if err != nil {
		return 0, err
	}
	pos, err := s.order(u, batch)
	if err != nil {
		return 0, err
	}
	u.batch = batch
	u.keepRows()
	return pos, nil
}

// plan works out the latches of p.
func (u *update) plan(p kv.Plan) {
	for _, k := range p.Guard {
		u.guards = u.guards.add(uint32(u.s.hash(k)%guardLatches), true)
	}
	for _, k := range p.Read {
		u.latches = u.latches.add(uint32(u.s.hash(k)%dataLatches), true)
	}
	for _, k := range p.Write {
		h := u.s.hash(k)
		u.latches = u.latches.add(uint32(h%dataLatches), false)
		u.named = append(u.named, h)
	}
	u.guards, u.latches = u.guards.order(), u.latches.order()
}

func (s *Store) hash(key []byte) uint64 { return maphash.Bytes(s.seed, key) }

func (s *Store) latchOf(hash uint64) *latch { return &s.data[hash%dataLatches] }

func (s *Store) rowID(key []byte) rowID { return rowID{s.rowStore.Load(), s.hash(key)} }

// observe reads the keys of p, calls fn, and returns the position that the
// values depend on.
func (u *update) observe(p kv.Plan, fn func([][]byte, *kv.Writes) error) (kv.Position, error) {
	defer u.closeValues()
	for _, k := range p.Read {
		if err := u.read(u.s.rowID(k), k, true); err != nil {
			return 0, err
		}
	}
	for i, k := range p.Write {
		if err := u.read(rowID{u.s.rowStore.Load(), u.named[i]}, k, false); err != nil {
			return 0, err
		}
	}
	observed := u.s.dropped.Load()
	for _, l := range u.latches {
		observed = max(observed, u.s.data[l>>1].last.Load())
	}
	if err := fn(u.values, &u.writes); err != nil {
		return kv.Position(observed), err
	}
	return kv.Position(observed), u.writes.Check()
}

// read appends the value of key to u.values. It is valid until closeValues. With
// keep it is cached, as it will not be written.
func (u *update) read(id rowID, key []byte, keep bool) error {
	n := len(u.copied)
	var ok bool
	if u.copied, ok = u.s.rows.get(id, key, u.copied); ok {
		u.values = append(u.values, u.copied[n:])
		return nil
	}
	u.key = appendKey(u.key[:0], key)
	v, closer, err := u.s.db.Get(u.key)
	if errors.Is(err, pebble.ErrNotFound) {
		u.values = append(u.values, nil)
		return nil
	}
	if err != nil {
		return fmt.Errorf("pebblekv: read: %w", err)
	}
	invariant.Assert(len(v) > 0, "pebblekv: a stored value is empty")
	u.values, u.closers = append(u.values, v), append(u.closers, closer)
	if keep {
		u.s.rows.put(id, key, v)
	}
	return nil
}

func (u *update) closeValues() {
	for i, c := range u.closers {
		if err := c.Close(); err != nil {
			u.s.log.Warn("pebblekv: close a value", "error", err)
		}
		u.closers[i] = nil
	}
	u.closers = u.closers[:0]
}

// build makes the batch of what was written. Positions and times are still
// missing.
func (u *update) build() (*pebble.Batch, error) {
	const perRow = 2*binary.MaxVarintLen32 + 2 + logKeySize + logTimeSize
	u.batch = u.s.db.NewBatchWithSize(u.writes.Size() + (u.writes.Len()+1)*perRow + 64)
	u.writes.Apply(u.set, u.del, u.appendFn)
	u.meta = u.batchCommit(u.batch)
	b, err := u.batch, u.err
	u.batch = nil
	if err != nil {
		return nil, errors.Join(fmt.Errorf("pebblekv: build a batch: %w", err), b.Close())
	}
	return b, nil
}

func (u *update) batchSet(key, value []byte) {
	d := u.batch.SetDeferred(1+len(key), len(value))
	d.Key[0] = prefixKey
	copy(d.Key[1:], key)
	copy(d.Value, value)
	u.finish(d)
	h := u.s.hash(key)
	u.rows = append(u.rows, writtenRow{h, key, value, u.names(h)})
}

// names reports whether the plan names the key with a hash as one to write. Rows
// are mostly written in the plan's order, so it looks behind the last one first.
func (u *update) names(hash uint64) bool {
	for i := range u.named {
		j := (u.next + i) % len(u.named)
		if u.named[j] == hash {
			u.next = j + 1
			return true
		}
	}
	return false
}

// keepRows puts what was written, and is visible now, into the cache of rows.
func (u *update) keepRows() {
	store := u.s.rowStore.Load()
	for i := range u.rows {
		switch r := &u.rows[i]; {
		case !r.named:
		case r.value == nil: // It may have been set before, in the same commit.
			u.s.rows.remove(rowID{store, r.hash}, r.key)
		default:
			u.s.rows.put(rowID{store, r.hash}, r.key, r.value)
		}
	}
}

func (u *update) batchDelete(key []byte) {
	d := u.batch.DeleteDeferred(1 + len(key))
	d.Key[0] = prefixKey
	copy(d.Key[1:], key)
	u.finish(d)
	h := u.s.hash(key)
	u.rows = append(u.rows, writtenRow{hash: h, key: key, named: u.names(h)})
}

func (u *update) batchAppend(log kv.LogID, record []byte) {
	size := logTimeSize + len(record)
	d := u.batch.SetDeferred(logKeySize, size)
	appendLogKey(d.Key[:0], log, 0, uint32(len(u.entries)))
	copy(d.Value[logTimeSize:], record)
	u.finish(d)
	value := u.batch.Len() - size
	u.entries = append(u.entries, entry{log, value - uvarintLen(size) - logKeySize, value, len(record)})
}

// batchCommit adds metaCommit to b and returns the offset of its value.
func (u *update) batchCommit(b *pebble.Batch) int {
	d := b.SetDeferred(len(metaCommit), commitSize)
	copy(d.Key, metaCommit)
	u.finish(d)
	return b.Len() - commitSize
}

func (u *update) finish(d *pebble.DeferredBatchOp) {
	if err := d.Finish(); err != nil {
		u.err = err
	}
}

func uvarintLen(n int) int {
	var b [binary.MaxVarintLen64]byte
	return binary.PutUvarint(b[:], uint64(n))
}

// order gives the batch its place: position, time, write-ahead log, and
// visibility, all in the same order.
func (s *Store) order(u *update, b *pebble.Batch) (kv.Position, error) {
	now := s.now()
	s.seq.Lock()
	defer s.seq.Unlock()
	pos := s.last.Load() + 1
	at := max(now, s.lastTime)
	u.stamp(b.Repr(), pos, at)
	// Who reads a value loads the position of its latch afterwards: so these
	// come before the value is visible. And no earlier value is cached when it is.
	store := s.rowStore.Load()
	for i := range u.rows {
		r := &u.rows[i]
		s.latchOf(r.hash).last.Store(pos)
		s.rows.remove(rowID{store, r.hash}, r.key)
	}
	if u.drop {
		s.dropped.Store(pos)
	}
	s.last.Store(pos)
	s.lastTime = at
	if s.syncs(u) {
		s.late.asked.Store(pos)
	}
	u.follow(b.Repr(), pos, at)
	if err := s.apply(b, s.syncs(u)); err != nil {
		return 0, err
	}
	for i := range u.rows {
		s.latchOf(u.rows[i].hash).shown.Store(pos)
	}
	if u.drop {
		s.rowStore.Store(s.cache.number()) // No row of the range is cached under that.
	}
	if !s.syncs(u) {
		s.late.note(pos)
	}
	return kv.Position(pos), nil
}

// syncs reports whether the commit of u asks for its sync.
func (s *Store) syncs(u *update) bool { return !u.early && !s.acknowledgesEarly() }

// stamp fills in position and time.
func (u *update) stamp(repr []byte, pos uint64, at int64) {
	binary.BigEndian.PutUint64(repr[u.meta:], pos)
	binary.BigEndian.PutUint64(repr[u.meta+8:], uint64(at))
	for _, e := range u.entries {
		invariant.Assert(repr[e.key] == prefixLog, "pebblekv: a log entry is not where it should be")
		binary.BigEndian.PutUint64(repr[e.key+logPositionOff:], pos)
		binary.BigEndian.PutUint64(repr[e.value:], uint64(at))
	}
}

// follow hands the stamped entries to those who read the ends of their logs.
func (u *update) follow(repr []byte, pos uint64, at int64) {
	if u.s.tails.count.Load() == 0 {
		return
	}
	for i, e := range u.entries {
		record := repr[e.value+logTimeSize : e.value+logTimeSize+e.size]
		u.s.tails.add(e.log, kv.Entry{Position: kv.Position(pos), Index: uint32(i), Time: at, Record: record})
	}
}

// apply makes a batch visible, and with sync asks for its sync. On an error the
// store has failed.
func (s *Store) apply(b *pebble.Batch, sync bool) (err error) {
	if err := s.life.failure(); err != nil {
		return err
	}
	// Pebble panics when it can no longer write its log.
	defer func() {
		if r := recover(); r != nil {
			err = s.fail(fmt.Errorf("commit: %v\n%s", r, debug.Stack()))
		}
	}()
	if sync && !s.options.Memory {
		s.shared.asked.Add(1)
		err = s.db.ApplyNoSyncWait(b, pebble.Sync)
	} else {
		err = s.db.Apply(b, pebble.NoSync)
	}
	if err != nil {
		return s.fail(fmt.Errorf("commit: %w", err))
	}
	return nil
}

// finish waits for the sync of a batch that apply took, if it asked for one,
// and gives up the batch.
func (s *Store) finish(b *pebble.Batch, sync bool) error {
	if sync && !s.options.Memory {
		if err := b.SyncWait(); err != nil {
			return s.fail(fmt.Errorf("sync of the write-ahead log: %w", err))
		}
	}
	if err := b.Close(); err != nil {
		s.log.Warn("pebblekv: close a batch", "error", err)
	}
	return nil
}

// commitDurable waits until the ordered batch of u is durable, or as durable as
// the options and the plan ask, and tells those who wait for it.
func (s *Store) commitDurable(u *update, pos kv.Position) error {
	if err := s.finish(u.batch, s.syncs(u)); err != nil {
		return err
	}
	if !s.options.Memory && !s.syncs(u) {
		return nil // The next sync tells them.
	}
	s.watermark.raise(pos)
	for _, e := range u.entries {
		s.logs.wake(e.log)
	}
	return nil
}

// Exclusive implements kv.Store.
func (s *Store) Exclusive(ctx context.Context, key []byte, fn func() error) error {
	if err := s.life.enter(); err != nil {
		return err
	}
	defer s.life.exit()
	if err := ctx.Err(); err != nil {
		return err
	}
	l := &s.guards[s.hash(key)%guardLatches]
	l.Lock()
	defer l.Unlock()
	return fn()
}

// DropRange implements kv.Store. The keys are gone at once; the space that they
// took is given back by later compactions.
func (s *Store) DropRange(_ context.Context, r kv.Range) error {
	if err := s.life.enter(); err != nil {
		return err
	}
	defer s.life.exit()
	u := newUpdate(s)
	u.drop = true
	b := s.db.NewBatch()
	lower, upper := bounds(r)
	if err := b.DeleteRange(lower, upper, nil); err != nil {
		return fmt.Errorf("pebblekv: drop a range: %w", err)
	}
	u.meta = u.batchCommit(b)
	pos, err := s.order(u, b)
	if err != nil {
		return err
	}
	u.batch = b
	return s.commitDurable(u, pos)
}
