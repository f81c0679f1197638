package cell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/dynamodb"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/kv/pebblekv"
	peers "github.com/hortusdb/hortus/peer"
	"github.com/hortusdb/hortus/replication"
)

// Limits of a node.
const (
	MaxCells = 256

	openAtOnce = 16 // Stores that are opened side by side.

	reserveBytes = 512 << 20 // Free disk space below which writes are refused.
)

// DefaultCache is the cache of a node that names none, in bytes.
const DefaultCache = 256 << 20

// Shared is all that the cells of a node have in common.
type Shared struct {
	Cache   *pebblekv.SharedCache
	Network *replication.Network
	Clock   clock.Clock
	Logger  *slog.Logger
}

// NodeOptions are those of a node.
type NodeOptions struct {
	Dir      string        // Where the cells' data is; "" keeps nothing.
	Cache    int64         // Bytes of rows and blocks that the cells cache, taken as it fills; zero is DefaultCache.
	Interval time.Duration // Zero syncs each write before it is acknowledged; see pebblekv.Options.
	Clock    clock.Clock
	Rand     *rand.Rand
	Logger   *slog.Logger
	Throttle bool // Holds the tables of all cells to their capacity.
	Pace     dynamodb.Pace
	SeedRate int64         // Bytes a second that each cell sends to newcomers at most; see replication.Options.
	Compare  time.Duration // How often replicas are compared; zero is never. See replication.Options.
	Cells    []aws.Cell    // The cells that the node has, and no others, made at once. Nil: any cell, once something is made in it.

	ReserveBytes int64                 // Free disk space that is kept; zero is the usual reserve.
	FreeBytes    func() (int64, error) // Nil asks the file system.
}

// Node is a process's cells. A cell is made when the first thing is made in it.
type Node struct {
	options NodeOptions
	shared  Shared
	lock    io.Closer

	cells  atomic.Pointer[map[aws.Cell]*Cell]
	mu     sync.Mutex // Held while a cell is opened or dropped.
	closed bool       // By mu: no cell is opened or dropped any more.
	random sync.Mutex // Guards options.Rand.

	others atomic.Pointer[peers.Peers] // The other nodes.

	roles sync.Mutex // The lock of all accounts' directories.

	noting sync.Mutex // Held while dates and off are changed.
	dates  *clock.Offset
	off    atomic.Pointer[map[aws.Cell]bool] // Regions that are disabled in an account.
}

