package partiql

import (
	"slices"
	"strconv"
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/item"
)

// binding is a statement together with what its parameters stand for.
type binding struct {
	s          *Statement
	parameters []item.Value
}

// parameter returns what a parameter stands for. One that there is not is told when
// its turn comes; those that no place of the text asks for are passed over.
func (b *binding) parameter(n *node) (item.Value, error) {
	if n.parameter >= len(b.parameters) {
		return nil, errParameters
	}
	return b.parameters[n.parameter], nil
}

// Item returns what an INSERT puts.
func (s *Statement) Item(parameters []item.Value) (item.Item, error) {
	if s.item.form != formTuple {
		return nil, errAt(s.item.at, "Unsupported format in item expression. Please use struct format {...} to express item values for insert statement.")
	}
	b := binding{s, parameters}
	entries, err := b.entries(s.item, "root")
	if err != nil {
		return nil, err
	}
	return item.BuildItem(nil, entries), nil
}

// value works out a value; within names what holds it, for errors.
func (b *binding) value(n *node, within string) (item.Value, error) {
	switch n.form {
	case formLiteral:
		return n.value, n.fault
	case formParameter:
		return b.parameter(n)
	case formBag:
		return b.set(n)
	case formList:
		list := make([]item.Value, len(n.args))
		for i, a := range n.args {
			var err error
			if list[i], err = b.value(a, within+"."+strconv.Itoa(i)); err != nil {
				return nil, err
			}
		}
		return checkDepth(item.BuildList(nil, list))
	case formTuple:
		entries, err := b.entries(n, within)
		if err != nil {
			return nil, err
		}
		return checkDepth(item.BuildMap(nil, entries))
	case formIon:
		return nil, errAt(n.at, "Ion Literals are not supported: under key %s", within)
	case formPath, formOperator, formCall, formOther, formMissing:
	}
	return nil, n.unsupported(n.class(), within)
}

// attribute works out the value of an attribute of an INSERT's item. What is none is
// told by its own name there.
func (b *binding) attribute(n *node) (item.Value, error) {
	const within = "root"
	switch {
	case n.isValue(), n.form == formIon:
		return b.value(n, within)
	case n.form == formMissing:
		return nil, n.unsupported("MISSING", within)
	case n.form == formPath && len(n.path) > 1:
		return nil, n.unsupported("PATH", within)
	case n.form == formPath:
		return nil, n.unsupported(n.path.String(), within)
	}
	return nil, n.unsupported(n.name(), within)
}

func checkDepth(v item.Value) (item.Value, error) {
	if v.Depth() > item.MaxDepth {
		return nil, errNesting
	}
	return v, nil
}

// unsupported refuses n where a value belongs.
func (n *node) unsupported(what, within string) error {
	return n.errAt("Unsupported data type: %s under key %s", what, within)
}

// errAt is an error at the place of n. A path of several steps has none.
func (n *node) errAt(format string, args ...any) error {
	if n.form == formPath && len(n.path) > 1 {
		return aws.Validation(format, args...)
	}
	return errAt(n.at, format, args...)
}

// class is what the reference implementation calls the kind of node that n is.
func (n *node) class() string {
	switch n.form {
	case formLiteral:
		return literalClass(n.value)
	case formParameter:
		return "Parameter"
	case formPath:
		if len(n.path) > 1 {
			return "Path"
		}
		return "VariableReference"
	case formList, formBag:
		return "Seq"
	case formTuple:
		return "Struct"
	case formMissing:
		return "LiteralMissing"
	case formIon:
		return "Literal"
	case formCall, formOperator, formOther:
	}
	switch n.text {
	case "cast", "is":
		return "Typed"
	case "CASE":
		return "SearchedCase"
	case "SELECT":
		return "Select"
	}
	return "NAry"
}

func literalClass(v item.Value) string {
	switch v.Type() {
	case item.TypeN:
		if strings.Contains(v.Number().String(), ".") {
			return "DECIMAL"
		}
		return "INT"
	case item.TypeBOOL:
		return "BOOL"
	default:
		return "NULL"
	}
}

// name is what errors call an operator or function.
func (n *node) name() string {
	if n.text != "" {
		return n.text
	}
	return strings.ToLower(n.op.String())
}

// entries works out the attributes of a tuple.
func (b *binding) entries(n *node, within string) ([]item.Entry, error) {
	entries := make([]item.Entry, 0, len(n.args)/2)
	names := make(map[string]bool, len(n.args)/2)
	for i := 0; i < len(n.args); i += 2 {
		key := n.args[i]
		if key.form != formLiteral || key.value.Type() != item.TypeS {
			return nil, key.errAt("Tuple keys must be of type String. Actual type: %s under %s", key.class(), within)
		}
		name := string(key.value.Bytes())
		if name == "" {
			return nil, errEmptyName
		}
		if names[name] {
			return nil, errAt(key.at, "Duplicate keys in tuple. Key: %s under %s", name, within)
		}
		names[name] = true
		var v item.Value
		var err error
		if n == b.s.item {
			v, err = b.attribute(n.args[i+1])
		} else {
			v, err = b.value(n.args[i+1], within+"."+name)
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, item.Entry{Name: name, Value: v})
	}
	return entries, nil
}

// set works out a set: of strings or of numbers, and where parameters say so of
// binaries.
func (b *binding) set(n *node) (item.Value, error) {
	if len(n.args) == 0 {
		return nil, errAt(n.at, "Empty bags are not supported")
	}
	elements := make([]item.Value, len(n.args))
	for i, a := range n.args {
		const unsupported = "Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags"
		bad := errAt(a.at, unsupported)
		if a.form != formLiteral && a.form != formParameter && (i == 0 || a.isValue()) {
			return nil, bad
		}
		var err error
		if elements[i], err = b.value(a, "root"); err != nil {
			return nil, err
		}
		switch t := elements[i].Type(); {
		case t != elements[0].Type():
			return nil, aws.Validation(unsupported)
		case t > item.TypeB:
			return nil, bad
		}
	}
	sorted := slices.Clone(elements)
	slices.SortFunc(sorted, func(a, b item.Value) int { return slices.Compare(a, b) })
	for i := 1; i < len(sorted); i++ {
		if slices.Equal(sorted[i-1], sorted[i]) {
			return nil, errDuplicates
		}
	}
	return item.BuildSet(nil, elements[0].Type()-item.TypeS+item.TypeSS, elements)
}

// errFunction refuses a function where it stands.
func errFunction(n *node) error {
	return aws.Validation("The function is not allowed in an update expression; function: %s", n.text)
}
