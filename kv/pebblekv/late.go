package pebblekv

import (
	"sync/atomic"
	"time"

	"github.com/hortusdb/hortus/kv"
)

// earlyInterval is how long a commit that nobody waits for, as Plan.Early says,
// may go without a sync of its own: it costs more than such a commit does.
const earlyInterval = 20 * time.Millisecond

// lateSync syncs commits that asked for no sync, some time after the first of
// them, or as soon as somebody waits for one. The zero value, never started, does
// nothing.
type lateSync struct {
	s     *Store
	after time.Duration
	last  atomic.Uint64 // Position of the last commit without a sync. Written under Store.seq.
	asked atomic.Uint64 // A sync that covers this position is under way, or done. Written under Store.seq.
	kick  chan struct{} // Gets a value at a commit without a sync.
	haste chan struct{} // Gets a value when somebody waits.
	quit  chan struct{}
	ended chan struct{}
}

func (l *lateSync) start(s *Store, after time.Duration) {
	l.s, l.after = s, after
	l.kick, l.haste = make(chan struct{}, 1), make(chan struct{}, 1)
	l.quit, l.ended = make(chan struct{}), make(chan struct{})
	go l.run()
}

// note says that the commit at a position is to be synced.
func (l *lateSync) note(pos uint64) {
	l.last.Store(pos)
	signal(l.kick)
}

// hurry says that somebody waits for the commit at a position.
func (l *lateSync) hurry(pos kv.Position) {
	if uint64(pos) > l.asked.Load() {
		signal(l.haste)
	}
}

func signal(c chan struct{}) {
	if c == nil {
		return
	}
	select {
	case c <- struct{}{}:
	default:
	}
}

// stop syncs what is left and ends.
func (l *lateSync) stop() {
	if l.kick != nil {
		close(l.quit)
		<-l.ended
	}
}

func (l *lateSync) run() {
	defer close(l.ended)
	for {
		select {
		case <-l.kick:
		case <-l.quit:
			l.sync()
			return
		}
		timer := time.NewTimer(l.after) //nolint:forbidigo // Disk time, not the cell's.
		select {
		case <-timer.C:
		case <-l.haste:
		case <-l.quit:
		}
		timer.Stop()
		l.sync()
	}
}

// sync makes durable what is ordered by now, unless a later commit's sync does. A
// failure is the store's.
func (l *lateSync) sync() {
	s := l.s
	last := l.last.Load()
	switch {
	case uint64(s.Durable()) >= last:
	case l.asked.Load() >= last:
		signal(l.kick) // Look again: those who wait for entries are still to be told.
		return
	default:
		s.seq.Lock()
		pos := kv.Position(s.last.Load())
		l.asked.Store(uint64(pos))
		s.seq.Unlock()
		b := s.db.NewBatch()
		if err := b.LogData(nil, nil); err != nil || s.commitSynced(b) != nil {
			return
		}
		s.watermark.raise(pos)
	}
	s.logs.wakeAll()
}
