package expr_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
)

// number returns an N.
func number(n int) item.Value {
	v, err := item.N(fmt.Sprint(n))
	if err != nil {
		panic(err)
	}
	return v
}

// drawItem draws an item of numbers, lists of numbers and maps of numbers under
// the names a0 to a9.
func drawItem(t *rapid.T) item.Item {
	var b item.Builder
	for i := range 10 {
		name := fmt.Sprintf("a%d", i)
		n := rapid.IntRange(0, 4).Draw(t, name)
		switch rapid.SampledFrom([]item.Type{0, item.TypeN, item.TypeL, item.TypeM}).Draw(t, "type of "+name) {
		case item.TypeN:
			b.Add(name, number(n))
		case item.TypeL:
			var elements []item.Value
			for j := range n {
				elements = append(elements, number(j))
			}
			b.Add(name, item.BuildList(nil, elements))
		case item.TypeM:
			var m item.Builder
			for j := range n {
				m.Add(fmt.Sprintf("a%d", j), number(j))
			}
			b.Add(name, m.Map(nil))
		default:
		}
	}
	return b.Item(nil)
}

// drawAction draws an action on a path that begins with name.
func drawAction(t *rapid.T, name string) (clause, action string) {
	path := name + rapid.SampledFrom([]string{"", "[0]", "[2]", ".a0", ".a3", ".a9"}).Draw(t, "rest of path")
	other := fmt.Sprintf("a%d", rapid.IntRange(0, 9).Draw(t, "other"))
	clause = rapid.SampledFrom([]string{"SET", "REMOVE", "ADD"}).Draw(t, "clause")
	switch clause {
	case "SET":
		value := rapid.SampledFrom([]string{":n", "%s", "%s + :n", ":n - %s", "if_not_exists(%s, :n)", "list_append(%s, :l)"}).Draw(t, "value")
		return clause, path + " = " + strings.ReplaceAll(value, "%s", other)
	case "REMOVE":
		return clause, path
	}
	return clause, path + " :n"
}

// TestUpdateTouchesOnlyTargets: whatever an update does, attributes that it
// does not name as targets stay byte for byte, the targets are what
// TargetNames says, and the same update on the same item gives the same item.
func TestUpdateTouchesOnlyTargets(t *testing.T) {
	applied := 0
	rapid.Check(t, func(t *rapid.T) {
		it := drawItem(t)
		clauses := map[string][]string{}
		targets := map[string]bool{}
		for i := range rapid.IntRange(1, 4).Draw(t, "actions") {
			name := fmt.Sprintf("a%d", i*2+rapid.IntRange(0, 1).Draw(t, "target"))
			clause, action := drawAction(t, name)
			clauses[clause] = append(clauses[clause], action)
			targets[name] = true
		}
		var text []string
		for _, clause := range []string{"SET", "REMOVE", "ADD"} {
			if actions := clauses[clause]; actions != nil {
				text = append(text, clause+" "+strings.Join(actions, ", "))
			}
		}
		e, err := expr.Parse(expr.UpdateKind, strings.Join(text, " "))
		if err != nil {
			t.Fatal(err)
		}
		u, err := expr.BindUpdate(e, &expr.Scope{Values: expr.Values{
			{Placeholder: ":n", Value: number(7)},
			{Placeholder: ":l", Value: item.BuildList(nil, []item.Value{number(8)})},
		}})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range u.TargetNames() {
			if !targets[name] {
				t.Fatalf("%s is no target of %s", name, e)
			}
		}
		updated, err := u.Apply(nil, it)
		again, err2 := u.Apply(nil, it)
		if string(updated) != string(again) || fmt.Sprint(err) != fmt.Sprint(err2) {
			t.Fatalf("%s: two results", e)
		}
		if err != nil {
			return
		}
		applied++
		if err := item.Validate(updated); err != nil {
			t.Fatalf("%s: %v", e, err)
		}
		for i := range 10 {
			name := fmt.Sprintf("a%d", i)
			was, _ := it.Get(name)
			is, _ := updated.Get(name)
			if !targets[name] && string(was) != string(is) {
				t.Fatalf("%s changed %s", e, name)
			}
		}
	})
	if applied == 0 {
		t.Fatal("every update failed: nothing was tested")
	}
}
