package expr

import (
	"github.com/hortusdb/hortus/invariant"
	"github.com/hortusdb/hortus/item"
)

// Projection is a bound projection expression.
type Projection struct {
	bound
	top map[string]bool // The attributes, if a Builder named many of them; else nil.
}

// BindProjection binds a projection expression. No two of its paths overlap.
func BindProjection(e *Expression, s *Scope) (*Projection, error) {
	invariant.Assert(e.kind == ProjectionKind, "not a projection", "kind", e.kind)
	b := newBinder(e, s)
	if _, err := b.resolve(e.project); err != nil {
		return nil, err
	}
	p := &Projection{bound: b.bound}
	if n := len(e.project); e.distinct && n >= indexThreshold {
		p.top = make(map[string]bool, n)
		for _, path := range b.paths {
			if len(path) > 1 {
				p.top = nil
				break
			}
			p.top[path[0].Name] = true
		}
	}
	return p, nil
}

// Project appends to dst the part of it that the projection chooses.
func (p *Projection) Project(dst []byte, it item.Item) item.Item {
	if p.top == nil {
		return item.Project(dst, it, p.paths)
	}
	var entries []item.Entry
	for name, v := range it.All() {
		if p.top[string(name)] {
			entries = append(entries, item.Entry{Name: string(name), Value: v})
		}
	}
	return item.BuildItem(dst, entries)
}
