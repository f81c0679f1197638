package replication

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// Limits and periods of a keeper.
const (
	maxPageBytes  = 1 << 20         // Of rows, in one page of a seed.
	maxPageRows   = table.MaxApply  // Fits one commit.
	askAgain      = 2 * time.Second // A page that does not come is asked for again.
	progressEvery = time.Second     // While there are tombstones.
	restEvery     = 10 * time.Second
	trimEvery     = 30 * time.Second
	drainPoll     = 10 * time.Millisecond
)

// MaxBacklog is how many bytes of log a member may be behind before it is cut
// off and has to be seeded again.
const MaxBacklog = 8 << 30

// keeper does a replicated table's own work: it seeds the table while it is
// being created, answers the seeding of others, and works out which tombstones
// may go.
type keeper struct {
	mailbox
	r     *Replicator
	table string
	group string

	seed   *seed
	asked  time.Time
	loaded bool
	leave  permission

	progressAt  time.Time
	trimAt      time.Time
	confirmedAt time.Time
	applied     map[aws.Cell][]Mark // What the other members have applied.
	wanted      bool                // Another member asked for progress.
	seedRows    int64
	seedBegan   time.Time
	leaving     time.Time         // When the deletion of the table began.
	last        kv.Position       // All that this cell wrote before that is up to it.
	parted      map[aws.Cell]bool // The members that let this cell go already.
	partedAt    time.Time
	seedTook    time.Duration
}

// seed is how far the seeding of a table has come. It is kept in the store, so
// that it goes on where it was after a restart.
type seed struct {
	Source aws.Cell `json:"source"`
	Key    []byte   `json:"key,omitempty"`
	Begun  bool     `json:"begun"`
	Done   bool     `json:"done"`
}

// seedPrefix begins the keys of seeds; see docs/formats/replication.md.
const seedPrefix = 's'

func seedKey(name string) []byte { return append([]byte{seedPrefix}, name...) }

func (k *keeper) step(ctx context.Context, now time.Time) (time.Time, error) {
	t := k.r.engine.Table(k.table)
	if !belongs(t, k.group, k.r.cell) {
		k.take()
		return time.Time{}, nil
	}
	if !k.loaded {
		if err := k.load(ctx, t); err != nil {
			return now.Add(time.Second), err
		}
	}
	for _, m := range k.take() {
		if err := k.handle(ctx, t, m, now); err != nil {
			return now.Add(time.Second), err
		}
	}
	if t.Def.Status == table.Deleting {
		return k.depart(ctx, t, now)
	}
	if k.seed != nil && k.seed.Done && t.Def.Status == table.Creating {
		// It ended between the last page and this.
		return now.Add(time.Second), k.finish(ctx, now)
	}
	if k.seed != nil && !k.seed.Done {
		if now.Sub(k.asked) >= askAgain {
			k.ask(t, now)
		}
		return k.asked.Add(askAgain), nil
	}
	return k.housekeeping(ctx, t, now)
}

// depart deletes the replica once the others have all of it.
func (k *keeper) depart(ctx context.Context, t *table.Table, now time.Time) (time.Time, error) {
	if k.leaving.IsZero() {
		k.leaving, k.last, k.parted = now, k.r.engine.Store().Durable(), map[aws.Cell]bool{}
	}
	if err := k.confirmMembers(ctx, t, now); err != nil {
		return now.Add(time.Second), err
	}
	k.learnParted(ctx, t, now)
	if !k.r.drained(t, k.last, now.Sub(k.leaving) < leaveWithin, k.parted) {
		return now.Add(drainPoll), nil
	}
	// The end of this link's own context comes with the end of the table.
	return now.Add(time.Second), k.r.depart(context.WithoutCancel(ctx), t)
}

func (k *keeper) handle(ctx context.Context, t *table.Table, m *Message, now time.Time) error {
	switch m.Kind {
	case SeedAsk:
		return k.answer(ctx, t, m)
	case SeedPage:
		return k.plant(ctx, t, m, now)
	case Progress:
		k.applied[m.from] = m.Applied
		k.wanted = k.wanted || m.Wants
	}
	return nil
}

