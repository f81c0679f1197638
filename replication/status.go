package replication

import (
	"maps"
	"slices"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/metrics"
	"github.com/hortusdb/hortus/table"
)

// LinkState says how a link is.
type LinkState string

// The states of a link.
const (
	Flowing       LinkState = "FLOWING"
	Seeding       LinkState = "SEEDING"
	NotAuthorized LinkState = "NOT_AUTHORIZED"
	RegionOff     LinkState = "REGION_DISABLED"
	NoContact     LinkState = "NO_CONTACT"
	Refused       LinkState = "REFUSED" // The destination does not apply what comes.
	Waiting       LinkState = "WAITING" // A transaction waits for its part of another table; see table.Together.
	Failing       LinkState = "FAILING" // One of its ends ended its last turn in an error, or could not apply what came.
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
	Reason      string    // Why it does not flow, to the statement; "" when it does.
	By          aws.Cell  // The member whose policy or Region keeps it from flowing, where that is why.
	Allow       string    // A statement, as JSON, of By's policy that would let it flow; "" where a Deny stands against it.
	Since       time.Time // Since when By's replica is kept from replication, by the clock of deadlines, as far as known.
	Settings    string    // As its source sees it: why its policy lets no member change settings that are in step, to the statement; "" where it does.
	LastContact time.Time
	Silent      time.Duration // Since LastContact.

	Pending   int64            // As its source sees it: changes not yet acknowledged, counted up to MaxPending.
	Uncounted string           // As its source sees it: why Pending is not known; "" where it is.
	Shipped   int64            // As its source sees it: bytes of records sent.
	Written   int64            // As its destination sees it: changes applied, those merged in included.
	Lost      int64            // As its destination sees it: changes that were older than what was there, and left nothing in it.
	Conflicts int64            // As its destination sees it: writes that one which had not seen them overwrote there, in its journal.
	Apart     int64            // As its destination sees it: transactions of which not all was shown together, though the rule is atomic.
	ApartWhy  string           // Why the last of them was not.
	Refusals  int64            // As its destination sees it: batches that it did not apply.
	Lag       metrics.Snapshot // As its destination sees it: from commit there to commit here, in microseconds.
	Seed      time.Duration    // As its destination sees it: how long its seeding took.
	Seeded    int64            // Rows that came by seeding.

	SeededBytes int64   // Of those rows.
	SeedShare   float64 // Of the table, that has come by seeding: 0 to 1. As its source sees it in whole hundredths, and while that lasts.

	Compared  time.Time // As the destination sees it, where it compares by schedule: when the last whole check began.
	Differing int64     // Rows that it found to differ.
}

// Status tells about every link of the cell, both directions.
func (r *Replicator) Status() []LinkStatus {
	now := r.clock.Now()
	links, out := r.now()
	for i := range out {
		if s := &out[i]; s.Source == r.cell {
			s.wait(r.kept(r.engine.Table(s.Table), s.Destination))
		}
	}
	for _, l := range links {
		if l.key.side != sending && l.key.side != receiving {
			continue // It may be at work for seconds.
		}
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
		if !s.LastContact.IsZero() {
			s.Silent = now.Sub(s.LastContact)
		}
		if l.key.side == receiving {
			r.seedStatus(&s, l.key.group)
			r.compareStatus(&s, l.key.group)
		}
		out = append(out, s)
	}
	return out
}

// now lists the links in a fixed order, and tells about those that are not there
// while a replica is counted anew. Both are of one moment, or a global table might
// be shown as none.
func (r *Replicator) now() (links []*link, remaking []LinkStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range slices.SortedFunc(maps.Keys(r.barred), linkKey.compare) {
		s := LinkStatus{
			Table: k.table, Source: r.cell, Destination: k.peer, State: CutOff,
			Reason: "the replica of one of the two is being counted anew, since its store was put back or it fell behind: the link is made again then",
		}
		if k.side == receiving {
			s.Source, s.Destination = k.peer, r.cell
		}
		remaking = append(remaking, s)
	}
	return slices.SortedFunc(maps.Values(r.links), func(a, b *link) int { return a.key.compare(b.key) }), remaking
}

// seedStatus adds to a link's status what has come over it by seeding.
func (r *Replicator) seedStatus(s *LinkStatus, group string) {
	is := r.seedingOf(s.Table, group)
	if is == nil || is.Source != s.Source {
		return
	}
	s.Seed, s.Seeded, s.SeededBytes, s.SeedShare = is.took, is.Rows, is.Bytes, is.share()
	if is.Done || s.State == NotAuthorized || s.State == RegionOff {
		return
	}
	if s.State == NoContact {
		s.Reason += "; the table is being seeded from there. " + r.prospect(s.Table, is)
		return
	}
	s.State = Seeding
	if is.failure != nil {
		s.Reason = is.failure.Error()
	}
}

func (r *Replicator) linkOf(k linkKey) *link {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.links[k]
}

