package partiql_test

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
	"github.com/hortusdb/hortus/partiql"
)

// TestStatements runs the histories in testdata. Their commands, which take a
// statement a line:
//
//	parse                    what the text says, or what is wrong with it by itself
//	parameters               sets the parameters, a value of JSON a line
//	item                     sets the item, as JSON of attribute values
//	plan hash=(h) range=(r)  how a SELECT is run
//	target hash=h range=r    the key of a statement, and whether it wants the item
//	insert                   the item of an INSERT
//	update                   the item after an UPDATE
//	select                   whether the item passes, and what of it is answered
//
// The output repeats each line and says what it gives; ! is an error. Key
// attributes are written name:type.
func TestStatements(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var f fixture
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return f.run(t, d) })
	})
}

// fixture is the state of one file.
type fixture struct {
	item       item.Item
	parameters []item.Value
}

func (f *fixture) run(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "item":
		f.item = decodeItem(t, d.Input)
		return ""
	case "parameters":
		f.parameters = nil
		for line := range strings.SplitSeq(d.Input, "\n") {
			v, _ := decodeItem(t, `{"v":`+line+`}`).Get("v")
			f.parameters = append(f.parameters, v)
		}
		return ""
	}
	var out strings.Builder
	for line := range strings.SplitSeq(d.Input, "\n") {
		result, err := f.line(t, d, line)
		if err != nil {
			e, ok := errors.AsType[*aws.Error](err)
			if !ok || e.Code != "ValidationException" {
				t.Fatalf("not a ValidationException: %v", err)
			}
			result = "! " + e.Message
		}
		fmt.Fprintf(&out, "%s\n  →  %s\n", line, result)
	}
	return out.String()
}

func (f *fixture) line(t *testing.T, d *datadriven.TestData, line string) (string, error) {
	s, err := partiql.Parse(line)
	if err != nil {
		return "", err
	}
	switch d.Cmd {
	case "parse":
		given := make([]item.Value, s.Parameters)
		for i := range given {
			given[i] = item.S("x")
		}
		return describe(s), refused(s, given)
	case "plan":
		p, err := s.Plan(schema(t, d), f.parameters)
		if err != nil {
			return "", err
		}
		return printPlan(p), nil
	case "target":
		target, err := s.Target(schema(t, d), f.parameters)
		if err != nil {
			return "", err
		}
		if target.Fault != nil {
			return "", target.Fault
		}
		out := string(item.AppendItemJSON(nil, target.Key))
		if target.Condition != nil {
			out += fmt.Sprintf(" absent:%v present:%v", target.Condition.Eval(nil), target.Condition.Eval(f.item))
		}
		return out, nil
	case "insert":
		it, err := s.Item(f.parameters)
		return string(item.AppendItemJSON(nil, it)), err
	case "update":
		u, err := s.Update(f.parameters)
		if err != nil {
			return "", err
		}
		it, err := u.Apply(nil, f.item)
		if err != nil {
			return "", err
		}
		return string(item.AppendItemJSON(nil, it)), nil
	case "select":
		return f.selected(s)
	}
	d.Fatalf(t, "unknown command")
	return "", nil
}

func (f *fixture) selected(s *partiql.Statement) (string, error) {
	p, err := s.Plan(expr.KeySchema{}, f.parameters)
	if err != nil {
		return "", err
	}
	projection, err := s.Projection()
	if err != nil {
		return "", err
	}
	if p.Filter != nil && !p.Filter.Eval(f.item) {
		return "false", nil
	}
	if projection == nil {
		return "true", nil
	}
	return "true " + string(item.AppendItemJSON(nil, projection.Project(nil, f.item))), nil
}

// refused returns what is wrong with a statement by itself.
func refused(s *partiql.Statement, parameters []item.Value) error {
	err := s.Refusal(parameters)
	if err == nil {
		err = s.Check(parameters)
	}
	if err == nil && s.Kind == partiql.Insert {
		_, err = s.Item(parameters)
	}
	if err == nil && s.Kind == partiql.Update {
		_, err = s.Update(parameters)
	}
	if err == nil {
		err = s.CheckReturning()
	}
	return err
}

