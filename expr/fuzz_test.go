package expr_test

import (
	"errors"
	"testing"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
)

// seeds are texts from which the fuzzers start.
var seeds = []string{
	"attribute_exists(pk) AND #f <> :x",
	"a.b[0].#c BETWEEN :l AND size(d) OR NOT (x IN (:a, :b) AND contains(s, :p))",
	"((a)) = :v", "(a) = (:v)", "NOT NOT a = :v", "a = ", "a[99999999999] = :v", "status = :v", "!!",
	"a, b.c, d[3]", "SET a = b + :n, c = if_not_exists(c, :n) REMOVE d[0] ADD e :n DELETE f :s",
	"SET l = list_append(l, :l), m.x = (n - :n)", "pk = :p AND begins_with(sk, :s)",
}

// FuzzParse: no text makes Parse panic; what it accepts prints to a text that
// parses to the same print; what it refuses is a ValidationException.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		for k := range kinds {
			f.Add(k, s)
		}
	}
	f.Fuzz(func(t *testing.T, k int, text string) {
		kind := kinds[uint(k)%uint(len(kinds))]
		e, err := expr.Parse(kind, text)
		if err != nil {
			var contract *aws.Error
			if !errors.As(err, &contract) || contract.Code != "ValidationException" {
				t.Fatalf("not a ValidationException: %v", err)
			}
			return
		}
		printed := e.String()
		again, err := expr.Parse(kind, printed)
		if len(printed) > expr.MaxTextBytes {
			return // Canonical spacing made it too long.
		}
		if err != nil {
			t.Fatalf("%q printed as %q, which fails: %v", text, printed, err)
		}
		if got := again.String(); got != printed {
			t.Fatalf("%q printed as %q and then as %q", text, printed, got)
		}
	})
}

// FuzzEvaluate: no expression on no item makes Bind, Eval, Lower, Project or
// Apply panic; an update's result is a canonical item and leaves the old one
// as it was.
func FuzzEvaluate(f *testing.F) {
	items := []string{
		`{"pk": {"S": "a"}, "a": {"M": {"b": {"L": [{"N": "1"}]}}}, "n": {"N": "5"}, "l": {"L": []}, "s": {"S": "x"}}`,
		`{"pk": {"S": "a"}, "f": {"SS": ["x", "y"]}, "e": {"N": "-1.5"}, "d": {"L": [{"NULL": true}, {"BOOL": false}]}}`,
		`{}`,
	}
	for i, text := range seeds {
		f.Add(i, text, items[i%len(items)], `{":v": {"N": "1"}, ":x": {"S": "x"}, ":l": {"L": [{"N": "1"}]}, ":s": {"SS": ["x"]}, ":n": {"N": "2"}}`)
	}
	f.Fuzz(func(t *testing.T, k int, text, itemText, valuesText string) {
		kind := kinds[uint(k)%uint(len(kinds))]
		it, ok := tryItem(itemText)
		values, ok2 := tryItem(valuesText)
		e, err := expr.Parse(kind, text)
		if !ok || !ok2 || err != nil {
			return
		}
		scope := &expr.Scope{Names: expr.Names{{Placeholder: "#f", Attribute: "f"}, {Placeholder: "#c", Attribute: "c"}}}
		for name, v := range values.All() {
			scope.Values = append(scope.Values, expr.Value{Placeholder: string(name), Value: v})
		}
		evaluate(t, e, scope, it)
	})
}

func tryItem(text string) (item.Item, bool) {
	var s scanner
	it, err := s.item(text)
	return it, err == nil
}

func evaluate(t *testing.T, e *expr.Expression, scope *expr.Scope, it item.Item) {
	before := string(it)
	switch e.Kind() {
	case expr.ConditionKind, expr.FilterKind:
		if c, err := expr.BindCondition(e, scope); err == nil {
			if first := c.Eval(it); c.Eval(it) != first {
				t.Fatalf("%s: two answers", e)
			}
		}
	case expr.KeyConditionKind:
		if k, err := expr.BindKeyCondition(e, scope); err == nil {
			s := expr.KeyAttribute{Name: "pk", Type: item.TypeS}
			_, _ = k.Lower(expr.KeySchema{Hash: []expr.KeyAttribute{s}, Range: []expr.KeyAttribute{{Name: "n", Type: item.TypeN}}})
		}
	case expr.ProjectionKind:
		if p, err := expr.BindProjection(e, scope); err == nil {
			if err := item.Validate(p.Project(nil, it)); err != nil {
				t.Fatalf("%s: %v", e, err)
			}
		}
	case expr.UpdateKind:
		u, err := expr.BindUpdate(e, scope)
		if err != nil {
			return
		}
		updated, err := u.Apply(nil, it)
		if err == nil {
			if err := item.Validate(updated); err != nil {
				t.Fatalf("%s: %v", e, err)
			}
		}
	}
	if string(it) != before {
		t.Fatalf("%s changed its input", e)
	}
}
