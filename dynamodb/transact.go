package dynamodb

import (
	"context"
	"errors"
	"strings"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/jsonscan"
	"github.com/hortusdb/hortus/shape"
	"github.com/hortusdb/hortus/table"
)

// Limits of transactions (documented).
const (
	maxActions     = 100
	maxToken       = 36      // In UTF-16 units.
	maxTransaction = 4 << 20 // Bytes of all items together.
)

// transactFactor is what a transaction costs, in ordinary reads or writes
// (documented).
const transactFactor = 2

// action is one element of a transaction.
type action struct {
	single
	kinds int    // How many members say what to do; one is right.
	name  string // Of the table.
}

// actionKind is one member of a TransactWriteItem.
type actionKind struct {
	member, path string
	kind         table.Kind
	iam          string
}

var actionKinds = [...]actionKind{
	{"ConditionCheck", "conditionCheck", table.Check, "dynamodb:ConditionCheckItem"},
	{"Put", "put", table.Put, "dynamodb:PutItem"},
	{"Delete", "delete", table.Delete, "dynamodb:DeleteItem"},
	{"Update", "update", table.Update, "dynamodb:UpdateItem"},
}

func (x *action) kind() *actionKind {
	for i := range actionKinds {
		if actionKinds[i].kind == x.write.Kind {
			return &actionKinds[i]
		}
	}
	return nil
}

// actionList reads TransactItems and returns how many elements it has. It keeps
// no more than a transaction may have.
func (r *request) actionList(read func(x *action) error) (int, error) {
	n := 0
	r.actions = r.actions[:0]
	err := r.array(func() error {
		if n++; n > maxActions {
			return serialization(r.scan.Skip())
		}
		r.actions = append(r.actions, action{})
		return read(&r.actions[n-1])
	})
	return n, err
}

// writeAction reads a TransactWriteItem.
func (r *request) writeAction(x *action) error {
	return r.object(func(name string) error {
		for i := range actionKinds {
			if k := &actionKinds[i]; k.member == name {
				kinds := x.kinds + 1
				err := r.actionBody(x, func(name string) error { return r.writeMember(k.kind, name) })
				x.write.Kind, x.kinds = k.kind, kinds
				return err
			}
		}
		return serialization(r.scan.Skip())
	})
}

// actionBody reads what an action says of its item.
func (r *request) actionBody(x *action, member func(name string) error) error {
	r.single = single{}
	err := r.object(member)
	x.single, x.kinds = r.single, 1
	return err
}

func (r *request) writeMember(k table.Kind, name string) error {
	known := false
	switch name {
	case "TableName", "ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues", "ReturnValuesOnConditionCheckFailure":
		known = true
	case "Item":
		known = k == table.Put
	case "Key":
		known = k != table.Put
	case "UpdateExpression":
		known = k == table.Update
	}
	if !known {
		return serialization(r.scan.Skip())
	}
	return r.member([]byte(name))
}

func (a *API) decodeTransactWriteItems(c *api.Call) error {
	r := a.get(c)
	given, n := false, 0
	err := r.members(func(name []byte) (err error) {
		switch string(name) {
		case "TransactItems":
			given = true
			n, err = r.actionList(r.writeAction)
			return err
		case "ClientRequestToken":
			return r.text(&r.token)
		}
		return r.option(name)
	})
	if err != nil {
		return err
	}
	var v shape.Violations
	countActions(&v, given, n)
	for i := range r.actions {
		a.checkWriteAction(&v, i, &r.actions[i])
	}
	if r.token.ok {
		v.Length("clientRequestToken", r.token.s, 1, maxToken)
	}
	enum(&v, "returnConsumedCapacity", r.returnConsumed, consumedSet)
	enum(&v, "returnItemCollectionMetrics", r.returnMetrics, metricsSet)
	if err := v.Err(); err != nil {
		return err
	}
	for i := range r.actions {
		if x := &r.actions[i]; x.kinds == 1 {
			if err := x.need(c, i, x.kind().iam); err != nil {
				return err
			}
		}
	}
	return nil
}

