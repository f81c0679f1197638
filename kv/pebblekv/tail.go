package pebblekv

import (
	"sync"
	"sync/atomic"

	"github.com/hortusdb/hortus/kv"
)

// Limits of a log's tail.
const (
	tailBytes = 256 << 10
	tailPiece = 32 << 10 // Of memory, for many records.
	tailIdle  = 4        // Times tailBytes that go through a tail which nobody reads, until it is given up.
)

// tails keep in memory the ends of the logs that somebody follows. Who follows a
// log reads each entry soon after it was written, and a table with several
// readers has it read as often: from the engine each read makes an iterator over
// all its tables for a few entries.
type tails struct {
	count atomic.Int32 // len(logs), so that order need not lock for none.
	mu    sync.RWMutex
	logs  map[kv.LogID]*tail
}

// tail is the end of one log: all its entries after a position.
type tail struct {
	read atomic.Bool // Since idle was last zero.

	mu      sync.Mutex
	after   kv.Position
	entries []kv.Entry // Never changed; whoever reads them holds no lock.
	bytes   int        // Of entries' records.
	piece   []byte     // Where the next record is put.
	idle    int        // Bytes that were added since somebody read.
}

func (l *tails) of(log kv.LogID) *tail {
	if l.count.Load() == 0 {
		return nil
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.logs[log]
}

// follow begins to keep the end of a log. It is called under Store.seq: last is
// the last commit.
func (l *tails) follow(log kv.LogID, last kv.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.logs == nil {
		l.logs = map[kv.LogID]*tail{}
	}
	if l.logs[log] == nil {
		l.logs[log] = &tail{after: last}
		l.count.Store(int32(len(l.logs)))
	}
}

// add takes up an entry, whose record it copies. It is called under Store.seq, in
// the order of commits, before the entry can be durable.
func (l *tails) add(log kv.LogID, e kv.Entry) {
	t := l.of(log)
	if t != nil && !t.add(e) {
		l.forget(log)
	}
}

// forget gives up the tail of a log, until somebody follows it again.
func (l *tails) forget(log kv.LogID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.logs, log)
	l.count.Store(int32(len(l.logs)))
}

// add returns false when nobody reads the tail any more.
func (t *tail) add(e kv.Entry) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(e.Record)
	if t.idle += n; t.read.Swap(false) {
		t.idle = n
	}
	if t.idle > tailIdle*tailBytes {
		return false
	}
	if n > tailBytes {
		t.after, t.entries, t.bytes = e.Position, nil, 0
		return true
	}
	if cap(t.piece)-len(t.piece) < n {
		t.piece = make([]byte, 0, max(n, tailPiece))
	}
	at := len(t.piece)
	t.piece = append(t.piece, e.Record...)
	e.Record = t.piece[at:len(t.piece):len(t.piece)]
	t.entries, t.bytes = append(t.entries, e), t.bytes+n
	for t.bytes > tailBytes {
		t.drop(t.entries[0].Position)
	}
	return true
}

// drop gives up the entries up to a position.
func (t *tail) drop(upTo kv.Position) {
	n := 0
	for ; n < len(t.entries) && t.entries[n].Position <= upTo; n++ {
		t.bytes -= len(t.entries[n].Record)
	}
	t.entries, t.after = t.entries[n:], max(t.after, upTo)
}

// trimmed follows the log, of which entries were given up.
func (l *tails) trimmed(log kv.LogID, upTo kv.Position) {
	if t := l.of(log); t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.drop(upTo)
	}
}

// between returns the log's entries after a position and up to another, and
// whether it has them all. They may not be changed.
func (l *tails) between(log kv.LogID, after, upTo kv.Position) ([]kv.Entry, bool) {
	t := l.of(log)
	if t == nil {
		return nil, false
	}
	t.read.Store(true)
	t.mu.Lock()
	defer t.mu.Unlock()
	if after < t.after {
		return nil, false
	}
	first, end := len(t.entries), len(t.entries)
	for end > 0 && t.entries[end-1].Position > upTo {
		end--
	}
	for first > 0 && t.entries[first-1].Position > after {
		first--
	}
	return t.entries[min(first, end):end:end], true
}
