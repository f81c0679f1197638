package pebblekv

import (
	"sync"
	"sync/atomic"

	"github.com/hortusdb/hortus/kv"
)

// watermark is the position up to which everything is durable, and who waits
// for it to rise.
type watermark struct {
	durable atomic.Uint64
	waiting atomic.Int32 // len(waiters), so that raise need not lock for none.
	mu      sync.Mutex
	waiters []durableWaiter
}

type durableWaiter struct {
	pos     kv.Position
	reached chan struct{}
}

func (w *watermark) get() kv.Position { return kv.Position(w.durable.Load()) }

// raise moves the watermark up to pos, unless it is there.
func (w *watermark) raise(pos kv.Position) {
	for {
		d := w.durable.Load()
		if uint64(pos) <= d {
			return
		}
		if w.durable.CompareAndSwap(d, uint64(pos)) {
			break
		}
	}
	if w.waiting.Load() == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	left := w.waiters[:0]
	for _, v := range w.waiters {
		if v.pos <= pos {
			close(v.reached)
		} else {
			left = append(left, v)
		}
	}
	clear(w.waiters[len(left):])
	w.waiters = left
	w.waiting.Store(int32(len(left)))
}

// wait returns a channel that is closed once the watermark is at pos, or nil if
// it is there.
func (w *watermark) wait(pos kv.Position) chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	// Counted before the watermark is read again: whoever raises it in between
	// sees the count.
	w.waiting.Add(1)
	if pos <= w.get() {
		w.waiting.Add(-1)
		return nil
	}
	c := make(chan struct{})
	w.waiters = append(w.waiters, durableWaiter{pos, c})
	return c
}

// forget gives up a wait.
func (w *watermark) forget(c chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, v := range w.waiters {
		if v.reached == c {
			last := len(w.waiters) - 1
			w.waiters[i] = w.waiters[last]
			w.waiters[last] = durableWaiter{}
			w.waiters = w.waiters[:last]
			w.waiting.Store(int32(last))
			return
		}
	}
}

// logWaits are those who wait for entries of a log.
type logWaits struct {
	waiting atomic.Int32 // How many, so that wake need not lock for none.
	mu      sync.Mutex
	logs    map[kv.LogID]*logWait
}

type logWait struct {
	waiting int
	changed chan struct{} // Closed, and made anew, at new durable entries.
}

// join counts in one who waits for log. Once counted, next is called and the
// log is looked at, in this order.
func (l *logWaits) join(log kv.LogID) {
	l.waiting.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.logs == nil {
		l.logs = map[kv.LogID]*logWait{}
	}
	w := l.logs[log]
	if w == nil {
		w = &logWait{changed: make(chan struct{})}
		l.logs[log] = w
	}
	w.waiting++
}

func (l *logWaits) leave(log kv.LogID) {
	l.waiting.Add(-1)
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.logs[log]
	if w.waiting--; w.waiting == 0 {
		delete(l.logs, log)
	}
}

// next returns a channel that is closed when the log may have new durable
// entries.
func (l *logWaits) next(log kv.LogID) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.logs[log].changed
}

// wake tells those who wait for log.
func (l *logWaits) wake(log kv.LogID) {
	if l.waiting.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.logs[log]; w != nil {
		close(w.changed)
		w.changed = make(chan struct{})
	}
}

func (l *logWaits) wakeAll() {
	if l.waiting.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.logs {
		close(w.changed)
		w.changed = make(chan struct{})
	}
}
