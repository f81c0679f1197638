package table

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
)

// Limits of a table's conflict journal. Past one of them the oldest go.
const (
	MaxConflicts     = 50_000
	MaxConflictBytes = 64 << 20
	MaxConflictAge   = 30 * 24 * time.Hour // By the machine's clock, as versions are: a clock that is moved for a rehearsal drops nothing.
)

// Limits of one reading of the journal.
const (
	maxConflictPage  = 1000    // Conflicts in a page.
	maxConflictLook  = 10_000  // Conflicts that are looked at for a page.
	maxConflictBytes = 4 << 20 // Bytes of conflicts in a page.
	trimConflicts    = 512     // Conflicts that one step drops.
)

// Conflict is a write that another one, made without knowledge of it, overwrote
// here: an entry of the conflict journal.
type Conflict struct {
	ID   string        // Of the two versions and the key: other members that saw the same have the same.
	At   time.Time     // When it was noted here.
	Key  item.Item     // The key attributes.
	Rule conflict.Rule // By which the table decided.
	Lost conflict.State
	Kept conflict.State // What the item was right after.
}

// conflictFormat is the first byte of every entry; see docs/formats/journal.md.
const conflictFormat = 1

// conflictID names a conflict: the first bytes of the SHA-256 of the key and of
// the two versions that met, the lesser first.
func conflictID(key item.Item, a, b conflict.Version) [conflictIDSize]byte {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	h := sha256.New()
	h.Write(key)
	h.Write(conflict.AppendVersion(conflict.AppendVersion(nil, a), b))
	return [conflictIDSize]byte(h.Sum(nil))
}

const conflictIDSize = 16

// note puts a lost state into the journal, in the commit that overwrites it. It
// returns how many bytes that takes.
func (e *Engine) note(w *kv.Writes, t *Table, key item.Item, lost, kept *conflict.State, other conflict.Version) int64 {
	id := conflictID(key, lost.Version, other)
	k := journalKey(t.Def.Number)
	k = binary.BigEndian.AppendUint64(k, uint64(e.wall.Now().UnixMicro()))
	k = append(k, id[:]...)
	v := []byte{conflictFormat}
	v = append(binary.AppendUvarint(v, uint64(len(t.Rule()))), t.Rule()...)
	for _, s := range []*conflict.State{lost, kept} {
		row := appendRow(nil, s)
		v = append(binary.AppendUvarint(v, uint64(len(row))), row...)
	}
	w.Set(k, v)
	return int64(len(k) + len(v))
}

// Rule is by what the table decides between concurrent writes.
func (t *Table) Rule() conflict.Rule {
	if t.Def.Conflict == "" {
		return conflict.LastWriter
	}
	return t.Def.Conflict
}

var errMalformedConflict = errors.New("table: malformed entry of the conflict journal")

// decodeConflict reads an entry. Its items are copies.
func (e *Engine) decodeConflict(t *Table, key, value []byte) (Conflict, error) {
	var c Conflict
	head := len(journalKey(t.Def.Number))
	if len(key) != head+8+conflictIDSize || len(value) < 2 || value[0] != conflictFormat {
		return c, errMalformedConflict
	}
	c.At = time.UnixMicro(int64(binary.BigEndian.Uint64(key[head:])))
	c.ID = hex.EncodeToString(key[head+8:])
	rule, b, err := cutSized(value[1:])
	if err != nil {
		return c, err
	}
	c.Rule = conflict.Rule(rule)
	for _, s := range []*conflict.State{&c.Lost, &c.Kept} {
		var r []byte
		if r, b, err = cutSized(b); err != nil {
			return c, err
		}
		out, err := decodeRow(r, e.decoder)
		if err == nil {
			err = item.Validate(out.Item)
		}
		if err != nil {
			return c, fmt.Errorf("%w: %w", errMalformedConflict, err)
		}
		*s = out.State
		s.Item = slices.Clone(s.Item)
	}
	k, err := t.ItemKey(c.Lost.Item)
	if err != nil {
		return c, fmt.Errorf("%w: %w", errMalformedConflict, err)
	}
	c.Key = t.KeyItem(nil, k)
	return c, nil
}

func cutSized(b []byte) (head, rest []byte, err error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return nil, nil, errMalformedConflict
	}
	return b[k : k+int(n)], b[k+int(n):], nil
}

// ConflictQuery chooses conflicts. Zero fields choose all.
type ConflictQuery struct {
	Key          item.Item // The key attributes.
	Since, Until time.Time // Until is not included.
	After        []byte    // What the page before returned.
	Limit        int       // Of conflicts in the page; zero is as many as fit.
}

