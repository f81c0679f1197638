package pebblekv

import (
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// logSuffix ends the names of write-ahead logs.
const logSuffix = ".log"

// pauseAtMost bounds what commits wait for others to share their sync.
const pauseAtMost = 2 * time.Millisecond

// syncs makes commits share syncs where there are several at a time: after a
// sync the next one waits as long as that one took, and what comes meanwhile goes
// with it. A sync costs processor time, too, and where that is short a commit
// that waits is sooner done than one that is synced by itself. A commit that is
// alone does not wait.
type syncs struct {
	asked atomic.Int64 // Commits that asked for a sync since pause was called.
	took  atomic.Int64 // By the last sync, in nanoseconds.
}

// pause is asked after each sync when the next may begin.
func (y *syncs) pause() time.Duration {
	if y.asked.Swap(0) < 2 {
		return 0
	}
	return min(time.Duration(y.took.Load()), pauseAtMost)
}

// watch returns fs with the syncs of its write-ahead logs measured.
func (y *syncs) watch(fs vfs.FS) vfs.FS { return watchedFS{fs, y} }

type watchedFS struct {
	vfs.FS
	syncs *syncs
}

func (w watchedFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return w.file(name)(w.FS.Create(name, category))
}

func (w watchedFS) ReuseForWrite(before, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return w.file(name)(w.FS.ReuseForWrite(before, name, category))
}

func (w watchedFS) file(name string) func(vfs.File, error) (vfs.File, error) {
	return func(f vfs.File, err error) (vfs.File, error) {
		if err != nil || !strings.HasSuffix(name, logSuffix) {
			return f, err
		}
		info, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return &watchedFile{File: f, syncs: w.syncs, size: info.Size()}, nil
	}
}

// A log's file is made longer by as much as is in it, within these bounds; and not
// at all while each sync takes aheadBelow or more, which costs more than what
// making the file longer adds to it.
const (
	aheadAtLeast = 64 << 10
	aheadAtMost  = 512 << 10
	aheadBelow   = 32 << 10
)

var zeros [aheadAtMost]byte

// watchedFile is the file of a write-ahead log. It is kept longer than what was
// written to it: a sync of bytes that a file has already is one write, where one
// that makes it longer writes the file's metadata as well, and waits for that. The
// engine reads zeros as the log's end.
type watchedFile struct {
	vfs.File
	syncs *syncs
	at    int64 // Where the next write goes.
	size  int64 // The file's.
	since int64 // What was written since the last sync.
}

func (w *watchedFile) Write(p []byte) (int, error) {
	w.since += int64(len(p))
	if end := w.at + int64(len(p)); end > w.size && w.since < aheadBelow {
		w.extend(end)
	}
	n, err := w.File.Write(p)
	w.at += int64(n)
	w.size = max(w.size, w.at)
	return n, err
}

// extend puts zeros behind end. Where that fails the file stays as short as what
// is written to it makes it: the write itself tells what is wrong with the disk.
// The engine's file systems promise WriteAt of files that were opened to be changed;
// those of the machine and of memory have it of new files, too.
func (w *watchedFile) extend(end int64) {
	ahead := min(max(w.size, aheadAtLeast), aheadAtMost)
	if n, err := w.WriteAt(zeros[:ahead], end); err == nil {
		w.size = end + int64(n)
	}
}

func (w *watchedFile) SyncData() error {
	began := time.Now() //nolint:forbidigo // Disk time, not the cell's.
	w.since = 0
	err := w.File.SyncData()
	w.syncs.took.Store(int64(time.Since(began))) //nolint:forbidigo // As above.
	return err
}
