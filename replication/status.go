package replication

import (
	"context"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/metrics"
)

// LinkState says how a link is.
type LinkState string

// The states of a link.
const (
	Flowing       LinkState = "FLOWING"
	Seeding       LinkState = "SEEDING"
	NotAuthorized LinkState = "NOT_AUTHORIZED"
	NoContact     LinkState = "NO_CONTACT"
	Refused       LinkState = "REFUSED" // The destination does not apply what comes.
	Failing       LinkState = "FAILING" // The last turn of one of its ends ended in an error.
	CutOff        LinkState = "CUT_OFF" // Behind the source's log; must be seeded again.
)

// noContactAfter is how long nothing has to come from the other side.
const noContactAfter = 3 * contactEvery

// LinkStatus is one direction of replication as one of its ends sees it.
type LinkStatus struct {
	Table       string
	Source      aws.Cell
	Destination aws.Cell
	State       LinkState
	Reason      string // Why it does not flow, to the statement; "" when it does.
	LastContact time.Time

	Pending   int64            // As its source sees it: changes not yet acknowledged, counted up to 10,000.
	Shipped   int64            // As its source sees it: bytes of records sent.
	Written   int64            // As its destination sees it: changes applied.
	Lost      int64            // As its destination sees it: changes that were older than what was there.
	Conflicts int64            // As its destination sees it: writes that one which had not seen them overwrote there, in its journal.
	Lag       metrics.Snapshot // As its destination sees it: from commit there to commit here, in microseconds.
	Seed      time.Duration    // As its destination sees it: how long its seeding took.
	Seeded    int64            // Rows that came by seeding.
}

// Status tells about every link of the cell, both directions.
func (r *Replicator) Status() []LinkStatus {
	now := r.clock.Now()
	var out []LinkStatus
	seeds := map[string]*keeper{}
	for _, l := range r.sorted() {
		if k, ok := l.work.(*keeper); ok {
			seeds[l.key.table] = k
		}
	}
	for _, l := range r.sorted() {
		l.mu.Lock()
		var s LinkStatus
		switch w := l.work.(type) {
		case *sender:
			s = w.status(now, l.made)
		case *receiver:
			s = w.status(now, l.made)
		}
		if l.err != nil && s.State == Flowing {
			s.State, s.Reason = Failing, l.err.Error()
		}
		l.mu.Unlock()
		if l.key.side == keeping {
			continue
		}
		if l.key.side == receiving {
			r.seedStatus(&s, seeds[l.key.table])
		}
		out = append(out, s)
	}
	return out
}

func (r *Replicator) seedStatus(s *LinkStatus, k *keeper) {
	if k == nil {
		return
	}
	l := r.linkOf(linkKey{k.table, k.group, r.cell, keeping})
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.seed == nil || k.seed.Source != s.Source {
		return
	}
	s.Seed, s.Seeded = k.seedTook, k.seedRows
	if !k.seed.Done && s.State != NotAuthorized {
		s.State = Seeding
		if l.err != nil {
			s.Reason = l.err.Error()
		}
	}
}

func (r *Replicator) linkOf(k linkKey) *link {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.links[k]
}

// maxPending is how far pending changes are counted.
const maxPending = 10_000

// pending counts the changes of this cell that the peer has not acknowledged, up
// to maxPending.
func (s *sender) pending() int64 {
	t := s.r.engine.Table(s.table)
	if t == nil || !s.started || s.lost {
		return 0
	}
	n := int64(0)
	_, err := s.r.engine.Store().ReadLog(context.Background(), t.Log.ID, s.acked, func(e kv.Entry) bool {
		rec, err := changelog.Decode(e.Record, s.r.engine.Decoder())
		if err == nil && s.r.engine.Local(rec.Version) && rec.Cause != changelog.Replica {
			n++
		}
		return err == nil && n < maxPending
	})
	if err != nil {
		return 0
	}
	return n
}

func (s *sender) status(now, made time.Time) LinkStatus {
	st := LinkStatus{
		Table: s.table, Source: s.r.cell, Destination: s.peer, State: Flowing,
		LastContact: s.heardAt, Shipped: s.shipped,
	}
	st.Pending = s.pending()
	switch {
	case s.lost:
		st.State, st.Reason = CutOff, "the destination fell behind the source's log and must be seeded again"
	case s.leave.reason() != "":
		st.State, st.Reason = NotAuthorized, s.leave.reason()
	case s.refused != "":
		st.State, st.Reason = Refused, s.refused
	case now.Sub(later(s.heardAt, later(made, s.deniedAt))) > noContactAfter:
		st.State, st.Reason = NoContact, "nothing has come from the destination for "+noContactAfter.String()
	}
	return st
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (v *receiver) status(now, made time.Time) LinkStatus {
	st := LinkStatus{
		Table: v.table, Source: v.peer, Destination: v.r.cell, State: Flowing,
		LastContact: v.heardAt, Written: int64(v.applied.Written), Lost: int64(v.applied.Lost), Conflicts: int64(v.applied.Conflicts),
		Lag: v.lag.Snapshot(),
	}
	switch {
	case v.leave.reason() != "":
		st.State, st.Reason = NotAuthorized, v.leave.reason()
	case v.ahead:
		st.State, st.Reason = Refused, "the source's clock is too far ahead of this cell's"
	case now.Sub(later(v.heardAt, made)) > noContactAfter:
		st.State, st.Reason = NoContact, "nothing has come from the source for "+noContactAfter.String()
	}
	return st
}

// reached returns, for every other member, the time up to which all its
// versions are applied here.
func (r *Replicator) reached(table, group string) []Mark {
	var out []Mark
	for _, l := range r.sorted() {
		if l.key.table != table || l.key.group != group {
			continue
		}
		if v, ok := l.work.(*receiver); ok {
			l.mu.Lock()
			out = append(out, Mark{v.peer, v.reached})
			l.mu.Unlock()
		}
	}
	return out
}

// claims returns of every other member what it had applied, as far as nothing that
// it wrote before can still come.
func (r *Replicator) claims(table, group string) map[aws.Cell][]Mark {
	out := map[aws.Cell][]Mark{}
	for _, l := range r.sorted() {
		if l.key.table != table || l.key.group != group {
			continue
		}
		if v, ok := l.work.(*receiver); ok {
			l.mu.Lock()
			out[v.peer] = v.claimed
			l.mu.Unlock()
		}
	}
	return out
}
