package dynamodb

import (
	"slices"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/jsonscan"
	"github.com/hortusdb/hortus/shape"
	"github.com/hortusdb/hortus/table"
)

// request is a decoded request of an item-bearing operation. One type serves
// them all: each reads the members that it knows. It is pooled with its memory.
type request struct {
	scan   jsonscan.Scanner
	values item.Decoder
	buf    []byte // Items and values in stored form.

	single
	index text
	start item.Item

	returnValues, returnConsumed, returnMetrics, choice text

	consistent     bool
	backward       bool
	limit          number
	segment, total number

	legacy *legacy // Nil for a request without parameters of before expressions.

	keys []batchKeys
	puts []batchWrites
	row  []byte

	actions     []action
	transaction table.Transaction
	token       text

	statements []statement // Of PartiQL.
	next       text        // NextToken.
}

// single is what a request, or one action of a transaction, says of one item.
type single struct {
	table           text
	key, item       item.Item
	hasKey, hasItem bool
	expressions     [kinds]text // By expr.Kind.
	scope           expr.Scope
	returnOnFailure text
	invalid         error // The first attribute value that the shapes allow and AWS does not.
	badValue        error // The same of ExpressionAttributeValues.
	write           table.Write
}

// kinds is more than every expr.Kind.
const kinds = 8

// text is a string member; a present one may be empty.
type text struct {
	s  string
	ok bool
}

type number struct {
	n  int64
	ok bool
}

// reset readies r for the next request and keeps its memory.
func (r *request) reset(body []byte) {
	w := r.write
	w = table.Write{Old: w.Old[:0], Touched: w.Touched[:0]}
	*r = request{
		scan: r.scan, values: r.values, buf: r.buf[:0], row: r.row[:0],
		single: single{write: w}, actions: r.actions[:0],
		transaction: table.Transaction{Writes: r.transaction.Writes[:0], Errors: r.transaction.Errors[:0]},
	}
	r.scan.Reset(body)
}

// What a pooled request keeps at most: bytes of a buffer, and actions.
const (
	maxKept        = 1 << 20
	maxKeptActions = 32
)

// get takes a request out of the pool; put gives it back when the call is over.
func (a *API) get(c *api.Call) *request {
	r := a.requests.Get().(*request)
	r.reset(c.Body)
	c.Input = r
	return r
}

func (a *API) put(r *request) {
	if cap(r.buf) > maxKept {
		r.buf = nil
	}
	if cap(r.row) > maxKept {
		r.row = nil
	}
	clear(r.actions)
	if cap(r.actions) > maxKeptActions {
		r.actions, r.transaction = nil, table.Transaction{}
	}
	a.requests.Put(r)
}

// Release gives back what a call was decoded into. The call's Input is then no
// longer valid.
func (a *API) Release(c *api.Call) {
	if r, ok := c.Input.(*request); ok {
		c.Input = nil
		a.put(r)
	}
}

// decode reads all members of a single-table operation. Attribute values that
// the operation has no member for are passed over, as AWS does with what it
// does not know; takes lists those that it has.
func (r *request) decode(takes ...string) error {
	return r.members(func(name []byte) error {
		switch string(name) {
		case "Key", "Item", "ExclusiveStartKey", "ExpressionAttributeValues":
			if !slices.Contains(takes, string(name)) {
				return serialization(r.scan.Skip())
			}
		}
		if isLegacy(string(name)) && slices.Contains(takes, string(name)) {
			return r.legacyMember(string(name))
		}
		return r.member(name)
	})
}

func (r *request) member(name []byte) error {
	switch string(name) {
	case "TableName":
		return r.text(&r.table)
	case "IndexName":
		return r.text(&r.index)
	case "Key":
		r.hasKey = true
		return r.attributes(&r.key)
	case "Item":
		r.hasItem = true
		return r.attributes(&r.item)
	case "ExclusiveStartKey":
		return r.attributes(&r.start)
	case "ConditionExpression":
		return r.text(&r.expressions[expr.ConditionKind])
	case "UpdateExpression":
		return r.text(&r.expressions[expr.UpdateKind])
	case "ProjectionExpression":
		return r.text(&r.expressions[expr.ProjectionKind])
	case "FilterExpression":
		return r.text(&r.expressions[expr.FilterKind])
	case "KeyConditionExpression":
		return r.text(&r.expressions[expr.KeyConditionKind])
	case "ExpressionAttributeNames":
		return r.names()
	case "ExpressionAttributeValues":
		return r.placeholders()
	}
	return r.option(name)
}

