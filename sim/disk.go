package sim

import (
	"context"

	"github.com/hortusdb/hortus/kv"
)

// disk is a cell's store: a kv.Mem whose commits are visible before they are
// durable. Update and WaitDurable return when they are durable, as the contract
// says, and the cell can crash at each point between.
type disk struct {
	*kv.Mem
	cell *cell
	fuse int     // Points to pass until the cell crashes; 0 is none.
	left *kv.Mem // After a crash: what it left.

	// between is called after a commit is visible and before it is durable.
	between func()
}

func newDisk(c *cell) *disk {
	return &disk{cell: c, Mem: kv.NewMem(kv.MemOptions{Now: c.micros, ManualSync: true})}
}

// point is a place where the cell can crash, which e names. It reports whether
// the cell is alive.
func (d *disk) point(e Event) bool {
	if d.left != nil {
		return false
	}
	if d.fuse > 0 {
		if d.fuse--; d.fuse == 0 {
			d.cell.w.Tally.count(e)
			d.crash()
			return false
		}
	}
	return true
}

func (d *disk) crash() {
	if d.left == nil {
		d.left = d.Crash()
	}
}

// last returns the position of the last commit; zero after a crash.
func (d *disk) last() kv.Position {
	if d.left != nil {
		return 0
	}
	at, err := d.GetMany(d.cell.w.ctx, nil, nil)
	if err != nil {
		d.cell.w.fail("%v: %w", d.cell, err)
	}
	return at
}

// reopen is the disk after a crash.
func (d *disk) reopen() *disk { return &disk{cell: d.cell, Mem: d.left} }

// Update implements kv.Store.
func (d *disk) Update(ctx context.Context, p kv.Plan, fn func([][]byte, *kv.Writes) error) (kv.Position, error) {
	if !d.point(CrashBefore) {
		return 0, kv.ErrClosed
	}
	at, err := d.Mem.Update(ctx, p, d.cell.w.Plant.disk(d, fn))
	if err != nil || at <= d.Durable() {
		return at, err
	}
	if hook := d.between; hook != nil {
		d.between = nil
		hook()
		d.between = hook
	}
	if !d.point(CrashVisible) {
		return 0, kv.ErrClosed // The commit is lost, unless another one took it along.
	}
	if d.cell.w.Plant.syncs(d.cell.w) {
		d.Sync()
	}
	if !d.point(CrashDurable) {
		return 0, kv.ErrClosed // The commit is there, and nobody was told.
	}
	return at, nil
}

// WaitDurable implements kv.Store.
func (d *disk) WaitDurable(ctx context.Context, at kv.Position) error {
	if !d.point(CrashElsewhere) {
		return kv.ErrClosed
	}
	if at > d.Durable() {
		d.Sync()
	}
	return d.Mem.WaitDurable(ctx, at)
}

// DropRange implements kv.Store.
func (d *disk) DropRange(ctx context.Context, r kv.Range) error {
	if !d.point(CrashElsewhere) {
		return kv.ErrClosed
	}
	return d.Mem.DropRange(ctx, r)
}
