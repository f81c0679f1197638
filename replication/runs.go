package replication

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// A store can be put back to an earlier state, with the machine's disk or from a
// copy of its files. It then gives out positions again that other members have
// passed already, and they would take what stands there for known. So a cell counts
// the times that its store was opened, its runs, and notes what each found. Once in
// a run, before anything is sent to a member, that member is asked in which run it
// stands, and where: see lineage.go. What a run found holds all that was ever sent
// before, for only what is durable is sent; whoever has more of an earlier run than
// the next one found, or anything of one that is not known, has it of a history that
// this store has forgotten.

// Runs are what each opening of a store found, as far as it is kept.
type Runs struct {
	First uint64        `json:"first"` // The number of the first one.
	Found []kv.Position `json:"found"`
	IDs   []uint64      `json:"ids"` // Of each: a number drawn at random. Zero of those of before there were any.
}

// maxRuns bounds what is kept. A member that could not be asked for longer is taken
// for one that has more, and is compared for nothing.
const maxRuns = 256

// runsKey is where they are stored, and metPrefix begins the keys that say in which
// run a member was last asked; see docs/formats/replication.md.
const (
	runsKey   = "h"
	metPrefix = 'm'
)

func metKey(t *table.Table, peer aws.Cell) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{metPrefix}, t.Def.Number), peer.String()...)
}

// last is the number of the present run.
func (s *Runs) last() uint64 { return s.First + uint64(len(s.Found)) - 1 }

// after returns what the run after another one found.
func (s *Runs) after(run uint64) kv.Position { return s.Found[max(run+1, s.First)-s.First] }

// Begin notes that the store of a cell with replicas was opened. It is called
// before clients are served.
func (r *Replicator) Begin(ctx context.Context) error {
	for _, t := range r.engine.Tables() {
		if t.Def.Group == nil {
			continue
		}
		_, err := r.begun(ctx)
		if errors.Is(err, kv.ErrNoSpace) {
			return nil // Nothing is sent until it is noted.
		}
		return err
	}
	return nil
}

// begun returns the runs, and notes the present one where that is not done.
func (r *Replicator) begun(ctx context.Context) (*Runs, error) {
	r.beginning.Lock()
	defer r.beginning.Unlock()
	if r.runs != nil {
		return r.runs, nil
	}
	store, key, id := r.engine.Store(), []byte(runsKey), r.newRun()
	var now Runs
	_, err := store.Update(ctx, kv.Plan{Write: [][]byte{key}}, func(values [][]byte, w *kv.Writes) error {
		now = Runs{First: 1}
		if values[0] != nil {
			if err := json.Unmarshal(values[0], &now); err != nil {
				return fmt.Errorf("replication: runs: %w", err)
			}
		}
		now.IDs = append(now.IDs, make([]uint64, max(0, len(now.Found)-len(now.IDs)))...)
		now.Found, now.IDs = append(now.Found, store.Found()), append(now.IDs, id)
		if n := len(now.Found) - maxRuns; n > 0 {
			now.First, now.Found, now.IDs = now.First+uint64(n), now.Found[n:], now.IDs[n:]
		}
		b, err := json.Marshal(now)
		if err == nil {
			w.Set(key, b)
		}
		return err
	})
	if err == nil {
		r.runs = &now
	}
	return r.runs, err
}

// metIn returns in which run a member was last asked; zero where it never was.
func (r *Replicator) metIn(ctx context.Context, t *table.Table, peer aws.Cell) (uint64, error) {
	b, _, err := r.engine.Store().Get(ctx, metKey(t, peer), nil)
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return 0, nil
	case err == nil && (len(b) != 10 || b[0] != 1):
		err = fmt.Errorf("replication: malformed run %x", b)
	}
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(b[1:]), nil
}

func metValue(run uint64) []byte { return append(binary.BigEndian.AppendUint64([]byte{1}, run), 0) }

// setMet notes that a member has no more than this cell's log holds.
func (r *Replicator) setMet(ctx context.Context, t *table.Table, peer aws.Cell) error {
	runs, err := r.begun(ctx)
	if err != nil {
		return err
	}
	key := metKey(t, peer)
	_, err = r.engine.Store().Update(ctx, kv.Plan{Write: [][]byte{key}}, func(_ [][]byte, w *kv.Writes) error {
		w.Set(key, metValue(runs.last()))
		return nil
	})
	return err
}

// meetAgain is when a member that could not be asked is asked again.
const meetAgain = time.Second

// meet asks the members how far they have come that were not asked in this run. It
// returns when to call it again; zero where all were.
func (k *keeper) meet(ctx context.Context, t *table.Table, now time.Time) (time.Time, error) {
	if now.Before(k.meetAt) || astray(t, k.r.cell) {
		return k.meetAt, nil
	}
	k.meetAt = time.Time{}
	var errs error
	for _, m := range t.Def.Group.Members {
		l := k.r.linkOf(linkKey{k.table, k.group, m.Cell, sending})
		if l == nil || l.begun() {
			continue
		}
		met, err := k.r.meet(ctx, t, m)
		if errs = errors.Join(errs, err); !met {
			k.meetAt = now.Add(meetAgain)
			continue
		}
		l.box.rouse()
	}
	return k.meetAt, errs
}

// begun reports whether a link sends, which it does once the peer was asked.
func (l *link) begun() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.work.(*sender)
	return ok && s.started
}

