package partiql

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/invariant"
	"github.com/hortusdb/hortus/item"
)

// MaxHashValues is how many partition keys one SELECT may name (documented).
const MaxHashValues = 50

// Plan is how a SELECT is run: as queries of these ranges one after the other,
// or where there are none as a scan.
type Plan struct {
	Ranges  []expr.KeyRange
	Whole   bool // The only range is one whole key, and nothing else is asked.
	Reverse bool // In each range.
	Filter  *expr.Condition
}

// Plan plans a SELECT on a table or index of that key. It is a scan unless each
// branch of an OR says which partition keys it wants (documented).
func (s *Statement) Plan(schema expr.KeySchema, parameters []item.Value) (*Plan, error) {
	b := binding{s, parameters}
	pl := planner{binding: b, conjuncts: conjuncts(nil, s.where)}
	pl.used = make([]bool, len(pl.conjuncts))
	p := &Plan{}
	if err := pl.hash(p, schema.Hash); err != nil {
		return nil, pl.first(err)
	}
	if err := pl.order(p, schema); err != nil {
		return nil, pl.first(err)
	}
	whole := false
	if p.Ranges != nil {
		var err error
		if whole, err = pl.sort(p, schema.Range); err != nil {
			return nil, pl.first(err)
		}
	}
	var rest []*node
	for i, n := range pl.conjuncts {
		if !pl.used[i] {
			rest = append(rest, n)
		}
	}
	p.Whole = whole && rest == nil
	var err error
	p.Filter, err = b.condition(expr.FilterKind, schema, "", rest)
	return p, err
}

// first returns what is wrong with the conditions by themselves, if anything, and
// else err.
func (pl *planner) first(err error) error {
	if own := pl.s.Check(pl.parameters); own != nil {
		return own
	}
	return err
}

// conjuncts appends the conditions that AND joins.
func conjuncts(dst []*node, n *node) []*node {
	switch {
	case n == nil:
		return dst
	case n.is(expr.OpAnd):
		for _, a := range n.args {
			dst = conjuncts(dst, a)
		}
		return dst
	}
	return append(dst, n)
}

type planner struct {
	binding
	conjuncts []*node
	used      []bool // By conjunct: the ranges say it already.
}

// equality reads "name = value", either way round.
func (b *binding) equality(n *node) (name string, v *node, ok bool) {
	if !n.is(expr.OpEQ) {
		return "", nil, false
	}
	left, right := n.args[0], n.args[1]
	if left.isValue() {
		left, right = right, left
	}
	if left.form != formPath || len(left.path) != 1 || !right.isValue() {
		return "", nil, false
	}
	return left.path[0].Name, right, true
}

// hash finds the partition keys.
func (pl *planner) hash(p *Plan, schema []expr.KeyAttribute) error {
	p.Ranges = []expr.KeyRange{{}}
	for _, a := range schema {
		values, err := pl.hashAttribute(a)
		if err != nil {
			return err
		}
		if values == nil {
			p.Ranges = nil
			clear(pl.used)
			return nil
		}
		var next []expr.KeyRange
		for _, r := range p.Ranges {
			for _, v := range values {
				next = append(next, expr.KeyRange{Hash: append(slices.Clone(r.Hash), v)})
			}
		}
		if p.Ranges = next; len(next) > MaxHashValues {
			return aws.Validation("The IN operator is provided with too many operands; number of operands: %d", len(next))
		}
	}
	return nil
}

// hashAttribute returns the values that one attribute may have, each once; nil
// where it may have any.
func (pl *planner) hashAttribute(a expr.KeyAttribute) ([]item.Value, error) {
	for i, n := range pl.conjuncts {
		values, exact, err := pl.choices(n, a)
		if err != nil {
			return nil, err
		}
		if values == nil {
			continue
		}
		if slices.ContainsFunc(values, func(v item.Value) bool { return v.Type() != a.Type }) {
			if n.is(expr.OpEQ) {
				return nil, errKeyType(a.Name)
			}
			return nil, errKeyOperand
		}
		pl.used[i] = exact
		return values, nil
	}
	return nil, nil
}