// Conflicts reads a page of a table's journal, oldest first. The token is where
// to go on, nil at the end; a page may be empty and have one.
func (e *Engine) Conflicts(ctx context.Context, t *Table, q ConflictQuery) (page []Conflict, token []byte, err error) {
	prefix := journalKey(t.Def.Number)
	r := kv.Range{Low: prefix, High: changelog.Successor(prefix)}
	if !q.Since.IsZero() {
		r.Low = binary.BigEndian.AppendUint64(slices.Clone(prefix), uint64(max(0, q.Since.UnixMicro())))
	}
	if !q.Until.IsZero() {
		r.High = binary.BigEndian.AppendUint64(slices.Clone(prefix), uint64(max(0, q.Until.UnixMicro())))
	}
	if q.After != nil {
		after := append(append(slices.Clone(prefix), q.After...), 0)
		if bytes.Compare(after, r.Low) > 0 {
			r.Low = after
		}
	}
	if bytes.Compare(r.Low, r.High) >= 0 {
		return nil, nil, nil
	}
	limit := min(max(q.Limit, 0), maxConflictPage)
	if limit == 0 {
		limit = maxConflictPage
	}
	looked, size, bad, more := 0, 0, error(nil), false
	var last []byte
	at, err := e.store.Scan(ctx, r, func(key, value []byte) bool {
		if more = len(page) == limit || looked == maxConflictLook || size >= maxConflictBytes; more {
			return false
		}
		looked++
		var c Conflict
		if c, bad = e.decodeConflict(t, key, value); bad != nil {
			return false
		}
		if q.Key == nil || string(q.Key) == string(c.Key) {
			page = append(page, c)
			size += len(value)
		}
		last = append(last[:0], key[len(prefix):]...)
		return true
	})
	if err = errors.Join(err, bad); err == nil {
		err = e.store.WaitDurable(ctx, at)
	}
	if !more {
		last = nil
	}
	return page, last, err
}

// JournalSize says what a table's conflict journal holds.
type JournalSize struct {
	Conflicts int64
	Bytes     int64
	Noted     int64 // Since the engine was opened.
	Dropped   int64 // Of these and older ones, past the limits, since then.
}

// journals counts what is in the journals of a cell.
type journals struct {
	mu    sync.Mutex
	sizes map[uint32]*JournalSize // By table number.
}

func (j *journals) add(number uint32, n, size int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.sizes[number]
	if s == nil {
		if j.sizes == nil {
			j.sizes = map[uint32]*JournalSize{}
		}
		s = new(JournalSize)
		j.sizes[number] = s
	}
	s.Conflicts += n
	s.Bytes += size
	if n > 0 {
		s.Noted += n
	} else {
		s.Dropped -= n
	}
}

// Journal returns the size of a table's conflict journal.
func (e *Engine) Journal(t *Table) JournalSize {
	e.journals.mu.Lock()
	defer e.journals.mu.Unlock()
	if s := e.journals.sizes[t.Def.Number]; s != nil {
		return *s
	}
	return JournalSize{}
}

// loadJournals counts the journals of a store that is being opened.
func (e *Engine) loadJournals(ctx context.Context) error {
	low := []byte{journalPrefix}
	_, err := e.store.Scan(ctx, kv.Range{Low: low, High: changelog.Successor(low)}, func(key, value []byte) bool {
		if len(key) >= 5 {
			e.journals.add(binary.BigEndian.Uint32(key[1:]), 1, int64(len(key)+len(value)))
		}
		return true
	})
	for _, s := range e.journals.sizes {
		s.Noted = 0
	}
	return err
}

// journalEvery is how often a journal is looked at for what is too old.
const journalEvery = time.Minute

// stepJournal drops what a journal holds past its limits, the oldest first. It
// returns when to look again; the zero time where there is no journal.
func (e *Engine) stepJournal(ctx context.Context, t *Table, now time.Time) (time.Time, error) {
	size := e.Journal(t)
	if size.Conflicts == 0 {
		return time.Time{}, nil
	}
	over := size.Conflicts > MaxConflicts || size.Bytes > MaxConflictBytes
	if due := e.upkeep.journals[t.Def.Number]; !over && now.Before(due) {
		return due, nil
	}
	if e.upkeep.journals == nil {
		e.upkeep.journals = map[uint32]time.Time{}
	}
	e.upkeep.journals[t.Def.Number] = now.Add(journalEvery)
	n, err := e.trimJournal(ctx, t, size, now)
	if n == trimConflicts {
		e.upkeep.journals[t.Def.Number] = now.Add(roundPause)
	}
	maps.DeleteFunc(e.upkeep.journals, func(number uint32, due time.Time) bool { return now.Sub(due) > 2*journalEvery })
	return now.Add(journalEvery), err
}

// trimJournal drops at most trimConflicts, and returns how many.
func (e *Engine) trimJournal(ctx context.Context, t *Table, size JournalSize, now time.Time) (int, error) {
	prefix := journalKey(t.Def.Number)
	old := now.Add(-MaxConflictAge).UnixMicro()
	var keys [][]byte
	gone := int64(0)
	_, err := e.store.Scan(ctx, kv.Range{Low: prefix, High: changelog.Successor(prefix)}, func(key, value []byte) bool {
		within := size.Conflicts-int64(len(keys)) <= MaxConflicts && size.Bytes-gone <= MaxConflictBytes
		if len(key) >= len(prefix)+8 && within && int64(binary.BigEndian.Uint64(key[len(prefix):])) >= old {
			return false
		}
		keys = append(keys, slices.Clone(key))
		gone += int64(len(key) + len(value))
		return len(keys) < trimConflicts
	})
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	_, err = e.store.Update(ctx, kv.Plan{Guard: t.guard, Write: keys}, func(_ [][]byte, w *kv.Writes) error {
		for _, k := range keys {
			w.Delete(k)
		}
		return nil
	})
	if err == nil {
		e.journals.add(t.Def.Number, -int64(len(keys)), -gone)
	}
	return len(keys), err
}
