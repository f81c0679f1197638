package sim

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// ledgers are two more global tables, whose transactions become visible together.
// Each cell moves amounts between accounts of its own, in one ledger or from one
// to the other, by transactions. So in every cell the accounts of every cell come
// to nothing, whenever somebody looks, though a cell that looks is behind. What
// touches both ledgers also numbers an item in each, and the numbers are the same.
var ledgers = [...]string{"Assets", "Debts"}

const (
	accounts = 5      // Of a cell, in each ledger.
	numbered = "last" // The item that is numbered.
)

// bookkeeping is what a run knows of the ledgers.
type bookkeeping struct {
	last  map[*cell]int         // The last number that a cell gave out.
	armed map[view]int          // After which number a view is held to them.
	seen  int                   // How often one was.
	at    map[*disk]kv.Position // Where each store stood when its views were last looked at.
}

// view is the accounts of one cell as another one, or itself, shows them.
type view struct {
	by, of *cell
	life   string // Of the tables that show them.
}

func newBookkeeping() bookkeeping {
	return bookkeeping{last: map[*cell]int{}, armed: map[view]int{}, at: map[*disk]kv.Position{}}
}

// openLedgers makes the ledgers of the first cell.
func (w *world) openLedgers() {
	if !w.Ledgers {
		return
	}
	for _, name := range ledgers {
		def := table.Definition{
			Name: name, ID: w.newID(), Status: table.Active, CreatedAt: w.cells[0].micros(),
			Attributes: []table.Attribute{{Name: "account", Type: "S"}}, Hash: "account", OnDemand: true, SettingsMode: "ENABLED",
			Policy: &table.Policy{Document: fullPolicy, Revision: w.newID()},
		}
		if w.Plant != ShownApart {
			def.Transactions = table.Together
		}
		_, err := w.cells[0].engine.Create(w.ctx, def)
		w.cells[0].expect(err, "CreateTable")
	}
}

// joinLedgers has a cell that lacks a ledger join it.
func (w *world) joinLedgers() {
	if !w.Ledgers {
		return
	}
	name := ledgers[w.rng.IntN(len(ledgers))]
	c := w.pick(func(c *cell) bool { return c.idle() && c != w.outsider() && c.engine.Table(name) == nil })
	source := w.pick(func(c *cell) bool { return c.idle() && c.keeps(name) })
	if c == nil || source == nil {
		return
	}
	def := table.Definition{Name: name, TableClass: "STANDARD", Policy: &table.Policy{Document: fullPolicy, Revision: w.newID()}}
	err := c.call(func() error {
		_, err := c.repl.Join(w.ctx, c.caller(), source.name.TableARN(name), def)
		return err
	})
	w.trace("%v: joins %s by %v: %v", c, name, source, err)
	w.contract(c, err, "CreateTable")
}

// keeps reports whether a cell has a ledger in use.
func (c *cell) keeps(name string) bool {
	t := c.engine.Table(name)
	return t != nil && t.Def.Status == table.Active
}

// books reports whether a cell is up and has all ledgers in use.
func (c *cell) books() bool {
	return c.idle() && c != c.w.outsider() && c.keeps(ledgers[0]) && c.keeps(ledgers[1])
}

// booked is what a cell shows of an owner's accounts: by ledger and account.
type booked [len(ledgers)]map[string]int

// key names an owner's account.
func bookKey(owner *cell, account string) string { return strconv.Itoa(owner.number) + "/" + account }

func entry(key string, n int) item.Item {
	var b item.Builder
	b.Add("account", item.S(key))
	b.Add("n", number(n))
	return b.Item(nil)
}

// transfer has a cell move amounts between its accounts.
func (w *world) transfer() {
	c := w.pick((*cell).books)
	if c == nil {
		return
	}
	was, ok := w.look(c, c)
	if !ok {
		return
	}
	number := w.books.last[c] + 1
	w.books.last[c] = number
	tx := &table.Transaction{}
	add := func(ledger int, account string, n int) {
		t := c.engine.Table(ledgers[ledger])
		q := &table.Write{Table: t, Kind: table.Put, Item: entry(bookKey(c, account), n)}
		if n == 0 && w.rng.IntN(2) == 0 {
			q.Kind = table.Delete
		}
		var err error
		if q.Key, err = t.ItemKey(q.Item); err != nil {
			w.fail("%v: %w", c, err)
		}
		tx.Writes = append(tx.Writes, q)
	}
	touched, rest := map[int]bool{}, 0
	picked := w.rng.Perm(len(ledgers) * accounts)[:2+w.rng.IntN(3)]
	for i, x := range picked {
		ledger, account := x%len(ledgers), strconv.Itoa(x/len(ledgers))
		by := w.rng.IntN(9) - 4
		if i == len(picked)-1 {
			by = -rest
		}
		rest += by
		touched[ledger] = true
		add(ledger, account, was[ledger][account]+by)
	}
	if len(touched) == len(ledgers) {
		for i := range ledgers {
			add(i, numbered, number)
		}
	}
	tx.Errors = make([]error, len(tx.Writes))
	err := c.call(func() error { return c.engine.Transact(w.ctx, tx) })
	w.trace("%v: transaction %d of %d writes in %d ledgers: %v", c, number, len(tx.Writes), len(touched), err)
	w.did(Transacted, err)
	c.expect(err, "TransactWriteItems")
}

