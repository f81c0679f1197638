package expr_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/jsonscan"
)

// TestExpressions runs the histories in testdata. Their commands:
//
//	parse kind=K                 the text, as it is printed again, or its error
//	item                         sets the item, as JSON of attribute values
//	names                        sets ExpressionAttributeNames, "#a=b" a line
//	values                       sets ExpressionAttributeValues, JSON
//	eval                         true or false of conditions, one a line
//	key hash=(h) range=(r)       the key range of key conditions, one a line
//	project                      the projections of the item, one a line
//	update hash=(h) range=(r)    the item's changed attributes, one update a line
//	unused                       after a line, are all placeholders used?
//
// The output repeats each line and says what it gives; ! is an error. Each line
// of input starts from the same item, names and values. Key
// attributes are written name:type.
func TestExpressions(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var f fixture
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return f.run(t, d) })
	})
}

// fixture is the state of one file.
type fixture struct {
	item   item.Item
	names  expr.Names
	values expr.Values
}

func (f *fixture) run(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "item":
		f.item = decodeItem(t, d.Input)
		return ""
	case "names":
		f.names = nil
		for line := range strings.FieldsSeq(d.Input) {
			k, v, _ := strings.Cut(line, "=")
			f.names = append(f.names, expr.Name{Placeholder: k, Attribute: v})
		}
		return ""
	case "values":
		f.values = decodeValues(t, d.Input)
		return ""
	}
	var out strings.Builder
	for line := range strings.SplitSeq(d.Input, "\n") {
		result, err := f.line(t, d, line)
		if err != nil {
			result = contractError(t, err)
		}
		fmt.Fprintf(&out, "%s  →  %s\n", line, result)
	}
	return out.String()
}

// contractError prints an error, which must be one that clients may see.
func contractError(t *testing.T, err error) string {
	t.Helper()
	var contract *aws.Error
	if !errors.As(err, &contract) || contract.Code != "ValidationException" {
		t.Fatalf("not a ValidationException: %v", err)
	}
	return "! " + contract.Message
}

func (f *fixture) line(t *testing.T, d *datadriven.TestData, line string) (string, error) {
	scope := &expr.Scope{Names: append(expr.Names(nil), f.names...), Values: append(expr.Values(nil), f.values...)}
	switch d.Cmd {
	case "parse":
		e, err := expr.Parse(kindOf(t, d), unescape(line))
		if err != nil {
			return "", err
		}
		return e.String(), nil
	case "eval", "unused":
		c, err := bindCondition(line, scope)
		if err != nil {
			return "", err
		}
		if d.Cmd == "unused" {
			if err := scope.CheckUnused(); err != nil {
				return "", err
			}
		}
		return fmt.Sprint(c.Eval(f.item)), nil
	case "key":
		return keyLine(t, d, line, scope)
	case "project":
		e, err := expr.Parse(expr.ProjectionKind, line)
		if err != nil {
			return "", err
		}
		p, err := expr.BindProjection(e, scope)
		if err != nil {
			return "", err
		}
		return string(item.AppendItemJSON(nil, p.Project(nil, f.item))), nil
	case "update":
		return f.update(t, d, line, scope)
	}
	t.Fatalf("%s: no such command: %s", d.Pos, d.Cmd)
	return "", nil
}

func bindCondition(text string, scope *expr.Scope) (*expr.Condition, error) {
	e, err := expr.Parse(expr.ConditionKind, text)
	if err != nil {
		return nil, err
	}
	return expr.BindCondition(e, scope)
}

