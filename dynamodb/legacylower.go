package dynamodb

import (
	"slices"
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
)

// mixed words parameters and expressions that stand in one request.
func mixed(parameters, expressions []string) error {
	if len(parameters) == 0 || len(expressions) == 0 {
		return nil
	}
	return aws.Validation("Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {%s} Expression parameters: {%s}",
		strings.Join(parameters, ", "), strings.Join(expressions, ", "))
}

var errEmptyName = aws.Validation("Empty attribute name")

// comparison is what a ComparisonOperator takes and what it is lowered to.
type comparison struct {
	op       expr.Op
	low      int         // How many values it takes, at least.
	high     int         // At most; -1 for any number.
	operands []item.Type // Their types; nil for all.
}

var (
	scalars  = []item.Type{item.TypeS, item.TypeN, item.TypeB}
	prefixes = []item.Type{item.TypeS, item.TypeB}
	members  = []item.Type{item.TypeS, item.TypeN, item.TypeB, item.TypeBOOL, item.TypeNULL}
)

// comparisonOf knows each ComparisonOperator. NOT_CONTAINS is a negation, which
// node adds.
func comparisonOf(operator string) comparison {
	switch operator {
	case "NE":
		return comparison{op: expr.OpNE, low: 1, high: 1}
	case "IN":
		return comparison{op: expr.OpIn, low: 1, high: -1, operands: scalars}
	case "LE":
		return comparison{op: expr.OpLE, low: 1, high: 1, operands: scalars}
	case "LT":
		return comparison{op: expr.OpLT, low: 1, high: 1, operands: scalars}
	case "GE":
		return comparison{op: expr.OpGE, low: 1, high: 1, operands: scalars}
	case "GT":
		return comparison{op: expr.OpGT, low: 1, high: 1, operands: scalars}
	case "BETWEEN":
		return comparison{op: expr.OpBetween, low: 2, high: 2, operands: scalars}
	case "NOT_NULL":
		return comparison{op: expr.OpAttributeExists}
	case "NULL":
		return comparison{op: expr.OpAttributeNotExists}
	case "CONTAINS", "NOT_CONTAINS":
		return comparison{op: expr.OpContains, low: 1, high: 1, operands: members}
	case "BEGINS_WITH":
		return comparison{op: expr.OpBeginsWith, low: 1, high: 1, operands: prefixes}
	default: // EQ: the model knows no other.
		return comparison{op: expr.OpEQ, low: 1, high: 1}
	}
}

// check checks the operator against its values: the values first, then how many
// there are, their types, and the bounds of BETWEEN.
func (c *legacyCondition) check() error {
	if c.invalid != nil {
		return c.invalid
	}
	op, values := c.operator.s, c.values
	cmp := comparisonOf(op)
	if len(values) < cmp.low || cmp.high >= 0 && len(values) > cmp.high {
		return aws.InvalidParameter("Invalid number of argument(s) for the %s ComparisonOperator", op)
	}
	for _, v := range values {
		if cmp.operands != nil && !slices.Contains(cmp.operands, v.Type()) {
			return aws.InvalidParameter("ComparisonOperator %s is not valid for %s AttributeValue type", op, v.Type())
		}
	}
	for _, v := range values {
		if v.Type() != values[0].Type() {
			return aws.InvalidParameter("AttributeValues inside AttributeValueList must be of same type")
		}
	}
	if cmp.op == expr.OpBetween {
		if order, _ := item.Compare(values[0], values[1]); order > 0 {
			return aws.Validation("The BETWEEN condition was provided a range where the lower bound is greater than the upper bound")
		}
	}
	if c.name == "" {
		return errEmptyName
	}
	return nil
}

// expect checks an entry of Expected and gives it the operator and the values
// that it stands for.
func (c *legacyCondition) expect() error {
	fault := c.expectFault()
	switch {
	case fault != "":
		return aws.InvalidParameter("%s for Attribute: %s", fault, c.name)
	case c.operator.ok:
	case c.hasValue:
		c.operator.s = "EQ"
	default:
		c.operator.s = "NULL"
	}
	if c.name == "" {
		return errEmptyName
	}
	if c.hasValue {
		c.values = []item.Value{c.value}
	}
	return c.check()
}

// expectFault tells which members of an entry of Expected do not go together.
func (c *legacyCondition) expectFault() string {
	op := c.operator
	switch {
	case c.null:
		return "ExpectedAttributeValue must not be null"
	case op.ok && c.hasExist:
		return "Exists and ComparisonOperator cannot be used together"
	case c.hasValue && c.listed:
		return "Value and AttributeValueList cannot be used together"
	case op.ok && !c.hasValue && !c.listed && comparisonOf(op.s).low > 0:
		return "Value or AttributeValueList must be used with ComparisonOperator: " + op.s
	case !op.ok && c.listed:
		return "AttributeValueList can only be used with a ComparisonOperator"
	case op.ok:
		return ""
	case !c.hasExist && !c.hasValue:
		return "Value must be provided when Exists is null"
	case c.hasExist && c.exists && !c.hasValue:
		return "Value must be provided when Exists is true"
	case c.hasExist && !c.exists && c.hasValue:
		return "Value cannot be used when Exists is false"
	}
	return ""
}

