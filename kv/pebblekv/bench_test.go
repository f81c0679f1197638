package pebblekv

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hortusdb/hortus/kv"
)

const benchKeys = 100_000

func benchKey(dst []byte, i int) []byte {
	return binary.BigEndian.AppendUint64(append(dst, "table/item/"...), uint64(i)*0x9e3779b97f4a7c15)
}

func fill(b *testing.B, s *Store, value []byte) {
	for i := 0; i < benchKeys; i += 100 {
		if _, err := s.Update(context.Background(), kv.Plan{}, func(_ [][]byte, w *kv.Writes) error {
			for j := range 100 {
				w.Set(benchKey(nil, i+j), value)
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
}

func benchStores(b *testing.B, run func(b *testing.B, s *Store)) {
	for name, o := range map[string]func() Options{
		"memory":   func() Options { return Options{Memory: true} },
		"cached":   func() Options { return Options{Dir: b.TempDir(), Cache: NewSharedCache(512 << 20)} },
		"disk":     func() Options { return Options{Dir: b.TempDir()} },
		"interval": func() Options { return Options{Dir: b.TempDir(), Interval: 10 * time.Millisecond} },
	} {
		b.Run(name, func(b *testing.B) {
			s := open(b, o())
			b.ReportAllocs()
			run(b, s)
			b.StopTimer()
			closeStore(b, s)
		})
	}
}

func BenchmarkGet(b *testing.B) {
	benchStores(b, func(b *testing.B, s *Store) {
		fill(b, s, make([]byte, 1024))
		rng := rand.New(rand.NewPCG(1, 2))
		var key, value []byte
		b.ResetTimer()
		for b.Loop() {
			var err error
			key = benchKey(key[:0], rng.IntN(benchKeys))
			if value, _, err = s.Get(context.Background(), key, value[:0]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkGetMany25(b *testing.B) {
	benchStores(b, func(b *testing.B, s *Store) {
		fill(b, s, make([]byte, 1024))
		rng := rand.New(rand.NewPCG(1, 2))
		keys := make([][]byte, 25)
		b.ResetTimer()
		for b.Loop() {
			for i := range keys {
				keys[i] = benchKey(keys[i][:0], rng.IntN(benchKeys))
			}
			if _, err := s.GetMany(context.Background(), keys, func(int, []byte) {}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPut writes 1 KB and a log record, from 1 and from 64 goroutines.
func BenchmarkPut(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			benchStores(b, func(b *testing.B, s *Store) {
				value, record := make([]byte, 1024), make([]byte, 100)
				var seed atomic.Uint64
				b.SetParallelism(max(1, writers/runtime.GOMAXPROCS(0)))
				put := func(next func() bool) {
					rng := rand.New(rand.NewPCG(seed.Add(1), 2))
					p := kv.Plan{Guard: [][]byte{[]byte("table")}, Write: [][]byte{nil}}
					fn := func(_ [][]byte, w *kv.Writes) error {
						w.Set(p.Write[0], value)
						w.Append(1, record)
						return nil
					}
					for next() {
						p.Write[0] = benchKey(p.Write[0][:0], rng.IntN(benchKeys))
						if _, err := s.Update(context.Background(), p, fn); err != nil {
							b.Error(err)
						}
					}
				}
				if writers == 1 {
					put(b.Loop)
					return
				}
				b.RunParallel(func(pb *testing.PB) { put(pb.Next) })
			})
		})
	}
}

// BenchmarkPebblePut64 is what the engine does alone: the same rows from 64
// goroutines, without positions, latches or reads.
func BenchmarkPebblePut64(b *testing.B) {
	benchStores(b, func(b *testing.B, s *Store) {
		value, record := make([]byte, 1024), make([]byte, 100)
		var seed, pos atomic.Uint64
		write := pebble.Sync
		if s.acknowledgesEarly() {
			write = pebble.NoSync
		}
		b.SetParallelism(64 / runtime.GOMAXPROCS(0))
		b.RunParallel(func(pb *testing.PB) {
			rng := rand.New(rand.NewPCG(seed.Add(1), 2))
			var key []byte
			for pb.Next() {
				key = benchKey(append(key[:0], prefixKey), rng.IntN(benchKeys))
				batch := s.db.NewBatch()
				_ = batch.Set(key, value, nil)
				_ = batch.Set(appendLogKey(key[:0], 1, kv.Position(pos.Add(1)), 0), record, nil)
				if err := s.db.Apply(batch, write); err != nil {
					b.Error(err)
				}
				_ = batch.Close()
			}
		})
	})
}

func BenchmarkHotKey64(b *testing.B) {
	benchStores(b, func(b *testing.B, s *Store) {
		b.SetParallelism(64 / runtime.GOMAXPROCS(0))
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := set(s, "hot", "value"); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

func BenchmarkOpen(b *testing.B) {
	cache := NewSharedCache(64 << 20)
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			closeStore(b, open(b, Options{Dir: b.TempDir(), Cache: cache}))
		}
	})
	b.Run("again", func(b *testing.B) {
		dir := b.TempDir()
		for b.Loop() {
			closeStore(b, open(b, Options{Dir: dir, Cache: cache}))
		}
	})
}

// BenchmarkIdle reports what an idle store takes of the heap, with 32 of them.
func BenchmarkIdle(b *testing.B) {
	const stores = 32
	cache := NewSharedCache(64 << 20)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		goroutines := runtime.NumGoroutine()
		var all []*Store
		for range stores {
			s := open(b, Options{Dir: b.TempDir(), Cache: cache})
			if err := set(s, "a", "1"); err != nil {
				b.Fatal(err)
			}
			all = append(all, s)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/stores/1024, "KiB/store")
		b.ReportMetric(float64(after.Sys-before.Sys)/stores/1024, "sys-KiB/store")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/stores, "goroutines/store")
		for _, s := range all {
			closeStore(b, s)
		}
	}
}
