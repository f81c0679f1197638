package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/hortusdb/hortus/kv"
)

// read is what a log has after a position, as text.
func (s *Store) read(
	t *testing.T, after kv.Position, from func(func(kv.Entry) bool) (kv.Position, error),
) (out []string) {
	t.Helper()
	to, err := from(func(e kv.Entry) bool {
		out = append(out, fmt.Sprintf("%d.%d at %d: %d bytes %.8q", e.Position, e.Index, e.Time, len(e.Record), e.Record))
		return true
	})
	if errors.Is(err, kv.ErrTrimmed) {
		return []string{err.Error()}
	}
	if err != nil {
		t.Fatalf("read after %d: %v", after, err)
	}
	return append(out, fmt.Sprintf("to %d", to))
}

// append writes entries with records of these sizes to a log, in one commit.
func (s *Store) append(t *testing.T, rng *rand.Rand, log kv.LogID, sizes ...int) kv.Position {
	t.Helper()
	pos, err := s.Update(t.Context(), kv.Plan{}, func(_ [][]byte, w *kv.Writes) error {
		for _, n := range sizes {
			record := make([]byte, max(n, 8))
			for i := range 8 {
				record[i] = byte('a' + rng.IntN(26))
			}
			w.Append(log, record)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pos
}

// TestTail: the end of a log that is followed reads as the engine has it, whatever
// is written and trimmed, and is bounded.
func TestTail(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := open(t, Options{Memory: true, Now: backAndForth()})
		s.follow(1)
		last, kept := kv.Position(0), 0
		for range 150 {
			log := kv.LogID(1 + rng.IntN(2))
			switch rng.IntN(20) {
			case 0:
				if err := s.TrimLog(t.Context(), log, last-min(last, kv.Position(rng.IntN(40)))); err != nil {
					t.Fatal(err)
				}
			case 1:
				last = s.append(t, rng, log, tailBytes+rng.IntN(3)-1, 10)
			case 2:
				last = s.append(t, rng, log, tailBytes/2, tailBytes/2, tailBytes/2)
			case 3:
				s.tails.forget(log)
				s.follow(log)
			default:
				last = s.append(t, rng, log, slices.Repeat([]int{rng.IntN(tailBytes / 20)}, 1+rng.IntN(3))...)
			}
			log = kv.LogID(1 + rng.IntN(2))
			after := last - min(last, kv.Position(rng.IntN(30)))
			if _, ok := s.tails.between(log, after, last); ok {
				kept++
			}
			if after >= s.Durable() {
				continue
			}
			got := s.read(t, after, func(fn func(kv.Entry) bool) (kv.Position, error) { return s.ReadLog(t.Context(), log, after, fn) })
			want := s.read(t, after, func(fn func(kv.Entry) bool) (kv.Position, error) {
				return s.readEngine(t.Context(), log, after, s.Durable(), fn)
			})
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: log %d after %d reads\n%q, the engine has\n%q", seed, log, after, got, want)
			}
			if tail := s.tails.of(log); tail != nil && tail.bytes > tailBytes {
				t.Fatalf("seed %d: a tail of %d bytes", seed, tail.bytes)
			}
		}
		if kept == 0 {
			t.Errorf("seed %d: the tail was never of use", seed)
		}
		closeStore(t, s)
	}
}

// TestTailUnread: a tail that nobody reads is given up, and one that is read stays.
func TestTailUnread(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	s := open(t, Options{Memory: true})
	defer closeStore(t, s)
	s.follow(1)
	s.follow(2)
	for range 2 * tailIdle * 8 {
		s.append(t, rng, 1, tailBytes/8)
		last := s.append(t, rng, 2, tailBytes/8)
		if e, ok := s.tails.between(2, last-1, last); !ok || len(e) != 1 {
			t.Fatalf("a tail that is read has %d entries, %v", len(e), ok)
		}
	}
	if s.tails.of(1) != nil || s.tails.count.Load() != 1 {
		t.Errorf("a tail that nobody reads is there; %d are kept", s.tails.count.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.WaitLog(ctx, 2, s.Durable()); !errors.Is(err, context.Canceled) || s.tails.count.Load() != 0 {
		t.Errorf("after who followed it gave up (%v) %d tails are kept", err, s.tails.count.Load())
	}
}

// TestTailFollowed: followers see each entry once, in order, while several write
// and the log is trimmed behind them.
func TestTailFollowed(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	defer closeStore(t, s)
	const writers, each, followers = 4, 200, 3
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 2))
			for range each {
				s.append(t, rng, 1, rng.IntN(tailBytes/50))
			}
		})
	}
	for range followers {
		all.Go(func() {
			seen, at := 0, kv.Position(0)
			for seen < writers*each {
				if err := s.WaitLog(t.Context(), 1, at); err != nil {
					t.Error(err)
					return
				}
				before := at
				to, err := s.ReadLog(t.Context(), 1, at, func(e kv.Entry) bool {
					if e.Position <= before {
						t.Errorf("the entry at %d comes after %d", e.Position, before)
					}
					before, seen = e.Position, seen+1
					return true
				})
				if err != nil {
					t.Error(err)
					return
				}
				at = to
			}
			if seen != writers*each {
				t.Errorf("%d entries seen, %d written", seen, writers*each)
			}
		})
	}
	all.Wait()
}
