package replication

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/metrics"
	"github.com/hortusdb/hortus/table"
)

// receiver applies the changes of one other member to one table.
type receiver struct {
	mailbox
	r     *Replicator
	table string
	group string
	peer  aws.Cell

	loaded   bool
	known    bool          // The cursor is set: the table is seeded, or being seeded.
	cursor   kv.Position   // On the peer's log: all up to it is applied.
	durable  kv.Position   // The last cursor that a crash cannot take back; it alone is shown to others.
	unsure   []pending     // Cursors between the two.
	safe     bool          // There is a durable cursor.
	life     string        // Names this run to the peer.
	run      atomic.Uint64 // Of the peer, in whose history the cursor stands; zero while that is not known.
	heardAt  time.Time
	leave    permission
	told     *table.Inaccessible // What the peer said of itself.
	withheld string              // Why the peer sends nothing, in its words.
	stranger bool                // It answers that it has no such replica.
	barred   bool                // The peer was last told that this side has no leave to receive.
	noticed  *table.Inaccessible // What it was told of this side then.
	ahead    bool                // The last batch was refused: its times are too far in the future.
	because  string              // Then: how far.
	failure  error               // Why what came last could not be applied; nil once something was.
	lag      *metrics.Histogram
	applied  table.Applied
	refused  int64         // Batches that were not applied.
	seen     atomic.Uint64 // The last position on the peer's log of what a read here may have seen.
	seeded   int           // The part of the table that has come by seeding, in percent, as the keeper last said.

	joined  bool        // Its batches went through an assembly of late.
	news    bool        // There is something to acknowledge.
	ackedAt time.Time   // When that was done last in its turn,
	owed    int         // and the bytes that have come since.
	asked   uint64      // What the source asks, that was not answered yet: where this side is.
	waits   string      // What the next transaction waits for.
	end     kv.Position // Then: all up to it has come.
	apart   int64       // Transactions that were shown in parts, as far as they should not have been.
	reason  string      // Why the last of them was.

	promised []promise // Low waters of the peer, not yet reached.
	reached  clock.Timestamp
	claimed  []Mark // What the peer had applied by the last promise that was reached.
}

// pending is a cursor whose commit may not be durable yet: there are some where
// writes are acknowledged before they are synced.
type pending struct {
	cursor kv.Position // On the peer's log.
	commit kv.Position // In this cell's store.
}

// promise is a low water of the peer, and what it had applied, which hold once its
// log is applied up to a position.
type promise struct {
	low     clock.Timestamp
	at      kv.Position
	applied []Mark
}

// cursorPrefix begins the keys of receivers' cursors; see docs/formats/replication.md.
const cursorPrefix = 'p'

func cursorKey(t *table.Table, peer aws.Cell) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{cursorPrefix}, t.Def.Number), peer.String()...)
}

func cursorValue(at kv.Position) []byte {
	return binary.BigEndian.AppendUint64([]byte{1}, uint64(at))
}

// writeCursor puts the cursor on a member's log to a point.
func writeCursor(w *kv.Writes, t *table.Table, at Point) {
	w.Set(cursorKey(t, at.Cell), cursorValue(at.Position))
	if at.Run == 0 {
		w.Delete(runKey(t, at.Cell))
	} else {
		w.Set(runKey(t, at.Cell), runValue(at.Run))
	}
}

// cursors returns this cell's cursors on the other members' logs, for a
// newcomer to tail from. It shows none that a crash could take back: the newcomer
// would pass what this cell then lacks. Nor does it leave out a member: nobody
// would ever tell the newcomer where to begin there. So until every cursor is
// durable, ok is false.
func (r *Replicator) cursors(ctx context.Context, t *table.Table, newcomer aws.Cell) (out []Point, ok bool, err error) {
	for _, m := range t.Def.Group.Members {
		if m.Cell == r.cell || m.Cell == newcomer {
			continue
		}
		l := r.linkOf(linkKey{t.Def.Name, t.Def.Group.ID, m.Cell, receiving})
		if l == nil {
			return nil, false, nil
		}
		v, _ := l.work.(*receiver)
		l.mu.Lock()
		at, safe, err := v.stands(ctx, t)
		run := v.run.Load()
		l.mu.Unlock()
		if err != nil || !safe {
			return nil, false, err
		}
		out = append(out, Point{m.Cell, run, at})
	}
	return out, true, nil
}

// stands returns the durable cursor, if there is one yet.
func (v *receiver) stands(ctx context.Context, t *table.Table) (kv.Position, bool, error) {
	if !v.loaded {
		if err := v.load(ctx, t); err != nil {
			return 0, false, err
		}
	}
	v.settle()
	return v.durable, v.safe, nil
}

