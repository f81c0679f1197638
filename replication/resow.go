package replication

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// A newcomer whose source does not answer is seeded by another member. It begins
// anew: what has come stays and is compared with what comes, but the new source
// may have applied less of the others' logs than the old one, so the newcomer
// tails every member from where the new source stands, and no further on. Each
// member keeps its log from there: the new source has not acknowledged more.

// How long a source may fail to seed, until another member takes its place. Each
// change doubles both, so that a seeding which is slow for another reason ends.
const (
	sourceSilence = 30 * time.Second // While nothing at all comes from it.
	sourceStall   = 5 * time.Minute  // While it is heard, and does not answer.

	maxMoves = 6 // Doublings.
)

// sow goes on with the seeding: it asks again for what does not come, or asks
// another member.
func (k *keeper) sow(ctx context.Context, t *table.Table, now time.Time) (time.Time, error) {
	if k.stalled(t, now) {
		if moved, err := k.move(ctx, t, now); moved || err != nil {
			return now.Add(time.Second), err
		}
	}
	if now = k.r.clock.Now(); now.Sub(k.asked) >= askAgain {
		k.ask(t, now)
	}
	return k.asked.Add(askAgain), nil
}

// stalled reports whether the source has left, is being made again itself, or has
// not answered for too long.
func (k *keeper) stalled(t *table.Table, now time.Time) bool {
	m := t.Def.Group.Member(k.seed.Source)
	if m == nil || m.Status == table.Creating {
		return true
	}
	heard := later(k.r.heard(t, m.Cell), k.pageAt)
	return now.Sub(heard) > sourceSilence<<k.moves || now.Sub(k.pageAt) > sourceStall<<k.moves
}

// successors are the members that could be the source instead, those after the
// present one first, but for those that have been silent.
func (r *Replicator) successors(t *table.Table, source aws.Cell, now time.Time) []aws.Cell {
	var before, after []aws.Cell
	for _, m := range t.Def.Group.Members {
		switch {
		case m.Cell == r.cell, m.Cell == source, m.Status != table.Active, now.Sub(r.heard(t, m.Cell)) > noContactAfter:
		case m.Cell.Compare(source) < 0:
			before = append(before, m.Cell)
		default:
			after = append(after, m.Cell)
		}
	}
	return append(after, before...)
}

// move looks for another source. moved is true when there is one now, or when
// there is nothing left to be seeded.
func (k *keeper) move(ctx context.Context, t *table.Table, now time.Time) (moved bool, err error) {
	// Perhaps the source has no such table any more, or nobody counts this cell.
	if err := k.confirmMembers(ctx, t, now); err != nil {
		return false, err
	}
	if t = k.r.engine.Table(k.table); !belongs(t, k.group, k.r.cell) {
		return true, nil
	}
	for _, c := range k.r.successors(t, k.seed.Source, now) {
		err := k.moveTo(ctx, t, c)
		if err == nil {
			return true, nil
		}
		if _, contract := errors.AsType[*aws.Error](err); !contract && !errors.Is(err, ErrUnreachable) {
			return false, err
		}
		k.r.logger.Info("a member cannot seed this replica now", "cell", k.r.cell.String(), "table", k.table, "member", c.String(), "why", err.Error())
	}
	some := func(m table.Member) bool { return m.Cell != k.r.cell && m.Status == table.Active }
	if t.Def.Group.Member(k.seed.Source) == nil && !slices.ContainsFunc(t.Def.Group.Members, some) {
		// Nobody has the table's data: nothing comes of it, as of a replica that AWS
		// gives up (known from the live service).
		k.r.logger.Error("a replica is given up: its source has left", "cell", k.r.cell.String(), "table", k.table)
		return true, k.r.depart(context.WithoutCancel(ctx), t, false)
	}
	return false, nil
}

// moveTo makes a member the source. The other members are told first: one from
// whose log the new source was cut off refuses it. Those that cannot be asked
// find out for themselves, when this cell acknowledges less than it had.
func (k *keeper) moveTo(ctx context.Context, t *table.Table, c aws.Cell) error {
	self := *t.Def.Group.Member(k.r.cell)
	self.Source = c
	q := &Request{Kind: Resow, Table: k.table, Group: t.Def.Group, Member: self}
	now := k.r.clock.Now()
	for _, m := range t.Def.Group.Members {
		if m.Cell == k.r.cell || m.Cell == c || now.Sub(k.r.heard(t, m.Cell)) > noContactAfter {
			continue
		}
		if _, err := k.r.transport.Call(ctx, k.r.cell, m.Cell, q); err != nil && !errors.Is(err, ErrUnreachable) {
			return err
		}
	}
	if _, err := k.r.transport.Call(ctx, k.r.cell, c, q); err != nil {
		return err
	}
	k.r.logger.Warn("another member seeds this replica: its source does not answer",
		"cell", k.r.cell.String(), "table", k.table, "source", k.seed.Source.String(), "next", c.String())
	next := seed{Source: c, Era: k.r.newID(), Seen: k.seed.Seen}
	b, err := json.Marshal(next)
	if err != nil {
		return err
	}
	key := seedKey(k.table)
	if _, err := k.r.engine.Store().Update(ctx, kv.Plan{Write: [][]byte{key}}, func(_ [][]byte, w *kv.Writes) error {
		w.Set(key, b)
		return nil
	}); err != nil {
		return err
	}
	k.seed, k.ahead, k.moves = &next, nil, min(k.moves+1, maxMoves)
	k.pageAt, k.asked = k.r.clock.Now(), time.Time{}
	_, err = k.r.engine.Alter(ctx, k.table, func(d *table.Definition) error { return seedFrom(d, k.group, self) })
	k.rouse()
	return err
}

