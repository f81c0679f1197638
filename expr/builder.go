package expr

import (
	"github.com/hortusdb/hortus/invariant"
	"github.com/hortusdb/hortus/item"
)

// Builder makes an Expression without text: legacy parameters and PartiQL lower
// to the same trees with it. Its paths and values are literals, so the result
// needs no placeholders and belongs to one request. The limits of texts on
// operators and on the length of IN do not apply; all other checks of binding do.
type Builder struct{ e *Expression }

// NewBuilder returns a builder of an expression of that kind.
func NewBuilder(kind Kind) *Builder { return &Builder{&Expression{kind: kind, built: true}} }

// Distinct promises that no two paths that the expression writes or returns
// overlap: binding then does not compare each with each.
func (b *Builder) Distinct() { b.e.distinct = true }

// TypeMismatch sets what Update.Apply returns when an attribute or operand has a
// type that its action does not take.
func (b *Builder) TypeMismatch(err error) { b.e.mismatch = err }

// Path is a document path.
func (b *Builder) Path(p item.Path) Node {
	elements := make([]element, len(p))
	for i, s := range p {
		elements[i] = element{name: s.Name, index: s.Index}
	}
	return Node{Op: OpPath, Slot: b.e.addPath(elements)}
}

// Literal is a value.
func (b *Builder) Literal(v item.Value) Node {
	b.e.values = append(b.e.values, valueSlot{literal: v})
	return Node{Op: OpValue, Slot: int32(len(b.e.values) - 1)}
}

// Apply is an operator or function with its operands: at least one for OpAnd
// and OpOr, as many as the operator takes for the others.
func (b *Builder) Apply(op Op, operands ...Node) Node { return Node{Op: op, Args: operands} }

// Where sets the condition that the expression is.
func (b *Builder) Where(condition Node) {
	invariant.Assert(condition.Op.isCondition(), "not a condition", "op", condition.Op)
	b.e.root = condition
}

// Project adds a path to a projection.
func (b *Builder) Project(path Node) { b.e.project = append(b.e.project, path.Slot) }

// Set adds "SET path = value" to an update.
func (b *Builder) Set(path, value Node) { b.action(ClauseSet, path, value) }

// Remove adds "REMOVE path" to an update.
func (b *Builder) Remove(path Node) { b.action(ClauseRemove, path, Node{}) }

// Add adds "ADD path literal" to an update.
func (b *Builder) Add(path, literal Node) { b.action(ClauseAdd, path, literal) }

// Delete adds "DELETE path literal" to an update.
func (b *Builder) Delete(path, literal Node) { b.action(ClauseDelete, path, literal) }

func (b *Builder) action(c Clause, path, value Node) {
	invariant.Assert(path.Op == OpPath, "not a path", "op", path.Op)
	b.e.actions = append(b.e.actions, action{clause: c, path: path.Slot, value: value})
}

// Expression returns the finished expression. The builder is of no use after.
func (b *Builder) Expression() *Expression {
	e := b.e
	b.e = nil
	return e
}
