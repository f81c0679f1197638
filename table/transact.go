package table

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
)

// Transaction is several writes, of any tables of the cell, of which all are
// done or none. What it reads and what it writes is at one point in time,
// serializable with every other write and every other transaction. It takes its
// items at once or not at all: where another transaction under way has one, it is
// canceled without a look at any.
type Transaction struct {
	Writes []*Write // No two of one item. Their results are valid when the transaction was done now.
	Token  *Token   // Nil where the transaction has none.

	// Errors says of each write what is wrong with it, in the client's terms. A
	// write that has one already is not looked at, and cancels the transaction.
	Errors []error
}

// ErrCanceled says that nothing was done, and that Transaction.Errors says why.
var ErrCanceled = errors.New("table: the transaction is canceled")

// errSameItem is AWS's answer to a transaction that names an item twice.
var errSameItem = aws.Validation("Transaction request cannot include multiple operations on one item")

// transactScratch is the memory of one transaction, reused by later ones.
type transactScratch struct {
	write    writeScratch
	keys     []byte
	rowKeys  [][]byte // By write; nil for one that has an error already.
	slots    []int    // By write: where its value is among those of the plan.
	sorted   [][]byte
	lost     [][]byte // Those of sorted that other transactions have.
	plan     kv.Plan
	gates    []pass
	olds     []row
	sizes    collections
	places   []int // By write: of its collection.
	shares   shares
	token    tokenScratch
	holds    []hold // On the token and the items; they do not move while they are held.
	first    int    // Where the sizes of collections begin among the values.
	canceled bool
}

// Transact runs a transaction. It returns when the result is durable; so is a
// cancellation.
func (e *Engine) Transact(ctx context.Context, tx *Transaction) error {
	if tx.Token != nil {
		if err := e.sweepNow(ctx); err != nil {
			return err
		}
	}
	for _, w := range tx.Writes {
		w.At, w.made = 0, false
	}
	s := e.transactions.Get().(*transactScratch)
	defer e.transactions.Put(s)
	for {
		if err := s.prepare(tx); err != nil {
			return err
		}
		if err := e.attempt(ctx, tx, s); !errors.Is(err, errRetired) {
			return err
		}
		for i, w := range tx.Writes {
			if s.rowKeys[i] == nil {
				continue
			}
			if err := e.renew(&w.Table); err != nil {
				return err
			}
		}
	}
}

// attempt runs a transaction on the tables as they are.
func (e *Engine) attempt(ctx context.Context, tx *Transaction, s *transactScratch) (err error) {
	var at kv.Position
	defer func() {
		e.ongoing.drop(s.holds)
		clear(s.holds)
		for _, g := range s.gates {
			g.leave(at)
		}
	}()
	s.holds = slices.Grow(s.holds[:0], len(s.sorted)+1)
	if tx.Token != nil {
		if err := e.take(s, s.token.key, tx.Token); err != nil {
			return err
		}
	}
	if e.takeItems(s) {
		at, err = e.store.Update(ctx, s.plan, func(values [][]byte, kw *kv.Writes) error {
			return e.transact(tx, s, values, kw)
		})
	} else {
		at, err = e.refuse(ctx, tx, s)
	}
	if errors.Is(err, errRetired) {
		return err
	}
	for _, w := range tx.Writes {
		w.at(at, err)
	}
	clear(s.olds) // They point into what the store has taken back.
	if err == nil && s.canceled {
		return ErrCanceled
	}
	return err
}

// take holds a key for a transaction.
func (e *Engine) take(s *transactScratch, key []byte, token *Token) error {
	n := len(s.holds)
	s.holds = append(s.holds, hold{key: key, token: token})
	err := e.ongoing.take(&s.holds[n])
	if err != nil {
		s.holds = s.holds[:n]
	}
	return err
}

// takeItems takes the items of a transaction, in the order of their keys, and
// reports whether it has them all. Those that it cannot have are in s.lost.
func (e *Engine) takeItems(s *transactScratch) bool {
	s.lost = s.lost[:0]
	for _, key := range s.sorted {
		if len(s.lost) > 0 {
			if e.ongoing.taken(key) {
				s.lost = append(s.lost, key)
			}
		} else if e.take(s, key, nil) != nil {
			s.lost = append(s.lost, key)
		}
	}
	return len(s.lost) == 0
}

