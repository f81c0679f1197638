package expr_test

import (
	"strconv"
	"testing"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
)

// TestBuilder builds what a legacy parameter lowers to and evaluates it.
func TestBuilder(t *testing.T) {
	it := decodeItem(t, `{"a": {"N": "5"}, "status": {"S": "on"}}`)
	b := expr.NewBuilder(expr.ConditionKind)
	status := b.Path(item.Path{item.Name("status")})
	between := b.Apply(expr.OpBetween, b.Path(item.Path{item.Name("a")}), b.Literal(number(1)), b.Literal(number(5)))
	b.Where(b.Apply(expr.OpAnd, between, b.Apply(expr.OpNot, b.Apply(expr.OpContains, status, b.Literal(item.S("ff"))))))
	e := b.Expression()
	if got, want := e.String(), `a BETWEEN {"N":"1"} AND {"N":"5"} AND NOT contains(status, {"S":"ff"})`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	c, err := expr.BindCondition(e, &expr.Scope{})
	checkError(t, err, "")
	if !c.Eval(it) {
		t.Error("the condition does not hold")
	}

	b = expr.NewBuilder(expr.UpdateKind)
	b.Add(b.Path(item.Path{item.Name("a")}), b.Literal(number(2)))
	b.Remove(b.Path(item.Path{item.Name("status")}))
	b.Set(b.Path(item.Path{item.Name("b.c")}), b.Literal(item.S("x")))
	u, err := expr.BindUpdate(b.Expression(), &expr.Scope{})
	checkError(t, err, "")
	updated, err := u.Apply(nil, it)
	checkError(t, err, "")
	if got, want := string(item.AppendItemJSON(nil, updated)), `{"a":{"N":"7"},"b.c":{"S":"x"}}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestFilterKeys: on Query a filter may not mention the key.
func TestFilterKeys(t *testing.T) {
	schema := expr.KeySchema{
		Hash:  []expr.KeyAttribute{{Name: "pk", Type: item.TypeS}},
		Range: []expr.KeyAttribute{{Name: "sk", Type: item.TypeN}},
	}
	const isKey = "Filter Expression can only contain non-primary key attributes: Primary key attribute: "
	for text, want := range map[string]string{
		"a = :v":               "",
		"a.pk = :v":            "",
		"a = :v AND pk = :v":   isKey + "pk",
		"size(sk) = :v":        isKey + "sk",
		"sk = :v OR pk = :v":   isKey + "sk",
		"attribute_exists(#k)": isKey + "sk",
	} {
		scope := &expr.Scope{Names: names("#k", "sk"), Values: values(":v")}
		c, err := bindCondition(text, scope)
		checkError(t, err, "")
		checkError(t, c.CheckNoKeys(schema), want)
	}
}

// TestCache: one text gives one expression, another kind another one, and
// errors are not kept.
func TestCache(t *testing.T) {
	c := expr.NewCache(10)
	first, err := c.Parse(expr.ConditionKind, "a = :v")
	checkError(t, err, "")
	second, err := c.Parse(expr.ConditionKind, "a = :v")
	checkError(t, err, "")
	if first != second {
		t.Error("the same text was parsed twice")
	}
	filter, err := c.Parse(expr.FilterKind, "a = :v")
	checkError(t, err, "")
	if filter == first || filter.Kind() != expr.FilterKind {
		t.Error("kinds are confused")
	}
	for range 2 {
		_, err = c.Parse(expr.FilterKind, "a")
		checkError(t, err, `Invalid FilterExpression: Syntax error; token: "<EOF>", near: "a"`)
	}
}

// TestBuilderAlone: what only a built expression can say.
func TestBuilderAlone(t *testing.T) {
	path := func(b *expr.Builder, name string) expr.Node { return b.Path(item.Path{item.Name(name)}) }

	b := expr.NewBuilder(expr.FilterKind)
	operands := []expr.Node{path(b, "a")}
	for i := range 2 * expr.MaxInOperands {
		operands = append(operands, b.Literal(number(i)))
	}
	b.Where(b.Apply(expr.OpIn, operands...))
	c, err := expr.BindCondition(b.Expression(), &expr.Scope{})
	checkError(t, err, "")
	if !c.Eval(decodeItem(t, `{"a": {"N": "199"}}`)) || c.Eval(decodeItem(t, `{"a": {"N": "200"}}`)) {
		t.Error("a long IN does not look at all of its list")
	}

	mismatch := aws.Validation("not of that type")
	b = expr.NewBuilder(expr.UpdateKind)
	b.Distinct()
	b.TypeMismatch(mismatch)
	b.Add(path(b, "a"), b.Literal(number(1)))
	u, err := expr.BindUpdate(b.Expression(), &expr.Scope{})
	checkError(t, err, "")
	_, err = u.Apply(nil, decodeItem(t, `{"a": {"S": "x"}}`))
	checkError(t, err, mismatch.Message)

	schema := expr.KeySchema{
		Hash:  []expr.KeyAttribute{{Name: "pk", Type: item.TypeN}},
		Range: []expr.KeyAttribute{{Name: "sk", Type: item.TypeN}},
	}
	for _, test := range []struct {
		hash, rng expr.Op
		want      string
	}{
		{expr.OpEQ, expr.OpLT, ""},
		{expr.OpEQ, expr.OpNE, "Attempted conditional constraint is not an indexable operation"},
		{expr.OpEQ, expr.OpContains, "Attempted conditional constraint is not an indexable operation"},
		{expr.OpIn, expr.OpEQ, "Query key condition not supported"},
	} {
		b := expr.NewBuilder(expr.KeyConditionKind)
		b.Where(b.Apply(expr.OpAnd,
			b.Apply(test.hash, path(b, "pk"), b.Literal(number(1))), b.Apply(test.rng, path(b, "sk"), b.Literal(number(2)))))
		k, err := expr.BindKeyCondition(b.Expression(), &expr.Scope{})
		checkError(t, err, "")
		_, err = k.Lower(schema)
		checkError(t, err, test.want)
	}
}

// TestBuilderProjection: many attributes are chosen as few are.
func TestBuilderProjection(t *testing.T) {
	it := decodeItem(t, `{"a7": {"N": "7"}, "b": {"S": "x"}, "a99": {"L": []}, "a": {"NULL": true}}`)
	for _, n := range []int{8, 100} {
		b := expr.NewBuilder(expr.ProjectionKind)
		b.Distinct()
		for i := range n {
			b.Project(b.Path(item.Path{item.Name("a" + strconv.Itoa(i))}))
		}
		p, err := expr.BindProjection(b.Expression(), &expr.Scope{})
		checkError(t, err, "")
		want := `{"a7":{"N":"7"}}`
		if n == 100 {
			want = `{"a7":{"N":"7"},"a99":{"L":[]}}`
		}
		if got := string(item.AppendItemJSON(nil, p.Project(nil, it))); got != want {
			t.Errorf("%d attributes: got %s, want %s", n, got, want)
		}
	}
}
