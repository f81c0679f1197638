package replication

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hortusdb/hortus/aws"
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
	trimAgain     = 50 * time.Millisecond
	drainPoll     = 10 * time.Millisecond
	standAgain    = 200 * time.Millisecond
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
	pageAt time.Time // When the source last answered, or was chosen.
	shown  int       // The part that has come, in percent, as the other members were last told.
	moves  int       // How often the source was changed, in this run.
	loaded bool
	leave  permission

	recovery *recovery

	meetAt time.Time // When the members are asked again that could not be asked in this run: see runs.

	newer    aws.Cell  // A member that has later settings; none where none is known.
	keepUpAt time.Time // When it is asked again for them.

	progressAt  time.Time
	trimAt      time.Time
	trimMore    bool                     // The last trim did not come to the end.
	moved       map[string]bool          // Members that moved before trimAt.
	acked       map[aws.Cell]kv.Position // What the members had acknowledged at trimAt.
	confirmedAt time.Time
	drawn       []Mark // What this cell had reached when its low water last turned.
	told        []Mark // The same of the turn before: what is told with the low water.
	wanted      bool   // Another member asked for progress.
	ahead       []byte // From where pages were last asked for.
	runs        []run  // What newcomers asked for.
	pagesDue    time.Time
	seedBegan   time.Time
	leaving     time.Time         // When the deletion of the table began.
	warned      bool              // That it will lose something.
	awaits      bool              // It was said that members cannot let this replica go yet.
	last        kv.Position       // All that this cell wrote before that is up to it.
	parted      map[aws.Cell]bool // The members that let this cell go already.
	partedAt    time.Time
	owed        map[aws.Cell]kv.Position // Of each member: what this cell must have before it leaves.
	seedTook    time.Duration
	plantedAt   time.Time // When the last row had come.
	urgedAt     time.Time // When the others were last asked for their progress.

	failure error                   // Of the last step.
	sown    atomic.Pointer[seeding] // What of it is seen from outside; nil where nothing was ever seeded in this run.
}

func (k *keeper) step(ctx context.Context, now time.Time) (time.Time, error) {
	k.pagesDue = time.Time{}
	next, err := k.turn(ctx, now)
	if t := k.r.engine.Table(k.table); belongs(t, k.group, k.r.cell) {
		at, bad := k.meet(ctx, t, now)
		next = earlier(next, at)
		due, worse := k.keepUp(ctx, t, now)
		next, err = earlier(next, due), errors.Join(err, bad, worse)
	}
	k.failure = err
	k.showSown()
	return earlier(next, k.pagesDue), err
}

// earlier is the earlier of two times; a zero one is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// turn is a step but for the pages that wait for their time.
func (k *keeper) turn(ctx context.Context, now time.Time) (time.Time, error) {
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
	mail := k.take()
	for _, m := range mail {
		k.readAhead(t, m, now)
	}
	for _, m := range mail {
		if err := k.handle(ctx, t, m, now); err != nil {
			return now.Add(time.Second), err
		}
	}
	var err error
	if k.pagesDue, err = k.sendPages(ctx, t); err != nil {
		return now.Add(time.Second), err
	}
	k.showSown() // What follows may ask other cells.
	if t.Def.Status == table.Deleting {
		return k.depart(ctx, t, now)
	}
	if left, err := k.watch(ctx, t); left || err != nil {
		return now.Add(time.Second), err
	}
	if t.Def.Disassociating {
		if left, err := k.part(ctx, t, now); left || err != nil {
			return now.Add(time.Second), err
		}
	}
	if k.seed != nil && k.seed.Done && t.Def.Status == table.Creating {
		if !k.caughtUp(t, now) {
			return now.Add(catchUpEvery), nil
		}
		return now.Add(time.Second), k.finish(ctx, now)
	}
	if k.seed != nil && !k.seed.Done {
		return k.sow(ctx, t, now)
	}
	next, err := k.housekeeping(ctx, t, now)
	if len(t.Def.Group.Recover) > 0 {
		if at := k.recover(t, now); at.Before(next) {
			next = at
		}
	}
	if at := now.Add(partPoll); t.Def.Disassociating && at.Before(next) {
		next = at
	}
	if at := now.Add(time.Second); timed(t) && at.Before(next) {
		next = at // Its policy may say something else then.
	}
	return next, err
}

