package sim

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// inspectEvery is after how many steps the costlier checkers look.
const inspectEvery = 50

// inspect runs the checkers that hold at any time.
func (w *world) inspect(step int) {
	for _, c := range w.cells {
		w.audit.follow(c)
	}
	w.audit.confirm()
	if w.Ledgers {
		w.checkLedgers()
	}
	if w.failure != nil || step%inspectEvery != inspectEvery-1 {
		return
	}
	w.inspectAll()
}

func (w *world) inspectAll() {
	for _, c := range w.cells {
		if c.idle() && c.table() != nil {
			w.checkIndexes(c)
			if !w.Merging {
				w.checkCursors(c)
			}
		}
		if c.idle() {
			w.checkPrivate(c)
		}
	}
}

// scan returns the items of a table or of one of its indexes, as they are stored,
// in order.
func (w *world) scan(c *cell, t *table.Table, x *table.Index) []string {
	var out []string
	p := table.Page{Table: t, Index: x}
	for {
		err := c.engine.Query(w.ctx, &p, func(it item.Item) error {
			out = append(out, string(it))
			return nil
		})
		if err != nil {
			w.fail("%v: scan: %w", c, err)
			return out
		}
		if p.Last == nil {
			break
		}
		p.After, p.Last, p.Bytes, p.Scanned = slices.Clone(p.Last), nil, 0, 0
	}
	slices.Sort(out)
	return out
}

// checkIndexes works out the indexes of a replica from its items, and compares.
func (w *world) checkIndexes(c *cell) {
	t := c.table()
	var base []item.Item
	p := table.Page{Table: t}
	if err := c.engine.Query(w.ctx, &p, func(it item.Item) error {
		base = append(base, slices.Clone(it))
		return nil
	}); err != nil {
		w.fail("%v: scan: %w", c, err)
	}
	for i := range t.Def.Indexes {
		x := &t.Def.Indexes[i]
		var want []string
		for _, it := range base {
			if entry := expectedEntry(&t.Def, x, it); entry != "" {
				want = append(want, entry)
			}
		}
		slices.Sort(want)
		if got := w.scan(c, t, x); !slices.Equal(got, want) {
			w.fail("%v: index %s holds\n%v\nand its table has\n%v", c, x.Name, texts(got), texts(want))
		}
	}
}

// texts are items as JSON.
func texts(items []string) []string {
	var out []string
	for _, it := range items {
		out = append(out, string(item.AppendItemJSON(nil, item.Item(it))))
	}
	return out
}

// expectedEntry is the entry of an item in an index, as it is stored; "" when it
// has none.
func expectedEntry(d *table.Definition, x *table.Index, it item.Item) string {
	keep := append([]string{d.Hash, d.Range}, x.NonKey...)
	for _, n := range slices.Concat(x.Hash, x.Range) {
		if _, ok := it.Get(n); !ok {
			return ""
		}
		keep = append(keep, n)
	}
	if x.Projection == table.All {
		return string(it)
	}
	var b item.Builder
	for name, v := range it.All() {
		if slices.Contains(keep, string(name)) {
			b.Add(string(name), v)
		}
	}
	return string(b.Item(nil))
}

// checkCursors holds each cursor of a replica to what it has applied: of every
// record of the other's log up to the cursor it has that version or a later
// one. It reads the cursor as docs/formats/store.md says.
func (w *world) checkCursors(c *cell) {
	t := c.table()
	if t.Def.Group == nil || t.Def.Status != table.Active || c == w.outsider() || t.Def.Returning() {
		return
	}
	states := w.states(c)
	for _, d := range w.cells[:w.Members] {
		peer := d.table()
		if d == c || peer == nil || peer.Def.Group == nil || peer.Def.Returning() {
			continue
		}
		key := append(binary.BigEndian.AppendUint32([]byte{'p'}, t.Def.Number), d.name.String()...)
		b, _, err := c.disk.Get(w.ctx, key, nil)
		l := w.audit.logs[peer.Def.ID]
		if err != nil || len(b) != 9 || l == nil {
			continue
		}
		cursor := kv.Position(binary.BigEndian.Uint64(b[1:]))
		if w.Restore && (d.forgets(peer, cursor) || t.Def.Group.Member(d.name).Since != peer.Def.Group.Member(d.name).Since) {
			continue // A position of the history before: nothing is taken from there any more.
		}
		for _, x := range l.entries {
			if x.at > cursor {
				break
			}
			if x.forgotten {
				continue
			}
			s, ok := states[x.key]
			if x.local && ok && s.version.Compare(x.version) < 0 {
				w.fail("%v: cursor on %v is at %d, and of %s it has %v, and not yet %v of %d", c, d, cursor, x.key, s.version, x.version, x.at)
			}
			if x.local && !ok && !w.audit.deletedSince(x) {
				w.fail("%v: cursor on %v is at %d, and %s of %d is not there", c, d, cursor, x.key, x.at)
			}
		}
	}
}

