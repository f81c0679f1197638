package pebblekv

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
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
