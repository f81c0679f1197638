package sim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/table"
)

// counters is what clients of a table with the rule merge were told: increments
// and elements that no fault may lose.
type counters struct {
	items map[string]*counted
}

// counted is one item of them.
type counted struct {
	p       plant
	sum     int             // Of acknowledged increments.
	unknown int             // Of those of which nobody was told.
	in      map[string]bool // Elements whose addition was acknowledged, and nothing else asked.
	out     map[string]bool // Elements whose taking out was acknowledged by a cell that had them.
	asked   map[string]bool // Elements that somebody asked to take out.
}

// count makes one client call that adds to an item, or takes elements out.
func (w *world) count() {
	c := w.pick(func(c *cell) bool { return c.serving() && c != w.outsider() })
	if c == nil {
		return
	}
	n := w.rng.IntN(w.Clients.Keys)
	p := plant{bed: "bed " + strconv.Itoa(n%3), place: n}
	x := w.counters.items[p.key()]
	if x == nil {
		x = &counted{p: p, in: map[string]bool{}, out: map[string]bool{}, asked: map[string]bool{}}
		w.counters.items[p.key()] = x
	}
	w.texts++
	by, element := 1+w.rng.IntN(4), "e"+strconv.Itoa(w.texts)
	text := "ADD n :by, visitors :e"
	values := expr.Values{{Placeholder: ":by", Value: number(by)}, {Placeholder: ":e", Value: setOf(element)}}
	taken := ""
	switch w.rng.IntN(4) {
	case 0: // Another attribute, which the last writer sets.
		text += " SET kind = :k"
		values = append(values, expr.Value{Placeholder: ":k", Value: item.S(kinds[1+w.rng.IntN(3)])})
	case 1:
		if taken = w.seen(c, p); taken != "" {
			x.asked[taken] = true
			text = "ADD n :by DELETE visitors :e"
			values[1].Value = setOf(taken)
		}
	}
	if !c.serving() {
		return // It crashed as it was looked at.
	}
	e, err := expr.Parse(expr.UpdateKind, text)
	if err != nil {
		w.fail("%w", err)
		return
	}
	q := &table.Write{Table: c.table(), Key: p.tableKey(), Kind: table.Update}
	if q.Update, err = expr.BindUpdate(e, &expr.Scope{Values: values}); err != nil {
		w.fail("%w", err)
		return
	}
	err = c.call(func() error { return c.engine.Write(w.ctx, q) })
	w.trace("%v: %s %s by %d %s%s: %v", c, text, p.key(), by, element, taken, err)
	switch {
	case c.dead():
		x.unknown += by
	case err != nil:
		w.fail("%v: %s: %w", c, text, err)
	default:
		w.Tally.count(Counted)
		x.sum += by
		if taken == "" {
			x.in[element] = true
		} else {
			x.out[taken] = true
		}
	}
}

func setOf(element string) item.Value {
	v, err := item.BuildSet(nil, item.TypeSS, []item.Value{item.S(element)})
	if err != nil {
		panic(err) // It has one element.
	}
	return v
}

// seen returns an element that an item has in a cell, "" where there is none.
func (w *world) seen(c *cell, p plant) string {
	it, _, err := c.engine.Get(w.ctx, c.table(), p.tableKey(), true, nil)
	c.settleCrash()
	if err != nil || it == nil {
		return ""
	}
	v, ok := it.Get("visitors")
	if !ok {
		return ""
	}
	var all []string
	for m := range v.Members() {
		all = append(all, string(m))
	}
	return all[w.rng.IntN(len(all))]
}

// miscounted says which item of a replica is not what its clients were told;
// "" where all are.
func (w *world) miscounted(c *cell) string {
	for _, key := range slices.Sorted(maps.Keys(w.counters.items)) {
		x := w.counters.items[key]
		if x.sum == 0 {
			continue
		}
		it, _, err := c.engine.Get(w.ctx, c.table(), x.p.tableKey(), true, nil)
		if err != nil || it == nil {
			return fmt.Sprintf("%v: %s is not there: %v", c, key, err)
		}
		v, _ := it.Get("n")
		n, ok := v.Number().Int()
		if !ok || int(n) < x.sum || int(n) > x.sum+x.unknown {
			return fmt.Sprintf("%v: %s counts %v; %d were acknowledged, and of %d nobody was told", c, key, v.Number(), x.sum, x.unknown)
		}
		has := map[string]bool{}
		if v, ok := it.Get("visitors"); ok {
			for m := range v.Members() {
				has[string(m)] = true
			}
		}
		for e := range x.in {
			if !has[e] && !x.asked[e] {
				return fmt.Sprintf("%v: %s lacks %s", c, key, e)
			}
		}
		for e := range x.out {
			if has[e] {
				return fmt.Sprintf("%v: %s has %s, which was taken out", c, key, e)
			}
		}
	}
	return ""
}