func decodeCursor(b []byte) (kv.Position, error) {
	if len(b) != 9 || b[0] != 1 {
		return 0, fmt.Errorf("replication: malformed cursor %x", b)
	}
	return kv.Position(binary.BigEndian.Uint64(b[1:])), nil
}

// load reads the cursor, if there is one.
func (v *receiver) load(ctx context.Context, t *table.Table) error {
	if v.run.Load() == 0 {
		if err := v.loadRun(ctx, t); err != nil {
			return err
		}
	}
	b, at, err := v.r.engine.Store().Get(ctx, cursorKey(t, v.peer), nil)
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	cursor, err := decodeCursor(b)
	if err == nil {
		v.stand(cursor, at)
	}
	return err
}

// stand puts the cursor where a commit of this cell put it.
func (v *receiver) stand(cursor, commit kv.Position) {
	if !v.known {
		v.see(cursor)
	}
	v.cursor, v.known, v.loaded = cursor, true, true
	v.unsure = append(v.unsure, pending{cursor, commit})
	v.settle()
}

// see notes that what the peer's log has up to a position may be seen from now on.
// Another link may do that for this one: see assembly.
func (v *receiver) see(at kv.Position) {
	for seen := v.seen.Load(); seen < uint64(at); seen = v.seen.Load() {
		if v.seen.CompareAndSwap(seen, uint64(at)) {
			return
		}
	}
}

// settle moves on the durable cursor, and reports whether it moved.
func (v *receiver) settle() bool {
	moved := false
	for safe := v.r.engine.Store().Durable(); len(v.unsure) > 0 && v.unsure[0].commit <= safe; v.unsure = v.unsure[1:] {
		v.durable, v.safe, moved = v.unsure[0].cursor, true, true
	}
	if moved {
		v.reach()
	}
	return moved
}

// Nobody waits for an acknowledgement but the source's window, and each wakes two
// processes that may have nothing else to do.
const (
	settleEvery = 20 * time.Millisecond // How often a receiver looks whether what it applied is durable, where no batch comes meanwhile.
	ackEvery    = 20 * time.Millisecond // How soon it acknowledges again, where the source's window is not in need of it:
	ackBytes    = 64 << 10              // less than this has come since.
)

// step applies what has come.
func (v *receiver) step(ctx context.Context, now time.Time) (time.Time, error) {
	t := v.r.engine.Table(v.table)
	if !belongs(t, v.group, v.peer) {
		v.take()
		return time.Time{}, nil
	}
	if !v.loaded {
		if err := v.load(ctx, t); err != nil {
			return now.Add(time.Second), err
		}
	}
	a, busy, err := v.joins(ctx, t)
	if busy || err != nil {
		return now.Add(time.Second), err
	}
	mail := v.take()
	if a == nil {
		mail = joined(mail)
	}
	for _, m := range mail {
		if err := v.handle(ctx, a, t, m, now); err != nil {
			return now.Add(time.Second), v.fail(ctx, t, err)
		}
	}
	if a != nil {
		if err := v.assemble(ctx, a, t, now); err != nil {
			return now.Add(time.Second), v.fail(ctx, t, err)
		}
		v.failure = nil
	}
	v.tellLeave(t)
	v.news = v.settle() || v.news
	due := v.ackedAt.Add(ackEvery)
	if v.news && (v.owed >= ackBytes || a != nil || !now.Before(due)) {
		v.news, v.owed, v.ackedAt = false, 0, now
		v.ack(t, "")
	}
	v.answer(a, t)
	switch {
	case v.news:
		return due, nil
	case len(v.unsure) > 0:
		return now.Add(settleEvery), nil
	case v.asked != 0 && a != nil:
		return now.Add(settleEvery), nil
	case v.waits != "" || (a != nil && v.ahead):
		return now.Add(lookAgain), nil
	}
	return time.Time{}, nil
}

// fail notes that what came could not be applied, and tells the peer, whose link would
// seem to flow.
func (v *receiver) fail(ctx context.Context, t *table.Table, err error) error {
	if ctx.Err() == nil { // Else the cell ends.
		v.failure = err
		v.ack(t, "")
	}
	return err
}

// trouble says in the peer's account why this side fails. What this node's disk says
// of itself, names of files for one, is for its own.
func trouble(err error) string {
	if errors.Is(err, kv.ErrNoSpace) {
		return "its free disk space is below the reserve"
	}
	return "its log and its replication status say why"
}

