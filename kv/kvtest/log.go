package kvtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/hortusdb/hortus/kv"
)

// testLogEntries: entries have their commit's position and time, and an index
// within the commit that counts over all logs.
func testLogEntries(t *testing.T, s kv.Store) {
	if e, pos := readLog(t, s, 1, 0); len(e) != 0 || pos != s.Durable() {
		t.Errorf("an empty log has %v up to %d", e, pos)
	}
	p1, err := s.Update(ctx(t), kv.Plan{Write: keys("a")}, func(_ [][]byte, w *kv.Writes) error {
		w.Append(1, []byte("x"))
		w.Set([]byte("a"), []byte("1"))
		w.Append(2, []byte("y"))
		w.Append(1, nil)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p2 := add(t, s, 1, "z")
	e, pos := readLog(t, s, 1, 0)
	wantEqual(t, "log 1", records(e), "x", "", "z")
	if e[0].Position != p1 || e[1].Position != p1 || e[2].Position != p2 || pos != s.Durable() {
		t.Errorf("positions %d %d %d up to %d; commits %d %d", e[0].Position, e[1].Position, e[2].Position, pos, p1, p2)
	}
	if e[0].Index != 0 || e[1].Index <= e[0].Index || e[2].Index != 0 {
		t.Errorf("indices %d %d %d", e[0].Index, e[1].Index, e[2].Index)
	}
	if e[0].Time != e[1].Time {
		t.Errorf("one commit has times %d and %d", e[0].Time, e[1].Time)
	}
	e, _ = readLog(t, s, 2, 0)
	wantEqual(t, "log 2", records(e), "y")
	if e, _ = readLog(t, s, 3, 0); len(e) != 0 {
		t.Errorf("log 3 has %v", records(e))
	}
}

// testLogResume: reading resumes after any position, and stops where fn says.
func testLogResume(t *testing.T, s kv.Store) {
	var at []kv.Position
	for i := range 10 {
		at = append(at, add(t, s, 1, fmt.Sprint(i)))
		put(t, s, "a", fmt.Sprint(i)) // Positions with no entry lie between.
	}
	for i, p := range at {
		e, pos := readLog(t, s, 1, p)
		if len(e) != 9-i || pos != s.Durable() {
			t.Errorf("after entry %d: %v up to %d", i, records(e), pos)
		}
		n := 0
		pos, err := s.ReadLog(ctx(t), 1, p-1, func(kv.Entry) bool { n++; return false })
		if err != nil || n != 1 || pos != p {
			t.Errorf("one entry from %d: %d entries up to %d, %v", p, n, pos, err)
		}
	}
}

// tail reads a log from its beginning until it has total records, waiting for
// more, and checks the order of what it is given.
func tail(t *testing.T, s kv.Store, log kv.LogID, total int) []kv.Entry {
	var got []kv.Entry
	var after kv.Position
	for len(got) < total {
		if err := s.WaitLog(ctx(t), log, after); err != nil {
			t.Errorf("WaitLog: %v", err)
			return got
		}
		pos, err := s.ReadLog(ctx(t), log, after, func(e kv.Entry) bool {
			if d := s.Durable(); e.Position > d {
				t.Errorf("read position %d, durable up to %d", e.Position, d)
			}
			e.Record = bytes.Clone(e.Record)
			got = append(got, e)
			return true
		})
		if err != nil || pos < after {
			t.Errorf("ReadLog from %d: up to %d, %v", after, pos, err)
			return got
		}
		after = pos
	}
	return got
}

// testLogOrder: log order is commit order, and a reader that follows the log
// misses nothing: no gap that it passed is filled later.
func testLogOrder(t *testing.T, s kv.Store) {
	const writers, each, tails = 8, 60, 2
	const total = writers * each
	hot := []byte("hot")
	var seen [tails][]kv.Entry
	parallel(writers+tails, func(i int) {
		if i < tails {
			seen[i] = tail(t, s, 1, total)
			return
		}
		for n := range each {
			p := kv.Plan{Write: [][]byte{hot}}
			if _, err := s.Update(ctx(t), p, func(v [][]byte, w *kv.Writes) error {
				c := binary.BigEndian.AppendUint64(nil, counter(v[0])+1)
				w.Set(hot, c)
				w.Append(1, c)
				return nil
			}); err != nil {
				t.Error(err)
			}
			add(t, s, kv.LogID(2+i), fmt.Sprint(n)) // Others come between.
		}
	})
	whole, _ := readLog(t, s, 1, 0)
	for i, e := range whole {
		if counter(e.Record) != uint64(i+1) {
			t.Fatalf("entry %d is of commit %d", i+1, counter(e.Record))
		}
		if i > 0 && e.Position <= whole[i-1].Position {
			t.Fatalf("position %d follows %d", e.Position, whole[i-1].Position)
		}
	}
	for i := range seen {
		if len(seen[i]) != len(whole) {
			t.Fatalf("a reader that followed saw %d entries of %d", len(seen[i]), len(whole))
		}
		for j, e := range seen[i] {
			if e.Position != whole[j].Position || !bytes.Equal(e.Record, whole[j].Record) {
				t.Fatalf("a reader that followed saw %+v as entry %d, which is %+v", e, j, whole[j])
			}
		}
	}
}

// testLogTimes: commit times never decrease in log order.
func testLogTimes(t *testing.T, s kv.Store) {
	const writers, each = 6, 50
	parallel(writers, func(int) {
		for range each {
			add(t, s, 1, "r")
		}
	})
	e, _ := readLog(t, s, 1, 0)
	if len(e) != writers*each {
		t.Fatalf("%d entries", len(e))
	}
	wantTimes(t, e)
}

func wantTimes(t *testing.T, e []kv.Entry) {
	t.Helper()
	for i := 1; i < len(e); i++ {
		if e[i].Time < e[i-1].Time {
			t.Fatalf("entry %d has time %d, after %d", i, e[i].Time, e[i-1].Time)
		}
	}
}

// testLogTrim: trimmed entries are gone, and whoever would miss them is told.
func testLogTrim(t *testing.T, s kv.Store) {
	trim := func(upTo kv.Position) {
		t.Helper()
		settle(t, s)
		if err := s.TrimLog(ctx(t), 1, upTo); err != nil {
			t.Fatal(err)
		}
	}
	read := func(after kv.Position) error {
		settle(t, s)
		_, err := s.ReadLog(ctx(t), 1, after, func(kv.Entry) bool { return true })
		return err
	}
	put(t, s, "a", "1")
	trim(s.Durable()) // Nothing to give up: nothing is missed.
	if err := read(0); err != nil {
		t.Errorf("a log that lost nothing: %v", err)
	}
	var at []kv.Position
	for i := range 6 {
		at = append(at, add(t, s, 1, fmt.Sprint(i), "second"))
		add(t, s, 2, "other")
	}
	trim(at[1])
	trim(at[0]) // Goes not back.
	for _, after := range []kv.Position{0, at[0], at[1] - 1} {
		if err := read(after); !errors.Is(err, kv.ErrTrimmed) {
			t.Errorf("read after %d, trimmed up to %d: %v", after, at[1], err)
		}
	}
	e, _ := readLog(t, s, 1, at[1])
	wantEqual(t, "after the trim", records(e), "2", "second", "3", "second", "4", "second", "5", "second")
	trim(at[2] + 1) // Between two entries.
	e, _ = readLog(t, s, 1, at[2])
	wantEqual(t, "after another", records(e), "3", "second", "4", "second", "5", "second")
	trim(at[5] + 1000) // No further than what is there: what comes later stays.
	at = append(at, add(t, s, 1, "6"))
	e, _ = readLog(t, s, 1, at[5])
	wantEqual(t, "after the last", records(e), "6")
	if err := read(at[4]); !errors.Is(err, kv.ErrTrimmed) {
		t.Errorf("read after %d: %v", at[4], err)
	}
	if e, _ = readLog(t, s, 2, 0); len(e) != 6 {
		t.Errorf("another log has %v left", records(e))
	}
	wantEqual(t, "rows", rows(t, s, kv.Range{}, 0), "a=1")
}

// testWaitLog: a wait ends at an entry of its log, not at another's.
func testWaitLog(t *testing.T, s kv.Store) {
	first := add(t, s, 1, "r")
	if err := s.WaitLog(ctx(t), 1, first-1); err != nil { // At once.
		t.Fatal(err)
	}
	var woke atomic.Int32
	var second atomic.Uint64
	const waiters = 4
	parallel(waiters+1, func(i int) {
		if i < waiters {
			if err := s.WaitLog(ctx(t), 1, first); err != nil {
				t.Error(err)
			}
			if d := s.Durable(); second.Load() == 0 && d <= first {
				t.Errorf("woke with the watermark at %d", d)
			}
			if e, _ := readLog(t, s, 1, first); len(e) == 0 {
				t.Error("woke with nothing to read")
			}
			woke.Add(1)
			return
		}
		for range 20 {
			add(t, s, 2, "other")
			put(t, s, "a", "1")
		}
		if woke.Load() != 0 {
			t.Error("an entry of another log woke a waiter")
		}
		second.Store(uint64(add(t, s, 1, "r")))
	})
	c, cancel := context.WithCancel(ctx(t))
	parallel(2, func(i int) {
		if i == 0 {
			if err := s.WaitLog(c, 1, kv.Position(second.Load())); !errors.Is(err, context.Canceled) {
				t.Errorf("a cancelled wait: %v", err)
			}
			return
		}
		add(t, s, 2, "other")
		cancel()
	})
}

// testWaitLogClosed: Close does not wait for who waits for a log.
func testWaitLogClosed(t *testing.T, s kv.Store) {
	parallel(2, func(i int) {
		if i == 1 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			return
		}
		if err := s.WaitLog(ctx(t), 1, 0); !errors.Is(err, kv.ErrClosed) {
			t.Errorf("WaitLog: %v", err)
		}
	})
}
