package expr

import (
	"slices"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/invariant"
	"github.com/hortusdb/hortus/item"
)

// KeyAttribute is an attribute of a key and the type that its schema gives it.
type KeyAttribute struct {
	Name string
	Type item.Type
}

// KeySchema is the key of a table or index, each part in its order. Tables have
// one hash attribute and at most one range attribute; global secondary indexes
// up to four of each.
type KeySchema struct {
	Hash  []KeyAttribute
	Range []KeyAttribute
}

// RangeOp is the operator on the last range attribute that a key condition
// mentions.
type RangeOp uint8

// The range operators. RangeNone: every mentioned range attribute is bound by
// equality.
const (
	RangeNone RangeOp = iota
	RangeLT
	RangeLE
	RangeGT
	RangeGE
	RangeBetween
	RangeBeginsWith
)

// String returns the operator as expressions write it; "" for RangeNone.
func (o RangeOp) String() string {
	return [...]string{"", "<", "<=", ">", ">=", "BETWEEN", "begins_with"}[o]
}

// KeyRange is what a key condition asks for: all items whose hash attributes
// equal Hash, whose first range attributes equal Equal, and, unless Op is
// RangeNone, whose next range attribute stands in relation Op to Operand. Upper
// is the inclusive upper bound of RangeBetween.
type KeyRange struct {
	Hash    []item.Value
	Equal   []item.Value
	Op      RangeOp
	Operand item.Value
	Upper   item.Value
}

// KeyCondition is a bound key condition expression.
type KeyCondition struct{ bound }

// BindKeyCondition binds a key condition expression. That its shape fits a key
// is for Lower, which AWS does only when all placeholders are checked.
func BindKeyCondition(e *Expression, s *Scope) (*KeyCondition, error) {
	invariant.Assert(e.kind == KeyConditionKind, "not a key condition", "kind", e.kind)
	b := newBinder(e, s)
	if err := b.node(&e.root); err != nil {
		return nil, err
	}
	if err := b.finish(); err != nil {
		return nil, err
	}
	return &KeyCondition{bound: b.bound}, nil
}

// keyTerm is one condition on one attribute.
type keyTerm struct {
	name   string
	op     Op
	values [2]item.Value
}

// Lower turns the condition into the range of keys that it asks for.
func (k *KeyCondition) Lower(schema KeySchema) (KeyRange, error) {
	terms, err := k.terms(&k.e.root, make([]keyTerm, 0, 2))
	if err != nil {
		return KeyRange{}, err
	}
	if limit := max(2, len(schema.Hash)+len(schema.Range)); len(terms) > limit {
		if limit == 2 {
			return KeyRange{}, aws.Validation("Conditions can be of length 1 or 2 only")
		}
		return KeyRange{}, errKeyCondition()
	}
	return lowerTerms(terms, schema)
}

func errKeyCondition() error { return aws.Validation("Query key condition not supported") }

// terms collects the conditions that AND joins.
func (k *KeyCondition) terms(n *Node, terms []keyTerm) ([]keyTerm, error) {
	if n.Op == OpAnd {
		var err error
		for i := range n.Args {
			if terms, err = k.terms(&n.Args[i], terms); err != nil {
				return nil, err
			}
		}
		return terms, nil
	}
	t, err := k.term(n)
	if err != nil {
		return nil, err
	}
	for i := range terms {
		if terms[i].name == t.name {
			return nil, aws.Validation("KeyConditionExpressions must only contain one condition per key")
		}
	}
	return append(terms, t), nil
}