// refuse cancels a transaction for the items that others have taken, unless it was
// done before, under its token. The token is kept, as that of any canceled one.
func (e *Engine) refuse(ctx context.Context, tx *Transaction, s *transactScratch) (at kv.Position, err error) {
	s.canceled = true
	if tx.Token != nil {
		at, err = e.store.Update(ctx, kv.Plan{Write: [][]byte{s.token.key}}, func(values [][]byte, kw *kv.Writes) error {
			if err := e.consult(tx.Token, &s.token, values[0]); err != nil || tx.Token.Replayed {
				return err
			}
			e.keep(tx, s, kw)
			return nil
		})
		if err != nil || tx.Token.Replayed {
			s.canceled = false
			return at, err
		}
	}
	for i, w := range tx.Writes {
		w.before(row{})
		w.NewSize = 0
		if tx.Errors[i] == nil && slices.ContainsFunc(s.lost, func(key []byte) bool { return bytes.Equal(key, s.rowKeys[i]) }) {
			tx.Errors[i] = ErrConflict
		}
	}
	return at, nil
}

// prepare works out the plan, and enters the gates of the tables.
func (s *transactScratch) prepare(tx *Transaction) error {
	n := len(tx.Writes)
	s.keys, s.rowKeys, s.slots, s.gates = s.keys[:0], slices.Grow(s.rowKeys[:0], n)[:n], slices.Grow(s.slots[:0], n)[:n], s.gates[:0]
	s.olds = slices.Grow(s.olds[:0], n)[:n]
	s.places = slices.Grow(s.places[:0], n)[:n]
	s.sizes.reset()
	p := &s.plan
	p.Guard, p.Read, p.Write = p.Guard[:0], p.Read[:0], p.Write[:0]
	for i, w := range tx.Writes {
		s.rowKeys[i], s.slots[i], s.places[i] = nil, -1, -1
		if tx.Errors[i] != nil {
			continue
		}
		s.keys, s.rowKeys[i] = appendBehind(s.keys, w)
		if w.Kind == Check {
			s.slots[i] = len(p.Read)
			p.Read = append(p.Read, s.rowKeys[i])
		} else {
			s.slots[i] = len(p.Write)
			p.Write = append(p.Write, s.rowKeys[i])
			s.places[i] = s.sizes.place(w.Table, s.rowKeys[i])
		}
	}
	s.sorted = append(append(s.sorted[:0], p.Read...), p.Write...)
	if !distinct(s.sorted) {
		return errSameItem
	}
	var last *Table
	for i, w := range tx.Writes {
		if s.slots[i] < 0 {
			continue
		}
		if w.Kind != Check {
			s.slots[i] += len(p.Read)
		}
		if w.Table != last {
			p.Guard = append(p.Guard, w.Table.guard[0])
			s.gates = append(s.gates, w.Table.enter())
			last = w.Table
		}
	}
	s.first = len(p.Read) + len(p.Write)
	p.Write = append(p.Write, s.sizes.keys...)
	if tx.Token != nil {
		s.token.key = tx.Token.appendKey(s.token.key[:0])
		p.Write = append(p.Write, s.token.key)
	}
	return nil
}

// appendBehind appends a write's row key and returns it, too. Keys appended
// earlier stay where they are, also when dst moves.
func appendBehind(dst []byte, w *Write) ([]byte, []byte) {
	start := len(dst)
	dst = w.Table.appendRowKey(dst, w.Key)
	return dst, dst[start:len(dst):len(dst)]
}

// distinct sorts keys, and reports whether no two are the same.
func distinct(keys [][]byte) bool {
	slices.SortFunc(keys, bytes.Compare)
	for i := 1; i < len(keys); i++ {
		if bytes.Equal(keys[i-1], keys[i]) {
			return false
		}
	}
	return true
}

