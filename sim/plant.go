package sim

import (
	"context"
	"slices"
	"time"

	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// Plant is a bug that a run has on purpose: a checker that lets it pass checks
// nothing.
type Plant uint8

// The bugs.
const (
	NoPlant      Plant = iota
	LostBatch          // Now and then a batch is acknowledged without its records.
	Restamped          // Records come with the time of their arrival: the last to arrive wins.
	ForgetClock        // After a crash the clock goes back, and what it promised is forgotten.
	EarlySweep         // Members claim to have applied what they have not: tombstones go too early.
	StaleIndex         // Now and then an index entry is not deleted.
	Leak               // Batches also reach a cell that is no member.
	UnsyncedDisk       // The disk says that it has synced, and has not.
	SilentLoss         // Now and then a conflict does not get into the journal.
	NoFloor            // Cells forget that they dropped tombstones.
	ShownApart         // The ledgers do not have the rule that transactions become visible together.
	NoTables           // Records come without the tables that belong to their transaction.
	NoParts            // Records come without the account of what was added.
	NotSeen            // A read tells of its own cell's writes alone.
	NoEditions         // Nobody hears of later settings.
)

func (p Plant) String() string {
	names := [...]string{"none", "lost batch", "restamped", "forgotten clock", "early sweep", "stale index", "leak", "unsynced disk", "silent loss", "no floor", "shown apart", "no tables", "no parts", "not seen", "no editions"}
	return names[p]
}

// message plants a bug into a message on its arrival.
func (p Plant) message(w *world, l letter) *replication.Message {
	m := *l.m
	switch {
	case p == NoEditions:
		m.Edition = table.Edition{}
	case p == LostBatch && m.Kind == replication.Batch && w.rng.IntN(20) == 0:
		m.Entries = nil
	case p == Restamped && m.Kind == replication.Batch:
		m.Entries = slices.Clone(m.Entries)
		for i := range m.Entries {
			m.Entries[i].Record = restamp(m.Entries[i].Record, w.cells[l.to].micros(), w.cells[l.from])
		}
	case p == EarlySweep && m.Kind == replication.Progress:
		far := clock.Timestamp{Wall: w.now + time.Hour.Microseconds()}
		m.LowWater, m.To = far, 0
		m.Applied = nil
		for _, c := range w.cells {
			m.Applied = append(m.Applied, replication.Mark{Cell: c.name, Time: far})
		}
	case (p == NoFloor || p == NoParts || p == NoTables) && m.Kind == replication.Batch:
		m.Entries = slices.Clone(m.Entries)
		for i := range m.Entries {
			m.Entries[i].Record = p.forget(m.Entries[i].Record, w.cells[l.from])
		}
	case p == Leak && m.Kind == replication.Batch && len(m.Entries) > 0:
		leak(w, m.Entries)
	}
	return &m
}

func restamp(b []byte, now int64, from *cell) []byte {
	r, err := changelog.Decode(slices.Clone(b), conflict.NewDecoder(from.name))
	if err != nil {
		return b
	}
	r.Version.Time.Wall = now
	return r.Append(nil)
}

// forget takes out of a record what the plant keeps from it.
func (p Plant) forget(b []byte, from *cell) []byte {
	r, err := changelog.Decode(slices.Clone(b), conflict.NewDecoder(from.name))
	if err != nil {
		return b
	}
	switch p {
	case NoFloor:
		r.Vector.Floor = clock.Timestamp{}
	case NoTables:
		r.Tables = nil
	default:
		r.Parts = nil
	}
	return r.Append(nil)
}

func leak(w *world, entries []replication.Entry) {
	c := w.outsider()
	if !c.idle() {
		return
	}
	for _, e := range entries {
		r, err := changelog.Decode(slices.Clone(e.Record), conflict.NewDecoder(c.name))
		if err == nil && !r.Deleted {
			s := conflict.State{Version: r.Version, Item: r.New}
			_, err = c.engine.Apply(w.ctx, c.table(), []conflict.State{s}, nil)
		}
		if err != nil {
			w.trace("leak: %v", err)
		}
	}
}

// disk plants a bug into an update of a cell's store.
func (p Plant) disk(d *disk, fn func([][]byte, *kv.Writes) error) func([][]byte, *kv.Writes) error {
	switch {
	case p == SilentLoss && d.cell.w.rng.IntN(10) == 0:
		return without(fn, 'o')
	case p != StaleIndex || d.cell.w.rng.IntN(10) > 0:
		return fn
	}
	return func(values [][]byte, w *kv.Writes) error {
		var all kv.Writes
		if err := fn(values, &all); err != nil {
			return err
		}
		all.Apply(w.Set, func(key []byte) {
			const index = 1 + 4 // Where the index's number stands; see docs/formats/store.md.
			if key[0] != 'd' || key[index] == 0 && key[index+1] == 0 {
				w.Delete(key)
			}
		}, w.Append)
		return nil
	}
}

// without leaves out what an update sets under a first byte; see
// docs/formats/catalog.md.
func without(fn func([][]byte, *kv.Writes) error, first byte) func([][]byte, *kv.Writes) error {
	return func(values [][]byte, w *kv.Writes) error {
		var all kv.Writes
		if err := fn(values, &all); err != nil {
			return err
		}
		all.Apply(func(key, value []byte) {
			if key[0] != first {
				w.Set(key, value)
			}
		}, w.Delete, w.Append)
		return nil
	}
}

// syncs reports whether the disk syncs when it says so.
func (p Plant) syncs(w *world) bool { return p != UnsyncedDisk || w.rng.IntN(10) > 0 }

// restart plants a bug into what a crash left.
func (p Plant) restart(c *cell) {
	if p != ForgetClock {
		return
	}
	key := []byte("t") // The clock's reading; see docs/formats/store.md.
	_, err := c.disk.Mem.Update(context.WithoutCancel(c.w.ctx), kv.Plan{Write: [][]byte{key}}, func(_ [][]byte, w *kv.Writes) error {
		w.Delete(key)
		return nil
	})
	if err != nil {
		c.w.fail("%v: %w", c, err)
	}
	c.disk.Sync()
	c.skew -= 40 * time.Second
}
