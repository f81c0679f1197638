package sim

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/table"
)

// checkJournals holds the conflict journals to the logs: what a replica
// overwrote although whoever wrote over it had not seen it is in the journal of
// the cell that made it, and nothing else is in any journal.
func (w *world) checkJournals() {
	for _, c := range w.cells[:w.Members] {
		noted := map[string]map[conflict.Version]bool{}
		all := w.journal(c)
		for _, x := range all {
			w.Tally.count(Conflicted)
			p, err := parsePlant(x.Key)
			if err != nil {
				w.fail("%v: journal: %w", c, err)
				return
			}
			w.checkConflict(c, p.key(), &x)
			if noted[p.key()] == nil {
				noted[p.key()] = map[conflict.Version]bool{}
			}
			noted[p.key()][x.Lost.Version] = true
		}
		w.checkNoted(c, noted)
		if n := c.engine.Journal(c.table()).Conflicts; n != int64(len(all)) {
			w.fail("%v: its journal holds %d conflicts, and counts %d", c, len(all), n)
		}
	}
}

// journal reads a cell's journal by pages.
func (w *world) journal(c *cell) []table.Conflict {
	var out []table.Conflict
	q := table.ConflictQuery{Limit: 7}
	for {
		page, next, err := c.engine.Conflicts(w.ctx, c.table(), q)
		if err != nil {
			w.fail("%v: journal: %w", c, err)
			return nil
		}
		out = append(out, page...)
		if q.After = next; next == nil {
			break
		}
	}
	return out
}

// checkConflict holds an entry to the log: the writer of what was kept had not
// seen what was lost.
func (w *world) checkConflict(c *cell, key string, x *table.Conflict) {
	made := w.audit.made[key]
	lost, ok := made[x.Lost.Version]
	kept, ok2 := made[x.Kept.Version]
	switch {
	case !ok || !ok2:
		w.fail("%v: journal: %s: %v or %v was never made", c, key, x.Lost.Version, x.Kept.Version)
	case kept.Covers(x.Lost.Version) || lost.Covers(x.Kept.Version):
		w.fail("%v: journal: %s: %v lost to %v, and they are not concurrent", c, key, x.Lost.Version, x.Kept.Version)
	case x.Lost.Version.Compare(x.Kept.Version) >= 0:
		w.fail("%v: journal: %s: %v lost to %v", c, key, x.Lost.Version, x.Kept.Version)
	}
	if p, err := parsePlant(x.Lost.Item); err != nil || p != w.audit.versions[key][x.Lost.Version].p {
		w.fail("%v: journal: %s: the image of %v is %+v, %w", c, key, x.Lost.Version, p, err)
	}
}

// checkNoted looks for writes of a cell that were overwritten in silence: nobody
// has written over them who had seen them, and they are gone.
func (w *world) checkNoted(c *cell, noted map[string]map[conflict.Version]bool) {
	for _, x := range w.audit.logs[c.table().Def.ID].entries {
		if !x.local || x.forgotten || noted[x.key][x.version] || w.audit.greatest[x.key].version == x.version {
			continue
		}
		if y := w.audit.coveredBy(x); y == (conflict.Version{}) {
			w.fail("%v: %s: %v was overwritten by a write that had not seen it, and is not in the journal", c, x.key, x.version)
		}
	}
}

// coveredBy returns a later version whose writer had seen x, or beside which it
// makes no difference that x was made: both are deletions.
func (a *audit) coveredBy(x audited) conflict.Version {
	for v, s := range a.made[x.key] {
		if v.Compare(x.version) > 0 && (s.Covers(x.version) || (x.deleted && s.Deleted)) {
			return v
		}
	}
	return conflict.Version{}
}

// rowBytes returns the stored bytes of each item of a replica.
func (w *world) rowBytes(c *cell) map[string][]byte {
	out := map[string][]byte{}
	_, _, err := c.engine.Snapshot(w.ctx, c.table(), nil, func(r table.Row) bool {
		s, err := c.engine.State(slices.Clone(r))
		if err != nil {
			w.fail("%v: %w", c, err)
			return false
		}
		k, err := c.table().ItemKey(s.Item)
		if err != nil {
			w.fail("%v: %w", c, err)
			return false
		}
		out[string(c.table().KeyItem(nil, k))] = slices.Clone(r)
		return true
	})
	if err != nil && !c.dead() {
		w.fail("%v: %w", c, err)
	}
	return out
}

// differentBytes says where two replicas hold different bytes, vectors included;
// "" when nowhere.
func (w *world) differentBytes() string {
	first := w.rowBytes(w.cells[0])
	for _, c := range w.cells[1:w.Members] {
		rows := w.rowBytes(c)
		for _, key := range slices.Sorted(maps.Keys(rows)) {
			if !bytes.Equal(rows[key], first[key]) {
				a, _ := w.cells[0].engine.State(first[key])
				b, _ := c.engine.State(rows[key])
				return fmt.Sprintf("%q is %+v in %v, and %+v in %v", key, a, w.cells[0], b, c)
			}
		}
		if len(rows) != len(first) {
			return fmt.Sprintf("%v has %d items, %v has %d", w.cells[0], len(first), c, len(rows))
		}
	}
	return ""
}
