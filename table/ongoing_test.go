package table_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// paused is a store that calls back once in the middle of an update or of a read:
// before an update takes its locks, after its commit and before that is answered,
// or while a read waits until what it saw is durable.
type paused struct {
	kv.Store
	before, after, waiting func()
}

func once(fn *func()) {
	if f := *fn; f != nil {
		*fn = nil
		f()
	}
}

func (s *paused) Update(ctx context.Context, p kv.Plan, fn func([][]byte, *kv.Writes) error) (kv.Position, error) {
	once(&s.before)
	after := s.after // Not of an update that is run by it.
	s.after = nil
	at, err := s.Store.Update(ctx, p, fn)
	once(&after)
	return at, err
}

func (s *paused) WaitDurable(ctx context.Context, at kv.Position) error {
	once(&s.waiting)
	return s.Store.WaitDurable(ctx, at)
}

func key(name string) string { return fmt.Sprintf(`{"pk":{"S":%q}}`, name) }

func valued(name, x string) string { return fmt.Sprintf(`{"pk":{"S":%q},"x":{"S":%q}}`, name, x) }

// conflictWorld has two tables, one of them replicated, on a store that pauses.
type conflictWorld struct {
	*testing.T
	store         *paused
	engine        *table.Engine
	logged, plain *table.Table
}

func newConflictWorld(t *testing.T) *conflictWorld {
	w := &conflictWorld{T: t, store: &paused{Store: newMem()}}
	w.engine = openEngine(t, w.store, &countingClock{})
	w.logged, w.plain = twoTables(t, w.engine)
	return w
}

// want holds an answer, an error's text or what was canceled, to what it should be.
func (w *conflictWorld) want(what string, got any, want string) {
	w.Helper()
	if fmt.Sprint(got) != want {
		w.Errorf("%s: %v, want %s", what, got, want)
	}
}

// transact runs a transaction and returns its error with the reasons.
func (w *conflictWorld) transact(token *table.Token, writes ...*table.Write) string {
	tx := transaction(writes...)
	tx.Token = token
	err := w.engine.Transact(w.Context(), tx)
	return fmt.Sprint(err, tx.Errors)
}

func (w *conflictWorld) lookups(tab *table.Table, names ...string) []table.Lookup {
	var out []table.Lookup
	for _, name := range names {
		out = append(out, table.Lookup{Table: tab, Key: writeOf(w, tab, table.Put, key(name), "").Key, Consistent: true})
	}
	return out
}

// read reads items in a transaction and returns them, or the error with what it was
// canceled for.
func (w *conflictWorld) read(names ...string) string {
	out := ""
	err := w.engine.TransactGet(w.Context(), w.lookups(w.logged, names...), func(_ int, it item.Item) error {
		out += jsonOf(it)
		return nil
	})
	if c, ok := errors.AsType[*table.ConflictError](err); ok {
		return fmt.Sprint(c, c.At)
	}
	if err != nil {
		return err.Error()
	}
	return out
}

const (
	conflictText   = "TransactionConflictException: Transaction is ongoing for the item"
	canceledText   = "table: the transaction is canceled"
	inProgressText = "TransactionInProgressException: Transaction from previous request is still in progress"
)

