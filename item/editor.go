package item

import (
	"encoding/binary"
	"slices"

	"github.com/hortusdb/hortus/aws"
)

// ErrInvalidPath says that the parent of a path is missing or of the wrong
// kind. It is a *aws.Error with AWS's text.
var ErrInvalidPath error = aws.Validation("The document path provided in the update expression is invalid for update")

// Editor applies the actions of one update to an item: all paths mean the item
// as it was at Reset, in whatever order the actions come. Only the branches
// that are touched are taken apart. Values given to Set are kept, not copied,
// until Item. The zero value edits no item.
type Editor struct{ root node }

// node is a list or map that is being edited. Its children begin as the
// elements of the original.
type node struct {
	isList   bool
	children []child // Maps: sorted by name. Lists: by index.
}

// child is an element of a node: untouched or set (value), taken apart (node),
// or removed (neither).
type child struct {
	name  []byte
	index int
	value Value
	node  *node
}

// NewEditor returns an editor of it.
func NewEditor(it Item) *Editor {
	e := new(Editor)
	e.Reset(it)
	return e
}

// Reset begins anew with it, which must not change while the editor is used.
func (e *Editor) Reset(it Item) {
	clear(e.root.children)
	e.root.children = e.root.children[:0]
	for name, v := range it.All() {
		e.root.children = append(e.root.children, child{name: name, value: v})
	}
}

// Set puts v at p. The parent must be there; a map gets the entry if it lacks
// it; a list index past the end appends, several of them in the order of their
// indexes.
func (e *Editor) Set(p Path, v Value) error {
	n, last, err := e.parent(p)
	if err != nil {
		return err
	}
	i, ok := n.find(last)
	if !ok {
		n.children = slices.Insert(n.children, i, child{name: []byte(last.Name), index: last.Index})
	}
	n.children[i].value, n.children[i].node = v, nil
	return nil
}

// Remove takes away what is at p, if it is there. The parent must be there.
func (e *Editor) Remove(p Path) error {
	n, last, err := e.parent(p)
	if err != nil {
		return err
	}
	if i, ok := n.find(last); ok {
		n.children[i].value, n.children[i].node = nil, nil
	}
	return nil
}

// Item appends the edited item to dst.
func (e *Editor) Item(dst []byte) Item {
	return e.root.appendChildren(binary.AppendUvarint(dst, uint64(e.root.count())))
}

// parent takes the branches apart that lead to p's last step.
func (e *Editor) parent(p Path) (*node, Step, error) {
	if len(p) == 0 || p[0].Index >= 0 {
		return nil, Step{}, ErrInvalidPath
	}
	n := &e.root
	for i, s := range p {
		if n.isList != (s.Index >= 0) {
			return nil, Step{}, ErrInvalidPath
		}
		if i == len(p)-1 {
			break
		}
		j, ok := n.find(s)
		if !ok || !n.children[j].open() {
			return nil, Step{}, ErrInvalidPath
		}
		n = n.children[j].node
	}
	return n, p[len(p)-1], nil
}

// find returns where the child of that step is, or belongs.
func (n *node) find(s Step) (int, bool) {
	return slices.BinarySearchFunc(n.children, s, func(c child, s Step) int {
		if n.isList {
			return c.index - s.Index
		}
		switch {
		case string(c.name) == s.Name:
			return 0
		case string(c.name) < s.Name:
			return -1
		}
		return 1
	})
}

// open takes the child apart; false when it is no list or map.
func (c *child) open() bool {
	if c.node != nil {
		return true
	}
	switch c.value.Type() {
	case TypeM:
		c.node = &node{children: make([]child, 0, c.value.Len()+1)}
		for name, v := range c.value.Entries() {
			c.node.children = append(c.node.children, child{name: name, value: v})
		}
	case TypeL:
		c.node = &node{isList: true, children: make([]child, 0, c.value.Len()+1)}
		for v := range c.value.Elements() {
			c.node.children = append(c.node.children, child{index: len(c.node.children), value: v})
		}
	default:
		return false
	}
	c.value = nil
	return true
}

func (c *child) removed() bool { return c.value == nil && c.node == nil }

func (n *node) count() int {
	count := 0
	for i := range n.children {
		if !n.children[i].removed() {
			count++
		}
	}
	return count
}

func (n *node) appendChildren(dst []byte) []byte {
	for i := range n.children {
		c := &n.children[i]
		if c.removed() {
			continue
		}
		if !n.isList {
			dst = appendBytes(dst, c.name)
		}
		if c.node == nil {
			dst = append(dst, c.value...)
			continue
		}
		start, tag := len(dst), byte(tagM)
		if c.node.isList {
			tag = tagL
		}
		dst = c.node.appendChildren(beginContainer(dst, tag))
		endContainer(dst, start, c.node.count())
	}
	return dst
}