// tellLeave tells the peer at once when this side's leave to receive begins or ends,
// and since when it is kept from replication. Else it would find out by what it sends,
// which over an idle link is nothing for seconds.
func (v *receiver) tellLeave(t *table.Table) {
	allowed := v.leave.allows(v.r, t, writeData, v.peer)
	if allowed == v.barred || (v.barred && v.noticed != t.Def.Inaccessible) {
		v.ackLeave(t)
	}
}

// ackLeave acknowledges, with what was last found of the leave to receive.
func (v *receiver) ackLeave(t *table.Table) {
	reason := v.leave.reason()
	v.barred, v.noticed = reason != "", t.Def.Inaccessible
	v.ack(t, reason)
}

// answer says where this side is, when it was asked and all that came before is
// applied for good, or waits.
func (v *receiver) answer(a *assembly, t *table.Table) {
	queued := a != nil && v.waits == "" && v.end > v.cursor
	if v.asked == 0 || !v.safe || len(v.unsure) > 0 || queued {
		return
	}
	refused := v.leave.reason()
	if v.ahead {
		refused = v.because
	}
	m := v.acknowledgement(t, refused)
	m.Ask, v.asked = v.asked, 0
	v.r.send(t.Def.Group, v.peer, m)
}

// joined makes one batch of several that follow one another, as far as one commit
// takes them: what has piled up meanwhile costs one commit and one sync.
func joined(mail []*Message) []*Message {
	var out []*Message
	own := false // The last of out is not shared.
	for _, m := range mail {
		last := len(out) - 1
		if last < 0 || !follows(out[last], m) {
			out, own = append(out, m), false
			continue
		}
		if !own {
			c := *out[last]
			c.Entries = slices.Clone(c.Entries)
			out[last], own = &c, true
		}
		out[last].Entries = append(out[last].Entries, m.Entries...)
		out[last].To = m.To
	}
	return out
}

// follows reports whether the batch m can be put behind the batch before.
func follows(before, m *Message) bool {
	return before.Kind == Batch && m.Kind == Batch && before.Refused == "" && m.Refused == "" &&
		before.To == m.From && before.Run == m.Run && m.From < m.To && len(before.Entries)+len(m.Entries) <= table.MaxApply
}

// handle takes in one message.
func (v *receiver) handle(ctx context.Context, a *assembly, t *table.Table, m *Message, now time.Time) error {
	if v.stranger = m.Stranger; m.Stranger {
		return nil
	}
	v.heardAt = now
	if m.Kind == Batch {
		v.withheld, v.told = m.Refused, m.Inaccessible
	}
	if ours, err := v.enter(ctx, t, m.Run); err != nil || !ours {
		v.ack(t, "") // It is late, or the source has to ask where the cursor stands.
		return err
	}
	if v.asked = cmp.Or(m.Ask, v.asked); m.Kind == Progress && v.known {
		v.promise(m)
	}
	if a != nil {
		if err := v.enqueue(ctx, a, t, m, now); err != nil {
			return err
		}
	}
	switch {
	case m.Kind == Progress:
		return nil
	case m.Refused != "":
		v.leave.allows(v.r, t, writeData, v.peer)
		v.ackLeave(t)
		return nil
	case !v.known:
		return nil // Not seeded yet; the source sends it again.
	case !v.leave.allows(v.r, t, writeData, v.peer):
		v.ahead = false
		v.refuse(m)
		v.ackLeave(t)
		return nil
	case m.Ask != 0:
		if a != nil || len(v.unsure) > 0 {
			v.ack(t, "") // The answer may take long, and the source is to hear something.
		}
		return nil
	case a != nil:
		v.news = true
		return nil
	}
	return v.receive(ctx, t, m)
}

// receive applies one batch and acknowledges the cursor.
func (v *receiver) receive(ctx context.Context, t *table.Table, m *Message) error {
	if m.From > v.cursor || m.To <= v.cursor {
		if m.To <= v.cursor {
			v.failure = nil
		}
		v.ack(t, "") // A gap, or known already: say where to go on.
		return nil
	}
	entries := m.Entries
	for len(entries) > 0 && entries[0].Position <= v.cursor {
		entries = entries[1:]
	}
	states, err := v.states(entries)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		v.see(entries[len(entries)-1].Position)
	}
	done, err := v.r.engine.Apply(ctx, t, states, func(w *kv.Writes) {
		w.Set(cursorKey(t, v.peer), cursorValue(m.To))
	})
	if v.ahead = errors.Is(err, clock.ErrAhead); v.ahead {
		v.because = err.Error()
		v.refuse(m)
		v.ack(t, v.because)
		return nil
	}
	if err != nil {
		return err
	}
	v.failure = nil
	v.stand(m.To, done.Commit)
	v.tally(done)
	arrived := v.r.clock.Now().UnixMicro()
	for _, e := range entries {
		v.lag.Record(arrived - e.Time)
		v.owed += len(e.Record)
	}
	v.news = v.news || len(v.unsure) == 0 // Else once it is durable.
	return nil
}

