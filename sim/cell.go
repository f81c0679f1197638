package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// cell is a cell of the simulated world: a process that comes and goes, on a
// disk that stays.
type cell struct {
	w        *world
	name     aws.Cell
	number   int
	skew     time.Duration // Of its clock.
	disk     *disk
	dropping string // The id of the table that it is deleting to start anew.
	stranded string // The id of its table where that was detached, and nobody is left to come back to.
	busy     int    // Calls that are under way in it: it is not stepped then.

	up        bool
	copy      *copied // Of its disk; nil where there is none.
	back      putBack
	passed    int64 // The wall that its clock does not go back before.
	lost      bool  // It is to stay down for longer than others, once it stops.
	restartAt int64
	engine    *table.Engine
	repl      *replication.Replicator
}

func newCell(w *world, number int) *cell {
	account := number
	if number < w.Shared {
		account = 0
	}
	c := &cell{w: w, number: number, name: aws.Cell{
		Account: aws.Account(fmt.Sprintf("%012d", (account+1)*11111)),
		Region:  regions[number],
	}}
	if w.rng.IntN(2) == 0 {
		c.skew = time.Duration(w.rng.Int64N(int64(time.Second)))
	}
	c.disk = newDisk(c)
	c.restart()
	return c
}

func (c *cell) String() string { return fmt.Sprintf("cell %d", c.number) }

// Now implements clock.Clock.
func (c *cell) Now() time.Time { return time.UnixMicro(c.micros()) }

func (c *cell) micros() int64 { return c.w.now + c.skew.Microseconds() }

var _ clock.Clock = (*cell)(nil)

// dates is what the cell's deadlines are counted by.
type dates struct{ c *cell }

// Now implements clock.Clock.
func (d dates) Now() time.Time { return d.c.Now().Add(d.c.w.ahead) }

// restart opens the cell's store again, as a new process does.
func (c *cell) restart() {
	if c.disk.left != nil {
		c.disk = c.disk.reopen()
		c.w.Plant.restart(c)
	}
	engine, err := table.Open(c.w.ctx, table.Options{Cell: c.name, Store: c.disk, Clock: c, Dates: dates{c}})
	if err != nil {
		c.w.fail("%v: does not open: %w", c, err)
		return
	}
	c.engine = engine
	c.repl = replication.New(replication.Options{
		Engine: engine, Transport: c.w.net, Clock: c, Dates: dates{c}, Logger: slog.New(watch{c}), NewID: c.w.newID,
	})
	c.up = true
	if w := c.w; w.Lose && len(w.cells) > w.Members && engine.Table(privateName) == nil {
		c.create(diary(w.newID())) // It lost its disk.
	}
	c.settleDrop()
	c.w.trace("%v: up", c)
}

// crash stops the cell at once.
func (c *cell) crash(why string) {
	c.w.trace("%v: %s", c, why)
	c.disk.crash()
	c.settleCrash()
}

// dead reports whether the cell has crashed, also while its last call is still
// on the stack.
func (c *cell) dead() bool { return c.disk.left != nil }

// settleCrash takes note of a crash that came in a call of the store.
func (c *cell) settleCrash() {
	if !c.dead() || !c.up || c.busy > 0 {
		return
	}
	c.up = false
	c.restartAt = c.w.now + c.w.rng.Int64N(15_000_000)
	if c.lost {
		c.restartAt += 30_000_000 + c.w.rng.Int64N(60_000_000)
		c.lost = false
	}
	c.w.trace("%v: down", c)
}

// idle reports whether the cell can take a call or a step.
func (c *cell) idle() bool { return c.up && c.busy == 0 && !c.dead() }

// step runs the cell's background work once.
func (c *cell) step() {
	if !c.idle() {
		return
	}
	c.busy++
	c.repl.StepAll(c.w.ctx)
	c.busy--
	c.settleCrash()
}

// call runs fn as a call that a client made.
func (c *cell) call(fn func() error) error {
	c.busy++
	err := fn()
	c.busy--
	c.settleCrash()
	return err
}

// table returns the cell's replica, nil where it has none.
func (c *cell) table() *table.Table {
	if !c.up {
		return nil
	}
	return c.engine.Table(tableName)
}

