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

func (a *API) decodeGetItem(c *api.Call) error {
	r := a.get(c)
	if err := r.decode("Key", "AttributesToGet"); err != nil {
		return err
	}
	var v shape.Violations
	a.tableName(&v, r.table)
	v.Required("key", r.hasKey)
	a.legacyShapes(&v, r.legacy)
	enum(&v, "returnConsumedCapacity", r.returnConsumed, consumedSet)
	return r.finish(c, &v, "dynamodb:GetItem", "")
}

func (a *API) getItem(ctx context.Context, s *Service, c *api.Call) error {
	r := c.Input.(*request)
	projection, err := a.getProjection(r)
	if err != nil {
		return err
	}
	t, err := s.table(c.Needs[0].Table)
	if err != nil {
		return err
	}
	if projection != nil {
		if err := checkScalars(t, projection.Paths()); err != nil {
			return err
		}
	}
	key, err := t.RequestKey(r.key)
	if err != nil {
		return err
	}
	it, row, err := s.get(ctx, t, key, r.consistent, r.row[:0])
	r.row = row
	if err != nil {
		return err
	}
	c.Out = append(c.Out, '{')
	size := 0
	if it != nil {
		size = it.Size()
		if projection != nil {
			it = projection.Project(r.buf[len(r.buf):], it)
		}
		c.Out = append(c.Out, `"Item":`...)
		c.Out = item.AppendItemJSON(c.Out, it)
	}
	if r.wantsCapacity() {
		u := usage{table: r.table.s, units: readUnits(size, r.consistent)}
		c.Out = appendMember(c.Out, `"ConsumedCapacity":`)
		c.Out = u.append(c.Out, r.returnConsumed.s)
	}
	c.Out = append(c.Out, '}')
	return nil
}

// table returns a table that takes calls of the data plane.
func (s *Service) table(name string) (*table.Table, error) {
	t := s.Engine.Table(name)
	if t == nil || t.Def.Status == table.Creating || t.Def.Status == table.Deleting {
		return nil, table.ErrNoTable
	}
	return t, nil
}

// projection binds the request's only expression, a projection.
func (a *API) projection(r *single) (*expr.Projection, error) {
	text := r.expressions[expr.ProjectionKind]
	if !text.ok && r.scope.Names == nil {
		return nil, r.invalid
	}
	if err := r.scope.CheckNeeded(text.ok, false); err != nil {
		return nil, err
	}
	if r.invalid != nil {
		return nil, r.invalid
	}
	if err := r.checkPlaceholders(); err != nil {
		return nil, err
	}
	e, err := a.expressions.Parse(expr.ProjectionKind, text.s)
	if err != nil {
		return nil, err
	}
	p, err := expr.BindProjection(e, &r.scope)
	if err != nil {
		return nil, err
	}
	return p, r.scope.CheckUnused()
}

// getProjection binds the projection of a GetItem in either way of saying it.
func (a *API) getProjection(r *request) (*expr.Projection, error) {
	old, err := r.legacy.projection()
	if err != nil {
		return nil, err
	}
	if err := r.checkMixed(expr.ProjectionKind); err != nil {
		return nil, err
	}
	p, err := a.projection(&r.single)
	if p == nil {
		p = old
	}
	return p, err
}

func (a *API) decodePutItem(c *api.Call) error {
	r := a.get(c)
	if err := r.decode("Item", "ExpressionAttributeValues", "Expected", "ConditionalOperator"); err != nil {
		return err
	}
	var v shape.Violations
	a.tableName(&v, r.table)
	v.Required("item", r.hasItem)
	a.legacyShapes(&v, r.legacy)
	r.options(&v)
	return r.finish(c, &v, "dynamodb:PutItem", "")
}

// errReturnValues is AWS's answer to a ReturnValues that the operation does not
// know.
var errReturnValues = aws.Validation("Return values set to invalid value")

// errItemTooLarge is AWS's answer to a whole item over the limit.
var errItemTooLarge = aws.Validation("Item size has exceeded the maximum allowed size")

