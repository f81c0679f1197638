package expr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
)

func names(pairs ...string) expr.Names {
	out := expr.Names{}
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, expr.Name{Placeholder: pairs[i], Attribute: pairs[i+1]})
	}
	return out
}

func values(placeholders ...string) expr.Values {
	out := expr.Values{}
	for _, p := range placeholders {
		out = append(out, expr.Value{Placeholder: p, Value: item.S("x")})
	}
	return out
}

// TestScopeCheck holds malformed placeholders to the recorded texts.
func TestScopeCheck(t *testing.T) {
	long := strings.Repeat("v", expr.MaxPlaceholderBytes)
	name := strings.Repeat("n", expr.MaxAttributeNameBytes)
	var many expr.Names
	for i := range 40 {
		many = append(many, expr.Name{Placeholder: fmt.Sprintf("#%d", i), Attribute: name[:60000]})
	}
	big := values(":a")
	big[0].Value = item.S(strings.Repeat("x", expr.MaxSubstitutionBytes))
	const key = "ExpressionAttributeNames contains invalid key: "
	for _, test := range []struct {
		name  string
		scope expr.Scope
		want  string
	}{
		{"none", expr.Scope{}, ""},
		{"good", expr.Scope{Names: names("#5_a", "x"), Values: values(":_")}, ""},
		{"empty names", expr.Scope{Names: names(), Values: values()}, "ExpressionAttributeNames must not be empty"},
		{"empty values", expr.Scope{Values: values()}, "ExpressionAttributeValues must not be empty"},
		{"no sigil", expr.Scope{Names: names("x", "a")}, key + `Syntax error; key: "x"`},
		{"sigil alone", expr.Scope{Names: names("#", "a")}, key + `Syntax error; key: "#"`},
		{"bad character", expr.Scope{Names: names("#a-b", "a")}, key + `Syntax error; key: "#a-b"`},
		{"letter beyond ASCII", expr.Scope{Names: names("#é", "a")}, key + `Syntax error; key: "#é"`},
		{"empty key", expr.Scope{Names: names("", "a")}, key + "The expression attribute map contains an empty key;"},
		{"longest key", expr.Scope{Names: names("#"+long[1:], "a")}, ""},
		{"key too long", expr.Scope{Names: names("#"+long, "a")}, key + "The expression attribute map contains a key that is too long; size of key: 256"},
		{"empty name", expr.Scope{Names: names("#a", "")}, "ExpressionAttributeNames contains invalid value: Empty attribute name for key #a"},
		{"longest name", expr.Scope{Names: names("#a", name)}, ""},
		{"name too long", expr.Scope{Names: names("#a", name+"n")}, "ExpressionAttributeNames contains invalid value: Attribute name is too large, must be less than 65536 bytes for key #a"},
		{"value's key", expr.Scope{Values: values("v")}, `ExpressionAttributeValues contains invalid key: Syntax error; key: "v"`},
		{"value's key with a dot", expr.Scope{Values: values(":a.b")}, `ExpressionAttributeValues contains invalid key: Syntax error; key: ":a.b"`},
		{"value's key too long", expr.Scope{Values: values(":" + long)}, "ExpressionAttributeValues contains invalid key: The expression attribute map contains a key that is too long;"},
		{"too many names", expr.Scope{Names: many}, "ExpressionAttributeNames exceeds max size"},
		{"too large values", expr.Scope{Values: big}, "ExpressionAttributeValues exceeds max size"},
	} {
		t.Run(test.name, func(t *testing.T) { checkError(t, test.scope.Check(), test.want) })
	}
}

// TestCheckNeeded holds placeholders without expressions to the recorded texts.
func TestCheckNeeded(t *testing.T) {
	const (
		noNames  = "ExpressionAttributeNames can only be specified when using expressions"
		noValues = "ExpressionAttributeValues can only be specified when using expressions: "
	)
	put := []expr.Kind{expr.ConditionKind}
	update := []expr.Kind{expr.UpdateKind, expr.ConditionKind}
	query := []expr.Kind{expr.FilterKind, expr.KeyConditionKind}
	for _, test := range []struct {
		name                string
		scope               expr.Scope
		hasNames, hasValues bool
		params              []expr.Kind
		want                string
	}{
		{"nothing", expr.Scope{}, false, false, put, ""},
		{"both used", expr.Scope{Names: names(), Values: values()}, true, true, put, ""},
		{"names first", expr.Scope{Names: names("#a", "a"), Values: values(":a")}, false, false, put, noNames},
		{"empty names", expr.Scope{Names: names()}, false, false, put, noNames},
		{"put", expr.Scope{Values: values(":a")}, false, false, put, noValues + "ConditionExpression is null"},
		{"update", expr.Scope{Values: values()}, false, false, update, noValues + "UpdateExpression and ConditionExpression are null"},
		{"query with a projection", expr.Scope{Names: names(), Values: values()}, true, false, query, noValues + "FilterExpression and KeyConditionExpression are null"},
		{"get has no values", expr.Scope{Values: values()}, false, false, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkError(t, test.scope.CheckNeeded(test.hasNames, test.hasValues, test.params...), test.want)
		})
	}
}

// TestUnused binds two expressions against one scope: what either uses is used.
func TestUnused(t *testing.T) {
	const unused = "Value provided in ExpressionAttribute"
	for _, test := range []struct {
		names  expr.Names
		values expr.Values
		want   string
	}{
		{names("#a", "a"), values(":v", ":w"), ""},
		{names("#a", "a", "#z", "z", "#b", "b"), values(":v", ":w", ":u"), unused + "Names unused in expressions: keys: {#z, #b}"},
		{names("#a", "a"), values(":t", ":v", ":u", ":w"), unused + "Values unused in expressions: keys: {:t, :u}"},
	} {
		scope := &expr.Scope{Names: test.names, Values: test.values}
		checkCondition(t, "#a = :v", scope, "")
		checkCondition(t, "b = :w", scope, "")
		checkError(t, scope.CheckUnused(), test.want)
	}
}

// TestManyPlaceholders goes through the index that large scopes have.
func TestManyPlaceholders(t *testing.T) {
	scope := &expr.Scope{}
	var list []string
	for i := range 90 {
		scope.Names = append(scope.Names, expr.Name{Placeholder: fmt.Sprintf("#n%d", i), Attribute: fmt.Sprintf("a%d", i)})
		scope.Values = append(scope.Values, expr.Value{Placeholder: fmt.Sprintf(":v%d", i), Value: number(i)})
		list = append(list, fmt.Sprintf("#n%d = :v%d", i, i))
	}
	c, err := bindCondition(strings.Join(list, " AND "), scope)
	checkError(t, err, "")
	checkError(t, scope.CheckUnused(), "")
	var b item.Builder
	for i := range 90 {
		b.Add(fmt.Sprintf("a%d", i), number(i))
	}
	if !c.Eval(b.Item(nil)) {
		t.Error("placeholders are confused")
	}
	if got := len(c.AttributeNames()); got != 90 {
		t.Errorf("%d attribute names", got)
	}
	checkCondition(t, "#n90 = :v1", scope, "Invalid ConditionExpression: An expression attribute name used in the document path is not defined; attribute name: #n90")
	checkCondition(t, "#n1 = :v90", scope, "Invalid ConditionExpression: An expression attribute value used in expression is not defined; attribute value: :v90")
}
