package pebblekv

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hortusdb/hortus/kv"
)

// TestRows: whatever a cache of rows has is what was put there last, for each
// store; what was put last of all is there; and it takes no more than its bound.
func TestRows(t *testing.T) {
	for _, hashes := range []uint64{1, 7, 1 << 62} { // Of different rows; few of them collide all the time.
		t.Run(fmt.Sprint(hashes), func(t *testing.T) {
			const bytes = rowShards * 8 * rowChunk
			c := newRowCache(bytes)
			defer c.close()
			rng := rand.New(rand.NewPCG(3, hashes))
			model := map[string]string{}
			hits := 0
			for range 30_000 {
				key := fmt.Appendf(nil, "%0*d", 1+rng.IntN(30), rng.IntN(20_000))
				id := rowID{uint32(1 + rng.IntN(2)), (binary.BigEndian.Uint64(append(make([]byte, 8), key...)[len(key):]) * 0x9e3779b97f4a7c15) % hashes}
				name := fmt.Sprint(id.store, " ", string(key))
				switch rng.IntN(8) {
				case 0:
					c.remove(id, key)
					delete(model, name)
				case 1, 2, 3:
					value := make([]byte, 1+rng.IntN(1<<rng.IntN(12)))
					for i := range value {
						value[i] = byte(rng.Uint32())
					}
					c.put(id, key, value)
					model[name] = string(value)
					fallthrough
				default:
					got, ok := c.get(id, key, []byte("before"))
					want, put := model[name]
					if ok && (!put || string(got) != "before"+want) {
						t.Fatalf("%s: %q, want %q (%v)", name, got, want, put)
					}
					if ok {
						hits++
					}
				}
			}
			if hits < 1000 {
				t.Errorf("%d hits", hits)
			}
			total := 0
			for i := range c.shards {
				s := &c.shards[i]
				total += cap(s.sets) * rowSetBytes
				for _, chunk := range s.chunks {
					total += cap(chunk)
				}
			}
			if total > bytes {
				t.Errorf("it takes %d bytes of %d", total, bytes)
			}
		})
	}
}

// TestRowsStay: rows that are read stay when others that are not pass through,
// and a row that is too large is not kept.
func TestRowsStay(t *testing.T) {
	c := newRowCache(rowShards * 12 * rowChunk)
	defer c.close()
	id := func(i int) rowID { return rowID{1, uint64(i)} } // All in one shard.
	value := make([]byte, 1000)
	read := []byte("read")
	c.put(id(0), read, value)
	for i := range 5000 {
		c.put(id(i+1), fmt.Append(nil, i), value)
		if _, ok := c.get(id(0), read, nil); !ok {
			t.Fatalf("gone after %d others", i)
		}
	}
	if _, ok := c.get(id(1), []byte("0"), nil); ok {
		t.Error("the first of 5000 is still there")
	}
	c.put(id(1), read, make([]byte, maxCachedRow))
	if _, ok := c.get(id(1), read, nil); ok {
		t.Error("a row that is too large is kept")
	}
}

// TestRowsInPlace: rows that are written again and again, with values of about one
// size, and removed in between, take no more than once their room.
func TestRowsInPlace(t *testing.T) {
	c := newRowCache(rowShards * 64 * rowChunk)
	defer c.close()
	for n := range 100 {
		for i := range 100 {
			id, key := rowID{1, uint64(i)}, fmt.Append(nil, i) // All in one shard.
			c.remove(id, key)
			if _, ok := c.get(id, key, nil); ok {
				t.Fatal("a row that was removed is there")
			}
			value := make([]byte, 1000+n)
			c.put(id, key, value)
			if got, ok := c.get(id, key, nil); !ok || len(got) != len(value) {
				t.Fatalf("%d bytes, %v", len(got), ok)
			}
		}
	}
	if n := len(c.shards[0].chunks); n > 5 {
		t.Errorf("100 rows of 1.1 KB take %d chunks", n)
	}
}

// TestRowsNoCache: a cache that is too small for a chunk keeps nothing.
func TestRowsNoCache(t *testing.T) {
	c := newRowCache(rowShards)
	c.put(rowID{1, 1}, []byte("k"), []byte("v"))
	if _, ok := c.get(rowID{1, 1}, []byte("k"), nil); ok {
		t.Error("it is there")
	}
}

