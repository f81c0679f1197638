package partiql

import (
	"errors"
	"slices"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
)

// lowering makes an expression of package expr.
type lowering struct {
	binding
	builder *expr.Builder
	schema  expr.KeySchema // Whose attributes have types.
}

// Check returns what is wrong with the conditions of a statement by themselves.
func (s *Statement) Check(parameters []item.Value) error {
	b := binding{s, parameters}
	_, err := b.condition(expr.FilterKind, expr.KeySchema{}, "", conjuncts(nil, s.where))
	return err
}

// Refusal returns what DynamoDB does not take of a statement whatever its table is:
// of a SELECT the clauses, the source and the list, and of all else the target, where
// what is wrong with the rest of the text goes before.
func (s *Statement) Refusal(parameters []item.Value) error {
	if s.fault == nil {
		return s.refused
	}
	err := s.Check(parameters)
	if err == nil && s.Kind == Insert {
		_, err = s.Item(parameters)
	}
	if err == nil && s.Kind == Update {
		_, err = s.Update(parameters)
	}
	if err == nil {
		err = s.fault
	}
	return err
}

// CheckReturning returns what DynamoDB does not take of RETURNING. It looks there
// when it knows the item's key.
func (s *Statement) CheckReturning() error { return s.returning }

// countOperators counts operators and functions as the limit on them does.
func countOperators(n *node) int {
	count := 0
	switch {
	case n == nil:
		return 0
	case n.is(expr.OpAnd), n.is(expr.OpOr):
		count = len(n.args) - 1
	case n.isExpression():
		count = 1
	}
	for _, a := range n.args {
		count += countOperators(a)
	}
	return count
}

// condition lowers the conjunction of conditions; nil when there are none. That
// key attributes are compared with other types comes after all other errors.
func (b *binding) condition(kind expr.Kind, schema expr.KeySchema, exists string, list []*node) (*expr.Condition, error) {
	c, err := b.conjunction(kind, schema, exists, list)
	if errors.Is(err, errKeyOperand) {
		if _, other := b.conjunction(kind, expr.KeySchema{}, exists, list); other != nil {
			return nil, other
		}
	}
	return c, err
}

func (b *binding) conjunction(kind expr.Kind, schema expr.KeySchema, exists string, list []*node) (*expr.Condition, error) {
	l := lowering{*b, expr.NewBuilder(kind), schema}
	var nodes []expr.Node
	if exists != "" {
		nodes = append(nodes, l.builder.Apply(expr.OpAttributeExists, l.path(item.Path{item.Name(exists)})))
	}
	conditions, err := l.conditions(expr.OpAnd, list)
	if err != nil {
		return nil, err
	}
	switch nodes = append(nodes, conditions...); {
	case len(nodes) == 0:
		return nil, b.checkOperators()
	case len(nodes) == 1 && nodes[0].Op != expr.OpSize:
		l.builder.Where(nodes[0])
	default:
		l.builder.Where(l.builder.Apply(expr.OpAnd, nodes...))
	}
	c, err := expr.BindCondition(l.builder.Expression(), &expr.Scope{})
	if err != nil {
		return nil, plain(err)
	}
	return c, b.checkOperators()
}

// checkOperators holds WHERE as a whole to the limit, whatever of it is a key.
func (b *binding) checkOperators() error {
	if countOperators(b.s.where) > expr.MaxOperators {
		return errOperators
	}
	return nil
}

