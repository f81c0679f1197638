package replication_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/jsonscan"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/scaling"
	"github.com/hortusdb/hortus/table"
)

// The members of most tests: three accounts in three Regions.
var (
	cellA = aws.Cell{Account: "111111111111", Region: "us-east-1"}
	cellB = aws.Cell{Account: "222222222222", Region: "eu-west-1"}
	cellC = aws.Cell{Account: "333333333333", Region: "ap-south-1"}
)

const tableName = "T"

// wallClock is the time of a world; only the test moves it.
type wallClock struct {
	now  time.Time
	step time.Duration // By which it moves when it is looked at.
}

func (c *wallClock) Now() time.Time {
	if c.step != 0 { // Else several cells look at it at a time.
		c.now = c.now.Add(c.step)
	}
	return c.now
}

// cellClock is the clock of a cell.
type cellClock struct {
	w    *world
	cell aws.Cell
}

func (c cellClock) Now() time.Time { return c.w.clock.Now().Add(c.w.ahead[c.cell]) }

// transport is the world's, whichever it is at the moment.
type transport struct{ w *world }

func (t transport) Send(from, to aws.Cell, m *replication.Message) { t.w.transport.Send(from, to, m) }

func (t transport) Call(ctx context.Context, from, to aws.Cell, r *replication.Request) (*replication.Response, error) {
	return t.w.transport.Call(ctx, from, to, r)
}

func (t transport) Down(from, to aws.Cell) string { return t.w.transport.Down(from, to) }

// world is a set of cells without goroutines: time passes in run alone.
type world struct {
	t         *testing.T
	clock     *wallClock
	dates     *clock.Offset
	network   *replication.Network
	transport replication.Transport
	members   map[aws.Cell]*member
	order     []aws.Cell
	ahead     map[aws.Cell]time.Duration // Of the world's clock.
	ids       int

	logs   strings.Builder // What all cells log.
	logger *slog.Logger

	compareEvery time.Duration // Of the cells that are started from now on.
	apart        bool          // Each cell is on a node of its own, as far as IAM goes.
	roles        sync.Mutex    // The lock of IAM's directories.
}

// member is one cell.
type member struct {
	cell    aws.Cell
	store   *kv.Mem
	engine  *table.Engine
	scaling *scaling.Store
	repl    *replication.Replicator
}

// inOneGoroutine skips a long test that plays a world in one goroutine in short runs:
// the race detector's, to which it is nothing.
func inOneGoroutine(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("one goroutine, and a short run")
	}
}

func newWorld(t *testing.T, cells ...aws.Cell) *world {
	t.Helper()
	w := &world{t: t, clock: &wallClock{now: time.Unix(1_800_000_000, 0)}, members: map[aws.Cell]*member{}, ahead: map[aws.Cell]time.Duration{}}
	w.logger = slog.New(slog.NewTextHandler(&w.logs, nil))
	w.dates = clock.NewOffset(w.clock, 0)
	w.network = replication.NewNetwork(w.clock, rand.New(rand.NewPCG(1, 2)))
	w.transport = w.network
	t.Cleanup(w.network.Close)
	for _, c := range cells {
		w.order = append(w.order, c)
		w.start(c, newStore(w))
	}
	return w
}

func newStore(w *world) *kv.Mem {
	return kv.NewMem(kv.MemOptions{Now: func() int64 { return w.clock.now.UnixMicro() }})
}