// look reads an owner's accounts in one cell, as of one point in time. It returns
// false where the cell crashed at it.
func (w *world) look(c, owner *cell) (booked, bool) {
	var out booked
	var lookups []table.Lookup
	var where []string
	for i, name := range ledgers {
		out[i] = map[string]int{}
		for n := range accounts + 1 {
			account := numbered
			if n < accounts {
				account = strconv.Itoa(n)
			}
			t := c.engine.Table(name)
			k, err := t.ItemKey(entry(bookKey(owner, account), 0))
			if err != nil {
				w.fail("%v: %w", c, err)
			}
			lookups, where = append(lookups, table.Lookup{Table: t, Key: k, Consistent: true}), append(where, account)
		}
	}
	err := c.call(func() error {
		return c.engine.TransactGet(w.ctx, lookups, func(i int, it item.Item) error {
			if it != nil {
				n, err := balance(it)
				out[i/(accounts+1)][where[i]] = n
				return err
			}
			return nil
		})
	})
	if c.dead() || errors.Is(err, kv.ErrClosed) {
		return out, false
	}
	c.expect(err, "TransactGetItems")
	return out, err == nil
}

func balance(it item.Item) (int, error) {
	v, ok := it.Get("n")
	if !ok {
		return 0, fmt.Errorf("there is no n in %s", item.AppendItemJSON(nil, it))
	}
	n, ok := v.Number().Int()
	if !ok {
		return 0, fmt.Errorf("n is %v", v.Number())
	}
	return int(n), nil
}

// checkLedgers looks for a part of a transaction, in every cell and of every cell,
// by one TransactGetItems and by a query of each ledger.
//
// What was written while a cell's replicas were being made may be seen in parts
// there for a moment: a view counts once it shows a transaction over both ledgers
// that came later.
func (w *world) checkLedgers() {
	for _, c := range w.cells {
		at := c.disk.last()
		if !c.books() || at == w.books.at[c.disk] {
			continue // As it was looked at before.
		}
		w.books.at[c.disk] = at
		for _, owner := range w.cells[:w.Members] {
			if !c.books() || w.failure != nil {
				break
			}
			v := view{c, owner, c.engine.Table(ledgers[0]).Def.ID + c.engine.Table(ledgers[1]).Def.ID}
			from, ok := w.books.armed[v]
			if !ok {
				from = w.books.last[owner]
				w.books.armed[v] = from
			}
			got, ok := w.look(c, owner)
			if !ok {
				break
			}
			if c != owner && min(got[0][numbered], got[1][numbered]) <= from {
				continue
			}
			w.books.seen++
			if s := got.torn(); s != "" {
				w.fail("%v shows a part of a transaction of %v: %s: %v", c, owner, s, got)
			}
			if all := w.query(c, owner); c.books() && !all.equal(got) {
				w.fail("%v shows the accounts of %v as %v, and by queries as %v", c, owner, got, all)
			}
		}
	}
}

// torn says how what is shown is not what all transactions up to some, and no
// others, leave.
func (b booked) torn() string {
	sum := 0
	for i := range b {
		for account, n := range b[i] {
			if account != numbered {
				sum += n
			}
		}
	}
	switch {
	case b[0][numbered] != b[1][numbered]:
		return "one ledger is further than the other"
	case sum != 0:
		return "the sum of all accounts is " + strconv.Itoa(sum)
	}
	return ""
}

func (b booked) equal(other booked) bool { return fmt.Sprint(b) == fmt.Sprint(other) }

// query reads an owner's accounts by a query of each ledger.
func (w *world) query(c, owner *cell) booked {
	var out booked
	for i, name := range ledgers {
		out[i] = map[string]int{}
		t := c.engine.Table(name)
		if t == nil {
			return out
		}
		err := c.call(func() error {
			return c.engine.Query(w.ctx, &table.Page{Table: t}, func(it item.Item) error {
				v, _ := it.Get("account")
				key := string(v.Bytes())
				n, err := balance(it)
				if prefix := bookKey(owner, ""); len(key) > len(prefix) && key[:len(prefix)] == prefix {
					out[i][key[len(prefix):]] = n
				}
				return err
			})
		})
		c.expect(err, "Query")
	}
	return out
}

// unbooked says what of the ledgers is not yet in its final state.
func (w *world) unbooked() string {
	if !w.Ledgers {
		return ""
	}
	for _, c := range w.cells[:w.Members] {
		if !c.books() {
			return c.String() + " lacks a ledger"
		}
	}
	for _, owner := range w.cells[:w.Members] {
		want, ok := w.look(owner, owner)
		for _, c := range w.cells[:w.Members] {
			got, up := w.look(c, owner)
			if !ok || !up || !got.equal(want) {
				return fmt.Sprintf("%v shows the accounts of %v as %v, and they are %v", c, owner, got, want)
			}
		}
	}
	return ""
}

// checkBooks holds the end of a run to what it was to show.
func (w *world) checkBooks() {
	if !w.Ledgers {
		return
	}
	if w.books.seen == 0 {
		w.fail("no view of the ledgers was ever looked at")
	}
	for _, c := range w.cells[:w.Members] {
		for _, s := range c.repl.Status() {
			if slices.Contains(ledgers[:], s.Table) && s.Apart > 0 {
				w.fail("%v: %d transactions of %s were shown in parts: %s", c, s.Apart, s.Table, s.ApartWhy)
			}
		}
	}
}