// choices returns the values that n leaves to an attribute, nil for any, and
// whether that is all that n says.
func (pl *planner) choices(n *node, a expr.KeyAttribute) (values []item.Value, exact bool, err error) {
	if name, v, ok := pl.equality(n); ok && name == a.Name {
		value, err := pl.value(v, "root")
		return []item.Value{value}, true, err
	}
	add := func(v item.Value) {
		if !slices.ContainsFunc(values, func(o item.Value) bool { return bytes.Equal(o, v) }) {
			values = append(values, v)
		}
	}
	switch {
	case n.is(expr.OpIn):
		if left := n.args[0]; left.form != formPath || len(left.path) != 1 || left.path[0].Name != a.Name {
			return nil, false, nil
		}
		for _, o := range n.args[1:] {
			if !o.isValue() {
				return nil, false, nil
			}
			v, err := pl.value(o, "root")
			if err != nil {
				return nil, false, err
			}
			add(v)
		}
		return values, true, nil
	case n.is(expr.OpOr):
		exact = true
		for _, o := range n.args {
			list, all, err := pl.choices(o, a)
			if list == nil || err != nil {
				return nil, false, err
			}
			for _, v := range list {
				add(v)
			}
			exact = exact && all
		}
		return values, exact, nil
	case n.is(expr.OpAnd):
		for _, o := range n.args {
			if values, _, err := pl.choices(o, a); values != nil || err != nil {
				return values, false, err
			}
		}
	}
	return nil, false, nil
}

// order does what ORDER BY asks for.
func (pl *planner) order(p *Plan, schema expr.KeySchema) error {
	if pl.s.order == nil {
		return nil
	}
	switch {
	case pl.s.where == nil:
		return errOrderWhere
	case p.Ranges == nil:
		return errOrderHash
	}
	named := func(list []expr.KeyAttribute, name string) bool {
		return slices.ContainsFunc(list, func(a expr.KeyAttribute) bool { return a.Name == name })
	}
	descending := false
	for _, o := range pl.s.order {
		name, err := pl.orderName(o.by)
		switch {
		case err != nil:
			return err
		case named(schema.Hash, name):
			descending = o.descending
		case named(schema.Range, name):
			p.Reverse = o.descending
		default:
			return aws.Validation("Variable reference %s in ORDER BY clause must be part of the primary key", name)
		}
	}
	slices.SortStableFunc(p.Ranges, func(a, b expr.KeyRange) int {
		order := slices.CompareFunc(a.Hash, b.Hash, func(v, w item.Value) int {
			c, _ := item.Compare(v, w)
			return c
		})
		if descending {
			return -order
		}
		return order
	})
	return nil
}

// orderName returns the attribute that an element of ORDER BY names.
func (pl *planner) orderName(n *node) (string, error) {
	what := ""
	switch n.form {
	case formPath:
		if len(n.path) == 1 {
			return n.path[0].Name, nil
		}
		what = "PATH"
	case formLiteral:
		what = literalText(n.value)
	case formParameter:
		what = "PARAMETER"
	case formList:
		what = "LIST"
	case formBag:
		what = "BAG"
	case formTuple:
		what = "STRUCT"
	case formMissing:
		what = "MISSING"
	case formCall, formOperator, formIon, formOther:
		what = n.name()
	}
	return "", aws.Validation("Argument to ORDER BY must be of type VariableReference. Type: %s", what)
}

// literalText writes a literal as the reference implementation prints it.
func literalText(v item.Value) string {
	switch v.Type() {
	case item.TypeS:
		return strconv.Quote(string(v.Bytes()))
	case item.TypeN:
		return v.Number().String()
	case item.TypeBOOL:
		return strconv.FormatBool(v.Bool())
	default:
		return "null"
	}
}

