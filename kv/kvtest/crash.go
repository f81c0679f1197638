package kvtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hortusdb/hortus/kv"
)

// Disk is a place for a store whose durability a test commands. One store at a
// time is open on it.
type Disk interface {
	// Open opens the store that is on the disk. The first is empty.
	Open(t *testing.T) kv.Store

	// Hold keeps commits from becoming durable until Release.
	Hold()
	Release()

	// Crash cuts the power: of what is not durable, some or all is lost. The
	// store that was open is dead: its running calls end in some way.
	Crash(t *testing.T)
}

// RunCrash holds stores on disks, each empty, to what kv.Store says of
// durability.
func RunCrash(t *testing.T, disk func(t *testing.T) Disk) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, d Disk)
	}{
		{"Reopen", testReopen},
		{"VisibleBeforeDurable", testVisibleBeforeDurable},
		{"ObservedIsDurable", testObservedIsDurable},
		{"DropIsObserved", testDropIsObserved},
		{"Early", testEarly},
		{"HotKeyIsNotBoundBySync", testHotKeyIsNotBoundBySync},
		{"LosesWhatIsNotDurable", testLosesWhatIsNotDurable},
		{"MidCommit", testMidCommit},
		{"DropAndTrim", testDropAndTrimCrash},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, disk(t)) })
	}
}

// reopen closes s and opens what it left.
func reopen(t *testing.T, d Disk, s kv.Store) kv.Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	return d.Open(t)
}

func crash(t *testing.T, d Disk) kv.Store {
	t.Helper()
	d.Crash(t)
	return d.Open(t)
}

