package table

import (
	"context"
	"errors"
	"fmt"

	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
)

// MaxApply is how many incoming states one commit takes.
const MaxApply = 256

// Applied counts what became of incoming states.
type Applied struct {
	Written int // Won against what was here.
	Lost    int // Older than what was here.
	Known   int // Here already.

	Conflicts int // Writes that were overwritten by one that had not seen them; all are in the journal.

	Commit kv.Position // Of the last commit: all is applied for good once it is durable.
}

// Apply merges states of other replicas into a table, in order, at most
// MaxApply of them. It may be given the same ones again. also is written in
// the last commit: a reader's cursor then never passes what is not applied.
// It observes the versions' times, and refuses all states with clock.ErrAhead
// when one is too far in the future.
//
// A state that wins is an ordinary change here: it is indexed, and it is in the
// log, but it keeps its origin and is not shipped on. A write that is overwritten
// by one that had not seen it goes into the conflict journal, in the same commit,
// whichever of the two was here.
func (e *Engine) Apply(ctx context.Context, t *Table, states []conflict.State, also func(w *kv.Writes)) (Applied, error) {
	var sum Applied
	for i := range states {
		if err := e.hybrid.Observe(states[i].Version.Time); err != nil {
			return sum, err
		}
	}
	for done := false; !done; {
		keys, err := t.distinct(states)
		if err != nil {
			return sum, err
		}
		last := also
		if len(keys) < len(states) {
			last = nil
		}
		some, err := e.apply(ctx, t, states[:len(keys)], keys, last)
		if errors.Is(err, errRetired) {
			if err := e.renew(&t); err != nil {
				return sum, err
			}
			continue
		}
		if err != nil {
			return sum, err
		}
		sum.Written += some.Written
		sum.Lost += some.Lost
		sum.Known += some.Known
		sum.Conflicts += some.Conflicts
		sum.Commit = max(sum.Commit, some.Commit)
		states = states[len(keys):]
		done = len(states) == 0
	}
	return sum, nil
}

// distinct returns the keys of the longest head of states that names no item
// twice.
func (t *Table) distinct(states []conflict.State) ([]applyKey, error) {
	if len(states) > MaxApply {
		states = states[:MaxApply]
	}
	seen := make(map[string]bool, len(states))
	out := make([]applyKey, 0, len(states))
	for i := range states {
		k, err := t.ItemKey(states[i].Item)
		if err != nil {
			return nil, fmt.Errorf("table: %s: incoming item: %w", t.Def.Name, err)
		}
		row := t.appendRowKey(nil, k)
		if seen[string(row)] {
			break
		}
		seen[string(row)] = true
		out = append(out, applyKey{key: k, row: row})
	}
	return out, nil
}

type applyKey struct {
	key   Key
	row   []byte
	place int // Of its collection.
}

func (e *Engine) apply(ctx context.Context, t *Table, states []conflict.State, keys []applyKey, also func(w *kv.Writes)) (Applied, error) {
	plan := kv.Plan{Guard: t.guard, Write: make([][]byte, len(keys))}
	var sizes collections
	for i := range keys {
		plan.Write[i] = keys[i].row
		keys[i].place = sizes.place(t, keys[i].row)
	}
	plan.Write = append(plan.Write, sizes.keys...)
	s := e.scratch.Get().(*writeScratch)
	defer e.scratch.Put(s)
	var sum Applied
	noted := int64(0) // Bytes of the journal.
	at, err := e.store.Update(ctx, plan, func(values [][]byte, w *kv.Writes) error {
		sum, noted = Applied{}, 0
		if t.retired.Load() {
			return errRetired
		}
		if err := sizes.load(values[len(keys):]); err != nil {
			return err
		}
		for i := range states {
			n, err := e.applyOne(t, &states[i], keys[i], values[i], s, &sizes, w, &sum)
			if err != nil {
				return err
			}
			noted += n
		}
		sizes.keep(w)
		if also != nil {
			also(w)
		}
		return nil
	})
	sum.Commit = at
	if err == nil && sum.Conflicts > 0 {
		e.journals.add(t.Def.Number, int64(sum.Conflicts), noted)
		if size := e.Journal(t); size.Conflicts > MaxConflicts || size.Bytes > MaxConflictBytes {
			e.upkeep.rouse()
		}
	}
	return sum, err
}