func (a *API) putItem(ctx context.Context, s *Service, c *api.Call) error {
	r := c.Input.(*request)
	if err := r.checkReturnOld(); err != nil {
		return err
	}
	w := &r.write
	w.Kind, w.Item = table.Put, r.item
	if err := a.bindConditional(r); err != nil {
		return err
	}
	if r.item.Size() > table.MaxItemSize {
		return errItemTooLarge
	}
	t, err := s.table(c.Needs[0].Table)
	if err != nil {
		return err
	}
	if w.Key, err = t.ItemKey(r.item); err != nil {
		return err
	}
	if err := checkItem(t, r.item); err != nil {
		return err
	}
	return s.runWrite(ctx, c, r, t)
}

// checkItem checks a whole item against the indexes of its table.
func checkItem(t *table.Table, it item.Item) error {
	if err := t.CheckIndexKeys(it); err != nil {
		return err
	}
	if t.Size(it) > table.MaxItemSize {
		return errItemTooLarge
	}
	return nil
}

// checkReturnOld checks what a PutItem or DeleteItem may return.
func (r *request) checkReturnOld() error {
	switch r.returnValues.s {
	case "", "NONE", "ALL_OLD":
		return nil
	}
	return errReturnValues
}

// bindWrite parses and binds the expressions of a write, in AWS's order: the
// placeholders, each expression, and what no expression used.
func (a *API) bindWrite(r *single, kinds ...expr.Kind) error {
	any := false
	for _, k := range kinds {
		any = any || r.expressions[k].ok
	}
	if !any && r.scope.Names == nil && r.scope.Values == nil {
		return r.invalid
	}
	if err := r.scope.CheckNeeded(any, any, kinds...); err != nil {
		return err
	}
	if r.invalid != nil {
		return r.invalid
	}
	if err := r.checkPlaceholders(); err != nil {
		return err
	}
	for _, k := range kinds {
		if !r.expressions[k].ok {
			continue
		}
		e, err := a.expressions.Parse(k, r.expressions[k].s)
		if err != nil {
			return err
		}
		if k == expr.UpdateKind {
			r.write.Update, err = expr.BindUpdate(e, &r.scope)
		} else {
			r.write.Condition, err = expr.BindCondition(e, &r.scope)
		}
		if err != nil {
			return err
		}
	}
	return r.scope.CheckUnused()
}

// bindConditional binds the condition of a PutItem or DeleteItem.
func (a *API) bindConditional(r *request) error {
	if err := r.checkMixed(expr.ConditionKind); err != nil {
		return err
	}
	if err := a.bindWrite(&r.single, expr.ConditionKind); err != nil {
		return err
	}
	return r.bindExpected()
}

// bindUpdateItem binds the update and the condition of an UpdateItem.
func (a *API) bindUpdateItem(r *request) error {
	if err := r.legacy.checkExpected(); err != nil {
		return err
	}
	if err := r.checkMixed(expr.UpdateKind, expr.ConditionKind); err != nil {
		return err
	}
	if err := a.bindWrite(&r.single, expr.UpdateKind, expr.ConditionKind); err != nil {
		return err
	}
	if err := r.bindExpected(); err != nil {
		return err
	}
	return r.bindUpdates()
}

// runWrite runs the write of a request and answers.
func (s *Service) runWrite(ctx context.Context, c *api.Call, r *request, t *table.Table) error {
	w := &r.write
	if w.Condition != nil {
		if err := checkScalars(t, w.Condition.Paths()); err != nil {
			return err
		}
	}
	w.Table = t
	w.KeepOld = r.returnValues.s == "ALL_OLD" || r.returnValues.s == "UPDATED_OLD"
	w.KeepOldOnFailure = r.returnOnFailure.s == "ALL_OLD"
	w.KeepIndexes = r.wantsCapacity()
	if err := s.write(ctx, w); err != nil {
		return failed(w, err)
	}
	wrote(c, w)
	c.Out = append(c.Out, '{')
	r.appendReturned(c)
	if r.wantsCapacity() {
		u := usage{table: r.table.s}
		u.write(w)
		c.Out = appendMember(c.Out, `"ConsumedCapacity":`)
		c.Out = u.append(c.Out, r.returnConsumed.s)
	}
	if r.returnMetrics.s == "SIZE" {
		c.Out = appendCollectionMetrics(c.Out, w)
	}
	c.Out = append(c.Out, '}')
	return nil
}

