package sim

import (
	"time"

	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// copied is a copy of a cell's disk, and which membership it is of.
type copied struct {
	disk  *kv.Mem
	table string // The table's id.
	since int64
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
	c.copy = &copied{c.disk.Copy(), c.table().Def.ID, c.table().Def.Group.Member(c.name).Since}
}

// putBack has a member start again on a copy that was made before, while all are
// members. Its clock has passed all that it stamped after the copy was made, as that of
// a machine has by the time that somebody has put its disk back.
func (w *world) putBack() {
	c := w.pick(func(c *cell) bool {
		return c.member() && c.serving() && c.copy != nil && c.copy.table == c.table().Def.ID && !c.table().Def.Returning()
	})
	if c == nil || !w.complete() {
		return
	}
	w.audit.follow(c)
	now, err := c.engine.Reading(w.ctx)
	if err != nil {
		c.settleCrash()
		c.expect(err, "Reading")
		return
	}
	if late := now.Wall - c.micros(); late >= 0 {
		c.skew += time.Duration(late+1) * time.Microsecond
	}
	c.crash("is put back to an earlier copy")
	disk := c.copy.disk.Copy()
	w.Tally.count(PutBack)
	w.trace("%v: has again what it had up to %d", c, disk.Durable())
	w.audit.rewind(c.copy.table, disk.Durable())
	back := putBack{disk.Durable(), c.copy.since}
	if c.back.since == back.since {
		back.found = min(back.found, c.back.found) // The others do not know yet of the time before.
	}
	c.disk.left, c.back = disk, back
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
			if g, ok := a.greatest[x.key]; !ok || g.version.Compare(x.version) < 0 {
				a.greatest[x.key] = x.written
			}
		}
	}
}
