// Package cell composes one account in one Region, a cell, out of its store, its
// table engine and its replication, and a node out of cells.
//
// A cell is a wall: it owns its store, its tables, its policies and its
// replication links. Two cells of one node share only what Shared names.
package cell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hortusdb/hortus/autoscaling"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/dynamodb"
	"github.com/hortusdb/hortus/identity"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/metrics"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/scaling"
	"github.com/hortusdb/hortus/table"
)

// Cell is one account in one Region, open and running.
type Cell struct {
	ID          aws.Cell
	Engine      *table.Engine
	Replication *replication.Replicator
	DynamoDB    *dynamodb.Service
	AutoScaling *autoscaling.Service
	Identity    *identity.Store

	store   kv.Store
	logger  *slog.Logger
	stop    context.CancelFunc
	running sync.WaitGroup
	broken  atomic.Pointer[error]
	tenure  tenure
}

// Config is what a cell is made of.
type Config struct {
	ID        aws.Cell
	Store     kv.Store // The cell closes it.
	Clock     clock.Clock
	Dates     clock.Clock // What deadlines of hours and days are counted by; nil for Clock.
	Disabled  bool        // The Region is disabled in the account.
	Transport replication.Transport
	Logger    *slog.Logger
	NewID     func() string // Makes ids of tables and of global tables.
	SeedRate  int64         // See replication.Options.
	Compare   time.Duration // CompareEvery of replication.Options.
	Throttle  bool          // Holds the tables to their capacity.
	Pace      dynamodb.Pace
	Directory *identity.Directory // Of the account; nil where there is no IAM.
}

// Open puts a cell together. It takes no call and replicates nothing before
// Start.
func Open(ctx context.Context, c Config) (*Cell, error) {
	engine, err := table.Open(ctx, table.Options{Cell: c.ID, Store: c.Store, Clock: c.Clock, Dates: c.Dates})
	if err != nil {
		return nil, fmt.Errorf("cell: open %v: %w", c.ID, err)
	}
	out := &Cell{ID: c.ID, Engine: engine, Identity: identity.NewStore(c.Store), store: c.Store, logger: c.Logger}
	targets := scaling.NewStore(c.Store)
	out.Replication = replication.New(replication.Options{
		Engine: engine, Transport: c.Transport, Clock: c.Clock, Dates: c.Dates,
		Scaling: targets, Roles: out.roles(c.Directory),
		Logger: c.Logger, NewID: c.NewID, OnPanic: out.Break, SeedRate: c.SeedRate,
		CompareEvery: c.Compare, ComparePause: replication.SettlePause,
	})
	if err := out.Replication.Begin(ctx); err != nil {
		return nil, fmt.Errorf("cell: open %v: %w", c.ID, err)
	}
	out.Replication.SetDisabled(c.Disabled)
	out.DynamoDB = &dynamodb.Service{
		Cell: c.ID, Engine: engine, Replication: out.Replication, Clock: cmp.Or(c.Dates, c.Clock), NewID: c.NewID,
	}
	out.AutoScaling = &autoscaling.Service{
		Cell: c.ID, Engine: engine, Targets: targets, Replication: out.Replication, Clock: c.Clock, NewID: c.NewID,
	}
	out.DynamoDB.Pace = c.Pace
	if c.Throttle {
		out.DynamoDB.Throttle = dynamodb.NewThrottle(engine, c.Clock)
	}
	return out, nil
}

// roles gives the cell's replication the roles of its account.
func (c *Cell) roles(d *identity.Directory) replication.Roles {
	if d == nil {
		return nil
	}
	return func(ctx context.Context, k *identity.Linked, elsewhere *identity.Role) (*identity.Role, error) {
		return d.Ensure(ctx, c.Identity, k, elsewhere)
	}
}

// Start runs the cell's background work until Close.
func (c *Cell) Start() {
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.running.Go(func() { c.Replication.Run(ctx) })
	c.running.Go(func() { c.keepUp(ctx) })
}

// keepUp runs the tables' background work until ctx ends.
func (c *Cell) keepUp(ctx context.Context) {
	defer func() {
		if v := recover(); v != nil {
			c.Break(v)
		}
	}()
	last := ""
	for ctx.Err() == nil {
		next, err := c.Engine.Step(ctx)
		switch {
		case err == nil:
			last = ""
		case ctx.Err() == nil && err.Error() != last: // Once, however often it is tried again.
			last = err.Error()
			c.logger.Error("upkeep of tables", "cell", c.ID.String(), "error", err)
		}
		wait := time.Duration(-1)
		if !next.IsZero() {
			wait = max(0, next.Sub(c.Engine.Clock().Now()))
		}
		if !clock.Wait(ctx, c.Engine.Wake(), wait) {
			return
		}
	}
}

// Close ends the background work, waits for it, and closes the store.
func (c *Cell) Close() error {
	if c.stop != nil {
		c.stop()
	}
	c.running.Wait()
	return errors.Join(c.Engine.Close(context.Background()), c.store.Close())
}

// Break takes the cell out of service after a bug: it answers no further call,
// while the other cells go on. It logs the first cause.
func (c *Cell) Break(cause any) {
	err := fmt.Errorf("cell: %v is out of service: %v", c.ID, cause)
	if c.broken.CompareAndSwap(nil, &err) {
		c.logger.Error("a cell is out of service", "cell", c.ID.String(), "cause", cause)
		if c.stop != nil {
			c.stop()
		}
	}
}

// Numbers are what the cell has counted since it was opened.
func (c *Cell) Numbers() map[metrics.Series]float64 {
	out := c.Replication.Sums().All()
	if out == nil {
		out = map[metrics.Series]float64{}
	}
	if c.DynamoDB.Throttle != nil {
		maps.Copy(out, c.DynamoDB.Throttle.Sums().All())
	}
	return out
}

// Broken returns why the cell is out of service, nil while it is in service.
func (c *Cell) Broken() error {
	if e := c.broken.Load(); e != nil {
		return *e
	}
	return nil
}