// sort narrows the ranges by what is said of the sort key; true when it is said
// wholly.
func (pl *planner) sort(p *Plan, schema []expr.KeyAttribute) (whole bool, err error) {
	var narrowed expr.KeyRange
	for _, a := range schema {
		ok, err := pl.sortAttribute(&narrowed, a)
		if err != nil {
			return false, err
		}
		if !ok || narrowed.Op != expr.RangeNone {
			break
		}
	}
	for i := range p.Ranges {
		narrowed.Hash = p.Ranges[i].Hash
		p.Ranges[i] = narrowed
	}
	return len(p.Ranges) == 1 && len(narrowed.Equal) == len(schema), nil
}

// sortAttribute finds the first condition on an attribute that a range can have,
// an equality before all others.
func (pl *planner) sortAttribute(r *expr.KeyRange, a expr.KeyAttribute) (bool, error) {
	for i, n := range pl.conjuncts {
		name, v, ok := pl.equality(n)
		if !ok || name != a.Name {
			continue
		}
		value, err := pl.keyValue(v, a)
		if err != nil {
			return false, err
		}
		r.Equal = append(r.Equal, value)
		pl.used[i] = true
		return true, nil
	}
	for i, n := range pl.conjuncts {
		op, values := pl.rangeOf(n, a.Name)
		if op == expr.RangeNone {
			continue
		}
		low, err := pl.keyValue(values[0], a)
		if err != nil {
			return false, err
		}
		r.Op, r.Operand = op, low
		if op == expr.RangeBetween {
			// It is a part of the filter, too, where its bounds are checked.
			r.Upper, err = pl.keyValue(values[1], a)
			return true, err
		}
		pl.used[i] = true
		return true, nil
	}
	return false, nil
}

func (pl *planner) keyValue(n *node, a expr.KeyAttribute) (item.Value, error) {
	v, err := pl.value(n, "root")
	if err == nil && v.Type() != a.Type {
		err = errKeyType(a.Name)
	}
	return v, err
}

// rangeOf reads a condition that asks for a range of an attribute.
func (pl *planner) rangeOf(n *node, name string) (expr.RangeOp, []*node) {
	op := n.op
	if n.form == formCall {
		op = functions[n.text].op
	}
	args := n.args
	if n.form == formOperator && op >= expr.OpLT && op <= expr.OpGE && args[0].isValue() {
		args = []*node{args[1], args[0]}
		op = [...]expr.Op{expr.OpGT, expr.OpGE, expr.OpLT, expr.OpLE}[op-expr.OpLT]
	}
	if len(args) < 2 || args[0].form != formPath || len(args[0].path) != 1 || args[0].path[0].Name != name ||
		slices.ContainsFunc(args[1:], func(a *node) bool { return !a.isValue() }) {
		return expr.RangeNone, nil
	}
	args = args[1:]
	switch op {
	case expr.OpLT:
		return expr.RangeLT, args
	case expr.OpLE:
		return expr.RangeLE, args
	case expr.OpGT:
		return expr.RangeGT, args
	case expr.OpGE:
		return expr.RangeGE, args
	case expr.OpBetween:
		return expr.RangeBetween, args
	case expr.OpBeginsWith:
		if v, err := pl.value(args[0], "root"); err == nil && len(args) == 1 && v.Type() != item.TypeN {
			return expr.RangeBeginsWith, args
		}
	default: // No condition on a key.
	}
	return expr.RangeNone, nil
}

// Target is the one item that a statement is about.
type Target struct {
	Key       item.Item
	Condition *expr.Condition // Nil where the statement has none.
	More      bool            // The statement says more than the key.
	Fault     error           // What is wrong with the key alone, by the table's schema; there is then no Key.
}

// ErrNoKey says that a statement does not name one whole key.
var ErrNoKey = aws.Validation("Where clause does not contain a mandatory equality on all key attributes")

