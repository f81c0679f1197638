// Package pebblekv keeps a kv.Store in Pebble, an LSM tree: on disk, or in
// memory without a write-ahead log.
//
// A commit takes three steps: it is ordered (given its position, written to
// the write-ahead log's buffer and made visible, one commit at a time), its
// latches are let go, and it waits for the log's sync, which it shares with its
// neighbours. Since the log is written in the order of positions, one synced
// position makes all earlier ones durable: the watermark needs no list of gaps.
//
// docs/formats/store.md describes what is on disk.
package pebblekv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
)

// Sizes of a store's parts.
const (
	// memTableSize is how far a memtable grows. It starts at 256 KiB, so that an
	// idle store is small. A flush leaves out what was overwritten meanwhile, the
	// more of it the larger the table is. Still larger ones make reads slow, and
	// long the log that Open replays.
	memTableSize = 32 << 20

	// tablesInL0 is how many flushes make a compaction. Each writes what it meets
	// in the level below anew.
	tablesInL0 = 4

	// Files of values are written anew when a table refers to more than so many that
	// overlap, or when so much of them is given up and they are that old. A log is
	// given up from its beginning on, so whole files mostly go before that.
	filesOfValues   = 10
	garbageOfValues = 0.5
	rewriteAfter    = time.Hour

	// baseLevelBytes is how large the first level below L0 may become, and with
	// it how many levels a point read has to ask: two up to 2.5 GB, where the
	// engine's own 64 MB gives three. Writing ten million items compacted as
	// many bytes with either.
	baseLevelBytes = 256 << 20

	// flushOnClose is the size of the memtables from which Close flushes them,
	// so that the next Open has no long log to replay.
	flushOnClose = 1 << 20

	// positionGap is left free by Open after a crash: more positions than can
	// be given out between two syncs, so that none is used twice.
	positionGap = 1 << 24

	blockSize       = 4 << 10
	indexBlockSize  = 256 << 10 // So that tables have one level of index.
	bloomBitsPerKey = 10

	dataLatches         = 1024
	guardLatches        = 256
	deleteRangeInterval = 10 * time.Second // Until space of a dropped range is given back.
)

// compression packs what becomes a tenth smaller by it, and tries only a sample
// of blocks where others did not.
var compression = sstable.CompressionProfile{
	Name:       "Hortus",
	DataBlocks: sstable.FastestCompression.DataBlocks, ValueBlocks: sstable.FastestCompression.ValueBlocks,
	OtherBlocks:         sstable.NoCompression.OtherBlocks,
	MinReductionPercent: 10, AdaptiveReductionCutoffPercent: 10,
}

// Options of a store.
type Options struct {
	// Dir is the store's directory, made if it is not there. It holds nothing
	// else. Ignored with Memory.
	Dir string

	// FS is the file system; nil is the machine's.
	FS vfs.FS

	// Now reads the wall in microseconds; nil is the machine's clock.
	Now func() int64

	// Cache is shared with other stores; nil gives the store its own.
	Cache *SharedCache

	// Memory keeps everything in memory, and nothing after Close.
	Memory bool

	// Interval acknowledges commits before they are synced, and syncs once in
	// an interval: a crash loses what it acknowledged since the last. Zero
	// acknowledges what is synced alone.
	Interval time.Duration

	// ReserveBytes of free disk space are kept: below, updates that write fail
	// with kv.ErrNoSpace. Zero keeps none.
	ReserveBytes int64

	// FreeBytes reads the free disk space; nil asks the file system.
	FreeBytes func() (int64, error)

	// Logger takes what an operator should know; nil discards it.
	Logger *slog.Logger

	// Fatal is called, at most once, when the store cannot go on: a sync
	// failed, or the engine gave up. Nothing is acknowledged from then on. The
	// default prints the error and ends the process. When Fatal returns, each
	// call fails, and a goroutine of the engine that failed stays blocked.
	Fatal func(error)
}