// TestRowWrittenTwice: of what one commit writes to a row, the last holds.
func TestRowWrittenTwice(t *testing.T) {
	s := open(t, Options{Memory: true})
	defer closeStore(t, s)
	key := []byte("k")
	for _, last := range []string{"", "last"} {
		_, err := s.Update(t.Context(), kv.Plan{Write: [][]byte{key}}, func(_ [][]byte, w *kv.Writes) error {
			w.Set(key, []byte("first"))
			w.Delete(key)
			if last != "" {
				w.Set(key, []byte(last))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := s.Get(t.Context(), key, nil)
		if string(got) != last || (err == nil) != (last != "") {
			t.Errorf("reads %q, %v, want %q", got, err, last)
		}
	}
}

// counters are keys whose values grow, and other, which comes and goes with them.
type counters struct{ *Store }

const counterKeys = 4

func counterKey(i int) []byte { return fmt.Append(nil, "key", i) }

func (s counters) set(ctx context.Context, i int, n uint64) error {
	p := kv.Plan{Write: [][]byte{counterKey(i), []byte("other")}}
	_, err := s.Update(ctx, p, func(values [][]byte, w *kv.Writes) error {
		if was := values[0]; was != nil && binary.BigEndian.Uint64(was) >= n {
			return fmt.Errorf("%d at %d", was, n)
		}
		w.Set(counterKey(i), binary.BigEndian.AppendUint64(nil, n))
		if n%3 == 0 {
			w.Delete([]byte("other"))
		} else {
			w.Set([]byte("other"), []byte{1})
		}
		return nil
	})
	return err
}

// get reads a key in one of three ways.
func (s counters) get(ctx context.Context, i, way int) (n uint64, err error) {
	switch way {
	case 0:
		r := kv.Range{Low: counterKey(i), High: append(counterKey(i), 0)}
		_, err = s.Scan(ctx, r, func(_, v []byte) bool {
			n = binary.BigEndian.Uint64(v)
			return true
		})
	case 1:
		_, err = s.Update(ctx, kv.Plan{Read: [][]byte{counterKey(i)}}, func(values [][]byte, _ *kv.Writes) error {
			n = binary.BigEndian.Uint64(values[0])
			return nil
		})
	default:
		var v []byte
		if v, _, err = s.Get(ctx, counterKey(i), nil); err == nil {
			n = binary.BigEndian.Uint64(v)
		}
	}
	return n, err
}

// watch reads until over, and fails when a key goes back.
func (s counters) watch(t *testing.T, over *atomic.Bool) {
	var seen [counterKeys]uint64
	rng := rand.New(rand.NewPCG(1, 1))
	for !over.Load() {
		i := rng.IntN(counterKeys)
		n, err := s.get(t.Context(), i, rng.IntN(3))
		if err != nil || n < seen[i] {
			t.Errorf("%s goes from %d to %d: %v", counterKey(i), seen[i], n, err)
			return
		}
		seen[i] = n
	}
}

// TestRowsNeverGoBack: while one goroutine counts keys up, deletes one and drops
// ranges, nobody reads, one way or another, less than what was read before.
func TestRowsNeverGoBack(t *testing.T) {
	s := counters{open(t, Options{Memory: true, Cache: NewSharedCache(rowShards * 4 * rowChunk)})}
	defer closeStore(t, s.Store)
	for i := range counterKeys {
		if err := s.set(t.Context(), i, 1); err != nil {
			t.Fatal(err)
		}
	}
	var over atomic.Bool
	var all sync.WaitGroup
	for range max(3, runtime.GOMAXPROCS(0)) {
		all.Go(func() { s.watch(t, &over) })
	}
	for n := uint64(2); n < 10_000; n++ {
		if n%1000 == 999 {
			if err := s.DropRange(t.Context(), kv.Range{Low: fmt.Append(nil, "dropped", n), High: fmt.Append(nil, "dropped", n+1)}); err != nil {
				t.Error(err)
			}
		}
		if err := s.set(t.Context(), int(n%counterKeys), n); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Get(t.Context(), []byte("other"), nil); (err == nil) != (n%3 != 0) {
			t.Fatalf("other at %d: %v", n, err)
		}
	}
	over.Store(true)
	all.Wait()
}
