package table

import (
	"bytes"
	"encoding/binary"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
)

// MaxCollection is the size in bytes of the largest item collection, the items of
// one partition key with their entries in local indexes, of a table that has some
// (documented).
const MaxCollection = 10 << 30

// ErrCollectionTooLarge is AWS's answer to a write that would make its item
// collection too large (documented).
var ErrCollectionTooLarge = aws.Errorf("ItemCollectionSizeLimitExceededException", "Collection size exceeded.")

// collections holds the sizes of the item collections that one update of the store
// changes. Only tables with local indexes keep them: a row for each collection,
// which every write of one of its items locks.
type collections struct {
	keys    [][]byte // Each once, in the order of the plan.
	sizes   []int64
	planned []int64 // What a transaction is about to add.
	moved   []bool
}

func (c *collections) reset() { c.keys = c.keys[:0] }

// place returns where the collection of a row is, -1 where its table keeps none.
func (c *collections) place(t *Table, rowKey []byte) int {
	if !t.local {
		return -1
	}
	n := len(c.keys)
	for i := range n {
		if k := c.keys[i]; bytes.Equal(k[1:1+tableSize], rowKey[1:1+tableSize]) && bytes.Equal(k[prefixSize:], rowKey[prefixSize:prefixSize+hashSize]) {
			return i
		}
	}
	if n < cap(c.keys) {
		c.keys = c.keys[:n+1]
	} else {
		c.keys = append(c.keys, nil)
	}
	k := appendPrefix(c.keys[n][:0], t.Def.Number, collectionRows)
	c.keys[n] = append(k, rowKey[prefixSize:prefixSize+hashSize]...)
	return n
}

// load takes the sizes that are stored; it begins every run of an update.
func (c *collections) load(values [][]byte) error {
	c.sizes, c.planned, c.moved = c.sizes[:0], c.planned[:0], c.moved[:0]
	for i := range c.keys {
		size := int64(0)
		if v := values[i]; v != nil {
			if len(v) != 9 || v[0] != rowFormat {
				return errMalformedRow
			}
			size = int64(binary.BigEndian.Uint64(v[1:]))
		}
		c.sizes, c.planned, c.moved = append(c.sizes, size), append(c.planned, 0), append(c.moved, false)
	}
	return nil
}

// plan makes room for a client's write. What shrinks a collection is always taken.
func (c *collections) plan(at int, by, limit int64) error {
	if at < 0 {
		return nil
	}
	if by > 0 && c.sizes[at]+c.planned[at]+by > limit {
		return ErrCollectionTooLarge
	}
	c.planned[at] += by
	return nil
}

// move notes that a collection grows, or shrinks.
func (c *collections) move(at int, by int64) {
	if at >= 0 && by != 0 {
		c.sizes[at], c.moved[at] = max(0, c.sizes[at]+by), true
	}
}

// size is that of a collection, zero where none is kept.
func (c *collections) size(at int) int64 {
	if at < 0 {
		return 0
	}
	return c.sizes[at]
}

// keep writes the sizes that have changed.
func (c *collections) keep(w *kv.Writes) {
	for i, moved := range c.moved {
		switch {
		case !moved:
		case c.sizes[i] == 0:
			w.Delete(c.keys[i])
		default:
			w.Set(c.keys[i], binary.BigEndian.AppendUint64([]byte{rowFormat}, uint64(c.sizes[i])))
		}
	}
}

// weight is what an item adds to its collection; nil adds nothing.
func (t *Table) weight(it item.Item) int64 {
	if it == nil {
		return 0
	}
	return int64(t.Size(it))
}

// growth is by how much a prepared write changes its collection.
func (w *Write) growth(old row) int64 {
	return w.Table.weight(w.New) - w.Table.weight(existing(old))
}