// Store is a kv.Store in Pebble.
type Store struct {
	db        *pebble.DB
	lock      *pebble.Lock
	options   Options
	now       func() int64
	log       *slog.Logger
	cache     *SharedCache
	rows      *rowCache
	rowStore  atomic.Uint32 // This store's number in rows.
	seed      maphash.Seed
	data      latches
	guards    latches
	updates   sync.Pool // Of *update.
	keys      sync.Pool // Of *[]byte, for reads.
	space     space
	watermark watermark
	logs      logWaits
	tails     tails
	trim      sync.Mutex // Held while a log is trimmed.

	// seq orders commits. It is held while one takes its position and becomes
	// visible; never while one waits for a sync.
	seq      sync.Mutex
	lastTime int64         // Guarded by seq.
	last     atomic.Uint64 // Position of the last commit. Written under seq.
	found    kv.Position   // That of the last one of before.
	dropped  atomic.Uint64 // Position of the last DropRange. Written under seq.

	life   lifecycle
	late   lateSync
	shared syncs
}

var _ kv.Store = (*Store)(nil)

// Open opens the store in o.Dir, or makes it. It returns kv.ErrInUse when
// another store has the directory open, and kv.ErrNewerFormat.
func Open(o Options) (_ *Store, err error) {
	s := &Store{options: o, now: o.Now, log: o.Logger, seed: maphash.MakeSeed(), cache: o.Cache}
	if o.Memory {
		s.options.Interval, s.options.ReserveBytes = 0, 0
	}
	if s.now == nil {
		s.now = func() int64 { return clock.Wall{}.Now().UnixMicro() }
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.cache == nil {
		s.cache = NewSharedCache(ownCacheBytes)
	}
	s.data, s.guards = newLatches(dataLatches), newLatches(guardLatches)
	s.updates.New = func() any { return newUpdate(s) }
	s.keys.New = func() any { return new([]byte) }
	s.life.init()
	defer func() {
		if err != nil {
			err = fmt.Errorf("pebblekv: open %s: %w", o.Dir, err)
		}
	}()
	if err := s.open(); err != nil {
		return nil, err
	}
	switch {
	case s.options.Interval > 0:
		s.late.start(s, s.options.Interval)
	case !s.options.Memory:
		s.late.start(s, earlyInterval)
	}
	return s, nil
}

// open opens what belongs to s, and closes it again on an error.
func (s *Store) open() (err error) {
	dir, fs := s.options.Dir, s.options.FS
	switch {
	case s.options.Memory:
		dir, fs = "", newMemory()
	case fs == nil:
		fs = vfs.Default
		if dir, err = filepath.Abs(dir); err != nil {
			return err
		}
	}
	if !s.options.Memory {
		if s.lock, err = openDir(fs, dir); err != nil {
			return err
		}
		s.space.init(s, fs, dir)
		fs = s.shared.watch(chunkedFS{vfs.OnDiskFull(fs, s.space.full), diskChunk})
	}
	cache, files, rows := s.cache.acquire()
	s.rows = rows
	s.rowStore.Store(s.cache.number())
	s.db, err = pebble.Open(dir, s.pebbleOptions(fs, cache, files))
	if err == nil {
		err = s.resume()
	}
	if err != nil {
		return errors.Join(err, s.release())
	}
	return nil
}

func (s *Store) pebbleOptions(fs vfs.FS, cache *pebble.Cache, files *pebble.FileCache) *pebble.Options {
	p := &pebble.Options{
		FS:                          fs,
		Lock:                        s.lock,
		Cache:                       cache,
		FileCache:                   files,
		Logger:                      engineLog{s},
		EventListener:               s.events(),
		DisableWAL:                  s.options.Memory,
		WALMinSyncInterval:          s.shared.pause,
		FormatMajorVersion:          pebbleFormat,
		MemTableSize:                memTableSize,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       tablesInL0,
		L0StopWritesThreshold:       64,
		LBaseMaxBytes:               baseLevelBytes,
		FlushDelayDeleteRange:       deleteRangeInterval,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
	}
	p.Experimental.SpanPolicyFunc = spanPolicy
	p.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
		return pebble.ValueSeparationPolicy{
			Enabled: true, MinimumSize: separateFrom, MaxBlobReferenceDepth: filesOfValues,
			RewriteMinimumAge: rewriteAfter, TargetGarbageRatio: garbageOfValues,
		}
	}
	for i := range p.Levels {
		p.Levels[i].BlockSize, p.Levels[i].IndexBlockSize = blockSize, indexBlockSize
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBitsPerKey)
		p.Levels[i].FilterType = pebble.TableFilter
		p.Levels[i].Compression = func() *sstable.CompressionProfile { return &compression }
	}
	return p
}