// conditions lowers what op joins, from the left: the first two are looked into, then
// held to be conditions; then each of the others is.
func (l *lowering) conditions(op expr.Op, list []*node) ([]expr.Node, error) {
	out := make([]expr.Node, len(list))
	for i, n := range list {
		if n.isExpression() {
			var err error
			if out[i], err = l.node(n); err != nil {
				return nil, err
			}
		}
		joined := list[i : i+1]
		switch {
		case i == 0 && len(list) > 1:
			continue
		case i == 1:
			joined = list[:2]
		}
		for _, n := range joined {
			if err := l.holds(op, n); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// holds returns what is wrong where op joins something that is no condition.
func (l *lowering) holds(op expr.Op, n *node) error {
	switch {
	case n.isCondition():
		return nil
	case n == l.s.where:
		return errBoolean
	case n.form == formCall: // It has a type, which binding finds.
		return nil
	case op == expr.OpNot:
		return errArgument
	}
	return errArguments
}

func (l *lowering) path(p item.Path) expr.Node { return l.builder.Path(p) }

// node lowers a condition.
func (l *lowering) node(n *node) (expr.Node, error) {
	switch {
	case n.fault != nil:
		return expr.Node{}, n.fault
	case n.form == formCall:
		return l.call(n)
	}
	switch n.op {
	case 0, expr.OpPlus, expr.OpMinus:
		return expr.Node{}, errOperator(n)
	case expr.OpAnd, expr.OpOr, expr.OpNot:
		args, err := l.conditions(n.op, n.args)
		if err != nil {
			return expr.Node{}, err
		}
		return l.builder.Apply(n.op, args...), nil
	case expr.OpAttributeExists, expr.OpAttributeNotExists:
		if n.args[0].form != formPath {
			return expr.Node{}, errIs
		}
	case expr.OpIn:
		if len(n.args)-1 > expr.MaxInOperands {
			return expr.Node{}, aws.Validation("The IN operator is provided with too many operands; number of operands: %d", len(n.args)-1)
		}
	default:
	}
	if err := l.checkKeyTypes(n); err != nil {
		return expr.Node{}, err
	}
	args, err := l.operands(n.args)
	if err != nil {
		return expr.Node{}, err
	}
	return l.builder.Apply(n.op, args...), nil
}

func (l *lowering) call(n *node) (expr.Node, error) {
	f, known := functions[n.text]
	if f.update {
		return expr.Node{}, aws.Validation("The function is not allowed in a condition expression; function: %s", n.text)
	}
	if err := l.checkKeyTypes(n); err != nil {
		return expr.Node{}, err
	}
	args, err := l.operands(n.args)
	switch {
	case err != nil:
		return expr.Node{}, err
	case !known:
		return expr.Node{}, errUnknown(n)
	}
	return l.builder.Apply(f.op, args...), nil
}

// errUnknown refuses a function that DynamoDB does not have. The aggregates of
// PartiQL are told otherwise.
func errUnknown(n *node) error {
	switch n.text {
	case "count", "sum", "avg", "min", "max":
		return errToken(n.text, n.at)
	}
	return aws.Validation("Unrecognized function: %s", n.text)
}

func (l *lowering) operands(list []*node) ([]expr.Node, error) {
	out := make([]expr.Node, len(list))
	for i, n := range list {
		var err error
		if out[i], err = l.operand(n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// operand lowers an operand of a condition.
func (l *lowering) operand(n *node) (expr.Node, error) {
	switch n.form {
	case formPath:
		return l.path(n.path), n.fault
	case formOther:
		return expr.Node{}, n.fault
	case formMissing:
		return expr.Node{}, errMissing
	case formCall:
		if f, known := functions[n.text]; !known || f.op == expr.OpSize {
			return l.call(n)
		}
		return expr.Node{}, aws.Validation("The function is not allowed to be used this way in an expression; function: %s", n.text)
	case formOperator:
		return expr.Node{}, errOperator(n)
	default:
		v, err := l.value(n, "root")
		if err != nil {
			return expr.Node{}, err
		}
		return l.builder.Literal(v), nil
	}
}

func errOperator(n *node) error {
	return aws.Validation("Unsupported operator in Condition Expression. Operator: %s", n.name())
}

// checkKeyTypes refuses to compare a key attribute with a value of another type
// than it has.
func (l *lowering) checkKeyTypes(n *node) error {
	if n.form == formCall && functions[n.text].op != expr.OpBeginsWith {
		return nil
	}
	for _, a := range n.args {
		typ, ok := l.keyType(a)
		if !ok {
			continue
		}
		for _, o := range n.args {
			if !o.isValue() {
				continue
			}
			v, err := l.value(o, "root")
			if err != nil {
				return err
			}
			if v.Type() != typ && (n.form != formCall || v.Type() == item.TypeS || v.Type() == item.TypeB) {
				return errKeyOperand
			}
		}
	}
	return nil
}

func (l *lowering) keyType(n *node) (item.Type, bool) {
	if n.form != formPath || len(n.path) > 1 {
		return 0, false
	}
	for _, list := range [2][]expr.KeyAttribute{l.schema.Hash, l.schema.Range} {
		for _, a := range list {
			if a.Name == n.path[0].Name {
				return a.Type, true
			}
		}
	}
	return 0, false
}

// Update lowers the assignments of an UPDATE.
func (s *Statement) Update(parameters []item.Value) (*expr.Update, error) {
	l := lowering{binding{s, parameters}, expr.NewBuilder(expr.UpdateKind), expr.KeySchema{}}
	assign := make([]func(), len(s.actions))
	for i := range s.actions {
		var err error
		if assign[i], err = l.action(&s.actions[i]); err != nil {
			return nil, err
		}
	}
	// From the last, so that binding tells DynamoDB Local's of several errors. The
	// item that comes of it is the same.
	for _, one := range slices.Backward(assign) {
		one()
	}
	u, err := expr.BindUpdate(l.builder.Expression(), &expr.Scope{})
	count := 0
	for i := range s.actions {
		count += countOperators(s.actions[i].value)
	}
	if err == nil && count > expr.MaxOperators {
		err = errOperators
	}
	return u, plain(err)
}

// action lowers one assignment, and returns what adds it to the update.
func (l *lowering) action(a *action) (func(), error) {
	if a.path.fault != nil {
		return nil, a.path.fault
	}
	path := l.path(a.path.path)
	switch {
	case a.value == nil:
		return func() { l.builder.Remove(path) }, nil
	case a.value.form == formCall && (a.value.text == "set_add" || a.value.text == "set_delete"):
		set, err := l.setOperand(a)
		if err != nil {
			return nil, err
		}
		if a.value.text == "set_add" {
			return func() { l.builder.Add(path, set) }, nil
		}
		return func() { l.builder.Delete(path, set) }, nil
	}
	value, err := l.assigned(a.value)
	return func() { l.builder.Set(path, value) }, err
}

// setOperand lowers the second argument of set_add or set_delete.
func (l *lowering) setOperand(a *action) (expr.Node, error) {
	n := a.value
	name := map[string]string{"set_add": "SET_ADD", "set_delete": "SET_DELETE"}[n.text]
	if len(n.args) != 2 {
		return expr.Node{}, aws.Validation("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", n.text, len(n.args))
	}
	if n.args[0].form != formPath || n.args[0].path.String() != a.path.path.String() {
		return expr.Node{}, aws.Validation("The first argument to %s must equal the assignment value", name)
	}
	bad := errAt(n.at, "The second argument to %s must be a value with type SET", name)
	if !n.args[1].isValue() {
		return expr.Node{}, bad
	}
	v, err := l.value(n.args[1], "root")
	if err != nil {
		return expr.Node{}, err
	}
	if !v.Type().IsSet() {
		return expr.Node{}, bad
	}
	return l.builder.Literal(v), nil
}

// assigned lowers what a SET assigns.
func (l *lowering) assigned(n *node) (expr.Node, error) {
	switch n.form {
	case formPath:
		return l.path(n.path), n.fault
	case formOther:
		return expr.Node{}, n.fault
	case formMissing:
		return expr.Node{}, errMissing
	case formCall:
		return l.assignedCall(n)
	case formOperator:
		if n.text == "is" {
			return expr.Node{}, aws.Validation("IS operator is not supported in update expressions")
		}
		if n.op != expr.OpPlus && n.op != expr.OpMinus {
			return expr.Node{}, aws.Validation("Unsupported operator in Update Expression. Operator: %s", n.name())
		}
		sum, err := l.assignedArgs(n.op, n.args)
		if err == nil && len(n.args) != 2 {
			err = aws.Validation("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", n.op, len(n.args))
		}
		return sum, err
	default:
		v, err := l.value(n, "root")
		if err != nil {
			return expr.Node{}, err
		}
		return l.builder.Literal(v), nil
	}
}

// assignedCall lowers the call of a function. One that cannot stand here is refused
// after what is wrong with its operands.
func (l *lowering) assignedCall(n *node) (expr.Node, error) {
	f, known := functions[n.text]
	call, err := l.assignedArgs(f.op, n.args)
	switch {
	case err != nil:
	case f.op == expr.OpIfNotExists, f.op == expr.OpListAppend:
	case known && !f.update:
		err = errFunction(n)
	default:
		err = errUnknown(n)
	}
	return call, err
}

func (l *lowering) assignedArgs(op expr.Op, list []*node) (expr.Node, error) {
	args := make([]expr.Node, len(list))
	for i, n := range list {
		var err error
		if args[i], err = l.assigned(n); err != nil {
			return expr.Node{}, err
		}
	}
	return l.builder.Apply(op, args...), nil
}

// Projection lowers the list of a SELECT; nil for all attributes.
func (s *Statement) Projection() (*expr.Projection, error) {
	if s.Columns == nil {
		return nil, nil
	}
	for i, c := range s.Columns {
		if slices.ContainsFunc(s.Columns[:i], func(o Column) bool { return o.Name == c.Name }) {
			return nil, aws.Validation("Duplicate identifiers in select clause: %s", c.Name)
		}
	}
	b := expr.NewBuilder(expr.ProjectionKind)
	for i := range s.Columns {
		// From the last, so that errors name the paths in this order.
		b.Project(b.Path(s.Columns[len(s.Columns)-1-i].Path))
	}
	p, err := expr.BindProjection(b.Expression(), &expr.Scope{})
	return p, plain(err)
}
