package expr

import (
	"slices"

	"github.com/hortusdb/hortus/invariant"
	"github.com/hortusdb/hortus/item"
)

// Projection is a bound projection expression.
type Projection struct{ bound }

// BindProjection binds a projection expression. No two of its paths overlap.
// Like AWS's library (as DynamoDB Local has it) it resolves the last path first.
func BindProjection(e *Expression, s *Scope) (*Projection, error) {
	invariant.Assert(e.kind == ProjectionKind, "not a projection", "kind", e.kind)
	b := newBinder(e, s)
	for _, slot := range slices.Backward(e.project) {
		if err := b.path(slot); err != nil {
			return nil, err
		}
	}
	if err := overlap(e.kind, b.paths); err != nil {
		return nil, err
	}
	return &Projection{bound: b.bound}, nil
}

// Project appends to dst the part of it that the projection chooses.
func (p *Projection) Project(dst []byte, it item.Item) item.Item {
	return item.Project(dst, it, p.paths)
}