func (s *sender) status(now, made time.Time) LinkStatus {
	st := LinkStatus{
		Table: s.table, Source: s.r.cell, Destination: s.peer, State: Flowing,
		LastContact: s.heardAt, Shipped: s.shipped,
	}
	waits := s.backlog()
	st.wait(waits)
	t := s.r.engine.Table(s.table)
	if belongs(t, s.group, s.peer) {
		s.leave.allows(s.r, t, readData, s.peer)
		if d := s.r.settleDecision(t); !d.Allowed() {
			st.Settings = d.Explain()
		}
	}
	switch {
	case t != nil && t.Def.Group != nil && astray(t, s.r.cell):
		st.State, st.Reason = CutOff, "the source's store was put back to an earlier state, or it fell behind another member: nothing that is written there arrives until all members are reached and have counted its replica anew"
	case s.lost:
		st.State, st.Reason = CutOff, "the destination fell behind the source's log and must be seeded again"
	case s.leave.reason() != "":
		s.r.explain(&st, &s.leave)
	case s.stranger:
		st.State, st.Reason = Refused, "the destination answers that it has no such replica: it lost its data, or left; it is asked whether that is so, and then taken out"
	case s.refused != "" && !s.failing:
		st.State, st.Reason = Refused, s.refused
		if s.denied {
			st.State = NotAuthorized
			st.blame(s.peer, s.told)
		}
	case s.r.silence(&st, s.peer, "destination", now, later(s.heardAt, later(made, s.deniedAt))):
	case s.failing:
		st.State, st.Reason = Failing, "the destination fails to apply what comes: "+s.refused
	case s.held != "":
		st.State, st.Reason = Waiting, s.held
	case waits.err != nil:
		st.State, st.Reason = Failing, waits.unknown
	case seeds(t, s.r.cell, s.peer):
		st.State, st.SeedShare = Seeding, float64(s.seeded)/100
	}
	return st
}

// seeds reports whether a member is seeded by this cell.
func seeds(t *table.Table, own, newcomer aws.Cell) bool {
	if t == nil || t.Def.Group == nil {
		return false
	}
	m := t.Def.Group.Member(newcomer)
	return m != nil && m.Status == table.Creating && m.Source == own
}

// wait notes what waits for a link.
func (s *LinkStatus) wait(b backlog) { s.Pending, s.Uncounted = b.changes, b.unknown }

// silence says of a link over which nothing can come, or nothing came for too long,
// that it has no contact.
func (r *Replicator) silence(st *LinkStatus, peer aws.Cell, end string, now, since time.Time) bool {
	down := r.transport.Down(r.cell, peer)
	silent := now.Sub(since)
	if down == "" && silent <= noContactAfter {
		return false
	}
	st.State, st.Reason = NoContact, down
	if down == "" {
		st.Reason = "nothing has come from the " + end + " for " + clock.Words(silent.Truncate(time.Second))
	}
	return true
}

// explain says of a link that this cell keeps from flowing why, and what would
// let it flow.
func (r *Replicator) explain(st *LinkStatus, p *permission) {
	st.State, st.Reason, st.By = NotAuthorized, p.reason(), r.cell
	t := r.engine.Table(st.Table)
	if t == nil || t.Def.Group == nil {
		return
	}
	if i := t.Def.Inaccessible; i != nil {
		st.Since = time.UnixMicro(i.Since)
	}
	if st.Allow = p.lacks; p.disabled != "" {
		st.State, st.Allow = RegionOff, ""
	}
}

// blame notes whose policy or Region keeps a link from flowing, and what its policy
// lacks, as it said itself.
func (s *LinkStatus) blame(c aws.Cell, told *table.Inaccessible) {
	s.By, s.Allow = c, suggested(s.Reason)
	if told == nil {
		return
	}
	s.Since = time.UnixMicro(told.Since)
	if told.Status == table.RegionDisabled {
		s.State = RegionOff
	}
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
		LastContact: v.heardAt, Written: int64(v.applied.Written), Lost: int64(v.applied.Lost), Conflicts: int64(v.applied.Conflicts), Refusals: v.refused,
		Apart: v.apart, ApartWhy: v.reason,
		Lag: v.lag.Snapshot(),
	}
	if t := v.r.engine.Table(v.table); belongs(t, v.group, v.peer) {
		v.leave.allows(v.r, t, writeData, v.peer)
	}
	switch {
	case v.leave.reason() != "":
		v.r.explain(&st, &v.leave)
	case v.stranger:
		st.State, st.Reason = NoContact, "the source answers that it has no such replica: it lost its data, or left"
	case v.withheld != "":
		st.State, st.Reason = NotAuthorized, v.withheld
		st.blame(v.peer, v.told)
	case v.ahead:
		st.State, st.Reason = Refused, "the source's clock is too far ahead of this cell's"
	case v.r.silence(&st, v.peer, "source", now, later(v.heardAt, made)):
	case v.failure != nil:
		st.State, st.Reason = Failing, v.failure.Error()
	case v.waits != "":
		st.State, st.Reason = Waiting, v.waits
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
