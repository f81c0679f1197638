package table_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/kv/pebblekv"
	"github.com/hortusdb/hortus/table"
)

// registers is how many items the clients of TestLinearizable share.
const registers = 4

// linearOp is what a client asks, and what it was answered.
type linearOp struct {
	kind    string // "get", "put", "add", "check and put", "move", "read all"
	a, b    int    // Items.
	guess   int    // What "check and put" expects of a.
	n       int
	refused bool
	met     bool // A conflict: nothing was done.
	got     [registers]int
}

// linearModel is the items as one client alone would see them.
var linearModel = porcupine.Model{
	Init: func() any { return [registers]int{} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.([registers]int), input.(linearOp), output.(linearOp)
		if out.met {
			return true, s
		}
		switch in.kind {
		case "get":
			return out.got[in.a] == s[in.a], s
		case "put":
			s[in.a] = in.n
		case "add":
			s[in.a] += in.n
		case "check and put":
			if refused := s[in.a] != in.guess; refused || out.refused {
				return refused == out.refused, s
			}
			s[in.b] = in.n
		case "move":
			s[in.a] -= in.n
			s[in.b] += in.n
		case "read all":
			return out.got == s, s
		}
		return !out.refused, s
	},
	Equal:             func(a, b any) bool { return a == b },
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
}

// linearClient runs operations on the engine.
type linearClient struct {
	t      *testing.T
	engine *table.Engine
	tables [2]*table.Table
	met    *atomic.Int64 // How many conflicts there were.
}

// of is the table and the key of an item: two items in each of two tables.
func (c *linearClient) of(i int) (*table.Table, item.Item, table.Key) {
	tab := c.tables[i%2]
	it := item.BuildItem(nil, []item.Entry{{Name: "pk", Value: item.S(fmt.Sprint("k", i))}})
	k, err := tab.ItemKey(it)
	if err != nil {
		c.t.Error(err)
	}
	return tab, it, k
}

func (c *linearClient) put(i, n int) *table.Write {
	w := &table.Write{Kind: table.Put}
	w.Item = item.BuildItem(nil, []item.Entry{{Name: "n", Value: numberOf(c.t, n)}, {Name: "pk", Value: item.S(fmt.Sprint("k", i))}})
	w.Table, _, w.Key = c.of(i)
	return w
}

func (c *linearClient) add(i, n int) *table.Write {
	w := &table.Write{Kind: table.Update, Update: bindUpdate(c.t, "ADD n :n", expr.Values{{Placeholder: ":n", Value: numberOf(c.t, n)}})}
	w.Table, _, w.Key = c.of(i)
	return w
}

func (c *linearClient) check(i, n int) *table.Write {
	e, err := expr.Parse(expr.ConditionKind, "n = :n")
	if err != nil {
		c.t.Error(err)
	}
	w := &table.Write{Kind: table.Check}
	if w.Condition, err = expr.BindCondition(e, &expr.Scope{Values: expr.Values{{Placeholder: ":n", Value: numberOf(c.t, n)}}}); err != nil {
		c.t.Error(err)
	}
	w.Table, _, w.Key = c.of(i)
	return w
}

func (c *linearClient) number(it item.Item) int {
	v, ok := it.Get("n")
	if !ok {
		c.t.Error("an item has no n")
		return 0
	}
	n, _ := v.Number().Int()
	return int(n)
}

// run does an operation and returns the answer.
func (c *linearClient) run(in linearOp) linearOp {
	out, ctx := linearOp{}, c.t.Context()
	var err error
	switch in.kind {
	case "get":
		tab, _, k := c.of(in.a)
		var it item.Item
		if it, _, err = c.engine.Get(ctx, tab, k, true, nil); err == nil {
			out.got[in.a] = c.number(it)
		}
	case "put":
		err = c.engine.Write(ctx, c.put(in.a, in.n))
	case "add":
		err = c.engine.Write(ctx, c.add(in.a, in.n))
	case "check and put":
		err = c.transact(&out, c.check(in.a, in.guess), c.put(in.b, in.n))
	case "move":
		err = c.transact(&out, c.add(in.a, -in.n), c.add(in.b, in.n))
	case "read all":
		lookups := make([]table.Lookup, registers)
		for i := range lookups {
			lookups[i].Table, _, lookups[i].Key = c.of(i)
		}
		err = c.engine.TransactGet(ctx, lookups, func(i int, it item.Item) error {
			out.got[i] = c.number(it)
			return nil
		})
	}
	if _, ok := errors.AsType[*table.ConflictError](err); ok || errors.Is(err, table.ErrConflict) {
		out.met, err = true, nil
	}
	if err != nil {
		c.t.Error(err)
	}
	return out
}

