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

// bind checks that there are as many parameters as the statement asks for.
// Further ones are passed over.
func (s *Statement) bind(parameters []item.Value) (binding, error) {
	if len(parameters) < s.Parameters {
		return binding{}, errParameters
	}
	return binding{s, parameters}, nil
}

// Item returns what an INSERT puts.
func (s *Statement) Item(parameters []item.Value) (item.Item, error) {
	b, err := s.bind(parameters)
	if err != nil {
		return nil, err
	}
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
		return n.value, nil
	case formParameter:
		return b.parameters[n.parameter], nil
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
	case formMissing:
		return nil, errUnsupported(n, "MISSING", within)
	case formIon:
		return nil, errAt(n.at, "Ion Literals are not supported: under key %s", within)
	case formPath:
		return nil, errUnsupported(n, n.path.String(), within)
	case formOperator, formCall:
	}
	return nil, errUnsupported(n, n.name(), within)
}

func checkDepth(v item.Value) (item.Value, error) {
	if v.Depth() > item.MaxDepth {
		return nil, errNesting
	}
	return v, nil
}

func errUnsupported(n *node, what, within string) error {
	return errAt(n.at, "Unsupported data type: %s under key %s", what, within)
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
			what := "Literal"
			if key.form == formPath {
				what = "VariableReference"
			}
			return nil, errAt(key.at, "Tuple keys must be of type String. Actual type: %s under %s", what, within)
		}
		name := string(key.value.Bytes())
		if name == "" {
			return nil, errEmptyName
		}
		if names[name] {
			return nil, errAt(key.at, "Duplicate keys in tuple. Key: %s under %s", name, within)
		}
		names[name] = true
		inner := within
		if n != b.s.item {
			inner += "." + name
		}
		v, err := b.value(n.args[i+1], inner)
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
		bad := errAt(a.at, "Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags")
		switch a.form {
		case formLiteral:
			elements[i] = a.value
		case formParameter:
			elements[i] = b.parameters[a.parameter]
		default:
			return nil, bad
		}
		if t := elements[i].Type(); t > item.TypeB || t != elements[0].Type() {
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
