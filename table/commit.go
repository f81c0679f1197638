package table

import (
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
)

// change is one change of one item: from old to next.
type change struct {
	table  *Table
	rowKey []byte
	key    item.Item // The key attributes.
	old    row
	next   conflict.State
	cause  changelog.Cause
	tx     uint64
	with   []string // The tables that the record names; see changelog.Record.
	silent bool     // Only the version moves: the image is the same, and no record is written.

	sizes *collections
	place int // Of the item's collection among sizes.
}

// commitScratch is the memory of commit, reused from write to write.
type commitScratch struct {
	row, record, tombstone []byte
	indexes                indexScratch
}

// commit is the one way to change an item, whoever asks for it: a client,
// expiry, another replica, a restore. It puts the row, the index entries and
// the change record into one transaction.
func commit(w *kv.Writes, s *commitScratch, c *change, touched func(Touched)) {
	t := c.table
	if c.old.Deleted {
		s.tombstone = appendTombstoneKey(s.tombstone[:0], t.Def.Number, c.old.Version.Time, c.rowKey)
		w.Delete(s.tombstone)
	}
	var before, after item.Item
	if c.old.exists {
		before = c.old.Item
	}
	switch {
	case !c.next.Deleted:
		after = c.next.Item
		s.row = appendRow(s.row[:0], &c.next)
		w.Set(c.rowKey, s.row)
	case t.versioned:
		s.row = appendRow(s.row[:0], &c.next)
		w.Set(c.rowKey, s.row)
		s.tombstone = appendTombstoneKey(s.tombstone[:0], t.Def.Number, c.next.Version.Time, c.rowKey)
		w.Set(s.tombstone, tombstoneMark)
	default:
		w.Delete(c.rowKey)
	}
	t.updateIndexes(w, &s.indexes, c.rowKey, before, after, touched)
	if c.place >= 0 {
		c.sizes.move(c.place, t.weight(after)-t.weight(before))
	}
	if c.silent || !t.logs(c.cause) {
		return
	}
	r := changelog.Record{
		Version: c.next.Version, Previous: c.old.Version, Vector: c.next.Vector, Parts: c.next.Parts,
		Transaction: c.tx, Tables: c.with, Cause: c.cause, Deleted: c.next.Deleted, Key: c.key,
	}
	if t.keepNew {
		r.New = after
	}
	if t.keepOld {
		r.Old = before
	}
	s.record = r.Append(s.record[:0])
	w.Append(t.Log.ID, s.record)
}

// tombstoneMark is the value of a tombstone's entry by version; its key says
// all.
var tombstoneMark = []byte{rowFormat}
