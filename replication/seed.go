package replication

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// seed is how far the seeding of a table has come. It is kept in the store, so
// that it goes on where it was after a restart.
type seed struct {
	Source aws.Cell `json:"source"`
	Key    []byte   `json:"key,omitempty"`
	Begun  bool     `json:"begun"`
	Done   bool     `json:"done"`
	Era    string   `json:"era,omitempty"`   // Names the asking of this source, where there was one before it.
	Rows   int64    `json:"rows,omitempty"`  // That came, tombstones among them.
	Bytes  int64    `json:"bytes,omitempty"` // Of those rows, as they are stored.
	Seen   []sight  `json:"seen,omitempty"`  // The latest version of each cell among those rows.
}

func (s *seed) count(rows []table.Row) {
	s.Rows += int64(len(rows))
	for _, row := range rows {
		s.Bytes += int64(len(row))
	}
}

// share is the part of the table that has come: rows come in the order of the
// hashes of their partition keys, which are spread evenly.
func (s *seed) share() float64 {
	if s.Done {
		return 1
	}
	return table.KeyShare(s.Key)
}

// percent is share in whole hundredths. Only all of it is 100.
func (s *seed) percent() int {
	if s.Done {
		return 100
	}
	return min(int(100*s.share()), 99)
}

// showSeed has the other members told how much of the table has come, when that
// is another percentage than they were told.
func (k *keeper) showSeed() {
	now := k.seed.percent()
	if now == k.shown {
		return
	}
	k.shown = now
	for _, l := range k.r.sortedOf(k.table) {
		v, ok := l.work.(*receiver)
		if !ok || l.key.group != k.group {
			continue
		}
		l.mu.Lock()
		v.seeded, v.news = now, true
		l.mu.Unlock()
		l.box.rouse()
	}
}

// Seeding says of the other members that are being made how much of the table has
// come to them, in percent, as far as they have said.
func (r *Replicator) Seeding(name string) map[aws.Cell]int {
	out := map[aws.Cell]int{}
	for _, l := range r.sortedOf(name) {
		s, ok := l.work.(*sender)
		if !ok {
			continue
		}
		l.mu.Lock()
		if !s.heardAt.IsZero() {
			out[s.peer] = s.seeded
		}
		l.mu.Unlock()
	}
	return out
}

// seeding is what a keeper shows of the seeding of its table.
type seeding struct {
	seed
	took    time.Duration
	moves   int
	failure error // Of its last step.
}

// showSown lets others see how far the seeding is, without a look at the keeper
// itself: it may be waiting for an answer of another cell.
func (k *keeper) showSown() {
	if k.seed != nil {
		k.sown.Store(&seeding{*k.seed, k.seedTook, k.moves, k.failure})
	}
}

// seedingOf is what the keeper of a table shows; nil where that is nothing.
func (r *Replicator) seedingOf(name, group string) *seeding {
	l := r.linkOf(linkKey{name, group, r.cell, keeping})
	if l == nil {
		return nil
	}
	return l.work.(*keeper).sown.Load()
}

// seedPrefix begins the keys of seeds; see docs/formats/replication.md.
const seedPrefix = 's'

func seedKey(name string) []byte { return append([]byte{seedPrefix}, name...) }

// load reads where an unfinished seeding stands.
func (k *keeper) load(ctx context.Context, t *table.Table) error {
	k.acked = map[aws.Cell]kv.Position{}
	if t.Def.Status == table.Creating {
		s := seed{Source: t.Def.Group.Member(k.r.cell).Source}
		b, _, err := k.r.engine.Store().Get(ctx, seedKey(k.table), nil)
		if err == nil {
			err = json.Unmarshal(b, &s)
		} else if errors.Is(err, kv.ErrNotFound) {
			err = nil
		}
		if err != nil {
			return fmt.Errorf("replication: seed of %s: %w", k.table, err)
		}
		k.seed, k.seedBegan = &s, k.r.clock.Now()
		k.pageAt = k.seedBegan
		k.showSeed()
	}
	k.loaded = true
	return nil
}

// ask requests the next pages, or where to begin.
func (k *keeper) ask(t *table.Table, now time.Time) { k.askFrom(t, now, k.seed.Key) }

func (k *keeper) askFrom(t *table.Table, now time.Time, key []byte) {
	k.asked, k.ahead = now, key
	k.r.send(t.Def.Group, k.seed.Source, &Message{
		Kind: SeedAsk, Table: k.table, Group: k.group, Begin: !k.seed.Begun, Key: key, Pages: seedRun, Life: k.seed.Era,
	})
}

// readAhead asks for the pages that follow those that have just come, before
// these are put in.
func (k *keeper) readAhead(t *table.Table, m *Message, now time.Time) {
	s := k.seed
	if m.Kind != SeedPage || m.Origin != (aws.Cell{}) || s == nil || s.Done || !s.Begun || m.from != s.Source || m.Life != s.Era || !m.Last || len(m.Next) == 0 {
		return
	}
	if string(m.Next) > string(k.ahead) { // Keys go up: an older one was asked from already.
		k.askFrom(t, now, m.Next)
	}
}

