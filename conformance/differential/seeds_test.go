//go:build conformance

package differential

import (
	"bytes"
	"testing"
)

// TestSeeds: a seed is all that a run depends on. It needs no server.
func TestSeeds(t *testing.T) {
	for i := range families {
		f := &families[i]
		a, b := f.source(newGenerator(7, f.region)), f.source(newGenerator(7, f.region))
		for n := range 3000 {
			x, errX := encode(a.next().request)
			y, errY := encode(b.next().request)
			if errX != nil || errY != nil || !bytes.Equal(x, y) {
				t.Errorf("%s: request %d of one seed is\n%s and\n%s, %v, %v", f.name, n, x, y, errX, errY)
				break
			}
		}
	}
}
