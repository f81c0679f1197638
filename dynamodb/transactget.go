package dynamodb

import (
	"context"
	"errors"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/shape"
	"github.com/hortusdb/hortus/table"
)

// getAction reads a TransactGetItem.
func (r *request) getAction(x *action) error {
	return r.object(func(name string) error {
		if name != "Get" {
			return serialization(r.scan.Skip())
		}
		return r.actionBody(x, func(name string) error {
			switch name {
			case "TableName", "Key", "ProjectionExpression", "ExpressionAttributeNames":
				return r.member([]byte(name))
			}
			return serialization(r.scan.Skip())
		})
	})
}

func (a *API) decodeTransactGetItems(c *api.Call) error {
	r := a.get(c)
	given, n := false, 0
	err := r.members(func(name []byte) (err error) {
		if string(name) == "TransactItems" {
			given = true
			n, err = r.actionList(r.getAction)
			return err
		}
		return r.option(name)
	})
	if err != nil {
		return err
	}
	var v shape.Violations
	countActions(&v, given, n)
	for i := range r.actions {
		x := &r.actions[i]
		v.Enter("transactItems")
		v.EnterIndex(i)
		v.Required("get", x.kinds == 1)
		if x.kinds == 1 {
			v.Enter("get")
			a.tableName(&v, x.table)
			v.Required("key", x.hasKey)
			v.Leave()
		}
		v.Leave()
		v.Leave()
	}
	enum(&v, "returnConsumedCapacity", r.returnConsumed, consumedSet)
	if err := v.Err(); err != nil {
		return err
	}
	for i := range r.actions {
		if err := r.actions[i].need(c, i, "dynamodb:GetItem"); err != nil {
			return err
		}
	}
	return nil
}

func (a *API) transactGetItems(ctx context.Context, s *Service, c *api.Call) error {
	r := c.Input.(*request)
	projections := make([]*expr.Projection, len(r.actions))
	for i := range r.actions {
		var err error
		if projections[i], err = a.projection(&r.actions[i].single); err != nil {
			return err
		}
	}
	lookups, err := s.resolveGets(r, projections)
	if err != nil {
		return err
	}
	names, owner := r.tables()
	usages := make([]usage, len(names))
	for i := range usages {
		usages[i].table, usages[i].also = names[i], alsoRead
	}
	size := 0
	out := append(c.Out, `{"Responses":[`...)
	err = s.transactGet(ctx, lookups, func(i int, it item.Item) error {
		if i > 0 {
			out = append(out, ',')
		}
		n := 0
		if it != nil {
			n = it.Size()
		}
		if size += n; size > maxTransaction {
			return aws.Validation("Payload in response is too large.%d", size)
		}
		usages[owner[i]].units += transactFactor * readUnits(n, true)
		if it == nil {
			out = append(out, '{', '}')
			return nil
		}
		if projections[i] != nil {
			it = projections[i].Project(r.buf[len(r.buf):], it)
		}
		out = append(item.AppendItemJSON(append(out, `{"Item":`...), it), '}')
		return nil
	})
	if err != nil {
		return r.conflicted(err)
	}
	c.Out = append(out, ']')
	if r.wantsCapacity() {
		c.Out = appendUsages(c.Out, usages, r.returnConsumed.s)
	}
	c.Out = append(c.Out, '}')
	return nil
}

// conflicted turns the conflict of a TransactGet into AWS's answer.
func (r *request) conflicted(err error) error {
	c, ok := errors.AsType[*table.ConflictError](err)
	if !ok {
		return err
	}
	for _, i := range c.At {
		r.transaction.Errors[i] = table.ErrConflict
	}
	return canceled(&r.transaction)
}

// resolveGets finds the tables of all actions and checks their keys. A key that
// is not of the table's schema cancels the transaction.
func (s *Service) resolveGets(r *request, projections []*expr.Projection) ([]table.Lookup, error) {
	lookups := make([]table.Lookup, len(r.actions))
	tx := &r.transaction
	bad := false
	for i := range r.actions {
		x := &r.actions[i]
		t, err := s.table(x.name)
		if err != nil {
			return nil, err
		}
		if p := projections[i]; p != nil {
			if err := checkScalars(t, p.Paths()); err != nil {
				return nil, err
			}
		}
		lookups[i].Table, lookups[i].Consistent = t, true
		lookups[i].Key, err = t.RequestKey(x.key)
		if _, ok := errors.AsType[*aws.Error](err); err != nil && (!ok || atTheDoor(err)) {
			return nil, err
		}
		bad = bad || err != nil
		tx.Writes, tx.Errors = append(tx.Writes, &x.write), append(tx.Errors, err)
	}
	if bad {
		return nil, canceled(tx)
	}
	return lookups, nil
}
