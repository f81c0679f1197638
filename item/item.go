package item

import (
	"encoding/binary"
	"iter"
)

// Item is an attribute map in stored form. Nil or empty means that there is no
// item; an item without attributes is one zero byte.
type Item []byte

// body returns the entries without their count.
func (it Item) body() []byte {
	if len(it) == 0 {
		return nil
	}
	_, n := binary.Uvarint(it)
	return it[n:]
}

// Len is the number of attributes.
func (it Item) Len() int {
	if len(it) == 0 {
		return 0
	}
	n, _ := binary.Uvarint(it)
	return int(n)
}

// Get returns the attribute of that name.
func (it Item) Get(name string) (Value, bool) {
	return lookup(it.body(), name)
}

// All goes through the attributes in the order of their names.
func (it Item) All() iter.Seq2[[]byte, Value] { return entries(it.body()) }
