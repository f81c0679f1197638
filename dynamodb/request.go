package dynamodb

import (
	"math"
	"slices"
	"strconv"

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

// members reads the object that the body is, and gives each member to fn, which
// reads exactly one value.
func (r *request) members(fn func(name []byte) error) error {
	if kind := r.scan.Peek(); kind != jsonscan.Object {
		return aws.Serialization("")
	}
	if err := r.scan.BeginObject(); err != nil {
		return aws.Serialization("")
	}
	for {
		name, more, err := r.scan.NextKey()
		if err != nil {
			return aws.Serialization("")
		}
		if !more {
			if r.scan.Finish() != nil {
				return aws.Serialization("")
			}
			return nil
		}
		if r.scan.Peek() == jsonscan.Null {
			err = serialization(r.scan.Null())
		} else {
			err = fn(name)
		}
		if err != nil {
			return err
		}
	}
}

func serialization(err error) error {
	if err != nil {
		return aws.Serialization("")
	}
	return nil
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

// text reads a string member.
func (r *request) text(t *text) error {
	switch r.scan.Peek() {
	case jsonscan.String:
		b, err := r.scan.String(nil)
		t.s, t.ok = string(b), true
		return serialization(err)
	case jsonscan.Number:
		return aws.Serialization("NUMBER_VALUE cannot be converted to String")
	case jsonscan.True:
		return aws.Serialization("TRUE_VALUE cannot be converted to String")
	case jsonscan.False:
		return aws.Serialization("FALSE_VALUE cannot be converted to String")
	}
	return r.container()
}

// container words an object or a list where a scalar belongs.
func (r *request) container() error {
	switch r.scan.Peek() {
	case jsonscan.Object:
		return aws.Serialization("Start of structure or map found where not expected")
	case jsonscan.Array:
		return aws.Serialization("Unrecognized collection type class java.lang.String")
	}
	return aws.Serialization("")
}

// bool reads a boolean member. A string is taken for one too (recorded).
func (r *request) bool(v *bool) error {
	switch r.scan.Peek() {
	case jsonscan.True, jsonscan.False:
		var err error
		*v, err = r.scan.Bool()
		return serialization(err)
	case jsonscan.String:
		b, err := r.scan.Text()
		*v = string(b) == "true"
		return serialization(err)
	case jsonscan.Number:
		return aws.Serialization("NUMBER_VALUE cannot be converted to Boolean")
	}
	return r.container()
}

// number reads an integer member; one out of range becomes the nearest.
func (r *request) number(v *number) error {
	switch r.scan.Peek() {
	case jsonscan.Number:
		b, err := r.scan.Number()
		if err != nil {
			return aws.Serialization("")
		}
		f, err := strconv.ParseFloat(string(b), 64)
		if err != nil {
			f = math.MaxInt32
		}
		v.n, v.ok = int64(max(math.MinInt32, min(math.MaxInt32, f))), true
		return nil
	case jsonscan.String:
		return aws.Serialization("STRING_VALUE cannot be converted to Integer")
	case jsonscan.True:
		return aws.Serialization("TRUE_VALUE cannot be converted to Integer")
	case jsonscan.False:
		return aws.Serialization("FALSE_VALUE cannot be converted to Integer")
	}
	return r.container()
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

// object reads a JSON object and gives each member to fn; a null one is left
// out.
func (r *request) object(fn func(name string) error) error {
	return r.entries(func(name string) error {
		if r.scan.Peek() == jsonscan.Null {
			return serialization(r.scan.Null())
		}
		return fn(name)
	})
}

// entries reads a JSON object and gives each member to fn.
func (r *request) entries(fn func(name string) error) error {
	switch r.scan.Peek() {
	case jsonscan.Object:
	case jsonscan.Array:
		return aws.Serialization("Unrecognized collection type java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>")
	case jsonscan.Invalid, jsonscan.End:
		return aws.Serialization("")
	default:
		return aws.Serialization("Unexpected value type in payload")
	}
	if r.scan.BeginObject() != nil {
		return aws.Serialization("")
	}
	for {
		name, more, err := r.scan.NextKey()
		if err != nil {
			return aws.Serialization("")
		}
		if !more {
			return nil
		}
		if err := fn(string(name)); err != nil {
			return err
		}
	}
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
