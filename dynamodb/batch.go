package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/invariant"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/jsonscan"
	"github.com/hortusdb/hortus/shape"
	"github.com/hortusdb/hortus/table"
)

// Limits of batches (documented).
const (
	maxBatchGet    = 100
	maxBatchWrite  = 25
	maxBatchAnswer = 16 << 20
)

// batchKeys is what a BatchGetItem asks of one table.
type batchKeys struct {
	table      string
	keys       []item.Item
	hasKeys    bool
	consistent bool
	projection text
	scope      expr.Scope
	legacy     *legacy // AttributesToGet alone.
}

// batchWrites is what a BatchWriteItem asks of one table.
type batchWrites struct {
	table  string
	writes []batchWrite
}

type batchWrite struct {
	put      item.Item
	del      item.Item
	hasPut   bool
	hasDel   bool
	putGiven bool // PutRequest has an Item, or DeleteRequest a Key.
}

// check checks the constraints of what is asked of one table. The paths are as
// this operation has them (recorded).
func (b *batchKeys) check(v *shape.Violations) {
	v.Enter("RequestItems")
	v.EnterKey(b.table)
	v.Required("Keys", b.hasKeys)
	if b.legacy != nil {
		b.legacy.nameShapes(v)
	}
	if b.hasKeys {
		v.Count("Keys", len(b.keys), 1, maxBatchGet, nil)
	}
	v.Leave()
	v.Leave()
}

func (a *API) decodeBatchGetItem(c *api.Call) error {
	r := a.get(c)
	err := r.members(func(name []byte) error {
		if string(name) != "RequestItems" {
			return r.option(name)
		}
		r.keys = r.keys[:0]
		return r.object(func(name string) error {
			r.keys = append(r.keys, batchKeys{table: name})
			return r.batchKeys(&r.keys[len(r.keys)-1])
		})
	})
	if err != nil {
		return err
	}
	var v shape.Violations
	for i := range r.keys {
		r.keys[i].check(&v)
	}
	enum(&v, "returnConsumedCapacity", r.returnConsumed, consumedSet)
	if err := v.Err(); err != nil {
		return err
	}
	if len(r.keys) == 0 {
		return aws.Validation("The requestItems parameter is required for BatchGetItem")
	}
	for i := range r.keys {
		if err := r.needTable(c, "dynamodb:BatchGetItem", r.keys[i].table); err != nil {
			return err
		}
	}
	return nil
}

// errOwners refuses a batch over tables of several accounts.
var errOwners = aws.Validation("All tables of a batch must belong to one account")

// needTable names one table of a batch. All of a batch's tables have one owner.
func (r *request) needTable(c *api.Call, action, parameter string) error {
	owner := c.Owner
	name, err := c.Table(parameter)
	if err != nil {
		return err
	}
	if len(c.Needs) > 0 && c.Owner != owner {
		return errOwners
	}
	c.Need(action, name, "")
	return nil
}

// batchKeys reads what a BatchGetItem asks of one table.
func (r *request) batchKeys(b *batchKeys) error {
	outer := r.scope
	defer func() { r.scope = outer }()
	r.scope = expr.Scope{}
	err := r.object(func(name string) error {
		switch name {
		case "Keys":
			b.hasKeys = true
			return r.array(func() error {
				var key item.Item
				if err := r.attributes(&key); err != nil {
					return err
				}
				b.keys = append(b.keys, key)
				return nil
			})
		case "ConsistentRead":
			return r.bool(&b.consistent)
		case "ProjectionExpression":
			return r.text(&b.projection)
		case "ExpressionAttributeNames":
			return r.names()
		case "AttributesToGet":
			b.legacy = &legacy{hasAttributes: true}
			return r.attributeNames(&b.legacy.attributes)
		}
		return serialization(r.scan.Skip())
	})
	b.scope = r.scope
	return err
}

func (a *API) batchGetItem(ctx context.Context, s *Service, c *api.Call) error {
	r := c.Input.(*request)
	if err := checkMixedBatch(r.keys); err != nil {
		return err
	}
	if r.invalid != nil {
		return r.invalid
	}
	total := 0
	projections := make([]*expr.Projection, len(r.keys))
	for i := range r.keys {
		b := &r.keys[i]
		total += len(b.keys)
		one := single{scope: b.scope}
		one.expressions[expr.ProjectionKind] = b.projection
		var err error
		if projections[i], err = a.projection(&one); err != nil {
			return err
		}
		if b.legacy != nil {
			if projections[i], err = b.legacy.projection(); err != nil {
				return err
			}
		}
	}
	if total > maxBatchGet {
		return aws.Validation("Too many items requested for the BatchGetItem call")
	}
	lookups, owner, err := s.lookups(c, r, total, projections)
	if err != nil {
		return err
	}
	g := batchGet{request: r, projections: projections, owner: owner, out: append(c.Out, `{"Responses":{`...), open: -1, usage: make([]usage, len(r.keys))}
	for i := range r.keys {
		g.usage[i].table = r.keys[i].table
	}
	refused, err := s.getMany(ctx, lookups, g.add)
	if err != nil {
		return err
	}
	if len(refused) > 0 && len(refused) == len(lookups) {
		return refused[0].err
	}
	for _, f := range refused {
		g.left = append(g.left, f.at)
	}
	c.Out = g.end()
	return nil
}

