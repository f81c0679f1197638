//go:build conformance

package differential

import (
	"bytes"
	"testing"
)

// TestSeeds: a seed is all that a run depends on. It needs no server.
func TestSeeds(t *testing.T) {
	for _, family := range []struct {
		name string
		next func(g *generator) func() any
	}{
		{"items", func(g *generator) func() any { return func() any { return g.next().request } }},
		{"legacy", func(g *generator) func() any { return func() any { return g.legacy().request } }},
		{"transactions", func(g *generator) func() any { return func() any { return g.transaction(nil, "t") } }},
		{"statements", func(g *generator) func() any {
			s := &statements{generator: g}
			return func() any { return s.next().request }
		}},
	} {
		a, b := family.next(newGenerator(7)), family.next(newGenerator(7))
		for i := range 3000 {
			x, errX := encode(a())
			y, errY := encode(b())
			if errX != nil || errY != nil || !bytes.Equal(x, y) {
				t.Errorf("%s: request %d of one seed is\n%s and\n%s, %v, %v", family.name, i, x, y, errX, errY)
				break
			}
		}
	}
}
