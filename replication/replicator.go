package replication

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/metrics"
	"github.com/hortusdb/hortus/scaling"
	"github.com/hortusdb/hortus/table"
)

// Replicator replicates the global tables of one cell. It is safe for
// concurrent use.
type Replicator struct {
	cell      aws.Cell
	engine    *table.Engine
	transport Transport
	handlers  map[RequestKind]handler
	clock     clock.Clock
	dates     clock.Clock
	logger    *slog.Logger
	newID     func() string
	onPanic   func(any)
	changing  sync.Mutex // Held by every change of a group's members in this cell.
	disabled  atomic.Bool
	scaling   *scaling.Store // Nil where nothing scales.
	roles     Roles          // Nil where there is no IAM.
	sums      metrics.Sums

	pace pace

	beginning sync.Mutex // Guards runs.
	runs      *Runs      // Nil until the present one is noted.

	compareEvery, comparePause time.Duration

	mu    sync.Mutex
	links map[linkKey]*link
	pasts map[aws.Cell]*Runs // What others said of their runs, as far as it was asked for.

	assemblies map[aws.Cell]*assembly // By who makes what is put together.

	making   map[string]chan struct{} // Tables that a call makes a replica of, until it ends.
	joining  map[string]int           // Tables that are about to be replicas here.
	founding map[string]bool          // Tables whose global tables this cell founds anew: see refound.
	barred   map[linkKey]bool         // Links that are not made: see unlink.
	spawn    func(*link)              // Set while Run runs: starts a link's goroutine.
	running  sync.WaitGroup
}

// Options are what a Replicator needs from outside.
type Options struct {
	Engine    *table.Engine
	Transport Transport
	Clock     clock.Clock
	Dates     clock.Clock // What deadlines of hours and days are counted by; nil for Clock.
	Logger    *slog.Logger
	NewID     func() string // Makes the ids of tables and of global tables.
	OnPanic   func(any)     // Is told of a bug in background work; nil lets it panic.

	SeedRate int64 // Bytes a second that the cell sends to newcomers at most; zero is as fast as it goes while the cell takes few writes.

	CompareEvery time.Duration // How often a table is compared with its replica in each member that comes after this cell; zero is never. See CheckDivergence.
	ComparePause time.Duration // Between two looks at what differs then.

	Scaling *scaling.Store // The targets of auto scaling, which replicas share; nil where nothing scales.
	Roles   Roles          // Nil where there is no IAM to show them.
}

// Sums are what was counted of changes that came from other members since the cell
// was opened: ReplicatedWrites that were applied or merged in, OutdatedWrites that were
// older than what was there and left nothing in it, ConflictingWrites that were overwritten by one which had not
// seen them, and RefusedBatches.
func (r *Replicator) Sums() *metrics.Sums { return &r.sums }

// Engine returns the table engine that the replicator was given.
func (r *Replicator) Engine() *table.Engine { return r.engine }

// New returns a replicator. It does nothing until Run, or until StepAll is
// called.
func New(o Options) *Replicator {
	r := &Replicator{
		cell: o.Engine.Cell(), engine: o.Engine, transport: o.Transport, handlers: handlers(),
		clock: o.Clock, dates: cmp.Or(o.Dates, o.Clock), logger: o.Logger, newID: o.NewID, onPanic: o.OnPanic, scaling: o.Scaling, roles: o.Roles,
		links: map[linkKey]*link{}, pasts: map[aws.Cell]*Runs{}, making: map[string]chan struct{}{}, joining: map[string]int{}, founding: map[string]bool{}, barred: map[linkKey]bool{}, assemblies: map[aws.Cell]*assembly{}, pace: pace{rate: o.SeedRate},
		compareEvery: o.CompareEvery, comparePause: o.ComparePause,
	}
	r.Refresh()
	return r
}

// Cell is the cell whose tables it replicates.
func (r *Replicator) Cell() aws.Cell { return r.cell }

// stepper is a piece of background work of a link.
type stepper interface {
	step(ctx context.Context, now time.Time) (next time.Time, err error)
	waiting() bool
}

// side says which half of a link a stepper is.
type side uint8

const (
	sending side = iota
	receiving
	keeping   // The table's own work: seeding, low waters, tombstones, retention.
	comparing // Scheduled checks for divergence.
	mending   // The coming back of a replica that was detached, or went astray.
)

type linkKey struct {
	table string
	group string
	peer  aws.Cell
	side  side
}

