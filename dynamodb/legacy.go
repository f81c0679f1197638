package dynamodb

import (
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/jsonscan"
	"github.com/hortusdb/hortus/shape"
)

// legacy is what a request says by the parameters of before expressions. They
// are checked by rules of their own (asked of DynamoDB Local where nothing else
// is said) and lowered to the trees that expressions are.
type legacy struct {
	attributes []string // AttributesToGet.
	updates    []legacyUpdate
	expected   []legacyCondition
	filter     []legacyCondition
	keys       []legacyCondition
	operator   text // ConditionalOperator.

	hasAttributes, hasUpdates, hasExpected, hasFilter, hasKeys bool

	filterName string // QueryFilter or ScanFilter.
}

// legacyUpdate is an entry of AttributeUpdates.
type legacyUpdate struct {
	name    string
	action  text
	value   item.Value // Nil where there is none.
	invalid error      // The value is one that AWS does not take.
}

// legacyCondition is an entry of Expected, KeyConditions or a filter.
type legacyCondition struct {
	name     string
	null     bool // JSON's null stands for the whole.
	operator text // ComparisonOperator.
	values   []item.Value
	listed   bool       // It has an AttributeValueList.
	value    item.Value // Of Expected alone, like the next three.
	hasValue bool
	exists   bool
	hasExist bool
	invalid  error // The first value that AWS does not take.
}

// isLegacy reports whether a member is one of the parameters of before
// expressions.
func isLegacy(name string) bool {
	switch name {
	case "AttributesToGet", "AttributeUpdates", "Expected", "ConditionalOperator", "KeyConditions", "QueryFilter", "ScanFilter":
		return true
	}
	return false
}

// legacyMember reads one of the parameters for which isLegacy holds.
func (r *request) legacyMember(name string) error {
	if r.legacy == nil {
		r.legacy = new(legacy)
	}
	l := r.legacy
	switch name {
	case "AttributesToGet":
		l.hasAttributes = true
		return r.attributeNames(&l.attributes)
	case "AttributeUpdates":
		l.hasUpdates = true
		return r.legacyUpdates()
	case "Expected":
		l.hasExpected = true
		return r.legacyConditions(&l.expected, true)
	case "ConditionalOperator":
		return r.text(&l.operator)
	case "KeyConditions":
		l.hasKeys = true
		return r.legacyConditions(&l.keys, false)
	}
	l.hasFilter, l.filterName = true, name
	return r.legacyConditions(&l.filter, false)
}

// attributeNames reads a list of names; a null stands for the empty name.
func (r *request) attributeNames(into *[]string) error {
	*into = nil
	return r.array(func() error {
		var name text
		if r.scan.Peek() == jsonscan.Null {
			if err := r.scan.Null(); err != nil {
				return serialization(err)
			}
		} else if err := r.text(&name); err != nil {
			return err
		}
		*into = append(*into, name.s)
		return nil
	})
}

func (r *request) legacyUpdates() error {
	l := r.legacy
	l.updates = nil
	at := map[string]int{}
	return r.entries(func(name string) error {
		u := legacyUpdate{name: name}
		err := r.objectOrNull(func(member string) error {
			switch member {
			case "Action":
				return r.text(&u.action)
			case "Value":
				return r.legacyValue(&u.value, &u.invalid)
			}
			return serialization(r.scan.Skip())
		})
		if err != nil {
			return err
		}
		if i, ok := at[name]; ok { // Given twice, the last counts.
			l.updates[i] = u
			return nil
		}
		at[name] = len(l.updates)
		l.updates = append(l.updates, u)
		return nil
	})
}

// objectOrNull is object where null may stand for an empty one.
func (r *request) objectOrNull(fn func(member string) error) error {
	if r.scan.Peek() == jsonscan.Null {
		return serialization(r.scan.Null())
	}
	return r.object(fn)
}

// legacyConditions reads a map of conditions. Those of Expected have members that
// the others do not know.
func (r *request) legacyConditions(into *[]legacyCondition, isExpected bool) error {
	*into = nil
	at := map[string]int{}
	return r.entries(func(name string) error {
		c := legacyCondition{name: name, null: r.scan.Peek() == jsonscan.Null}
		err := r.objectOrNull(func(member string) error {
			switch {
			case member == "Value" && isExpected:
				c.hasValue = true
				return r.legacyValue(&c.value, &c.invalid)
			case member == "Exists" && isExpected:
				c.hasExist = true
				return r.bool(&c.exists)
			}
			return r.conditionMember(&c, member)
		})
		if err != nil {
			return err
		}
		if i, ok := at[name]; ok { // Given twice, the last counts.
			(*into)[i] = c
			return nil
		}
		at[name] = len(*into)
		*into = append(*into, c)
		return nil
	})
}