// answer sends a newcomer a page of rows, or where to begin: the position of
// this table's log and this cell's own cursors on the other members. What the
// pages hold is at least as new as that, so that the newcomer who tails every
// member from there misses nothing.
func (k *keeper) answer(ctx context.Context, t *table.Table, m *Message) error {
	if !k.shows(t, m.from) {
		return nil
	}
	if m.Origin != (aws.Cell{}) {
		return k.giveRows(ctx, t, m)
	}
	if t.Def.Status == table.Creating {
		return nil // It is being seeded itself, after it left and joined again.
	}
	if !m.Begin {
		k.queueRun(m)
		return nil
	}
	here, err := k.r.here(ctx)
	if err != nil {
		return err
	}
	out := &Message{Kind: SeedPage, Table: k.table, Group: k.group, Begin: true, Key: m.Key, Life: m.Life, To: here.Position, Run: here.Run}
	cursors, ok, err := k.r.cursors(ctx, t, m.from)
	if err != nil || !ok {
		return err // It will ask again.
	}
	out.Cursors, out.Floor = cursors, t.Floor()
	k.r.send(t.Def.Group, m.from, out)
	return nil
}

// How often settled looks, and how long it waits in between.
const (
	settleTries = 200
	settlePause = 5 * time.Millisecond
)

// plant takes in an answer to ask, and asks for what follows.
func (k *keeper) plant(ctx context.Context, t *table.Table, m *Message, now time.Time) error {
	if m.Origin != (aws.Cell{}) {
		return k.takeRows(ctx, t, m, now)
	}
	s := k.seed
	if s == nil || s.Done || m.from != s.Source || m.Life != s.Era || m.Begin == s.Begun || string(m.Key) != string(s.Key) {
		return nil // An answer to a question of before.
	}
	if !k.leave.allows(k.r, t, writeData, s.Source) {
		return nil
	}
	next := *s
	var states []conflict.State
	var cursors []Point
	if m.Begin {
		next.Begun = true
		cursors = slices.DeleteFunc(slices.Clone(m.Cursors), func(c Point) bool { return c.Cell == k.r.cell || c.Cell == s.Source })
		cursors = append(cursors, Point{s.Source, m.Run, m.To})
		// The source drops no tombstone while this member is being made: no page
		// lacks one of after its floor.
		if err := k.r.engine.FollowFloor(ctx, t, m.Floor); err != nil {
			return err
		}
	} else {
		for _, row := range m.Rows {
			state, err := k.r.engine.State(row)
			if err != nil {
				return fmt.Errorf("replication: seed of %s: %w", k.table, err)
			}
			states = append(states, state)
		}
		next.Key, next.Done = m.Next, len(m.Next) == 0
		next.count(m.Rows)
		next.see(states)
	}
	b, err := json.Marshal(next)
	if err != nil {
		return err
	}
	links, cursors := k.hold(cursors, s.Era != "")
	done, err := k.r.engine.Apply(ctx, t, states, func(w *kv.Writes) {
		w.Set(seedKey(k.table), b)
		for _, c := range cursors {
			writeCursor(w, t, c)
		}
	})
	for i, l := range links {
		if v, ok := l.work.(*receiver); ok && err == nil {
			v.begin(cursors[i], done.Commit, s.Era != "")
		}
		l.mu.Unlock()
		l.box.rouse()
	}
	if err != nil {
		return err
	}
	*s, k.pageAt = next, k.r.clock.Now()
	k.showSeed()
	if s.Done {
		return nil // What is left is done in this turn.
	}
	k.asked = k.r.clock.Now()
	if m.Begin {
		k.ask(t, k.asked)
	}
	return nil
}

// hold locks the receivers that cursors are for, and returns both. A member
// that joined while this one was being made keeps its log for it from the beginning,
// and may have been heard already: its cursor stays. After another source that counts for nothing: what
// that one had shown is not all here, and this one may have applied less. The
// cursors are then exactly its own; a receiver that it does not name, of a member
// that joined just now, goes on where it was.
func (k *keeper) hold(cursors []Point, exactly bool) ([]*link, []Point) {
	var links []*link
	var out []Point
	if exactly {
		cursors = append(cursors, k.unnamed(cursors)...)
	}
	for _, c := range cursors {
		l := k.r.linkOf(linkKey{k.table, k.group, c.Cell, receiving})
		if l == nil {
			continue // It has left.
		}
		l.mu.Lock()
		if v, ok := l.work.(*receiver); ok && v.known && !exactly {
			c.Run, c.Position = v.run.Load(), v.cursor
		}
		links, out = append(links, l), append(out, c)
	}
	return links, out
}

// finish makes the table ready for use and tells the others.
func (k *keeper) finish(ctx context.Context, now time.Time) error {
	k.seedTook = now.Sub(k.seedBegan)
	t, err := k.r.engine.Alter(ctx, k.table, func(d *table.Definition) error {
		d.Status = table.Active
		for i := range d.Group.Members {
			if d.Group.Members[i].Cell == k.r.cell {
				d.Group.Members[i].Status = table.Active
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	k.r.announce(t)
	return nil
}