// load reads where an unfinished seeding stands.
func (k *keeper) load(ctx context.Context, t *table.Table) error {
	k.applied = map[aws.Cell][]Mark{}
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
	}
	k.loaded = true
	return nil
}

// ask requests the next page, or where to begin.
func (k *keeper) ask(t *table.Table, now time.Time) {
	k.asked = now
	k.r.send(t.Def.Group, k.seed.Source, &Message{Kind: SeedAsk, Table: k.table, Group: k.group, Begin: !k.seed.Begun, Key: k.seed.Key})
}

// answer sends a newcomer a page of rows, or where to begin: the position of
// this table's log and this cell's own cursors on the other members. What the
// pages hold is at least as new as that, so that the newcomer who tails every
// member from there misses nothing.
func (k *keeper) answer(ctx context.Context, t *table.Table, m *Message) error {
	if d := decide(t.Def.Group.Kind, t.ARN, t.Policy, readData, []aws.Cell{k.r.cell, m.from}, t.Def.Name); !d.Allowed() || !belongs(t, k.group, m.from) {
		return nil
	}
	if t.Def.Status == table.Creating {
		return nil // It is being seeded itself, after it left and joined again.
	}
	out := &Message{Kind: SeedPage, Table: k.table, Group: k.group, Begin: m.Begin, Key: m.Key}
	if m.Begin {
		out.To = k.r.engine.Store().Durable()
		var err error
		if out.Cursors, err = k.r.cursors(ctx, t); err != nil {
			return err
		}
	} else {
		size := 0
		next, err := k.r.engine.Snapshot(ctx, t, m.Key, func(row table.Row) bool {
			out.Rows = append(out.Rows, append(table.Row(nil), row...))
			size += len(row)
			return size < maxPageBytes && len(out.Rows) < maxPageRows
		})
		if err != nil {
			return err
		}
		out.Next = append([]byte(nil), next...)
	}
	k.r.send(t.Def.Group, m.from, out)
	return nil
}

// plant takes in an answer to ask, and asks for what follows.
func (k *keeper) plant(ctx context.Context, t *table.Table, m *Message, now time.Time) error {
	s := k.seed
	if s == nil || s.Done || m.from != s.Source || m.Begin == s.Begun || string(m.Key) != string(s.Key) {
		return nil // An answer to a question of before.
	}
	if !k.leave.allows(k.r, t, writeData, s.Source, now) {
		return nil
	}
	next := *s
	var states []conflict.State
	var cursors []Cursor
	if m.Begin {
		next.Begun = true
		for _, c := range m.Cursors {
			if c.Cell != k.r.cell && c.Cell != s.Source {
				cursors = append(cursors, c)
			}
		}
		cursors = append(cursors, Cursor{s.Source, m.To})
	} else {
		for _, row := range m.Rows {
			state, err := k.r.engine.State(row)
			if err != nil {
				return fmt.Errorf("replication: seed of %s: %w", k.table, err)
			}
			states = append(states, state)
		}
		next.Key, next.Done = m.Next, len(m.Next) == 0
	}
	b, err := json.Marshal(next)
	if err != nil {
		return err
	}
	links, cursors := k.hold(cursors)
	_, err = k.r.engine.Apply(ctx, t, states, func(w *kv.Writes) {
		w.Set(seedKey(k.table), b)
		for _, c := range cursors {
			w.Set(cursorKey(t, c.Cell), cursorValue(c.Position))
		}
	})
	for i, l := range links {
		if v, ok := l.work.(*receiver); ok && err == nil {
			v.cursor, v.known, v.loaded = cursors[i].Position, true, true
		}
		l.mu.Unlock()
	}
	if err != nil {
		return err
	}
	*s = next
	k.seedRows += int64(len(states))
	if s.Done {
		return k.finish(ctx, now)
	}
	k.ask(t, now)
	return nil
}

