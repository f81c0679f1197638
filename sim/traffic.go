package sim

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// write is one call of a client, and what it must come to by the model.
type write struct {
	table.Write
	what    string
	fails   bool // The condition does not hold.
	changes bool // There is a new version.
	deleted bool
	after   plant // Unless deleted.
}

var kinds = [...]string{"", "fern", "moss", "reed"}

// traffic makes one client call in one cell, on a hot key.
func (w *world) traffic() {
	c := w.pick((*cell).serving)
	if c == nil {
		return
	}
	n := w.rng.IntN(w.Clients.Keys)
	p := plant{bed: "bed " + strconv.Itoa(n%3), place: n}
	it, _, err := c.engine.Get(w.ctx, c.table(), p.tableKey(), true, nil)
	if err != nil {
		c.settleCrash()
		c.expect(err, "GetItem")
		return
	}
	old, exists := p, it != nil
	if exists {
		if old, err = parsePlant(it); err != nil {
			w.fail("%v: %v: %w", c, p.key(), err)
			return
		}
	}
	q, err := w.draw(old, exists)
	if err != nil {
		w.fail("%w", err)
		return
	}
	q.Table, q.Key = c.table(), p.tableKey()
	w.perform(c, p, q)
}

// draw makes up a call on an item.
func (w *world) draw(old plant, exists bool) (*write, error) {
	next := old
	w.texts++
	next.text = "t" + strconv.Itoa(w.texts)
	next.kind = kinds[w.rng.IntN(len(kinds))]
	next.height = w.rng.IntN(3)
	next.n = w.rng.IntN(5)
	if w.rng.IntN(100) < w.Clients.Deletes {
		q := &write{what: "DeleteItem", deleted: true, changes: exists}
		q.Kind = table.Delete
		if w.rng.IntN(3) == 0 {
			q.what, q.fails = "DeleteItem if it exists", !exists
			return q, q.condition("attribute_exists(bed)", nil)
		}
		return q, nil
	}
	switch w.rng.IntN(6) {
	case 0:
		q := &write{what: "PutItem if there is none", fails: exists, changes: !exists, after: next}
		q.Kind, q.Item = table.Put, next.item()
		return q, q.condition("attribute_not_exists(bed)", nil)
	case 1:
		q := &write{what: "PutItem if n is 2", fails: !exists || old.n != 2, after: next}
		q.changes = !q.fails
		q.Kind, q.Item = table.Put, next.item()
		return q, q.condition("n = :two", expr.Values{{Placeholder: ":two", Value: number(2)}})
	case 2, 3:
		return w.update(old, next)
	default:
		q := &write{what: "PutItem", changes: true, after: next}
		q.Kind, q.Item = table.Put, next.item()
		return q, nil
	}
}

// update makes up an UpdateItem.
func (w *world) update(old, next plant) (*write, error) {
	by := 1 + w.rng.IntN(3)
	after := old
	after.n, after.text = old.n+by, next.text
	text := "SET #t = :t ADD n :by"
	values := expr.Values{{Placeholder: ":t", Value: item.S(next.text)}, {Placeholder: ":by", Value: number(by)}}
	names := expr.Names{{Placeholder: "#t", Attribute: "text"}}
	if w.rng.IntN(2) == 0 {
		after.kind, after.height = "reed", 0
		text = "SET #t = :t, kind = :k ADD n :by REMOVE height"
		values = append(values, expr.Value{Placeholder: ":k", Value: item.S("reed")})
	}
	q := &write{what: "UpdateItem " + text, changes: true, after: after}
	q.Kind = table.Update
	e, err := expr.Parse(expr.UpdateKind, text)
	if err != nil {
		return nil, err
	}
	q.Update, err = expr.BindUpdate(e, &expr.Scope{Names: names, Values: values})
	return q, err
}

func (q *write) condition(text string, values expr.Values) error {
	e, err := expr.Parse(expr.ConditionKind, text)
	if err != nil {
		return err
	}
	q.Condition, err = expr.BindCondition(e, &expr.Scope{Values: values})
	return err
}

// perform makes a call and compares what comes of it with the model. In the
// moment between the commit and its being durable the cell's background work
// goes on.
func (w *world) perform(c *cell, p plant, q *write) {
	before := c.disk.Durable()
	if w.rng.IntN(2) == 0 {
		c.disk.between = func() { c.repl.StepAll(w.ctx) }
	}
	err := c.call(func() error { return c.engine.Write(w.ctx, &q.Write) })
	c.disk.between = nil
	if c.dead() {
		w.trace("%v: %s %s: no answer", c, q.what, p.key())
		return // It may have happened, or not.
	}
	w.trace("%v: %s %s: %v, %v", c, q.what, p.key(), q.after, err)
	w.Tally.count(Wrote)
	switch {
	case q.fails:
		w.Tally.count(Refused)
		if !errors.Is(err, table.ErrConditionFailed) {
			w.fail("%v: %s %s: %w, and the condition does not hold", c, q.what, p.key(), err)
		}
		return
	case err != nil:
		w.fail("%v: %s %s: %w", c, q.what, p.key(), err)
		return
	}
	if !q.deleted {
		if got, err := parsePlant(q.New); err != nil || got != q.after {
			w.fail("%v: %s %s: has made %+v, %w; want %+v", c, q.what, p.key(), got, err, q.after)
		}
	}
	if !q.changes {
		return
	}
	made := w.audit.acknowledged(c, before, p.key(), q)
	if w.Sessions && c.member() && w.rng.IntN(3) == 0 { // It was the session's.
		run, err := c.repl.Present(w.ctx)
		c.expect(err, "Present")
		w.session.note(replication.Point{Cell: c.name, Run: run, Position: q.At})
		if made.Compare(w.session.versions[p.key()]) > 0 {
			w.session.versions[p.key()] = made
		}
	}
}

// fill writes the rows that the first cell starts with.
func (w *world) fill(c *cell) {
	for i := range w.Rows {
		p := plant{bed: fmt.Sprintf("row %d", i%7), place: i, text: fmt.Sprintf("first %d", i), n: i, kind: kinds[i%len(kinds)]}
		q := &write{what: "PutItem", changes: true, after: p}
		q.Table, q.Key, q.Kind, q.Item = c.table(), p.tableKey(), table.Put, p.item()
		w.perform(c, p, q)
	}
}

// note writes into the cell's private table.
func (w *world) note(c *cell) error {
	t := c.engine.Table(privateName)
	var b item.Builder
	b.Add("day", number(w.rng.IntN(3)))
	b.Add("of", item.S(c.name.String()))
	it := b.Item(nil)
	k, err := t.ItemKey(it)
	if err != nil {
		return err
	}
	err = c.call(func() error {
		return c.engine.Write(w.ctx, &table.Write{Table: t, Key: k, Item: it})
	})
	if errors.Is(err, kv.ErrClosed) {
		return nil
	}
	return err
}
