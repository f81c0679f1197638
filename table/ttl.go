package table

import (
	"context"
	"slices"

	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
)

// tooOld is how long ago an expiry may be, in seconds, five years: an attribute
// with one before that is taken for something else (documented).
const tooOld = 5 * 365 * 24 * 3600

// expiry returns when an item expires, in seconds since 1970; false when it does
// not: the attribute is absent, is no number, or has lain too far back at now.
// Fractions of a second are cut off (ours).
func (l *TimeToLive) expiry(it item.Item, now int64) (int64, bool) {
	v, ok := it.Get(l.Attribute)
	if !ok || v.Type() != item.TypeN {
		return 0, false
	}
	at, ok := seconds(v.Number())
	return at, ok && at > now-tooOld
}

// expired reports whether an item is past its time (documented).
func (l *TimeToLive) expired(it item.Item, now int64) bool {
	at, ok := l.expiry(it, now)
	return ok && at < now
}

// seconds returns the whole part of a number that is not negative and could be a
// time.
func seconds(n item.Number) (int64, bool) {
	if at, ok := n.Int(); ok {
		return at, at >= 0
	}
	text := n.String()
	at, whole := int64(0), 0
	for ; whole < len(text) && text[whole] >= '0' && text[whole] <= '9'; whole++ {
		if whole >= 12 {
			return 0, false // Later than any clock here shows.
		}
		at = at*10 + int64(text[whole]-'0')
	}
	return at, whole > 0 && whole < len(text) && text[whole] == '.'
}

// expire deletes those of the rows that are expired, in one commit, and returns
// how many. Each is looked at again under its lock: an item whose time was
// moved on meanwhile stays.
func (e *Engine) expire(ctx context.Context, t *Table, keys [][]byte, now int64) (int, error) {
	s := e.scratch.Get().(*writeScratch)
	defer e.scratch.Put(s)
	gate := t.enter()
	deleted := 0
	var sizes collections
	places := make([]int, len(keys))
	for i := range keys {
		places[i] = sizes.place(t, keys[i])
	}
	plan := kv.Plan{Guard: t.guard, Write: append(slices.Clip(keys), sizes.keys...)}
	at, err := e.store.Update(ctx, plan, func(values [][]byte, w *kv.Writes) error {
		deleted = 0
		if t.retired.Load() {
			return errRetired
		}
		if err := sizes.load(values[len(keys):]); err != nil {
			return err
		}
		for i, stored := range values[:len(keys)] {
			old, err := decodeRow(stored, e.decoder)
			if err != nil {
				return err
			}
			if !old.exists || !t.Def.TimeToLive.expired(old.Item, now) {
				continue
			}
			k, err := t.ItemKey(old.Item)
			if err != nil {
				return err
			}
			s.key = t.KeyItem(s.key[:0], k)
			c := change{table: t, rowKey: keys[i], key: s.key, old: old, cause: changelog.Expiry, sizes: &sizes, place: places[i]}
			c.next = conflict.State{
				Version: conflict.Version{Time: e.hybrid.After(old.Version.Time), Cell: e.cell},
				Deleted: true, Item: s.key,
			}
			c.next.Vector = t.follow(&old, c.next.Version)
			commit(w, &s.commit, &c, nil)
			deleted++
		}
		sizes.keep(w)
		return nil
	})
	gate.leave(at)
	return deleted, err
}