// link is one stepper with its owner's state.
type link struct {
	key  linkKey
	work stepper
	box  *mailbox
	due  time.Time // Zero when only a message wakes it.
	made time.Time
	stop context.CancelFunc

	// Held while it steps, and by whoever looks at a sender's or a receiver's
	// numbers. The others ask other cells while they step, and may be answered late
	// or not: nobody else locks them, and what is seen of them they show themselves.
	mu    sync.Mutex
	err   error // Of the last step.
	ended bool  // It takes no further step.
}

// Refresh makes the links match the catalog. It is called after each change of
// a group.
func (r *Replicator) Refresh() {
	for _, k := range r.relink() {
		if k.side == receiving {
			r.assembly(k.peer).forget(k.table)
		}
	}
}

// relink is Refresh for the links. It returns those that went.
func (r *Replicator) relink() (gone []linkKey) {
	want := map[linkKey]bool{}
	for _, t := range r.engine.Tables() {
		g := t.Def.Group
		if g == nil {
			continue
		}
		want[linkKey{t.Def.Name, g.ID, r.cell, keeping}] = true
		if t.Def.Returning() {
			want[linkKey{t.Def.Name, g.ID, r.cell, mending}] = true
		}
		for _, m := range g.Members {
			if m.Cell != r.cell {
				want[linkKey{t.Def.Name, g.ID, m.Cell, sending}] = true
				want[linkKey{t.Def.Name, g.ID, m.Cell, receiving}] = true
				if r.compareEvery > 0 && r.cell.Compare(m.Cell) < 0 {
					want[linkKey{t.Def.Name, g.ID, m.Cell, comparing}] = true
				}
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, l := range r.links {
		if !want[k] {
			if l.stop != nil {
				l.stop()
			}
			delete(r.links, k)
			gone = append(gone, k)
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(want), linkKey.compare) {
		if r.links[k] == nil && !r.barred[k] {
			l := r.newLink(k)
			r.links[k] = l
			if r.spawn != nil {
				r.spawn(l)
			}
		}
	}
	return gone
}

func (r *Replicator) newLink(k linkKey) *link {
	now := r.clock.Now()
	l := &link{key: k, due: now, made: now}
	switch k.side {
	case sending:
		s := &sender{mailbox: newMailbox(), r: r, table: k.table, group: k.group, peer: k.peer}
		l.work, l.box = s, &s.mailbox
	case receiving:
		v := &receiver{mailbox: newMailbox(), r: r, table: k.table, group: k.group, peer: k.peer, life: r.newID(), lag: metrics.NewHistogram()}
		l.work, l.box = v, &v.mailbox
	case keeping:
		p := &keeper{mailbox: newMailbox(), r: r, table: k.table, group: k.group}
		l.work, l.box = p, &p.mailbox
	case mending:
		m := &mender{mailbox: newMailbox(), r: r, table: k.table, group: k.group}
		l.work, l.box = m, &m.mailbox
	case comparing:
		c := &comparer{mailbox: newMailbox(), r: r, table: k.table, group: k.group, peer: k.peer}
		l.work, l.box = c, &c.mailbox
	}
	return l
}

// belongs reports whether a link's table is still what the link was made for.
func belongs(t *table.Table, group string, peer aws.Cell) bool {
	return t != nil && t.Def.Group != nil && t.Def.Group.ID == group && t.Def.Group.Member(peer) != nil
}

// Deliver implements Peer: it puts a message where the link that it is for finds
// it.
func (r *Replicator) Deliver(from aws.Cell, m *Message) {
	t := r.engine.Table(m.Table)
	if !current(t, r.cell, from, m) {
		r.disown(from, m)
		return
	}
	if t.Def.Edition.Compare(m.Edition) < 0 {
		r.put(linkKey{m.Table, m.Group, r.cell, keeping}, &Message{Kind: m.Kind, from: from})
	}
	k := linkKey{table: m.Table, group: m.Group, peer: from}
	switch m.Kind {
	case Ack:
		k.side = sending
	case Batch, Progress:
		k.side = receiving
	case SeedAsk, SeedPage:
		k.side, k.peer = keeping, r.cell
		m = withSender(m, from)
	}
	if m.Stranger {
		r.put(linkKey{m.Table, m.Group, from, receiving}, m)
	}
	if m.Kind == Progress {
		r.put(linkKey{m.Table, m.Group, r.cell, keeping}, withSender(m, from))
	}
	r.put(k, m)
}

// disown answers a batch that is for a replica which is not here: it was lost with
// this cell's data, or left. Else its source would hear nothing, as over a way that
// is cut.
func (r *Replicator) disown(from aws.Cell, m *Message) {
	if m.Kind != Batch || belongs(r.engine.Table(m.Table), m.Group, r.cell) || r.expected(m.Table) {
		return
	}
	r.transport.Send(r.cell, from, &Message{
		Kind: Ack, Table: m.Table, Group: m.Group, FromSince: m.ToSince, ToSince: m.FromSince, Stranger: true,
	})
}

// withSender returns a copy that says who sent it: the message itself belongs to
// the sender.
func withSender(m *Message, from aws.Cell) *Message {
	c := *m
	c.from = from
	return &c
}

// send hands a message to the transport, for a table that is now a member of g.
func (r *Replicator) send(g *table.Group, to aws.Cell, m *Message) {
	from, peer := g.Member(r.cell), g.Member(to)
	if from == nil || peer == nil {
		return
	}
	m.FromSince, m.ToSince = from.Since, peer.Since
	r.transport.Send(r.cell, to, m)
}

// current reports whether a message is from and for the members that the group
// has now.
func current(t *table.Table, own, from aws.Cell, m *Message) bool {
	if !belongs(t, m.Group, from) || !belongs(t, m.Group, own) {
		return false
	}
	g := t.Def.Group
	return g.Member(from).Since == m.FromSince && g.Member(own).Since == m.ToSince
}

func (r *Replicator) put(k linkKey, m *Message) {
	r.mu.Lock()
	l := r.links[k]
	r.mu.Unlock()
	if l != nil {
		l.box.put(m)
	}
}

// step runs one turn of a link.
func (r *Replicator) step(ctx context.Context, l *link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	if r.onPanic != nil {
		defer func() {
			if v := recover(); v != nil {
				r.onPanic(v)
			}
		}()
	}
	now := r.clock.Now()
	next, err := l.work.step(ctx, now)
	l.due = next
	if err != nil && ctx.Err() == nil && (l.err == nil || l.err.Error() != err.Error()) {
		r.logger.Error("replication", "cell", r.cell.String(), "table", l.key.table, "peer", l.key.peer.String(), "error", err)
	}
	l.err = err
}

// StepAll runs one turn of every link that is due or has mail, in a fixed
// order. It is for an owner that has no goroutines, as the simulator.
func (r *Replicator) StepAll(ctx context.Context) {
	now := r.clock.Now()
	for _, l := range r.sorted() {
		r.mu.Lock()
		live := r.links[l.key] == l
		r.mu.Unlock()
		if live && (l.box.waiting() || l.key.side == sending || (!l.due.IsZero() && !l.due.After(now))) {
			r.step(ctx, l)
		}
	}
}

// Run runs every link in a goroutine of its own until ctx ends, and waits for
// them.
func (r *Replicator) Run(ctx context.Context) {
	r.restoreRoles(ctx)
	r.mu.Lock()
	r.spawn = func(l *link) {
		lctx, stop := context.WithCancel(ctx)
		l.stop = stop
		r.running.Go(func() { r.run(lctx, l) })
		if l.key.side == keeping {
			r.running.Go(func() { r.follow(lctx, l.key.table, l.key.group) })
		}
	}
	for _, l := range r.links {
		r.spawn(l)
	}
	r.mu.Unlock()
	<-ctx.Done()
	r.mu.Lock()
	r.spawn = nil
	r.mu.Unlock()
	r.running.Wait()
}

func (r *Replicator) run(ctx context.Context, l *link) {
	for ctx.Err() == nil {
		r.step(ctx, l)
		wait := time.Duration(-1)
		l.mu.Lock()
		if !l.due.IsZero() {
			wait = max(0, l.due.Sub(r.clock.Now()))
		}
		l.mu.Unlock()
		if !clock.Wait(ctx, l.box.wake, wait) {
			return
		}
	}
}

// follow wakes a table's senders when its log has grown, and then not for as long
// as they gather what comes next.
func (r *Replicator) follow(ctx context.Context, name, group string) {
	store := r.engine.Store()
	at := store.Durable()
	for {
		t := r.engine.Table(name)
		if t == nil || store.WaitLog(ctx, t.Log.ID, at) != nil {
			return
		}
		at = store.Durable()
		r.mu.Lock()
		for k, l := range r.links {
			if k.table == name && k.group == group && k.side == sending {
				l.box.rouse()
			}
		}
		r.mu.Unlock()
		if !clock.Wait(ctx, nil, gatherFor) {
			return
		}
	}
}
