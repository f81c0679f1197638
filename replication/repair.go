package replication

import (
	"bytes"
	"context"
	"slices"

	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/table"
)

// maxComparedBytes bounds this cell's rows that are in memory to be compared or
// given.
const maxComparedBytes = maxPageBytes

// settle looks again at what differed, and keeps what differs as it did. What is
// on its way has come, or is written again and again and tells nothing.
func (c *check) settle(ctx context.Context) error {
	var still []Difference
	moving := c.found
	for range maxLooks - 1 {
		if len(moving) == 0 {
			break
		}
		if c.options.Pause > 0 && !clock.Wait(ctx, nil, c.options.Pause) {
			return ctx.Err()
		}
		same, moved, err := c.lookAgain(ctx, moving)
		if err != nil {
			return err
		}
		still, moving = append(still, same...), moved
	}
	c.out.Moving = len(moving)
	c.found = still
	slices.SortFunc(c.found, func(a, b Difference) int { return bytes.Compare(a.row, b.row) })
	return nil
}

// repair merges the rows of both members in each of them, and looks whether they
// are the same then.
func (c *check) repair(ctx context.Context) error {
	keys := rowKeys(c.found)
	if err := c.each(ctx, keys, false, maxComparedBytes, func(keys [][]byte, _, there []glimpse) error {
		var come []table.KeyedRow
		for i, g := range there {
			if g.row != nil {
				come = append(come, table.KeyedRow{Key: keys[i], Row: g.row})
			}
		}
		return c.r.mergeRows(ctx, c.t, come)
	}); err != nil {
		return err
	}
	// What is here now has all that is part of either.
	if err := c.each(ctx, keys, true, maxComparedBytes, func(keys [][]byte, here, there []glimpse) error {
		var given []table.KeyedRow
		var gone []conflict.State
		for i, g := range here {
			row := g.row
			if row == nil || g.sum == there[i].sum {
				continue
			}
			if c.options.Forget && there[i].row == nil {
				s, yes, err := c.forgotten(row, c.floors[1])
				if err != nil {
					return err
				}
				if yes {
					gone = append(gone, s)
					continue
				}
			}
			given = append(given, table.KeyedRow{Key: keys[i], Row: row})
		}
		if err := c.r.merge(ctx, c.t, gone); err != nil {
			return err
		}
		if len(given) == 0 {
			return nil
		}
		_, err := c.ask(ctx, MergeRows, Compared{Rows: given})
		return err
	}); err != nil {
		return err
	}
	i := 0
	return c.each(ctx, keys, true, maxBriefBytes, func(keys [][]byte, here, there []glimpse) error {
		for j := range keys {
			_, differs, err := c.difference(keys[j], here[j], there[j])
			if err != nil {
				return err
			}
			if !differs {
				c.found[i].Repaired = true
				c.out.Repaired++
			}
			i++
		}
		return nil
	})
}

func rowKeys(found []Difference) [][]byte {
	out := make([][]byte, len(found))
	for i := range found {
		out[i] = found[i].row
	}
	return out
}