// depart deletes the replica once the others have all of it.
func (k *keeper) depart(ctx context.Context, t *table.Table, now time.Time) (time.Time, error) {
	if k.leaving.IsZero() {
		k.leaving, k.last, k.parted = now, k.r.engine.Store().Durable(), map[aws.Cell]bool{}
	}
	if err := k.confirmMembers(ctx, t, now); err != nil {
		return now.Add(time.Second), err
	}
	if len(t.Def.Group.Recover) > 0 {
		k.recover(t, now) // Until it is done no member that it asks can go, and that one may wait likewise.
	}
	k.learnParted(ctx, t, now)
	lacking := k.r.lacking(t, k.last, k.parted)
	if t.Def.Group.Member(k.r.cell).Status == table.Creating {
		lacking = nil // It took no writes.
	}
	for _, c := range lacking {
		kept := k.r.denied(t, c)
		if kept && !k.warned {
			k.warned = true
			k.r.logger.Warn("a replica is being deleted, and a policy keeps changes of it back: they are lost if that lasts", "cell", k.r.cell.String(), "table", k.table, "peer", c.String(), "within", leaveWithin)
		}
		if now.Sub(k.leaving) < leaveWithin || !kept {
			return now.Add(drainPoll), nil
		}
	}
	if len(lacking) == 0 {
		if all, err := k.r.standBack(ctx, t, k.parted, now.Sub(k.leaving) < leaveWithin); !all || err != nil {
			return now.Add(standAgain), err
		}
	}
	lost := k.r.unsent(t, lacking) // Nobody can count them afterwards.
	// The end of this link's own context comes with the end of the table.
	err := k.r.depart(context.WithoutCancel(ctx), t, len(lacking) > 0)
	switch {
	case err == nil:
		k.tellLost(lost)
	case allOf(err, errInUse.Code):
		if !k.awaits { // A member that was started again has to ask around first, say: that is no fault.
			k.awaits = true
			k.r.logger.Info("a replica that is being deleted waits for members that cannot let it go yet", "cell", k.r.cell.String(), "table", k.table, "answer", err)
		}
		err = nil
	}
	return now.Add(time.Second), err
}

// tellLost logs what a replica that was deleted did not bring to the others.
func (k *keeper) tellLost(lost []unsent) {
	for _, u := range lost {
		changes := strconv.FormatInt(u.changes, 10)
		switch {
		case u.unknown != "":
			changes = "unknown: " + u.unknown
		case u.changes >= MaxPending:
			changes += " or more"
		}
		k.r.logger.Error("a replica was deleted with changes that a member does not get: a policy kept them back",
			"cell", k.r.cell.String(), "table", k.table, "peer", u.cell.String(), "changes", changes)
	}
}

func (k *keeper) handle(ctx context.Context, t *table.Table, m *Message, now time.Time) error {
	switch m.Kind {
	case SeedAsk:
		return k.answer(ctx, t, m)
	case SeedPage:
		return k.plant(ctx, t, m, now)
	case Progress:
		k.wanted = k.wanted || m.Wants
	default: // Of senders and receivers: it tells later settings.
		k.newer = m.from
	}
	return nil
}

// housekeeping trims the log and, while there are tombstones, learns which may
// go.
func (k *keeper) housekeeping(ctx context.Context, t *table.Table, now time.Time) (time.Time, error) {
	if k.trimMore || now.Sub(k.trimAt) >= trimEvery {
		if err := k.trim(ctx, t, now); err != nil {
			return now.Add(restEvery), err
		}
	}
	if err := k.confirmMembers(ctx, t, now); err != nil {
		return now.Add(time.Second), err
	}
	if err := k.expire(ctx, t); err != nil {
		return now.Add(time.Second), err
	}
	if k.trimMore {
		return now.Add(trimAgain), nil
	}
	if now.Sub(k.progressAt) < progressEvery {
		return k.progressAt.Add(progressEvery), nil
	}
	k.progressAt = now
	some, err := k.r.engine.Tombstones(ctx, t)
	if err != nil || (!some && !k.wanted) {
		// All tables at the same time, as their links say that they are there: to wake
		// a node that rests costs more than what is done then.
		return now.Truncate(restEvery).Add(restEvery), err
	}
	k.wanted = false
	return now.Add(progressEvery), k.progress(ctx, t, some)
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
