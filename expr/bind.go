package expr

import (
	"slices"

	"github.com/hortusdb/hortus/item"
)

// bound is an expression together with what its slots stand for.
type bound struct {
	e      *Expression
	paths  []item.Path
	values []item.Value
}

// binder resolves the slots of an expression. Like AWS it goes through the
// tree operands first, from left to right, and at each operator checks the
// number of operands, then their types, then that they differ.
type binder struct {
	bound
	scope *Scope
}

func newBinder(e *Expression, s *Scope) binder {
	b := binder{bound: bound{e: e}, scope: s}
	if len(e.paths) > 0 {
		b.paths = make([]item.Path, len(e.paths))
	}
	if len(e.values) > 0 {
		b.values = make([]item.Value, len(e.values))
	}
	return b
}

// finish reports what AWS reports last.
func (b *binder) finish() error {
	if b.e.operators > MaxOperators {
		return invalid(b.e.kind, "The expression contains too many operators; operator count: %d", MaxOperators+1)
	}
	return nil
}

func (b *binder) path(slot int32) error {
	p := &b.e.paths[slot]
	if len(p.elements) > MaxPathElements {
		return invalid(b.e.kind, "The document path has too many nesting levels; nesting levels: %d", len(p.elements))
	}
	if p.fixed != nil {
		b.paths[slot] = p.fixed
		return nil
	}
	path := make(item.Path, len(p.elements))
	for i, s := range p.elements {
		path[i] = item.Step{Name: s.name, Index: s.index}
		if !s.isPlaceholder {
			continue
		}
		name, ok := b.scope.name(s.name)
		if !ok {
			return invalid(b.e.kind, "An expression attribute name used in the document path is not defined; attribute name: %s", s.name)
		}
		path[i].Name = name
	}
	b.paths[slot] = path
	return nil
}

func (b *binder) value(slot int32) error {
	v := &b.e.values[slot]
	if v.literal != nil {
		b.values[slot] = v.literal
		return nil
	}
	value, ok := b.scope.value(v.placeholder)
	if !ok {
		return invalid(b.e.kind, "An expression attribute value used in expression is not defined; attribute value: %s", v.placeholder)
	}
	b.values[slot] = value
	return nil
}

func (b *binder) node(n *Node) error {
	switch n.Op {
	case OpPath:
		return b.path(n.Slot)
	case OpValue:
		return b.value(n.Slot)
	default:
	}
	for i := range n.Args {
		if err := b.node(&n.Args[i]); err != nil {
			return err
		}
	}
	switch {
	case n.Op.isFunction():
		if len(n.Args) != n.Op.operands() {
			return invalid(b.e.kind, "Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d",
				n.Op, len(n.Args))
		}
		return b.function(n)
	case n.Op == OpIn && len(n.Args)-1 > MaxInOperands && !b.e.built:
		return invalid(b.e.kind, "The IN operator is provided with too many operands; number of operands: %d", len(n.Args)-1)
	case n.Op == OpBetween:
		return b.between(n)
	case n.Op >= OpLT && n.Op <= OpGE:
		if err := b.operandTypes(n, ordered); err != nil {
			return err
		}
		return b.distinct(n)
	case n.Op == OpEQ, n.Op == OpNE, n.Op == OpIn:
		return b.distinct(n)
	case n.Op == OpPlus, n.Op == OpMinus:
		return b.operandTypes(n, typeSet(item.TypeN))
	case n.Op == OpAnd, n.Op == OpOr, n.Op == OpNot:
		return b.operandTypes(n, 0) // Only a Builder can give them a value.
	}
	return nil
}

func (b *binder) function(n *Node) error {
	switch n.Op {
	case OpAttributeExists, OpAttributeNotExists, OpIfNotExists:
		if n.Args[0].Op != OpPath {
			return invalid(b.e.kind, "Operator or function requires a document path; operator or function: %s", n.Op)
		}
		return b.distinct(n)
	case OpAttributeType:
		if err := b.distinct(n); err != nil {
			return err
		}
		return b.attributeType(&n.Args[1])
	case OpSize:
		return b.operandTypes(n, sized)
	case OpBeginsWith:
		if err := b.operandTypes(n, typeSet(item.TypeS)|typeSet(item.TypeB)); err != nil {
			return err
		}
		return b.distinct(n)
	case OpContains:
		return b.distinct(n)
	case OpListAppend:
		return b.operandTypes(n, typeSet(item.TypeL))
	default:
		return nil
	}
}

// types is a set of types, a bit each.
type types uint16

func typeSet(t item.Type) types { return 1 << t }

const (
	ordered types = 1<<item.TypeS | 1<<item.TypeN | 1<<item.TypeB
	sized   types = ordered&^(1<<item.TypeN) | 1<<item.TypeL | 1<<item.TypeM |
		1<<item.TypeSS | 1<<item.TypeNS | 1<<item.TypeBS
)

// typeOf returns the type of an operand that is known before any item is; 0
// when it is not.
func (b *binder) typeOf(n *Node) item.Type {
	switch n.Op {
	case OpValue:
		return b.values[n.Slot].Type()
	case OpSize:
		return item.TypeN
	default:
		return 0
	}
}

