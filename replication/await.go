package replication

import (
	"context"
	"net/http"
	"slices"
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
)

// Seen appends to dst, for each member of a global table, a position on its log:
// all of its that a read which is over can have seen here is at or before that. It
// appends nothing for a table that is not replicated.
func (r *Replicator) Seen(ctx context.Context, dst []Cursor, name string) ([]Cursor, error) {
	t := r.engine.Table(name)
	if t == nil || t.Def.Group == nil {
		return dst, nil
	}
	at, err := r.engine.Seen(ctx, t)
	if err != nil {
		return dst, err
	}
	for _, m := range t.Def.Group.Members {
		c := Cursor{m.Cell, at}
		if m.Cell != r.cell {
			c.Position = 0
			if l := r.linkOf(linkKey{name, t.Def.Group.ID, m.Cell, receiving}); l != nil {
				v, _ := l.work.(*receiver)
				c.Position = kv.Position(v.seen.Load())
			}
		}
		if c.Position > 0 {
			dst = append(dst, c)
		}
	}
	return dst, nil
}

// Await returns when this cell has applied another member's log of a table up to
// a position: what was written there is seen here. When that is not so within the
// time, the answer is an error of ours, and nothing was done. Who is no member any
// more is not waited for: what it wrote is with all of them, once they have asked
// each other for it.
func (r *Replicator) Await(ctx context.Context, name string, from aws.Cell, at kv.Position, within time.Duration) error {
	began := r.clock.Now()
	deadline, inquire := began.Add(within), began.Add(inquireAfter)
	for from != r.cell {
		t := r.engine.Table(name)
		if t == nil {
			return notFound(name)
		}
		if t.Def.Group.Member(from) == nil && !recovering(t.Def.Group, from) {
			return nil
		}
		if l := r.linkOf(linkKey{name, t.Def.Group.ID, from, receiving}); l != nil {
			v, _ := l.work.(*receiver)
			l.mu.Lock()
			_, _, err := v.stands(ctx, t)
			reached := v.known && v.cursor >= at
			if now := r.clock.Now(); !reached && !now.Before(inquire) {
				v.inquire(t)
				inquire = now.Add(inquireEvery)
			}
			l.mu.Unlock()
			if err != nil || reached {
				return err
			}
		}
		if !r.clock.Now().Before(deadline) {
			return &aws.Error{
				Code: "PositionNotReachedException", Status: http.StatusBadRequest,
				Message: "The replica in " + r.cell.String() + " has not applied within " + within.String() + " what " + from.String() + " wrote to " + name + "; nothing was done. Try again, or read where it was written",
			}
		}
		if !clock.Wait(ctx, nil, awaitEvery) {
			return ctx.Err()
		}
	}
	return nil
}

// recovering reports whether rows of a cell that has left are still asked for.
func recovering(g *table.Group, gone aws.Cell) bool {
	return g != nil && slices.ContainsFunc(g.Recover, func(x table.Recovery) bool { return x.Gone == gone })
}
