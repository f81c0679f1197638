package cell

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/hortusapi"
	peers "github.com/hortusdb/hortus/peer"
	"github.com/hortusdb/hortus/replication"
)

// Hosts reports whether a cell is on this node, or would be once something is made
// in it.
func (n *Node) Hosts(id aws.Cell) bool {
	return n.options.Cells == nil || slices.Contains(n.options.Cells, id)
}

// hosts returns the error for a cell that the node does not have: where its
// options name cells, there are no others. It is not ResourceNotFound: a client
// would take that for a table that is gone.
func (n *Node) hosts(id aws.Cell) error {
	if n.Hosts(id) {
		return nil
	}
	var names []string
	for _, c := range n.options.Cells {
		names = append(names, c.String())
	}
	return aws.Validation("This node does not serve account %s in Region %s. It serves: %s", id.Account, id.Region, strings.Join(names, ", "))
}

// host makes the cells that the node's options name. What is stored has to be
// among them.
func (n *Node) host(ctx context.Context) error {
	for _, c := range n.Cells() {
		if n.hosts(c.ID) != nil {
			return fmt.Errorf("cell: the data directory has the cell %v, which is not among those that the node serves", c.ID)
		}
	}
	for _, id := range n.options.Cells {
		c, err := n.Make(ctx, id)
		if err != nil {
			return err
		}
		c.tenure.keep()
	}
	return nil
}

// Deliver implements peer.Cells: it gives a message of another node's cell to one
// of this node's, unless the way is cut at this end.
func (n *Node) Deliver(from, to aws.Cell, m *replication.Message) {
	c := n.Cell(to)
	if c != nil && !n.shared.Network.Cut(replication.Way{From: from.Region, To: to.Region}) {
		peer{n, c}.Deliver(from, m)
	}
}

// Answer implements peer.Cells: it asks one of the node's cells on behalf of
// another node's.
func (n *Node) Answer(ctx context.Context, from, to aws.Cell, r *replication.Request) (*replication.Response, error) {
	c, net := n.Cell(to), n.shared.Network
	there, back := replication.Way{From: from.Region, To: to.Region}, replication.Way{From: to.Region, To: from.Region}
	if c == nil || net.Cut(there) || net.Cut(back) {
		return nil, fmt.Errorf("%w: %v", replication.ErrUnreachable, to)
	}
	return peer{n, c}.Serve(ctx, from, r)
}

// Meet attaches the cells of other nodes to the network, and has the node tell
// about them.
func (n *Node) Meet(others *peers.Peers) {
	others.Remote(n.shared.Network.Attach)
	n.others.Store(others)
}

// MoveClocks implements hortusapi.World.
func (n *Node) MoveClocks(ctx context.Context, ahead time.Duration) []hortusapi.NodeClock {
	p := n.others.Load()
	if p == nil {
		return nil
	}
	var out []hortusapi.NodeClock
	for _, s := range p.MoveClocks(ctx, ahead) {
		x := hortusapi.NodeClock{AheadSeconds: s.Ahead.Seconds()}
		if s.Err != nil {
			x.Failure = s.Err.Error()
		}
		for _, c := range s.Cells {
			x.Cells = append(x.Cells, c.String())
		}
		out = append(out, x)
	}
	return out
}

// Nodes implements hortusapi.World.
func (n *Node) Nodes() (others []hortusapi.Node, refused int64) {
	p := n.others.Load()
	if p == nil {
		return nil, 0
	}
	for _, s := range p.Status() {
		x := hortusapi.Node{
			Address: s.Address, Connected: s.Connected, Failure: s.Failure,
			Messages: s.Sent, Bytes: s.SentBytes, Dropped: s.Dropped,
		}
		if !s.Since.IsZero() {
			x.Since = s.Since.UTC().Format(time.RFC3339)
		}
		for _, c := range s.Cells {
			x.Cells = append(x.Cells, c.String())
		}
		others = append(others, x)
	}
	return others, p.Refused()
}
