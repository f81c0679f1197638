package expr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
)

const benchText = "attribute_exists(pk) AND #f <> :x"

func benchScope() *expr.Scope { return &expr.Scope{Names: names("#f", "f"), Values: values(":x")} }

// benchItem is a key, a counter and ten strings of 100 bytes.
func benchItem() item.Item {
	var b item.Builder
	b.Add("pk", item.S("user#1"))
	b.Add("cnt", number(41))
	b.Add("f", item.S("y"))
	for i := range 10 {
		b.Add(fmt.Sprintf("attribute%d", i), item.S(strings.Repeat("x", 100)))
	}
	return b.Item(nil)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		must(expr.Parse(expr.ConditionKind, benchText))
	}
}

func BenchmarkCache(b *testing.B) {
	c := expr.NewCache(100)
	b.ReportAllocs()
	for b.Loop() {
		must(c.Parse(expr.ConditionKind, benchText))
	}
}

func BenchmarkBind(b *testing.B) {
	e := must(expr.Parse(expr.ConditionKind, benchText))
	scope := benchScope()
	b.ReportAllocs()
	for b.Loop() {
		must(expr.BindCondition(e, scope))
	}
}

func BenchmarkEval(b *testing.B) {
	for _, text := range []string{benchText, "size(attribute3) > :n AND cnt BETWEEN :n AND :m"} {
		b.Run(text, func(b *testing.B) {
			scope := benchScope()
			scope.Values = append(scope.Values, expr.Value{Placeholder: ":n", Value: number(1)}, expr.Value{Placeholder: ":m", Value: number(100)})
			c := must(expr.BindCondition(must(expr.Parse(expr.ConditionKind, text)), scope))
			it := benchItem()
			b.ReportAllocs()
			for b.Loop() {
				if !c.Eval(it) {
					b.Fatal("false")
				}
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	for _, text := range []string{"ADD cnt :one", "SET cnt = cnt + :one, f = :x", "SET attribute1 = :x REMOVE attribute2"} {
		b.Run(text, func(b *testing.B) {
			scope := &expr.Scope{Values: append(values(":x"), expr.Value{Placeholder: ":one", Value: number(1)})}
			u := must(expr.BindUpdate(must(expr.Parse(expr.UpdateKind, text)), scope))
			it := benchItem()
			dst := make([]byte, 0, 2*len(it))
			b.ReportAllocs()
			for b.Loop() {
				must(u.Apply(dst, it))
			}
		})
	}
}

// TestEvalAllocates holds Eval to its promise: nothing for an item once the
// first one has been seen.
func TestEvalAllocates(t *testing.T) {
	it := benchItem()
	for _, text := range []string{benchText, "size(attribute3) > :n AND cnt BETWEEN :n AND :m", "contains(f, :x) OR f IN (:x, :n) OR begins_with(f, :x)"} {
		scope := &expr.Scope{Names: names("#f", "f"), Values: expr.Values{
			{Placeholder: ":x", Value: item.S("x")}, {Placeholder: ":n", Value: number(1)}, {Placeholder: ":m", Value: number(100)},
		}}
		c := must(bindCondition(text, scope))
		c.Eval(it)
		if n := testing.AllocsPerRun(100, func() { c.Eval(it) }); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}
