package replication

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/table"
)

// assembly puts together what one member made and what comes here by several
// links, a link a table: the tables whose transactions become visible together.
//
// A transaction is one commit of its maker, so its parts have one position, on
// the log of each of its tables. Here, every table has a queue of what has come
// and is not applied. A cut says for each of some tables up to which position
// its queue is applied; no transaction is on both sides of it. What a cut takes
// in is applied in the order of positions, the parts of a transaction in one
// commit, and the cursors of all its tables move in that commit. So a crash
// leaves a cut, too, and what was in the queues comes again.
//
// The first position at which a table waits is never one that another table has
// passed: the least of them can go on as soon as its parts have come, and so no
// two tables wait for each other.
type assembly struct {
	r    *Replicator
	peer aws.Cell

	mu      sync.Mutex // Taken after a link's own.
	queues  map[string]*queue
	heardAt time.Time // When anything last came from the peer.
}

// queue is what has come for one table.
type queue struct {
	table, id string
	life      string      // One membership of the two cells.
	cursor    kv.Position // All up to it is applied.
	end       kv.Position // All up to it has come.
	units     []unit      // Between the two.
	bytes     int
	busy      bool // Being applied by one of the links.
	link      *link
	leave     permission
	withheld  string // Why the peer sends nothing, in its words.

	waits  string    // What its first unit waits for; "" when it does not.
	wanted time.Time // Since when another table waits for what has not come here, and nothing has come.
	stuck  bool      // Nobody waits for it any more, until something comes.

	stood  []pending // Cursors that the receiver has not taken over yet.
	sum    table.Applied
	lags   []int64 // Commit times of what was applied.
	apart  int64   // Transactions that were shown without their part of another table.
	reason string  // Why the last of them was.
}

// unit is what one commit of the peer wrote to one table.
type unit struct {
	at     kv.Position
	time   int64
	states []conflict.State
	whole  bool     // It is one transaction, or its part.
	tables []string // That have the other parts.
	apart  string   // Why one of those is not waited for.
	bytes  int
}

// Limits of assemblies.
const (
	maxQueued   = 2 * windowBytes // Bytes of a queue; what is over comes again.
	lookAgain   = time.Second     // Whoever waits looks whether he still has to.
	partWithin  = time.Minute     // That nothing comes for a table, while others of its member are heard, before nobody waits for it.
	heardWithin = 2 * contactEvery
)

// assembly returns the one for what a member makes.
func (r *Replicator) assembly(peer aws.Cell) *assembly {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.assemblies[peer]
	if a == nil {
		a = &assembly{r: r, peer: peer, queues: map[string]*queue{}}
		r.assemblies[peer] = a
	}
	return a
}

// assembles reports whether what comes for a table goes through an assembly. One
// that is being seeded shows parts of transactions anyhow: nobody waits for it,
// and it waits for nobody.
func assembles(t *table.Table) bool { return t.Together() && t.Def.Status == table.Active }

// queueOf returns the queue of a table that assembles, nil where it has no cursor
// yet. A new one begins at the stored cursor.
func (a *assembly) queueOf(ctx context.Context, t *table.Table) (*queue, error) {
	self, peer := t.Def.Group.Member(a.r.cell), t.Def.Group.Member(a.peer)
	life := fmt.Sprint(t.Def.ID, " ", t.Def.Group.ID, " ", self.Since, " ", peer.Since)
	q := a.queues[t.Def.Name]
	if q != nil && (q.life == life || q.busy) {
		return q, nil
	}
	l := a.r.linkOf(linkKey{t.Def.Name, t.Def.Group.ID, a.peer, receiving})
	b, _, err := a.r.engine.Store().Get(ctx, cursorKey(t, a.peer), nil)
	if errors.Is(err, kv.ErrNotFound) || l == nil {
		return nil, nil //nolint:nilnil // There is none, and that is no error.
	}
	if err != nil {
		return nil, err
	}
	cursor, err := decodeCursor(b)
	if err != nil {
		return nil, err
	}
	q = &queue{table: t.Def.Name, id: t.Def.ID, life: life, cursor: cursor, end: cursor, link: l}
	a.queues[t.Def.Name] = q
	return q, nil
}

// heard notes that something came from the peer. After a silence all who are
// waited for have their full time again.
func (a *assembly) heard(now time.Time) {
	if now.Sub(a.heardAt) > heardWithin {
		for _, q := range a.queues {
			if !q.wanted.IsZero() {
				q.wanted = now
			}
		}
	}
	a.heardAt = now
}

// fits reports whether a batch goes on where what has come ends. One that does
// not has come before, or something is missing before it.
func (q *queue) fits(m *Message) bool { return m.From <= q.end && m.To > q.end }

