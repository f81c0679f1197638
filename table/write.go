package table

import (
	"context"
	"errors"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
)

// Kind says what a Write does.
type Kind uint8

// The kinds of writes.
const (
	Put Kind = iota
	Update
	Delete
	Check // Only tests its condition. Part of transactions alone.
)

// Write is one write of one item, its result included. The slices that it
// names must stay as they are until the write is over.
type Write struct {
	Table     *Table
	Kind      Kind
	Key       Key
	Item      item.Item       // Of a Put: the whole item, which Key is a view of.
	Update    *expr.Update    // Of an Update; nil only makes sure that the item exists.
	Condition *expr.Condition // Nil where there is none.

	KeepOld          bool // Old is wanted.
	KeepOldOnFailure bool // Old is wanted when the condition fails.
	KeepIndexes      bool // Touched is wanted.

	Old     item.Item // The image before, nil where there was none.
	New     item.Item // The image after, nil after a Delete.
	OldSize int       // Zero where there was no item.
	NewSize int
	Touched []Touched

	// At is where the write is in the log of a replicated table; zero where it made
	// no version, and in regional tables.
	At kv.Position

	// Collection is the size of the item's collection after the write, in bytes;
	// zero where the table has no local indexes.
	Collection int64

	made    bool   // A version.
	counted bool   // New has a sum that is not that of what was there to see: see conflict.Counted.
	image   []byte // The memory of New after an Update.
}

// Touched is an index whose entry a write changed, with the entry's size in
// bytes before and after, zero where there is none.
type Touched struct {
	Index         *Index
	Before, After int
	Moved         bool // The entry's key changed: one entry went, another came.

	From, To uint64 // The hashes that place the entry before and after; see Table.Place.
}

// ErrConditionFailed is AWS's answer when a condition is false.
var ErrConditionFailed = aws.Errorf("ConditionalCheckFailedException", "The conditional request failed")

// errRetired makes a write start again on the table's present state.
var errRetired = errors.New("table: the table changed")

// errItemTooLarge is AWS's answer to an update that grows an item over the
// limit.
var errItemTooLarge = aws.Validation("Item size to update has exceeded the maximum allowed size")

// writeScratch is the memory of one write, reused from write to write.
type writeScratch struct {
	commit commitScratch
	rowKey []byte
	key    []byte
	next   []byte
	plan   [][]byte
	sizes  collections
}

// Write runs one write. It returns when the result is durable; so is a failed
// condition. An item that a transaction under way has is not looked at: the answer
// is ErrConflict at once.
func (e *Engine) Write(ctx context.Context, w *Write) error {
	s := e.scratch.Get().(*writeScratch)
	defer e.scratch.Put(s)
	for {
		s.rowKey = w.Table.appendRowKey(s.rowKey[:0], w.Key)
		if e.ongoing.taken(s.rowKey) {
			w.before(row{})
			return ErrConflict
		}
		s.sizes.reset()
		place := s.sizes.place(w.Table, s.rowKey)
		s.plan = append(append(s.plan[:0], s.rowKey), s.sizes.keys...)
		gate := w.Table.enter()
		at, err := e.store.Update(ctx, kv.Plan{Guard: w.Table.guard, Write: s.plan}, func(values [][]byte, kw *kv.Writes) error {
			if err := s.sizes.load(values[1:]); err != nil {
				return err
			}
			if err := e.write(w, s, &s.sizes, place, values[0], kw); err != nil {
				return err
			}
			s.sizes.keep(kw)
			return nil
		})
		gate.leave(at)
		if !errors.Is(err, errRetired) {
			w.at(at, err)
			if err == nil && w.made {
				e.ongoing.wrote(s.rowKey)
			}
			return err
		}
		if err := e.renew(&w.Table); err != nil {
			return err
		}
	}
}

// at notes where the write is.
func (w *Write) at(at kv.Position, err error) {
	w.At = 0
	if err == nil && w.made && w.Table.replicated {
		w.At = at
	}
}

// renew replaces a retired table by its present state.
func (e *Engine) renew(t **Table) error {
	now := e.Table((*t).Def.Name)
	if now == nil || now.Def.ID != (*t).Def.ID {
		return ErrNoTable
	}
	*t = now
	return nil
}