// resume reads where the store left off.
func (s *Store) resume() error {
	commit, err := s.readMeta(metaCommit, commitSize)
	if err != nil || commit == nil {
		return err
	}
	last := binary.BigEndian.Uint64(commit)
	s.lastTime = int64(binary.BigEndian.Uint64(commit[8:]))
	s.found = kv.Position(last)
	closed, err := s.readMeta(metaClosed, 8)
	if err != nil {
		return err
	}
	if closed == nil || binary.BigEndian.Uint64(closed) != last {
		last += positionGap
	}
	s.last.Store(last)
	s.watermark.durable.Store(last)
	return nil
}

// readMeta returns a copy of a metadata value, which has the given size, or
// nil.
func (s *Store) readMeta(key string, size int) ([]byte, error) {
	v, closer, err := s.db.Get([]byte(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v = append([]byte(nil), v...)
	if len(v) != size {
		return nil, errors.Join(fmt.Errorf("metadata %q has %d bytes", key, len(v)), closer.Close())
	}
	return v, closer.Close()
}

// Close implements kv.Store. After a failure it returns that failure and leaves
// the engine alone.
func (s *Store) Close() error {
	if err := s.life.close(); err != nil {
		return err
	}
	if err := s.life.failure(); err != nil {
		return err
	}
	s.late.stop()
	if err := s.life.failure(); err != nil {
		return err
	}
	err := s.markClosed()
	if f := s.life.failure(); f != nil {
		return f
	}
	return errors.Join(err, s.release())
}

// markClosed syncs all commits, and notes that none is missing.
func (s *Store) markClosed() error {
	if s.options.Memory {
		return nil
	}
	if s.db.Metrics().MemTable.Size >= flushOnClose {
		if err := s.db.Flush(); err != nil {
			s.log.Warn("pebblekv: flush on close", "dir", s.options.Dir, "error", err)
		}
	}
	last := s.last.Load()
	if last == 0 {
		return nil
	}
	b := s.db.NewBatch()
	if err := b.Set([]byte(metaClosed), binary.BigEndian.AppendUint64(nil, last), nil); err != nil {
		return err
	}
	return s.commitSynced(b)
}

// commitSynced applies a batch and waits for its sync; in memory there is
// none.
func (s *Store) commitSynced(b *pebble.Batch) error {
	if err := s.apply(b, true); err != nil {
		return err
	}
	return s.finish(b, true)
}

// release closes what open opened.
func (s *Store) release() error {
	var err error
	if s.db != nil {
		err = s.db.Close()
	}
	s.cache.release()
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// Caps implements kv.Store.
func (s *Store) Caps() kv.Caps {
	return kv.Caps{
		MaxKeySize: kv.MaxKeySize, MaxUpdateSize: kv.MaxUpdateSize,
		Durable: !s.options.Memory && s.options.Interval == 0,
	}
}

// acknowledgesEarly reports whether commits are acknowledged before they are
// durable.
func (s *Store) acknowledgesEarly() bool { return s.options.Memory || s.options.Interval > 0 }