// lookups resolves all keys, total of them; owner tells for each which table of
// the request it is of. What is there twice is told before what is wrong with
// keys, and that before projections (recorded from DynamoDB Local). A
// table may be there twice, by its name and by its ARN: its keys may not.
func (s *Service) lookups(c *api.Call, r *request, total int, projections []*expr.Projection) ([]table.Lookup, []int, error) {
	lookups, owner := make([]table.Lookup, 0, total), make([]int, 0, total)
	tables := make([]*table.Table, len(r.keys))
	seen := make(map[string]bool, total)
	var name []byte
	for i := range r.keys {
		t, err := s.table(c.Needs[i].Table)
		if err != nil {
			return nil, nil, err
		}
		tables[i] = t
		for _, k := range r.keys[i].keys {
			name = append(append(append(name[:0], t.Def.Name...), 0), k...)
			if seen[string(name)] {
				return nil, nil, errDuplicates
			}
			seen[string(name)] = true
		}
	}
	for i, t := range tables {
		for _, k := range r.keys[i].keys {
			key, err := t.RequestKey(k)
			if err != nil {
				return nil, nil, err
			}
			lookups = append(lookups, table.Lookup{Table: t, Key: key, Consistent: r.keys[i].consistent})
			owner = append(owner, i)
		}
	}
	for i, t := range tables {
		if p := projections[i]; p != nil {
			if err := checkScalars(t, p.Paths()); err != nil {
				return nil, nil, err
			}
		}
	}
	return lookups, owner, nil
}

var errDuplicates = aws.Validation("Provided list of item keys contains duplicates")

// batchGet writes the answer of a BatchGetItem. Its lookups come in the order
// of their tables.
type batchGet struct {
	request     *request
	projections []*expr.Projection
	owner       []int
	out         []byte
	open        int  // The table whose items are being written; -1 before the first.
	some        bool // It has an item.
	size        int
	left        []int // Lookups that did not fit.
	usage       []usage
}

func (g *batchGet) add(i int, it item.Item) error {
	n := g.owner[i]
	size := 0
	if it != nil {
		size = it.Size()
	}
	if g.size+size > maxBatchAnswer {
		g.left = append(g.left, i)
		return nil
	}
	g.size += size
	g.usage[n].units += readUnits(size, g.request.keys[n].consistent)
	if it == nil {
		return nil
	}
	if p := g.projections[n]; p != nil {
		it = p.Project(g.request.buf[len(g.request.buf):], it)
	}
	g.upTo(n)
	if g.some {
		g.out = append(g.out, ',')
	}
	g.some = true
	g.out = item.AppendItemJSON(g.out, it)
	return nil
}

// upTo ends the lists of the tables before table n, and begins that of n.
func (g *batchGet) upTo(n int) {
	invariant.Assert(n >= g.open, "dynamodb: a batch was not read in order")
	for g.open < n {
		if g.open >= 0 {
			g.out = append(g.out, ']', ',')
		}
		g.open++
		g.some = false
		g.out = jsonscan.AppendString(g.out, g.request.keys[g.open].table)
		g.out = append(g.out, ':', '[')
	}
}

// end writes what comes behind the items.
func (g *batchGet) end() []byte {
	g.upTo(len(g.request.keys) - 1)
	dst := append(g.out, `]},"UnprocessedKeys":{`...)
	dst = g.appendLeft(dst)
	dst = append(dst, '}')
	if g.request.wantsCapacity() {
		dst = appendUsages(dst, consumed(g.usage), g.request.returnConsumed.s)
	}
	return append(dst, '}')
}

// appendLeft writes the keys that did not fit, as a request for them.
func (g *batchGet) appendLeft(dst []byte) []byte {
	index := make([]int, len(g.request.keys)) // Of the first lookup of each table.
	for i := 1; i < len(index); i++ {
		index[i] = index[i-1] + len(g.request.keys[i-1].keys)
	}
	some := false
	for n := range g.request.keys {
		b := &g.request.keys[n]
		first := true
		for _, i := range g.left {
			if g.owner[i] != n {
				continue
			}
			if first {
				if some {
					dst = append(dst, ',')
				}
				dst = b.appendHead(dst)
			} else {
				dst = append(dst, ',')
			}
			first, some = false, true
			dst = item.AppendItemJSON(dst, b.keys[i-index[n]])
		}
		if !first {
			dst = append(dst, ']', '}')
		}
	}
	return dst
}

