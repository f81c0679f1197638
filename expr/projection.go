package expr

import (
	"github.com/hortusdb/hortus/invariant"
	"github.com/hortusdb/hortus/item"
)

// Projection is a bound projection expression.
type Projection struct{ bound }

// BindProjection binds a projection expression. No two of its paths overlap.
func BindProjection(e *Expression, s *Scope) (*Projection, error) {
	invariant.Assert(e.kind == ProjectionKind, "not a projection", "kind", e.kind)
	b := newBinder(e, s)
	if _, err := b.resolve(e.project); err != nil {
		return nil, err
	}
	return &Projection{bound: b.bound}, nil
}

// Project appends to dst the part of it that the projection chooses.
func (p *Projection) Project(dst []byte, it item.Item) item.Item {
	return item.Project(dst, it, p.paths)
}