// OpenNode opens every cell that has data.
func OpenNode(ctx context.Context, o NodeOptions) (*Node, error) {
	if o.Cache == 0 {
		o.Cache = DefaultCache
	}
	if o.ReserveBytes == 0 {
		o.ReserveBytes = reserveBytes
	}
	n := &Node{options: o}
	n.shared = Shared{
		Cache:   pebblekv.NewSharedCache(o.Cache),
		Network: replication.NewNetwork(o.Clock, rand.New(rand.NewPCG(o.Rand.Uint64(), o.Rand.Uint64()))),
		Clock:   o.Clock,
		Logger:  o.Logger,
	}
	n.shared.Network.Find(n.find)
	n.cells.Store(&map[aws.Cell]*Cell{})
	if err := n.loadNotes(); err != nil {
		return nil, err
	}
	if o.Dir == "" {
		return n, n.host(ctx)
	}
	if err := os.MkdirAll(n.root(), 0o700); err != nil {
		return nil, fmt.Errorf("cell: data directory: %w", err)
	}
	var err error
	if n.lock, err = pebblekv.LockDir(o.Dir); err != nil {
		return nil, fmt.Errorf("cell: data directory %s: %w", o.Dir, err)
	}
	if err := n.removeDropped(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	found, err := n.stored()
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	if err := n.openAll(ctx, found); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	if err := n.host(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// openAll opens cells side by side: opening one mostly waits for its disk. Links
// start when all are there.
func (n *Node) openAll(ctx context.Context, ids []aws.Cell) error {
	if len(ids) > MaxCells {
		return fmt.Errorf("cell: the data directory has %d cells; a node holds at most %d", len(ids), MaxCells)
	}
	cells, errs := make([]*Cell, len(ids)), make([]error, len(ids))
	var wait sync.WaitGroup
	room := make(chan struct{}, openAtOnce)
	for i, id := range ids {
		room <- struct{}{}
		wait.Go(func() {
			cells[i], errs[i] = n.open(ctx, id)
			<-room
		})
	}
	wait.Wait()
	opened := map[aws.Cell]*Cell{}
	for _, c := range cells {
		if c != nil {
			opened[c.ID] = c
		}
	}
	n.cells.Store(&opened)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, c := range cells {
		c.tenure.kept = true
		n.shared.Network.Attach(c.ID, peer{n, c})
	}
	for _, c := range cells {
		c.Start()
	}
	return nil
}

// open opens a cell and its store.
func (n *Node) open(ctx context.Context, id aws.Cell) (*Cell, error) {
	store, err := n.openStore(id)
	if err != nil {
		return nil, err
	}
	c, err := Open(ctx, n.config(id, store))
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return c, nil
}

// root is the directory under which each cell has its own.
func (n *Node) root() string { return filepath.Join(n.options.Dir, "cells") }

// dir is the directory of a cell.
func (n *Node) dir(c aws.Cell) string {
	return filepath.Join(n.root(), string(c.Account), string(c.Region))
}

// stored lists the cells that have a directory.
func (n *Node) stored() ([]aws.Cell, error) {
	var out []aws.Cell
	accounts, err := os.ReadDir(n.root())
	if err != nil {
		return nil, fmt.Errorf("cell: data directory: %w", err)
	}
	for _, a := range accounts {
		regions, err := os.ReadDir(filepath.Join(n.root(), a.Name()))
		if err != nil {
			return nil, fmt.Errorf("cell: data directory: %w", err)
		}
		for _, r := range regions {
			c, err := aws.ParseCell(a.Name() + "/" + r.Name())
			if err != nil {
				return nil, fmt.Errorf("cell: data directory has something else in it: %w", err)
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// Cell returns a cell, nil where nothing was made in it.
func (n *Node) Cell(c aws.Cell) *Cell { return (*n.cells.Load())[c] }

// Cells lists the cells in order.
func (n *Node) Cells() []*Cell {
	m := *n.cells.Load()
	var out []*Cell
	for _, id := range slices.SortedFunc(maps.Keys(m), aws.Cell.Compare) {
		out = append(out, m[id])
	}
	return out
}

// Network returns the network between the node's cells.
func (n *Node) Network() *replication.Network { return n.shared.Network }

// Replicators returns every cell's replicator, in the order of the cells.
func (n *Node) Replicators() []*replication.Replicator {
	var out []*replication.Replicator
	for _, c := range n.Cells() {
		out = append(out, c.Replication)
	}
	return out
}

// errClosing is the answer of a node that is shutting down.
var errClosing = errors.New("cell: the node is closing")

// Make returns a cell, and opens it where it is not.
func (n *Node) Make(ctx context.Context, id aws.Cell) (*Cell, error) {
	if c := n.Cell(id); c != nil {
		return c, nil
	}
	if err := n.hosts(id); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.Cell(id); c != nil {
		return c, nil
	}
	if n.closed {
		return nil, errClosing
	}
	if len(*n.cells.Load()) >= MaxCells {
		return nil, aws.Errorf("LimitExceededException", "A node holds at most %d cells (accounts times Regions); this would be one more: %v", MaxCells, id)
	}
	c, err := n.open(ctx, id)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(*n.cells.Load())
	next[id] = c
	n.cells.Store(&next)
	n.shared.Network.Attach(id, peer{n, c})
	c.Start()
	return c, nil
}

func (n *Node) config(id aws.Cell, store kv.Store) Config {
	return Config{
		ID: id, Store: store, Clock: n.shared.Clock, Dates: n.dates, Disabled: n.Disabled(id), Transport: n.shared.Network,
		Logger: n.shared.Logger, NewID: n.newID, Throttle: n.options.Throttle, Pace: n.options.Pace, SeedRate: n.options.SeedRate, Compare: n.options.Compare,
		Directory: n.Directory(id.Account),
	}
}

func (n *Node) openStore(id aws.Cell) (kv.Store, error) {
	o := pebblekv.Options{
		Now:      func() int64 { return n.shared.Clock.Now().UnixMicro() },
		Cache:    n.shared.Cache,
		Interval: n.options.Interval,
		Logger:   n.shared.Logger,
		Memory:   n.options.Dir == "",
	}
	if !o.Memory {
		o.Dir = n.dir(id)
		o.ReserveBytes, o.FreeBytes = n.options.ReserveBytes, n.options.FreeBytes
		if err := os.MkdirAll(filepath.Dir(o.Dir), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("cell: %v: %w", id, err)
		}
	}
	store, err := pebblekv.Open(o)
	if err != nil {
		return nil, fmt.Errorf("cell: %v: %w", id, err)
	}
	return store, nil
}

// Empty returns a cell in which nothing was ever made, for a call that only
// looks. It keeps nothing and needs no Close.
func (n *Node) Empty(ctx context.Context, id aws.Cell) (*Cell, error) {
	if err := n.hosts(id); err != nil {
		return nil, err
	}
	store := kv.NewMem(kv.MemOptions{Now: func() int64 { return n.shared.Clock.Now().UnixMicro() }})
	return Open(ctx, n.config(id, store))
}

// find returns the replicator of a cell that another cell calls and that nobody
// has called before.
func (n *Node) find(ctx context.Context, id aws.Cell, create bool) (replication.Peer, error) {
	if n.hosts(id) != nil {
		return nil, fmt.Errorf("%w: %v", replication.ErrNoNode, id)
	}
	if create {
		return founder{n, id}, nil
	}
	c, err := n.Empty(ctx, id)
	if err != nil {
		return nil, err
	}
	return c.Replication, nil
}

// newID makes a random UUID, version 4.
func (n *Node) newID() string {
	n.random.Lock()
	a, b := n.options.Rand.Uint64(), n.options.Rand.Uint64()
	n.random.Unlock()
	a = a&^0xf000 | 0x4000
	b = b&^(3<<62) | 2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
}

// Close closes the network, then every cell, then lets the directory go.
func (n *Node) Close() error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock() // What runs in a cell may wait for it, and is waited for below.
	n.shared.Network.Close()
	var errs error
	for _, c := range n.Cells() {
		errs = errors.Join(errs, c.Close())
	}
	n.cells.Store(&map[aws.Cell]*Cell{})
	if n.lock != nil {
		errs = errors.Join(errs, n.lock.Close())
	}
	return errs
}
