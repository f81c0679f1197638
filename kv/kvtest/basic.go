package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hortusdb/hortus/invariant"
	"github.com/hortusdb/hortus/kv"
)

// testUpdate: values come in the order of Read, then Write; what is written is
// there afterwards, and positions grow.
func testUpdate(t *testing.T, s kv.Store) {
	p1 := put(t, s, "a", "1", "b", "2")
	var got []string
	p2, err := s.Update(ctx(t), kv.Plan{Read: keys("b", "absent"), Write: keys("a", "c")},
		func(values [][]byte, w *kv.Writes) error {
			got = nil
			for _, v := range values {
				got = append(got, fmt.Sprintf("%s/%t", v, v == nil))
			}
			w.Set([]byte("c"), []byte("3"))
			w.Set([]byte("c"), []byte("4")) // The later of two wins.
			w.Delete([]byte("a"))
			w.Delete([]byte("never there"))
			w.Set([]byte("c/index"), []byte("5"))
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "values", got, "2/false", "/true", "1/false", "/true")
	wantEqual(t, "rows", rows(t, s, kv.Range{}, 0), "b=2", "c=4", "c/index=5")
	if p1 == 0 || p2 <= p1 {
		t.Errorf("positions %d, then %d", p1, p2)
	}
	if s.Caps().Durable && s.Durable() < p2 {
		t.Errorf("Update returned at %d, durable up to %d", p2, s.Durable())
	}
}

// testUpdateError: fn's error comes back as it is and nothing is written. The
// position is what was observed.
func testUpdateError(t *testing.T, s kv.Store) {
	p1 := put(t, s, "a", "1")
	mine := errors.New("mine")
	p2, err := s.Update(ctx(t), kv.Plan{Write: keys("a")}, func(_ [][]byte, w *kv.Writes) error {
		w.Set([]byte("a"), []byte("2"))
		w.Append(1, []byte("r"))
		return mine
	})
	if err != mine { //nolint:errorlint // As it is, not wrapped.
		t.Errorf("got error %v, want fn's", err)
	}
	if p2 != p1 {
		t.Errorf("observed position %d, want %d", p2, p1)
	}
	p3, err := s.Update(ctx(t), kv.Plan{Read: keys("a")}, func([][]byte, *kv.Writes) error { return nil })
	if err != nil || p3 != p1 {
		t.Errorf("an update that writes nothing: position %d, %v; want %d", p3, err, p1)
	}
	wantEqual(t, "rows", rows(t, s, kv.Range{}, 0), "a=1")
	if e, _ := readLog(t, s, 1, 0); len(e) != 0 {
		t.Errorf("a failed update left entries %v", records(e))
	}
}

// testEmptyValue: an empty value is a bug of the caller.
func testEmptyValue(t *testing.T, s kv.Store) {
	func() {
		defer func() {
			if _, ok := recover().(invariant.Broken); !ok {
				t.Error("an empty value was taken")
			}
		}()
		_, _ = s.Update(ctx(t), kv.Plan{Write: keys("a")}, func(_ [][]byte, w *kv.Writes) error {
			w.Set([]byte("a"), nil)
			return nil
		})
	}()
	put(t, s, "a", "1") // The latch was let go.
}

// testGet: Get appends; what is absent says so, and leaves dst alone.
func testGet(t *testing.T, s kv.Store) {
	put(t, s, "a", "1", "b", "2")
	v, _, err := s.Get(ctx(t), []byte("a"), []byte("x"))
	if err != nil || string(v) != "x1" {
		t.Errorf("Get: %q, %v", v, err)
	}
	v, _, err = s.Get(ctx(t), []byte("ab"), []byte("x"))
	if !errors.Is(err, kv.ErrNotFound) || string(v) != "x" {
		t.Errorf("Get of an absent key: %q, %v", v, err)
	}
	var got []string
	if _, err := s.GetMany(ctx(t), keys("b", "absent", "a", "b"), func(i int, v []byte) {
		got = append(got, fmt.Sprintf("%d:%s/%t", i, v, v == nil))
	}); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "GetMany", got, "0:2/false", "1:/true", "2:1/false", "3:2/false")
}

func testScan(t *testing.T, s kv.Store) {
	put(t, s, "b", "2", "a", "1", "d", "4", "c", "3", "\xff\xff", "5")
	for _, c := range []struct {
		low, high string
		reverse   bool
		limit     int
		want      []string
	}{
		{"", "", false, 0, []string{"a=1", "b=2", "c=3", "d=4", "\xff\xff=5"}},
		{"", "", true, 0, []string{"\xff\xff=5", "d=4", "c=3", "b=2", "a=1"}},
		{"b", "d", false, 0, []string{"b=2", "c=3"}},
		{"b", "d", true, 0, []string{"c=3", "b=2"}},
		{"b", "", false, 2, []string{"b=2", "c=3"}},
		{"b", "", true, 1, []string{"\xff\xff=5"}},
		{"b", "", true, 0, []string{"\xff\xff=5", "d=4", "c=3", "b=2"}},
		{"bb", "cc", false, 0, []string{"c=3"}},
		{"bb", "cc", true, 0, []string{"c=3"}},
		{"x", "y", true, 0, nil},
		{"d", "b", false, 0, nil},
		{"d", "b", true, 0, nil},
	} {
		r := kv.Range{Low: []byte(c.low), Reverse: c.reverse}
		if c.high != "" {
			r.High = []byte(c.high)
		}
		wantEqual(t, fmt.Sprintf("%+v", c), rows(t, s, r, c.limit), c.want...)
	}
}

