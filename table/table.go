package table

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/policy"
)

// Table is one state of a table's catalog entry, ready for use. It never
// changes: Engine.Alter retires it and puts another in its place, and a write
// that was planned on a retired one is planned again.
type Table struct {
	Def    Definition
	ARN    string
	Policy *policy.Document // Nil when the table has none.

	StreamPolicy *policy.Document // That of its stream; nil where it has none.

	Log changelog.Log

	hashKey, rangeKey keyAttribute
	indexes           []index
	guard             [][]byte // The catalog key, which every write locks shared.
	retired           atomic.Bool

	local      bool // It has local indexes, and so sizes of item collections.
	together   bool // What one transaction writes becomes visible together in other members.
	merging    bool // Updates keep account of what they add, by the rule merge.
	replicated bool // Member of a global table.
	versioned  bool // It is one, or was one and somebody may come back: deletes leave tombstones, versions have vectors.
	logging    bool // Some reader of the log needs what is written here.
	streaming  bool // Some reader needs what other members wrote, too.
	keepNew    bool
	keepOld    bool
	gate       *stampGate // One for all states of a table.
}

type keyAttribute struct {
	name string
	typ  item.Type
}

// Key is the primary key of an item. Range is nil where the table has none.
type Key struct{ Hash, Range item.Value }

func newTable(def Definition, self aws.Cell, store kv.Store, gate *stampGate) (*Table, error) {
	t := &Table{
		Def:   def,
		ARN:   self.TableARN(def.Name),
		Log:   changelog.Log{Store: store, ID: kv.LogID(def.Number)},
		guard: [][]byte{catalogKey(def.Name)},
		gate:  gate,
	}
	var ok bool
	if t.hashKey.typ, ok = def.Type(def.Hash); !ok {
		return nil, fmt.Errorf("table: %s: key attribute %q has no type", def.Name, def.Hash)
	}
	t.hashKey.name = def.Hash
	if def.Range != "" {
		if t.rangeKey.typ, ok = def.Type(def.Range); !ok {
			return nil, fmt.Errorf("table: %s: key attribute %q has no type", def.Name, def.Range)
		}
		t.rangeKey.name = def.Range
	}
	for i := range def.Indexes {
		if def.Indexes[i].Status == Deleting {
			continue // Its entries are no longer kept.
		}
		t.local = t.local || def.Indexes[i].Local
		x, err := newIndex(&t.Def, &def.Indexes[i])
		if err != nil {
			return nil, err
		}
		t.indexes = append(t.indexes, x)
	}
	slices.SortFunc(t.indexes, func(a, b index) int { return strings.Compare(a.def.Name, b.def.Name) })
	if err := t.parsePolicies(); err != nil {
		return nil, err
	}
	t.replicated = def.Group != nil
	t.together = t.replicated && def.Transactions == Together
	t.versioned = t.replicated || def.Detached != nil
	t.merging = t.versioned && def.Conflict == conflict.Merge
	t.readers()
	return t, nil
}

// parsePolicies compiles the policies that are attached to the table and to its
// stream.
func (t *Table) parsePolicies() error {
	parse := func(arn string, p *Policy) (*policy.Document, error) {
		if p == nil {
			return nil, nil
		}
		doc, err := policy.Parse(policy.Resource, arn, []byte(p.Document))
		if err != nil {
			return nil, fmt.Errorf("table: %s: stored policy: %w", arn, err)
		}
		return doc, nil
	}
	var err error
	if t.Policy, err = parse(t.ARN, t.Def.Policy); err != nil {
		return err
	}
	if s := t.Def.Stream; s != nil {
		t.StreamPolicy, err = parse(t.ARN+"/stream/"+s.Label, s.Policy)
	}
	return err
}

// readers works out which changes, and which images of them, the readers of the
// log need; what none needs is not recorded. Replication ships what was written
// here; a stream shows what other members wrote, too.
func (t *Table) readers() {
	t.logging, t.keepNew = t.replicated, t.replicated
	if s := t.Def.Stream; s != nil {
		t.logging, t.streaming = true, true
		t.keepNew = t.keepNew || s.View == "NEW_IMAGE" || s.View == "NEW_AND_OLD_IMAGES"
		t.keepOld = s.View == "OLD_IMAGE" || s.View == "NEW_AND_OLD_IMAGES"
	}
}

// logs reports whether some reader of the log needs changes of a cause.
func (t *Table) logs(c changelog.Cause) bool {
	return t.streaming || (t.logging && c != changelog.Replica)
}

// Replicated reports whether the table is a member of a global table.
func (t *Table) Replicated() bool { return t.replicated }

// Together reports whether the table is a member of a global table in which the
// items of a transaction become visible together.
func (t *Table) Together() bool { return t.together }

// HashKey returns the name and type of the partition key.
func (t *Table) HashKey() (string, item.Type) { return t.hashKey.name, t.hashKey.typ }

// RangeKey returns the name and type of the sort key; "" when there is none.
func (t *Table) RangeKey() (string, item.Type) { return t.rangeKey.name, t.rangeKey.typ }