// TestConflicts: while a transaction is under way, from before it takes its locks
// until its commit is answered, what clients write of its items is refused at once
// and does nothing; what they read, and what replicas send, is not.
func TestConflicts(t *testing.T) {
	for name, hook := range map[string]func(*paused) *func(){
		"before its locks": func(s *paused) *func() { return &s.before },
		"committed":        func(s *paused) *func() { return &s.after },
	} {
		t.Run(name, func(t *testing.T) {
			w := newConflictWorld(t)
			put(t, w.engine, w.logged, decodeItem(t, valued("free", "0")))
			done := func(token *table.Token) string {
				return w.transact(token, writeOf(t, w.logged, table.Put, valued("done", "1"), ""), writeOf(t, w.logged, table.Put, valued("a", "0"), ""))
			}
			w.want("the transaction before", done(tokenOf("before", 1)), "<nil> [<nil> <nil>]")
			big := func() string {
				return w.transact(tokenOf("big", 1), writeOf(t, w.logged, table.Put, valued("a", "1"), ""),
					writeOf(t, w.plain, table.Check, key("checked"), "attribute_not_exists(pk)"), writeOf(t, w.logged, table.Delete, key("gone"), ""))
			}
			ran := false
			*hook(w.store) = func() {
				ran = true
				w.conflicts()
				w.want("the same token", big(), inProgressText+" [<nil> <nil> <nil>]")
				w.want("its token with another payload", w.transact(tokenOf("big", 2), writeOf(t, w.logged, table.Put, key("else"), "")), table.ErrTokenMismatch.Error()+" [<nil>]")
				w.want("what was done before, under its token", done(tokenOf("before", 1)), "<nil> [<nil> <nil>]")
				w.want("that token with another payload", done(tokenOf("before", 2)), table.ErrTokenMismatch.Error()+" [<nil> <nil>]")
			}
			w.want("the transaction", big(), "<nil> [<nil> <nil> <nil>]")
			if !ran || w.engine.Held() != 0 {
				t.Fatalf("under way: %v; held now: %d", ran, w.engine.Held())
			}
			again := tokenOf("big", 1)
			w.want("its token afterwards", w.transact(again, writeOf(t, w.logged, table.Put, valued("a", "9"), "")), "<nil> [<nil>]")
			if !again.Replayed {
				t.Error("it was done again")
			}
			for _, name := range []string{"a", "gone"} {
				put(t, w.engine, w.logged, decodeItem(t, valued(name, "2")))
			}
			w.want("the items afterwards", w.read("a", "free", "never"), jsonOf(decodeItem(t, valued("a", "2")))+jsonOf(decodeItem(t, valued("free", "1")))+"-")
		})
	}
}

// conflicts tries what clients and replicas do while a transaction has a and gone
// of one table, and checks an item of the other.
func (w *conflictWorld) conflicts() {
	t := w.T
	for _, x := range []*table.Write{
		writeOf(t, w.logged, table.Put, valued("a", "8"), ""),
		writeOf(t, w.logged, table.Update, key("a"), ""),
		writeOf(t, w.logged, table.Delete, key("a"), ""),
		writeOf(t, w.logged, table.Put, key("a"), "attribute_exists(nothing)"),
		writeOf(t, w.logged, table.Delete, key("gone"), ""),
		writeOf(t, w.plain, table.Put, valued("checked", "8"), ""),
	} {
		w.want(fmt.Sprint("write of kind ", x.Kind), w.engine.Write(t.Context(), x), conflictText)
		if x.Old != nil || x.OldSize != 0 {
			t.Error("a refused write shows what is there")
		}
	}
	put(t, w.engine, w.logged, decodeItem(t, valued("free", "1")))
	put(t, w.engine, w.plain, decodeItem(t, valued("a", "1"))) // The same key in the other table.
	batch := []*table.Write{
		writeOf(t, w.logged, table.Put, valued("a", "8"), ""), writeOf(t, w.logged, table.Put, valued("batch", "1"), ""),
		writeOf(t, w.logged, table.Delete, key("gone"), ""), writeOf(t, w.plain, table.Delete, key("a"), ""),
	}
	refused, err := w.engine.WriteBatch(t.Context(), batch)
	w.want("a batch", fmt.Sprint(refused, err), "[0 2] <nil>")
	w.want("what the batch wrote", getText(t, w.engine, w.logged, key("batch"))+getText(t, w.engine, w.plain, key("a")), jsonOf(decodeItem(t, valued("batch", "1"))))
	w.want("a transaction", w.transact(nil,
		writeOf(t, w.logged, table.Put, key("never"), ""), writeOf(t, w.logged, table.Check, key("a"), "attribute_exists(pk)"),
		writeOf(t, w.logged, table.Check, key("free"), "attribute_not_exists(pk)"), writeOf(t, w.plain, table.Check, key("checked"), "attribute_exists(pk)"),
	), canceledText+fmt.Sprintf(" [<nil> %s <nil> %s]", conflictText, conflictText))
	w.want("one with a token", w.transact(tokenOf("refused", 1), writeOf(t, w.logged, table.Put, key("a"), "")), canceledText+" ["+conflictText+"]")
	w.want("that token with another payload", w.transact(tokenOf("refused", 2), writeOf(t, w.logged, table.Put, key("never"), "")), table.ErrTokenMismatch.Error()+" [<nil>]")
	w.want("a transaction of others", w.transact(nil, writeOf(t, w.logged, table.Put, valued("others", "1"), "")), "<nil> [<nil>]")
	w.want("a reading one", w.read("free", "a", "batch", "gone"), "table: items of the transaction are being written [1 3]")
	w.want("a reading one of others", w.read("others"), jsonOf(decodeItem(t, valued("others", "1"))))
	if getText(t, w.engine, w.logged, key("a")) == "" {
		t.Error("a plain read finds nothing")
	}
	if err := w.engine.GetMany(t.Context(), w.lookups(w.logged, "a", "gone"), func(int, item.Item) error { return nil }); err != nil {
		t.Error("a batch of reads: ", err)
	}
	in := conflict.State{Version: conflict.Version{Cell: there}, Item: decodeItem(t, valued("a", "old"))}
	if _, err := w.engine.Apply(t.Context(), w.logged, []conflict.State{in}, nil); err != nil {
		t.Error("what a replica sends: ", err)
	}
}

