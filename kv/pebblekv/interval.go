package pebblekv

import (
	"time"

	"github.com/hortusdb/hortus/kv"
)

// intervalSync syncs the store some time after the first commit since the last
// sync. The zero value, never started, does nothing.
type intervalSync struct {
	s     *Store
	kick  chan struct{} // Gets a value at the first commit since.
	quit  chan struct{}
	ended chan struct{}
}

func (i *intervalSync) start(s *Store) {
	i.s, i.kick = s, make(chan struct{}, 1)
	i.quit, i.ended = make(chan struct{}), make(chan struct{})
	go i.run()
}

// note says that there is a commit to sync.
func (i *intervalSync) note() {
	if i.kick == nil {
		return
	}
	select {
	case i.kick <- struct{}{}:
	default:
	}
}

// stop syncs what is left and ends.
func (i *intervalSync) stop() {
	if i.kick != nil {
		close(i.quit)
		<-i.ended
	}
}

func (i *intervalSync) run() {
	defer close(i.ended)
	for {
		select {
		case <-i.kick:
		case <-i.quit:
			i.sync()
			return
		}
		timer := time.NewTimer(i.s.options.Interval) //nolint:forbidigo // Disk time, not the cell's.
		select {
		case <-timer.C:
		case <-i.quit:
			timer.Stop()
		}
		i.sync()
	}
}

// sync makes durable what is ordered by now. A failure is the store's.
func (i *intervalSync) sync() {
	s := i.s
	s.seq.Lock()
	pos := kv.Position(s.last.Load())
	s.seq.Unlock()
	if pos == s.Durable() {
		return
	}
	b := s.db.NewBatch()
	if err := b.LogData(nil, nil); err != nil || s.commitSynced(b) != nil {
		return
	}
	s.watermark.raise(pos)
	s.logs.wakeAll()
}
