package replication

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
)

// Conditions are those of the way from one Region to another.
type Conditions struct {
	Delay  time.Duration // One way.
	Jitter time.Duration // Added to Delay, uniformly from none to all of it.
	Loss   float64       // The share of messages that are lost, 0 to 1.
	Repeat float64       // The share of messages that come twice.
	Cut    bool          // Nothing passes.

	// Bandwidth is how many bytes of messages pass in a second; zero is no limit.
	// What does not fit waits, up to maxBacklog of time, and is lost beyond that.
	Bandwidth int64
}

// Limits of conditions.
const (
	MaxDelay     = 10 * time.Second
	MinBandwidth = 1 << 10
	maxInTransit = 4096 // Messages of one way; more are lost.
	maxBacklog   = 5 * time.Second
)

// Check reports conditions out of range.
func (c Conditions) Check() error {
	if c.Delay < 0 || c.Delay > MaxDelay || c.Jitter < 0 || c.Jitter > MaxDelay {
		return fmt.Errorf("delay and jitter are between 0 and %s", clock.Words(MaxDelay))
	}
	if c.Loss < 0 || c.Loss > 1 || c.Repeat < 0 || c.Repeat > 1 {
		return fmt.Errorf("loss and repeat are shares between 0 and 1")
	}
	if c.Bandwidth != 0 && c.Bandwidth < MinBandwidth {
		return fmt.Errorf("bandwidth is zero, for no limit, or at least %d bytes a second", MinBandwidth)
	}
	return nil
}

// Way is a direction between two Regions.
type Way struct{ From, To aws.Region }

// Network is a Transport between cells of one process, with conditions that can
// be set for each way.
type Network struct {
	clock clock.Clock
	find  func(ctx context.Context, c aws.Cell, create bool) (Peer, error) // Nil: only attached cells are there.

	mu         sync.Mutex
	rng        *rand.Rand
	peers      map[aws.Cell]Peer
	conditions map[Way]Conditions
	isolated   map[aws.Region]bool
	ways       map[Way]*transit
	ctx        context.Context //nolint:containedctx // Ends with Close; deliveries run under it.
	stop       context.CancelFunc
	running    sync.WaitGroup
}

// transit is what is under way in one direction, in the order of arrival.
type transit struct {
	queue []delivery
	free  time.Time // When all that was sent has gone out, where there is a bandwidth.
	wake  chan struct{}
}

type delivery struct {
	at       time.Time
	from, to aws.Cell
	m        *Message
}

// NewNetwork returns a network without delays.
func NewNetwork(c clock.Clock, rng *rand.Rand) *Network {
	ctx, stop := context.WithCancel(context.Background())
	return &Network{
		clock: c, rng: rng,
		peers: map[aws.Cell]Peer{}, conditions: map[Way]Conditions{},
		isolated: map[aws.Region]bool{}, ways: map[Way]*transit{},
		ctx: ctx, stop: stop,
	}
}

// Close drops what is under way and waits for what is being delivered.
func (n *Network) Close() {
	n.stop()
	n.running.Wait()
}

// Attach connects a cell; Detach takes it off.
func (n *Network) Attach(c aws.Cell, p Peer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.peers[c] = p
}

// Detach takes a cell off the network.
func (n *Network) Detach(c aws.Cell) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.peers, c)
}

// Find hands in where cells are found that are not attached, for a world in which
// any account has a cell in any Region: find makes the cell when create is set,
// and otherwise may return an empty one that is not kept. It is called before
// the network is used.
func (n *Network) Find(find func(ctx context.Context, c aws.Cell, create bool) (Peer, error)) {
	n.find = find
}

// SetConditions sets those of one way.
func (n *Network) SetConditions(w Way, c Conditions) error {
	if err := c.Check(); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if c == (Conditions{}) {
		delete(n.conditions, w)
	} else {
		n.conditions[w] = c
	}
	return nil
}

// Isolate cuts a Region off from all others, both ways, or heals that.
func (n *Network) Isolate(r aws.Region, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if on {
		n.isolated[r] = true
	} else {
		delete(n.isolated, r)
	}
}

// State tells which Regions are isolated and which ways have conditions.
func (n *Network) State() (isolated []aws.Region, conditions map[Way]Conditions) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range aws.Regions() {
		if n.isolated[r] {
			isolated = append(isolated, r)
		}
	}
	conditions = make(map[Way]Conditions, len(n.conditions))
	maps.Copy(conditions, n.conditions)
	return isolated, conditions
}

// Cut reports whether nothing passes on a way at this moment.
func (n *Network) Cut(w Way) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.passes(w).Cut
}

// passes returns the conditions of a way at this moment.
func (n *Network) passes(w Way) Conditions {
	c := n.conditions[w]
	if w.From != w.To && (n.isolated[w.From] || n.isolated[w.To]) {
		c.Cut = true
	}
	return c
}

