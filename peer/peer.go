// Package peer carries replication between nodes: messages and requests of the
// cells of one process to those of another, over mutual TLS.
//
// A certificate names the cells for which its node may speak; what comes in the
// name of another cell is refused. Each node keeps one stream open to each other
// node, and what it carries may be lost, as replication expects: a queue that is
// full drops, and so does a connection that breaks.
package peer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/replication"
)

// Cells are the cells of this node, as other nodes reach them.
type Cells interface {
	// Deliver gives a message to a cell; it does not wait. What is for a cell
	// that is not here is dropped.
	Deliver(from, to aws.Cell, m *replication.Message)

	// Answer asks a cell. It returns replication.ErrUnreachable for one that is
	// not here.
	Answer(ctx context.Context, from, to aws.Cell, r *replication.Request) (*replication.Response, error)
}

// Node is another node: where it listens for its peers, and its cells.
type Node struct {
	Address string
	Cells   []aws.Cell
}

// Options are what Peers are made of. All are required but Dial.
type Options struct {
	Cells Cells
	Own   []aws.Cell // The cells of this node. Nobody else speaks for them.
	Nodes []Node

	Certificate func() (*tls.Certificate, error) // This node's, asked on each handshake: it may be renewed.
	Roots       *x509.CertPool                   // Who may certify nodes.

	Clock  clock.Clock
	Rand   *rand.Rand // Spreads the attempts to connect.
	Logger *slog.Logger

	Dial func(ctx context.Context, network, address string) (net.Conn, error) // Nil dials.
}

// Peers are the other nodes. Make one with New.
type Peers struct {
	options Options
	own     map[aws.Cell]bool

	received slots // For calls that other nodes pass on.

	links   []*link
	dropped counter // Messages that were refused on arrival.
	warned  warned
	calls   Calls // Nil where none are taken.
}

// New returns the peers of a node. Nothing is sent and nobody is let in before
// Run.
func New(o Options) *Peers {
	p := &Peers{options: o, own: map[aws.Cell]bool{}, received: make(slots, maxLargeForwards)}
	if o.Dial == nil {
		p.options.Dial = (&net.Dialer{Timeout: connectWithin}).DialContext
	}
	for _, c := range o.Own {
		p.own[c] = true
	}
	for _, n := range o.Nodes {
		rng := rand.New(rand.NewPCG(o.Rand.Uint64(), o.Rand.Uint64()))
		p.links = append(p.links, newLink(&p.options, n, rng))
	}
	return p
}

// Remote calls fn for each cell of another node, to attach it to a
// replication.Network.
func (p *Peers) Remote(fn func(c aws.Cell, there replication.Peer)) {
	for _, l := range p.links {
		for _, c := range l.node.Cells {
			fn(c, remote{l, c})
		}
	}
}

// Run serves the other nodes on a listener, which it closes, and keeps a stream
// to each of them, until ctx ends. It waits for all that it started.
func (p *Peers) Run(ctx context.Context, ln net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	for _, l := range p.links {
		running.Go(func() { l.run(ctx) })
	}
	err := p.serve(ctx, ln)
	stop()
	running.Wait()
	return err
}

// Status is one other node as this one sees it.
type Status struct {
	Address   string
	Cells     []aws.Cell
	Connected bool
	Since     time.Time // When that began; zero before the first attempt.
	Failure   string    // Why there is no connection.
	Sent      int64     // Messages.
	SentBytes int64     // As they went, packed.
	Dropped   int64     // Messages that found no room.
}

// Status tells about every other node.
func (p *Peers) Status() []Status {
	out := make([]Status, 0, len(p.links))
	for _, l := range p.links {
		out = append(out, l.status())
	}
	return out
}

// Refused counts the messages and requests that came in the name of a cell for
// which the node's certificate does not speak, or for a cell that is not here.
func (p *Peers) Refused() int64 { return p.dropped.value() }

// remote is a cell of another node, as a replication.Network knows it.
type remote struct {
	link *link
	cell aws.Cell
}

// Deliver implements replication.Peer.
func (r remote) Deliver(from aws.Cell, m *replication.Message) {
	r.link.box.put(letter{from: from, to: r.cell, m: m})
}

// Down implements replication.Downer. It does not say where the node is: that is a
// matter of whoever runs this one.
func (r remote) Down() string {
	s := r.link.status()
	switch {
	case s.Connected:
		return ""
	case s.Since.IsZero():
		return "there was no connection yet to the node of " + r.cell.String()
	}
	return "there is no connection to the node of " + r.cell.String() + " since " + s.Since.UTC().Format(time.RFC3339)
}

// Serve implements replication.Peer.
func (r remote) Serve(ctx context.Context, from aws.Cell, q *replication.Request) (*replication.Response, error) {
	return r.link.call(ctx, from, r.cell, q)
}