// update prints the attributes that differ from the item's; {} stands for none,
// and a name behind a minus for a removed one.
func (f *fixture) update(t *testing.T, d *datadriven.TestData, line string, scope *expr.Scope) (string, error) {
	e, err := expr.Parse(expr.UpdateKind, line)
	if err != nil {
		return "", err
	}
	u, err := expr.BindUpdate(e, scope)
	if err != nil {
		return "", err
	}
	if err := u.CheckNoKeys(expr.KeySchema{Hash: keyAttributes(t, d, "hash"), Range: keyAttributes(t, d, "range")}); err != nil {
		return "", err
	}
	updated, err := u.Apply(nil, f.item)
	if err != nil {
		return "", err
	}
	if err := item.Validate(updated); err != nil {
		t.Fatalf("%s: not a canonical item: %v", line, err)
	}
	var changed item.Builder
	for name, v := range updated.All() {
		if was, ok := f.item.Get(string(name)); !ok || string(was) != string(v) {
			changed.Add(string(name), v)
		}
	}
	out := string(item.AppendItemJSON(nil, changed.Item(nil)))
	for name := range f.item.All() {
		if _, ok := updated.Get(string(name)); !ok {
			out += " -" + string(name)
		}
	}
	return out, nil
}

func keyLine(t *testing.T, d *datadriven.TestData, line string, scope *expr.Scope) (string, error) {
	e, err := expr.Parse(expr.KeyConditionKind, line)
	if err != nil {
		return "", err
	}
	k, err := expr.BindKeyCondition(e, scope)
	if err != nil {
		return "", err
	}
	r, err := k.Lower(expr.KeySchema{Hash: keyAttributes(t, d, "hash"), Range: keyAttributes(t, d, "range")})
	if err != nil {
		return "", err
	}
	out := "hash" + valuesText(r.Hash)
	if len(r.Equal) > 0 {
		out += " range" + valuesText(r.Equal)
	}
	if r.Op != expr.RangeNone {
		out += " " + r.Op.String() + valuesText([]item.Value{r.Operand})
		if r.Upper != nil {
			out += valuesText([]item.Value{r.Upper})
		}
	}
	return out, nil
}

func valuesText(values []item.Value) string {
	out := ""
	for _, v := range values {
		out += " " + string(item.AppendValueJSON(nil, v))
	}
	return out
}

func keyAttributes(t *testing.T, d *datadriven.TestData, key string) []expr.KeyAttribute {
	var out []expr.KeyAttribute
	for _, a := range d.CmdArgs {
		if a.Key != key {
			continue
		}
		for _, v := range a.Vals {
			name, typeName, _ := strings.Cut(v, ":")
			kind, ok := item.ParseType(typeName)
			if !ok {
				t.Fatalf("%s: no such type: %s", d.Pos, typeName)
			}
			out = append(out, expr.KeyAttribute{Name: name, Type: kind})
		}
	}
	return out
}

var kinds = [...]expr.Kind{expr.ConditionKind, expr.FilterKind, expr.KeyConditionKind, expr.ProjectionKind, expr.UpdateKind}

func kindOf(t *testing.T, d *datadriven.TestData) expr.Kind {
	var name string
	d.ScanArgs(t, "kind", &name)
	for _, k := range kinds {
		if k.String() == name+"Expression" {
			return k
		}
	}
	t.Fatalf("%s: no such kind: %s", d.Pos, name)
	return 0
}

// unescape lets a line of a test hold what it cannot show: · is a space at
// either end, ␤ a line feed, ε an empty text.
func unescape(line string) string {
	return strings.NewReplacer("·", " ", "␤", "\n", "␍", "\r", "␌", "\f", "ε", "").Replace(line)
}

// scanner decodes items from JSON.
type scanner struct {
	scan   jsonscan.Scanner
	decode item.Decoder
}

func (s *scanner) item(text string) (item.Item, error) {
	s.scan.Reset([]byte(text))
	b, err := s.decode.Item(&s.scan, nil)
	return b, err
}

func decodeItem(t testing.TB, text string) item.Item {
	t.Helper()
	var s scanner
	it, err := s.item(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return it
}

func decodeValues(t testing.TB, text string) expr.Values {
	t.Helper()
	values := expr.Values{}
	for name, v := range decodeItem(t, text).All() {
		values = append(values, expr.Value{Placeholder: string(name), Value: v})
	}
	return values
}