func (k *KeyCondition) term(n *Node) (keyTerm, error) {
	switch n.Op {
	case OpEQ, OpLT, OpLE, OpGT, OpGE, OpBetween, OpBeginsWith:
	default:
		if k.e.built {
			break // Lower refuses it when it knows what it is on.
		}
		return keyTerm{}, aws.Validation("Invalid operator used in KeyConditionExpression: %s", n.Op)
	}
	const where = "Invalid condition in KeyConditionExpression: "
	t := keyTerm{op: n.Op}
	values := 0
	keyAt := -1
	for i := range n.Args {
		switch a := &n.Args[i]; a.Op {
		case OpPath:
			path := k.paths[a.Slot]
			if len(path) > 1 {
				return t, invalid(KeyConditionKind, "KeyConditionExpressions cannot have conditions on nested attributes") // Recorded.
			}
			if keyAt >= 0 {
				return t, aws.Validation(where + "Multiple attribute names used in one condition")
			}
			t.name, keyAt = path[0].Name, i
		case OpValue:
			if values < len(t.values) {
				t.values[values] = k.values[a.Slot]
			}
			values++
		default:
			return t, aws.Validation("KeyConditionExpressions cannot contain nested operations")
		}
	}
	switch {
	case keyAt != 0 && (n.Op == OpBetween || n.Op == OpBeginsWith):
		return t, aws.Validation(where+"%s operator must have the key attribute as its first operand", n.Op)
	case keyAt < 0:
		return t, aws.Validation(where + "No key attribute specified")
	case keyAt == 1:
		t.op = mirrored(t.op)
	}
	return t, nil
}

// mirrored returns the comparator for exchanged operands.
func mirrored(op Op) Op {
	switch op {
	case OpLT:
		return OpGT
	case OpLE:
		return OpGE
	case OpGT:
		return OpLT
	case OpGE:
		return OpLE
	default:
		return op
	}
}

// lowerTerms fits the conditions to the key: equality on every hash attribute,
// then equality on the first range attributes, one other operator on the last
// that is mentioned (documented, for keys of several attributes too).
func lowerTerms(terms []keyTerm, schema KeySchema) (KeyRange, error) {
	find := func(name string) *keyTerm {
		i := slices.IndexFunc(terms, func(t keyTerm) bool { return t.name == name })
		if i < 0 {
			return nil
		}
		return &terms[i]
	}
	r := KeyRange{Hash: make([]item.Value, 0, len(schema.Hash))}
	if len(terms) > len(schema.Hash)+len(schema.Range) {
		return r, errKeyCondition()
	}
	used := 0
	for _, a := range schema.Hash {
		t := find(a.Name)
		if t == nil {
			return r, errMissedKey(a.Name)
		}
		if err := t.checkType(a); err != nil {
			return r, err
		}
		if t.op != OpEQ {
			return r, errKeyCondition()
		}
		r.Hash = append(r.Hash, t.values[0])
		used++
	}
	for _, a := range schema.Range {
		if used == len(terms) {
			break
		}
		t := find(a.Name)
		if t == nil {
			return r, errMissedKey(a.Name)
		}
		if err := t.checkType(a); err != nil {
			return r, err
		}
		if used++; t.op == OpEQ {
			r.Equal = append(r.Equal, t.values[0])
			continue
		}
		r.Op, r.Operand, r.Upper = rangeOp(t.op), t.values[0], t.values[1]
		if r.Op == RangeNone { // Only a Builder can say this.
			return r, aws.Validation("Attempted conditional constraint is not an indexable operation")
		}
		if used < len(terms) {
			return r, errKeyCondition()
		}
	}
	return r, nil
}

func errMissedKey(name string) error {
	return aws.Validation("Query condition missed key schema element: %s", name)
}

func (t *keyTerm) checkType(a KeyAttribute) error {
	for _, v := range t.values {
		if v != nil && v.Type() != a.Type {
			return aws.InvalidParameter("Condition parameter type does not match schema type")
		}
	}
	return nil
}

func rangeOp(op Op) RangeOp {
	switch op {
	case OpLT:
		return RangeLT
	case OpLE:
		return RangeLE
	case OpGT:
		return RangeGT
	case OpGE:
		return RangeGE
	case OpBetween:
		return RangeBetween
	case OpBeginsWith:
		return RangeBeginsWith
	default:
		return RangeNone
	}
}

// has reports whether name is an attribute of the key.
func (s KeySchema) has(name string) bool {
	is := func(a KeyAttribute) bool { return a.Name == name }
	return slices.ContainsFunc(s.Hash, is) || slices.ContainsFunc(s.Range, is)
}

// CheckNoKeys refuses a filter of a Query that mentions a key attribute of what
// is queried. AWS checks it after the key condition.
func (c *Condition) CheckNoKeys(schema KeySchema) error {
	for _, p := range c.paths {
		if schema.has(p[0].Name) {
			return aws.Validation("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", p[0].Name)
		}
	}
	return nil
}
