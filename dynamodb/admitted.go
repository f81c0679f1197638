package dynamodb

import (
	"context"
	"errors"
	"slices"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/capacity"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/table"
)

// The calls of the data plane into the engine. With a throttle, each is admitted
// before and charged after; without one, it is the engine's call and no more.

// get reads an item; see table.Engine.Get.
func (s *Service) get(ctx context.Context, t *table.Table, k table.Key, consistent bool, dst []byte) (item.Item, []byte, error) {
	if s.Throttle == nil {
		return s.Engine.Get(ctx, t, k, consistent, dst)
	}
	d := read(t, nil, t.Place(k), consistent)
	if err := s.Throttle.admit(&d); err != nil {
		return nil, dst, err
	}
	it, dst, err := s.Engine.Get(ctx, t, k, consistent, dst)
	if err == nil {
		s.Throttle.charge(&d, readUnits(itemSize(it), consistent))
	}
	return it, dst, err
}

// wrote tells a call where its writes are. One that changed nothing, or was done
// by an earlier call, is nowhere in the log that the call knows of.
func wrote(c *api.Call, writes ...*table.Write) {
	for _, w := range writes {
		switch {
		case w.At != 0:
			c.Write(w.Table.Def.Name, uint64(w.At))
		case w.Kind != table.Check && w.Table.Def.Group != nil:
			c.Stood = true
		}
	}
}

// write runs one write; see table.Engine.Write.
func (s *Service) write(ctx context.Context, w *table.Write) error {
	if s.Throttle == nil {
		return s.Engine.Write(ctx, w)
	}
	w.KeepIndexes = true
	d := written(w, 1)
	if err := s.Throttle.admit(&d); err != nil {
		return err
	}
	err := s.Engine.Write(ctx, w)
	switch {
	case errors.Is(err, table.ErrConflict):
		s.Throttle.conflict(w.Table)
		s.Throttle.chargeWrite(&d, w, 1, false)
	case err == nil, errors.Is(err, table.ErrConditionFailed):
		s.Throttle.chargeWrite(&d, w, 1, err == nil)
	}
	return err
}

// page reads a page, or one range of several that share a page; see
// table.Engine.Query.
func (s *Service) page(ctx context.Context, p *table.Page, emit func(it item.Item) error) error {
	if s.Throttle == nil {
		return s.Engine.Query(ctx, p, emit)
	}
	d := read(p.Table, p.Index, p.Place(), p.Consistent)
	if err := s.Throttle.admit(&d); err != nil {
		return err
	}
	before := p.Bytes
	err := s.Engine.Query(ctx, p, emit)
	if err == nil {
		s.Throttle.charge(&d, readUnits(p.Bytes-before, p.Consistent))
	}
	return err
}

// fetched charges the table with what completing entries of a local index cost.
func (s *Service) fetched(p *table.Page, units float64) {
	if s.Throttle != nil && units > 0 {
		s.Throttle.chargeOther(p.Table, capacity.Read, p.Place(), units)
	}
}

// refusal is an element of a batch that was not run.
type refusal struct {
	at  int // Its number.
	err error
}

// getMany reads the items of a batch; see table.Engine.GetMany. It returns the
// lookups that were refused, in order.
func (s *Service) getMany(ctx context.Context, lookups []table.Lookup, fn func(i int, it item.Item) error) ([]refusal, error) {
	if s.Throttle == nil {
		return nil, s.Engine.GetMany(ctx, lookups, fn)
	}
	var draws []draw
	var admitted []table.Lookup
	var number []int
	var refused []refusal
	for i := range lookups {
		l := &lookups[i]
		d := read(l.Table, nil, l.Table.Place(l.Key), l.Consistent)
		if err := s.Throttle.admit(&d); err != nil {
			refused = append(refused, refusal{i, err})
			continue
		}
		draws, admitted, number = append(draws, d), append(admitted, *l), append(number, i)
	}
	if len(admitted) == 0 {
		return refused, nil
	}
	err := s.Engine.GetMany(ctx, admitted, func(j int, it item.Item) error {
		s.Throttle.charge(&draws[j], readUnits(itemSize(it), admitted[j].Consistent))
		return fn(number[j], it)
	})
	return refused, err
}

