package expr_test

import (
	"fmt"

	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
)

// An update is parsed once, bound to a request's placeholders, and applied to
// an item.
func ExampleUpdate_Apply() {
	e, err := expr.Parse(expr.UpdateKind, "SET #n = if_not_exists(#n, :zero) + :one REMOVE draft")
	if err != nil {
		fmt.Println(err)
		return
	}
	zero, _ := item.N("0")
	one, _ := item.N("1")
	scope := expr.Scope{
		Names:  expr.Names{{Placeholder: "#n", Attribute: "count"}},
		Values: expr.Values{{Placeholder: ":zero", Value: zero}, {Placeholder: ":one", Value: one}},
	}
	u, err := expr.BindUpdate(e, &scope)
	if err != nil {
		fmt.Println(err)
		return
	}
	before := item.BuildItem(nil, []item.Entry{{Name: "draft", Value: item.S("x")}, {Name: "pk", Value: item.S("a")}})
	after, err := u.Apply(nil, before)
	fmt.Printf("%s %v\n", item.AppendItemJSON(nil, after), err)
	// Output: {"count":{"N":"1"},"pk":{"S":"a"}} <nil>
}

// Errors are worded as DynamoDB words them.
func ExampleParse() {
	_, err := expr.Parse(expr.ConditionKind, "size = :n")
	fmt.Println(err)
	// Output: ValidationException: Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: size
}
