package replication

import (
	"context"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// confirmEvery is how often a member that is being made is asked whether it is.
const confirmEvery = 5 * time.Second

// adoptWithin is how long a cell may not know yet that another Region of its
// account is making a replica in it.
const adoptWithin = time.Minute

// alone waits until no other call makes a replica of that name here: a client that got
// no answer in time sends its call again. The members know the newcomer by its cell, and
// what undoes a later attempt would take back the one that went well. What it returns
// ends that.
func (r *Replicator) alone(ctx context.Context, name string) (func(), error) {
	for {
		r.mu.Lock()
		other := r.making[name]
		if other == nil {
			mine := make(chan struct{})
			r.making[name] = mine
			r.mu.Unlock()
			return func() {
				r.mu.Lock()
				defer r.mu.Unlock()
				delete(r.making, name)
				close(mine)
			}, nil
		}
		r.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// expectMember notes that this cell is about to become a member; what it returns
// ends that.
func (r *Replicator) expectMember(name string) func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.joining[name]++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.joining[name]--
	}
}

// expected reports whether this cell is about to become a member by its own wish.
func (r *Replicator) expected(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.joining[name] > 0
}

// confirm answers whether this cell is a member, or about to be one, and whether
// it counts the member that the request names, if any. A join that ended half-way
// leaves members that took in a cell which knows nothing of it; a departure that
// did, members that know nothing of the cell that was leaving.
func (r *Replicator) confirm(_ context.Context, _ aws.Cell, q *Request) (*Response, error) {
	t := r.engine.Table(q.Table)
	joining := r.expected(q.Table)
	counted := q.Member.Cell == (aws.Cell{}) || belongs(t, q.Group.ID, q.Member.Cell)
	switch {
	case joining || (counted && belongs(t, q.Group.ID, r.cell)):
		return &Response{}, nil
	case belongs(t, q.Group.ID, r.cell) && (t.Def.Resync != 0 || r.unmet(t)):
		return &Response{}, nil // Its store was put back, or may have been: it need not know all members.
	case takenOut(t, q.Group.ID, &q.Member):
		return &Response{Out: true}, nil
	case belongs(t, q.Group.ID, r.cell):
		return &Response{Uncounted: true}, nil
	case wasDetached(t, q.Group.ID):
		return &Response{Away: true, Since: t.Def.Detached.Group.Member(r.cell).Since}, nil
	}
	return nil, notFound(q.Table)
}

// wasDetached reports whether a table was a member of a global table until it was
// detached, and may come back.
func wasDetached(t *table.Table, group string) bool {
	return t != nil && t.Def.Group == nil && t.Def.Detached != nil && t.Def.Detached.Own && t.Def.Detached.Group.ID == group
}

// confirmMembers asks the members that are being made whether they are, and those
// that have been silent, or answer as if they were none, whether they still are, and
// takes out those that are not: one that was kept from replication for too long leaves
// by itself, and need not reach the others then. Membership is mutual; but a replica
// that is still being made, and that a member does not count, is one whose making was
// given up there, and the others need not have been told: it gives itself up.
func (k *keeper) confirmMembers(ctx context.Context, t *table.Table, now time.Time) error {
	if now.Sub(k.confirmedAt) < confirmEvery {
		return nil
	}
	first := k.confirmedAt.IsZero()
	k.confirmedAt = now
	for _, m := range t.Def.Group.Members {
		young := k.r.dates.Now().Sub(time.UnixMicro(m.Since)) < adoptWithin && t.Def.Group.Kind != table.MultiAccount
		creating := m.Status == table.Creating
		if m.Cell == k.r.cell || (creating && (first || young)) || (!creating && !k.r.strange(t, m.Cell) && now.Sub(k.r.heard(t, m.Cell)) <= noContactAfter) {
			continue
		}
		q := &Request{Kind: Confirm, Table: k.table, Group: t.Def.Group}
		if !creating {
			q.Member = *t.Def.Group.Member(k.r.cell)
		}
		a, err := k.r.transport.Call(ctx, k.r.cell, m.Cell, q)
		out, away, uncounted := err == nil && a.Out, err == nil && a.Away, err == nil && a.Uncounted
		if out && t.Def.Status != table.Deleting {
			return k.expelled(ctx, m.Cell)
		}
		if uncounted && (t.Def.Status == table.Deleting || t.Def.Disassociating) {
			continue // It has let this cell go, which leaves: see learnParted.
		}
		if !isNotFound(err) && !away && !uncounted && !out {
			continue // It is one, or cannot be asked.
		}
		if uncounted && t.Def.Status == table.Creating {
			k.r.logger.Error("a replica is given up: a member does not count it", "cell", k.r.cell.String(), "table", k.table, "member", m.Cell.String())
			return k.r.depart(context.WithoutCancel(ctx), t, false)
		}
		since := int64(0)
		if away {
			since = a.Since // It may have come back half-way, and know nothing of that.
		}
		k.r.logger.Info("what is no member is taken out", "table", k.table, "member", m.Cell.String())
		if err := k.r.takeOut(context.WithoutCancel(ctx), k.table, k.group, m, departure{away: away, since: since}); err != nil {
			return err
		}
	}
	return nil
}

// strange reports whether a member answers that it has no such replica.
func (r *Replicator) strange(t *table.Table, c aws.Cell) bool {
	l := r.linkOf(linkKey{t.Def.Name, t.Def.Group.ID, c, sending})
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.work.(*sender)
	return ok && s.stranger
}

// heard returns when anything last came from a member, or, where that is later,
// when this cell began to listen.
func (r *Replicator) heard(t *table.Table, c aws.Cell) time.Time {
	var at time.Time
	for _, side := range []side{sending, receiving} {
		l := r.linkOf(linkKey{t.Def.Name, t.Def.Group.ID, c, side})
		if l == nil {
			continue
		}
		l.mu.Lock()
		at = later(at, l.made)
		switch w := l.work.(type) {
		case *sender:
			at = later(at, w.heardAt)
		case *receiver:
			at = later(at, w.heardAt)
		}
		l.mu.Unlock()
	}
	return at
}

// learnParted asks the members whether they still count this cell, which leaves.
// One that does not let it go at its own request, before the process ended, and
// then had all of it; or it has no such table any more. Neither takes anything
// from this cell again.
func (k *keeper) learnParted(ctx context.Context, t *table.Table, now time.Time) {
	if now.Sub(k.partedAt) < confirmEvery {
		return
	}
	k.partedAt = now
	q := &Request{Kind: Confirm, Table: k.table, Group: t.Def.Group, Member: *t.Def.Group.Member(k.r.cell)}
	for _, m := range t.Def.Group.Members {
		if m.Cell == k.r.cell || k.parted[m.Cell] {
			continue
		}
		a, err := k.r.transport.Call(ctx, k.r.cell, m.Cell, q)
		if isNotFound(err) || (err == nil && (a.Away || a.Uncounted || a.Out)) {
			k.parted[m.Cell] = true
		}
	}
}

// takeOut removes a member that is still as it was when it was asked. Whether in haste
// follows from how it was.
func (r *Replicator) takeOut(ctx context.Context, name, group string, m table.Member, how departure) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	t := r.engine.Table(name)
	if !belongs(t, group, m.Cell) {
		return nil
	}
	if is := t.Def.Group.Member(m.Cell); is.Status != m.Status || is.Since != m.Since || is.Source != m.Source {
		return nil
	}
	// One that was coming back, or was being counted anew, has brought some of its
	// changes, perhaps not to all.
	how.hasty = m.Status != table.Creating || t.Def.Group.AwayIn(m.Cell) != nil || countedAnew(t.Def.Group, m.Cell)
	return r.remove(ctx, t, m.Cell, how)
}
