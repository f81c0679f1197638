//go:build conformance

package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Sizes of the histories that are checked.
const (
	linearItems   = 3 // Hot: all clients are at them all the time.
	linearClients = 6
	linearEach    = 40 // Operations of each client, and in each life of the server.
	linearKills   = 2
	linearCheck   = 20 * time.Second // Ends a search that would not end.
	linearTries   = 5                // Histories with crashes, until one has an answer.
)

// outcome is what a client knows of an operation.
type outcome int

const (
	happened outcome = iota
	refused          // A condition failed: nothing was changed.
	met              // A transaction was in the way: nothing was looked at or changed.
	unknown          // The server died: it happened or it did not, now or later.
)

// linearOp is what a client asks.
type linearOp struct {
	kind string // put, add, delete, get, put if, move, check, read all
	a, b int    // Items.
	n    int
	old  int // What "put if" and "check" expect of a; none for an item that is not there.
}

// linearAnswer is what it was told.
type linearAnswer struct {
	outcome outcome
	got     [linearItems]int
}

// none is the value of an item that is not there.
const none = -1 << 40

// step is the whole database as one client alone would see it: whether an answer
// may be given in a state, and the state after it.
func (in linearOp) step(s [linearItems]int, out linearAnswer) (bool, [linearItems]int) {
	if out.outcome == met {
		return true, s
	}
	next, refuse := s, false
	plus := func(i, n int) {
		if next[i] == none {
			next[i] = 0
		}
		next[i] += n
	}
	switch in.kind {
	case "put":
		next[in.a] = in.n
	case "add":
		plus(in.a, in.n)
	case "delete":
		next[in.a] = none
	case "get":
		return out.outcome == unknown || out.got[in.a] == s[in.a], s
	case "read all":
		return out.outcome == unknown || out.got == s, s
	case "put if":
		if refuse = s[in.a] != in.old; !refuse {
			next[in.a] = in.n
		}
	case "move":
		plus(in.a, -in.n)
		plus(in.b, in.n)
	case "check": // Of a, and a put of b.
		if refuse = s[in.a] != in.old; !refuse {
			next[in.b] = in.n
		}
	}
	if out.outcome == unknown {
		return true, next // That it never happens is told by its end, which is the history's.
	}
	return refuse == (out.outcome == refused), next
}