// appendHead writes a table's entry of UnprocessedKeys up to its first key.
func (b *batchKeys) appendHead(dst []byte) []byte {
	dst = jsonscan.AppendString(dst, b.table)
	dst = append(dst, `:{`...)
	if b.projection.ok {
		dst = append(dst, `"ProjectionExpression":`...)
		dst = append(jsonscan.AppendString(dst, b.projection.s), ',')
	}
	if b.legacy != nil {
		dst = b.legacy.appendAttributes(dst)
	}
	if b.scope.Names != nil {
		dst = append(dst, `"ExpressionAttributeNames":{`...)
		for i, n := range b.scope.Names {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = jsonscan.AppendString(dst, n.Placeholder)
			dst = jsonscan.AppendString(append(dst, ':'), n.Attribute)
		}
		dst = append(dst, `},`...)
	}
	if b.consistent {
		dst = append(dst, `"ConsistentRead":true,`...)
	}
	return append(dst, `"Keys":[`...)
}

func appendUsages(dst []byte, usages []usage, detail string) []byte {
	dst = append(appendMember(dst, `"ConsumedCapacity":`), '[')
	for i := range usages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = usages[i].append(dst, detail)
	}
	return append(dst, ']')
}

func (a *API) decodeBatchWriteItem(c *api.Call) error {
	r := a.get(c)
	given := false
	err := r.members(func(name []byte) error {
		if string(name) != "RequestItems" {
			return r.option(name)
		}
		given = true
		r.puts = r.puts[:0]
		return r.object(func(name string) error {
			r.puts = append(r.puts, batchWrites{table: name})
			b := &r.puts[len(r.puts)-1]
			return r.array(func() error { return r.batchWrite(b) })
		})
	})
	if err != nil {
		return err
	}
	var v shape.Violations
	v.Required("requestItems", given)
	if given {
		r.checkPuts(&v)
	}
	enum(&v, "returnConsumedCapacity", r.returnConsumed, consumedSet)
	enum(&v, "returnItemCollectionMetrics", r.returnMetrics, metricsSet)
	if err := v.Err(); err != nil {
		return err
	}
	for i := range r.puts {
		if err := r.needTable(c, "dynamodb:BatchWriteItem", r.puts[i].table); err != nil {
			return err
		}
	}
	return nil
}

// checkPuts checks how many tables and writes a BatchWriteItem has. As AWS words
// it, the whole of it breaks the constraint (seen of the live service, where each
// write is an object with a number that means nothing).
func (r *request) checkPuts(v *shape.Violations) {
	bad := false
	text := func() string {
		var tables []string
		for i := range r.puts {
			list := "[...]"
			if len(r.puts[i].writes) == 0 {
				list = "[]"
			}
			tables = append(tables, r.puts[i].table+"="+list)
		}
		return "{" + strings.Join(tables, ", ") + "}"
	}
	for i := range r.puts {
		n := len(r.puts[i].writes)
		bad = bad || n < 1 || n > maxBatchWrite
	}
	v.Count("requestItems", len(r.puts), 1, maxBatchWrite, text)
	if bad {
		v.Add(fmt.Sprintf("Value '%s' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: "+
			"[Member must have length less than or equal to %d, Member must have length greater than or equal to 1]", text(), maxBatchWrite))
	}
}

// batchWrite reads one element of a table's list: a PutRequest or a
// DeleteRequest.
func (r *request) batchWrite(b *batchWrites) error {
	var w batchWrite
	err := r.object(func(name string) error {
		switch name {
		case "PutRequest":
			w.hasPut = true
			return r.wrapped("Item", &w.put, &w.putGiven)
		case "DeleteRequest":
			w.hasDel = true
			return r.wrapped("Key", &w.del, &w.putGiven)
		}
		return serialization(r.scan.Skip())
	})
	b.writes = append(b.writes, w)
	return err
}

// wrapped reads an object whose only member of interest is a map of attribute
// values.
func (r *request) wrapped(member string, into *item.Item, given *bool) error {
	return r.object(func(name string) error {
		if name != member {
			return serialization(r.scan.Skip())
		}
		*given = true
		return r.attributes(into)
	})
}

// errBatchElement is AWS's answer to an element that is not one write.
var errBatchElement = aws.Validation("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")