// KeySchema returns the key of the table, or of one of its indexes.
func (t *Table) KeySchema(x *Index) expr.KeySchema {
	attribute := func(name string) expr.KeyAttribute {
		typ, _ := t.Def.Type(name)
		return expr.KeyAttribute{Name: name, Type: typ}
	}
	if x == nil {
		s := expr.KeySchema{Hash: []expr.KeyAttribute{attribute(t.Def.Hash)}}
		if t.Def.Range != "" {
			s.Range = []expr.KeyAttribute{attribute(t.Def.Range)}
		}
		return s
	}
	var s expr.KeySchema
	for _, n := range x.Hash {
		s.Hash = append(s.Hash, attribute(n))
	}
	for _, n := range x.Range {
		s.Range = append(s.Range, attribute(n))
	}
	return s
}

// Limits of key values, in bytes (documented).
const (
	MaxHashKey  = 2048
	MaxRangeKey = 1024
)

// MaxItemSize is the largest item in bytes, as Item.Size counts them
// (documented).
const MaxItemSize = 400 << 10

// ItemKey returns the key of a whole item, with AWS's errors for one that is
// missing, of the wrong type, empty or too long. The key is a view of it.
func (t *Table) ItemKey(it item.Item) (Key, error) {
	var k Key
	var err error
	if k.Hash, err = t.hashKey.of(it); err != nil {
		return k, err
	}
	if t.rangeKey.name != "" {
		if k.Range, err = t.rangeKey.of(it); err != nil {
			return k, err
		}
	}
	return k, checkKeySize(k)
}

// HasKey reports whether an item has the key attributes, and of their types.
func (t *Table) HasKey(it item.Item) bool {
	if v, ok := it.Get(t.hashKey.name); !ok || v.Type() != t.hashKey.typ {
		return false
	}
	if t.rangeKey.name == "" {
		return true
	}
	v, ok := it.Get(t.rangeKey.name)
	return ok && v.Type() == t.rangeKey.typ
}

func (a *keyAttribute) of(it item.Item) (item.Value, error) {
	v, ok := it.Get(a.name)
	if !ok {
		return nil, aws.InvalidParameter("Missing the key %s in the item", a.name)
	}
	if v.Type() != a.typ {
		return nil, aws.InvalidParameter("Type mismatch for key %s expected: %s actual: %s", a.name, a.typ, v.Type())
	}
	return v, a.checkEmpty(v)
}

func (a *keyAttribute) checkEmpty(v item.Value) error {
	if a.typ == item.TypeN || len(v.Bytes()) > 0 {
		return nil
	}
	return aws.Validation("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s", a.kind(), a.name)
}

// AWS's answers to a key that is too long, in an item or in a key condition (both
// known from the live service).
var (
	ErrHashKeySize  = aws.InvalidParameter("Size of hashkey has exceeded the maximum size limit of%d bytes", MaxHashKey)
	ErrRangeKeySize = aws.InvalidParameter("Aggregated size of all range keys has exceeded the size limit of %d bytes", MaxRangeKey)
)

func checkKeySize(k Key) error {
	if k.Hash.Type() != item.TypeN && len(k.Hash.Bytes()) > MaxHashKey {
		return ErrHashKeySize
	}
	if k.Range != nil && k.Range.Type() != item.TypeN && len(k.Range.Bytes()) > MaxRangeKey {
		return ErrRangeKeySize
	}
	return nil
}

// ErrKeySchema is AWS's answer to a Key that has other attributes than the
// table's key, or of another type, and to such an item in a batch (seen of the
// live service).
var ErrKeySchema = aws.Validation("The provided key element does not match the schema")

// RequestKey returns the key that a request's Key parameter names: exactly the
// table's key attributes. The key is a view of it.
func (t *Table) RequestKey(it item.Item) (Key, error) {
	var k Key
	want := 1
	if t.rangeKey.name != "" {
		want = 2
	}
	if it.Len() != want {
		return k, ErrKeySchema
	}
	var ok bool
	if k.Hash, ok = it.Get(t.hashKey.name); !ok || k.Hash.Type() != t.hashKey.typ {
		return k, ErrKeySchema
	}
	if err := t.hashKey.checkEmpty(k.Hash); err != nil {
		return k, err
	}
	if want == 2 {
		if k.Range, ok = it.Get(t.rangeKey.name); !ok || k.Range.Type() != t.rangeKey.typ {
			return k, ErrKeySchema
		}
		if err := t.rangeKey.checkEmpty(k.Range); err != nil {
			return k, err
		}
	}
	return k, checkKeySize(k)
}

// KeyItem appends an item that holds the key attributes alone.
func (t *Table) KeyItem(dst []byte, k Key) item.Item {
	var e [2]item.Entry
	e[0] = item.Entry{Name: t.hashKey.name, Value: k.Hash}
	if t.rangeKey.name == "" {
		return item.BuildItem(dst, e[:1])
	}
	e[1] = item.Entry{Name: t.rangeKey.name, Value: k.Range}
	return item.BuildItem(dst, e[:])
}

// holds reports whether an item read under k's row key is really k's: row keys
// hold a hash of the partition key.
func (t *Table) holds(it item.Item, k Key) bool {
	v, ok := it.Get(t.hashKey.name)
	return ok && string(v) == string(k.Hash)
}