// write is what one write does under the lock of its key. place is that of its
// collection among sizes.
func (e *Engine) write(w *Write, s *writeScratch, sizes *collections, place int, stored []byte, kw *kv.Writes) error {
	t := w.Table
	if t.retired.Load() {
		return errRetired
	}
	old, err := e.prepare(w, s, stored)
	if err != nil {
		return err
	}
	w.Collection = sizes.size(place)
	if !old.exists && w.Kind == Delete {
		return nil // A no-op makes no version (recorded).
	}
	if old.exists && w.Kind != Delete && !w.counted && string(old.Item) == string(w.New) {
		if w.KeepIndexes {
			w.Touched = w.Touched[:0]
		}
		return nil // A no-op makes no version (recorded).
	}
	if place >= 0 {
		if err := sizes.plan(place, w.growth(old), e.maxCollection); err != nil {
			return err
		}
	}
	c := change{old: old, rowKey: s.rowKey, sizes: sizes, place: place}
	return e.put(w, s, &c, e.hybrid.After(old.Version.Time), kw)
}

// prepare works out what a write does to what is stored: it tests the condition
// and makes the image after.
func (e *Engine) prepare(w *Write, s *writeScratch, stored []byte) (row, error) {
	old, err := decodeRow(stored, e.decoder)
	if err != nil {
		return old, err
	}
	if stored != nil && !w.Table.holds(old.Item, w.Key) {
		return old, errCollision
	}
	w.before(old)
	if w.Condition != nil && !w.Condition.Eval(existing(old)) {
		return old, ErrConditionFailed
	}
	s.next, err = w.after(e.decoder, s, old)
	return old, err
}

// put commits a prepared write with the time of its version. c says where it is,
// what was there, and the transaction, if there is one.
func (e *Engine) put(w *Write, s *writeScratch, c *change, at clock.Timestamp, kw *kv.Writes) error {
	w.made = true
	s.key = w.Table.KeyItem(s.key[:0], w.Key)
	c.table, c.key, c.cause = w.Table, s.key, changelog.Client
	c.next = conflict.State{
		Version: conflict.Version{Time: at, Cell: e.cell},
		Deleted: w.Kind == Delete,
		Item:    w.New,
	}
	c.next.Vector = w.Table.follow(&c.old, c.next.Version)
	if c.next.Deleted {
		c.next.Item = s.key
	}
	if w.Table.merging && w.Kind == Update {
		if err := conflict.Track(e.decoder, &c.old.State, &c.next, w.acts()); err != nil {
			return err
		}
	}
	commit(kw, &s.commit, c, w.touch())
	w.Collection = c.sizes.size(c.place)
	return nil
}

// acts says what an update does to each attribute, for the rule merge.
func (w *Write) acts() []conflict.Act {
	if w.Update == nil {
		return nil
	}
	var out []conflict.Act
	for name, clause := range w.Update.Changes() {
		act := conflict.Act{Name: name}
		switch clause.Clause {
		case expr.ClauseAdd:
			act.Kind, act.Operand = conflict.Add, clause.Operand
		case expr.ClauseDelete:
			act.Kind, act.Operand = conflict.Take, clause.Operand
		default:
		}
		out = append(out, act)
	}
	return out
}

// errCollision reports two partition keys with one hash. It has never been
// seen; it must not pass for data.
var errCollision = errors.New("table: two partition keys have one hash: the item is refused")

func existing(r row) item.Item {
	if !r.exists {
		return nil
	}
	return r.Item
}

// before keeps what the caller wants of the image before.
func (w *Write) before(old row) {
	w.Old, w.OldSize, w.Touched, w.made = w.Old[:0], 0, w.Touched[:0], false
	if !old.exists {
		w.Old = nil
		return
	}
	w.OldSize = old.Item.Size()
	if w.KeepOld || w.KeepOldOnFailure {
		w.Old = append(w.Old, old.Item...)
	}
}