// add puts a batch that fits behind what has come, unless there is no room.
func (q *queue) add(m *Message, units []unit) {
	units = slices.DeleteFunc(units, func(u unit) bool { return u.at <= q.end })
	size := 0
	for i := range units {
		size += units[i].bytes
	}
	if q.bytes > 0 && q.bytes+size > maxQueued {
		return
	}
	q.units, q.bytes, q.end = append(q.units, units...), q.bytes+size, m.To
	q.wanted, q.stuck = time.Time{}, false
}

// follow takes over a cursor that was moved past the queue's: while the table did
// not assemble.
func (q *queue) follow(cursor kv.Position) {
	if q.busy || cursor <= q.cursor {
		return
	}
	q.cursor, q.end = cursor, max(q.end, cursor)
	q.drop(cursor)
}

// rest drops what has come for a table and is not applied. It returns false while
// something is being applied.
func (a *assembly) rest(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	q := a.queues[name]
	if q == nil || q.busy {
		return q == nil
	}
	q.units, q.bytes, q.end = nil, 0, q.cursor
	return true
}

// drop takes off what is applied.
func (q *queue) drop(upTo kv.Position) {
	n := 0
	for n < len(q.units) && q.units[n].at <= upTo {
		q.bytes -= q.units[n].bytes
		n++
	}
	q.units = slices.Clone(q.units[n:])
}

// partner returns the queue of a table that is to show its part of the transaction
// at a position together with others; nil where it is not replicated here, does
// not have the rule, or is kept from it: then why says what is in the way.
func (a *assembly) partner(ctx context.Context, name string, at kv.Position) (q *queue, why string, err error) {
	t := a.r.engine.Table(name)
	if t == nil || !t.Together() || t.Def.Group.Member(a.peer) == nil {
		return nil, "", nil
	}
	if t.Def.Status == table.Creating || t.Def.Status == table.Deleting {
		return nil, "", nil
	}
	q, err = a.queueOf(ctx, t)
	switch {
	case err != nil || q == nil:
		return nil, "", err
	case !q.leave.allows(a.r, t, writeData, a.peer):
		return nil, keptBack(name, q.leave.reason()), nil
	case q.withheld != "" && q.end < at:
		return nil, keptBack(name, q.withheld), nil
	case t.Def.Status != table.Active:
		return nil, "table " + name + " is " + string(t.Def.Status), nil
	case q.stuck:
		return nil, "nothing has come for table " + name + " for " + clock.Words(partWithin), nil
	}
	return q, "", nil
}

// keptBack says that a table is not waited for since it may not replicate. The
// statement that would allow it is shown with the table's own link, whole: one here
// would be taken for another that is lacking.
func keptBack(name, reason string) string {
	reason, _, _ = strings.Cut(reason, policy.Suggestion)
	return "table " + name + " may not be replicated: " + strings.TrimSpace(reason)
}

// cut is what of some queues is to be applied at once.
type cut struct {
	queues []*queue
	limits []kv.Position // By queue.
}

// limit returns up to where a queue is applied, which is taken in if it was not
// part of the cut.
func (c *cut) limit(q *queue) kv.Position {
	if i := slices.Index(c.queues, q); i >= 0 {
		return c.limits[i]
	}
	limit := q.end
	if q.busy {
		limit = q.cursor
	} else {
		q.waits = ""
	}
	c.queues, c.limits = append(c.queues, q), append(c.limits, limit)
	return limit
}

// cutFor works out the largest cut of a queue and of those that it needs: what
// has come, less what a transaction still lacks, and what is behind that.
func (a *assembly) cutFor(ctx context.Context, q *queue, now time.Time) (*cut, error) {
	c := &cut{}
	c.limit(q)
	for changed := true; changed; {
		changed = false
		for i := 0; i < len(c.queues); i++ {
			at, err := a.shorten(ctx, c, i, now)
			if err != nil {
				return nil, err
			}
			if at < c.limits[i] {
				c.limits[i], changed = at, true
			}
		}
	}
	return c, nil
}

// shorten returns how far a queue of a cut can be applied, as far as the others
// are known.
func (a *assembly) shorten(ctx context.Context, c *cut, i int, now time.Time) (kv.Position, error) {
	q := c.queues[i]
	for n := range q.units {
		u := &q.units[n]
		if u.at > c.limits[i] {
			break
		}
		u.apart = ""
		for _, name := range u.tables {
			p, why, err := a.partner(ctx, name, u.at)
			if err != nil {
				return 0, err
			}
			if why != "" {
				u.apart = why
			}
			if p == nil || p.cursor >= u.at || c.limit(p) >= u.at {
				continue
			}
			a.await(q, p, u, now)
			return u.at - 1, nil
		}
	}
	return c.limits[i], nil
}

