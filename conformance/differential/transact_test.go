//go:build conformance

package differential

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// transaction makes a TransactWriteItems of a few actions, or now and then
// repeats one that was done, with its token.
func (g *generator) transaction(done []object, token string) object {
	if len(done) > 0 && g.often(8) {
		r := pick(g, done...)
		if g.often(30) {
			r = clone(r).(object)
			r["TransactItems"] = append(r["TransactItems"].([]any), object{"Delete": object{"TableName": "users", "Key": object{"id": object{"S": "extra"}}}})
		}
		return r
	}
	var actions []any
	for range 1 + g.IntN(4) {
		actions = append(actions, g.transactAction(&schemas[g.IntN(len(schemas))]))
	}
	r := object{"TransactItems": actions, "ClientRequestToken": token}
	g.capacity(r)
	if g.often(10) {
		r["ReturnItemCollectionMetrics"] = pick(g, "NONE", "SIZE")
	}
	return r
}

func (g *generator) transactAction(s *schema) object {
	a := object{"TableName": s.name}
	p := g.placeholders()
	kind := pick(g, "Put", "Put", "Update", "Update", "Delete", "ConditionCheck")
	if kind == "ConditionCheck" || g.often(25) {
		a["ConditionExpression"] = p.condition(1)
	}
	switch kind {
	case "Put":
		a["Item"] = g.item(s)
	case "Update":
		a["UpdateExpression"] = p.update()
		fallthrough
	default:
		a["Key"] = g.key(s)
	}
	if g.often(3) {
		delete(a, "Key")
		a["Key"] = g.key(&schemas[g.IntN(len(schemas))])
	}
	if g.often(30) {
		a["ReturnValuesOnConditionCheckFailure"] = pick(g, "ALL_OLD", "NONE")
	}
	p.attach(a)
	return object{kind: a}
}

func (g *generator) transactGet() object {
	var actions []any
	for range 1 + g.IntN(5) {
		s := &schemas[g.IntN(len(schemas))]
		a := object{"TableName": s.name, "Key": g.key(s)}
		p := g.placeholders()
		if g.often(30) {
			a["ProjectionExpression"] = p.projection(s)
		}
		p.attach(a)
		actions = append(actions, object{"Get": a})
	}
	r := object{"TransactItems": actions}
	g.capacity(r)
	return r
}

// reasons are the codes of a canceled transaction and the items of its failed
// conditions. Texts are compared where they are alone.
func reasons(a *answer) []any {
	list, _ := a.body["CancellationReasons"].([]any)
	var out []any
	for _, v := range list {
		r := v.(object)
		out = append(out, object{"Code": r["Code"], "Item": canonical(r["Item"])})
	}
	return out
}

// foldReasons brings the answers of both to one form, as far as facts say that
// they differ.
func foldReasons(local, ours *answer) (why string) {
	text, _ := encode(ours.body)
	switch {
	case local.kind == "ValidationException" && ours.kind == "TransactionCanceledException":
		// Documented: what an action meets in its table cancels, with a reason.
		list, _ := ours.body["CancellationReasons"].([]any)
		for _, v := range list {
			if m, _ := v.(object)["Message"].(string); m != "" && (sameFault(local.message, m) || metFault(local.message) && metFault(m)) {
				return "a fault that the table tells cancels"
			}
		}
	case local.kind == "TransactionCanceledException" && local.kind == ours.kind:
		a, b := reasons(local), reasons(ours)
		if reflect.DeepEqual(a, b) {
			return "canceled alike"
		}
		if len(a) < len(b) && reflect.DeepEqual(a, b[:len(a)]) {
			return "DynamoDB Local leaves out reasons after a fault of the keys"
		}
		if strings.Contains(string(text), "Cannot update attribute") {
			return "an update of a key: before its condition is tested, or after"
		}
	case local.kind == "IdempotentParameterMismatchException" && local.kind == ours.kind:
		return "mismatch"
	case local.message == "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes":
		return "an empty value"
	case local.kind == "ValidationException" && strings.Contains(ours.message, "must satisfy") || strings.Contains(ours.message, "Member must"):
		return "constraints of the model come first"
	}
	switch {
	case local.ok() && ours.message == sameItem:
		return "one key in two spellings of its number is one item"
	case !ours.ok() && (local.message == sameItem || ours.message == sameItem),
		says(local, localKey) && says(ours, `The AttributeValue for a key attribute cannot contain an empty`):
		return "two faults, of which each tells one"
	}
	if strings.Contains(string(text), "Type mismatch for Index Key") || strings.Contains(string(text), "attempted to update the secondary index key") {
		return "DynamoDB Local takes index keys of a wrong type in an Update" // Documented: it cancels.
	}
	if strings.HasPrefix(ours.message, "Key attributes must be scalars") {
		return "DynamoDB Local takes paths into keys in a ConditionCheck, and looks for them late"
	}
	return ""
}

