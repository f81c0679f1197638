package table

import (
	"context"
	"errors"

	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
)

// Get appends the stored row of an item to dst and returns the item in it, nil
// when there is none. A consistent read shows nothing that a crash could take
// back; an eventually consistent one may.
func (e *Engine) Get(ctx context.Context, t *Table, k Key, consistent bool, dst []byte) (item.Item, []byte, error) {
	s := e.scratch.Get().(*writeScratch)
	s.rowKey = t.appendRowKey(s.rowKey[:0], k)
	start := len(dst)
	dst, at, err := e.store.Get(ctx, s.rowKey, dst)
	e.scratch.Put(s)
	if consistent && (err == nil || errors.Is(err, kv.ErrNotFound)) {
		if err := e.store.WaitDurable(ctx, at); err != nil {
			return nil, dst, err
		}
	}
	if errors.Is(err, kv.ErrNotFound) {
		return nil, dst, nil
	}
	if err != nil {
		return nil, dst, err
	}
	it, err := rowItem(dst[start:], e.decoder)
	if err == nil && it != nil && !t.holds(it, k) {
		err = errCollision
	}
	return it, dst, err
}

// Lookup is one item of a batch.
type Lookup struct {
	Table      *Table
	Key        Key
	Consistent bool
}

// GetMany calls fn for each lookup, in their order, with its item, nil where there is none, as of
// one point in time. The items are valid only until fn returns.
func (e *Engine) GetMany(ctx context.Context, lookups []Lookup, fn func(i int, it item.Item) error) error {
	consistent := false
	for i := range lookups {
		consistent = consistent || lookups[i].Consistent
	}
	return e.getMany(ctx, lookups, rowKeys(lookups), consistent, fn)
}

// rowKeyRoom is the length of a key without a sort key, and a short sort key.
const rowKeyRoom = prefixSize + hashSize + 41

func rowKeys(lookups []Lookup) [][]byte {
	keys := make([][]byte, len(lookups))
	room := make([]byte, 0, rowKeyRoom*len(lookups))
	for i := range lookups {
		start := len(room)
		room = lookups[i].Table.appendRowKey(room, lookups[i].Key)
		keys[i] = room[start:len(room):len(room)]
	}
	return keys
}

func (e *Engine) getMany(ctx context.Context, lookups []Lookup, keys [][]byte, consistent bool, fn func(i int, it item.Item) error) error {
	var bad error
	at, err := e.store.GetMany(ctx, keys, func(i int, value []byte) {
		if bad != nil {
			return
		}
		var it item.Item
		if value != nil {
			if it, bad = rowItem(value, e.decoder); bad != nil {
				return
			}
			if it != nil && !lookups[i].Table.holds(it, lookups[i].Key) {
				bad = errCollision
				return
			}
		}
		bad = fn(i, it)
	})
	if err := errors.Join(err, bad); err != nil {
		return err
	}
	if consistent {
		return e.store.WaitDurable(ctx, at)
	}
	return nil
}