func (a *API) batchWriteItem(ctx context.Context, s *Service, c *api.Call) error {
	r := c.Input.(*request)
	if r.invalid != nil {
		return r.invalid
	}
	total := 0
	for i := range r.puts {
		total += len(r.puts[i].writes)
	}
	if total > maxBatchWrite {
		return aws.Validation("Too many items requested for the BatchWriteItem call")
	}
	var writes []*table.Write
	var owner []int
	seen := make(map[string]bool, total)
	for i := range r.puts {
		list, err := s.batchWrites(c.Needs[i].Table, &r.puts[i], r.wantsCapacity(), seen)
		if err != nil {
			return err
		}
		for _, w := range list {
			writes, owner = append(writes, w), append(owner, i)
		}
	}
	refused, err := s.writeBatch(ctx, writes)
	if err != nil {
		return err
	}
	if err := throughout(refused, len(writes)); err != nil {
		return err
	}
	c.Out = append(r.appendUnprocessed(append(c.Out, `{"UnprocessedItems":{`...), refused), '}')
	writes, owner = processed(writes, owner, refused)
	wrote(c, writes...)
	if r.returnMetrics.s == "SIZE" {
		c.Out = appendBatchMetrics(c.Out, r, writes, owner)
	}
	if r.wantsCapacity() {
		usages := make([]usage, len(r.puts))
		for i := range usages {
			usages[i].table = r.puts[i].table
		}
		for i, w := range writes {
			usages[owner[i]].write(w)
		}
		c.Out = appendUsages(c.Out, consumed(usages), r.returnConsumed.s)
	}
	c.Out = append(c.Out, '}')
	return nil
}

// throughout is AWS's error for a batch of which there was no room for anything.
// Items that transactions have are never one: BatchWriteItem has no error for them,
// so they are left unprocessed (its documented errors; not recorded).
func throughout(refused []refusal, writes int) error {
	if len(refused) == 0 || len(refused) < writes || slices.ContainsFunc(refused, func(f refusal) bool { return errors.Is(f.err, table.ErrConflict) }) {
		return nil
	}
	return refused[0].err
}

// processed leaves out the writes that were refused.
func processed(writes []*table.Write, owner []int, refused []refusal) ([]*table.Write, []int) {
	for _, f := range slices.Backward(refused) {
		writes, owner = slices.Delete(writes, f.at, f.at+1), slices.Delete(owner, f.at, f.at+1)
	}
	return writes, owner
}

// appendUnprocessed writes the writes that were refused, as a request for them.
func (r *request) appendUnprocessed(dst []byte, refused []refusal) []byte {
	n := 0 // The number of the write, over all tables.
	for i := range r.puts {
		b := &r.puts[i]
		first := true
		for j := range b.writes {
			if len(refused) > 0 && refused[0].at == n {
				refused = refused[1:]
				if first {
					dst = jsonscan.AppendString(appendMember(dst, ""), b.table)
					dst = append(dst, ':', '[')
				} else {
					dst = append(dst, ',')
				}
				first = false
				dst = b.writes[j].append(dst)
			}
			n++
		}
		if !first {
			dst = append(dst, ']')
		}
	}
	return dst
}

// append writes the write as a request has it.
func (w *batchWrite) append(dst []byte) []byte {
	if w.hasPut {
		dst = item.AppendItemJSON(append(dst, `{"PutRequest":{"Item":`...), w.put)
	} else {
		dst = item.AppendItemJSON(append(dst, `{"DeleteRequest":{"Key":`...), w.del)
	}
	return append(dst, '}', '}')
}

// batchWrites resolves the writes of one table. Their keys are put into seen,
// which has those of the same table by another name; each is checked and looked
// for there in turn (recorded from DynamoDB Local).
func (s *Service) batchWrites(name string, b *batchWrites, indexes bool, seen map[string]bool) ([]*table.Write, error) {
	t, err := s.table(name)
	if err != nil {
		return nil, err
	}
	out := make([]*table.Write, 0, len(b.writes))
	var id []byte
	for i := range b.writes {
		e := &b.writes[i]
		w := &table.Write{Table: t, Kind: table.Put, Item: e.put, KeepIndexes: indexes}
		if e.hasPut == e.hasDel || !e.putGiven {
			return nil, errBatchElement
		}
		if e.hasPut {
			if e.put.Size() > table.MaxItemSize {
				return nil, errItemTooLarge
			}
			if !t.HasKey(e.put) {
				return nil, table.ErrKeySchema
			}
			if w.Key, err = t.ItemKey(e.put); err == nil {
				err = checkItem(t, e.put)
			}
		} else {
			w.Kind = table.Delete
			w.Key, err = t.RequestKey(e.del)
		}
		if err != nil {
			return nil, err
		}
		id = append(append(id[:0], t.Def.Name...), 0)
		id = append(append(id, w.Key.Hash...), w.Key.Range...)
		if seen[string(id)] {
			return nil, errDuplicates
		}
		seen[string(id)] = true
		out = append(out, w)
	}
	return out, nil
}