// countActions checks how many actions there are. The list itself is not
// printed as AWS does, only that there is one.
func countActions(v *shape.Violations, given bool, n int) {
	v.Required("transactItems", given)
	if given {
		v.Count("transactItems", n, 1, maxActions, func() string {
			if n == 0 {
				return "[]"
			}
			return "[...]"
		})
	}
}

func (a *API) checkWriteAction(v *shape.Violations, i int, x *action) {
	if x.kinds == 0 {
		return
	}
	k := x.kind()
	v.Enter("transactItems")
	v.EnterIndex(i)
	v.Enter(k.path)
	a.tableName(v, x.table)
	if k.kind == table.Put {
		v.Required("item", x.hasItem)
	} else {
		v.Required("key", x.hasKey)
	}
	switch k.kind {
	case table.Update:
		v.Required("updateExpression", x.expressions[expr.UpdateKind].ok)
	case table.Check:
		v.Required("conditionExpression", x.expressions[expr.ConditionKind].ok)
	case table.Put, table.Delete:
	}
	enum(v, "returnValuesOnConditionCheckFailure", x.returnOnFailure, onFailureSet)
	v.Leave()
	v.Leave()
	v.Leave()
}

// errTransactionOwners refuses a transaction over tables of several accounts
// (documented; the words are ours).
var errTransactionOwners = aws.Validation("All tables of a transaction must belong to one account")

// need names what the action i needs leave for.
func (x *action) need(c *api.Call, i int, iam string) error {
	owner := c.Owner
	name, err := c.Table(x.table.s)
	if err != nil {
		return err
	}
	if i > 0 && c.Owner != owner {
		return errTransactionOwners
	}
	x.name = name
	c.Need(iam, name, "")
	return nil
}

// AWS's answers to an element that is not one action.
var (
	errTwoActions = aws.Validation("TransactItems can only contain one of Check, Put, Update or Delete")
	errNoAction   = aws.Validation("Invalid Request: TransactWriteRequest should contain Delete or Put or Update request")
)

// bindActions checks all that can be checked of the actions without their
// tables, in their order.
func (a *API) bindActions(r *request) error {
	for i := range r.actions {
		x := &r.actions[i]
		switch {
		case x.kinds > 1:
			return errTwoActions
		case x.kinds == 0:
			return errNoAction
		}
		kinds := []expr.Kind{expr.UpdateKind, expr.ConditionKind}
		if x.write.Kind != table.Update {
			kinds = kinds[1:]
		}
		if err := a.bindWrite(&x.single, kinds...); err != nil {
			return err
		}
		if x.item.Size() > table.MaxItemSize {
			return errItemTooLarge
		}
	}
	size := 0
	for i := range r.actions {
		x := &r.actions[i]
		size += x.item.Size() + x.key.Size()
		for _, v := range x.scope.Values {
			size += v.Value.Size()
		}
		if size > maxTransaction {
			return aws.Validation("Transaction payload size cannot exceed 4MB. Payload Size: %d", size)
		}
	}
	return nil
}

func (a *API) transactWriteItems(ctx context.Context, s *Service, c *api.Call) error {
	r := c.Input.(*request)
	if err := a.bindActions(r); err != nil {
		return err
	}
	tx := &r.transaction
	for i := range r.actions {
		x := &r.actions[i]
		err := s.resolveWrite(x)
		if _, ok := errors.AsType[*aws.Error](err); err != nil && (!ok || atTheDoor(err)) {
			return err
		}
		x.write.KeepIndexes = r.wantsCapacity()
		x.write.KeepOldOnFailure = x.returnOnFailure.s == "ALL_OLD"
		tx.Writes, tx.Errors = append(tx.Writes, &x.write), append(tx.Errors, err)
	}
	if r.token.ok {
		tx.Token = &table.Token{Account: c.Home.Account, Name: r.token.s, Payload: r.payload()}
	}
	err := s.transact(ctx, tx)
	if errors.Is(err, table.ErrCanceled) {
		return canceled(tx)
	}
	if err != nil {
		return err
	}
	wrote(c, tx.Writes...)
	c.Out = r.appendTransaction(append(c.Out, '{'))
	c.Out = append(c.Out, '}')
	return nil
}

