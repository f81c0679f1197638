package sim

import (
	"slices"
	"time"

	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// copied is a copy of a cell's disk, and which membership it is of.
type copied struct {
	disk  *kv.Mem
	table string // The table's id.
	since int64

	edition table.Edition // Of its settings.
	members []string      // The ids of all tables then.
}

// tables are the ids of all members' tables.
func (w *world) tables() []string {
	var out []string
	for _, c := range w.cells[:w.Members] {
		out = append(out, c.table().Def.ID)
	}
	return out
}

// putBack is a cell's return to a copy: until it is counted anew what others have of
// its log may be of the history that it has forgotten.
type putBack struct {
	found kv.Position // The last position of the copy.
	since int64       // Of its membership then.
}

// copyDisk makes a copy of a member's disk as it is at this moment: while no member is
// being made or counted anew. What a comparison brings after the copy was made is in no
// log, see docs/RELIABILITY.md.
func (w *world) copyDisk() {
	if !w.complete() {
		return
	}
	c := w.pick(func(c *cell) bool {
		return c.member() && c.serving() && c.table().Def.Group != nil && !c.table().Def.Returning()
	})
	if c == nil {
		return
	}
	w.trace("%v: is copied, up to %d", c, c.disk.Durable())
	c.copy = &copied{c.disk.Copy(), c.table().Def.ID, c.table().Def.Group.Member(c.name).Since, c.table().Def.Edition, w.tables()}
}

// putBack has a member start again on a copy that was made before, while all are
// members. Its clock has passed all that it stamped after the copy was made, as that of
// a machine has by the time that somebody has put its disk back.
func (w *world) putBack() {
	c := w.pick(func(c *cell) bool {
		return c.member() && c.serving() && c.copy != nil && c.copy.table == c.table().Def.ID && !c.table().Def.Returning()
	})
	if c == nil || !w.complete() || !slices.Equal(c.copy.members, w.tables()) || !c.passClock() {
		return
	}
	c.crash("is put back to an earlier copy")
	disk := c.copy.disk.Copy()
	w.Tally.count(PutBack)
	w.trace("%v: has again what it had up to %d", c, disk.Durable())
	w.audit.rewind(c.copy.table, disk.Durable())
	w.forgetSettings(c, c.copy.edition)
	back := putBack{disk.Durable(), c.copy.since}
	if c.back.since == back.since {
		back.found = min(back.found, c.back.found) // The others do not know yet of the time before.
	}
	c.disk.left, c.back = disk, back
}

// passClock has a cell's clock pass all that the cell has stamped. It returns false
// where the cell crashes at that.
func (c *cell) passClock() bool {
	c.w.audit.follow(c)
	now, err := c.engine.Reading(c.w.ctx)
	if err != nil {
		c.settleCrash()
		c.expect(err, "Reading")
		return false
	}
	c.passed = now.Wall
	c.setSkew(c.skew)
	return true
}

// lose has a member lose its disk for good, while all are members. The machine comes
// back with an empty one. What it wrote last may be with some of the others alone.
func (w *world) lose() {
	c := w.pick(func(c *cell) bool { return c != w.cells[0] && c.member() && c.serving() })
	if c == nil || !w.complete() || !c.passClock() {
		return
	}
	id := c.table().Def.ID
	c.crash("loses its disk")
	c.disk.left = kv.NewMem(kv.MemOptions{Now: c.micros, ManualSync: true})
	w.Tally.count(DiskLost)
	w.audit.bury(id)
	w.forgetSettings(c, table.Edition{})
}

// setSkew changes a cell's clock, to no time before one that it has to have passed.
func (c *cell) setSkew(d time.Duration) {
	c.skew = max(d, time.Duration(c.passed+1-c.w.now)*time.Microsecond)
}

// forgetSettings takes what was acknowledged of settings for nothing, where no member
// has it once a cell has no more than an edition.
func (w *world) forgetSettings(c *cell, left table.Edition) {
	for _, d := range w.cells[:w.Members] {
		if t := d.table(); d != c && t != nil && t.Def.Edition.Compare(left) > 0 {
			left = t.Def.Edition
		}
	}
	if left.Compare(w.settled.edition) < 0 {
		w.settled = acknowledged{}
	}
}

// forgets reports whether a position on a cell's log may be one that it has
// forgotten.
func (c *cell) forgets(t *table.Table, at kv.Position) bool {
	return at > c.back.found && c.back.since != 0 && t.Def.Group.Member(c.name).Since == c.back.since
}

// rewind takes out of a log what is after a position, since its store was put back to
// there. What others have of it is in their logs.
func (a *audit) rewind(id string, to kv.Position) {
	l := a.logs[id]
	if l == nil {
		return
	}
	var gone []audited
	for i, x := range l.entries {
		if x.at > to {
			l.entries, gone = l.entries[:i:i], l.entries[i:]
			break
		}
	}
	l.read, l.time, l.last = min(l.read, to), 0, map[string]audited{}
	for _, x := range l.entries {
		l.last[x.key] = x
	}
	a.recount(gone)
}

// recount works out anew what replicas must come to of the items of some records that
// are gone.
func (a *audit) recount(gone []audited) {
	for _, x := range gone {
		delete(a.greatest, x.key)
	}
	for _, other := range a.logs {
		for _, x := range other.entries {
			if g, ok := a.greatest[x.key]; !x.forgotten && (!ok || g.version.Compare(x.version) < 0) {
				a.greatest[x.key] = x.written
			}
		}
	}
}