// await notes that a queue waits for another one.
func (a *assembly) await(q, p *queue, u *unit, now time.Time) {
	q.waits = fmt.Sprintf("the transaction at position %d waits for its part of table %s", u.at, p.table)
	if p.end >= u.at {
		return // It has come, and waits itself.
	}
	if p.wanted.IsZero() {
		p.wanted = now
	}
	if now.Sub(p.wanted) >= partWithin && now.Sub(a.heardAt) <= heardWithin {
		p.stuck = true
		a.r.logger.Error("transactions are shown without their part of a table for which nothing comes", "cell", a.r.cell.String(), "table", p.table, "source", a.peer.String())
	}
}

// advance applies what can be applied of a table's queue, and of those that it
// needs.
func (a *assembly) advance(ctx context.Context, t *table.Table, now time.Time) error {
	a.mu.Lock()
	q := a.queues[t.Def.Name]
	if q == nil || q.busy {
		a.mu.Unlock()
		return nil
	}
	c, err := a.cutFor(ctx, q, now)
	if err != nil || q.waits != "" && c.limits[0] == q.cursor {
		a.mu.Unlock()
		return err
	}
	c.keepMoving()
	p := c.piece(a.r.engine)
	c.see()
	for _, x := range c.queues {
		x.busy = true
	}
	a.mu.Unlock()
	if len(c.queues) == 0 {
		return nil
	}
	sums, err := a.r.engine.ApplyAll(ctx, t, p.in, func(done int, w *kv.Writes) {
		for i, x := range c.queues {
			if p.keys[i] != nil {
				w.Set(p.keys[i], cursorValue(p.reaches(done, x.cursor, c.limits[i])))
			}
		}
	})
	a.mu.Lock()
	for i, x := range c.queues {
		if x.busy = false; err == nil {
			x.done(c.limits[i], sums)
		}
	}
	a.rouse(q)
	a.mu.Unlock()
	return err
}

// rouse wakes those whose queue was applied along, or who may go on now.
func (a *assembly) rouse(but *queue) {
	for _, x := range a.queues {
		if x != but && (len(x.units) > 0 || len(x.stood) > 0) {
			x.link.box.rouse()
		}
	}
}

// keepMoving leaves out the queues that a cut does not move.
func (c *cut) keepMoving() {
	n := 0
	for i, q := range c.queues {
		if c.limits[i] > q.cursor {
			c.queues[n], c.limits[n] = q, c.limits[i]
			n++
		}
	}
	c.queues, c.limits = c.queues[:n], c.limits[:n]
}

// see notes what may be seen once the cut is being applied.
func (c *cut) see() {
	for i, q := range c.queues {
		v, _ := q.link.work.(*receiver)
		for n := range q.units {
			if q.units[n].at <= c.limits[i] {
				v.see(q.units[n].at)
			}
		}
	}
}

// piece is a cut as it is applied.
type piece struct {
	in   []table.Incoming
	at   []kv.Position // Of each state.
	keys [][]byte      // By queue: of its cursor.
}

// piece puts the units of a cut in the order of their positions.
func (c *cut) piece(e *table.Engine) *piece {
	type part struct {
		*unit
		t *table.Table
	}
	p := &piece{}
	var parts []part
	for i, q := range c.queues {
		t := e.Table(q.table)
		if t == nil || t.Def.ID != q.id {
			c.limits[i] = q.cursor // It was dropped just now.
			p.keys = append(p.keys, nil)
			continue
		}
		p.keys = append(p.keys, cursorKey(t, q.link.key.peer))
		for n := range q.units {
			if q.units[n].at <= c.limits[i] {
				parts = append(parts, part{&q.units[n], t})
			}
		}
	}
	slices.SortStableFunc(parts, func(x, y part) int { return cmp.Compare(x.at, y.at) })
	for i, x := range parts {
		joined := i > 0 && x.whole && parts[i-1].whole && parts[i-1].at == x.at
		for _, s := range x.states {
			p.in, p.at = append(p.in, table.Incoming{Table: x.t, State: s, Joined: joined}), append(p.at, x.at)
			joined = x.whole
		}
	}
	return p
}

// reaches returns where a queue's cursor stands once so many states are applied:
// before the first that is not, and not behind where it stood.
func (p *piece) reaches(done int, stood, limit kv.Position) kv.Position {
	if done == len(p.at) {
		return limit
	}
	return max(stood, min(p.at[done]-1, limit))
}

