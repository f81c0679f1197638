package replication

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// comparePages is how long a scheduled check rests between two pages, so that it
// takes no more than a part of the cell.
const comparePages = time.Second

// comparer checks a replica against that of one other member, page by page, again
// and again. It repairs nothing: it logs and counts what it finds. Of each pair of
// members the first one checks.
type comparer struct {
	mailbox
	r     *Replicator
	table string
	group string
	peer  aws.Cell

	after []byte    // Where the last page ended; nil between two checks.
	began time.Time // The check that is under way.
	found int64     // In it so far.
	last  DifferenceKind

	compared  atomic.Int64 // When the last whole check began, in microseconds.
	differing atomic.Int64 // What it found.
}

func (c *comparer) step(ctx context.Context, now time.Time) (time.Time, error) {
	c.take()
	t := c.r.engine.Table(c.table)
	if !belongs(t, c.group, c.peer) || !belongs(t, c.group, c.r.cell) {
		return time.Time{}, nil
	}
	if c.began.IsZero() { // The first check is due an interval after the start.
		c.began = now
		return now.Add(c.r.compareEvery), nil
	}
	if c.after == nil {
		c.began, c.found = now, 0
	}
	if t.Def.Status == table.Creating || t.Def.Status == table.Deleting {
		return c.began.Add(c.r.compareEvery), nil
	}
	d, err := c.r.CheckDivergence(ctx, c.table, c.peer, CheckOptions{After: c.after, Pause: c.r.comparePause})
	if err != nil {
		c.after = nil
		return now.Add(c.r.compareEvery), err
	}
	if n := len(d.Differences); n > 0 {
		c.found += int64(n)
		c.last = d.Differences[n-1].Kind
	}
	if c.after = d.Next; c.after != nil {
		return now.Add(comparePages), nil
	}
	c.compared.Store(c.began.UnixMicro())
	c.differing.Store(c.found)
	if c.found > 0 {
		c.r.logger.Error("replicas differ", "cell", c.r.cell.String(), "table", c.table, "peer", c.peer.String(), "items", c.found,
			"last", string(c.last))
	}
	return now.Add(c.r.compareEvery), nil
}

// compareStatus adds to a link's status what the last check of its table against
// its source found.
func (r *Replicator) compareStatus(s *LinkStatus, group string) {
	l := r.linkOf(linkKey{s.Table, group, s.Source, comparing})
	if l == nil {
		return
	}
	c := l.work.(*comparer) // Its numbers can be read while it steps.
	if at := c.compared.Load(); at > 0 {
		s.Compared, s.Differing = time.UnixMicro(at), c.differing.Load()
	}
}
