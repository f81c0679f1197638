package peer

import (
	"sync"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
)

// Limits of what waits for one cell of another node. More is dropped, and comes
// again: a sender goes back to what is acknowledged.
const (
	maxQueueMessages = 256
	maxQueueBytes    = 16 << 20

	// While there is no connection only the newest few are kept, to be there when
	// it comes back.
	maxDownMessages = 16
	maxDownBytes    = 1 << 20
)

// letter is a message with its addresses.
type letter struct {
	from, to aws.Cell
	m        *replication.Message
	size     int
}

// outbox holds what waits to be sent to a node, a bounded queue for each of its
// cells. It is safe for concurrent use.
type outbox struct {
	mu      sync.Mutex
	queues  map[aws.Cell]*queue
	turns   []aws.Cell // Cells for which something waits, in the order of their turns.
	up      bool
	dropped int64
	wake    chan struct{}
}

type queue struct {
	letters []letter
	bytes   int
}

func newOutbox() *outbox {
	return &outbox{queues: map[aws.Cell]*queue{}, wake: make(chan struct{}, 1)}
}

// put queues a message, or drops it.
func (b *outbox) put(l letter) {
	l.size = l.m.Size()
	b.mu.Lock()
	q := b.queues[l.to]
	if q == nil {
		q = &queue{}
		b.queues[l.to] = q
	}
	switch {
	case !b.up:
		for len(q.letters) > 0 && (len(q.letters) >= maxDownMessages || q.bytes+l.size > maxDownBytes) {
			q.pop()
			b.dropped++
		}
	case len(q.letters) >= maxQueueMessages || (len(q.letters) > 0 && q.bytes+l.size > maxQueueBytes):
		b.dropped++
		b.mu.Unlock()
		return
	}
	if len(q.letters) == 0 {
		b.turns = append(b.turns, l.to)
	}
	q.letters = append(q.letters, l)
	q.bytes += l.size
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take adds what waits to a frame, one message of each cell in turn, until the
// frame is full. It returns how many messages that were.
func (b *outbox) take(f *frameWriter) int {
	n, size := 0, 0
	for size < fillFrame {
		b.mu.Lock()
		if len(b.turns) == 0 {
			b.mu.Unlock()
			break
		}
		to := b.turns[0]
		b.turns = b.turns[1:]
		q := b.queues[to]
		l := q.pop()
		if len(q.letters) > 0 {
			b.turns = append(b.turns, to)
		}
		b.mu.Unlock()
		f.add(l.from, l.to, l.m)
		size += l.size
		n++
	}
	return n
}

// connect notes whether there is a connection.
func (b *outbox) connect(up bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.up = up
}

func (q *queue) pop() letter {
	l := q.letters[0]
	q.letters[0] = letter{}
	q.letters = q.letters[1:]
	q.bytes -= l.size
	return l
}
