package policy

import (
	"slices"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/jsonscan"
)

// Canonical writes a resource-based policy as DynamoDB gives it back (recorded):
// without white space, elements in IAM's order, a list of one as its element, an
// account as the ARN of its root user, a principal that is named twice once. A
// document without a Version gets the one that it then has. The text is a policy
// that Parse took; another comes back as it is.
func Canonical(document string) string {
	root, err := readJSON([]byte(document))
	if err != nil || root.kind != object {
		return document
	}
	w := writer{}
	version := node{kind: text, text: version2008}
	if v, ok := root.member("Version"); ok {
		version = v
	}
	w.open()
	w.member("Version", version)
	if id, ok := root.member("Id"); ok {
		w.member("Id", id)
	}
	statements, _ := root.member("Statement")
	w.name("Statement")
	w.b = append(w.b, '[')
	for i, s := range statements.list() {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.statement(s)
	}
	w.b = append(w.b, ']')
	w.close()
	return string(w.b)
}

// Same reports whether two texts are one policy to DynamoDB: whether putting one
// in the place of the other changes nothing. A Version that is left out is not
// the same as the one that it stands for (recorded).
func Same(a, b string) bool {
	return a == b || Canonical(a) == Canonical(b) && hasVersion(a) == hasVersion(b)
}

func hasVersion(document string) bool {
	root, err := readJSON([]byte(document))
	if err != nil {
		return false
	}
	_, ok := root.member("Version")
	return ok
}

// member returns the value of an object's member.
func (n node) member(name string) (node, bool) {
	for _, m := range n.members {
		if m.name == name {
			return m.value, true
		}
	}
	return node{}, false
}

// writer writes JSON without white space.
type writer struct{ b []byte }

func (w *writer) open()  { w.b = append(w.b, '{') }
func (w *writer) close() { w.b = append(w.b, '}') }

func (w *writer) name(n string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(jsonscan.AppendString(w.b, n), ':')
}

func (w *writer) member(name string, v node) {
	w.name(name)
	w.value(v)
}

func (w *writer) value(v node) {
	switch v.kind {
	case text:
		w.b = jsonscan.AppendString(w.b, v.text)
	case scalar:
		w.b = append(w.b, v.text...)
	case null:
		w.b = append(w.b, "null"...)
	case array:
		w.b = append(w.b, '[')
		for i, e := range v.elements {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.value(e)
		}
		w.b = append(w.b, ']')
	case object:
		w.open()
		for _, m := range v.members {
			w.member(m.name, m.value)
		}
		w.close()
	}
}

// statement writes the elements of a statement in IAM's order.
func (w *writer) statement(s node) {
	w.open()
	for _, name := range []string{"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"} {
		v, ok := s.member(name)
		if !ok {
			continue
		}
		switch name {
		case "Effect":
			v.text = effectOf(v.text)
		case "Principal", "NotPrincipal":
			v = principalNode(v)
		case "Action", "NotAction", "Resource", "NotResource":
			v = v.short()
		}
		w.member(name, v)
	}
	w.close()
}

// short returns the element of a list of one.
func (n node) short() node {
	if n.kind == array && len(n.elements) == 1 {
		return n.elements[0]
	}
	return n
}

// principalNode names accounts by their root users, and each principal once.
func principalNode(v node) node {
	if v.kind != object {
		return v
	}
	out := node{kind: object}
	for _, m := range v.members {
		list := node{kind: array}
		for _, e := range m.value.list() {
			if a := aws.Account(e.text); m.name == "AWS" && a.Valid() {
				e.text = a.Root()
			}
			if !slices.ContainsFunc(list.elements, func(o node) bool { return o.text == e.text }) {
				list.elements = append(list.elements, e)
			}
		}
		out.members = append(out.members, member{m.name, list.short()})
	}
	return out
}
