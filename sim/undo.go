package sim

import (
	"strings"
	"time"

	"github.com/hortusdb/hortus/replication"
)

// mayReturn reports whether a cell was detached against its will, and may still
// come back with its data.
func (c *cell) mayReturn() bool {
	d := c.table().Def.Detached
	return c.w.Undo && c.table().Def.Group == nil && d != nil && d.Own && c.stranded != c.table().Def.ID && dates{c}.Now().UnixMicro() < d.Until
}

// awaits reports whether a cell is what is left of the global table, to which others
// may come back.
func (c *cell) awaits() bool {
	d := c.table().Def.Detached
	return c.w.Undo && c.table().Def.Group == nil && d != nil && !d.Own
}

// reattach has a cell that was detached come back, with all that it has. Who is to
// take it back is given its policy, too.
func (w *world) reattach() {
	c := w.pick(func(c *cell) bool {
		return c.member() && c.serving() && (c.mayReturn() || c.awaits() || (w.rollOut >= apart && c == w.cells[0]))
	})
	if c == nil {
		return
	}
	if !c.permitted() {
		c.permit(fullPolicy)
		return
	}
	if !c.mayReturn() {
		return
	}
	id := c.table().Def.ID
	err := c.call(func() error { return c.repl.Reattach(w.ctx, tableName) })
	w.trace("%v: comes back: %v", c, err)
	w.did(CameBack, err)
	w.contract(c, err, "ReattachReplica")
	if err != nil && strings.Contains(err.Error(), "is no more") {
		c.stranded = id // All others have left for good.
	}
}

// rollOut is how far a bad roll-out of policies has come: see bereave.
type rollOut uint8

const (
	none     rollOut = iota
	withheld         // From all members.
	apart            // They hear nothing of each other either, and are detached.
	over
)

// bereave takes the policies of all members away, as one bad roll-out does, and a while
// later lets so much time pass that each is detached, before it hears of the others. It
// does that once in a run.
func (w *world) bereave() {
	const longEnough = 8_000_000
	switch {
	case !w.Undo || w.now < w.rolledAt:
		return
	case w.rollOut == none && w.rng.IntN(60) == 0:
		if w.pick(func(c *cell) bool { return c != w.outsider() && !c.serving() }) != nil {
			return // All are to have it, and to be there when they lose it.
		}
		w.trace("all lose their leave to replicate")
		for _, c := range w.cells {
			if c.member() {
				c.permit(noPolicy)
			}
		}
	case w.rollOut == withheld:
		w.net.cutAll()
		w.advance(replication.InaccessibleAtMost + time.Hour)
	case w.rollOut == apart:
		w.net.heal()
	default:
		return
	}
	w.rollOut++
	w.rolledAt = w.now + longEnough
}

// forlorn reports whether the first cell, by which all others join, was detached with
// all others, and has still to come back.
func (w *world) forlorn() bool {
	c := w.cells[0]
	return w.rollOut != none && (c.table() == nil || c.mayReturn() || !c.permitted())
}