// atTheDoor reports whether an error refuses the request as a whole. What only
// the item's table can tell, a key of the wrong type say, cancels the
// transaction instead, with a reason for that action (known from the live
// service and DynamoDB Local); but a missing table and empty key values are
// refused.
func atTheDoor(err error) bool {
	e, ok := errors.AsType[*aws.Error](err)
	return !ok || e.Code != "ValidationException" || e == errItemTooLarge ||
		strings.HasPrefix(e.Message, "One or more parameter values are not valid") ||
		strings.HasPrefix(e.Message, "Key attributes must be scalars")
}

// resolveWrite finds an action's table and checks the action against it.
func (s *Service) resolveWrite(x *action) error {
	w := &x.write
	t, err := s.table(x.name)
	if err != nil {
		return err
	}
	w.Table, w.Item = t, x.item
	if w.Kind == table.Put {
		if w.Key, err = t.ItemKey(x.item); err == nil {
			err = checkItem(t, x.item)
		}
	} else {
		w.Key, err = t.RequestKey(x.key)
	}
	if err != nil {
		return err
	}
	if w.Condition != nil {
		if err := checkScalars(t, w.Condition.Paths()); err != nil {
			return err
		}
	}
	if w.Update == nil {
		return nil
	}
	return checkItemUpdate(t, w.Update)
}

// canceled is AWS's answer to a transaction of which nothing was done.
func canceled(tx *table.Transaction) error {
	codes := make([]string, len(tx.Writes))
	list := []byte{'['}
	for i, w := range tx.Writes {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, '{')
		e, _ := errors.AsType[*aws.Error](tx.Errors[i])
		switch e {
		case nil:
			codes[i] = "None"
		case table.ErrConditionFailed:
			codes[i] = "ConditionalCheckFailed"
			if w.KeepOldOnFailure && w.Old != nil {
				list = append(list, `"Item":`...)
				list = append(item.AppendItemJSON(list, w.Old), ',')
			}
		case errDuplicateItem:
			codes[i] = "DuplicateItem"
		case table.ErrConflict:
			codes[i] = "TransactionConflict"
		case table.ErrCollectionTooLarge:
			codes[i] = "ItemCollectionSizeLimitExceeded"
		default:
			codes[i] = "ValidationError"
		}
		list = jsonscan.AppendString(append(list, `"Code":`...), codes[i])
		if e != nil {
			list = jsonscan.AppendString(append(list, `,"Message":`...), e.Message)
		}
		list = append(list, '}')
	}
	e := aws.Errorf("TransactionCanceledException",
		"Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(codes, ", "))
	e.Members = []aws.Member{{Name: "CancellationReasons", JSON: append(list, ']')}}
	return e
}

// tables groups the actions by what they call their tables: the names in the
// order in which they come, and the name of each action.
func (r *request) tables() (names []string, owner []int) {
	index := make(map[string]int, 1)
	owner = make([]int, len(r.actions))
	for i := range r.actions {
		name := r.actions[i].table.s
		n, ok := index[name]
		if !ok {
			n = len(names)
			index[name], names = n, append(names, name)
		}
		owner[i] = n
	}
	return names, owner
}

// appendTransaction writes the members of a TransactWriteItems' answer.
func (r *request) appendTransaction(dst []byte) []byte {
	if !r.wantsCapacity() && r.returnMetrics.s != "SIZE" {
		return dst
	}
	names, owner := r.tables()
	tx := &r.transaction
	if r.wantsCapacity() {
		usages := make([]usage, len(names))
		for i := range usages {
			usages[i].table, usages[i].also = names[i], alsoWrite
		}
		for i, w := range tx.Writes {
			u := &usages[owner[i]]
			if tx.Token != nil && tx.Token.Replayed {
				// What was done before is only read, at the size that it had then (recorded).
				u.also = alsoRead
				u.units += transactFactor * readUnits(tx.Token.Sizes[i], true)
				continue
			}
			u.write(w)
			// The index part is not doubled (recorded).
			u.units += (transactFactor - 1) * writeUnits(max(w.OldSize, w.NewSize))
		}
		dst = appendUsages(dst, usages, r.returnConsumed.s)
	}
	if r.returnMetrics.s == "SIZE" {
		dst = appendCollections(dst, names, tx.Writes, owner)
	}
	return dst
}