// tally counts what became of changes of the peer.
func (v *receiver) tally(done table.Applied) {
	v.applied.Add(done)
	v.r.count("ReplicatedWrites", v, done.Written)
	v.r.count("OutdatedWrites", v, done.Lost)
	v.r.count("ConflictingWrites", v, done.Conflicts)
}

// refuse counts a batch with changes that is not applied: a policy forbids it, or
// its times are too far in the future.
func (v *receiver) refuse(m *Message) {
	if len(m.Entries) > 0 {
		v.refused++
		v.r.count("RefusedBatches", v, 1)
	}
}

func (r *Replicator) count(name string, v *receiver, n int) {
	if n > 0 {
		r.sums.Add(metrics.Series{Name: name, Table: v.table, Peer: v.peer.String()}, float64(n))
	}
}

// states decodes records into the states that they made.
func (v *receiver) states(entries []Entry) ([]conflict.State, error) {
	states := make([]conflict.State, 0, len(entries))
	for _, e := range entries {
		_, s, err := v.state(e)
		if err != nil {
			return nil, err
		}
		states = append(states, s)
	}
	return states, nil
}

// state decodes a record into the state that it made.
func (v *receiver) state(e Entry) (changelog.Record, conflict.State, error) {
	rec, err := changelog.Decode(e.Record, v.r.engine.Decoder())
	if err != nil {
		return rec, conflict.State{}, fmt.Errorf("replication: batch from %v: %w", v.peer, err)
	}
	s := conflict.State{Version: rec.Version, Vector: rec.Vector, Parts: rec.Parts, Deleted: rec.Deleted, Item: rec.New}
	if rec.Deleted {
		s.Item = rec.Key
	}
	if rec.Version.Cell != v.peer {
		return rec, s, fmt.Errorf("replication: %v sent a record that %v made", v.peer, rec.Version.Cell)
	}
	if err := item.Validate(s.Item); err != nil {
		return rec, s, fmt.Errorf("replication: batch from %v: %w", v.peer, err)
	}
	return rec, s, nil
}

// ack tells the source what is applied for good; nothing before there is any.
func (v *receiver) ack(t *table.Table, refused string) {
	if v.safe {
		v.r.send(t.Def.Group, v.peer, v.acknowledgement(t, refused))
	}
}

func (v *receiver) acknowledgement(t *table.Table, refused string) *Message {
	m := &Message{
		Kind: Ack, Table: v.table, Group: v.group, To: v.durable, Run: v.run.Load(), Life: v.life,
		Refused: refused, Denied: refused != "" && !v.ahead, Active: inUse(t),
		Inaccessible: t.Def.Inaccessible, Edition: t.Def.Edition,
	}
	if refused == "" && v.failure != nil {
		m.Refused, m.Failing = trouble(v.failure), true
	}
	if refused == "" && v.waits != "" {
		m.Held, m.From = v.waits, v.end
	}
	if t.Def.Status == table.Creating {
		m.Seeded = v.seeded
	}
	return m
}

// inquire asks the source how far it has come: a position that is waited for may
// be one of which there is nothing to ship.
func (v *receiver) inquire(t *table.Table) {
	if !v.safe || v.leave.reason() != "" || v.ahead {
		return
	}
	m := v.acknowledgement(t, "")
	m.Wants = true
	v.r.send(t.Def.Group, v.peer, m)
}

// maxPromises bounds the low waters that wait; the latest ones are kept.
const maxPromises = 16

func (v *receiver) promise(m *Message) {
	if len(v.promised) == maxPromises {
		v.promised = v.promised[1:]
	}
	v.promised = append(v.promised, promise{m.LowWater, m.To, m.Applied})
	v.reach()
}

// reach moves on the time up to which all of the peer's versions are applied. A
// later promise can ask for less than an earlier one.
func (v *receiver) reach() {
	left := v.promised[:0]
	for _, p := range v.promised {
		if !v.known || p.at > v.durable {
			left = append(left, p)
			continue
		}
		v.claimed = p.applied
		if p.low.Compare(v.reached) > 0 {
			v.reached = p.low
		}
	}
	v.promised = left
}
