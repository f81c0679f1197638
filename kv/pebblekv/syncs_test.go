package pebblekv

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestPause: commits share a sync where there are several at a time, and one that
// is alone does not wait for others.
func TestPause(t *testing.T) {
	var y syncs
	for _, c := range []struct {
		asked int64
		took  time.Duration
		want  time.Duration
	}{
		{0, time.Millisecond, 0},
		{1, time.Millisecond, 0},
		{2, time.Millisecond, time.Millisecond},
		{50, 300 * time.Microsecond, 300 * time.Microsecond},
		{2, time.Second, pauseAtMost},
	} {
		y.asked.Store(c.asked)
		y.took.Store(int64(c.took))
		if got := y.pause(); got != c.want {
			t.Errorf("%d commits after a sync of %v: %v, want %v", c.asked, c.took, got, c.want)
		}
		if got := y.pause(); got != 0 {
			t.Errorf("and no commit since: %v", got)
		}
	}
}

// TestSyncsAreMeasured: those of write-ahead logs, new ones and such that are used
// again, and no other file's.
func TestSyncsAreMeasured(t *testing.T) {
	var y syncs
	fs := y.watch(vfs.NewMem())
	sync := func(f vfs.File, err error) bool {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		y.took.Store(-1)
		if err := f.SyncData(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		return y.took.Load() >= 0
	}
	if !sync(fs.Create("1.log", vfs.WriteCategoryUnspecified)) {
		t.Error("the sync of a log is not measured")
	}
	if !sync(fs.ReuseForWrite("1.log", "2.log", vfs.WriteCategoryUnspecified)) {
		t.Error("the sync of a log that is used again is not measured")
	}
	if sync(fs.Create("3.sst", vfs.WriteCategoryUnspecified)) {
		t.Error("the sync of a table is taken for one of a log")
	}
}

// TestLogsAreLonger: most writes to a log do not make its file longer, what is
// behind them is zeros, and a log that is used again keeps its length.
func TestLogsAreLonger(t *testing.T) {
	mem := vfs.NewMem()
	fs := new(syncs).watch(mem)
	size := func(name string) int64 {
		t.Helper()
		info, err := mem.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	f, err := fs.Create("1.log", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	piece := bytes.Repeat([]byte{1}, 10_000)
	const pieces = 300
	grew, last := 0, int64(0)
	for range pieces {
		if _, err := f.Write(bytes.Clone(piece)); err != nil { // A file may change what it is given.
			t.Fatal(err)
		}
		if err := f.SyncData(); err != nil {
			t.Fatal(err)
		}
		if n := size("1.log"); n != last {
			grew, last = grew+1, n
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	written := int64(pieces * len(piece))
	if grew > 10 || last < written || last > written+aheadAtMost {
		t.Errorf("a log of %d bytes grew %d times to %d", written, grew, last)
	}
	if f, err = mem.Open("1.log"); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(f)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	want := append(bytes.Repeat(piece, pieces), make([]byte, last-written)...)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("it is not what was written, and zeros (%v)", err)
	}

	if f, err = fs.ReuseForWrite("1.log", "2.log", vfs.WriteCategoryUnspecified); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(piece); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if n := size("2.log"); n != last {
		t.Errorf("a log of %d bytes that is used again has %d", last, n)
	}
}

// TestLogOfLargeSyncs: where syncs are large a log is as long as what is in it.
func TestLogOfLargeSyncs(t *testing.T) {
	mem := vfs.NewMem()
	f, err := new(syncs).watch(mem).Create("1.log", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for range 2 {
			if _, err := f.Write(make([]byte, aheadBelow)); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.SyncData(); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := mem.Stat("1.log"); err != nil || info.Size() != 6*aheadBelow {
		t.Errorf("%v, %v", info, err)
	}
}

// TestLogWithoutRoomAhead: a log is written as long as there is room for what is
// written to it.
func TestLogWithoutRoomAhead(t *testing.T) {
	mem := vfs.NewMem()
	full := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWriteAt {
			return errorfs.ErrInjected
		}
		return nil
	})
	f, err := new(syncs).watch(errorfs.Wrap(mem, full)).Create("1.log", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if n, err := f.Write(make([]byte, 1000)); n != 1000 || err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := mem.Stat("1.log"); err != nil || info.Size() != 3000 {
		t.Errorf("%v, %v", info, err)
	}
}
