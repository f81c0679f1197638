package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/hortusdb/hortus/kv"
)

var errDisk = errors.New("the disk says no")

func set(s *Store, key, value string) error {
	_, err := s.Update(context.Background(), kv.Plan{Write: [][]byte{[]byte(key)}}, func(_ [][]byte, w *kv.Writes) error {
		w.Set([]byte(key), []byte(value))
		return nil
	})
	return err
}

// TestPebbleVisibleBeforeDurable records the fact on which the watermark rests:
// Pebble shows a batch to readers before its log is synced.
func TestPebbleVisibleBeforeDurable(t *testing.T) {
	g := &gate{}
	db, err := pebble.Open("db", &pebble.Options{FS: errorfs.Wrap(vfs.NewMem(), g), Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	g.hold()
	b := db.NewBatch()
	if err := b.Set([]byte("a"), []byte("1"), nil); err != nil {
		t.Fatal(err)
	}
	if err := db.ApplyNoSyncWait(b, pebble.Sync); err != nil {
		t.Fatal(err)
	}
	v, closer, err := db.Get([]byte("a"))
	if err != nil || string(v) != "1" {
		t.Errorf("read %q, %v, while the sync is held", v, err)
	} else if err := closer.Close(); err != nil {
		t.Error(err)
	}
	g.release()
	if err := errors.Join(b.SyncWait(), b.Close(), db.Close()); err != nil {
		t.Error(err)
	}
}

type quiet struct{}

func (quiet) Infof(string, ...any)         {}
func (quiet) Errorf(string, ...any)        {}
func (quiet) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }

// TestPebbleSyncsInOrder records the other: batches applied one after the other
// are in the write-ahead log in that order, also over a change of logs, so that
// whatever part of the log a crash leaves is a prefix.
func TestPebbleSyncsInOrder(t *testing.T) {
	const batches = 400
	mem := vfs.NewCrashableMem()
	db, err := pebble.Open("db", &pebble.Options{FS: mem, Logger: quiet{}, MemTableSize: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	value := make([]byte, 4<<10)
	var left []*vfs.MemFS
	for i := range batches {
		write := pebble.NoSync
		if i%50 == 49 {
			write = pebble.Sync
		}
		if err := db.Set(fmt.Appendf(nil, "%06d", i), value, write); err != nil {
			t.Fatal(err)
		}
		if i%20 == 19 {
			left = append(left, mem.CrashClone(vfs.CrashCloneCfg{}))
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for i, mem := range left {
		db, err := pebble.Open("db", &pebble.Options{FS: mem, Logger: quiet{}})
		if err != nil {
			t.Fatal(err)
		}
		it, err := db.NewIter(nil)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ok := it.First(); ok; ok = it.Next() {
			if want := fmt.Sprintf("%06d", n); string(it.Key()) != want {
				t.Fatalf("crash %d: key %s, want %s", i, it.Key(), want)
			}
			n++
		}
		if synced := (i*20 + 20) / 50 * 50; n < synced {
			t.Errorf("crash %d: %d batches, but %d were synced", i, n, synced)
		}
		if err := errors.Join(it.Close(), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSyncFailure: when a sync fails, none of the commits that wait for it is
// acknowledged, nor any later call; and what was acknowledged is on disk.
func TestSyncFailure(t *testing.T) {
	d := newDisk(Options{Dir: "cell"})
	var fatal atomic.Int32
	d.options.Fatal = func(err error) {
		if !errors.Is(err, errDisk) {
			t.Errorf("Fatal was given %v", err)
		}
		fatal.Add(1)
	}
	d.Open(t)
	s := d.store
	if err := set(s, "a", "1"); err != nil {
		t.Fatal(err)
	}
	d.Hold()
	d.gate.setFailure(errDisk)
	const writers = 8
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for i := range writers {
		wg.Go(func() { errs[i] = set(s, fmt.Sprint(i), "1") })
	}
	wg.Go(func() {
		if err := s.WaitDurable(t.Context(), kv.Position(s.last.Load()+1)); err == nil {
			t.Error("a wait for a failed commit ended well")
		}
	})
	for s.last.Load() < 1+writers {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	d.Release()
	wg.Wait()
	for _, err := range errs {
		if !errors.Is(err, kv.ErrUnknown) || !errors.Is(err, errDisk) {
			t.Errorf("Update: %v", err)
		}
	}
	if n := fatal.Load(); n != 1 {
		t.Errorf("Fatal was called %d times", n)
	}
	d.gate.setFailure(nil)
	_, _, get := s.Get(t.Context(), []byte("a"), nil)
	for name, err := range map[string]error{
		"Update": set(s, "b", "1"), "Get": get, "WaitDurable": s.WaitDurable(t.Context(), 1),
		"WaitLog": s.WaitLog(t.Context(), 1, 0), "Close": s.Close(),
	} {
		if !errors.Is(err, errDisk) || errors.Is(err, kv.ErrUnknown) {
			t.Errorf("%s after the failure: %v", name, err)
		}
	}
	if s.Durable() != 1 {
		t.Errorf("durable up to %d", s.Durable())
	}
	d.mem, d.gate = d.mem.CrashClone(vfs.CrashCloneCfg{}), &gate{}
	d.Open(t)
	if v, _, err := d.store.Get(t.Context(), []byte("a"), nil); err != nil || string(v) != "1" {
		t.Errorf("the acknowledged value is %q, %v", v, err)
	}
	closeStore(t, d.store)
}

// TestEngineFatal: what Pebble calls fatal in the background, here that its
// manifest cannot be synced, fails the store.
func TestEngineFatal(t *testing.T) {
	var broken atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && strings.Contains(op.Path, "MANIFEST") {
			return errDisk
		}
		return nil
	}))
	fatal := make(chan error, 1)
	s := open(t, Options{Dir: "cell", FS: fs, Fatal: func(err error) { fatal <- err }})
	if err := set(s, "a", "1"); err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	if _, err := s.db.AsyncFlush(); err != nil {
		t.Fatal(err)
	}
	if err := <-fatal; !strings.Contains(err.Error(), errDisk.Error()) {
		t.Errorf("Fatal was given %v", err)
	}
	if err := set(s, "a", "2"); err == nil || errors.Is(err, kv.ErrUnknown) {
		t.Errorf("Update after the failure: %v", err)
	}
	if err := s.Close(); err == nil {
		t.Error("Close after the failure returned nil")
	}
}

// TestDefaultFatal: by default a failed sync ends the process, which says why.
func TestDefaultFatal(t *testing.T) {
	const child = "PEBBLEKV_TEST_DEFAULT_FATAL"
	if os.Getenv(child) != "" {
		g := &gate{}
		s, err := Open(Options{Dir: "cell", FS: errorfs.Wrap(vfs.NewMem(), g)})
		if err != nil {
			t.Fatal(err)
		}
		g.setFailure(errDisk)
		t.Errorf("acknowledged: %v", set(s, "a", "1"))
		return
	}
	c := exec.Command(os.Args[0], "-test.run=^TestDefaultFatal$")
	c.Env = append(os.Environ(), child+"=1")
	out, err := c.CombinedOutput()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 ||
		!strings.Contains(string(out), errDisk.Error()) || strings.Contains(string(out), "acknowledged:") {
		t.Errorf("the process ended with %v and said\n%s", err, out)
	}
}

// TestReserve: below the reserve, updates that write are refused and others
// are not; above it they are taken again.
func TestReserve(t *testing.T) {
	const reserve = 1 << 30
	var free, reads, now atomic.Int64
	free.Store(2 * reserve)
	s := open(t, Options{
		Dir: "cell", FS: vfs.NewMem(), ReserveBytes: reserve, Now: now.Load,
		FreeBytes: func() (int64, error) { reads.Add(1); return free.Load(), nil },
	})
	before := reads.Load()
	for range 100 {
		if err := set(s, "a", "1"); err != nil {
			t.Fatal(err)
		}
	}
	if n := reads.Load() - before; n != 0 {
		t.Errorf("100 small updates at one time read the free space %d times", n)
	}
	free.Store(reserve - 1)
	if err := set(s, "large", strings.Repeat("x", spaceBytes)); !errors.Is(err, kv.ErrNoSpace) {
		t.Errorf("a large update: %v", err)
	}
	if err := set(s, "a", "2"); !errors.Is(err, kv.ErrNoSpace) {
		t.Errorf("a small update: %v", err)
	}
	if _, err := s.Update(t.Context(), kv.Plan{Write: [][]byte{[]byte("a")}}, func(v [][]byte, _ *kv.Writes) error {
		if string(v[0]) != "1" {
			t.Errorf("value %q", v[0])
		}
		return nil
	}); err != nil {
		t.Errorf("an update that writes nothing: %v", err)
	}
	if err := errors.Join(s.DropRange(t.Context(), kv.Range{Low: []byte("x")}), s.TrimLog(t.Context(), 1, 1)); err != nil {
		t.Errorf("giving up data: %v", err)
	}
	free.Store(reserve)
	if err := set(s, "a", "3"); err != nil {
		t.Errorf("with space again: %v", err)
	}
	free.Store(0)
	now.Add(spaceInterval.Microseconds())
	if err := set(s, "a", "4"); !errors.Is(err, kv.ErrNoSpace) {
		t.Errorf("after the interval: %v", err)
	}
	closeStore(t, s)
}

// TestDiskFull: when the disk is full in spite of the reserve, the ballast makes
// room for the commit under way, and writes are refused until it is back.
func TestDiskFull(t *testing.T) {
	var full atomic.Bool
	mem := vfs.NewMem()
	ballast := func() bool {
		_, err := mem.Stat("cell/" + ballastName)
		return err == nil
	}
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpRemove && ballast() {
			return syscall.ENOSPC
		}
		if full.Load() && op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ballastName) {
			return syscall.ENOSPC
		}
		return nil
	}))
	s := open(t, Options{
		Dir: "cell", FS: fs, ReserveBytes: 1 << 20,
		FreeBytes: func() (int64, error) { return 1 << 40, nil }, // It does not see it coming.
	})
	if err := set(s, "a", "1"); err != nil || !ballast() {
		t.Fatalf("ballast %t, %v", ballast(), err)
	}
	full.Store(true)
	if err := set(s, "a", "2"); err != nil {
		t.Errorf("the commit under way: %v", err)
	}
	if ballast() {
		t.Error("the ballast is still there")
	}
	if err := set(s, "a", "3"); !errors.Is(err, kv.ErrNoSpace) {
		t.Errorf("with a full disk: %v", err)
	}
	full.Store(false)
	if err := set(s, "a", "4"); err != nil || !ballast() {
		t.Errorf("with space again: ballast %t, %v", ballast(), err)
	}
	closeStore(t, s)
}

func TestInUse(t *testing.T) {
	for name, o := range map[string]Options{
		"Disk":   {Dir: t.TempDir() + "/deep/down"},
		"Memory": {Dir: "cell", FS: vfs.NewMem()},
	} {
		s := open(t, o)
		if _, err := Open(o); !errors.Is(err, kv.ErrInUse) {
			t.Errorf("%s: a second Open: %v", name, err)
		}
		closeStore(t, s)
		closeStore(t, open(t, o))
	}
	if _, err := Open(Options{Dir: "/dev/null/cell"}); err == nil || errors.Is(err, kv.ErrInUse) {
		t.Errorf("a directory that cannot be: %v", err)
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		file, content string
		want          error // nil stands for any.
	}{
		{formatName, "hortus store 2\n", kv.ErrNewerFormat},
		{formatName, "hortus store x\n", nil},
		{formatName, "", nil},
		{formatName, "something else\n", nil},
		{"letters.txt", "dear", nil},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(dir+"/"+c.file, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Options{Dir: dir}); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s with %q: %v", c.file, c.content, err)
		}
		names, err := os.ReadDir(dir)
		if err != nil || len(names) > 2 { // The file, and LOCK.
			t.Errorf("%s with %q: Open left %v, %v", c.file, c.content, names, err)
		}
	}
	dir := t.TempDir()
	closeStore(t, open(t, Options{Dir: dir}))
	if b, err := os.ReadFile(dir + "/" + formatName); err != nil || string(b) != "hortus store 1\n" {
		t.Errorf("format %q, %v", b, err)
	}
}

// TestCrashWhileOpening: whatever step of making a store the power is cut at,
// the store can be opened afterwards.
func TestCrashWhileOpening(t *testing.T) {
	mem := vfs.NewCrashableMem()
	var mu sync.Mutex // The engine writes in the background too.
	var left []*vfs.MemFS
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			mu.Lock()
			defer mu.Unlock()
			left = append(left, mem.CrashClone(vfs.CrashCloneCfg{}))
		}
		return nil
	}))
	s := open(t, Options{Dir: "deep/cell", FS: fs})
	mu.Lock()
	n := len(left)
	mu.Unlock()
	closeStore(t, s)
	if n < 10 {
		t.Fatalf("making a store took %d steps", n)
	}
	for i, mem := range left[:n] {
		s, err := Open(Options{Dir: "deep/cell", FS: mem})
		if err != nil {
			t.Errorf("crash at step %d of %d: %v", i, n, err)
			continue
		}
		if err := set(s, "a", "1"); err != nil {
			t.Errorf("crash at step %d of %d: %v", i, n, err)
		}
		closeStore(t, s)
	}
}

// TestPebbleFormat holds docs/formats/store.md to the number it names.
func TestPebbleFormat(t *testing.T) {
	if pebbleFormat != 24 {
		t.Errorf("the format is %d", pebbleFormat)
	}
}

// TestIdle holds what idle stores take of the heap to its bound: they are many.
func TestIdle(t *testing.T) {
	const stores, bound = 3, 10 << 20
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var all []*Store
	for range stores {
		all = append(all, open(t, Options{Dir: t.TempDir()}))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if got := int64(after.HeapAlloc) - int64(before.HeapAlloc); got > bound {
		t.Errorf("%d idle stores take %d KiB", stores, got>>10)
	}
	for _, s := range all {
		closeStore(t, s)
	}
}
