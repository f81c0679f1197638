package load

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Numbers of items in one request.
const (
	queryItems    = 20
	scanItems     = 100
	getItems      = 100
	writeItems    = 25
	transactItems = 4
)

// Workload is a mix of operations, each with its weight.
type Workload struct {
	Name    string
	parts   []part
	weights int
}

type part struct {
	op     *operation
	weight int
}

// operation is one kind of request: how its body is made and what its answer
// has to show.
type operation struct {
	name, target, about string
	build               func(g *generator, b []byte) []byte
	check               func(g *generator, answer []byte) error
	distinct            int  // Items of one request, all of them different.
	partitioned         bool // It is put on the tables with several items a partition.
}

// operations are all that a workload may be made of.
func operations() []*operation {
	return []*operation{
		{name: "get", target: "GetItem", about: "GetItem", build: (*generator).get, check: hasItem},
		{name: "get-consistent", target: "GetItem", about: "GetItem with ConsistentRead", build: (*generator).getConsistent, check: hasItem},
		{name: "put", target: "PutItem", about: "PutItem over an item that is there", build: (*generator).put},
		{name: "cond-put", target: "PutItem", about: "PutItem under a condition that holds", build: (*generator).condPut},
		{name: "update", target: "UpdateItem", about: "UpdateItem that adds one to a number", build: (*generator).update, check: hasNumber},
		{name: "set", target: "UpdateItem", about: "UpdateItem that sets one of the attributes", build: (*generator).set},
		{name: "query20", target: "Query", about: "Query of a partition of 20 items", build: (*generator).queryPartition, check: counts(queryItems), partitioned: true},
		{name: "scan100", target: "Scan", about: "one page of 100 items of a Scan, on and on", build: (*generator).scan, check: (*generator).scanned, distinct: scanItems},
		{name: "batchget100", target: "BatchGetItem", about: "BatchGetItem of 100 items", build: (*generator).batchGet, check: gotAll, distinct: getItems},
		{name: "batchwrite25", target: "BatchWriteItem", about: "BatchWriteItem of 25 puts", build: (*generator).batchWrite, check: wroteAll, distinct: writeItems},
		{name: "transact4", target: "TransactWriteItems", about: "TransactWriteItems: two puts, an update and a condition", build: (*generator).transact, distinct: transactItems},
	}
}

// Operations says what a workload may be made of, a line each.
func Operations() []string {
	var lines []string
	for _, op := range operations() {
		lines = append(lines, fmt.Sprintf("%-15s %s", op.name, op.about))
	}
	return lines
}

// ParseWorkload reads the name of an operation, or a mix of several with their
// weights, as in get=95+update=5.
func ParseWorkload(s string) (Workload, error) {
	w := Workload{Name: s}
	for one := range strings.SplitSeq(s, "+") {
		name, weight, mixed := strings.Cut(one, "=")
		n := 1
		if mixed {
			var err error
			if n, err = strconv.Atoi(weight); err != nil || n < 1 || n > 1000 {
				return Workload{}, fmt.Errorf("load: workload %q: the weight of %s is from 1 to 1000", s, name)
			}
		}
		all := operations()
		i := slices.IndexFunc(all, func(op *operation) bool { return op.name == name })
		if i < 0 {
			return Workload{}, fmt.Errorf("load: workload %q: there is no operation %q; there are:\n%s", s, name, strings.Join(Operations(), "\n"))
		}
		w.parts = append(w.parts, part{all[i], n})
		w.weights += n
	}
	if w.partitioned() && len(w.parts) > 1 {
		return Workload{}, fmt.Errorf("load: workload %q: query20 has tables of its own and does not mix", s)
	}
	return w, nil
}

func (w *Workload) partitioned() bool {
	return slices.ContainsFunc(w.parts, func(p part) bool { return p.op.partitioned })
}

// check holds a workload to what the items allow.
func (w *Workload) check(o *Options) error {
	for _, p := range w.parts {
		share := o.Items / o.Tables
		switch {
		case o.HotKey && (p.op.distinct > 1 || p.op.partitioned):
			return fmt.Errorf("%s needs several items and cannot be put on one hot key", p.op.name)
		case p.op.partitioned && (o.Items%queryItems != 0 || o.Tables > 1):
			return fmt.Errorf("%s needs one table, and items in a multiple of %d", p.op.name, queryItems)
		case p.op.distinct == transactItems && o.Items < transactItems*o.Connections:
			return fmt.Errorf("%s needs at least %d items for %d connections", p.op.name, transactItems*o.Connections, o.Connections)
		case p.op.distinct > share:
			return fmt.Errorf("%s needs at least %d items a table", p.op.name, p.op.distinct)
		}
	}
	return nil
}

// draw chooses the next operation.
func (w *Workload) draw(g *generator) *operation {
	if len(w.parts) == 1 {
		return w.parts[0].op
	}
	n := g.rng.IntN(w.weights)
	for _, p := range w.parts {
		if n -= p.weight; n < 0 {
			return p.op
		}
	}
	return w.parts[0].op // Not reached: the weights add up.
}

var errAnswer = errors.New("the answer lacks what was asked for")

// wants says in which way an answer is not the one.
func wants(what string, answer []byte) error {
	return fmt.Errorf("%w: want %s in %.200s", errAnswer, what, answer)
}

func hasItem(g *generator, answer []byte) error {
	if !bytes.Contains(answer, g.lastKey) {
		return wants(string(g.lastKey), answer)
	}
	return nil
}

func hasNumber(_ *generator, answer []byte) error {
	if !bytes.Contains(answer, []byte(`"N":`)) {
		return wants("a number", answer)
	}
	return nil
}

func counts(n int) func(*generator, []byte) error {
	want := []byte(`"Count":` + strconv.Itoa(n))
	return func(_ *generator, answer []byte) error {
		if !bytes.Contains(answer, want) {
			return wants(string(want), answer)
		}
		return nil
	}
}

func gotAll(_ *generator, answer []byte) error {
	if n := bytes.Count(answer, []byte(`"pk":`)); n != getItems {
		return fmt.Errorf("%w: %d items of %d", errAnswer, n, getItems)
	}
	return nil
}

// errUnprocessed is a batch of which some items are to be sent again.
var errUnprocessed = errors.New("some items were not processed")

func wroteAll(_ *generator, answer []byte) error {
	if bytes.Contains(answer, []byte("PutRequest")) {
		return errUnprocessed
	}
	return nil
}
