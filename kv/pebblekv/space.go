package pebblekv

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hortusdb/hortus/kv"
)

// The free space is read anew once this much time has passed or this much was
// written, whichever comes first; and at each write while writes are refused.
const (
	spaceInterval = 100 * time.Millisecond
	spaceBytes    = 1 << 20
)

// ballastSize bounds the ballast: a file that is deleted when the disk is full
// all the same, filled by others, so that a commit under way can be synced.
const ballastSize = 8 << 20

const ballastName = "BALLAST"

// space keeps Options.ReserveBytes of the disk free. The zero value admits all.
type space struct {
	reserve int64
	free    func() (int64, error)
	now     func() int64
	warn    func(message string, args ...any)
	fs      vfs.FS
	ballast string // Path.

	refusing atomic.Bool
	written  atomic.Int64 // Bytes since the last reading.
	at       atomic.Int64 // Of the last reading, by now.
	mu       sync.Mutex   // Held for a reading.
	held     bool         // The ballast is there. Guarded by mu.
	diskFull atomic.Bool  // The file system said so, and there is no ballast since.
}

func (p *space) init(s *Store, fs vfs.FS, dir string) {
	p.reserve, p.free, p.now, p.fs = s.options.ReserveBytes, s.options.FreeBytes, s.now, fs
	p.ballast = fs.PathJoin(dir, ballastName)
	p.warn = func(message string, args ...any) {
		s.log.Warn("pebblekv: "+message, append([]any{"dir", dir}, args...)...)
	}
	if p.free == nil {
		p.free = func() (int64, error) {
			u, err := fs.GetDiskUsage(dir)
			return int64(u.AvailBytes), err
		}
	}
	if p.reserve > 0 {
		p.read()
	}
}

// admit says whether an update of so many bytes may be written.
func (p *space) admit(bytes int) error {
	if p.reserve == 0 {
		return nil
	}
	written, now := p.written.Add(int64(bytes)), p.now()
	if p.refusing.Load() || written >= spaceBytes || now-p.at.Load() >= spaceInterval.Microseconds() || now < p.at.Load() {
		p.read()
	}
	if p.refusing.Load() {
		return kv.ErrNoSpace
	}
	return nil
}

// read looks at the free space, unless another call is at it.
func (p *space) read() {
	if !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	p.written.Store(0)
	p.at.Store(p.now())
	free, err := p.free()
	if err != nil {
		p.warn("the free disk space cannot be read", "error", err)
		return
	}
	refuse := free < p.reserve
	if !refuse && !p.held && !p.hold() {
		refuse = p.diskFull.Load()
	}
	if refuse != p.refusing.Load() {
		p.refusing.Store(refuse)
		p.warn("writes are refused for want of disk space", "refused", refuse, "free", free, "reserve", p.reserve)
	}
}

// hold makes the ballast.
func (p *space) hold() bool {
	f, err := p.fs.Create(p.ballast, vfs.WriteCategoryUnspecified)
	if err == nil {
		err = f.Preallocate(0, min(p.reserve, ballastSize))
		if e := f.Close(); err == nil {
			err = e
		}
	}
	if err != nil {
		p.warn("no ballast", "error", err)
		return false
	}
	p.held = true
	p.diskFull.Store(false)
	return true
}

// full is called by the file system wrapper when the disk is full. It deletes
// the ballast and refuses writes until the reserve is there again.
func (p *space) full() {
	p.refusing.Store(true)
	p.diskFull.Store(true)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = false
	err := p.fs.Remove(p.ballast)
	if err != nil && !oserror.IsNotExist(err) {
		p.warn("the disk is full", "error", fmt.Errorf("remove the ballast: %w", err))
		return
	}
	p.warn("the disk is full; the ballast is gone, and writes are refused until there is space")
}
