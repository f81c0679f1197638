package replication

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// Limits of Await. A call that waits looks again every awaitEvery.
const (
	DefaultAwait = 5 * time.Second
	MaxAwait     = 30 * time.Second
	awaitEvery   = 2 * time.Millisecond

	inquireAfter = 20 * time.Millisecond // Until the other member is asked.
	inquireEvery = 250 * time.Millisecond

	askAtLeast = time.Second // For what another cell's store has of a point, when the patience is over before.
)

// Awaited is a point on the log of a member of a table.
type Awaited struct {
	Table string
	Point
}

// patience is how long a call waits, for all that it names together.
type patience struct {
	within   time.Duration
	deadline time.Time
}

// Seen appends to dst, for each member of a global table, a point on its log: all
// of its that a read which is over can have seen here is at or before that. It
// appends nothing for a table that is not replicated, and none of a member of which
// no batch has come yet: what a seed had of its is not told apart from what it has.
func (r *Replicator) Seen(ctx context.Context, dst []Point, name string) ([]Point, error) {
	t := r.engine.Table(name)
	if t == nil || t.Def.Group == nil {
		return dst, nil
	}
	at, err := r.engine.Seen(ctx, t)
	if err != nil {
		return dst, err
	}
	run, err := r.Present(ctx)
	if err != nil {
		return dst, err
	}
	for _, m := range t.Def.Group.Members {
		p := Point{m.Cell, run, at}
		if m.Cell != r.cell {
			p.Run, p.Position = 0, 0
			if l := r.linkOf(linkKey{name, t.Def.Group.ID, m.Cell, receiving}); l != nil {
				v, _ := l.work.(*receiver)
				p.Run, p.Position = v.run.Load(), kv.Position(v.seen.Load())
			}
		}
		if p.Position > 0 && p.Run != 0 {
			dst = append(dst, p)
		}
	}
	return dst, nil
}

// Await returns when this cell has applied other members' logs up to these points:
// what was written there is seen here. When that is not so within the time, which is
// one for all of them, or a point is of a history that the other member's store has
// forgotten, the answer is an error of ours and the index of that point, and nothing
// was done. Who is no member any more is not waited for: what it wrote is with all of
// them, once they have asked each other for it.
func (r *Replicator) Await(ctx context.Context, within time.Duration, points ...Awaited) (int, error) {
	until := patience{within, r.clock.Now().Add(within)}
	for i, p := range points {
		if err := r.await(ctx, p.Table, p.Point, until); err != nil {
			return i, err
		}
	}
	return len(points), nil
}

func (r *Replicator) await(ctx context.Context, name string, p Point, until patience) error {
	began := r.clock.Now()
	inquire, ask := began.Add(inquireAfter), began
	for {
		t := r.engine.Table(name)
		switch {
		case p.Cell == r.cell:
			return r.own(ctx, t, p)
		case t == nil:
			return notFound(name)
		case t.Def.Group.Member(p.Cell) == nil && !recovering(t.Def.Group, p.Cell):
			return nil
		}
		now := r.clock.Now()
		reached, run, err := r.reaches(ctx, t, p)
		if err != nil {
			return err
		}
		is, err := r.bearingOf(ctx, p, run)
		if err == nil && is == unplaced && !now.Before(ask) {
			ask = now.Add(inquireEvery)
			is, err = r.askOf(ctx, t, p, run, max(until.deadline.Sub(now), askAtLeast))
		}
		switch {
		case err != nil:
			return err
		case is == misplaced:
			return forgottenAt(name, p)
		case is == placed && reached && !comingBack(t, p.Cell):
			return nil
		case !now.Before(inquire):
			r.inquire(t, p.Cell)
			inquire = now.Add(inquireEvery)
		}
		if !r.clock.Now().Before(until.deadline) {
			return &aws.Error{
				Code: "PositionNotReachedException", Status: http.StatusBadRequest,
				Message: "The replica in " + r.cell.String() + " has not applied within " + clock.Words(until.within) + " what " + p.Cell.String() + " wrote to " + name + "; nothing was done. Try again, or read where it was written",
			}
		}
		if !clock.Wait(ctx, nil, awaitEvery) {
			return ctx.Err()
		}
	}
}

// PositionLost is the code of the error for a point of a forgotten history.
const PositionLost = "PositionLostException"

func forgottenAt(name string, p Point) error {
	return &aws.Error{
		Code: PositionLost, Status: http.StatusBadRequest,
		Message: "The store of " + p.Cell.String() + " has no trace of position " + strconv.FormatUint(uint64(p.Position), 10) + " of " + name + ": it was put back to an earlier state, and what was written there may be lost. Nothing was done. Read what is there, and go on without this position",
	}
}

// own judges a point of this cell itself, which has reached what it has not
// forgotten.
func (r *Replicator) own(ctx context.Context, t *table.Table, p Point) error {
	if t == nil || t.Def.Group == nil {
		return nil
	}
	runs, err := r.begun(ctx)
	if err == nil && !runs.holds(p.Run, p.Position) {
		return forgottenAt(t.Def.Name, p)
	}
	return err
}

// reaches reports whether a member's log is applied up to a position, and in which
// of its runs the cursor stands.
func (r *Replicator) reaches(ctx context.Context, t *table.Table, p Point) (bool, uint64, error) {
	l := r.linkOf(linkKey{t.Def.Name, t.Def.Group.ID, p.Cell, receiving})
	if l == nil {
		return false, 0, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	v, _ := l.work.(*receiver)
	_, _, err := v.stands(ctx, t)
	return v.known && v.cursor >= p.Position, v.run.Load(), err
}

// comingBack reports whether this cell or another one is back, or counted anew, and
// not yet compared with all: up to where their logs begin anew, what they wrote
// comes by that.
func comingBack(t *table.Table, c aws.Cell) bool {
	m := t.Def.Group.Member(c)
	return t.Def.Returning() || (m != nil && m.Status == table.Creating && m.Source == (aws.Cell{}))
}

// inquire has a member asked how far it has come.
func (r *Replicator) inquire(t *table.Table, c aws.Cell) {
	l := r.linkOf(linkKey{t.Def.Name, t.Def.Group.ID, c, receiving})
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if v, ok := l.work.(*receiver); ok {
		v.inquire(t)
	}
}

// recovering reports whether rows of a cell that has left are still asked for.
func recovering(g *table.Group, gone aws.Cell) bool {
	return g != nil && slices.ContainsFunc(g.Recover, func(x table.Recovery) bool { return x.Gone == gone })
}