// checkConditions checks the entries of KeyConditions or of a filter.
func checkConditions(list []legacyCondition) error {
	for i := range list {
		c := &list[i]
		if c.null {
			return aws.Validation("The filter condition for an attribute cannot be null: %s", c.name)
		}
		if err := c.check(); err != nil {
			return err
		}
	}
	return nil
}

// checkExpected checks Expected.
func (l *legacy) checkExpected() error {
	if l == nil {
		return nil
	}
	for i := range l.expected {
		if err := l.expected[i].expect(); err != nil {
			return err
		}
	}
	return nil
}

// checkOperator checks ConditionalOperator against the conditions that it joins.
func (l *legacy) checkOperator() error {
	switch n := len(l.expected) + len(l.filter); {
	case !l.operator.ok || n > 1:
		return nil
	case n == 0:
		return aws.Validation("ConditionalOperator cannot be used without Filter or Expected")
	}
	return aws.Validation("ConditionalOperator can only be used when Filter or Expected has two or more elements")
}

func top(name string) item.Path { return item.Path{item.Name(name)} }

// node is the condition as a tree. NOT_CONTAINS does not hold for what is not
// there, NE does.
func (c *legacyCondition) node(b *expr.Builder) expr.Node {
	operands := make([]expr.Node, 1, 1+len(c.values))
	operands[0] = b.Path(top(c.name))
	for _, v := range c.values {
		operands = append(operands, b.Literal(v))
	}
	n := b.Apply(comparisonOf(c.operator.s).op, operands...)
	if c.operator.s == "NOT_CONTAINS" {
		exists := b.Apply(expr.OpAttributeExists, b.Path(top(c.name)))
		return b.Apply(expr.OpAnd, exists, b.Apply(expr.OpNot, n))
	}
	return n
}

// lower joins checked conditions, of which there are some.
func lower(kind expr.Kind, list []legacyCondition, or bool) *expr.Expression {
	b := expr.NewBuilder(kind)
	nodes := make([]expr.Node, len(list))
	for i := range list {
		nodes[i] = list[i].node(b)
	}
	switch {
	case len(nodes) == 1:
		b.Where(nodes[0])
	case or:
		b.Where(b.Apply(expr.OpOr, nodes...))
	default:
		b.Where(b.Apply(expr.OpAnd, nodes...))
	}
	return b.Expression()
}

// condition binds Expected or the filter, which were checked; nil if there are
// no conditions.
func (l *legacy) condition(kind expr.Kind, list []legacyCondition) (*expr.Condition, error) {
	if len(list) == 0 {
		return nil, nil
	}
	return expr.BindCondition(lower(kind, list, l.operator.s == "OR"), &expr.Scope{})
}

// bindExpected binds a write's Expected. A PutItem comes to it here; others have
// checked it before.
func (r *request) bindExpected() error {
	l := r.legacy
	if l == nil {
		return nil
	}
	if r.hasItem {
		if err := l.checkExpected(); err != nil {
			return err
		}
	}
	if err := l.checkOperator(); err != nil || len(l.expected) == 0 {
		return err
	}
	var err error
	r.write.Condition, err = l.condition(expr.ConditionKind, l.expected)
	return err
}

// projection binds AttributesToGet; nil if there is none.
func (l *legacy) projection() (*expr.Projection, error) {
	if l == nil || !l.hasAttributes {
		return nil, nil
	}
	b := expr.NewBuilder(expr.ProjectionKind)
	b.Distinct()
	seen := make(map[string]bool, len(l.attributes))
	for _, name := range l.attributes {
		if name == "" {
			return nil, errEmptyName
		}
		if seen[name] {
			return nil, aws.InvalidParameter("Duplicate value in attribute name: %s", name)
		}
		seen[name] = true
		b.Project(b.Path(top(name)))
	}
	return expr.BindProjection(b.Expression(), &expr.Scope{})
}

// maxKeyAttributes is how many attributes the key of an index may have, each of
// hash and range up to four (documented).
const maxKeyAttributes = 8

var errKeyConditions = aws.Validation("Conditions can be of length 1 or 2 only")

