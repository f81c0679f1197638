package kvtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hortusdb/hortus/kv"
)

// parallel runs fn n times side by side and waits for all.
func parallel(n int, fn func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { fn(i) })
	}
	wg.Wait()
}

// testPutIfAbsent: of several that put a key if it is absent, one does.
func testPutIfAbsent(t *testing.T, s kv.Store) {
	taken := errors.New("taken")
	for round := range 50 {
		key := fmt.Appendf(nil, "key%d", round)
		var winners atomic.Int32
		var winner atomic.Value
		parallel(8, func(i int) {
			me := strconv.Itoa(i)
			_, err := s.Update(ctx(t), kv.Plan{Write: [][]byte{key}}, func(v [][]byte, w *kv.Writes) error {
				if v[0] != nil {
					return taken
				}
				w.Set(key, []byte(me))
				return nil
			})
			if err == nil {
				winners.Add(1)
				winner.Store(me)
			} else if !errors.Is(err, taken) {
				t.Error(err)
			}
		})
		if winners.Load() != 1 || get(t, s, string(key)) != winner.Load() {
			t.Fatalf("round %d: %d winners, value %q", round, winners.Load(), get(t, s, string(key)))
		}
	}
}

// testWriteSkew: two updates that each check the key that the other writes do
// not both go through.
func testWriteSkew(t *testing.T, s kv.Store) {
	for round := range 100 {
		a, b := fmt.Appendf(nil, "a%d", round), fmt.Appendf(nil, "b%d", round)
		parallel(2, func(i int) {
			check, write := a, b
			if i == 1 {
				check, write = b, a
			}
			_, err := s.Update(ctx(t), kv.Plan{Read: [][]byte{check}, Write: [][]byte{write}},
				func(v [][]byte, w *kv.Writes) error {
					runtime.Gosched()
					if v[0] == nil {
						w.Set(write, []byte("1"))
					}
					return nil
				})
			if err != nil {
				t.Error(err)
			}
		})
		if get(t, s, string(a)) != "" && get(t, s, string(b)) != "" {
			t.Fatalf("round %d: both updates went through", round)
		}
		if get(t, s, string(a)) == "" && get(t, s, string(b)) == "" {
			t.Fatalf("round %d: neither went through", round)
		}
	}
}