// writeBatch runs the writes of a batch; see table.Engine.WriteBatch. It returns
// the writes that were refused, in order: those that there was no room for, and
// those of items that transactions have.
func (s *Service) writeBatch(ctx context.Context, writes []*table.Write) ([]refusal, error) {
	if s.Throttle == nil {
		var refused []refusal
		conflicts, err := s.Engine.WriteBatch(ctx, writes)
		for _, i := range conflicts {
			refused = append(refused, refusal{i, table.ErrConflict})
		}
		return refused, err
	}
	var draws []draw
	var admitted []*table.Write
	var number []int
	var refused []refusal
	for i, w := range writes {
		w.KeepIndexes = true
		d := written(w, 1)
		if err := s.Throttle.admit(&d); err != nil {
			refused = append(refused, refusal{i, err})
			continue
		}
		draws, admitted, number = append(draws, d), append(admitted, w), append(number, i)
	}
	if len(admitted) == 0 {
		return refused, nil
	}
	conflicts, err := s.Engine.WriteBatch(ctx, admitted)
	if err != nil {
		return nil, err
	}
	for j, w := range admitted {
		done := !slices.Contains(conflicts, j)
		if !done {
			s.Throttle.conflict(w.Table)
			refused = append(refused, refusal{number[j], table.ErrConflict})
		}
		s.Throttle.chargeWrite(&draws[j], w, 1, done)
	}
	slices.SortFunc(refused, func(a, b refusal) int { return a.at - b.at })
	return refused, nil
}

// transact runs a transaction; see table.Engine.Transact. It is admitted as a
// whole or refused as a whole (recorded).
func (s *Service) transact(ctx context.Context, tx *table.Transaction) error {
	if s.Throttle == nil {
		return s.Engine.Transact(ctx, tx)
	}
	var draws []draw
	var writes []int
	for i, w := range tx.Writes {
		if tx.Errors[i] != nil {
			continue
		}
		w.KeepIndexes = true
		d := written(w, transactFactor)
		d.alone = w.Kind == table.Check
		draws, writes = append(draws, d), append(writes, i)
	}
	if err := s.Throttle.admitAll(draws); err != nil {
		return err
	}
	err := s.Engine.Transact(ctx, tx)
	for j, i := range writes {
		d, w := &draws[j], tx.Writes[i]
		if errors.Is(tx.Errors[i], table.ErrConflict) {
			s.Throttle.conflict(w.Table)
		}
		switch {
		case err == nil && tx.Token != nil && tx.Token.Replayed:
			// What was done before is only read (recorded).
			s.Throttle.charge(d, 0)
			s.Throttle.chargeOther(d.table, capacity.Read, d.place, transactFactor*readUnits(tx.Token.Sizes[i], true))
		case err == nil, errors.Is(err, table.ErrCanceled):
			s.Throttle.chargeWrite(d, w, transactFactor, err == nil)
		default:
			s.Throttle.charge(d, 0)
		}
	}
	return err
}

// transactGet reads the items of a transaction; see table.Engine.TransactGet.
func (s *Service) transactGet(ctx context.Context, lookups []table.Lookup, fn func(i int, it item.Item) error) error {
	if s.Throttle == nil {
		return s.Engine.TransactGet(ctx, lookups, fn)
	}
	draws := make([]draw, len(lookups))
	for i := range lookups {
		draws[i] = read(lookups[i].Table, nil, lookups[i].Table.Place(lookups[i].Key), true)
		draws[i].units *= transactFactor
	}
	if err := s.Throttle.admitAll(draws); err != nil {
		return err
	}
	err := s.Engine.TransactGet(ctx, lookups, func(i int, it item.Item) error {
		s.Throttle.charge(&draws[i], transactFactor*readUnits(itemSize(it), true))
		return fn(i, it)
	})
	if c, ok := errors.AsType[*table.ConflictError](err); ok {
		for _, i := range c.At {
			s.Throttle.conflict(lookups[i].Table)
		}
	}
	return err
}