// failed gives a failed condition the item that it failed on, where that was
// asked for.
func failed(w *table.Write, err error) error {
	if !errors.Is(err, table.ErrConditionFailed) || !w.KeepOldOnFailure || w.Old == nil {
		return err
	}
	e := *table.ErrConditionFailed
	e.Members = []aws.Member{{Name: "Item", JSON: item.AppendItemJSON(nil, w.Old)}}
	return &e
}

// appendReturned writes the Attributes that ReturnValues asks for.
func (r *request) appendReturned(c *api.Call) {
	w := &r.write
	var it item.Item
	switch r.returnValues.s {
	case "ALL_OLD":
		it = w.Old
	case "ALL_NEW":
		it = w.New
	case "UPDATED_OLD":
		it = r.touched(w.Old)
	case "UPDATED_NEW":
		it = r.touched(w.New)
	}
	if it.Len() > 0 {
		c.Out = append(c.Out, `"Attributes":`...)
		c.Out = item.AppendItemJSON(c.Out, it)
	}
}

// touched returns the parts of an image that the update names.
func (r *request) touched(it item.Item) item.Item {
	if it == nil || r.write.Update == nil {
		return nil
	}
	return item.Project(nil, it, r.write.Update.Touched())
}

func (a *API) decodeUpdateItem(c *api.Call) error {
	r := a.get(c)
	if err := r.decode("Key", "ExpressionAttributeValues", "AttributeUpdates", "Expected", "ConditionalOperator"); err != nil {
		return err
	}
	var v shape.Violations
	a.tableName(&v, r.table)
	v.Required("key", r.hasKey)
	a.legacyShapes(&v, r.legacy)
	r.options(&v)
	return r.finish(c, &v, "dynamodb:UpdateItem", "")
}

func (a *API) updateItem(ctx context.Context, s *Service, c *api.Call) error {
	r := c.Input.(*request)
	w := &r.write
	w.Kind = table.Update
	if err := a.bindUpdateItem(r); err != nil {
		return err
	}
	t, err := s.table(c.Needs[0].Table)
	if err != nil {
		return err
	}
	if w.Key, err = t.RequestKey(r.key); err != nil {
		return err
	}
	if w.Update != nil {
		if err := checkItemUpdate(t, w.Update); err != nil {
			return err
		}
	}
	return s.runWrite(ctx, c, r, t)
}

// checkItemUpdate checks an update against its table, whatever the item is.
func checkItemUpdate(t *table.Table, u *expr.Update) error {
	if err := u.CheckNoKeys(t.KeySchema(nil)); err != nil {
		return err
	}
	if err := checkScalars(t, u.Paths()); err != nil {
		return err
	}
	return t.CheckIndexUpdate(u)
}

func (a *API) decodeDeleteItem(c *api.Call) error {
	r := a.get(c)
	if err := r.decode("Key", "ExpressionAttributeValues", "Expected", "ConditionalOperator"); err != nil {
		return err
	}
	var v shape.Violations
	a.tableName(&v, r.table)
	v.Required("key", r.hasKey)
	a.legacyShapes(&v, r.legacy)
	r.options(&v)
	return r.finish(c, &v, "dynamodb:DeleteItem", "")
}

func (a *API) deleteItem(ctx context.Context, s *Service, c *api.Call) error {
	r := c.Input.(*request)
	if err := r.legacy.checkExpected(); err != nil {
		return err
	}
	if err := r.checkReturnOld(); err != nil {
		return err
	}
	w := &r.write
	w.Kind = table.Delete
	if err := a.bindConditional(r); err != nil {
		return err
	}
	t, err := s.table(c.Needs[0].Table)
	if err != nil {
		return err
	}
	if w.Key, err = t.RequestKey(r.key); err != nil {
		return err
	}
	return s.runWrite(ctx, c, r, t)
}