func describe(s *partiql.Statement) string {
	out := fmt.Sprintf("%d %s", s.Kind, s.Table)
	if s.Index != "" {
		out += " index=" + s.Index
	}
	for _, c := range s.Columns {
		out += fmt.Sprintf(" %s as %s", c.Path, c.Name)
	}
	if s.Returning != 0 {
		out += " " + s.Returning.String()
	}
	if s.Parameters > 0 {
		out += fmt.Sprintf(" parameters=%d", s.Parameters)
	}
	return out + " | " + s.Text()
}

func printPlan(p *partiql.Plan) string {
	var out []string
	for _, r := range p.Ranges {
		var b []byte
		for _, v := range r.Hash {
			b = item.AppendValueJSON(append(b, ' '), v)
		}
		for _, v := range r.Equal {
			b = item.AppendValueJSON(append(b, ' '), v)
		}
		if r.Op != expr.RangeNone {
			b = item.AppendValueJSON(append(append(append(b, ' '), r.Op.String()...), ' '), r.Operand)
		}
		if r.Upper != nil {
			b = item.AppendValueJSON(append(b, ' '), r.Upper)
		}
		out = append(out, "query"+string(b))
	}
	if p.Ranges == nil {
		out = append(out, "scan")
	}
	if p.Whole {
		out = append(out, "whole")
	}
	if p.Reverse {
		out = append(out, "reverse")
	}
	if p.Filter != nil {
		out = append(out, "filter by "+strings.Join(p.Filter.AttributeNames(), ","))
	}
	return strings.Join(out, "; ")
}

// schema reads hash= and range= of a command.
func schema(t *testing.T, d *datadriven.TestData) expr.KeySchema {
	t.Helper()
	var s expr.KeySchema
	for _, a := range d.CmdArgs {
		for _, v := range a.Vals {
			name, typeName, _ := strings.Cut(v, ":")
			typ, ok := item.ParseType(typeName)
			if !ok {
				d.Fatalf(t, "no type: %s", v)
			}
			switch a.Key {
			case "hash":
				s.Hash = append(s.Hash, expr.KeyAttribute{Name: name, Type: typ})
			case "range":
				s.Range = append(s.Range, expr.KeyAttribute{Name: name, Type: typ})
			}
		}
	}
	return s
}

func decodeItem(t testing.TB, text string) item.Item {
	t.Helper()
	var scan jsonscan.Scanner
	scan.Reset([]byte(text))
	var decoder item.Decoder
	it, err := decoder.Item(&scan, nil)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return it
}

// FuzzParse: whatever the text, parsing ends in AWS's error or in a statement
// that the one spelling of it parses to again, and all that follows ends in
// AWS's errors or in values that can be stored.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`SELECT * FROM "Music" WHERE "Artist" = 'Acme' AND "Song" BETWEEN ? AND 'z' ORDER BY "Song" DESC`,
		`SELECT a.b[0]."c", d FROM t12.idx WHERE pk IN ['a', ?] OR (pk = 'b' AND NOT contains(s, 'x')) OR size(l) > 1;`,
		`INSERT INTO "tab" VALUE {'pk': ?, 'l': [1, -2.5e3, {'m': <<'a','b'>>}], 'n': null, 't': true}`,
		`UPDATE tab SET a = a + 1, l = list_append(l, [?]) SET s = set_add(s, <<1>>) REMOVE b.c WHERE pk = 'x' AND a IS NOT MISSING RETURNING ALL OLD *`,
		`DELETE FROM tab WHERE 'x' = pk AND sk = 1 AND begins_with(b, 'it''s') -- comment`,
		`EXISTS(SELECT * FROM tab WHERE pk = 'x' AND attribute_type(a, 'S') AND b <> /* no */ <<1, 2>>)`,
	} {
		f.Add(seed)
	}
	parameters := make([]item.Value, partiql.MaxText)
	for i := range parameters {
		parameters[i] = item.S("x")
	}
	key := expr.KeySchema{Hash: []expr.KeyAttribute{{Name: "pk", Type: item.TypeS}}, Range: []expr.KeyAttribute{{Name: "sk", Type: item.TypeN}}}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > partiql.MaxText {
			return
		}
		s, err := partiql.Parse(text)
		if err != nil {
			contract(t, err)
			return
		}
		again, err := partiql.Parse(s.Text())
		if err != nil || again.Text() != s.Text() || describe(again) != describe(s) {
			t.Fatalf("%q is spelled %q, which is parsed to %v, %v", text, s.Text(), again, err)
		}
		switch s.Kind {
		case partiql.Select:
			p, err := s.Plan(key, parameters)
			contract(t, err)
			if err == nil && p.Filter != nil {
				p.Filter.Eval(nil)
			}
			_, err = s.Projection()
			contract(t, err)
		case partiql.Insert:
			it, err := s.Item(parameters)
			contract(t, err)
			if err == nil && item.Validate(it) != nil {
				t.Fatalf("%q makes an item that cannot be stored: %v", text, item.Validate(it))
			}
			return
		case partiql.Update:
			u, err := s.Update(parameters)
			contract(t, err)
			if err == nil {
				_, err = u.Apply(nil, item.BuildItem(nil, nil))
				contract(t, err)
			}
		case partiql.Delete, partiql.Exists:
		}
		target, err := s.Target(key, parameters)
		contract(t, err)
		if err == nil && target.Condition != nil {
			target.Condition.Eval(nil)
		}
	})
}

