package pebblekv

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hortusdb/hortus/kv"
)

// lifecycle counts running calls, and says whether the store takes more.
type lifecycle struct {
	calls   atomic.Int64
	closing atomic.Bool
	failed  atomic.Pointer[error]
	closed  chan struct{} // Closed when Close begins.
	idle    chan struct{} // Gets a value when the last call ends after that.
	dead    chan struct{} // Closed when the store fails.
}

func (l *lifecycle) init() {
	l.closed, l.dead = make(chan struct{}), make(chan struct{})
	l.idle = make(chan struct{}, 1)
}

// enter begins a call, which exit ends.
func (l *lifecycle) enter() error {
	l.calls.Add(1)
	if l.closing.Load() {
		l.exit()
		return kv.ErrClosed
	}
	if err := l.failure(); err != nil {
		l.exit()
		return err
	}
	return nil
}

func (l *lifecycle) exit() {
	if l.calls.Add(-1) == 0 && l.closing.Load() {
		select {
		case l.idle <- struct{}{}:
		default:
		}
	}
}

func (l *lifecycle) failure() error {
	if p := l.failed.Load(); p != nil {
		return *p
	}
	return nil
}

// close refuses further calls and waits until the running ones have ended, or
// the store has failed.
func (l *lifecycle) close() error {
	if !l.closing.CompareAndSwap(false, true) {
		return kv.ErrClosed
	}
	close(l.closed)
	for l.calls.Load() != 0 {
		select {
		case <-l.idle:
		case <-l.dead:
			return l.failure()
		}
	}
	return nil
}

// fail ends the store because of err: from here on nothing is acknowledged. It
// returns kv.ErrUnknown, for the call that met the failure.
func (s *Store) fail(err error) error {
	failure := fmt.Errorf("pebblekv: the store has failed: %w", err)
	if s.life.failed.CompareAndSwap(nil, &failure) {
		close(s.life.dead)
		s.log.Error("pebblekv: the store has failed; nothing is acknowledged any more",
			"dir", s.options.Dir, "error", err)
		if s.options.Fatal != nil {
			s.options.Fatal(failure)
		} else {
			endProcess(failure)
		}
	}
	return fmt.Errorf("%w: %w", kv.ErrUnknown, err)
}

// endProcess is the default of Options.Fatal. After a failed sync the kernel
// may have dropped the pages, so no later sync can be believed, and memory is
// ahead of the disk: only reading the disk again, in a new process, gives a
// state to go on from.
func endProcess(err error) {
	fmt.Fprintln(os.Stderr, err)
	fmt.Fprintln(os.Stderr, "pebblekv: ending the process; what was acknowledged is on disk")
	os.Exit(1) //nolint:forbidigo // See above: there is no going on, not even to unwind.
}

// engineLog passes on what Pebble has to say.
type engineLog struct{ s *Store }

var _ pebble.Logger = engineLog{}

func (l engineLog) Infof(format string, args ...any) {
	l.s.log.Debug("pebblekv: engine", "dir", l.s.options.Dir, "message", fmt.Sprintf(format, args...))
}

func (l engineLog) Errorf(format string, args ...any) {
	l.s.log.Warn("pebblekv: engine", "dir", l.s.options.Dir, "message", fmt.Sprintf(format, args...))
}

// Fatalf fails the store. Pebble counts on it not to return: if Options.Fatal
// does, the goroutine is kept here for ever, with what Pebble had locked.
func (l engineLog) Fatalf(format string, args ...any) {
	_ = l.s.fail(fmt.Errorf(format, args...))
	select {}
}

// backgroundErrorInterval is the least time between two reports of an error
// that Pebble meets in the background, since it tries again without a pause.
const backgroundErrorInterval = time.Second

// events returns what the store does on events of the engine. Errors in the
// background are flushes and compactions that failed, which Pebble repeats;
// corruption comes back as the error of whoever read the block.
func (s *Store) events() *pebble.EventListener {
	var last atomic.Int64
	report := func(what string, err any) {
		now := s.now()
		if l := last.Load(); (l == 0 || now-l >= backgroundErrorInterval.Microseconds()) && last.CompareAndSwap(l, now) {
			s.log.Error("pebblekv: "+what, "dir", s.options.Dir, "error", err)
		}
	}
	return &pebble.EventListener{
		BackgroundError: func(err error) { report("flush or compaction failed and is tried again", err) },
		DataCorruption:  func(i pebble.DataCorruptionInfo) { report("a block on disk is corrupt", i.String()) },
		WriteStallBegin: func(i pebble.WriteStallBeginInfo) {
			s.log.Warn("pebblekv: writes are stalled", "dir", s.options.Dir, "reason", i.Reason)
		},
	}
}