// Target finds the item that a statement on a table of that key is about, and
// the condition on it. That of an UPDATE and of an EXISTS has the item exist. The
// error is of what the statement says of other things than the key, or ErrNoKey.
func (s *Statement) Target(schema expr.KeySchema, parameters []item.Value) (*Target, error) {
	b := binding{s, parameters}
	keys := slices.Concat(schema.Hash, schema.Range)
	entries := make([]item.Entry, len(keys))
	t := &Target{}
	var rest []*node
	for _, n := range conjuncts(nil, s.where) {
		name, operand, ok := b.equality(n)
		i := slices.IndexFunc(keys, func(a expr.KeyAttribute) bool { return a.Name == name })
		if !ok || i < 0 {
			rest = append(rest, n)
			continue
		}
		v, err := b.value(operand, "root")
		if err != nil {
			return nil, err
		}
		if t.Fault == nil && entries[i].Value != nil && !bytes.Equal(entries[i].Value, v) {
			t.Fault = aws.Validation("Multiple conditions on same key %s. Only single item Update/Insert/Delete are supported", name)
		}
		entries[i] = item.Entry{Name: name, Value: v}
	}
	exists := ""
	if s.Kind == Update || s.Kind == Exists {
		exists = keys[0].Name
	}
	t.More = rest != nil
	var err error
	if t.Condition, err = b.condition(expr.ConditionKind, expr.KeySchema{}, exists, rest); err != nil {
		return nil, err
	}
	whole := !slices.ContainsFunc(entries, func(e item.Entry) bool { return e.Value == nil })
	switch {
	case s.Kind == Select && (t.Fault != nil || !whole):
		return nil, s.noKey(schema, parameters)
	case whole:
	case t.Fault != nil:
		return nil, t.Fault
	default:
		return nil, ErrNoKey
	}
	if t.Fault == nil {
		if t.Fault, err = s.checkKey(keys, entries); err != nil {
			return nil, err
		}
	}
	if t.Fault == nil {
		t.Key = item.BuildItem(nil, entries)
	}
	return t, nil
}

// checkKey returns what is wrong with the types of a key: as the statement's error
// where no key has such a type, and as the fault of the item where this one has not.
func (s *Statement) checkKey(keys []expr.KeyAttribute, entries []item.Entry) (fault, err error) {
	for i, e := range entries {
		switch typ := e.Value.Type(); {
		case typ > item.TypeB && s.Kind == Select:
			return nil, ErrNoKey
		case typ > item.TypeB:
			return nil, aws.Validation("Key value must be of type S, N, or B. Key name: %s, Key type: %s", e.Name, typ)
		case typ != keys[i].Type && fault == nil:
			fault = errKeyType(e.Name)
		}
	}
	return fault, nil
}

// noKey is what is told of a statement that does not name one whole key: of a SELECT
// that asks for an order, what the order lacks.
func (s *Statement) noKey(schema expr.KeySchema, parameters []item.Value) error {
	if s.order == nil {
		return ErrNoKey
	}
	if _, err := s.Plan(schema, parameters); err != nil {
		return err
	}
	return ErrNoKey
}

// Absent is the condition of an INSERT: there is no item. hash is an attribute
// that every item has.
func Absent(hash string) *expr.Condition {
	b := expr.NewBuilder(expr.ConditionKind)
	b.Where(b.Apply(expr.OpAttributeNotExists, b.Path(item.Path{item.Name(hash)})))
	c, err := expr.BindCondition(b.Expression(), &expr.Scope{})
	invariant.Assert(err == nil, "a condition without values binds", "hash", hash)
	return c
}

// CheckItem refuses an item without the key attributes, or with such of another
// type.
func CheckItem(it item.Item, schema expr.KeySchema) error {
	for _, a := range slices.Concat(schema.Hash, schema.Range) {
		v, ok := it.Get(a.Name)
		if !ok {
			return aws.Validation("Key attribute should be present in the item: Key %s", a.Name)
		}
		if v.Type() != a.Type {
			return errKeyType(a.Name)
		}
	}
	return nil
}
