// Package kvtest holds every driver of kv to its contract: a conformance suite
// as ordinary code, which the drivers' tests call.
//
// Run takes any driver; RunCrash one whose disk a test can hold up and crash.
package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/hortusdb/hortus/kv"
)

// Run holds the stores that open returns, each empty, to the contract of
// kv.Store. It closes them.
func Run(t *testing.T, open func(t *testing.T) kv.Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s kv.Store)
	}{
		{"Update", testUpdate},
		{"UpdateError", testUpdateError},
		{"EmptyValue", testEmptyValue},
		{"Get", testGet},
		{"Scan", testScan},
		{"ScanEnd", testScanEnd},
		{"ScanSnapshot", testScanSnapshot},
		{"DropRange", testDropRange},
		{"Cancelled", testCancelled},
		{"Closed", testClosed},
		{"LimitKeys", testLimitKeys},
		{"LimitSize", testLimitSize},
		{"LimitRows", testLimitRows},
		{"PutIfAbsent", testPutIfAbsent},
		{"WriteSkew", testWriteSkew},
		{"HotKey", testHotKey},
		{"CrossedKeys", testCrossedKeys},
		{"GetManyAtOnePoint", testGetManyAtOnePoint},
		{"ReadsHaveAPosition", testReadsHaveAPosition},
		{"Exclusive", testExclusive},
		{"LogEntries", testLogEntries},
		{"LogResume", testLogResume},
		{"LogOrder", testLogOrder},
		{"LogTimes", testLogTimes},
		{"LogTrim", testLogTrim},
		{"WaitLog", testWaitLog},
		{"WaitLogClosed", testWaitLogClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			c.test(t, s)
			if err := s.Close(); err != nil && !errors.Is(err, kv.ErrClosed) {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

func ctx(t *testing.T) context.Context { return t.Context() }

// keys makes keys of strings.
func keys(s ...string) [][]byte {
	k := make([][]byte, len(s))
	for i, v := range s {
		k[i] = []byte(v)
	}
	return k
}

// put writes pairs of keys and values in one commit.
func put(t *testing.T, s kv.Store, pairs ...string) kv.Position {
	t.Helper()
	var p kv.Plan
	for i := 0; i < len(pairs); i += 2 {
		p.Write = append(p.Write, []byte(pairs[i]))
	}
	pos, err := s.Update(ctx(t), p, func(_ [][]byte, w *kv.Writes) error {
		for i := 0; i < len(pairs); i += 2 {
			w.Set([]byte(pairs[i]), []byte(pairs[i+1]))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	return pos
}

// add appends records to a log in one commit.
func add(t *testing.T, s kv.Store, log kv.LogID, records ...string) kv.Position {
	t.Helper()
	pos, err := s.Update(ctx(t), kv.Plan{}, func(_ [][]byte, w *kv.Writes) error {
		for _, r := range records {
			w.Append(log, []byte(r))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	return pos
}

// get returns the value of key, or "" when it is absent.
func get(t *testing.T, s kv.Store, key string) string {
	t.Helper()
	v, _, err := s.Get(ctx(t), []byte(key), nil)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		t.Fatalf("Get(%q): %v", key, err)
	}
	return string(v)
}

// rows returns the keys and values of r as "key=value".
func rows(t *testing.T, s kv.Store, r kv.Range, limit int) []string {
	t.Helper()
	var got []string
	_, err := s.Scan(ctx(t), r, func(key, value []byte) bool {
		got = append(got, fmt.Sprintf("%s=%s", key, value))
		return len(got) != limit
	})
	if err != nil {
		t.Fatalf("Scan: %v", err)
	}
	return got
}

// settle waits until all that is committed is durable, also where the store
// acknowledges before.
func settle(t *testing.T, s kv.Store) {
	t.Helper()
	pos, err := s.GetMany(ctx(t), nil, nil)
	if err != nil {
		t.Fatalf("GetMany: %v", err)
	}
	until(t, "durable", func() bool { return s.Durable() >= pos })
}

// readLog returns the entries of a log after a position, and where it ended,
// once all that is committed is durable.
func readLog(t *testing.T, s kv.Store, log kv.LogID, after kv.Position) ([]kv.Entry, kv.Position) {
	t.Helper()
	settle(t, s)
	var got []kv.Entry
	pos, err := s.ReadLog(ctx(t), log, after, func(e kv.Entry) bool {
		e.Record = bytes.Clone(e.Record)
		got = append(got, e)
		return true
	})
	if err != nil {
		t.Fatalf("ReadLog: %v", err)
	}
	return got, pos
}

func records(entries []kv.Entry) []string {
	var got []string
	for _, e := range entries {
		got = append(got, string(e.Record))
	}
	return got
}

func wantEqual[E comparable](t *testing.T, what string, got []E, want ...E) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// until calls f until it returns true, letting others run in between.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for !f() {
		if err := t.Context().Err(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		runtime.Gosched()
	}
}
