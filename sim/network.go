package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
)

// network is a replication.Transport that loses, repeats, delays and reorders
// messages, each way between two cells on its own terms.
type network struct {
	w     *world
	ways  [][]way // From, to.
	queue []letter
}

// way is how it is from one cell to another.
type way struct {
	loss, repeat  int // In a thousand messages.
	delay, jitter time.Duration
	cut           bool
}

// letter is a message under way.
type letter struct {
	at       int64
	from, to int
	m        *replication.Message
}

// quiet is a way without faults.
var quiet = way{delay: 10 * time.Millisecond, jitter: 5 * time.Millisecond}

func newNetwork(w *world) *network {
	n := &network{w: w, ways: make([][]way, w.Members+1)}
	for i := range n.ways {
		n.ways[i] = make([]way, w.Members+1)
	}
	n.heal()
	return n
}

// heal ends all faults. What is under way comes as it would have.
func (n *network) heal() {
	for i := range n.ways {
		for j := range n.ways[i] {
			n.ways[i][j] = quiet
		}
	}
}

// change gives a way, all ways of a cell, or the whole network other
// conditions.
func (n *network) change() {
	rng := n.w.rng
	n.w.Tally.count(NetworkChange)
	from, to := rng.IntN(len(n.ways)), rng.IntN(len(n.ways))
	next := n.draw()
	switch rng.IntN(6) {
	case 0:
		n.heal()
		n.w.trace("network: heals")
		return
	case 1:
		for i := range n.ways {
			n.ways[from][i], n.ways[i][from] = next, next
		}
		n.w.trace("network: all ways of %v: %+v", n.w.cells[from], next)
	case 2:
		n.ways[from][to] = quiet
	default:
		n.ways[from][to] = next
		n.w.trace("network: from %v to %v: %+v", n.w.cells[from], n.w.cells[to], next)
	}
}

// cutAll cuts all ways.
func (n *network) cutAll() {
	for i := range n.ways {
		for j := range n.ways[i] {
			n.ways[i][j].cut = true
		}
	}
	n.w.trace("network: all ways are cut")
}

func (n *network) draw() way {
	rng := n.w.rng
	return way{
		loss: rng.IntN(4) * 100, repeat: rng.IntN(3) * 100,
		delay:  time.Duration(rng.IntN(4)) * 100 * time.Millisecond,
		jitter: time.Millisecond + time.Duration(rng.IntN(3))*400*time.Millisecond,
		cut:    rng.IntN(2) == 0,
	}
}

// index returns the number of a cell.
func (n *network) index(c aws.Cell) int {
	for i, d := range n.w.cells {
		if d.name == c {
			return i
		}
	}
	n.w.fail("network: there is no cell %v", c)
	return 0
}

// Send implements replication.Transport.
func (n *network) Send(from, to aws.Cell, m *replication.Message) {
	i, j := n.index(from), n.index(to)
	w := n.ways[i][j]
	if n.w.cells[i].dead() || w.cut || n.w.chance(w.loss) {
		n.w.Tally.count(MessageLost)
		return
	}
	copies := 1
	if n.w.chance(w.repeat) {
		copies = 2
	}
	for range copies {
		at := n.w.now + (w.delay + time.Duration(n.w.rng.Int64N(int64(w.jitter)))).Microseconds()
		n.post(letter{at, i, j, m})
	}
}

// post puts a letter among the others, by the time of its arrival.
func (n *network) post(l letter) {
	i := len(n.queue)
	for i > 0 && n.queue[i-1].at > l.at {
		i--
	}
	n.queue = append(n.queue, letter{})
	copy(n.queue[i+1:], n.queue[i:])
	n.queue[i] = l
}

// deliver hands over what has arrived by now.
func (n *network) deliver() {
	for len(n.queue) > 0 && n.queue[0].at <= n.w.now {
		l := n.queue[0]
		n.queue = n.queue[1:]
		to := n.w.cells[l.to]
		if !to.up || to.dead() || n.ways[l.from][l.to].cut {
			continue
		}
		to.repl.Deliver(n.w.cells[l.from].name, n.w.Plant.message(n.w, l))
	}
}

// Down implements replication.Transport. Nobody knows more here than what comes.
func (n *network) Down(aws.Cell, aws.Cell) string { return "" }

// Call implements replication.Transport. An answer that is lost leaves the
// caller without knowing what became of its request.
func (n *network) Call(ctx context.Context, from, to aws.Cell, q *replication.Request) (*replication.Response, error) {
	i, j := n.index(from), n.index(to)
	unreachable := fmt.Errorf("%w: %v", replication.ErrUnreachable, to)
	peer := n.w.cells[j]
	n.w.meanwhile()
	there, back := n.ways[i][j], n.ways[j][i]
	if n.w.cells[i].dead() {
		n.w.Tally.count(CallerCrash)
	}
	if n.w.cells[i].dead() || !peer.up || peer.dead() || there.cut || back.cut || n.w.chance(there.loss) {
		n.w.Tally.count(CallLost)
		return nil, unreachable
	}
	peer.busy++
	a, err := peer.repl.Serve(ctx, from, q)
	peer.busy--
	peer.settleCrash()
	if peer.dead() {
		n.w.Tally.count(ServedCrash)
	}
	alive := !n.w.cells[i].dead()
	n.w.meanwhile()
	if alive && n.w.cells[i].dead() {
		n.w.Tally.count(CallerCrash)
	}
	if n.w.cells[i].dead() || peer.dead() || n.w.chance(back.loss) {
		n.w.Tally.count(CallLost)
		return nil, unreachable
	}
	return a, err
}