func (b *binder) operandTypes(n *Node, allowed types) error {
	for i := range n.Args {
		if t := b.typeOf(&n.Args[i]); t != 0 && allowed&typeSet(t) == 0 {
			return errOperatorType(b.e.kind, n.Op, t.String())
		}
	}
	return nil
}

func (b *binder) between(n *Node) error {
	if err := b.operandTypes(n, ordered); err != nil {
		return err
	}
	lower, upper := &n.Args[1], &n.Args[2]
	if lower.Op == OpValue && upper.Op == OpValue {
		const bounds = "; lower bound operand: %s, upper bound operand: %s"
		l, u := b.values[lower.Slot], b.values[upper.Slot]
		order, ok := item.Compare(l, u)
		switch {
		case !ok:
			return invalid(b.e.kind, "The BETWEEN operator requires same data type for lower and upper bounds"+bounds,
				formatValue(l), formatValue(u))
		case order > 0:
			return invalid(b.e.kind, "The BETWEEN operator requires upper bound to be greater than or equal to lower bound"+bounds,
				formatValue(l), formatValue(u))
		}
	}
	return b.distinct(n)
}

// distinct refuses an operator whose first operand is a path that comes again.
func (b *binder) distinct(n *Node) error {
	first := &n.Args[0]
	if first.Op != OpPath {
		return nil
	}
	path := b.paths[first.Slot]
	for i := 1; i < len(n.Args); i++ {
		if a := &n.Args[i]; a.Op == OpPath && slices.Equal(path, b.paths[a.Slot]) {
			return invalid(b.e.kind, "The first operand must be distinct from the remaining operands for this operator or function; operator: %s, first operand: %s",
				n.Op, formatPath(path))
		}
	}
	return nil
}

// attributeType checks the second operand of attribute_type. The list of types
// in the first message is DynamoDB Local's.
func (b *binder) attributeType(n *Node) error {
	switch t := b.typeOf(n); {
	case t == 0:
		return errOperatorType(b.e.kind, OpAttributeType,
			"{DOUBLESET,FLOAT,L,INTSET,B,NS,HDS,BOOL,DECIMAL,S,BS,DECIMALSET,FS,NULL,M,HD,SS,DOUBLE,DICT,INT,N}")
	case t != item.TypeS:
		return errOperatorType(b.e.kind, OpAttributeType, t.String())
	}
	name := string(b.values[n.Slot].Bytes())
	if _, ok := item.ParseType(name); !ok {
		return invalid(b.e.kind, "Invalid attribute type name found; type: %s, valid types: {N,BS,L,B,NULL,M,S,SS,NS,BOOL}", name)
	}
	return nil
}

// appendTopLevel appends the top-level attribute names of paths, each once, in
// the order of their first use.
func appendTopLevel(names []string, paths []item.Path) []string {
	if len(paths) < indexThreshold {
		for _, p := range paths {
			if !slices.Contains(names, p[0].Name) {
				names = append(names, p[0].Name)
			}
		}
		return names
	}
	seen := make(map[string]bool, len(paths))
	for _, p := range paths {
		if !seen[p[0].Name] {
			seen[p[0].Name] = true
			names = append(names, p[0].Name)
		}
	}
	return names
}

// Paths returns the paths that the expression mentions; a projection's in the
// order of the text. The caller must not change them.
func (b *bound) Paths() []item.Path { return b.paths }

// AttributeNames returns the top-level attributes that the expression
// mentions, each once.
func (b *bound) AttributeNames() []string { return appendTopLevel(nil, b.paths) }

// resolve binds the paths that an expression writes or returns. Like AWS's
// library (as DynamoDB Local has it) it begins with the last, and refuses one of
// which another leads to or through the end, or that takes for a list what
// another takes for a map.
func (b *binder) resolve(slots []int32) ([]item.Path, error) {
	paths := make([]item.Path, len(slots))
	for i, slot := range slices.Backward(slots) {
		if err := b.path(slot); err != nil {
			return nil, err
		}
		paths[i] = b.paths[slot]
		if b.e.distinct {
			continue
		}
		for _, later := range paths[i+1:] {
			var fault string
			switch relate(paths[i], later) {
			case pathsOverlap:
				fault = "overlap"
			case pathsConflict:
				fault = "conflict"
			default:
				continue
			}
			return nil, invalid(b.e.kind, "Two document paths %s with each other; must remove or rewrite one of these paths; path one: %s, path two: %s",
				fault, formatPath(paths[i]), formatPath(later))
		}
	}
	return paths, nil
}

type relation uint8

const (
	pathsApart relation = iota
	pathsOverlap
	pathsConflict
)

func relate(a, b item.Path) relation {
	for i := range min(len(a), len(b)) {
		if (a[i].Index >= 0) != (b[i].Index >= 0) {
			return pathsConflict
		}
		if a[i] != b[i] {
			return pathsApart
		}
	}
	return pathsOverlap
}