// contract fails for an error that clients may not see.
func contract(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*aws.Error](err); err != nil && !ok {
		t.Fatalf("not an error of the API: %v", err)
	}
}

// TestOperators: the limit of 300 operators holds of all that WHERE says, the key
// included, and of all that SET assigns (as in DynamoDB Local).
func TestOperators(t *testing.T) {
	schema := expr.KeySchema{Hash: []expr.KeyAttribute{{Name: "pk", Type: item.TypeS}}}
	many := func(n int, one, between string) string {
		return strings.TrimSuffix(strings.Repeat(one+between, n), between)
	}
	const want = "The expression contains too many operators; operator count: 301"
	for _, c := range []struct {
		name, text string
		refused    bool
	}{
		{"149 conditions and a key", "SELECT * FROM tab WHERE pk = 'a' AND (" + many(149, "n = 1", " OR ") + ")", false},
		{"150 conditions and a key", "SELECT * FROM tab WHERE pk = 'a' AND (" + many(150, "n = 1", " OR ") + ")", true},
		{"a key 150 times", "SELECT * FROM tab WHERE " + many(150, "pk = 'a'", " AND "), false},
		{"a key 151 times", "SELECT * FROM tab WHERE " + many(151, "pk = 'a'", " AND "), true},
		{"300 of NOT and IN", "SELECT * FROM tab WHERE " + many(299, "NOT ", "") + "n IN [1, 2]", false},
		{"301 of NOT and IN", "SELECT * FROM tab WHERE " + many(300, "NOT ", "") + "n IN [1, 2]", true},
		{"100 functions in 100 comparisons", "SELECT * FROM tab WHERE " + many(100, "size(n) = 1", " OR "), false},
		{"101 functions in 101 comparisons", "SELECT * FROM tab WHERE " + many(101, "size(n) = 1", " OR "), true},
		{"a key and 149 conditions of a DELETE", "DELETE FROM tab WHERE pk = 'a' AND " + many(149, "n = 1", " AND "), false},
		{"a key and 150 conditions of a DELETE", "DELETE FROM tab WHERE pk = 'a' AND " + many(150, "n = 1", " AND "), true},
		{"301 assignments", "UPDATE tab SET " + assignments(301, "1") + " WHERE pk = 'a'", false},
		{"300 sums", "UPDATE tab SET " + assignments(300, "n + 1") + " WHERE pk = 'a'", false},
		{"301 sums", "UPDATE tab SET " + assignments(301, "n + 1") + " WHERE pk = 'a'", true},
	} {
		s, err := partiql.Parse(c.text)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		switch s.Kind {
		case partiql.Select:
			_, err = s.Plan(schema, nil)
		case partiql.Update:
			_, err = s.Update(nil)
		default:
			_, err = s.Target(schema, nil)
		}
		if (err != nil) != c.refused || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func assignments(n int, value string) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("a%d = %s", i, value))
	}
	return strings.Join(list, ", ")
}
