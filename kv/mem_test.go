package kv_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/kv/kvtest"
)

// backAndForth is a clock that goes back every other time.
func backAndForth() func() int64 {
	var n atomic.Int64
	return func() int64 { return (1_000_000 + n.Add(1)) ^ 1 }
}

func TestMem(t *testing.T) {
	kvtest.Run(t, func(*testing.T) kv.Store { return kv.NewMem(kv.MemOptions{Now: backAndForth()}) })
}

func TestMemCrash(t *testing.T) {
	kvtest.RunCrash(t, func(*testing.T) kvtest.Disk {
		return &memDisk{left: kv.NewMem(kv.MemOptions{Now: backAndForth(), ManualSync: true})}
	})
}

// memDisk syncs after each commit unless it is held.
type memDisk struct {
	mu   sync.Mutex
	held bool
	left *kv.Mem
}

type memDiskStore struct {
	*kv.Mem
	d *memDisk
}

func (d *memDisk) Open(*testing.T) kv.Store { return memDiskStore{d.left, d} }

func (d *memDisk) Hold() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held = true
}

func (d *memDisk) Release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held = false
	d.left.Sync()
}

func (d *memDisk) Crash(*testing.T) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left, d.held = d.left.Crash(), false
}

func (s memDiskStore) synced() {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if !s.d.held {
		s.d.left.Sync()
	}
}

func (s memDiskStore) Update(ctx context.Context, p kv.Plan, fn func([][]byte, *kv.Writes) error) (kv.Position, error) {
	pos, err := s.Mem.Update(ctx, p, fn)
	s.synced()
	return pos, err
}

func (s memDiskStore) DropRange(ctx context.Context, r kv.Range) error {
	err := s.Mem.DropRange(ctx, r)
	s.synced()
	return err
}

// Close keeps what the store held.
func (s memDiskStore) Close() error {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	s.d.left.Sync()
	s.d.left = s.d.left.Crash()
	return nil
}

// TestMemRefuse: a full disk refuses updates that write, and no others.
func TestMemRefuse(t *testing.T) {
	m := kv.NewMem(kv.MemOptions{})
	write := func() error {
		_, err := m.Update(t.Context(), kv.Plan{}, func(_ [][]byte, w *kv.Writes) error {
			w.Set([]byte("a"), []byte("1"))
			return nil
		})
		return err
	}
	m.Refuse(kv.ErrNoSpace)
	if err := write(); !errors.Is(err, kv.ErrNoSpace) {
		t.Errorf("got %v", err)
	}
	if _, err := m.Update(t.Context(), kv.Plan{}, func([][]byte, *kv.Writes) error { return nil }); err != nil {
		t.Errorf("an update that writes nothing: %v", err)
	}
	m.Refuse(nil)
	if err := write(); err != nil {
		t.Error(err)
	}
}

// TestMemOverwrites: who keeps what a callback was given finds other bytes.
func TestMemOverwrites(t *testing.T) {
	m := kv.NewMem(kv.MemOptions{})
	var kept []byte
	for range 2 {
		if _, err := m.Update(t.Context(), kv.Plan{Write: [][]byte{[]byte("a")}}, func(v [][]byte, w *kv.Writes) error {
			kept = v[0]
			w.Set([]byte("a"), []byte("1"))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if string(kept) != "\x00" {
		t.Errorf("the value kept is %q", kept)
	}
	if v, _, err := m.Get(t.Context(), []byte("a"), nil); err != nil || string(v) != "1" {
		t.Errorf("the value stored is %q, %v", v, err)
	}
}