// option reads the members that say how, not what.
func (r *request) option(name []byte) error {
	switch string(name) {
	case "ReturnValues":
		return r.text(&r.returnValues)
	case "ReturnConsumedCapacity":
		return r.text(&r.returnConsumed)
	case "ReturnItemCollectionMetrics":
		return r.text(&r.returnMetrics)
	case "ReturnValuesOnConditionCheckFailure":
		return r.text(&r.returnOnFailure)
	case "Select":
		return r.text(&r.choice)
	case "ConsistentRead":
		return r.bool(&r.consistent)
	case "ScanIndexForward":
		forward := true
		err := r.bool(&forward)
		r.backward = !forward
		return err
	case "Limit":
		return r.number(&r.limit)
	case "Segment":
		return r.number(&r.segment)
	case "TotalSegments":
		return r.number(&r.total)
	}
	return serialization(r.scan.Skip())
}

// attributes reads a map of attribute values.
func (r *request) attributes(into *item.Item) error {
	start := len(r.buf)
	var err error
	r.buf, err = r.values.Item(&r.scan, r.buf)
	if err := r.note(err); err != nil {
		return err
	}
	*into = r.buf[start:len(r.buf):len(r.buf)]
	return nil
}

// note keeps the first attribute value that the shapes allow and AWS does not:
// broken constraints of the model are told before it.
func (r *request) note(err error) error {
	e, ok := err.(*aws.Error) //nolint:errorlint // The decoder returns nothing else, and wraps nothing.
	if err == nil || !ok || e.Code == "SerializationException" {
		return err
	}
	if r.invalid == nil {
		r.invalid = e
	}
	return nil
}

// names reads ExpressionAttributeNames.
func (r *request) names() error {
	r.scope.Names = expr.Names{}
	return r.object(func(placeholder string) error {
		var name text
		if err := r.text(&name); err != nil {
			return err
		}
		r.scope.Names = append(r.scope.Names, expr.Name{Placeholder: placeholder, Attribute: name.s})
		return nil
	})
}

// placeholders reads ExpressionAttributeValues. A bad value counts as one.
func (r *request) placeholders() error {
	r.scope.Values = expr.Values{}
	return r.entries(func(placeholder string) error {
		start := len(r.buf)
		buf, err := r.values.Value(&r.scan, r.buf)
		if e, ok := err.(*aws.Error); ok && e.Code != "SerializationException" { //nolint:errorlint // As in note.
			if r.badValue == nil {
				r.badValue = aws.Validation("ExpressionAttributeValues contains invalid value: %s for key %s", e.Message, placeholder)
			}
			buf, err = item.AppendNull(r.buf), nil
		}
		if err != nil {
			return err
		}
		r.buf = buf
		r.scope.Values = append(r.scope.Values, expr.Value{Placeholder: placeholder, Value: buf[start:len(buf):len(buf)]})
		return nil
	})
}

// checkPlaceholders checks the names and values of expressions by themselves.
func (r *single) checkPlaceholders() error {
	if err := r.scope.Check(); err != nil {
		return err
	}
	return r.badValue
}

// Sets of values of enumerated members, in the order in which AWS lists them.
var (
	consumedSet  = []string{"INDEXES", "TOTAL", "NONE"}
	returnSet    = []string{"ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"}
	metricsSet   = []string{"SIZE", "NONE"}
	onFailureSet = []string{"ALL_OLD", "NONE"}
	choiceSet    = []string{"SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"}
)

// enum checks an enumerated member that is present.
func enum(v *shape.Violations, path string, t text, set []string) {
	if t.ok {
		v.Enum(path, t.s, set)
	}
}

// options checks the members that most operations have.
func (r *request) options(v *shape.Violations) {
	enum(v, "returnConsumedCapacity", r.returnConsumed, consumedSet)
	enum(v, "returnItemCollectionMetrics", r.returnMetrics, metricsSet)
	enum(v, "returnValues", r.returnValues, returnSet)
	enum(v, "returnValuesOnConditionCheckFailure", r.returnOnFailure, onFailureSet)
}

// tableName checks the name of the table and makes its owner the call's.
func (a *API) tableName(v *shape.Violations, t text) {
	v.Required("tableName", t.ok)
	if t.ok {
		v.String("tableName", t.s, a.model.Constraint("TableNameOrArn"))
	}
}

// finish ends decoding: the constraints, then the owner, then what AWS checks of
// attribute values.
func (r *request) finish(c *api.Call, v *shape.Violations, action string, index string) error {
	if err := v.Err(); err != nil {
		return err
	}
	name, err := c.Table(r.table.s)
	if err != nil {
		return err
	}
	c.Need(action, name, index)
	return nil
}