// deletedSince reports whether a version, or one after it, is a deletion.
func (a *audit) deletedSince(x audited) bool {
	for v, y := range a.versions[x.key] {
		if y.deleted && v.Compare(x.version) >= 0 {
			return true
		}
	}
	return false
}

// checkPrivate looks for what is of another cell: in the private table, and, in
// the cell that is no member, in the table of the same name.
func (w *world) checkPrivate(c *cell) {
	for _, it := range w.scan(c, c.engine.Table(privateName), nil) {
		var b item.Builder
		b.Add("of", item.S(c.name.String()))
		want := string(item.AppendItemJSON(nil, b.Item(nil)))
		if got := string(item.AppendItemJSON(nil, item.Item(it))); !strings.Contains(got, want[1:len(want)-1]) {
			w.fail("%v: its private table has %s", c, got)
		}
	}
	if c != w.outsider() {
		return
	}
	states := w.states(c)
	for _, key := range slices.Sorted(maps.Keys(states)) {
		if states[key].version.Cell != c.name {
			w.fail("%v is no member, and has %s of %v", c, key, states[key].version)
		}
	}
}

// difference says what is not yet in its final state; "" when all is.
func (w *world) difference() string {
	for _, c := range w.cells {
		if !c.idle() {
			return c.String() + " is not up"
		}
	}
	if s := w.incomplete(); s != "" {
		return s
	}
	if s := w.unsettled(); s != "" {
		return s
	}
	if s := w.unbooked(); s != "" {
		return s
	}
	for _, c := range w.cells[:w.Members] {
		if s := w.miscounted(c); s != "" {
			return s
		}
		states := map[string]written{}
		if !w.Merging {
			states = w.states(c)
		}
		for _, key := range w.audit.keys() {
			want := w.audit.greatest[key]
			got, ok := states[key]
			switch {
			case want.deleted && ok && !got.deleted:
				return fmt.Sprintf("%v: %s is there with version %v, and was deleted at %v", c, key, got.version, want.version)
			case want.deleted && ok:
				return fmt.Sprintf("%v: the tombstone of %s, version %v, is still there", c, key, got.version)
			case !want.deleted && !ok:
				return fmt.Sprintf("%v: %s of version %v is not there", c, key, want.version)
			case !want.deleted && got != want:
				return fmt.Sprintf("%v: %s is %+v, want %+v", c, key, got, want)
			}
		}
		if tombstones, err := c.engine.Tombstones(w.ctx, c.table()); err != nil || tombstones {
			return fmt.Sprintf("%v: tombstones: %v, %v", c, tombstones, err)
		}
	}
	return w.differentBytes()
}

// checkEnd runs all checkers on the final state.
func (w *world) checkEnd() {
	w.inspect(0)
	w.inspectAll()
	w.checkDivergence()
	w.checkBooks()
	w.checkSettings()
	if w.Merging {
		return // All that is left to say is in difference.
	}
	if !w.Detach && !w.Restore && !w.Lose {
		// A row that was asked for after a member was detached, or put back, has the vector of all
		// that is part of it: that its writer had not seen what it replaces cannot be
		// told any more.
		w.checkJournals()
	}
	for _, c := range w.cells[:w.Members] {
		states := w.states(c)
		for _, key := range slices.Sorted(maps.Keys(states)) {
			if _, ok := w.audit.greatest[key]; !ok {
				w.fail("%v: %s was never written", c, key)
			}
		}
		l := w.audit.logs[c.table().Def.ID]
		i := 0
		_, err := c.disk.ReadLog(w.ctx, c.table().Log.ID, 0, func(e kv.Entry) bool {
			if i < len(l.entries) && l.entries[i].at == e.Position {
				i++
			}
			return true
		})
		if err != nil || i != len(l.entries) {
			w.fail("%v: of %d records that were in its log, %d are there, %v", c, len(l.entries), i, err)
		}
	}
}
