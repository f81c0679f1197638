package table_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/kv/pebblekv"
	"github.com/hortusdb/hortus/table"
)

// writeOf is one action: kind, the item or its key, and an expression.
func writeOf(t testing.TB, tab *table.Table, kind table.Kind, text, condition string) *table.Write {
	t.Helper()
	w := &table.Write{Table: tab, Kind: kind, Item: decodeItem(t, text), KeepOldOnFailure: true}
	var err error
	if w.Key, err = tab.ItemKey(w.Item); err != nil {
		t.Fatal(err)
	}
	if condition != "" {
		w.Condition = bindCondition(t, condition)
	}
	return w
}

func bindUpdate(t testing.TB, text string, values expr.Values) *expr.Update {
	t.Helper()
	e, err := expr.Parse(expr.UpdateKind, text)
	if err != nil {
		t.Fatal(err)
	}
	u, err := expr.BindUpdate(e, &expr.Scope{Values: values})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func transaction(writes ...*table.Write) *table.Transaction {
	return &table.Transaction{Writes: writes, Errors: make([]error, len(writes))}
}

func numberOf(t testing.TB, n int) item.Value {
	t.Helper()
	v, err := item.N(fmt.Sprint(n))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func getText(t testing.TB, e *table.Engine, tab *table.Table, text string) string {
	t.Helper()
	k, err := tab.ItemKey(decodeItem(t, text))
	if err != nil {
		t.Fatal(err)
	}
	it, _, err := e.Get(t.Context(), tab, k, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if it == nil {
		return ""
	}
	return jsonOf(it)
}

func recordsOf(t testing.TB, e *table.Engine, tab *table.Table) []changelog.Record {
	t.Helper()
	var out []changelog.Record
	if _, err := e.Store().ReadLog(t.Context(), tab.Log.ID, 0, func(x kv.Entry) bool {
		r, err := changelog.Decode(slices.Clone(x.Record), e.Decoder())
		if err != nil {
			t.Error(err)
		}
		out = append(out, r)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// twoTables are a table that is replicated and one that is not.
func twoTables(t testing.TB, e *table.Engine) (logged, plain *table.Table) {
	logged = create(t, e, table.Definition{Name: "T", Attributes: attributes, Hash: "pk", Group: group()})
	plain = create(t, e, table.Definition{Name: "U", Attributes: attributes, Hash: "pk"})
	return logged, plain
}

// TestTransact: all writes of a transaction are done as of one time, and their
// records have one id; what changes nothing is a change all the same, but a
// delete of nothing is not.
func TestTransact(t *testing.T) {
	e := openEngine(t, newMem(), &countingClock{})
	tab, plain := twoTables(t, e)
	put(t, e, tab, decodeItem(t, `{"pk":{"S":"same"},"x":{"S":"1"}}`))
	put(t, e, tab, decodeItem(t, `{"pk":{"S":"gone"}}`))
	put(t, e, plain, decodeItem(t, `{"pk":{"S":"b"},"n":{"N":"1"}}`))
	update := writeOf(t, plain, table.Update, `{"pk":{"S":"b"}}`, "attribute_exists(pk)")
	update.Update = bindUpdate(t, "ADD n :two", expr.Values{{Placeholder: ":two", Value: numberOf(t, 2)}})
	tx := transaction(
		writeOf(t, tab, table.Put, `{"pk":{"S":"a"}}`, "attribute_not_exists(pk)"),
		update,
		writeOf(t, tab, table.Put, `{"pk":{"S":"same"},"x":{"S":"1"}}`, ""),
		writeOf(t, tab, table.Delete, `{"pk":{"S":"gone"}}`, ""),
		writeOf(t, tab, table.Delete, `{"pk":{"S":"never"}}`, ""),
		writeOf(t, plain, table.Check, `{"pk":{"S":"never"}}`, "attribute_not_exists(pk)"),
	)
	if err := e.Transact(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	put(t, e, tab, decodeItem(t, `{"pk":{"S":"after"}}`))
	for _, c := range []struct {
		tab  *table.Table
		key  string
		want string
	}{
		{tab, `{"pk":{"S":"a"}}`, `{"pk":{"S":"a"}}`},
		{tab, `{"pk":{"S":"gone"}}`, ""},
		{plain, `{"pk":{"S":"b"}}`, `{"n":{"N":"3"},"pk":{"S":"b"}}`},
	} {
		if got := getText(t, e, c.tab, c.key); got != c.want {
			t.Errorf("%s is %q, want %q", c.key, got, c.want)
		}
	}
	records := recordsOf(t, e, tab)
	if len(records) != 6 { // Two puts, a, same, gone, after.
		t.Fatalf("%d records, want 6", len(records))
	}
	for i, r := range records {
		inside := i >= 2 && i <= 4
		if (r.Transaction != 0) != inside || inside && (r.Transaction != records[2].Transaction || r.Version != records[2].Version) {
			t.Errorf("record %d: transaction %d, version %v", i, r.Transaction, r.Version)
		}
	}
	if records[5].Version.Time.Compare(records[4].Version.Time) <= 0 {
		t.Error("versions go back")
	}
}

// TestTransactCanceled: a transaction of which one write fails does nothing, and
// every write has its own reason.
func TestTransactCanceled(t *testing.T) {
	e := openEngine(t, newMem(), &countingClock{})
	tab, plain := twoTables(t, e)
	put(t, e, tab, decodeItem(t, `{"pk":{"S":"a"},"x":{"S":"1"}}`))
	update := writeOf(t, plain, table.Update, `{"pk":{"S":"b"}}`, "")
	update.Update = bindUpdate(t, "SET n = nothing", nil)
	refused := errors.New("refused")
	tx := transaction(
		writeOf(t, tab, table.Put, `{"pk":{"S":"a"}}`, "attribute_not_exists(pk)"),
		writeOf(t, tab, table.Put, `{"pk":{"S":"new"}}`, ""),
		update,
		writeOf(t, plain, table.Check, `{"pk":{"S":"c"}}`, "attribute_exists(pk)"),
		&table.Write{Table: tab},
	)
	tx.Errors[4] = refused
	if err := e.Transact(t.Context(), tx); !errors.Is(err, table.ErrCanceled) {
		t.Fatal(err)
	}
	for i, want := range []string{
		"ConditionalCheckFailedException: The conditional request failed", "<nil>",
		"ValidationException: The provided expression refers to an attribute that does not exist in the item",
		"ConditionalCheckFailedException: The conditional request failed", "refused",
	} {
		if got := fmt.Sprint(tx.Errors[i]); got != want {
			t.Errorf("write %d: %s, want %s", i, got, want)
		}
	}
	if got := jsonOf(tx.Writes[0].Old); got != `{"pk":{"S":"a"},"x":{"S":"1"}}` || tx.Writes[3].Old != nil {
		t.Errorf("the items that conditions failed on: %s, %v", got, tx.Writes[3].Old)
	}
	if got := getText(t, e, tab, `{"pk":{"S":"new"}}`); got != "" {
		t.Errorf("half of it was done: %s", got)
	}
	if n := len(recordsOf(t, e, tab)); n != 1 {
		t.Errorf("%d records, want 1", n)
	}
}

func TestTransactSameItem(t *testing.T) {
	e := openEngine(t, newMem(), &countingClock{})
	tab, plain := twoTables(t, e)
	const key = `{"pk":{"S":"a"}}`
	const want = "ValidationException: Transaction request cannot include multiple operations on one item"
	tx := transaction(writeOf(t, tab, table.Put, key, ""), writeOf(t, plain, table.Put, key, ""), writeOf(t, tab, table.Check, key, "attribute_exists(pk)"))
	if err := e.Transact(t.Context(), tx); fmt.Sprint(err) != want {
		t.Error(err)
	}
	k := tx.Writes[0].Key
	look := []table.Lookup{{Table: tab, Key: k}, {Table: plain, Key: k}}
	if err := e.TransactGet(t.Context(), look, func(int, item.Item) error { return nil }); err != nil {
		t.Error("the same key in two tables: ", err)
	}
	if err := e.TransactGet(t.Context(), append(look, look[0]), nil); fmt.Sprint(err) != want {
		t.Error(err)
	}
}

// TestTransactRetired: a transaction that was planned on a table of before is
// done on the present one, or not at all when that is another.
func TestTransactRetired(t *testing.T) {
	store := &interposed{Store: newMem()}
	e := openEngine(t, store, &countingClock{})
	tab, plain := twoTables(t, e)
	store.before = func() {
		if _, err := e.Alter(t.Context(), "U", func(d *table.Definition) error {
			d.NextIndex++
			d.Indexes = append(d.Indexes, table.Index{Name: "N", Number: d.NextIndex, Hash: []string{"a"}, Projection: table.All})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	const key = `{"pk":{"S":"k"},"a":{"S":"a"}}`
	if err := e.Transact(t.Context(), transaction(writeOf(t, tab, table.Put, key, ""), writeOf(t, plain, table.Put, key, ""))); err != nil {
		t.Fatal(err)
	}
	n := 0
	now := e.Table("U")
	if err := e.Query(t.Context(), &table.Page{Table: now, Index: now.Def.Index("N")}, func(item.Item) error { n++; return nil }); err != nil || n != 1 {
		t.Errorf("the new index has %d entries (%v), want 1", n, err)
	}
	store.before = func() {
		if err := e.Drop(t.Context(), "U"); err != nil {
			t.Fatal(err)
		}
	}
	const other = `{"pk":{"S":"other"}}`
	err := e.Transact(t.Context(), transaction(writeOf(t, tab, table.Put, other, ""), writeOf(t, now, table.Check, key, "attribute_exists(pk)")))
	if !errors.Is(err, table.ErrNoTable) {
		t.Error(err)
	}
	if got := getText(t, e, tab, other); got != "" {
		t.Errorf("half of it was done: %s", got)
	}
}

func tokenOf(name string, payload byte) *table.Token {
	return &table.Token{Account: here.Account, Name: name, Payload: [table.PayloadSize]byte{payload}}
}

// TestTokens: a transaction that was done is not done again within ten minutes
// of its token; one that was canceled is; another payload is refused.
func TestTokens(t *testing.T) {
	now := &wallClock{time.Unix(1_000_000, 0)}
	store := newMem()
	e := openEngine(t, store, now)
	tab, _ := twoTables(t, e)
	n := 0
	try := func(token *table.Token, condition string) string {
		t.Helper()
		n++
		w := writeOf(t, tab, table.Put, fmt.Sprintf(`{"pk":{"S":"a"},"n":{"N":"%d"}}`, n), condition)
		tx := transaction(w)
		tx.Token = token
		err := e.Transact(t.Context(), tx)
		return fmt.Sprint(token.Replayed, token.Sizes, err)
	}
	const mismatch = "IdempotentParameterMismatchException: DynamoDB rejected the request because you retried a request with a different payload but with an idempotent token that was already used"
	for i, c := range []struct {
		name      string
		payload   byte
		condition string
		wait      time.Duration
		want      string
	}{
		{"done", 1, "", 0, "false [] <nil>"},
		{"done", 1, "attribute_not_exists(pk)", 0, "true [6] <nil>"},
		{"done", 2, "", 0, "false [] " + mismatch},
		{"canceled", 1, "attribute_not_exists(pk)", 0, "false [] table: the transaction is canceled"},
		{"canceled", 2, "", 0, "false [] " + mismatch},
		{"canceled", 1, "attribute_exists(pk)", 0, "false [] <nil>"},
		{"canceled", 1, "", 9*time.Minute + 59*time.Second, "true [6] <nil>"},
		{"canceled", 1, "", time.Second, "false [] <nil>"},
		{"done", 2, "", 0, "false [] <nil>"},
		{"done", 2, "", table.TokenLife - time.Microsecond, "true [6] <nil>"},
	} {
		now.now = now.now.Add(c.wait)
		if got := try(tokenOf(c.name, c.payload), c.condition); got != c.want {
			t.Errorf("%d: %s: %s, want %s", i, c.name, got, c.want)
		}
	}
	other := tokenOf("done", 9)
	other.Account = there.Account
	if got := try(other, ""); got != "false [] <nil>" {
		t.Errorf("another account's token of that name: %s", got)
	}
	e = openEngine(t, store.Crash(), now)
	tab = e.Table("T")
	if got := try(tokenOf("done", 2), ""); got != "true [6] <nil>" {
		t.Errorf("after a restart: %s", got)
	}
}

// TestTokensAreSwept: what is kept of tokens is bounded by how many live.
func TestTokensAreSwept(t *testing.T) {
	now := &wallClock{time.Unix(1_000_000, 0)}
	store := newMem()
	e := openEngine(t, store, now)
	tab, _ := twoTables(t, e)
	const perLife, lives = 300, 6
	count := func() int {
		n := 0
		for _, prefix := range []string{"i", "j"} {
			if _, err := store.Scan(t.Context(), kv.Range{Low: []byte(prefix), High: changelog.Successor([]byte(prefix))}, func(_, _ []byte) bool { n++; return true }); err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	most := 0
	for i := range perLife * lives {
		now.now = now.now.Add(table.TokenLife / perLife)
		tx := transaction(writeOf(t, tab, table.Check, `{"pk":{"S":"a"}}`, "attribute_not_exists(pk)"))
		tx.Token = tokenOf(fmt.Sprint(i), 0)
		if err := e.Transact(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
		most = max(most, count())
	}
	// Two rows each; a sweep comes with every 128th.
	if limit := 2 * (perLife + 128); most > limit || most < 2*perLife {
		t.Errorf("%d rows at most, want between %d and %d", most, 2*perLife, limit)
	}
}

// TestTokenAndEffectTogether: whatever a crash between a commit and its answer
// leaves, a token is there exactly when its transaction was done.
func TestTokenAndEffectTogether(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	store := kv.NewMem(kv.MemOptions{ManualSync: true})
	e := openEngine(t, store, &countingClock{})
	twoTables(t, e)
	store.Sync()
	done, lost := 0, 0
	for round := range 50 {
		n := 1 + rng.IntN(6)
		syncAt := rng.IntN(n + 1)
		run := func(i int) (replayed bool) {
			key := fmt.Sprintf(`{"pk":{"S":"%d-%d"}}`, round, i)
			tx := transaction(
				writeOf(t, e.Table("T"), table.Put, key, "attribute_not_exists(pk)"),
				writeOf(t, e.Table("U"), table.Put, key, "attribute_not_exists(pk)"),
			)
			tx.Token = tokenOf(fmt.Sprint(round, "-", i), 0)
			if err := e.Transact(t.Context(), tx); err != nil {
				t.Fatal(err)
			}
			return tx.Token.Replayed
		}
		for i := range n {
			if i == syncAt {
				store.Sync()
			}
			run(i)
		}
		store = store.Crash()
		e = openEngine(t, store, &countingClock{now: int64(round) * 1000})
		for i := range n {
			key := fmt.Sprintf(`{"pk":{"S":"%d-%d"}}`, round, i)
			kept := getText(t, e, e.Table("T"), key) != ""
			if also := getText(t, e, e.Table("U"), key) != ""; also != kept {
				t.Fatalf("round %d: half of transaction %d is there", round, i)
			}
			if replayed := run(i); replayed != kept {
				t.Fatalf("round %d: transaction %d is there: %v, its token: %v", round, i, kept, replayed)
			}
			if kept {
				done++
			} else {
				lost++
			}
		}
		store.Sync()
	}
	if done == 0 || lost == 0 {
		t.Errorf("%d were kept and %d lost: both should occur", done, lost)
	}
}

// BenchmarkTransact4 puts four items of 1 KB under a token of their own.
func BenchmarkTransact4(b *testing.B) {
	store, err := pebblekv.Open(pebblekv.Options{Memory: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	e := openEngine(b, store, clock.Wall{})
	tab := create(b, e, table.Definition{Name: "T", Attributes: attributes, Hash: "pk", Range: "sk"})
	const sets = 256
	var writes [sets][4]table.Write
	for i := range sets {
		for j := range writes[i] {
			w := &writes[i][j]
			w.Table, w.Kind, w.Item = tab, table.Put, benchItem(b, i*4+j, "x")
			w.Key, _ = tab.ItemKey(w.Item)
		}
	}
	tx := transaction(make([]*table.Write, 4)...)
	tx.Token = tokenOf("", 0)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		for j := range tx.Writes {
			tx.Writes[j] = &writes[n%sets][j]
		}
		tx.Token.Name = "token-of-36-characters-or-so-" + fmt.Sprint(n)
		if err := e.Transact(context.Background(), tx); err != nil {
			b.Fatal(err)
		}
	}
}
