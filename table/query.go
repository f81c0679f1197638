package table

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
)

// MaxPage is how much data one page of a Query or Scan evaluates, in bytes
// (documented).
const MaxPage = 1 << 20

// Page is one page of a Query or a Scan: what is asked and what came of it.
type Page struct {
	Table *Table
	Index *Index // Nil for the table itself.

	Keys *expr.KeyRange // What a Query asks for; nil for a Scan.

	Segment, TotalSegments int // Of a parallel Scan; TotalSegments 0 is a whole one.

	After      item.Item // ExclusiveStartKey, checked by StartKey; nil at the beginning.
	Reverse    bool
	Consistent bool
	Limit      int // Of items evaluated; 0 is none.
	Filter     *expr.Condition

	Scanned int       // Items evaluated.
	Count   int       // Items that passed the filter.
	Bytes   int       // Size of the items evaluated.
	Fetched int       // Size of what emit read for them besides, which it adds: it counts for the page's size.
	Last    item.Item // LastEvaluatedKey, nil when there is no more.
}

// Query runs p and calls emit with each item that passes the filter. The item
// is valid only until emit returns.
func (e *Engine) Query(ctx context.Context, p *Page, emit func(it item.Item) error) error {
	r, ok := p.bounds()
	if !ok {
		return nil
	}
	var bad error
	more := false
	at, err := e.store.Scan(ctx, r, func(_, value []byte) bool {
		it, err := p.decode(value, e)
		if err != nil || it == nil {
			bad = err
			return err == nil
		}
		if p.full() {
			more = true
			return false
		}
		bad = p.evaluate(it, emit)
		return bad == nil && (p.Limit <= 0 || p.Scanned < p.Limit)
	})
	if err := errors.Join(err, bad); err != nil {
		return err
	}
	// A page that Limit ended names a last key whether or not there is more
	// (documented).
	if !more && (p.Limit <= 0 || p.Scanned < p.Limit) {
		p.Last = nil
	}
	if p.Consistent {
		return e.store.WaitDurable(ctx, at)
	}
	return nil
}

// full reports whether the page has evaluated all that it may.
func (p *Page) full() bool { return p.Bytes+p.Fetched >= MaxPage }

// Done reports whether the page has evaluated all that it may, by size or Limit.
func (p *Page) Done() bool { return p.full() || p.Limit > 0 && p.Scanned >= p.Limit }

// decode returns the item of a stored row or entry, nil for one that is not
// part of the answer.
func (p *Page) decode(value []byte, e *Engine) (item.Item, error) {
	if p.Index != nil {
		return decodeEntry(value)
	}
	it, err := rowItem(value, e.decoder)
	if err != nil || it == nil || p.Keys == nil {
		return it, err
	}
	if v, ok := it.Get(p.Table.hashKey.name); !ok || string(v) != string(p.Keys.Hash[0]) {
		return nil, errCollision
	}
	return it, nil
}

func (p *Page) evaluate(it item.Item, emit func(it item.Item) error) error {
	p.Scanned++
	p.Bytes += it.Size()
	if p.Filter == nil || p.Filter.Eval(it) {
		p.Count++
		if err := emit(it); err != nil {
			return err
		}
	}
	if p.Done() {
		p.Last = item.Project(p.Last[:0], it, p.keyPaths())
	}
	return nil
}

// keyPaths are the attributes of a last evaluated key: the table's key and the
// index's.
func (p *Page) keyPaths() []item.Path {
	var out []item.Path
	for _, n := range p.keyNames() {
		out = append(out, item.Path{{Name: n, Index: -1}})
	}
	return out
}

func (p *Page) keyNames() []string {
	names := []string{p.Table.Def.Hash}
	if p.Table.Def.Range != "" {
		names = append(names, p.Table.Def.Range)
	}
	if p.Index == nil {
		return names
	}
	for _, list := range [2][]string{p.Index.Hash, p.Index.Range} {
		for _, n := range list {
			if n != p.Table.Def.Hash && n != p.Table.Def.Range {
				names = append(names, n)
			}
		}
	}
	return names
}

// AWS's answers to an ExclusiveStartKey of another shape: the first is a
// Query's, the second a Scan's (known from the live service).
var (
	errStartKey     = aws.Validation("The provided starting key is invalid")
	errScanStartKey = aws.Validation("The provided starting key is invalid: The provided key element does not match the schema")
)

// CheckStart returns AWS's error for an ExclusiveStartKey that cannot have come
// from this query. Keys is set before.
func (p *Page) CheckStart() error {
	if p.After == nil {
		return nil
	}
	bad := errStartKey
	if p.Keys == nil {
		bad = errScanStartKey
	}
	names := p.keyNames()
	if p.After.Len() != len(names) {
		return bad
	}
	for _, n := range names {
		v, ok := p.After.Get(n)
		typ, _ := p.Table.Def.Type(n)
		if !ok || v.Type() != typ {
			return bad
		}
		if typ != item.TypeN && len(v.Bytes()) == 0 {
			return p.emptyStartKey(n, typ)
		}
	}
	return p.checkStartRange()
}