// after works out the image after. It returns the scratch that it used.
func (w *Write) after(d *conflict.Decoder, s *writeScratch, old row) ([]byte, error) {
	next := s.next
	w.counted = false
	switch w.Kind {
	case Put:
		w.New = w.Item
	case Delete, Check:
		w.New, w.NewSize = nil, 0
		return next, nil
	case Update:
		base := old.Item
		if !old.exists {
			s.key = w.Table.KeyItem(s.key[:0], w.Key)
			base = s.key
		}
		image := base
		if w.Update != nil {
			var err error
			if image, err = w.Update.Apply(next[:0], base); err != nil {
				return next, err
			}
			next = image
			if w.Table.merging {
				counted, err := conflict.Counted(d, &old.State, image, w.acts())
				if err != nil {
					return next, err
				}
				w.counted = string(counted) != string(image)
				image = counted
			}
		}
		w.image = append(w.image[:0], image...)
		w.New = w.image
		if err := w.Table.checkIndexKeys(w.New, base, w.Update); err != nil {
			return next, err
		}
	}
	w.NewSize = w.New.Size()
	if w.NewSize > MaxItemSize || w.Kind == Update && w.Table.Size(w.New) > MaxItemSize {
		return next, errItemTooLarge
	}
	return next, nil
}

// touch returns what commit tells about index entries, nil when nobody asks.
func (w *Write) touch() func(Touched) {
	if !w.KeepIndexes {
		return nil
	}
	return func(t Touched) { w.Touched = append(w.Touched, t) }
}

// WriteBatch runs puts and deletes without conditions, each its own, in as few
// commits as the store's limits allow. No two may name the same item; all
// items must be of this cell. Writes of items that transactions under way have are
// left out: it returns which, in order.
func (e *Engine) WriteBatch(ctx context.Context, writes []*Write) (conflicts []int, err error) {
	writes, conflicts = e.free(writes)
	return conflicts, e.writeAll(ctx, writes)
}

// free returns those of the writes whose items no transaction has, and the numbers
// of the others.
func (e *Engine) free(writes []*Write) (free []*Write, conflicts []int) {
	if e.ongoing.held.Load() == 0 {
		return writes, nil
	}
	var key []byte
	for i, w := range writes {
		key = w.Table.appendRowKey(key[:0], w.Key)
		if e.ongoing.taken(key) {
			w.before(row{})
			conflicts = append(conflicts, i)
		} else {
			free = append(free, w)
		}
	}
	return free, conflicts
}

func (e *Engine) writeAll(ctx context.Context, writes []*Write) error {
	for len(writes) > 0 {
		n, size := 0, 0
		for n < len(writes) && (n == 0 || size+len(writes[n].Item) < kv.MaxUpdateSize/8) {
			size += len(writes[n].Item)
			n++
		}
		err := e.writeBatch(ctx, writes[:n])
		if errors.Is(err, errRetired) {
			for _, w := range writes[:n] {
				if err := e.renew(&w.Table); err != nil {
					return err
				}
			}
			continue
		}
		if err != nil {
			return err
		}
		writes = writes[n:]
	}
	return nil
}

func (e *Engine) writeBatch(ctx context.Context, writes []*Write) error {
	s := make([]writeScratch, len(writes))
	plan := kv.Plan{Write: make([][]byte, len(writes))}
	places := make([]int, len(writes))
	var sizes collections
	var gates []pass
	var last *Table
	for i, w := range writes {
		s[i].rowKey = w.Table.appendRowKey(nil, w.Key)
		plan.Write[i], places[i] = s[i].rowKey, sizes.place(w.Table, s[i].rowKey)
		if w.Table != last {
			plan.Guard = append(plan.Guard, w.Table.guard[0])
			gates = append(gates, w.Table.enter())
			last = w.Table
		}
	}
	plan.Write = append(plan.Write, sizes.keys...)
	at, err := e.store.Update(ctx, plan, func(values [][]byte, kw *kv.Writes) error {
		if err := sizes.load(values[len(writes):]); err != nil {
			return err
		}
		for i, w := range writes {
			if err := e.write(w, &s[i], &sizes, places[i], values[i], kw); err != nil {
				return err
			}
		}
		sizes.keep(kw)
		return nil
	})
	for _, g := range gates {
		g.leave(at)
	}
	for i, w := range writes {
		w.at(at, err)
		if err == nil && w.made {
			e.ongoing.wrote(s[i].rowKey)
		}
	}
	return err
}