// applyOne merges one state into its row, and returns the bytes that it put into
// the conflict journal.
func (e *Engine) applyOne(t *Table, in *conflict.State, k applyKey, stored []byte, s *writeScratch, sizes *collections, w *kv.Writes, sum *Applied) (int64, error) {
	old, err := decodeRow(stored, e.decoder)
	if err != nil {
		return 0, err
	}
	if stored != nil && !t.holds(old.Item, k.key) {
		return 0, errCollision
	}
	s.key = t.KeyItem(s.key[:0], k.key)
	if in.Parts != nil {
		if err := e.decoder.CheckParts(in.Parts); err != nil {
			return 0, err
		}
	}
	out := conflict.Outcome{State: *in}
	if stored != nil {
		if out, err = conflict.Resolve(e.decoder, s.key, &old.State, in); err != nil {
			return 0, err
		}
	}
	noted := int64(0)
	for i := range out.Lost {
		other := in.Version
		if out.Lost[i].Version == in.Version {
			other = old.Version
		}
		noted += e.note(w, t, s.key, &out.Lost[i], &out.State, other)
		sum.Conflicts++
	}
	switch {
	case in.Version == old.Version && stored != nil:
		sum.Known++
	case out.State.Version != in.Version:
		sum.Lost++
	default:
		sum.Written++
	}
	if stored != nil && unchanged(&old.State, &out.State) {
		return noted, nil
	}
	c := change{table: t, rowKey: k.row, key: s.key, old: old, next: out.State, cause: changelog.Replica, sizes: sizes, place: k.place}
	if c.next.Deleted {
		c.next.Item = s.key
	}
	// A tombstone for what is not here, or the image that is here already,
	// moves the version and the vector alone: nothing that a reader of the log
	// could see.
	c.silent = (c.next.Deleted && !old.exists) || (!c.next.Deleted && old.exists && string(old.Item) == string(c.next.Item))
	commit(w, &s.commit, &c, nil)
	return noted, nil
}

// unchanged reports whether a merge left the row as it was.
func unchanged(old, next *conflict.State) bool {
	return old.Version == next.Version && old.Vector.Equal(&next.Vector) &&
		old.Deleted == next.Deleted && string(old.Parts) == string(next.Parts) && string(old.Item) == string(next.Item)
}

// Row is a stored state on its way to a replica that is being seeded.
type Row []byte

// State decodes a row that another cell stored. The state is a view of it.
func (e *Engine) State(r Row) (conflict.State, error) {
	out, err := decodeRow(r, e.decoder)
	if err == nil && r == nil {
		err = errMalformedRow
	}
	if err == nil {
		err = item.Validate(out.Item)
	}
	return out.State, err
}

// Snapshot calls fn with the stored states of a table, tombstones included, in
// the order of their keys from after on, until fn returns false. It returns the
// key to go on from, nil at the end. States may be newer than those of an
// earlier call: whoever copies a table reads its log from before the first. They
// are there for good once the position is durable.
func (e *Engine) Snapshot(ctx context.Context, t *Table, after []byte, fn func(r Row) bool) ([]byte, kv.Position, error) {
	prefix := appendPrefix(nil, t.Def.Number, baseRows)
	r := kv.Range{Low: prefix, High: changelog.Successor(prefix)}
	if after != nil {
		r.Low = append(append([]byte(nil), after...), 0)
	}
	var last []byte
	stopped := false
	at, err := e.store.Scan(ctx, r, func(key, value []byte) bool {
		if stopped {
			return false
		}
		last = append(last[:0], key...)
		stopped = !fn(value)
		return true
	})
	if err == nil {
		err = e.store.WaitDurable(ctx, at)
	}
	if !stopped {
		last = nil
	}
	return last, at, err
}

// Local reports whether a version was made in this cell.
func (e *Engine) Local(v conflict.Version) bool { return v.Cell == e.cell }