var linearModel = porcupine.Model{
	Init: func() any { return emptyItems() },
	Step: func(state, input, output any) (bool, any) {
		return wrap(input.(linearOp).step(state.([linearItems]int), output.(linearAnswer)))
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
}

func wrap(ok bool, s [linearItems]int) (bool, any) { return ok, s }

func emptyItems() [linearItems]int {
	var s [linearItems]int
	for i := range s {
		s[i] = none
	}
	return s
}

// linearHistory collects what clients see. Times are of one clock.
type linearHistory struct {
	mu    sync.Mutex
	begun time.Time
	ops   []porcupine.Operation
	met   atomic.Int64 // How many conflicts there were.
}

func (h *linearHistory) add(op porcupine.Operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
}

func (h *linearHistory) now() int64 { return int64(time.Since(h.begun)) }

// check wants an order of all operations, each between its call and its answer,
// in which one client alone would have had these answers. Items in two tables
// and transactions across them make that serializability, too.
func (h *linearHistory) check(t *testing.T, seed uint64) {
	t.Helper()
	if !h.answers(t, seed) {
		t.Errorf("HORTUS_SEED=%d: no answer about %d operations within %v", seed, len(h.ops), linearCheck)
	}
}

// answers reports whether the search came to an end, and fails the test where it
// found that the history is none of a linearizable system.
func (h *linearHistory) answers(t *testing.T, seed uint64) bool {
	t.Helper()
	end := h.now()
	for i := range h.ops {
		if h.ops[i].Output.(linearAnswer).outcome == unknown {
			h.ops[i].Return = end // It may take hold as late as that, which is as good as never.
		}
	}
	verdict := porcupine.CheckOperationsTimeout(linearModel, h.ops, linearCheck)
	if verdict == porcupine.Illegal {
		t.Errorf("HORTUS_SEED=%d: the history of %d operations is not linearizable", seed, len(h.ops))
	}
	return verdict != porcupine.Unknown
}

// linearTable is where an item is: in one of two tables.
func linearTable(i int) string { return [...]string{"Left", "Right"}[i%2] }

func linearKey(i int) attributes { return attributes{"id": str(fmt.Sprint("hot-", i))} }

func linearItem(i, n int) attributes {
	it := linearKey(i)
	it["n"] = num(n)
	return it
}

// linearClient runs operations one after the other.
type linearClient struct {
	id      int
	rng     *rand.Rand
	client  *dynamodb.Client
	history *linearHistory
	seen    [linearItems]int // What it read last: its guesses.
	single  bool             // No transactions.
}

func (c *linearClient) draw() linearOp {
	kinds := []string{"put", "add", "add", "delete", "get", "get", "put if", "put if"}
	if !c.single {
		kinds = append(kinds, "move", "move", "move", "check", "check", "read all", "read all")
	}
	in := linearOp{kind: kinds[c.rng.IntN(len(kinds))], a: c.rng.IntN(linearItems), n: 1 + c.rng.IntN(5)}
	in.b = (in.a + 1 + c.rng.IntN(linearItems-1)) % linearItems
	in.old = c.seen[in.a]
	return in
}

// run does operations until there were enough, or until the server is dead.
func (c *linearClient) run(ctx context.Context, t *testing.T) {
	for range linearEach {
		in := c.draw()
		op := porcupine.Operation{ClientId: c.id, Input: in, Call: c.history.now()}
		out, err := c.do(ctx, in)
		op.Return, op.Output = c.history.now(), out
		c.history.add(op)
		if err != nil {
			if strings.Contains(err.Error(), "api error") {
				t.Errorf("%+v: %v", in, err)
			}
			return
		}
		switch {
		case out.outcome == met:
		case in.kind == "get":
			c.seen[in.a] = out.got[in.a]
		case in.kind == "read all":
			c.seen = out.got
		}
	}
}

// do runs one operation. An error leaves open what became of it.
func (c *linearClient) do(ctx context.Context, in linearOp) (linearAnswer, error) {
	out, err := linearAnswer{}, error(nil)
	table, key := aws.String(linearTable(in.a)), linearKey(in.a)
	condition, values := expects(in.old)
	switch in.kind {
	case "put":
		_, err = c.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: linearItem(in.a, in.n)})
	case "put if":
		_, err = c.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: linearItem(in.a, in.n), ConditionExpression: condition, ExpressionAttributeValues: values})
	case "add":
		u := adding(in.a, in.n)
		_, err = c.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: u.TableName, Key: u.Key, UpdateExpression: u.UpdateExpression, ExpressionAttributeValues: u.ExpressionAttributeValues})
	case "delete":
		_, err = c.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: table, Key: key})
	case "get":
		var got *dynamodb.GetItemOutput
		if got, err = c.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: key, ConsistentRead: aws.Bool(true)}); err == nil {
			out.got[in.a] = linearValue(got.Item)
		}
	case "read all":
		err = c.readAll(ctx, &out)
	case "move":
		_, err = c.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Update: adding(in.a, -in.n)}, {Update: adding(in.b, in.n)}}})
	case "check":
		_, err = c.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{ConditionCheck: &types.ConditionCheck{TableName: table, Key: key, ConditionExpression: condition, ExpressionAttributeValues: values}},
			{Put: &types.Put{TableName: aws.String(linearTable(in.b)), Item: linearItem(in.b, in.n)}},
		}})
	}
	var failed *types.ConditionalCheckFailedException
	var canceled *types.TransactionCanceledException
	var conflict *types.TransactionConflictException
	switch {
	case errors.As(err, &failed) || errors.As(err, &canceled) && aws.ToString(canceled.CancellationReasons[0].Code) == "ConditionalCheckFailed":
		out.outcome, err = refused, nil
	case errors.As(err, &conflict) && !c.single || errors.As(err, &canceled) && slices.ContainsFunc(canceled.CancellationReasons, func(r types.CancellationReason) bool { return aws.ToString(r.Code) == "TransactionConflict" }):
		out.outcome, err = met, nil
		c.history.met.Add(1)
	}
	if err != nil {
		out.outcome = unknown
	}
	return out, err
}