// testScanEnd: a scan to the end of the store meets no log, and a log no key.
func testScanEnd(t *testing.T, s kv.Store) {
	put(t, s, "\xff", "1")
	add(t, s, 1, "r")
	add(t, s, ^kv.LogID(0), "s")
	wantEqual(t, "rows", rows(t, s, kv.Range{Low: []byte("a")}, 0), "\xff=1")
	wantEqual(t, "rows", rows(t, s, kv.Range{Reverse: true}, 0), "\xff=1")
	e, _ := readLog(t, s, ^kv.LogID(0), 0)
	wantEqual(t, "log", records(e), "s")
}

// testScanSnapshot: a scan sees no commit made while it runs.
func testScanSnapshot(t *testing.T, s kv.Store) {
	put(t, s, "a", "1", "b", "1", "c", "1")
	for _, reverse := range []bool{false, true} {
		var got []byte
		if _, err := s.Scan(ctx(t), kv.Range{Reverse: reverse}, func(_, v []byte) bool {
			got = append(got, v...)
			put(t, s, "a", "2", "b", "2", "c", "2", "d", "2")
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if len(bytes.Trim(got, "1")) != 0 && len(bytes.Trim(got, "2")) != 0 {
			t.Errorf("reverse %t: one scan saw %s", reverse, got)
		}
	}
}

func testDropRange(t *testing.T, s kv.Store) {
	put(t, s, "a", "1", "b", "2", "bb", "3", "c", "4")
	p := add(t, s, 1, "r")
	if err := s.DropRange(ctx(t), kv.Range{Low: []byte("b"), High: []byte("c")}); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "rows", rows(t, s, kv.Range{}, 0), "a=1", "c=4")
	wantEqual(t, "rows", rows(t, s, kv.Range{Reverse: true}, 0), "c=4", "a=1")
	if v := get(t, s, "bb"); v != "" {
		t.Errorf("a dropped key has value %q", v)
	}
	e, _ := readLog(t, s, 1, 0)
	wantEqual(t, "log", records(e), "r")
	if err := s.DropRange(ctx(t), kv.Range{}); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "rows", rows(t, s, kv.Range{}, 0))
	if e, _ = readLog(t, s, 1, 0); len(e) != 1 || e[0].Position != p {
		t.Errorf("dropping all keys left the entries %v", e)
	}
	put(t, s, "a", "5")
	wantEqual(t, "rows", rows(t, s, kv.Range{}, 0), "a=5")
}

// testCancelled: an update whose context has ended is given up before it is
// ordered.
func testCancelled(t *testing.T, s kv.Store) {
	c, cancel := context.WithCancel(ctx(t))
	cancel()
	_, err := s.Update(c, kv.Plan{Write: keys("a")}, func(_ [][]byte, w *kv.Writes) error {
		w.Set([]byte("a"), []byte("1"))
		return nil
	})
	if !errors.Is(err, kv.ErrCommitAborted) || !errors.Is(err, context.Canceled) {
		t.Errorf("Update: %v", err)
	}
	if v := get(t, s, "a"); v != "" {
		t.Errorf("an update that was given up wrote %q", v)
	}
	if err := s.WaitLog(c, 1, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("WaitLog: %v", err)
	}
	if err := s.Exclusive(c, []byte("g"), func() error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Exclusive: %v", err)
	}
}

