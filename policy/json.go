package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// nodeKind is the kind of a JSON value.
type nodeKind uint8

const (
	null nodeKind = iota
	text
	scalar // A number or a boolean, as it was written.
	array
	object
)

// node is a JSON value whose members keep their order. Policies are small and
// parsed seldom, so a tree does.
type node struct {
	kind     nodeKind
	text     string
	elements []node
	members  []member
}

type member struct {
	name  string
	value node
}

// list returns the elements of an array, or the value itself as the only one.
func (n node) list() []node {
	if n.kind == array {
		return n.elements
	}
	return []node{n}
}

// texts returns a string, or a list of at least one string.
func (n node) texts() ([]string, bool) {
	var out []string
	for _, e := range n.list() {
		if e.kind != text {
			return nil, false
		}
		out = append(out, e.text)
	}
	return out, len(out) > 0
}

// scalars is texts with numbers and booleans let in.
func (n node) scalars() ([]string, bool) {
	var out []string
	for _, e := range n.list() {
		if e.kind != text && e.kind != scalar {
			return nil, false
		}
		out = append(out, e.text)
	}
	return out, len(out) > 0
}

// readJSON reads one value and nothing behind it. A member that stands twice
// in one object is an error, since the two readings would differ.
func readJSON(b []byte) (node, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	n, err := readNode(d, 0)
	if err != nil {
		return node{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return node{}, fmt.Errorf("there is text behind the policy, at byte %d", d.InputOffset())
	}
	return n, nil
}

func readNode(d *json.Decoder, depth int) (node, error) {
	if depth > MaxNesting {
		return node{}, fmt.Errorf("it nests deeper than %d levels", MaxNesting)
	}
	t, err := d.Token()
	if err != nil {
		return node{}, explainJSON(err, d)
	}
	switch t := t.(type) {
	case string:
		return node{kind: text, text: t}, nil
	case json.Number:
		return node{kind: scalar, text: t.String()}, nil
	case bool:
		if t {
			return node{kind: scalar, text: "true"}, nil
		}
		return node{kind: scalar, text: "false"}, nil
	case json.Delim:
		if t == '[' {
			return readArray(d, depth)
		}
		return readObject(d, depth)
	}
	return node{kind: null}, nil
}

func readArray(d *json.Decoder, depth int) (node, error) {
	n := node{kind: array}
	for d.More() {
		e, err := readNode(d, depth+1)
		if err != nil {
			return node{}, err
		}
		n.elements = append(n.elements, e)
	}
	return n, closing(d)
}

func readObject(d *json.Decoder, depth int) (node, error) {
	n := node{kind: object}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return node{}, explainJSON(err, d)
		}
		name, ok := t.(string)
		if !ok || seen[name] {
			return node{}, fmt.Errorf("%q stands twice in one object, at byte %d", name, d.InputOffset())
		}
		seen[name] = true
		v, err := readNode(d, depth+1)
		if err != nil {
			return node{}, err
		}
		n.members = append(n.members, member{name, v})
	}
	return n, closing(d)
}

func closing(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return explainJSON(err, d)
	}
	return nil
}

func explainJSON(err error, d *json.Decoder) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("it ends too early, at byte %d", d.InputOffset())
	}
	return fmt.Errorf("%w, at byte %d", err, d.InputOffset())
}