func counter(v []byte) uint64 {
	if v == nil {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

// increment adds one to the counters of keys, in one commit.
func increment(c context.Context, s kv.Store, p kv.Plan) error {
	_, err := s.Update(c, p, func(v [][]byte, w *kv.Writes) error {
		for i, k := range p.Write {
			w.Set(k, binary.BigEndian.AppendUint64(nil, counter(v[len(p.Read)+i])+1))
		}
		return nil
	})
	return err
}

// testHotKey: no increment of one key is lost.
func testHotKey(t *testing.T, s kv.Store) {
	const writers, each = 16, 40
	key := []byte("hot")
	parallel(writers, func(int) {
		for range each {
			if err := increment(ctx(t), s, kv.Plan{Write: [][]byte{key}}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	v, _, err := s.Get(ctx(t), key, nil)
	if err != nil || counter(v) != writers*each {
		t.Errorf("%d increments left %d, %v", writers*each, counter(v), err)
	}
}

// testCrossedKeys: updates over the same keys in any order, some of them named
// twice, end; and their sum is right.
func testCrossedKeys(t *testing.T, s kv.Store) {
	const writers, each, span = 8, 60, 5
	names := keys("a", "b", "c", "d", "e", "f", "g", "h")
	parallel(writers, func(i int) {
		rng := rand.New(rand.NewPCG(uint64(i), 7))
		for range each {
			order := rng.Perm(len(names))
			p := kv.Plan{Guard: [][]byte{names[order[0]], names[order[1]], names[order[0]]}}
			for _, k := range order[:span] {
				p.Write = append(p.Write, names[k])
			}
			for _, k := range order[span-1:] {
				p.Read = append(p.Read, names[k])
			}
			if err := increment(ctx(t), s, p); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var sum uint64
	for _, k := range names {
		v, _, _ := s.Get(ctx(t), k, nil)
		sum += counter(v)
	}
	if sum != writers*each*span {
		t.Errorf("the counters sum to %d, want %d", sum, writers*each*span)
	}
}

// testGetManyAtOnePoint: keys that are only ever written together are read
// together, by GetMany, Scan and Update.
func testGetManyAtOnePoint(t *testing.T, s kv.Store) {
	const rounds = 200
	k := keys("a", "b", "c")
	equal := func(how string, v []uint64) {
		if v[0] != v[1] || v[1] != v[2] {
			t.Errorf("%s saw %v", how, v)
		}
	}
	var done atomic.Bool
	parallel(2, func(i int) {
		if i == 0 {
			defer done.Store(true)
			for range rounds {
				if err := increment(ctx(t), s, kv.Plan{Write: k}); err != nil {
					t.Error(err)
					return
				}
			}
			return
		}
		for !done.Load() {
			v := make([]uint64, 3)
			if _, err := s.GetMany(ctx(t), k, func(i int, value []byte) { v[i] = counter(value) }); err != nil {
				t.Error(err)
			}
			equal("GetMany", v)
			n := 0
			clear(v)
			if _, err := s.Scan(ctx(t), kv.Range{}, func(_, value []byte) bool {
				v[n] = counter(value)
				n++
				return true
			}); err != nil {
				t.Error(err)
			}
			equal("Scan", v)
			if _, err := s.Update(ctx(t), kv.Plan{Read: k}, func(values [][]byte, _ *kv.Writes) error {
				for i := range values {
					v[i] = counter(values[i])
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
			equal("Update", v)
		}
	})
}

// testReadsHaveAPosition: the position of a read is not below the commit that
// it saw, and waiting for it ends.
func testReadsHaveAPosition(t *testing.T, s kv.Store) {
	const rounds = 100
	key := []byte("a")
	var at sync.Map // Value to position, once known.
	var done atomic.Bool
	saw := func(how string, value string, pos kv.Position) {
		if err := s.WaitDurable(ctx(t), pos); err != nil {
			t.Error(err)
		}
		if s.Caps().Durable && s.Durable() < pos {
			t.Errorf("WaitDurable(%d) returned at %d", pos, s.Durable())
		}
		if p, ok := at.Load(value); ok && pos < p.(kv.Position) {
			t.Errorf("%s saw %q at %d, which was committed at %v", how, value, pos, p)
		}
	}
	parallel(3, func(i int) {
		if i == 0 {
			defer done.Store(true)
			for n := range rounds {
				v := strconv.Itoa(n + 1)
				at.Store(v, put(t, s, "a", v, "b", v))
			}
			return
		}
		for !done.Load() {
			v, pos, err := s.Get(ctx(t), key, nil)
			if err != nil && !errors.Is(err, kv.ErrNotFound) {
				t.Error(err)
			}
			saw("Get", string(v), pos)
			var got []byte
			pos, err = s.GetMany(ctx(t), keys("b"), func(_ int, v []byte) { got = append(got[:0], v...) })
			if err != nil {
				t.Error(err)
			}
			saw("GetMany", string(got), pos)
			pos, err = s.Scan(ctx(t), kv.Range{}, func(_, v []byte) bool { got = append(got[:0], v...); return false })
			if err != nil {
				t.Error(err)
			}
			saw("Scan", string(got), pos)
		}
	})
}

// testExclusive: while Exclusive runs, no update with its key among the guards
// is between taking its locks and being ordered; others may be.
func testExclusive(t *testing.T, s kv.Store) {
	const rounds = 60
	guard, hot := []byte("guard"), []byte("hot")
	var inside atomic.Int32
	var done atomic.Bool
	plan := kv.Plan{Guard: [][]byte{[]byte("other"), guard}, Write: [][]byte{hot}}
	parallel(4, func(i int) {
		if i > 0 {
			for !done.Load() {
				if _, err := s.Update(ctx(t), plan, func(v [][]byte, w *kv.Writes) error {
					inside.Add(1)
					defer inside.Add(-1)
					runtime.Gosched()
					w.Set(hot, binary.BigEndian.AppendUint64(nil, counter(v[0])+1))
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
			return
		}
		defer done.Store(true)
		mine := errors.New("mine")
		for range rounds {
			err := s.Exclusive(ctx(t), guard, func() error {
				before, _, _ := s.Get(ctx(t), hot, nil)
				for range 20 {
					runtime.Gosched()
					if inside.Load() != 0 {
						t.Error("an update runs inside Exclusive")
					}
				}
				after, _, _ := s.Get(ctx(t), hot, nil)
				if counter(before) != counter(after) {
					t.Errorf("the counter went from %d to %d inside Exclusive", counter(before), counter(after))
				}
				return mine
			})
			if err != mine { //nolint:errorlint // As it is.
				t.Errorf("Exclusive: %v", err)
			}
		}
	})
}