// bindKeys binds KeyConditions, which is there. What depends on the key's schema is for Lower.
func (l *legacy) bindKeys() (*expr.KeyCondition, error) {
	if len(l.keys) == 0 {
		return nil, errKeyConditions
	}
	if err := checkConditions(l.keys); err != nil {
		return nil, err
	}
	if len(l.keys) > maxKeyAttributes {
		return nil, errKeyConditions
	}
	b := expr.NewBuilder(expr.KeyConditionKind)
	nodes := make([]expr.Node, len(l.keys))
	for i := range l.keys {
		c := &l.keys[i]
		operands := []expr.Node{b.Path(top(c.name))}
		for _, v := range c.values {
			operands = append(operands, b.Literal(v))
		}
		nodes[i] = b.Apply(comparisonOf(c.operator.s).op, operands...)
	}
	b.Where(b.Apply(expr.OpAnd, nodes...))
	return expr.BindKeyCondition(b.Expression(), &expr.Scope{})
}

// bindLegacyPage binds what a Query or Scan says by the parameters of before
// expressions, and checks Select between them.
func (r *request) bindLegacyPage(p *page, isQuery bool) error {
	if r.legacy.hasKeys {
		var err error
		if p.condition, err = r.legacy.bindKeys(); err != nil {
			return err
		}
	}
	if isQuery && p.condition == nil {
		return errNoKeyCondition
	}
	if err := r.bindLegacyFilter(p); err != nil {
		return err
	}
	if err := checkPage(r, p, isQuery); err != nil {
		return err
	}
	if !r.legacy.hasAttributes {
		return nil
	}
	var err error
	p.projection, err = r.legacy.projection()
	return err
}

// bindLegacyFilter binds a page's filter and checks ConditionalOperator.
func (r *request) bindLegacyFilter(p *page) error {
	l := r.legacy
	if err := checkConditions(l.filter); err != nil {
		return err
	}
	if err := l.checkOperator(); err != nil || len(l.filter) == 0 {
		return err
	}
	var err error
	p.Filter, err = l.condition(expr.FilterKind, l.filter)
	return err
}

// checkFilterKeys refuses a filter of a Query that names a key attribute of what
// is queried.
func (r *request) checkFilterKeys(p *page, schema expr.KeySchema) error {
	l := r.legacy
	if l == nil || !l.hasFilter {
		return p.Filter.CheckNoKeys(schema)
	}
	for _, a := range slices.Concat(schema.Hash, schema.Range) {
		if slices.ContainsFunc(l.filter, func(c legacyCondition) bool { return c.name == a.Name }) {
			return aws.Validation("QueryFilter can only contain non-primary key attributes: Primary key attribute: %s", a.Name)
		}
	}
	return nil
}

// errUpdateType is AWS's answer to an ADD or DELETE whose attribute has another
// type than its value.
var errUpdateType = aws.Validation("Type mismatch for attribute to update")

// bindUpdates binds AttributeUpdates; an empty one updates nothing.
func (r *request) bindUpdates() error {
	l := r.legacy
	if l == nil || len(l.updates) == 0 {
		return nil
	}
	b := expr.NewBuilder(expr.UpdateKind)
	b.Distinct()
	b.TypeMismatch(errUpdateType)
	for i := range l.updates {
		if err := l.updates[i].lower(b); err != nil {
			return err
		}
	}
	var err error
	r.write.Update, err = expr.BindUpdate(b.Expression(), &expr.Scope{})
	return err
}

// lower checks an update and adds it to b. ADD of a list appends.
func (u *legacyUpdate) lower(b *expr.Builder) error {
	action := u.action.s
	t := u.value.Type()
	isList := action == "ADD" && t == item.TypeL
	switch {
	case u.invalid != nil:
		return u.invalid
	case u.name == "":
		return errEmptyName
	case u.value == nil && action != "DELETE":
		return aws.InvalidParameter("Only DELETE action is allowed when no attribute value is specified")
	case action == "ADD" && t != item.TypeN && !t.IsSet() && !isList:
		return aws.InvalidParameter("ADD action is not supported for the type %s", typeName(t))
	case action == "DELETE" && u.value != nil && !t.IsSet():
		return aws.InvalidParameter("DELETE action with value is not supported for the type %s", typeName(t))
	}
	path := b.Path(top(u.name))
	switch {
	case isList:
		old := b.Apply(expr.OpIfNotExists, b.Path(top(u.name)), b.Literal(item.BuildList(nil, nil)))
		b.Set(path, b.Apply(expr.OpListAppend, old, b.Literal(u.value)))
	case action == "ADD":
		b.Add(path, b.Literal(u.value))
	case action == "DELETE" && u.value == nil:
		b.Remove(path)
	case action == "DELETE":
		b.Delete(path, b.Literal(u.value))
	default:
		b.Set(path, b.Literal(u.value))
	}
	return nil
}

// typeName is a type as the texts on AttributeUpdates name it.
func typeName(t item.Type) string {
	switch t {
	case item.TypeS:
		return "STRING"
	case item.TypeN:
		return "NUMBER"
	case item.TypeB:
		return "BINARY"
	case item.TypeBOOL:
		return "BOOLEAN"
	case item.TypeL:
		return "LIST"
	case item.TypeM:
		return "MAP"
	default: // Sets are always allowed.
		return "NULL"
	}
}