// TestConflictsEnd: however a transaction ends, it leaves nothing behind.
func TestConflictsEnd(t *testing.T) {
	for name, run := range map[string]func(w *conflictWorld, tx *table.Transaction){
		"done": func(*conflictWorld, *table.Transaction) {},
		"a condition": func(w *conflictWorld, tx *table.Transaction) {
			tx.Writes[0].Condition = bindCondition(w, "attribute_exists(x)")
		},
		"an error of one": func(_ *conflictWorld, tx *table.Transaction) { tx.Errors[1] = errors.New("refused") },
		"the same twice":  func(_ *conflictWorld, tx *table.Transaction) { tx.Writes[1] = tx.Writes[0] },
		"no space":        func(w *conflictWorld, _ *table.Transaction) { w.store.Store.(*kv.Mem).Refuse(kv.ErrNoSpace) },
		"a table that went": func(w *conflictWorld, _ *table.Transaction) {
			w.store.before = func() {
				if err := w.engine.Drop(w.Context(), "U"); err != nil {
					w.Error(err)
				}
			}
		},
		"a table that changed": func(w *conflictWorld, _ *table.Transaction) {
			w.store.before = func() {
				if _, err := w.engine.Alter(w.Context(), "U", func(d *table.Definition) error { d.DeletionProtection = true; return nil }); err != nil {
					w.Error(err)
				}
			}
		},
	} {
		for _, token := range []*table.Token{nil, tokenOf("t", 1)} {
			w := newConflictWorld(t)
			tx := transaction(writeOf(t, w.logged, table.Put, key("a"), ""), writeOf(t, w.plain, table.Put, key("b"), ""))
			tx.Token = token
			run(w, tx)
			err := w.engine.Transact(t.Context(), tx)
			if n := w.engine.Held(); n != 0 {
				t.Errorf("%s: ended with %v, and %d are held", name, err, n)
			}
			w.store.Store.(*kv.Mem).Refuse(nil)
			put(t, w.engine, w.logged, decodeItem(t, key("a")))
		}
	}
}

