package table

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
)

// MaxApply is how many incoming states one commit takes.
const MaxApply = 256

// Applied counts what became of incoming states.
type Applied struct {
	Written int // Won against what was here, or were merged into it.
	Lost    int // Older than what was here, and left nothing in it.
	Known   int // Here already.

	Conflicts int // Writes that were overwritten by one that had not seen them; all are in the journal.
	Split     int // Pieces over one of states that were to become visible together, and that no commit holds.

	Commit kv.Position // Of the last commit: all is applied for good once it is durable.
}

// Add adds what became of later states.
func (a *Applied) Add(b Applied) {
	a.Written += b.Written
	a.Lost += b.Lost
	a.Known += b.Known
	a.Conflicts += b.Conflicts
	a.Split += b.Split
	a.Commit = max(a.Commit, b.Commit)
}

// Incoming is a state of another replica on its way into a table.
type Incoming struct {
	Table  *Table
	State  conflict.State
	Joined bool // It becomes visible together with the one before it.
}

// Tally is what became of the states of one table.
type Tally struct {
	Table *Table
	Applied
}

// Apply is ApplyAll for states of one table that become visible one by one. also
// is written in the last commit: a reader's cursor then never passes what is not
// applied.
func (e *Engine) Apply(ctx context.Context, t *Table, states []conflict.State, also func(w *kv.Writes)) (Applied, error) {
	in := make([]Incoming, len(states))
	for i := range states {
		in[i] = Incoming{Table: t, State: states[i]}
	}
	sums, err := e.ApplyAll(ctx, t, in, func(done int, w *kv.Writes) {
		if done == len(in) && also != nil {
			also(w)
		}
	})
	if len(sums) == 0 {
		return Applied{}, err
	}
	return sums[0].Applied, err
}

// ApplyAll merges states of other replicas into their tables, in order, in
// commits of at most MaxApply of them. It may be given the same ones again. t is
// a table whose state is watched, also where there are no states. also is written
// in each commit, and told how many of the states are applied with it. It
// observes the versions' times, and refuses all states with clock.ErrAhead when
// one is too far in the future. It returns when the states are visible, and they
// are durable when Applied.Commit is.
//
// States that are joined are in one commit, unless it is over the limits of the
// store, or one of more than MaxApply; they are not of one item.
//
// A state that wins is an ordinary change here: it is indexed, and a stream shows
// it, but it keeps its origin and is not shipped on. Only a stream has it in the
// log. A write that is overwritten by one that had not seen it goes into the
// conflict journal, in the same commit, whichever of the two was here.
func (e *Engine) ApplyAll(ctx context.Context, t *Table, in []Incoming, also func(done int, w *kv.Writes)) ([]Tally, error) {
	for i := range in {
		if err := e.hybrid.Observe(in[i].State.Version.Time); err != nil {
			return nil, err
		}
	}
	sums := []Tally{{Table: t}}
	for done, limit, over := 0, MaxApply, false; !over; {
		head, keys, err := e.head(in[done:], limit)
		if err != nil {
			return sums, err
		}
		some, err := e.apply(ctx, t, head, keys, func(w *kv.Writes) { also(done+len(head), w) })
		switch {
		case errors.Is(err, errRetired):
			if err := e.renewAll(&t, in[done:]); err != nil {
				return sums, err
			}
			continue
		case errors.Is(err, kv.ErrTooLarge) && len(head) > 1:
			limit = len(head) / 2
			continue
		case err != nil:
			return sums, err
		}
		done += len(head)
		if done < len(in) && in[done].Joined {
			some[len(some)-1].Split++
		}
		sums = addTallies(sums, some)
		limit, over = MaxApply, done == len(in)
	}
	return sums, nil
}

// addTallies adds up what became of the states of each table.
func addTallies(sums, some []Tally) []Tally {
	for _, s := range some {
		i := slices.IndexFunc(sums, func(x Tally) bool { return x.Table.Def.Name == s.Table.Def.Name })
		if i < 0 {
			i, sums = len(sums), append(sums, Tally{Table: s.Table})
		}
		sums[i].Add(s.Applied)
	}
	return sums
}

// renewAll replaces retired tables by their present state.
func (e *Engine) renewAll(t **Table, in []Incoming) error {
	if err := e.renew(t); err != nil {
		return err
	}
	for i := range in {
		if err := e.renew(&in[i].Table); err != nil {
			return err
		}
	}
	return nil
}