// Send implements Transport.
func (n *Network) Send(from, to aws.Cell, m *Message) {
	w := Way{from.Region, to.Region}
	n.mu.Lock()
	c := n.passes(w)
	peer := n.peers[to]
	if peer == nil || c.Cut || (c.Loss > 0 && n.rng.Float64() < c.Loss) {
		n.mu.Unlock()
		return
	}
	copies := 1
	if c.Repeat > 0 && n.rng.Float64() < c.Repeat {
		copies = 2
	}
	if c.Delay == 0 && c.Jitter == 0 && c.Bandwidth == 0 {
		n.mu.Unlock()
		for range copies {
			peer.Deliver(from, m)
		}
		return
	}
	for range copies {
		delay := c.Delay
		if c.Jitter > 0 {
			delay += time.Duration(n.rng.Int64N(int64(c.Jitter)))
		}
		now := n.clock.Now()
		out, ok := n.way(w).depart(now, m.Size(), c.Bandwidth)
		if !ok {
			break
		}
		n.enqueue(w, delivery{out.Add(delay), from, to, m})
	}
	n.mu.Unlock()
}

// way returns what is under way in one direction, with n.mu held.
func (n *Network) way(w Way) *transit {
	t := n.ways[w]
	if t == nil {
		t = &transit{wake: make(chan struct{}, 1)}
		n.ways[w] = t
		n.running.Go(func() { n.carry(t) })
	}
	return t
}

// depart returns when a message of so many bytes has gone out, after all that
// was sent before it; false when too much waits already.
func (t *transit) depart(now time.Time, size int, bandwidth int64) (time.Time, bool) {
	if bandwidth == 0 {
		return now, true
	}
	if t.free.Before(now) {
		t.free = now
	}
	if t.free.Sub(now) > maxBacklog {
		return now, false
	}
	t.free = t.free.Add(time.Duration(float64(size) / float64(bandwidth) * float64(time.Second)))
	return t.free, true
}

// enqueue puts a delivery on its way, with n.mu held.
func (n *Network) enqueue(w Way, d delivery) {
	t := n.way(w)
	if len(t.queue) >= maxInTransit {
		return
	}
	i := len(t.queue)
	for i > 0 && t.queue[i-1].at.After(d.at) {
		i--
	}
	t.queue = append(t.queue, delivery{})
	copy(t.queue[i+1:], t.queue[i:])
	t.queue[i] = d
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// carry delivers what is due on one way until the network closes.
func (n *Network) carry(t *transit) {
	for {
		n.mu.Lock()
		wait := time.Duration(-1)
		var due *delivery
		var peer Peer
		if len(t.queue) > 0 {
			d := t.queue[0]
			if wait = d.at.Sub(n.clock.Now()); wait <= 0 {
				t.queue = t.queue[1:]
				due = &d
				if !n.passes(Way{d.from.Region, d.to.Region}).Cut {
					peer = n.peers[d.to]
				}
			}
		}
		n.mu.Unlock()
		if due != nil {
			if peer != nil {
				peer.Deliver(due.from, due.m)
			}
			continue
		}
		if !clock.Wait(n.ctx, t.wake, wait) {
			return
		}
	}
}

// Down implements Transport.
func (n *Network) Down(from, to aws.Cell) string {
	n.mu.Lock()
	there, back := n.passes(Way{from.Region, to.Region}), n.passes(Way{to.Region, from.Region})
	near, far := n.isolated[from.Region], n.isolated[to.Region]
	peer := n.peers[to]
	n.mu.Unlock()
	switch {
	case from.Region != to.Region && near:
		return "Region " + string(from.Region) + " is isolated"
	case from.Region != to.Region && far:
		return "Region " + string(to.Region) + " is isolated"
	case there.Cut:
		return "the way from " + string(from.Region) + " to " + string(to.Region) + " is cut"
	case back.Cut:
		return "the way from " + string(to.Region) + " to " + string(from.Region) + " is cut"
	}
	if d, ok := peer.(Downer); ok {
		return d.Down()
	}
	return ""
}

// ErrUnreachable reports a cell that does not answer.
var ErrUnreachable = fmt.Errorf("replication: the cell cannot be reached")

// ErrNoNode is ErrUnreachable for a cell that is on no node which is known.
var ErrNoNode = fmt.Errorf("%w: no node is known that has it", ErrUnreachable)

// Call implements Transport.
func (n *Network) Call(ctx context.Context, from, to aws.Cell, r *Request) (*Response, error) {
	n.mu.Lock()
	there, back := n.passes(Way{from.Region, to.Region}), n.passes(Way{to.Region, from.Region})
	peer := n.peers[to]
	n.mu.Unlock()
	if there.Cut || back.Cut || (peer == nil && n.find == nil) {
		return nil, fmt.Errorf("%w: %v", ErrUnreachable, to)
	}
	if peer == nil {
		var err error
		if peer, err = n.find(ctx, to, r.Kind == Adopt && !r.DryRun); err != nil {
			return nil, err
		}
	}
	if d := there.Delay + back.Delay; d > 0 && !clock.Wait(ctx, nil, d) {
		return nil, ctx.Err()
	}
	return peer.Serve(ctx, from, r)
}
