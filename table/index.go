package table

import (
	"fmt"
	"slices"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
)

// index is an Index ready for use.
type index struct {
	def     *Index
	table   *Definition
	hash    []keyAttribute
	rng     []keyAttribute
	project []item.Path // The attributes that an entry holds; nil for all.
}

func newIndex(d *Definition, x *Index) (index, error) {
	out := index{def: x, table: d}
	keys := func(names []string) ([]keyAttribute, error) {
		var out []keyAttribute
		for _, n := range names {
			typ, ok := d.Type(n)
			if !ok {
				return nil, fmt.Errorf("table: %s: index %s: key attribute %q has no type", d.Name, x.Name, n)
			}
			out = append(out, keyAttribute{name: n, typ: typ})
		}
		return out, nil
	}
	var err error
	if out.hash, err = keys(x.Hash); err != nil {
		return out, err
	}
	if out.rng, err = keys(x.Range); err != nil {
		return out, err
	}
	if x.Projection == All {
		return out, nil
	}
	names := slices.Concat([]string{d.Hash}, x.Hash, x.Range)
	if d.Range != "" {
		names = append(names, d.Range)
	}
	if x.Projection == Include {
		names = append(names, x.NonKey...)
	}
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		out.project = append(out.project, item.Path{{Name: n, Index: -1}})
	}
	return out, nil
}

// CheckIndexKeys returns AWS's error for an item whose attributes cannot be the
// keys of the table's indexes: of another type, empty, or too long.
// Of several indexes the first by name is told (seen of the live service).
func (t *Table) CheckIndexKeys(it item.Item) error { return t.checkIndexKeys(it, nil, nil) }

// CheckIndexUpdate refuses an update expression that sets an index key to an
// empty value, whatever the item is.
func (t *Table) CheckIndexUpdate(u *expr.Update) error {
	if u.Legacy() {
		return nil
	}
	for i := range t.indexes {
		x := &t.indexes[i]
		for n := range len(x.hash) + len(x.rng) {
			a, _ := x.key(n)
			v, ok := u.Literal(a.name)
			if ok && a.typ != item.TypeN && v.Type() == a.typ && len(v.Bytes()) == 0 {
				return a.errUpdate(v)
			}
		}
	}
	return nil
}

// checkIndexKeys does so for what differs from the image before: an item that
// was there before the index, and does not fit it, may still be updated (ours).
// u is the update that made the item, nil for none.
func (t *Table) checkIndexKeys(it, before item.Item, u *expr.Update) error {
	for i := range t.indexes {
		x := &t.indexes[i]
		for n := range len(x.hash) + len(x.rng) {
			a, limit := x.key(n)
			v, ok := it.Get(a.name)
			if !ok {
				continue
			}
			err := x.checkKey(a, v, limit)
			switch {
			case err == nil || had(before, a.name, v):
			case u != nil && !u.Legacy():
				return a.errUpdate(v)
			default:
				return err
			}
		}
	}
	return nil
}

// had reports whether an image, nil for none, has that attribute.
func had(it item.Item, name string, v item.Value) bool {
	if it == nil {
		return false
	}
	was, ok := it.Get(name)
	return ok && string(was) == string(v)
}

// key returns the n-th key attribute, and how long its values may be.
func (x *index) key(n int) (*keyAttribute, int) {
	if n < len(x.hash) {
		return &x.hash[n], MaxHashKey
	}
	return &x.rng[n-len(x.hash)], MaxRangeKey
}

// fits reports whether a value can be indexed.
func (a *keyAttribute) fits(v item.Value, limit int) bool {
	return v.Type() == a.typ && (a.typ == item.TypeN || len(v.Bytes()) > 0 && len(v.Bytes()) <= limit)
}

// errUpdate is AWS's answer to an update expression that makes v, which no index
// can have, of a key attribute: documented for other types and for sizes, as
// DynamoDB Local has it for what is empty.
func (a *keyAttribute) errUpdate(v item.Value) error {
	const update = "The update expression attempted to update "
	switch {
	case v.Type() != a.typ:
		return aws.Validation(update + "the secondary index key to unsupported type")
	case len(v.Bytes()) > 0:
		return aws.Validation(update + "the secondary index key beyond allowed size limits")
	}
	return aws.Validation("One or more parameter values are not valid. "+update+
		"a secondary index key to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty %s value.", a.kind())
}

// kind is what messages call values of the attribute's type.
func (a *keyAttribute) kind() string {
	if a.typ == item.TypeB {
		return "binary"
	}
	return "string"
}