// hasMet reports whether a member was asked in this run.
func (r *Replicator) hasMet(ctx context.Context, t *table.Table, c aws.Cell) (bool, error) {
	runs, err := r.begun(ctx)
	if err != nil {
		return false, err
	}
	met, err := r.metIn(ctx, t, c)
	return err == nil && met == runs.last(), err
}

// meet asks a member how far it has come, where that was not done in this run. It
// returns false while it cannot be asked, or when this replica has to be brought
// back first: see renew.
func (r *Replicator) meet(ctx context.Context, t *table.Table, m table.Member) (bool, error) {
	runs, err := r.begun(ctx)
	if err != nil {
		return false, err
	}
	met, err := r.metIn(ctx, t, m.Cell)
	if err != nil || met == runs.last() {
		return err == nil, err
	}
	a, err := r.askReached(ctx, t, m.Cell, table.Edition{})
	switch {
	case errors.Is(err, ErrUnreachable) || isNotFound(err):
		return false, nil
	case err != nil:
		return false, err
	case !r.unchanged(t, m.Cell):
		return false, nil // What was asked was of a membership that is over.
	case a.Behind:
		r.logger.Error("a member has given up changes that this cell lacks: the replica is compared with all others",
			"cell", r.cell.String(), "table", t.Def.Name, "peer", m.Cell.String())
		return false, r.stray(ctx, t)
	case !a.Done:
		return false, nil
	case a.Run != runs.present() && (a.Run != 0 || a.Position > runs.after(met)):
		r.logger.Error("a member has had more than this cell's log holds: the store was put back to an earlier state, and the replica is compared with all others",
			"cell", r.cell.String(), "table", t.Def.Name, "peer", m.Cell.String(), "had", uint64(a.Position), "run", a.Run)
		return false, r.stray(ctx, t)
	}
	return true, r.setMet(ctx, t, m.Cell)
}

// unchanged reports whether this cell and another one are still members since when they
// were: one may join again, or be counted anew, while the other one is asked.
func (r *Replicator) unchanged(was *table.Table, c aws.Cell) bool {
	t := r.engine.Table(was.Def.Name)
	if !belongs(t, was.Def.Group.ID, c) || !belongs(t, was.Def.Group.ID, r.cell) {
		return false
	}
	since := func(t *table.Table, c aws.Cell) int64 { return t.Def.Group.Member(c).Since }
	return since(t, c) == since(was, c) && since(t, r.cell) == since(was, r.cell)
}

// askReached asks a member how far this cell's log is applied there. Where that is of
// the history of the present run, the cursor is one of that run from then on. A cell
// that leaves names its settings: see older.
func (r *Replicator) askReached(ctx context.Context, t *table.Table, peer aws.Cell, has table.Edition) (*Response, error) {
	q := &Request{Kind: Reached, Table: t.Def.Name, Group: t.Def.Group, Member: *t.Def.Group.Member(r.cell), Edition: has}
	var err error
	if q.Runs, err = r.begun(ctx); err != nil {
		return nil, err
	}
	if q.Position, _, err = r.cursorOn(ctx, t, peer); err != nil {
		return nil, err
	}
	return r.transport.Call(ctx, r.cell, peer, q)
}

// cursorOn returns the stored cursor on a member's log; false where there is none.
func (r *Replicator) cursorOn(ctx context.Context, t *table.Table, peer aws.Cell) (kv.Position, bool, error) {
	b, _, err := r.engine.Store().Get(ctx, cursorKey(t, peer), nil)
	if errors.Is(err, kv.ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	at, err := decodeCursor(b)
	return at, err == nil, err
}

// reachedBy answers askReached: up to where the asking member's log is applied here, Done
// where there is a cursor on it, and whether the log of this cell begins after what
// that member has, or the membership that it knows of is over.
func (r *Replicator) reachedBy(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	t := r.engine.Table(q.Table)
	if !belongs(t, q.Group.ID, from) || !belongs(t, q.Group.ID, r.cell) {
		return nil, notFound(q.Table)
	}
	if err := r.learn(ctx, from, q.Runs); err != nil {
		return nil, err
	}
	out := r.older(t, from, q.Edition)
	own, asks := t.Def.Group.Member(r.cell), q.Group.Member(r.cell)
	switch since := t.Def.Group.Member(from).Since; {
	case since > q.Member.Since, asks != nil && own.Since > asks.Since:
		out.Behind = true
		return out, nil // One of the two was counted anew since then.
	case since < q.Member.Since:
		return nil, notFound(q.Table)
	}
	at, done, err := r.goOn(ctx, t, from, q.Runs)
	out.Position, out.Run, out.Done = at.Position, at.Run, done
	if err != nil || q.Member.Status != table.Active {
		return out, err
	}
	start, err := t.Log.Start(ctx)
	if err != nil {
		return nil, err
	}
	readers, err := t.Log.Readers(ctx)
	out.Behind = q.Position < start
	for _, x := range readers {
		out.Behind = out.Behind || (x.Lost && x.Name == from.String())
	}
	return out, err
}

// unmet reports whether there is a member that was not yet asked in this run.
func (r *Replicator) unmet(t *table.Table) bool {
	for _, l := range r.sortedOf(t.Def.Name) {
		if l.key.side == sending && l.key.group == t.Def.Group.ID && !l.begun() {
			return true
		}
	}
	return false
}