func closeStore(t *testing.T, s kv.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// testReopen: Close loses nothing, and positions and times go on.
func testReopen(t *testing.T, d Disk) {
	s := d.Open(t)
	s = reopen(t, d, s) // An empty one.
	var last kv.Position
	for i := range 4 {
		put(t, s, "a", fmt.Sprint(i), fmt.Sprint(i), "1")
		pos := add(t, s, 1, fmt.Sprint(i))
		if pos <= last {
			t.Errorf("position %d after %d", pos, last)
		}
		last = pos
		s = reopen(t, d, s)
		if s.Durable() < pos {
			t.Errorf("durable up to %d of %d after Close", s.Durable(), pos)
		}
		if s.Found() != pos {
			t.Errorf("it found %d, and the last commit was at %d", s.Found(), pos)
		}
	}
	wantEqual(t, "rows", rows(t, s, kv.Range{}, 0), "0=1", "1=1", "2=1", "3=1", "a=3")
	e, _ := readLog(t, s, 1, 0)
	wantEqual(t, "log", records(e), "0", "1", "2", "3")
	wantTimes(t, e)
	closeStore(t, s)
}

// background runs an update that the test does not wait for.
func background(t *testing.T, wg *sync.WaitGroup, s kv.Store, p kv.Plan, fn func([][]byte, *kv.Writes) error) *atomic.Bool {
	var returned atomic.Bool
	c := ctx(t)
	wg.Go(func() {
		_, _ = s.Update(c, p, fn)
		returned.Store(true)
	})
	return &returned
}

// testVisibleBeforeDurable: a commit is read by Get before it is durable, but
// neither ReadLog nor WaitLog know of it.
func testVisibleBeforeDurable(t *testing.T, d Disk) {
	s := d.Open(t)
	first := add(t, s, 1, "first")
	settle(t, s)
	d.Hold()
	var wg sync.WaitGroup
	returned := background(t, &wg, s, kv.Plan{Write: keys("a")}, func(_ [][]byte, w *kv.Writes) error {
		w.Set([]byte("a"), []byte("1"))
		w.Append(1, []byte("second"))
		return nil
	})
	until(t, "visible", func() bool { return get(t, s, "a") == "1" })
	_, pos, err := s.Get(ctx(t), []byte("a"), nil)
	if err != nil || pos <= first || s.Durable() >= pos {
		t.Errorf("Get: position %d after %d, durable up to %d, %v", pos, first, s.Durable(), err)
	}
	if s.Caps().Durable && returned.Load() {
		t.Error("Update returned before its commit was durable")
	}
	upTo, err := s.ReadLog(ctx(t), 1, first, func(e kv.Entry) bool {
		t.Errorf("ReadLog gave %q, which is not durable", e.Record)
		return true
	})
	if err != nil || upTo != s.Durable() || upTo >= pos {
		t.Errorf("ReadLog up to %d, durable up to %d, %v", upTo, s.Durable(), err)
	}
	var woke atomic.Bool
	wg.Go(func() {
		if err := s.WaitLog(ctx(t), 1, first); err != nil {
			t.Error(err)
		}
		woke.Store(true)
		if s.Durable() < pos {
			t.Errorf("WaitLog returned with the watermark at %d", s.Durable())
		}
	})
	for range 100 {
		runtime.Gosched()
	}
	if woke.Load() {
		t.Error("WaitLog returned before the entry was durable")
	}
	d.Release()
	wg.Wait()
	e, _ := readLog(t, s, 1, first)
	wantEqual(t, "log", records(e), "second")
	closeStore(t, s)
}

// testEarly: an early update returns before its commit is durable, so that others
// follow it; all become durable in their order, and Close waits for them.
func testEarly(t *testing.T, d Disk) {
	s := d.Open(t)
	first := put(t, s, "a", "0")
	settle(t, s)
	d.Hold()
	var last kv.Position
	for i := range 3 {
		pos, err := s.Update(ctx(t), kv.Plan{Write: keys("a"), Early: true}, func(_ [][]byte, w *kv.Writes) error {
			w.Set([]byte("a"), fmt.Append(nil, i+1))
			w.Append(1, fmt.Append(nil, i+1))
			return nil
		})
		if err != nil || pos <= first || s.Durable() >= pos || get(t, s, "a") != fmt.Sprint(i+1) {
			t.Fatalf("early update %d: position %d, durable up to %d, reads %q, %v", i, pos, s.Durable(), get(t, s, "a"), err)
		}
		last = pos
	}
	d.Release()
	settle(t, s)
	if err := s.WaitDurable(ctx(t), last); err != nil || (s.Caps().Durable && s.Durable() < last) {
		t.Errorf("WaitDurable: %v, durable up to %d of %d", err, s.Durable(), last)
	}
	for i := range 3 {
		if _, err := s.Update(ctx(t), kv.Plan{Write: keys("a"), Early: true}, func(_ [][]byte, w *kv.Writes) error {
			w.Set([]byte("a"), fmt.Append(nil, "closed ", i))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	s = reopen(t, d, s)
	if got := get(t, s, "a"); got != "closed 2" {
		t.Errorf("after Close %q", got)
	}
	closeStore(t, s)
}

// testObservedIsDurable: whoever saw a commit and waits, by an update that fails
// or writes nothing or by WaitDurable, waits until it is durable.
func testObservedIsDurable(t *testing.T, d Disk) {
	s := d.Open(t)
	defer closeStore(t, s)
	if !s.Caps().Durable {
		t.Skip("the store acknowledges before commits are durable")
	}
	put(t, s, "b", "1")
	d.Hold()
	defer d.Release()
	var wg sync.WaitGroup
	background(t, &wg, s, kv.Plan{Write: keys("a", "b")}, func(_ [][]byte, w *kv.Writes) error {
		w.Set([]byte("a"), []byte("1"))
		w.Delete([]byte("b"))
		return nil
	})
	until(t, "visible", func() bool { return get(t, s, "a") == "1" })
	_, pos, err := s.Get(ctx(t), []byte("b"), nil)
	if !errors.Is(err, kv.ErrNotFound) {
		t.Fatalf("Get of a deleted key: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx(t))
	cancel()
	if err := s.WaitDurable(cancelled, pos); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait: %v", err)
	}
	exists := errors.New("exists")
	for name, wait := range map[string]func() error{
		"WaitDurable": func() error { return s.WaitDurable(ctx(t), pos) },
		"Update that fails": func() error {
			_, err := s.Update(ctx(t), kv.Plan{Write: keys("a")}, func([][]byte, *kv.Writes) error { return exists })
			if errors.Is(err, exists) {
				return nil
			}
			return fmt.Errorf("got %w, want fn's error", err)
		},
		"Update that writes nothing": func() error {
			_, err := s.Update(ctx(t), kv.Plan{Read: keys("b")}, func([][]byte, *kv.Writes) error { return nil })
			return err
		},
	} {
		wg.Go(func() {
			if err := wait(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if d := s.Durable(); d < pos {
				t.Errorf("%s returned with the watermark at %d of %d", name, d, pos)
			}
		})
	}
	for range 100 {
		runtime.Gosched()
	}
	d.Release()
	wg.Wait()
}

// testDropIsObserved: the absence of a dropped key has a position too.
func testDropIsObserved(t *testing.T, d Disk) {
	s := d.Open(t)
	put(t, s, "a", "1")
	settle(t, s)
	d.Hold()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.DropRange(ctx(t), kv.Range{}); err != nil {
			t.Error(err)
		}
	})
	until(t, "dropped", func() bool { return get(t, s, "a") == "" })
	if _, pos, _ := s.Get(ctx(t), []byte("a"), nil); pos <= s.Durable() {
		t.Errorf("a dropped key has position %d, durable up to %d", pos, s.Durable())
	}
	d.Release()
	wg.Wait()
	closeStore(t, s)
}

// testHotKeyIsNotBoundBySync: updates of one key are ordered one after the
// other while none of them is durable.
func testHotKeyIsNotBoundBySync(t *testing.T, d Disk) {
	const updates = 5
	s := d.Open(t)
	key := []byte("hot")
	d.Hold()
	var wg sync.WaitGroup
	for range updates {
		wg.Go(func() {
			if err := increment(ctx(t), s, kv.Plan{Write: [][]byte{key}}); err != nil {
				t.Error(err)
			}
		})
	}
	until(t, "all visible", func() bool {
		v, _, _ := s.Get(ctx(t), key, nil)
		return len(v) > 0 && counter(v) == updates
	})
	d.Release()
	wg.Wait()
	closeStore(t, s)
}

// testLosesWhatIsNotDurable: after a crash there is what was durable. Positions
// that were lost are not used again, and time does not go back.
func testLosesWhatIsNotDurable(t *testing.T, d Disk) {
	s := d.Open(t)
	put(t, s, "a", "1")
	add(t, s, 1, "first")
	settle(t, s)
	for round := range 3 {
		d.Hold()
		var wg sync.WaitGroup
		background(t, &wg, s, kv.Plan{Write: keys("a")}, func(_ [][]byte, w *kv.Writes) error {
			w.Set([]byte("a"), []byte("2"))
			w.Append(1, []byte("lost"))
			return nil
		})
		until(t, "visible", func() bool { return get(t, s, "a") == "2" })
		_, lost, _ := s.Get(ctx(t), []byte("a"), nil)
		s = crash(t, d)
		wg.Wait()
		if v := get(t, s, "a"); v != "1" {
			t.Errorf("round %d: value %q", round, v)
		}
		e, upTo := readLog(t, s, 1, 0)
		if want := round + 1; len(e) != want || upTo < e[len(e)-1].Position {
			t.Errorf("round %d: log %v up to %d", round, records(e), upTo)
		}
		if pos := add(t, s, 1, "next"); pos <= lost {
			t.Errorf("round %d: position %d, but %d was used", round, pos, lost)
		}
		e, _ = readLog(t, s, 1, 0)
		wantTimes(t, e)
	}
	closeStore(t, s)
}

// crashWriters commits side by side until it is told to stop. Each commit
// counts up its writer's two keys and the key "hot", and appends hot's count.
type crashWriters struct {
	stop  atomic.Bool
	acked [4]atomic.Uint64 // A writer's last acknowledged count.
	wg    sync.WaitGroup
}

func (c *crashWriters) run(t *testing.T, s kv.Store) {
	for i := range c.acked {
		p := kv.Plan{Write: [][]byte{fmt.Appendf(nil, "w%d/a", i), fmt.Appendf(nil, "w%d/b", i), []byte("hot")}}
		c.wg.Go(func() {
			for !c.stop.Load() {
				var mine uint64
				_, err := s.Update(ctx(t), p, func(v [][]byte, w *kv.Writes) error {
					mine = counter(v[0]) + 1
					for j, k := range p.Write {
						w.Set(k, binary.BigEndian.AppendUint64(nil, counter(v[j])+1))
					}
					w.Append(1, binary.BigEndian.AppendUint64(nil, counter(v[2])+1))
					return nil
				})
				if err != nil {
					return // The crash.
				}
				c.acked[i].Store(mine)
			}
		})
	}
}

// testMidCommit: the power is cut while commits are under way. Each is there
// whole or not at all; none is missing that was acknowledged; none is there
// that follows one which is missing.
func testMidCommit(t *testing.T, d Disk) {
	rng := rand.New(rand.NewPCG(5, 6))
	s := d.Open(t)
	var acked [4]uint64
	for round := range 8 {
		w := &crashWriters{}
		for i := range w.acked {
			w.acked[i].Store(acked[i])
		}
		w.run(t, s)
		target := s.Durable() + 1 + kv.Position(rng.IntN(200))
		until(t, "commits", func() bool { return s.Durable() >= target })
		durable := s.Durable()
		for i := range acked {
			acked[i] = w.acked[i].Load()
		}
		used, err := s.GetMany(ctx(t), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		old := s
		d.Crash(t)
		w.stop.Store(true)
		w.wg.Wait()
		s = d.Open(t)
		wantWhole(t, s, &acked, old.Caps().Durable)
		e, _ := readLog(t, s, 1, 0)
		if n := len(e); n == 0 || e[n-1].Position < durable {
			t.Fatalf("round %d: the log does not reach %d, which was durable", round, durable)
		}
		if found := s.Found(); found < durable || found < e[len(e)-1].Position {
			t.Fatalf("round %d: it found %d; %d was durable, and an entry is at %d", round, found, durable, e[len(e)-1].Position)
		}
		if pos := put(t, s, "mark", "1"); pos <= used {
			t.Fatalf("round %d: position %d, but %d was used", round, pos, used)
		}
	}
	closeStore(t, s)
}

// wantWhole checks what a crash left of crashWriters' commits, and notes it as
// acknowledged.
func wantWhole(t *testing.T, s kv.Store, acked *[4]uint64, durable bool) {
	t.Helper()
	var sum uint64
	for i := range acked {
		a, b := get(t, s, fmt.Sprintf("w%d/a", i)), get(t, s, fmt.Sprintf("w%d/b", i))
		if a != b {
			t.Fatalf("writer %d: half of a commit", i)
		}
		var n uint64
		if a != "" {
			n = counter([]byte(a))
		}
		if durable && n < acked[i] {
			t.Fatalf("writer %d: %d commits, but %d were acknowledged", i, n, acked[i])
		}
		acked[i] = n
		sum += n
	}
	hot, _, _ := s.Get(ctx(t), []byte("hot"), nil)
	e, _ := readLog(t, s, 1, 0)
	if len(hot) == 0 || counter(hot) != sum || uint64(len(e)) != sum {
		t.Fatalf("%d commits, %d entries, hot key %x", sum, len(e), hot)
	}
	for i := range e {
		if counter(e[i].Record) != uint64(i+1) {
			t.Fatalf("entry %d is of commit %d", i+1, counter(e[i].Record))
		}
	}
	wantTimes(t, e)
}

// testDropAndTrimCrash: a dropped range stays away; what is left of a trimmed
// log is all that was not trimmed.
func testDropAndTrimCrash(t *testing.T, d Disk) {
	s := d.Open(t)
	put(t, s, "a", "1", "b", "2", "c", "3")
	for i := range 4 {
		add(t, s, 1, fmt.Sprint(i))
	}
	e, _ := readLog(t, s, 1, 0)
	mark := e[1].Position
	if err := s.TrimLog(ctx(t), 1, mark); err != nil {
		t.Fatal(err)
	}
	if err := s.DropRange(ctx(t), kv.Range{Low: []byte("b")}); err != nil {
		t.Fatal(err)
	}
	settle(t, s)
	for range 2 {
		s = crash(t, d)
		wantEqual(t, "rows", rows(t, s, kv.Range{}, 0), "a=1")
		got, _ := readLog(t, s, 1, mark)
		if len(got) != 2 || !bytes.Equal(got[0].Record, []byte("2")) {
			t.Errorf("log after the trim: %v", records(got))
		}
	}
	closeStore(t, s)
}