// TestReadsMeetWrites: a transaction that reads is canceled for each of its items
// that is changed while it reads, or that a transaction takes, and for no other.
func TestReadsMeetWrites(t *testing.T) {
	whole := jsonOf(decodeItem(t, valued("a", "0"))) + jsonOf(decodeItem(t, valued("b", "0")))
	for _, c := range []struct {
		what string
		do   func(w *conflictWorld) any
		met  string // The lookups; "" for none.
	}{
		{"a put", func(w *conflictWorld) any {
			return w.engine.Write(w.Context(), writeOf(w, w.logged, table.Put, valued("b", "1"), ""))
		}, "[1]"},
		{"a delete", func(w *conflictWorld) any {
			return w.engine.Write(w.Context(), writeOf(w, w.logged, table.Delete, key("a"), ""))
		}, "[0]"},
		{"a batch", func(w *conflictWorld) any {
			_, err := w.engine.WriteBatch(w.Context(), []*table.Write{writeOf(w, w.logged, table.Put, valued("b", "1"), ""), writeOf(w, w.logged, table.Delete, key("a"), "")})
			return err
		}, "[0 1]"},
		{"a transaction", func(w *conflictWorld) any {
			return w.engine.Transact(w.Context(), transaction(writeOf(w, w.logged, table.Check, key("b"), "attribute_exists(pk)")))
		}, "[1]"},
		{"another reading one", func(w *conflictWorld) any { w.want("the other one", w.read("a", "b"), whole); return nil }, ""},
		{"a put of what is there", func(w *conflictWorld) any {
			return w.engine.Write(w.Context(), writeOf(w, w.logged, table.Put, valued("b", "0"), ""))
		}, ""},
		{"a put of another item", func(w *conflictWorld) any {
			return w.engine.Write(w.Context(), writeOf(w, w.plain, table.Put, valued("a", "1"), ""))
		}, ""},
	} {
		w := newConflictWorld(t)
		for _, name := range []string{"a", "b"} {
			put(t, w.engine, w.logged, decodeItem(t, valued(name, "0")))
		}
		w.store.waiting = func() { w.want(c.what, c.do(w), "<nil>") }
		want := whole
		if c.met != "" {
			want = "table: items of the transaction are being written " + c.met
		}
		w.want("reading beside "+c.what, w.read("a", "b"), want)
		if w.engine.Held() != 0 {
			t.Errorf("%s: %d are held", c.what, w.engine.Held())
		}
	}
}

// TestReadsMeetWritesInFlight: a write that was committed and not answered when a
// transaction read its item, and is answered while that waits, cancels it.
func TestReadsMeetWritesInFlight(t *testing.T) {
	w := newConflictWorld(t)
	put(t, w.engine, w.logged, decodeItem(t, valued("a", "0")))
	committed, answer, answered := make(chan struct{}), make(chan struct{}), make(chan struct{})
	w.store.after = func() { close(committed); <-answer }
	go func() {
		defer close(answered)
		put(t, w.engine, w.logged, decodeItem(t, valued("a", "1")))
	}()
	<-committed
	w.store.waiting = func() { close(answer); <-answered }
	w.want("the read", w.read("b", "a"), "table: items of the transaction are being written [1]")
	w.want("the next", w.read("b", "a"), "-"+jsonOf(decodeItem(t, valued("a", "1"))))
}

// TestConflictsProgress: of transactions that want the same items in any order, one
// at least gets them.
func TestConflictsProgress(t *testing.T) {
	w := newConflictWorld(t)
	const clients, each = 6, 50
	done := make(chan int, clients)
	for id := range clients {
		go func() {
			n, one := 0, expr.Values{{Placeholder: ":one", Value: numberOf(t, 1)}}
			for range each {
				var writes []*table.Write
				for i := range 8 {
					x := writeOf(t, w.plain, table.Update, key(fmt.Sprint("item", i)), "")
					x.Update = bindUpdate(t, "ADD n :one", one)
					writes = append(writes, x)
				}
				if id%2 == 1 {
					slices.Reverse(writes)
				}
				for {
					err := w.engine.Transact(context.Background(), transaction(writes...))
					if err == nil {
						n++
						break
					}
					if !errors.Is(err, table.ErrCanceled) {
						t.Error(err)
						break
					}
				}
			}
			done <- n
		}()
	}
	sum := 0
	for range clients {
		sum += <-done
	}
	if sum != clients*each || w.engine.Held() != 0 {
		t.Errorf("%d were done of %d, %d are held", sum, clients*each, w.engine.Held())
	}
	for i := range 8 {
		want := fmt.Sprintf(`{"n":{"N":"%d"},"pk":{"S":"item%d"}}`, clients*each, i)
		w.want("a counter", getText(t, w.engine, w.plain, key(fmt.Sprint("item", i))), want)
	}
}