// head returns the longest beginning of in, with its keys, that has at most limit
// states, names no item twice and ends where a commit may end: not before a
// joined state. Where there is none, it is cut within the first that are joined.
func (e *Engine) head(in []Incoming, limit int) ([]Incoming, []applyKey, error) {
	seen := make(map[string]bool, min(len(in), limit))
	keys := make([]applyKey, 0, min(len(in), limit))
	end := 0
	for i := range in {
		t := in[i].Table
		k, err := t.ItemKey(in[i].State.Item)
		if err != nil {
			return nil, nil, fmt.Errorf("table: %s: incoming item: %w", t.Def.Name, err)
		}
		row := t.appendRowKey(nil, k)
		if !in[i].Joined {
			end = i
		}
		if i == limit || seen[string(row)] {
			if end == 0 {
				end = i
			}
			return in[:end], keys[:end], nil
		}
		seen[string(row)] = true
		keys = append(keys, applyKey{key: k, row: row})
	}
	return in, keys, nil
}

type applyKey struct {
	key   Key
	row   []byte
	place int // Of its collection.
}

// apply merges states in one commit.
func (e *Engine) apply(ctx context.Context, t *Table, in []Incoming, keys []applyKey, also func(w *kv.Writes)) ([]Tally, error) {
	plan := kv.Plan{Guard: guards(t, in), Write: make([][]byte, len(keys)), Early: true}
	var sizes collections
	for i := range keys {
		plan.Write[i] = keys[i].row
		keys[i].place = sizes.place(in[i].Table, keys[i].row)
	}
	plan.Write = append(plan.Write, sizes.keys...)
	s := e.scratch.Get().(*writeScratch)
	defer e.scratch.Put(s)
	var sums []Tally
	var noted []int64 // By table: bytes of the journal.
	at, err := e.store.Update(ctx, plan, func(values [][]byte, w *kv.Writes) error {
		sums, noted = sums[:0], noted[:0]
		if t.retired.Load() {
			return errRetired
		}
		if err := sizes.load(values[len(keys):]); err != nil {
			return err
		}
		for i := range in {
			table := in[i].Table
			if table.retired.Load() {
				return errRetired
			}
			if len(sums) == 0 || sums[len(sums)-1].Table != table {
				sums, noted = append(sums, Tally{Table: table}), append(noted, 0)
			}
			last := len(sums) - 1
			n, err := e.applyOne(table, &in[i].State, keys[i], values[i], s, &sizes, w, &sums[last].Applied)
			if err != nil {
				return err
			}
			noted[last] += n
		}
		sizes.keep(w)
		also(w)
		return nil
	})
	if len(sums) == 0 {
		sums, noted = append(sums, Tally{Table: t}), append(noted, 0)
	}
	for i := range sums {
		if sums[i].Commit = at; err == nil {
			e.journaled(sums[i].Table, sums[i].Conflicts, noted[i])
		}
	}
	return sums, err
}

// guards are the epochs of the tables that states go to, and of t.
func guards(t *Table, in []Incoming) [][]byte {
	out, last := [][]byte{t.guard[0]}, t
	for i := range in {
		if in[i].Table == last {
			continue
		}
		last = in[i].Table
		if g := in[i].Table.guard[0]; !slices.ContainsFunc(out, func(x []byte) bool { return string(x) == string(g) }) {
			out = append(out, g)
		}
	}
	return out
}

// journaled takes in that conflicts were noted in a table's journal.
func (e *Engine) journaled(t *Table, conflicts int, bytes int64) {
	if conflicts == 0 {
		return
	}
	e.journals.add(t.Def.Number, int64(conflicts), bytes)
	if size := e.Journal(t); size.Conflicts > MaxConflicts || size.Bytes > MaxConflictBytes {
		e.upkeep.rouse()
	}
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
	case out.State.Version != in.Version && sameContent(&old.State, &out.State):
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
	return old.Version == next.Version && old.Vector.Equal(&next.Vector) && sameContent(old, next)
}

// sameContent reports whether a merge took in nothing but that a version is known.
func sameContent(old, next *conflict.State) bool {
	return old.Deleted == next.Deleted && string(old.Parts) == string(next.Parts) && string(old.Item) == string(next.Item)
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