func (c *linearClient) readAll(ctx context.Context, out *linearAnswer) error {
	var gets []types.TransactGetItem
	for i := range linearItems {
		gets = append(gets, types.TransactGetItem{Get: &types.Get{TableName: aws.String(linearTable(i)), Key: linearKey(i)}})
	}
	all, err := c.client.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: gets})
	if err != nil {
		return err
	}
	for i := range out.got {
		out.got[i] = linearValue(all.Responses[i].Item)
	}
	return nil
}

func adding(i, n int) *types.Update {
	return &types.Update{TableName: aws.String(linearTable(i)), Key: linearKey(i), UpdateExpression: aws.String("ADD n :n"), ExpressionAttributeValues: attributes{":n": num(n)}}
}

func expects(old int) (*string, attributes) {
	if old == none {
		return aws.String("attribute_not_exists(id)"), nil
	}
	return aws.String("n = :n"), attributes{":n": num(old)}
}

func linearValue(it attributes) int {
	n := none
	if v, ok := it["n"].(*types.AttributeValueMemberN); ok {
		fmt.Sscan(v.Value, &n)
	}
	return n
}

// linearLife has all clients at work at once. killed is when the server dies
// under them, 0 for never.
func linearLife(t *testing.T, s *server, h *linearHistory, seed uint64, life int, single bool, killed time.Duration) {
	ctx := deadline(t)
	transport := &http.Transport{MaxIdleConnsPerHost: linearClients}
	defer transport.CloseIdleConnections()
	var running sync.WaitGroup
	for id := range linearClients {
		o := s.options(staging, virginia)
		o.Retryer, o.HTTPClient = aws.NopRetryer{}, &http.Client{Transport: transport}
		c := &linearClient{id: life*linearClients + id, rng: rand.New(rand.NewPCG(seed, uint64(life*linearClients+id))), client: dynamodb.New(o), history: h, seen: emptyItems(), single: single}
		running.Go(func() { c.run(ctx, t) })
	}
	if killed > 0 {
		time.Sleep(killed)
		s.kill()
	}
	running.Wait()
}

func linearTables(t *testing.T, s *server) {
	for _, name := range []string{"Left", "Right"} {
		createTable(deadline(t), t, s.client(staging, virginia), simple(name, false))
	}
}

// TestServerLinearizable: reads and writes of single items by many clients at
// once, through the API of the built binary, are linearizable.
func TestServerLinearizable(t *testing.T) {
	seed := crashSeed(t)
	s := inMemory(t)
	linearTables(t, s)
	h := &linearHistory{begun: time.Now()}
	linearLife(t, s, h, seed, 0, true, 0)
	h.check(t, seed)
}

// TestServerTransactions: transactions over items of two tables, next to reads
// and writes of single items, are strictly serializable.
func TestServerTransactions(t *testing.T) {
	seed := crashSeed(t)
	s := inMemory(t)
	linearTables(t, s)
	h := &linearHistory{begun: time.Now()}
	linearLife(t, s, h, seed, 0, false, 0)
	h.check(t, seed)
}

// TestServerLinearizableCrash: the same with kill -9 in between. What was in
// flight took hold as a whole or not at all, and what was answered stays. Each
// such operation doubles the search, and of one history in ten the search does not
// end on a busy machine: then another one is made.
func TestServerLinearizableCrash(t *testing.T) {
	seed := crashSeed(t)
	for n := range uint64(linearTries) {
		if linearCrash(t, seed+n) {
			return
		}
		t.Logf("HORTUS_SEED=%d: no answer within %v", seed+n, linearCheck)
	}
	t.Errorf("no answer about any of %d histories", linearTries)
}

