package cell

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
)

// tenure says whether a cell stays. A cell that was just made is on trial: it is
// dropped when the last call that entered it has left and nothing was made in it.
// Once kept, it is kept for good.
type tenure struct {
	mu    sync.Mutex
	calls int // That entered and have not left, while on trial.
	kept  bool
	gone  bool
}

// enter counts a call in; false when the cell was dropped.
func (t *tenure) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls++
	return !t.gone
}

// leave counts a call out and reports whether the cell may be dropped.
func (t *tenure) leave(keep bool) (last bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls--
	t.kept = t.kept || keep
	return t.calls == 0 && !t.kept && !t.gone
}

// end makes the cell one that nobody enters any more; false when it stays.
func (t *tenure) end() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls > 0 || t.kept || t.gone {
		return false
	}
	t.gone = true
	return true
}

// keep keeps the cell for good.
func (t *tenure) keep() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = true
}

// Enter returns a cell for a call that may make something in it, made where there
// is none. The caller calls leave once, at the end, and says whether the call
// succeeded: a cell that was made for calls none of which made a table goes again.
func (n *Node) Enter(ctx context.Context, id aws.Cell) (c *Cell, leave func(ok bool), err error) {
	for {
		if c, err = n.Make(ctx, id); err != nil {
			return nil, nil, err
		}
		if c.tenure.enter() {
			return c, func(ok bool) { n.leave(c, ok) }, nil
		}
	}
}

func (n *Node) leave(c *Cell, ok bool) {
	if !c.tenure.leave(ok || c.occupied()) {
		return
	}
	if err := n.drop(c); err != nil {
		n.shared.Logger.Error("a cell without tables cannot be removed", "cell", c.ID.String(), "error", err)
	}
}

// occupied reports whether there is anything in the cell to keep: a table, or what
// a bug left behind.
func (c *Cell) occupied() bool { return len(c.Engine.Tables()) > 0 || c.Broken() != nil }

// drop closes a cell that is not kept, and removes its data. Nobody can make the
// cell again before that is done.
func (n *Node) drop(c *Cell) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || !c.tenure.end() {
		return nil
	}
	next := maps.Clone(*n.cells.Load())
	delete(next, c.ID)
	n.cells.Store(&next)
	n.shared.Network.Detach(c.ID)
	err := c.Close()
	if n.options.Dir == "" {
		return err
	}
	return errors.Join(err, n.remove(c.ID))
}

// dropped is where a cell's data is moved before it is removed: a start after a
// crash finds all of a cell or nothing.
func (n *Node) dropped() string { return filepath.Join(n.options.Dir, "dropped") }

// remove removes the data of a closed cell.
func (n *Node) remove(id aws.Cell) error {
	dir := n.dir(id)
	if err := os.Rename(dir, n.dropped()); err != nil {
		return fmt.Errorf("cell: remove %v: %w", id, err)
	}
	// The account's directory stays when it has other Regions.
	_ = os.Remove(filepath.Dir(dir))
	return n.removeDropped()
}

func (n *Node) removeDropped() error {
	if err := os.RemoveAll(n.dropped()); err != nil {
		return fmt.Errorf("cell: data directory: %w", err)
	}
	return nil
}

// peer is a cell as the network knows it.
type peer struct {
	node *Node
	cell *Cell
}

// Deliver implements replication.Peer.
func (p peer) Deliver(from aws.Cell, m *replication.Message) { p.cell.Replication.Deliver(from, m) }

// Serve implements replication.Peer.
func (p peer) Serve(ctx context.Context, from aws.Cell, r *replication.Request) (*replication.Response, error) {
	if !p.cell.tenure.enter() {
		return nil, fmt.Errorf("%w: %v", replication.ErrUnreachable, p.cell.ID)
	}
	defer p.node.leave(p.cell, false)
	return p.cell.Replication.Serve(ctx, from, r)
}

// founder is a cell that another cell's call makes.
type founder struct {
	node *Node
	id   aws.Cell
}

// Deliver implements replication.Peer: nothing waits for a message in a cell that
// is not there.
func (founder) Deliver(aws.Cell, *replication.Message) {}

// Serve implements replication.Peer.
func (f founder) Serve(ctx context.Context, from aws.Cell, r *replication.Request) (*replication.Response, error) {
	c, leave, err := f.node.Enter(ctx, f.id)
	if err != nil {
		return nil, err
	}
	defer leave(false)
	return c.Replication.Serve(ctx, from, r)
}