// seedFrom notes from where a member is seeded.
func seedFrom(d *table.Definition, group string, member table.Member) error {
	if d.Group == nil || d.Group.ID != group {
		return notFound(d.Name)
	}
	m := d.Group.Member(member.Cell)
	if m == nil || m.Since != member.Since || m.Status != table.Creating {
		return notFound(d.Name)
	}
	m.Source = member.Source
	return nil
}

// unnamed are the cursors, as they are, of receivers that a source does not name.
func (k *keeper) unnamed(named []Point) []Point {
	var out []Point
	for _, l := range k.r.sortedOf(k.table) {
		v, ok := l.work.(*receiver)
		if !ok || l.key.group != k.group || slices.ContainsFunc(named, func(c Point) bool { return c.Cell == v.peer }) {
			continue
		}
		l.mu.Lock()
		if v.known {
			out = append(out, Point{v.peer, v.run.Load(), v.cursor})
		}
		l.mu.Unlock()
	}
	return out
}

// begin puts the cursor where a seed says; anew where there was another source before,
// and it may be put further back: in a new life, for within one it never goes back.
func (v *receiver) begin(at Point, commit kv.Position, anew bool) {
	if anew {
		v.life, v.known = v.r.newID(), false
		v.unsure, v.safe, v.durable = nil, false, 0
		v.promised, v.claimed, v.reached = nil, nil, clock.Timestamp{}
	}
	v.run.Store(at.Run)
	v.stand(at.Position, commit)
}

// resow answers a newcomer that is to be seeded from another member than before.
// The log is kept for it from where that member has read it.
func (r *Replicator) resow(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	t := r.engine.Table(q.Table)
	if !belongs(t, q.Group.ID, from) || !belongs(t, q.Group.ID, r.cell) {
		return nil, notFound(q.Table)
	}
	if from != q.Member.Cell || !belongs(t, q.Group.ID, q.Member.Source) {
		return nil, fmt.Errorf("replication: %v cannot have %v seeded from %v", from, q.Member.Cell, q.Member.Source)
	}
	at := r.engine.Store().Durable()
	if q.Member.Source == r.cell {
		if t.Def.Status != table.Active || t.Def.Disassociating || len(t.Def.Group.Recover) > 0 {
			return nil, errInUse
		}
	} else {
		if err := r.followed(ctx, t, q.Member.Source); err != nil {
			return nil, err
		}
		at = 0
	}
	if err := r.keepFrom(ctx, t, from, q.Member.Source, at); err != nil {
		return nil, err
	}
	_, err := r.engine.Alter(ctx, q.Table, func(d *table.Definition) error { return seedFrom(d, q.Group.ID, q.Member) })
	return &Response{}, err
}

// keepFrom puts a newcomer's reader of the log back to where its source's is, or
// to at where the source has none, and has the sender begin there.
func (r *Replicator) keepFrom(ctx context.Context, t *table.Table, newcomer, source aws.Cell, at kv.Position) error {
	readers, err := t.Log.Readers(ctx)
	if err != nil {
		return err
	}
	for _, x := range readers {
		if x.Name == source.String() {
			at = x.Position
		}
	}
	for _, x := range readers {
		if x.Name == newcomer.String() && !x.Lost {
			at = min(at, x.Position)
		}
	}
	l := r.linkOf(linkKey{t.Def.Name, t.Def.Group.ID, newcomer, sending})
	if l == nil {
		return notFound(t.Def.Name) // It has just left.
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := t.Log.Rewind(ctx, newcomer.String(), at, false); err != nil {
		return err
	}
	if s, ok := l.work.(*sender); ok && s.started {
		s.acked, s.persist, s.lost, s.below = at, at, false, 0
		s.rewind()
	}
	l.box.rouse()
	return nil
}

// prospect says what becomes of a seeding whose source is silent.
func (r *Replicator) prospect(name string, is *seeding) string {
	t := r.engine.Table(name)
	if t == nil || t.Def.Group == nil {
		return ""
	}
	now := r.clock.Now()
	if now.Sub(r.heard(t, is.Source)) <= noContactAfter {
		return "It goes on when that is back"
	}
	if len(r.successors(t, is.Source, now)) > 0 {
		return "Another member takes its place after " + clock.Words(sourceSilence<<is.moves) + " of that"
	}
	return "There is no other member at hand that could seed it: it goes on when one is heard. DeleteTable takes it away"
}

// Stranded reports whether a table is a replica that is being made and cannot be,
// for now: nothing is heard of its source, and of no member that could take its
// place, or it has no leave to take part. It may be deleted.
func (r *Replicator) Stranded(t *table.Table) bool {
	switch {
	case t.Def.Status != table.Creating || t.Def.Group == nil:
		return false
	case t.Def.Inaccessible != nil:
		return true
	}
	is, now := r.seedingOf(t.Def.Name, t.Def.Group.ID), r.clock.Now()
	return is != nil && !is.Done &&
		now.Sub(r.heard(t, is.Source)) > noContactAfter && len(r.successors(t, is.Source, now)) == 0
}
