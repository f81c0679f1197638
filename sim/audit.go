package sim

import (
	"maps"
	"slices"

	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// audit follows the change logs of all cells from outside, and holds the
// replicas to what is in them.
type audit struct {
	w    *world
	logs map[string]*logAudit // By table id: one for each replica that ever was.

	// greatest is the greatest version of each item that any cell has durably
	// written: what all replicas must come to.
	greatest map[string]written
	versions map[string]map[conflict.Version]written
	made     map[string]map[conflict.Version]conflict.State // As their makers wrote them: version, vector, whether it deletes.
	unknown  []audited                                      // Records of replicas whose maker's log was not seen to have them.
}

// written is one version of an item.
type written struct {
	version conflict.Version
	deleted bool
	p       plant
}

// logAudit follows one log.
type logAudit struct {
	cell    *cell
	read    kv.Position
	time    int64
	alone   bool               // Its table was regional when the log was last read.
	last    map[string]audited // Of each item.
	entries []audited
}

// audited is a record that was seen in a log.
type audited struct {
	at  kv.Position
	key string
	written
	local     bool
	traceless bool // A deletion in a table that was regional: it left nothing.
	forgotten bool // Before such a deletion, or it; see forget.
}

// bury takes a log out of what replicas must come to: its table is gone, and was
// no member any more. What others have of it is in their logs.
func (a *audit) bury(id string) {
	l := a.logs[id]
	if l == nil {
		return
	}
	delete(a.logs, id)
	a.recount(l.entries)
}

func newAudit(w *world) *audit {
	return &audit{
		w: w, logs: map[string]*logAudit{},
		greatest: map[string]written{}, versions: map[string]map[conflict.Version]written{},
		made: map[string]map[conflict.Version]conflict.State{},
	}
}

// follow reads on in the log of a cell's replica. What is merged has no maker whose
// log has it.
func (a *audit) follow(c *cell) {
	t := c.table()
	if t == nil || c == a.w.outsider() || c.dead() || a.w.Merging {
		return
	}
	l := a.logs[t.Def.ID]
	if l == nil {
		l = &logAudit{cell: c, last: map[string]audited{}}
		a.logs[t.Def.ID] = l
	}
	was := l.alone
	l.alone = t.Def.Group == nil
	_, err := c.disk.ReadLog(a.w.ctx, t.Log.ID, l.read, func(e kv.Entry) bool {
		a.record(l, e, was || l.alone)
		return a.w.failure == nil
	})
	if err != nil {
		a.w.fail("%v: log: %w", c, err)
	}
}

// record takes in one entry of a log, whose table may be regional.
func (a *audit) record(l *logAudit, e kv.Entry, alone bool) {
	rec, x, err := a.decode(l.cell, e)
	if err != nil {
		a.w.fail("%v: log: %w", l.cell, err)
		return
	}
	if e.Position < l.read || e.Time < l.time {
		a.w.fail("%v: log goes from %d (%d) back to %d (%d)", l.cell, l.read, l.time, e.Position, e.Time)
	}
	l.read, l.time = e.Position, e.Time
	if last := l.last[x.key]; x.version.Compare(last.version) <= 0 {
		if !last.traceless {
			a.w.fail("%v: log: %s goes from version %v to %v", l.cell, x.key, last.version, x.version)
		}
		a.forget(l, x)
	}
	if rec.Previous.Compare(rec.Version) >= 0 {
		a.w.fail("%v: log: %s: version %v follows %v", l.cell, x.key, rec.Version, rec.Previous)
	}
	x.traceless = x.deleted && alone
	l.last[x.key] = x
	l.entries = append(l.entries, x)
	known := a.versions[x.key]
	if known == nil {
		known = map[conflict.Version]written{}
		a.versions[x.key] = known
	}
	same, seen := known[x.version]
	switch {
	case seen && same != x.written:
		a.w.fail("%v: log: %s: version %v is %+v, and was %+v", l.cell, x.key, x.version, x.written, same)
	case !seen && !x.local:
		a.unknown = append(a.unknown, x)
		return
	case seen && x.local:
		a.w.fail("%v: log: %s: version %v is given out twice", l.cell, x.key, x.version)
	}
	known[x.version] = x.written
	if x.local {
		if a.made[x.key] == nil {
			a.made[x.key] = map[conflict.Version]conflict.State{}
		}
		a.made[x.key][x.version] = conflict.State{Version: rec.Version, Vector: rec.Vector, Deleted: rec.Deleted}
	}
	if g, ok := a.greatest[x.key]; !ok || g.version.Compare(x.version) < 0 {
		a.greatest[x.key] = x.written
	}
}

// forget takes in the first record of an item after a deletion that left nothing,
// made by a clock that had gone back in a crash: nobody knows of what was before.
func (a *audit) forget(l *logAudit, x audited) {
	a.greatest[x.key] = x.written
	for i := range l.entries {
		l.entries[i].forgotten = l.entries[i].forgotten || l.entries[i].key == x.key
	}
}

func (a *audit) decode(c *cell, e kv.Entry) (changelog.Record, audited, error) {
	rec, err := changelog.Decode(slices.Clone(e.Record), conflict.NewDecoder(c.name))
	if err != nil {
		return rec, audited{}, err
	}
	x := audited{at: e.Position, local: rec.Cause != changelog.Replica}
	it := rec.New
	if rec.Deleted {
		it = rec.Key
	}
	p, err := parsePlant(it)
	x.key = p.key()
	x.written = written{rec.Version, rec.Deleted, p}
	return rec, x, err
}

// acknowledged takes in a write that a client was told of: it is in the log,
// durably, as the model says. It returns its version.
func (a *audit) acknowledged(c *cell, before kv.Position, key string, q *write) (made conflict.Version) {
	t := c.table()
	if c == a.w.outsider() {
		return made
	}
	found := false
	_, err := c.disk.ReadLog(a.w.ctx, t.Log.ID, before, func(e kv.Entry) bool {
		_, x, err := a.decode(c, e)
		if err != nil {
			a.w.fail("%v: log: %w", c, err)
		}
		if !x.local {
			return true
		}
		made = x.version
		found = x.key == key && x.deleted == q.deleted && (x.deleted || x.p == q.after)
		return false
	})
	if err != nil {
		a.w.fail("%v: log: %w", c, err)
	}
	if !found {
		a.w.fail("%v: %s %s was acknowledged, and is not in the log", c, q.what, key)
	}
	return made
}

// states returns what a replica holds of each item, tombstones included.
func (w *world) states(c *cell) map[string]written {
	t := c.table()
	out := map[string]written{}
	_, _, err := c.engine.Snapshot(w.ctx, t, nil, func(r table.Row) bool {
		s, err := c.engine.State(slices.Clone(r))
		if err != nil {
			w.fail("%v: %w", c, err)
			return false
		}
		p, err := parsePlant(s.Item)
		if err != nil {
			w.fail("%v: %w", c, err)
			return false
		}
		out[p.key()] = written{s.Version, s.Deleted, p}
		return true
	})
	c.settleCrash()
	if err != nil && !c.dead() {
		w.fail("%v: %w", c, err)
	}
	return out
}

// confirm looks for versions that replicas have, and that their maker does not:
// it is up, and its log was followed to the end.
func (a *audit) confirm() {
	left := a.unknown[:0]
	for _, x := range a.unknown {
		y, seen := a.versions[x.key][x.version]
		maker := a.w.cells[a.w.net.index(x.version.Cell)]
		switch {
		case !seen && x.deleted && a.w.Restore:
			// The deletion of a row whose own deletion was forgotten is of nobody: it is as
			// of the floor of the member that has no trace of the row.
		case !seen && maker.up:
			a.w.fail("%s: version %v (%+v) is in a replica, and its maker does not have it", x.key, x.version, x.p)
		case !seen:
			left = append(left, x)
		case y != x.written:
			a.w.fail("%s: version %v is %+v in a replica, and %+v where it was made", x.key, x.version, x.written, y)
		}
	}
	a.unknown = left
}

// keys lists the items that were ever written, in order.
func (a *audit) keys() []string { return slices.Sorted(maps.Keys(a.greatest)) }