// done notes that a queue is applied up to a position.
func (q *queue) done(upTo kv.Position, sums []table.Tally) {
	for i := range q.units {
		if u := &q.units[i]; u.at <= upTo {
			for range u.states {
				q.lags = append(q.lags, u.time)
			}
			if u.apart != "" {
				q.apart, q.reason = q.apart+1, u.apart
			}
		}
	}
	commit := kv.Position(0)
	for i := range sums {
		commit = max(commit, sums[i].Commit)
		if sums[i].Table.Def.Name == q.table {
			if q.sum.Add(sums[i].Applied); sums[i].Split > 0 {
				q.reason = "one commit of the store cannot hold the transaction with its index entries"
			}
		}
	}
	q.cursor = upTo
	q.drop(upTo)
	q.stood = append(q.stood, pending{upTo, commit})
	q.wanted, q.stuck = time.Time{}, false
}

// forget drops a table's queue: it does not assemble, or is no member any more.
// It returns false while the queue is being applied.
func (a *assembly) forget(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if q := a.queues[name]; q != nil && q.busy {
		return false
	}
	delete(a.queues, name)
	return true
}

// joins reports whether the receiver's batches go through an assembly, and takes
// over what was applied of them, by whichever link. The other way is free once no
// other link is at it: until then busy is true.
func (v *receiver) joins(ctx context.Context, t *table.Table) (a *assembly, busy bool, err error) {
	if !v.known || !assembles(t) {
		v.waits = ""
		if v.joined {
			v.joined = !v.r.assembly(v.peer).forget(v.table)
		}
		return nil, v.joined, nil
	}
	v.joined = true
	a = v.r.assembly(v.peer)
	a.mu.Lock()
	defer a.mu.Unlock()
	q, err := a.queueOf(ctx, t)
	if err == nil && q != nil {
		q.follow(v.cursor)
		v.takeOver(q)
	}
	return a, false, err
}

// takeOver brings the receiver in step with its queue.
func (v *receiver) takeOver(q *queue) {
	for _, s := range q.stood {
		v.stand(s.cursor, s.commit)
		v.news = true
	}
	arrived := v.r.clock.Now().UnixMicro()
	for _, at := range q.lags {
		v.lag.Record(arrived - at)
	}
	v.tally(q.sum)
	v.apart += q.apart + int64(q.sum.Split)
	if v.waits, v.end = q.waits, q.end; q.reason != "" {
		v.reason = q.reason
	}
	q.stood, q.lags, q.sum, q.apart = nil, nil, table.Applied{}, 0
}

// enqueue puts a batch into the table's queue, or takes note of why none comes.
func (v *receiver) enqueue(ctx context.Context, a *assembly, t *table.Table, m *Message, now time.Time) error {
	fits, err := v.note(ctx, a, t, m, now)
	if err != nil || !fits {
		return err
	}
	units, err := v.units(m.Entries)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if q, err := a.queueOf(ctx, t); err != nil || q == nil {
		return err
	} else if q.fits(m) {
		q.add(m, units)
	}
	return nil
}

// note takes note that a message has come, and reports whether it is a batch that
// fits.
func (v *receiver) note(ctx context.Context, a *assembly, t *table.Table, m *Message, now time.Time) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heard(now)
	q, err := a.queueOf(ctx, t)
	if err != nil || q == nil || m.Kind != Batch {
		return false, err
	}
	q.withheld = m.Refused
	return q.fits(m), nil
}

// assemble applies what can be applied now, and takes it over.
func (v *receiver) assemble(ctx context.Context, a *assembly, t *table.Table, now time.Time) error {
	if !v.leave.allows(v.r, t, writeData, v.peer) {
		v.ahead = false
		return nil
	}
	err := a.advance(ctx, t, now)
	if v.ahead = errors.Is(err, clock.ErrAhead); v.ahead {
		v.because = err.Error()
		v.ack(t, v.because)
		v.news = false
		return nil
	}
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if q := a.queues[v.table]; q != nil {
		v.takeOver(q)
	}
	return nil
}

// units decodes a batch into the commits that made it.
func (v *receiver) units(entries []Entry) ([]unit, error) {
	var out []unit
	for _, e := range entries {
		rec, s, err := v.state(e)
		if err != nil {
			return nil, err
		}
		if len(out) == 0 || out[len(out)-1].at != e.Position {
			out = append(out, unit{at: e.Position, time: e.Time})
		}
		u := &out[len(out)-1]
		u.states = append(u.states, s)
		u.bytes += len(e.Record)
		u.whole = u.whole || rec.Transaction != 0
		u.tables = append(u.tables, rec.Tables...)
	}
	return out, nil
}
