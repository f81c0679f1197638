package expr

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/hortusdb/hortus/invariant"
	"github.com/hortusdb/hortus/item"
)

// Condition is a bound condition or filter expression. Eval uses memory of the
// Condition, so a Condition belongs to one goroutine.
type Condition struct {
	bound
	scratch []byte // For the results of size.
}

// BindCondition binds a condition or filter expression.
func BindCondition(e *Expression, s *Scope) (*Condition, error) {
	invariant.Assert(e.kind == ConditionKind || e.kind == FilterKind, "not a condition", "kind", e.kind)
	b := newBinder(e, s)
	if err := b.node(&e.root); err != nil {
		return nil, err
	}
	if err := b.finish(); err != nil {
		return nil, err
	}
	return &Condition{bound: b.bound}, nil
}

// Eval reports whether the condition holds for it, where a nil item is an item
// without attributes. An operand that is missing, or of a type that its
// operator does not know, makes a comparison false, except that <> is then
// true; no condition fails.
func (c *Condition) Eval(it item.Item) bool {
	c.scratch = c.scratch[:0]
	return c.eval(&c.e.root, it)
}

func (c *Condition) eval(n *Node, it item.Item) bool {
	switch n.Op {
	case OpAnd:
		for i := range n.Args {
			if !c.eval(&n.Args[i], it) {
				return false
			}
		}
		return true
	case OpOr:
		for i := range n.Args {
			if c.eval(&n.Args[i], it) {
				return true
			}
		}
		return false
	case OpNot:
		return !c.eval(&n.Args[0], it)
	case OpAttributeExists:
		_, ok := it.At(c.paths[n.Args[0].Slot])
		return ok
	case OpAttributeNotExists:
		_, ok := it.At(c.paths[n.Args[0].Slot])
		return !ok
	default:
	}
	left, ok := c.operand(&n.Args[0], it)
	if !ok {
		return n.Op == OpNE
	}
	switch n.Op {
	case OpIn:
		for i := 1; i < len(n.Args); i++ {
			if right, ok := c.operand(&n.Args[i], it); ok && bytes.Equal(left, right) {
				return true
			}
		}
		return false
	case OpBetween:
		lower, ok := c.operand(&n.Args[1], it)
		if !ok || !holds(OpLE, lower, left) {
			return false
		}
		upper, ok := c.operand(&n.Args[2], it)
		return ok && holds(OpLE, left, upper)
	default:
	}
	right, ok := c.operand(&n.Args[1], it)
	if !ok {
		return n.Op == OpNE
	}
	return holds(n.Op, left, right)
}

// holds applies a comparator, or a function of two operands. Equal values have
// equal bytes.
func holds(op Op, left, right item.Value) bool {
	switch op {
	case OpEQ:
		return bytes.Equal(left, right)
	case OpNE:
		return !bytes.Equal(left, right)
	case OpAttributeType:
		t, ok := item.ParseType(string(right.Bytes()))
		return ok && left.Type() == t
	case OpBeginsWith:
		t := left.Type()
		return (t == item.TypeS || t == item.TypeB) && right.Type() == t && bytes.HasPrefix(left.Bytes(), right.Bytes())
	case OpContains:
		return contains(left, right)
	default:
	}
	order, ok := item.Compare(left, right)
	if !ok {
		return false
	}
	switch op {
	case OpLT:
		return order < 0
	case OpLE:
		return order <= 0
	case OpGT:
		return order > 0
	case OpGE:
		return order >= 0
	default:
		return false
	}
}

// contains is substring of strings and binaries, membership of sets and lists.
func contains(whole, part item.Value) bool {
	switch t := whole.Type(); t {
	case item.TypeS, item.TypeB:
		return part.Type() == t && bytes.Contains(whole.Bytes(), part.Bytes())
	default:
		return whole.Contains(part)
	}
}

// operand returns the value of an operand; false when there is none.
func (c *Condition) operand(n *Node, it item.Item) (item.Value, bool) {
	switch n.Op {
	case OpPath:
		return it.At(c.paths[n.Slot])
	case OpValue:
		return c.values[n.Slot], true
	case OpSize:
		v, ok := c.operand(&n.Args[0], it)
		if !ok {
			return nil, false
		}
		size, ok := sizeOf(v)
		if !ok {
			return nil, false
		}
		return c.number(size), true
	default:
		return nil, false
	}
}

// number makes a value of n in scratch, which Eval empties. Where scratch has
// to grow, values made before stay what they are.
func (c *Condition) number(n int) item.Value {
	var digits [20]byte
	start := len(c.scratch)
	out, err := item.AppendNumberText(c.scratch, strconv.AppendInt(digits[:0], int64(n), 10))
	invariant.Assert(err == nil, "a size is a number", "size", n)
	c.scratch = out
	return item.Value(out[start:len(out):len(out)])
}

// sizeOf is the function size: UTF-16 units of a string (documented as its
// length; recorded, a character outside the basic plane counts 2), bytes of a
// binary, elements of lists, maps and sets. Other types have no size.
func sizeOf(v item.Value) (int, bool) {
	switch v.Type() {
	case item.TypeS:
		n := 0
		for b := v.Bytes(); len(b) > 0; {
			r, width := utf8.DecodeRune(b)
			b = b[width:]
			n++
			if r > 0xffff {
				n++
			}
		}
		return n, true
	case item.TypeB:
		return len(v.Bytes()), true
	case item.TypeL, item.TypeM, item.TypeSS, item.TypeNS, item.TypeBS:
		return v.Len(), true
	default:
		return 0, false
	}
}
