package pebblekv

import (
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/kv/kvtest"
)

// backAndForth is a clock that goes back every other time.
func backAndForth() func() int64 {
	var n atomic.Int64
	return func() int64 { return (1_000_000 + n.Add(1)) ^ 1 }
}

func open(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Fatal == nil {
		o.Fatal = func(err error) { panic(err) }
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestConformance(t *testing.T) {
	cache := NewSharedCache(16 << 20)
	for name, o := range map[string]func(t *testing.T) Options{
		"Disk":     func(t *testing.T) Options { return Options{Dir: t.TempDir(), ReserveBytes: 1} },
		"Synced":   func(*testing.T) Options { return Options{Dir: "cell", FS: vfs.NewMem(), Cache: cache} },
		"Interval": func(*testing.T) Options { return Options{Dir: "cell", FS: vfs.NewMem(), Interval: time.Millisecond} },
		"Memory":   func(*testing.T) Options { return Options{Memory: true, Cache: cache} },
	} {
		t.Run(name, func(t *testing.T) {
			kvtest.Run(t, func(t *testing.T) kv.Store {
				o := o(t)
				o.Now = backAndForth()
				return open(t, o)
			})
		})
	}
	if cache.refs != 0 || cache.cache != nil {
		t.Errorf("the cache has %d stores left", cache.refs)
	}
}

func TestCrash(t *testing.T) {
	for name, interval := range map[string]time.Duration{"Synced": 0, "Interval": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			kvtest.RunCrash(t, func(t *testing.T) kvtest.Disk {
				return newDisk(Options{Dir: "data/cell", Interval: interval, Now: backAndForth()})
			})
		})
	}
}

// TestCrashPartly crashes with a part of the unsynced blocks on disk.
func TestCrashPartly(t *testing.T) {
	kvtest.RunCrash(t, func(t *testing.T) kvtest.Disk {
		d := newDisk(Options{Dir: "cell", Now: backAndForth()})
		if !strings.HasSuffix(t.Name(), "/LosesWhatIsNotDurable") { // Which counts on it being lost.
			d.unsynced = 50
		}
		return d
	})
}

// disk is a disk in memory that can be held up and crashed.
type disk struct {
	options  Options
	unsynced int // Percent of unsynced data that a crash leaves.
	rng      *rand.Rand
	mem      *vfs.MemFS
	gate     *gate
	store    *Store
}

// gate holds up syncs of the write-ahead log.
type gate struct {
	mu   sync.Mutex
	held chan struct{} // Closed by release; nil when the gate is open.
	fail error         // What syncs return, or nil.
}

func newDisk(o Options) *disk {
	return &disk{options: o, rng: rand.New(rand.NewPCG(8, 9)), mem: vfs.NewCrashableMem(), gate: &gate{}}
}

func (g *gate) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held == nil {
		g.held = make(chan struct{})
	}
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held != nil {
		close(g.held)
		g.held = nil
	}
}

func (g *gate) setFailure(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fail = err
}

// MaybeError and String make gate an errorfs.Injector.
func (g *gate) MaybeError(op errorfs.Op) error {
	switch op.Kind {
	case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
	default:
		return nil
	}
	if !strings.HasSuffix(op.Path, ".log") {
		return nil
	}
	g.mu.Lock()
	held := g.held
	g.mu.Unlock()
	if held != nil {
		<-held
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.fail
}

func (g *gate) String() string { return "gate" }

func (d *disk) Open(t *testing.T) kv.Store {
	t.Helper()
	o := d.options
	o.FS = errorfs.Wrap(d.mem, d.gate)
	d.store = open(t, o)
	return d.store
}

func (d *disk) Hold()    { d.gate.hold() }
func (d *disk) Release() { d.gate.release() }

func (d *disk) Crash(t *testing.T) {
	left := d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: d.unsynced, RNG: d.rng})
	d.gate.release() // What is still under way may end, on a disk that is no more.
	closeStore(t, d.store)
	d.mem, d.gate = left, &gate{}
}

// TestTrimLeavesNothing: of trimmed entries only the log's header is left.
func TestTrimLeavesNothing(t *testing.T) {
	s := open(t, Options{Memory: true})
	for range 5 {
		for range 3 {
			if _, err := s.Update(t.Context(), kv.Plan{}, func(_ [][]byte, w *kv.Writes) error {
				w.Append(1, []byte("r"))
				w.Append(1, []byte("s"))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.TrimLog(t.Context(), 1, s.Durable()); err != nil {
			t.Fatal(err)
		}
		it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefixLog}, UpperBound: []byte{prefixLog + 1}})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ok := it.First(); ok; ok = it.Next() {
			n++
		}
		if err := it.Close(); err != nil || n != 1 {
			t.Errorf("%d keys are left, %v", n, err)
		}
	}
	closeStore(t, s)
}