// sameItem is said of a transaction that names an item twice.
const sameItem = "Transaction request cannot include multiple operations on one item"

// metFault reports whether an update can only meet that fault in the item: an
// update that has two may tell either.
func metFault(m string) bool {
	return m == "The provided expression refers to an attribute that does not exist in the item" ||
		m == "The document path provided in the update expression is invalid for update" ||
		m == "An operand in the update expression has an incorrect data type" ||
		strings.Contains(m, "38 ") && strings.Contains(m, "digits")
}

// sameFault reports whether two texts tell one fault: DynamoDB Local knows fewer
// details and has a text of its own for a key that is not all there.
func sameFault(local, ours string) bool {
	for _, pair := range [][2]string{
		{"One of the required keys was not given a value", "Missing the key"},
		{"secondary index key", "secondary index key"},
		{"Invalid attribute value type", "attempted to update the secondary index key"},
		{"precision up to 38 digits", "more than 38 significant digits"},
		{"Invalid attribute value type", "Type mismatch for "},
		{"One of the required keys was not given a value", "The provided key element does not match the schema"},
		{"The number of conditions on the keys is invalid", "The provided key element does not match the schema"},
	} {
		if strings.Contains(local, pair[0]) && strings.Contains(ours, pair[1]) {
			return true
		}
	}
	return canonicalMessage(local) == canonicalMessage(ours)
}

// plainCapacity leaves out tables with indexes: the index part of a transaction
// is not doubled (recorded), and DynamoDB Local doubles it.
func plainCapacity(a *answer) {
	list, ok := a.body["ConsumedCapacity"].([]any)
	if !ok {
		return
	}
	list = slices.DeleteFunc(slices.Clone(list), func(v any) bool {
		name := v.(object)["TableName"]
		return slices.ContainsFunc(schemas, func(s schema) bool { return s.name == name && len(s.indexes) > 0 })
	})
	for _, v := range list {
		if table, ok := v.(object)["Table"].(object); ok { // DynamoDB Local leaves members out of it when it reads.
			delete(table, "ReadCapacityUnits")
		}
	}
	a.body["ConsumedCapacity"] = list
	if len(list) == 0 {
		delete(a.body, "ConsumedCapacity")
	}
}

// transactions makes transactions, and repeats of those that were done.
type transactions struct {
	*generator
	made     int
	repeated []object
}

func newTransactions(g *generator) source { return &transactions{generator: g} }

func (s *transactions) next() *call {
	s.made++
	if s.made%3 == 0 {
		return &call{operation: "TransactGetItems", request: s.transactGet(), how: exactly}
	}
	token := fmt.Sprintf("%x", s.Uint64())
	return &call{operation: "TransactWriteItems", request: s.transaction(s.repeated, token), how: exactly, writes: true}
}

func (s *transactions) done(c *call) {
	if c.valid && c.request["ClientRequestToken"] != nil {
		s.repeated = append(s.repeated, c.request)
	}
}

// runTransaction sends a transaction to both.
func (s *session) runTransaction(c *call) (*difference, error) {
	local, ours, err := s.both(c.operation, s.fresh(c.request))
	if err != nil {
		return nil, err
	}
	c.valid = local.ok()
	plainCapacity(local)
	plainCapacity(ours)
	what := compare(c, local, ours)
	if what == "" && local.kind != "TransactionCanceledException" && local.kind != "IdempotentParameterMismatchException" {
		return nil, nil
	}
	return &difference{c, what, local, ours}, nil
}

// explainTransaction has words for what both answer alike, too: a run is to meet
// transactions that fail.
func explainTransaction(d *difference) string {
	if why := foldReasons(d.local, d.ours); why != "" {
		return why
	}
	if d.what == "" {
		return "alike"
	}
	return named(explanation)(d)
}