func (x *index) checkKey(a *keyAttribute, v item.Value, limit int) error {
	switch {
	case v.Type() != a.typ:
		return aws.InvalidParameter("Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s", a.name, a.typ, v.Type(), x.def.Name)
	case a.typ == item.TypeN:
		return nil
	case len(v.Bytes()) == 0:
		return aws.Validation("One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, IndexKey: %s", a.kind(), x.def.Name, a.name)
	case len(v.Bytes()) > limit: // The text is known from the live service.
		return aws.InvalidParameter("Size limit exceeded for Index Key %s Actual Size: %d bytes Max Size: %d bytes IndexName: %s", a.name, len(v.Bytes()), limit, x.def.Name)
	}
	return nil
}

// covers reports whether an item has an entry.
func (x *index) covers(it item.Item) bool {
	for n := range len(x.hash) + len(x.rng) {
		a, limit := x.key(n)
		if v, ok := it.Get(a.name); !ok || !a.fits(v, limit) {
			return false
		}
	}
	return true
}

// appendEntryKey appends the key of the item's entry. It returns false when the
// item has none: a key attribute is absent, or not one that can be indexed.
func (x *index) appendEntryKey(dst []byte, it item.Item, rowKey []byte) ([]byte, bool) {
	var scratch [8]item.Value
	values := scratch[:0]
	for n := range len(x.hash) + len(x.rng) {
		a, limit := x.key(n)
		v, ok := it.Get(a.name)
		if !ok || !a.fits(v, limit) {
			return dst, false
		}
		values = append(values, v)
	}
	dst = appendPrefix(dst, x.table.Number, x.def.Number)
	dst = appendKeyHash(dst, values[:len(x.hash)]...)
	dst = appendSort(dst, values[len(x.hash):]...)
	return appendHash(dst, rowKey[prefixSize:]), true
}

// entryItem returns what the entry of an item holds; dst is scratch for it.
func (x *index) entryItem(dst []byte, it item.Item) item.Item {
	if x.project == nil {
		return it
	}
	return item.Project(dst, it, x.project)
}

// indexScratch is the memory of updateIndexes.
type indexScratch struct{ oldKey, newKey, oldItem, newItem, value []byte }

// updateIndexes writes the difference between the index entries of two images
// of an item, nil standing for none. touched, nil where nobody asks, is told of
// each index whose entry changed.
func (t *Table) updateIndexes(w *kv.Writes, s *indexScratch, rowKey []byte, before, after item.Item, touched func(Touched)) {
	for i := range t.indexes {
		x := &t.indexes[i]
		var had, has bool
		if before != nil {
			s.oldKey, had = x.appendEntryKey(s.oldKey[:0], before, rowKey)
		}
		if after != nil {
			s.newKey, has = x.appendEntryKey(s.newKey[:0], after, rowKey)
		}
		var was, is item.Item
		if had {
			was = x.entryItem(s.oldItem[:0], before)
		}
		if has {
			is = x.entryItem(s.newItem[:0], after)
		}
		moved := had && has && string(s.oldKey) != string(s.newKey)
		if had == has && !moved && string(was) == string(is) {
			continue
		}
		if had && (!has || moved) {
			w.Delete(s.oldKey)
		}
		if has {
			s.value = appendEntry(s.value[:0], is)
			w.Set(s.newKey, s.value)
		}
		if touched != nil {
			change := Touched{Index: x.def, Before: sizeOf(was), After: sizeOf(is), Moved: moved}
			if had {
				change.From = place(s.oldKey)
			}
			if has {
				change.To = place(s.newKey)
			}
			touched(change)
		}
		if x.project != nil {
			s.oldItem, s.newItem = keep(s.oldItem, was), keep(s.newItem, is)
		}
	}
}

// keep returns the larger of two scratch buffers.
func keep(a, b []byte) []byte {
	if cap(b) > cap(a) {
		return b
	}
	return a
}

// Size is what an item weighs against MaxItemSize: itself and its entries in all
// local indexes together (documented).
func (t *Table) Size(it item.Item) int {
	size := it.Size()
	whole := size
	for i := range t.indexes {
		x := &t.indexes[i]
		switch {
		case !x.def.Local || !x.covers(it):
		case x.project == nil:
			size += whole
		default:
			for _, p := range x.project {
				if v, ok := it.Get(p[0].Name); ok {
					size += len(p[0].Name) + v.Size()
				}
			}
		}
	}
	return size
}

func sizeOf(it item.Item) int {
	if it == nil {
		return 0
	}
	return it.Size()
}

// Projected returns the names of the attributes that an index's entries hold;
// nil where they hold all.
func (t *Table) Projected(x *Index) map[string]bool {
	for i := range t.indexes {
		if t.indexes[i].def.Name != x.Name || t.indexes[i].project == nil {
			continue
		}
		out := map[string]bool{}
		for _, p := range t.indexes[i].project {
			out[p[0].Name] = true
		}
		return out
	}
	return nil
}