// hold locks the receivers that cursors are for, and returns both. A member
// that joined while this one was being made may have been heard already, so that
// its cursor is further on.
func (k *keeper) hold(cursors []Cursor) ([]*link, []Cursor) {
	var links []*link
	var out []Cursor
	for _, c := range cursors {
		l := k.r.linkOf(linkKey{k.table, k.group, c.Cell, receiving})
		if l == nil {
			continue // It has left.
		}
		l.mu.Lock()
		if v, ok := l.work.(*receiver); ok && v.known {
			c.Position = max(c.Position, v.cursor)
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
	cursors, err := k.r.cursors(ctx, t)
	if err != nil {
		return err
	}
	for _, c := range cursors {
		k.r.send(t.Def.Group, c.Cell, &Message{Kind: Ack, Table: k.table, Group: k.group, To: c.Position, Active: true})
	}
	return nil
}

// housekeeping trims the log and, while there are tombstones, learns which may
// go.
func (k *keeper) housekeeping(ctx context.Context, t *table.Table, now time.Time) (time.Time, error) {
	if now.Sub(k.trimAt) >= trimEvery {
		k.trimAt = now
		keep := time.Duration(0)
		if t.Def.Stream != nil {
			keep = retentionLimit
		}
		lost, _, err := t.Log.Trim(ctx, now, changelog.Retention{Keep: keep, MaxAge: retentionLimit, MaxBytes: MaxBacklog})
		if err != nil {
			return now.Add(restEvery), err
		}
		for _, name := range lost {
			k.r.logger.Error("a member is too far behind and must be seeded again", "table", k.table, "member", name)
		}
	}
	if err := k.confirmMembers(ctx, t, now); err != nil {
		return now.Add(time.Second), err
	}
	if now.Sub(k.progressAt) < progressEvery {
		return k.progressAt.Add(progressEvery), nil
	}
	k.progressAt = now
	some, err := k.r.engine.Tombstones(ctx, t)
	if err != nil || (!some && !k.wanted) {
		return now.Add(restEvery), err
	}
	k.wanted = false
	return now.Add(progressEvery), k.progress(ctx, t, some)
}

// progress tells every member how far this cell has applied every member's
// versions, and drops the tombstones that all members are past.
func (k *keeper) progress(ctx context.Context, t *table.Table, wants bool) error {
	low, at, err := k.r.engine.LowWater(ctx, t)
	if err != nil {
		return err
	}
	mine := append(k.r.reached(k.table, k.group), Mark{k.r.cell, low})
	for _, m := range t.Def.Group.Members {
		if m.Cell != k.r.cell {
			to := k.shipped(m.Cell, at)
			k.r.send(t.Def.Group, m.Cell, &Message{Kind: Progress, Table: k.table, Group: k.group, LowWater: low, To: to, Applied: mine, Wants: wants})
		}
	}
	stable, ok := k.stable(t.Def.Group, mine)
	if !ok {
		return nil
	}
	_, err = k.r.engine.Sweep(ctx, t, stable)
	return err
}

// shipped returns the position from which on a member has all that this cell
// wrote up to at. It is before at when only changes of others, or commits that
// are not in the log, lie between: the member's cursor stays behind those.
func (k *keeper) shipped(to aws.Cell, at kv.Position) kv.Position {
	l := k.r.linkOf(linkKey{k.table, k.group, to, sending})
	if l == nil {
		return at
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, ok := l.work.(*sender); ok && s.started && len(s.flight) == 0 && s.read >= at {
		return min(at, s.acked)
	}
	return at
}

// stable is the time up to which every member has applied all that every member
// stamped; false while some member's progress is unknown.
func (k *keeper) stable(g *table.Group, mine []Mark) (clock.Timestamp, bool) {
	for c := range k.applied {
		if g.Member(c) == nil {
			delete(k.applied, c) // What it says when it is back begins anew.
		}
	}
	var least clock.Timestamp
	first := true
	for _, m := range g.Members {
		marks := k.applied[m.Cell]
		if m.Cell == k.r.cell {
			marks = mine
		}
		for _, origin := range g.Members {
			at := markOf(marks, origin.Cell)
			if at.IsZero() {
				return at, false
			}
			if first || at.Compare(least) < 0 {
				least, first = at, false
			}
		}
	}
	return least, !first
}

func markOf(marks []Mark, c aws.Cell) clock.Timestamp {
	for _, m := range marks {
		if m.Cell == c {
			return m.Time
		}
	}
	return clock.Timestamp{}
}