// transact runs a transaction and notes whether it was canceled, and why.
func (c *linearClient) transact(out *linearOp, writes ...*table.Write) error {
	tx := transaction(writes...)
	err := c.engine.Transact(c.t.Context(), tx)
	if !errors.Is(err, table.ErrCanceled) {
		return err
	}
	out.refused = errors.Is(tx.Errors[0], table.ErrConditionFailed)
	out.met = slices.Contains(tx.Errors, error(table.ErrConflict))
	if out.refused == out.met {
		return errors.Join(tx.Errors...)
	}
	return nil
}

// items are those that an operation is about.
func (in linearOp) items() []int {
	switch in.kind {
	case "read all":
		return []int{0, 1, 2, 3}
	case "check and put", "move":
		return []int{in.a, in.b}
	}
	return []int{in.a}
}

// groundless returns an operation that was refused for a conflict with none: nothing
// that it may conflict with was under way on an item of its own; nil for none.
func groundless(history []porcupine.Operation) *porcupine.Operation {
	for i := range history {
		x := &history[i]
		in := x.Input.(linearOp)
		if !x.Output.(linearOp).met || slices.ContainsFunc(history, func(y porcupine.Operation) bool {
			other := y.Input.(linearOp)
			return y.ClientId != x.ClientId && y.Call < x.Return && y.Return > x.Call && other.conflicts(in) &&
				slices.ContainsFunc(other.items(), func(i int) bool { return slices.Contains(in.items(), i) })
		}) {
			continue
		}
		return x
	}
	return nil
}

// conflicts reports whether an operation refuses another that is about its items.
func (in linearOp) conflicts(other linearOp) bool {
	switch in.kind {
	case "check and put", "move":
		return other.kind != "get"
	case "put", "add":
		return other.kind == "read all"
	}
	return false
}

func drawOp(rng *rand.Rand, seen *[registers]int) linearOp {
	kinds := []string{"get", "put", "add", "check and put", "check and put", "move", "move", "read all"}
	in := linearOp{kind: kinds[rng.IntN(len(kinds))], a: rng.IntN(registers), n: 1 + rng.IntN(3)}
	in.b = (in.a + 1 + rng.IntN(registers-1)) % registers
	in.guess = seen[in.a]
	return in
}

// TestLinearizable: single reads and writes and transactions, all at once, by
// many clients, answer as one client after the other would have been answered
// (strict serializability; write skew through what is only checked included). What
// is refused for a conflict did nothing, and something was in its way.
func TestLinearizable(t *testing.T) {
	for name, open := range map[string]func() (kv.Store, error){
		"pebble": func() (kv.Store, error) { return pebblekv.Open(pebblekv.Options{Memory: true}) },
		"mem":    func() (kv.Store, error) { return newMem(), nil },
	} {
		t.Run(name, func(t *testing.T) {
			var met atomic.Int64
			for seed := range uint64(60) {
				store, err := open()
				if err != nil {
					t.Fatal(err)
				}
				linearRound(t, store, seed, &met)
				if err := store.Close(); err != nil {
					t.Fatal(err)
				}
				if t.Failed() {
					return
				}
			}
			t.Logf("%d conflicts", met.Load())
		})
	}
}

func linearRound(t *testing.T, store kv.Store, seed uint64, met *atomic.Int64) {
	const clients, each = 6, 60
	c := &linearClient{t: t, engine: openEngine(t, store, &countingClock{}), met: met}
	c.tables[0], c.tables[1] = twoTables(t, c.engine)
	for i := range registers {
		c.run(linearOp{kind: "put", a: i})
	}
	var order atomic.Int64
	var histories [clients][]porcupine.Operation
	var running sync.WaitGroup
	for id := range clients {
		running.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(id)))
			var seen [registers]int // What this client read last: its guesses.
			for range each {
				op := porcupine.Operation{ClientId: id}
				in := drawOp(rng, &seen)
				op.Input = in
				op.Call = order.Add(1)
				out := c.run(in)
				op.Return = order.Add(1)
				op.Output = out
				if out.met {
					c.met.Add(1)
				}
				histories[id] = append(histories[id], op)
				switch in.kind {
				case "read all":
					if !out.met {
						seen = out.got
					}
				case "get":
					seen[in.a] = out.got[in.a]
				}
			}
		})
	}
	running.Wait()
	history := slices.Concat(histories[:]...)
	if x := groundless(history); x != nil {
		t.Errorf("seed %d: a conflict with nothing: %+v -> %+v", seed, x.Input, x.Output)
	}
	if !porcupine.CheckOperations(linearModel, history) {
		t.Errorf("seed %d: the history of %d operations is not linearizable", seed, len(history))
	}
}
