package item

import "strconv"

// Step is one step of a Path: into a map by name, or into a list by index.
type Step struct {
	Name  string
	Index int // From 0; -1 when the step is a name.
}

// Path leads from an item to a value in it. The first step is a name.
type Path []Step

// Name is a step by name.
func Name(name string) Step { return Step{Name: name, Index: -1} }

// Index is a step by index.
func Index(i int) Step { return Step{Index: i} }

// String writes the path as expressions do: a.b[2].c.
func (p Path) String() string {
	var b []byte
	for i, s := range p {
		switch {
		case s.Index >= 0:
			b = append(strconv.AppendInt(append(b, '['), int64(s.Index), 10), ']')
		case i > 0:
			b = append(append(b, '.'), s.Name...)
		default:
			b = append(b, s.Name...)
		}
	}
	return string(b)
}

// At returns the value that p leads to; false when there is none.
func (it Item) At(p Path) (Value, bool) {
	if len(p) == 0 || p[0].Index >= 0 {
		return nil, false
	}
	v, ok := it.Get(p[0].Name)
	for _, s := range p[1:] {
		if !ok {
			return nil, false
		}
		if s.Index >= 0 {
			v, ok = v.Index(s.Index)
		} else {
			v, ok = v.Lookup(s.Name)
		}
	}
	return v, ok
}
