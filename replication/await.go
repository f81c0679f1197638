package replication

import (
	"context"
	"net/http"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
)

// Limits of Await. A call that waits looks again every awaitEvery.
const (
	DefaultAwait = 5 * time.Second
	MaxAwait     = 30 * time.Second
	awaitEvery   = 2 * time.Millisecond
)

// Await returns when this cell has applied another member's log of a table up to
// a position: what was written there is seen here. When that is not so within the
// time, the answer is an error of ours, and nothing was done.
func (r *Replicator) Await(ctx context.Context, name string, from aws.Cell, at kv.Position, within time.Duration) error {
	deadline := r.clock.Now().Add(within)
	for from != r.cell {
		t := r.engine.Table(name)
		if t == nil || t.Def.Group.Member(from) == nil {
			return aws.Validation("x-hortus-wait-for: table %s of %v has no replica in %v", name, r.cell, from)
		}
		if l := r.linkOf(linkKey{name, t.Def.Group.ID, from, receiving}); l != nil {
			v, _ := l.work.(*receiver)
			l.mu.Lock()
			_, _, err := v.stands(ctx, t)
			reached := v.known && v.cursor >= at
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