// emptyStartKey is the error for a start key with an empty value (as DynamoDB
// Local says it).
func (p *Page) emptyStartKey(name string, typ item.Type) error {
	kind := "string"
	if typ == item.TypeB {
		kind = "binary"
	}
	only := ""
	if name == p.Table.Def.Hash || (p.Index != nil && slices.Contains(p.Index.Hash, name)) {
		only = "The query can return at most one row and cannot be restarted. "
	}
	if p.Index != nil && (slices.Contains(p.Index.Hash, name) || slices.Contains(p.Index.Range, name)) {
		return aws.Validation("%sThe provided starting key is invalid: One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, IndexKey: %s", only, kind, p.Index.Name, name)
	}
	return aws.Validation("%sThe provided starting key is invalid: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s", only, kind, name)
}

// checkStartRange returns AWS's error for a start key outside of the query.
func (p *Page) checkStartRange() error {
	pos, ok := p.startKey()
	if !ok {
		return errStartKey
	}
	if p.Keys == nil {
		if r := p.segmentBounds(p.partition()); bytes.Compare(pos, r.Low) < 0 || (r.High != nil && bytes.Compare(pos, r.High) >= 0) {
			return aws.Validation("The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: %d Segment: %d", p.TotalSegments, p.Segment)
		}
		return nil
	}
	whole := *p
	whole.After = nil
	r, ok := whole.bounds()
	if !ok || !bytes.HasPrefix(pos, p.partition()) {
		return aws.Validation("The provided starting key is outside query boundaries based on provided conditions")
	}
	if bytes.Compare(pos, r.Low) < 0 || (r.High != nil && bytes.Compare(pos, r.High) >= 0) {
		return aws.Validation("The provided starting key does not match the range key predicate")
	}
	return nil
}

// startKey is the stored key of After.
func (p *Page) startKey() ([]byte, bool) {
	t := p.Table
	var k Key
	k.Hash, _ = p.After.Get(t.hashKey.name)
	if t.rangeKey.name != "" {
		k.Range, _ = p.After.Get(t.rangeKey.name)
	}
	rowKey := t.appendRowKey(nil, k)
	if p.Index == nil {
		return rowKey, true
	}
	for i := range t.indexes {
		if t.indexes[i].def.Name == p.Index.Name {
			return t.indexes[i].appendEntryKey(nil, p.After, rowKey)
		}
	}
	return nil, false
}

// partition is the prefix of the keys that a query reads.
func (p *Page) partition() []byte {
	number := uint16(baseRows)
	if p.Index != nil {
		number = p.Index.Number
	}
	prefix := appendPrefix(nil, p.Table.Def.Number, number)
	if p.Keys != nil {
		prefix = appendKeyHash(prefix, p.Keys.Hash...)
	}
	return prefix
}

// bounds works out the keys to read; false means that there are none.
func (p *Page) bounds() (kv.Range, bool) {
	prefix := p.partition()
	var r kv.Range
	if p.Keys == nil {
		r = p.segmentBounds(prefix)
	} else {
		r = p.sortBounds(prefix)
	}
	r.Reverse = p.Reverse
	if p.After != nil {
		pos, ok := p.startKey()
		if !ok {
			return r, false
		}
		if p.Reverse {
			r.High = pos
		} else {
			r.Low = append(pos, 0)
		}
	}
	return r, r.High == nil || bytes.Compare(r.Low, r.High) < 0
}

func (p *Page) sortBounds(prefix []byte) kv.Range {
	prefix = appendSort(prefix, p.Keys.Equal...)
	with := func(v item.Value) []byte {
		return item.AppendKey(append([]byte(nil), prefix...), v)
	}
	r := kv.Range{Low: prefix, High: changelog.Successor(prefix)}
	switch p.Keys.Op {
	case expr.RangeNone:
	case expr.RangeLT:
		r.High = with(p.Keys.Operand)
	case expr.RangeLE:
		r.High = changelog.Successor(with(p.Keys.Operand))
	case expr.RangeGT:
		r.Low = changelog.Successor(with(p.Keys.Operand))
	case expr.RangeGE:
		r.Low = with(p.Keys.Operand)
	case expr.RangeBetween:
		r.Low, r.High = with(p.Keys.Operand), changelog.Successor(with(p.Keys.Upper))
	case expr.RangeBeginsWith:
		r.Low = item.AppendKeyPrefix(append([]byte(nil), prefix...), p.Keys.Operand)
		r.High = changelog.Successor(r.Low)
	}
	return r
}

// segmentBounds divides the space of partition hashes evenly.
func (p *Page) segmentBounds(prefix []byte) kv.Range {
	r := kv.Range{Low: prefix, High: changelog.Successor(prefix)}
	if p.TotalSegments <= 1 {
		return r
	}
	edge := func(i int) []byte {
		q, _ := bits.Div64(uint64(i), 0, uint64(p.TotalSegments))
		return binary.BigEndian.AppendUint64(append([]byte(nil), prefix...), q)
	}
	if p.Segment > 0 {
		r.Low = edge(p.Segment)
	}
	if p.Segment < p.TotalSegments-1 {
		r.High = edge(p.Segment + 1)
	}
	return r
}