// member reports whether the cell is to be a member, and has a table.
func (c *cell) member() bool { return c != c.w.outsider() && c.table() != nil }

// serving reports whether the cell takes calls of clients for the table.
func (c *cell) serving() bool {
	t := c.table()
	return c.idle() && t != nil && t.Def.Status == table.Active
}

// fullPolicy lets everybody join and the service replicate.
const fullPolicy = `{"Version":"2012-10-17","Statement":[
 {"Sid":"join","Effect":"Allow","Principal":"*","Action":"dynamodb:AssociateTableReplica","Resource":"*"},
 {"Sid":"replicate","Effect":"Allow","Principal":{"Service":"replication.dynamodb.amazonaws.com"},
  "Action":["dynamodb:ReadDataForReplication","dynamodb:WriteDataForReplication","dynamodb:ReplicateSettings"],"Resource":"*"}]}`

// noPolicy lets nobody do anything.
const noPolicy = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Principal":"*","Action":"dynamodb:GetItem","Resource":"*"}]}`

// dataPolicy lets the service replicate data alone, and not keep settings.
const dataPolicy = `{"Version":"2012-10-17","Statement":[
 {"Sid":"join","Effect":"Allow","Principal":"*","Action":"dynamodb:AssociateTableReplica","Resource":"*"},
 {"Sid":"replicate","Effect":"Allow","Principal":{"Service":"replication.dynamodb.amazonaws.com"},
  "Action":["dynamodb:ReadDataForReplication","dynamodb:WriteDataForReplication"],"Resource":"*"}]}`

// policies are what a storm draws from.
var policies = [...]string{fullPolicy, fullPolicy, noPolicy, dataPolicy}

// permit puts a policy on the cell's table.
func (c *cell) permit(doc string) {
	switch doc {
	case noPolicy:
		c.w.Tally.count(Withheld)
	case dataPolicy:
		c.w.Tally.count(WithheldSettings)
	}
	c.w.trace("%v: allows replication: %v, of settings: %v", c, doc != noPolicy, doc == fullPolicy)
	err := c.call(func() error {
		_, err := c.engine.Alter(c.w.ctx, tableName, func(d *table.Definition) error {
			d.Policy = &table.Policy{Document: doc, Revision: c.w.newID()}
			return nil
		})
		return err
	})
	c.expect(err, "PutResourcePolicy")
}

// permitted reports whether the cell's table allows replication.
func (c *cell) permitted() bool {
	p := c.table().Def.Policy
	return p != nil && p.Document == fullPolicy
}

// expect fails the run on an error that no fault explains.
func (c *cell) expect(err error, what string) {
	if err != nil && !c.dead() {
		c.w.fail("%v: %s: %w", c, what, err)
	}
}

// caller is who makes the calls of the cell's control plane.
func (c *cell) caller() replication.Caller {
	p, err := policy.ParsePrincipal(c.name.Account.Root())
	if err != nil {
		c.w.fail("%v: %w", c, err)
	}
	return replication.Caller{Principal: p}
}

// said is what cells log of the events that they alone know of.
var said = map[string]Event{
	"the settings of another member are taken over":                                 SettingsTaken,
	"another member seeds this replica: its source does not answer":                 SourceChanged,
	"a replica was kept from replication for too long and becomes a regional table": Detached,
}

// watch is the log of a cell. An error that no fault explains fails the run.
type watch struct{ c *cell }

func (h watch) Enabled(context.Context, slog.Level) bool { return true }
func (h watch) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h watch) WithGroup(string) slog.Handler            { return h }

func (h watch) Handle(_ context.Context, r slog.Record) error {
	if e, ok := said[r.Message]; ok {
		h.c.w.Tally.count(e)
	}
	if r.Level == slog.LevelWarn {
		h.c.w.trace("%v: warns: %s", h.c, r.Message)
	}
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		if !ok {
			return true
		}
		h.c.w.trace("%v: logs: %v", h.c, err)
		var contract *aws.Error
		if !h.c.dead() && !errors.Is(err, kv.ErrClosed) && !errors.Is(err, clock.ErrAhead) && !errors.As(err, &contract) {
			h.c.w.fail("%v: its log has: %w", h.c, err)
		}
		return true
	})
	return nil
}