func testClosed(t *testing.T, s kv.Store) {
	put(t, s, "a", "1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, update := s.Update(ctx(t), kv.Plan{}, func([][]byte, *kv.Writes) error { return nil })
	_, _, get := s.Get(ctx(t), []byte("a"), nil)
	_, many := s.GetMany(ctx(t), keys("a"), func(int, []byte) { t.Error("GetMany gave a value") })
	_, scan := s.Scan(ctx(t), kv.Range{}, func(_, _ []byte) bool { return true })
	_, read := s.ReadLog(ctx(t), 1, 0, func(kv.Entry) bool { return true })
	for name, err := range map[string]error{
		"Update": update, "Get": get, "GetMany": many, "Scan": scan, "ReadLog": read,
		"Exclusive":   s.Exclusive(ctx(t), []byte("g"), func() error { return nil }),
		"DropRange":   s.DropRange(ctx(t), kv.Range{}),
		"WaitLog":     s.WaitLog(ctx(t), 1, 0),
		"TrimLog":     s.TrimLog(ctx(t), 1, 1),
		"WaitDurable": s.WaitDurable(ctx(t), 1),
		"Close":       s.Close(),
	} {
		if !errors.Is(err, kv.ErrClosed) {
			t.Errorf("%s of a closed store: %v", name, err)
		}
	}
}

// random returns n bytes that do not compress.
func random(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// testLimitKeys: keys of any bytes up to the limit come back as they are.
func testLimitKeys(t *testing.T, s kv.Store) {
	rng := rand.New(rand.NewPCG(1, 2))
	all := map[string]string{}
	for _, n := range []int{1, 2, 255, 256, 1024, kv.MaxKeySize - 1, kv.MaxKeySize} {
		for range 8 {
			all[string(random(rng, n))] = string(random(rng, 1+rng.IntN(5000)))
		}
	}
	all[string(bytes.Repeat([]byte{0}, kv.MaxKeySize))] = "low"
	all[string(bytes.Repeat([]byte{0xff}, kv.MaxKeySize))] = "high"
	for k, v := range all {
		put(t, s, k, v)
	}
	got, last := 0, []byte(nil)
	if _, err := s.Scan(ctx(t), kv.Range{}, func(k, v []byte) bool {
		if all[string(k)] != string(v) || bytes.Compare(last, k) >= 0 {
			t.Errorf("key %.20q is out of order or has another value", k)
		}
		last = append(last[:0], k...)
		got++
		return true
	}); err != nil || got != len(all) {
		t.Errorf("scanned %d of %d rows, %v", got, len(all), err)
	}
	for k, v := range all {
		if get(t, s, k) != v {
			t.Errorf("key %.20q has another value", k)
		}
	}
	wantTooLarge(t, s, func(w *kv.Writes) { w.Set(random(rng, kv.MaxKeySize+1), []byte("v")) })
}

func wantTooLarge(t *testing.T, s kv.Store, fn func(w *kv.Writes)) {
	t.Helper()
	_, err := s.Update(ctx(t), kv.Plan{Write: keys("large")}, func(_ [][]byte, w *kv.Writes) error {
		w.Set([]byte("large"), []byte("v"))
		fn(w)
		return nil
	})
	if !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("got error %v, want ErrTooLarge", err)
	}
	if get(t, s, "large") != "" {
		t.Error("an update that was too large wrote something")
	}
}

// testLimitSize: an update as large as allowed is one commit.
func testLimitSize(t *testing.T, s kv.Store) {
	rng := rand.New(rand.NewPCG(3, 4))
	const n, valueSize = 128, kv.MaxUpdateSize/128 - 8
	value := random(rng, valueSize)
	key := func(i int) []byte { return fmt.Appendf(nil, "large%03d", i) } // 8 bytes.
	if _, err := s.Update(ctx(t), kv.Plan{Write: keys("large")}, func(_ [][]byte, w *kv.Writes) error {
		for i := range n - 1 {
			w.Set(key(i), value)
		}
		w.Append(1, value) // Has no key: 8 bytes are left.
		if w.Size() > kv.MaxUpdateSize {
			t.Fatalf("the test writes %d bytes", w.Size())
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for i := range n - 1 {
		if v, _, err := s.Get(ctx(t), key(i), nil); err != nil || !bytes.Equal(v, value) {
			t.Fatalf("row %d: %d bytes, %v", i, len(v), err)
		}
	}
	if e, _ := readLog(t, s, 1, 0); len(e) != 1 || !bytes.Equal(e[0].Record, value) {
		t.Errorf("the record is not there, or another")
	}
	put(t, s, "small", "1")
	wantTooLarge(t, s, func(w *kv.Writes) { w.Append(1, make([]byte, kv.MaxUpdateSize)) })
}

func testLimitRows(t *testing.T, s kv.Store) {
	if _, err := s.Update(ctx(t), kv.Plan{Write: keys("many")}, func(_ [][]byte, w *kv.Writes) error {
		for i := range kv.MaxUpdateRows / 2 {
			w.Set(fmt.Appendf(nil, "many%d", i), []byte("v"))
			w.Append(1, nil)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n := len(rows(t, s, kv.Range{}, 0)); n != kv.MaxUpdateRows/2 {
		t.Errorf("%d rows", n)
	}
	entries, _ := readLog(t, s, 1, 0)
	if n := len(entries); n != kv.MaxUpdateRows/2 {
		t.Errorf("%d entries", n)
	}
	for i, e := range entries {
		if e.Index != uint32(i) || e.Position != entries[0].Position {
			t.Fatalf("entry %d: %+v", i, e)
		}
	}
	wantTooLarge(t, s, func(w *kv.Writes) {
		for range kv.MaxUpdateRows {
			w.Append(1, nil)
		}
	})
}