// start opens a cell on a store.
func (w *world) start(c aws.Cell, store *kv.Mem) {
	w.t.Helper()
	own := cellClock{w, c}
	e, err := table.Open(w.t.Context(), table.Options{Cell: c, Store: store, Clock: own})
	if err != nil {
		w.t.Fatal(err)
	}
	m := &member{cell: c, store: store, engine: e, scaling: scaling.NewStore(store)}
	m.repl = replication.New(replication.Options{
		CompareEvery: w.compareEvery,
		Engine:       e, Transport: transport{w}, Clock: own, Dates: w.dates, Logger: w.logger, Roles: w.rolesFor(c), Scaling: m.scaling,
		NewID: func() string { w.ids++; return fmt.Sprintf("id-%d", w.ids) },
	})
	if err := m.repl.Begin(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.members[c] = m
	w.network.Attach(c, m.repl)
}

// restart ends a cell as a crash does and opens it again.
func (w *world) restart(c aws.Cell) {
	w.t.Helper()
	w.network.Detach(c)
	w.start(c, w.members[c].store.Crash())
}

const tick = 10 * time.Millisecond

// run lets time pass.
func (w *world) run(d time.Duration) {
	for end := w.clock.now.Add(d); w.clock.now.Before(end); w.clock.now = w.clock.now.Add(tick) {
		for _, c := range w.order {
			w.members[c].repl.StepAll(w.t.Context())
		}
	}
}

// until lets time pass until ok, at most limit.
func (w *world) until(limit time.Duration, what string, ok func() bool) {
	w.t.Helper()
	for end := w.clock.now.Add(limit); !ok(); w.run(tick) {
		if !w.clock.now.Before(end) {
			w.t.Fatalf("after %v not yet: %s\n%s", limit, what, w.describe())
		}
	}
}

func (w *world) describe() string {
	var b strings.Builder
	for _, c := range w.order {
		fmt.Fprintf(&b, "%v: %v\n", c, w.members[c].dump(w.t))
		for _, s := range w.members[c].repl.Status() {
			fmt.Fprintf(&b, "  %v→%v %s pending=%d %s\n", s.Source, s.Destination, s.State, s.Pending, s.Reason)
		}
	}
	return b.String()
}

// settled reports whether all the cells hold the same items, and that many.
func (w *world) settled(items int, cells ...aws.Cell) func() bool {
	return func() bool {
		first := w.members[cells[0]].dump(w.t)
		for _, c := range cells[1:] {
			if w.members[c].dump(w.t) != first {
				return false
			}
		}
		return strings.Count(first, "\n") == items
	}
}

func (m *member) table() *table.Table { return m.engine.Table(tableName) }

// dump prints the table's items, a line each; "" where there is no table.
func (m *member) dump(t *testing.T) string {
	t.Helper()
	if m.table() == nil {
		return ""
	}
	var b strings.Builder
	p := table.Page{Table: m.table()}
	err := m.engine.Query(t.Context(), &p, func(it item.Item) error {
		b.Write(append(item.AppendItemJSON(nil, it), '\n'))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// rows prints what the table stores, tombstones and versions included.
func (m *member) rows(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	_, _, err := m.engine.Snapshot(t.Context(), m.table(), nil, func(r table.Row) bool {
		s, err := m.engine.State(r)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%v deleted=%t %s\n", s.Version, s.Deleted, item.AppendItemJSON(nil, s.Item))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func (m *member) put(t *testing.T, pk, value string) {
	t.Helper()
	m.write(t, &table.Write{Kind: table.Put, Item: decodeItem(t, fmt.Sprintf(`{"pk":{"S":%q},"v":{"S":%q}}`, pk, value))})
}

func (m *member) remove(t *testing.T, pk string) {
	t.Helper()
	m.write(t, &table.Write{Kind: table.Delete, Item: decodeItem(t, fmt.Sprintf(`{"pk":{"S":%q}}`, pk))})
}

func (m *member) write(t *testing.T, wr *table.Write) {
	t.Helper()
	wr.Table = m.table()
	var err error
	if wr.Key, err = wr.Table.ItemKey(wr.Item); err == nil {
		err = m.engine.Write(t.Context(), wr)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func decodeItem(t testing.TB, text string) item.Item {
	t.Helper()
	var d item.Decoder
	var s jsonscan.Scanner
	s.Reset([]byte(text))
	it, err := d.Item(&s, nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return it
}

// link returns the status of the link from one cell to another as one of them
// sees it.
func (w *world) link(seenBy, from, to aws.Cell) replication.LinkStatus {
	w.t.Helper()
	for _, s := range w.members[seenBy].repl.Status() {
		if s.Source == from && s.Destination == to {
			return s
		}
	}
	w.t.Fatalf("%v has no link from %v to %v", seenBy, from, to)
	return replication.LinkStatus{}
}

// serviceActions are those that the replication service needs (documented).
var serviceActions = []string{
	"dynamodb:ReadDataForReplication", "dynamodb:WriteDataForReplication", "dynamodb:ReplicateSettings",
}

// grant is the policy of one member's table.
type grant struct {
	self      aws.Cell
	members   []aws.Cell   // Named by the service's statement.
	statement [][]aws.Cell // Instead of members: a statement for each.
	actions   []string     // Nil for all three.
	admits    []aws.Cell   // May associate.
}

func (g grant) String() string {
	quoted := func(list []string) string { return `["` + strings.Join(list, `","`) + `"]` }
	actions, groups := g.actions, g.statement
	if actions == nil {
		actions = serviceActions
	}
	if groups == nil {
		groups = [][]aws.Cell{g.members}
	}
	var statements []string
	for i, cells := range groups {
		var accounts, arns []string
		for _, c := range cells {
			accounts = append(accounts, string(c.Account))
			arns = append(arns, c.TableARN(tableName))
		}
		statements = append(statements, fmt.Sprintf(
			`{"Sid":"Service%d","Effect":"Allow","Principal":{"Service":"replication.dynamodb.amazonaws.com"},"Action":%s,"Resource":%q,"Condition":{"StringEquals":{"aws:SourceAccount":%s,"aws:SourceArn":%s}}}`,
			i, quoted(actions), g.self.TableARN(tableName), quoted(accounts), quoted(arns)))
	}
	if len(g.admits) > 0 {
		var accounts []string
		for _, c := range g.admits {
			accounts = append(accounts, string(c.Account))
		}
		statements = append(statements, fmt.Sprintf(
			`{"Sid":"Admit","Effect":"Allow","Principal":{"AWS":%s},"Action":"dynamodb:AssociateTableReplica","Resource":%q}`,
			quoted(accounts), g.self.TableARN(tableName)))
	}
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// create makes the first member of a global table.
func (w *world) create(c aws.Cell, g grant) {
	w.t.Helper()
	g.self = c
	_, err := w.members[c].engine.Create(w.t.Context(), table.Definition{
		Name: tableName, ID: "first", CreatedAt: w.clock.now.UnixMicro(), Status: table.Active,
		Attributes: []table.Attribute{{Name: "pk", Type: "S"}}, Hash: "pk", OnDemand: true,
		SettingsMode: "ENABLED", Policy: &table.Policy{Document: g.String()},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// setPolicy replaces a member's policy.
func (w *world) setPolicy(c aws.Cell, g grant) {
	w.t.Helper()
	g.self = c
	_, err := w.members[c].engine.Alter(w.t.Context(), tableName, func(d *table.Definition) error {
		d.Policy = &table.Policy{Document: g.String()}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func root(c aws.Cell) policy.Principal {
	p, err := policy.ParsePrincipal(c.Account.Root())
	if err != nil {
		panic(err)
	}
	return p
}

// caller is the root user of a cell's account, whose call came in a way not known.
func caller(c aws.Cell) replication.Caller { return replication.Caller{Principal: root(c)} }

// join has a cell join the global table of source.
func (w *world) join(c, source aws.Cell, g grant) error {
	g.self = c
	def := table.Definition{Name: tableName, Policy: &table.Policy{Document: g.String()}}
	_, err := w.members[c].repl.Join(w.t.Context(), caller(c), source.TableARN(tableName), def)
	return err
}

func (w *world) mustJoin(c, source aws.Cell, g grant) {
	w.t.Helper()
	if err := w.join(c, source, g); err != nil {
		w.t.Fatal(err)
	}
	w.until(time.Minute, "seeded: "+c.String(), func() bool { return w.members[c].table().Def.Status == table.Active })
}

// newTriple is a world of three members whose policies name all three.
func newTriple(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all, admits: []aws.Cell{cellB, cellC}})
	w.mustJoin(cellB, cellA, grant{members: all, admits: []aws.Cell{cellC}})
	w.mustJoin(cellC, cellA, grant{members: all})
	return w
}

// newPair is a world of two members.
func newPair(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, cellA, cellB)
	both := []aws.Cell{cellA, cellB}
	w.create(cellA, grant{members: both, admits: []aws.Cell{cellB}})
	w.mustJoin(cellB, cellA, grant{members: both})
	return w
}

// wantCode fails unless err is AWS's error of a code whose message has a text.
func wantCode(t *testing.T, err error, code, text string) {
	t.Helper()
	var e *aws.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, text) {
		t.Fatalf("got %v, want %s with %q", err, code, text)
	}
}

// records returns the records of a member's log.
func (m *member) records(t *testing.T) []changelog.Record {
	t.Helper()
	var out []changelog.Record
	_, err := m.store.ReadLog(context.Background(), m.table().Log.ID, 0, func(e kv.Entry) bool {
		r, err := changelog.Decode(append([]byte(nil), e.Record...), m.engine.Decoder())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// setPolicyText replaces a member's policy by any text.
func (w *world) setPolicyText(c aws.Cell, text string) {
	w.t.Helper()
	_, err := w.members[c].engine.Alter(w.t.Context(), tableName, func(d *table.Definition) error {
		d.Policy = &table.Policy{Document: text}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