// transact is what a transaction does under the locks of its keys.
func (e *Engine) transact(tx *Transaction, s *transactScratch, values [][]byte, kw *kv.Writes) error {
	s.canceled = false
	for i, w := range tx.Writes {
		if s.slots[i] >= 0 && w.Table.retired.Load() {
			return errRetired
		}
	}
	if tx.Token != nil {
		if err := e.consult(tx.Token, &s.token, values[len(values)-1]); err != nil || tx.Token.Replayed {
			return err
		}
	}
	if err := s.sizes.load(values[s.first:]); err != nil {
		return err
	}
	var latest clock.Timestamp // Of what is replaced.
	for i, w := range tx.Writes {
		if s.slots[i] < 0 {
			s.canceled = true
			continue
		}
		old, err := e.prepare(w, &s.write, values[s.slots[i]])
		if _, ok := errors.AsType[*aws.Error](err); err != nil && !ok {
			return err
		}
		if err == nil && s.places[i] >= 0 {
			err = s.sizes.plan(s.places[i], w.growth(old), e.maxCollection)
		}
		s.olds[i], tx.Errors[i] = old, err
		s.canceled = s.canceled || err != nil
		if old.Version.Time.Compare(latest) > 0 {
			latest = old.Version.Time
		}
	}
	if !s.canceled {
		if err := e.putAll(tx, s, latest, kw); err != nil {
			return err
		}
	}
	if tx.Token != nil {
		e.keep(tx, s, kw)
	}
	if kw.Len() == 0 && s.canceled {
		return ErrCanceled
	}
	return nil
}

// putAll commits all writes as of one time.
func (e *Engine) putAll(tx *Transaction, s *transactScratch, latest clock.Timestamp, kw *kv.Writes) error {
	at := e.hybrid.After(latest)
	s.shares.gather(tx, s.olds)
	for i, w := range tx.Writes {
		w.Collection = s.sizes.size(s.places[i])
		if !w.makes(&s.olds[i]) {
			continue
		}
		c := change{old: s.olds[i], rowKey: s.rowKeys[i], tx: transactionID(at), with: s.shares.tell(w.Table), sizes: &s.sizes, place: s.places[i]}
		if err := e.put(w, &s.write, &c, at, kw); err != nil {
			return err
		}
	}
	s.sizes.keep(kw)
	return nil
}

// logicalBits is how many stamps a microsecond has room for in a transaction's
// id; more run on into the next, as the clock has left those unused.
const logicalBits = 12

// transactionID makes the id of a transaction out of its time, which no other
// transaction of the cell has.
func transactionID(at clock.Timestamp) uint64 {
	return uint64(at.Wall)<<logicalBits + uint64(at.Logical)
}

// ConflictError says that a TransactGet met writes of its items.
type ConflictError struct {
	At []int // Of which lookups, in order.
}

func (e *ConflictError) Error() string { return "table: items of the transaction are being written" }

// TransactGet calls fn for each lookup with its item, nil where there is none, as
// of one point in time, and durable. The items are valid only until fn returns.
// No two lookups may be of one item. What it found does not count, and a
// *ConflictError is returned, when a transaction under way has one of the items, or
// when one is written before TransactGet returns.
func (e *Engine) TransactGet(ctx context.Context, lookups []Lookup, fn func(i int, it item.Item) error) error {
	keys := rowKeys(lookups)
	if !distinct(slices.Clone(keys)) {
		return errSameItem
	}
	var lost []int
	holds := make([]hold, 0, len(keys))
	for i, key := range keys {
		holds = append(holds, hold{key: key, reader: true})
		if e.ongoing.take(&holds[len(holds)-1]) != nil {
			holds = holds[:len(holds)-1]
			lost = append(lost, i)
		}
	}
	if len(lost) > 0 {
		e.ongoing.drop(holds)
		return &ConflictError{lost}
	}
	err := e.getMany(ctx, lookups, keys, true, fn)
	e.ongoing.drop(holds)
	for i := range holds {
		if holds[i].met {
			lost = append(lost, i)
		}
	}
	if err == nil && len(lost) > 0 {
		return &ConflictError{lost}
	}
	return err
}