func (r *request) conditionMember(c *legacyCondition, member string) error {
	switch member {
	case "ComparisonOperator":
		return r.text(&c.operator)
	case "AttributeValueList":
		c.listed, c.values = true, nil
		return r.array(func() error {
			var v item.Value
			err := r.legacyValue(&v, &c.invalid)
			c.values = append(c.values, v)
			return err
		})
	}
	return serialization(r.scan.Skip())
}

// legacyValue reads an attribute value. One that the shapes allow and AWS does
// not is left for the checks, which come to it in their own order.
func (r *request) legacyValue(into *item.Value, invalid *error) error {
	start := len(r.buf)
	buf, err := r.values.Value(&r.scan, r.buf)
	if e, ok := err.(*aws.Error); ok && e.Code != "SerializationException" { //nolint:errorlint // As in note.
		if *invalid == nil {
			*invalid = e
		}
		return nil
	}
	if err != nil {
		return err
	}
	r.buf = buf
	*into = buf[start:len(buf):len(buf)]
	return nil
}

// legacyShapes checks what the model asks of the parameters.
func (a *API) legacyShapes(v *shape.Violations, l *legacy) {
	if l == nil {
		return
	}
	l.nameShapes(v)
	v.Enter("attributeUpdates")
	for i := range l.updates {
		if u := &l.updates[i]; u.action.ok {
			v.EnterKey(u.name)
			v.String("action", u.action.s, a.model.Constraint("AttributeAction"))
			v.Leave()
		}
	}
	v.Leave()
	a.conditionShapes(v, "expected", l.expected, false)
	a.conditionShapes(v, "keyConditions", l.keys, true)
	if l.hasFilter {
		name := "queryFilter"
		if l.filterName == "ScanFilter" {
			name = "scanFilter"
		}
		a.conditionShapes(v, name, l.filter, true)
	}
	if l.operator.ok {
		v.String("conditionalOperator", l.operator.s, a.model.Constraint("ConditionalOperator"))
	}
}

// nameShapes checks the length of AttributesToGet.
func (l *legacy) nameShapes(v *shape.Violations) {
	if l.hasAttributes {
		v.Count("attributesToGet", len(l.attributes), 1, 0, func() string { return "[]" })
	}
}

func (a *API) conditionShapes(v *shape.Violations, path string, list []legacyCondition, required bool) {
	v.Enter(path)
	defer v.Leave()
	for i := range list {
		c := &list[i]
		if c.null {
			continue
		}
		v.EnterKey(c.name)
		if required {
			v.Required("comparisonOperator", c.operator.ok)
		}
		if c.operator.ok {
			v.String("comparisonOperator", c.operator.s, a.model.Constraint("ComparisonOperator"))
		}
		v.Leave()
	}
}

// given lists the parameters that a request has, in the order in which AWS
// lists them. KeyConditions may stand beside any expression but the one that
// replaces it.
func (l *legacy) given(keys bool) []string {
	var out []string
	for _, p := range [...]struct {
		is   bool
		name string
	}{
		{l.hasAttributes, "AttributesToGet"},
		{l.hasUpdates, "AttributeUpdates"},
		{l.hasFilter, l.filterName},
		{l.hasExpected, "Expected"},
		{l.operator.ok, "ConditionalOperator"},
		{l.hasKeys && keys, "KeyConditions"},
	} {
		if p.is {
			out = append(out, p.name)
		}
	}
	return out
}

// checkMixed refuses expressions beside the parameters that they replaced
// (recorded). kinds are the operation's, in AWS's order.
func (r *request) checkMixed(kinds ...expr.Kind) error {
	if r.legacy == nil {
		return nil
	}
	var expressions []string
	for _, k := range kinds {
		if r.expressions[k].ok {
			expressions = append(expressions, k.String())
		}
	}
	return mixed(r.legacy.given(r.expressions[expr.KeyConditionKind].ok), expressions)
}

// checkMixedBatch refuses a BatchGetItem in which one table has AttributesToGet
// and one, the same or another, an expression (asked of DynamoDB Local).
func checkMixedBatch(tables []batchKeys) error {
	var parameters, expressions []string
	for i := range tables {
		if tables[i].legacy != nil {
			parameters = []string{"AttributesToGet"}
		}
		if tables[i].projection.ok {
			expressions = []string{expr.ProjectionKind.String()}
		}
	}
	return mixed(parameters, expressions)
}

// appendAttributes writes AttributesToGet as a member of UnprocessedKeys.
func (l *legacy) appendAttributes(dst []byte) []byte {
	dst = append(dst, `"AttributesToGet":[`...)
	for i, name := range l.attributes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsonscan.AppendString(dst, name)
	}
	return append(dst, "],"...)
}