func linearCrash(t *testing.T, seed uint64) (answered bool) {
	rng := rand.New(rand.NewPCG(seed, 99))
	data := t.TempDir()
	s := launch(t, "--data", data, "--durability", "sync")
	linearTables(t, s)
	h := &linearHistory{begun: time.Now()}
	for life := range linearKills {
		linearLife(t, s, h, seed, life, false, time.Millisecond*time.Duration(20+rng.IntN(80)))
		s.checkLog()
		s = launch(t, "--data", data, "--durability", "sync")
	}
	linearLife(t, s, h, seed, linearKills, false, 0)
	answered = h.answers(t, seed)
	// Commits take the time of a sync, so some were in the way.
	if h.met.Load() == 0 {
		t.Error("no transaction was in the way of anything")
	}
	s.stop(os.Interrupt)
	s.checkLog()
	return answered
}

// TestPlantedHistories: the check finds what is planted.
func TestPlantedHistories(t *testing.T) {
	answer := func(values ...int) linearAnswer {
		out := linearAnswer{got: emptyItems()}
		copy(out.got[:], values)
		return out
	}
	op := func(client int, call, back int64, in linearOp, out linearAnswer) porcupine.Operation {
		return porcupine.Operation{ClientId: client, Call: call, Return: back, Input: in, Output: out}
	}
	lost := linearAnswer{outcome: unknown}
	put, move := linearOp{kind: "put", n: 5}, linearOp{kind: "move", a: 0, b: 1, n: 2}
	get, all := linearOp{kind: "get"}, linearOp{kind: "read all"}
	for _, c := range []struct {
		name    string
		legal   bool
		history []porcupine.Operation
	}{
		{"a read after a write", true, []porcupine.Operation{op(0, 1, 2, put, answer()), op(1, 3, 4, get, answer(5))}},
		{"a stale read", false, []porcupine.Operation{op(0, 1, 2, put, answer()), op(1, 3, 4, get, answer(none))}},
		{"a read that turns back", false, []porcupine.Operation{op(0, 1, 9, put, answer()), op(1, 2, 3, get, answer(5)), op(2, 4, 5, get, answer(none))}},
		{"half a transaction", false, []porcupine.Operation{op(0, 1, 9, move, answer()), op(1, 2, 3, all, answer(-2, none))}},
		{"a transaction as a whole", true, []porcupine.Operation{op(0, 1, 9, move, answer()), op(1, 2, 3, all, answer(-2, 2))}},
		{"what a conflict refused, never", true, []porcupine.Operation{op(0, 1, 2, move, linearAnswer{outcome: met}), op(1, 5, 6, all, answer(none, none))}},
		{"what a conflict refused, done", false, []porcupine.Operation{op(0, 1, 2, move, linearAnswer{outcome: met}), op(1, 5, 6, all, answer(-2, 2))}},
		{"half of what was in flight", false, []porcupine.Operation{op(0, 1, 99, move, lost), op(1, 5, 6, all, answer(none, 2))}},
		{"what was in flight, never", true, []porcupine.Operation{op(0, 1, 99, move, lost), op(1, 5, 6, all, answer(none, none))}},
		{"an answered write that is gone", false, []porcupine.Operation{op(0, 1, 2, put, answer()), op(0, 3, 99, move, lost), op(1, 5, 6, all, answer(none, none))}},
		{"a condition that held and was refused", false, []porcupine.Operation{op(0, 1, 2, put, answer()), op(1, 3, 4, linearOp{kind: "put if", n: 7, old: 5}, linearAnswer{outcome: refused})}},
	} {
		if got := porcupine.CheckOperations(linearModel, slices.Clone(c.history)); got != c.legal {
			t.Errorf("%s: legal is %t, want %t", c.name, got, c.legal)
		}
	}
}
