package expr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
)

// checkCondition parses and binds a condition and compares the error, "" for none.
func checkCondition(t *testing.T, text string, scope *expr.Scope, want string) {
	t.Helper()
	_, err := bindCondition(text, scope)
	checkError(t, err, want)
}

func checkError(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = strings.TrimPrefix(contractError(t, err), "! ")
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestLimits checks each limit at its edge and one past it (texts recorded from
// DynamoDB Local; the operator count is always given as 301).
func TestLimits(t *testing.T) {
	scope := &expr.Scope{Values: expr.Values{{Placeholder: ":v", Value: item.S("x")}}}
	const invalid = "Invalid ConditionExpression: "
	for _, test := range []struct{ name, text, want string }{
		{"text", "a = :v" + strings.Repeat(" ", expr.MaxTextBytes-6), ""},
		{"text too long", "a = :v" + strings.Repeat(" ", expr.MaxTextBytes-5), invalid + "Expression size has exceeded the maximum allowed size; expression size: 4097"},
		{"operators", strings.Repeat("NOT ", 299) + "a = :v", ""},
		{"too many operators", strings.Repeat("NOT ", 300) + "a = :v", invalid + "The expression contains too many operators; operator count: 301"},
		{"far too many operators", strings.Repeat("a = :v OR ", 200) + "a = :v", invalid + "The expression contains too many operators; operator count: 301"},
		{"operands of IN", "a IN (:v" + strings.Repeat(",:v", 99) + ")", ""},
		{"too many operands of IN", "a IN (:v" + strings.Repeat(",:v", 100) + ")", invalid + "The IN operator is provided with too many operands; number of operands: 101"},
		{"path", "a" + strings.Repeat(".b", 31) + " = :v", ""},
		{"path too deep", "a" + strings.Repeat(".b", 32) + " = :v", invalid + "The document path has too many nesting levels; nesting levels: 33"},
		{"index", "a[2147483647] = :v", ""},
		{"index too great", "a[2147483648] = :v", invalid + "List index is not within the allowable range; index: [2147483648]"},
		{"character outside the basic plane", "a😀b", invalid + `Syntax error; token: "😀", near: "a😀b"`},
		{"control character", "a = :v\x00", invalid + "Syntax error; token: \"\x00\", near: \":v\x00\""},
		{"no-break space", "a\u00a0= :v", invalid + "Syntax error; token: \"\u00a0\", near: \"a\u00a0=\""},
		{"broken UTF-8", "a\xff= :v", invalid + "Syntax error; token: \"\xff\", near: \"a\xff=\""},
	} {
		t.Run(test.name, func(t *testing.T) { checkCondition(t, test.text, scope, test.want) })
	}
}

// TestUpdateOperators: sums count as operators; the equals signs of SET and the
// actions of ADD do not (recorded).
func TestUpdateOperators(t *testing.T) {
	scope := &expr.Scope{Values: expr.Values{{Placeholder: ":v", Value: number(1)}}}
	for _, test := range []struct {
		name, clause, format string
		actions              int
		want                 string
	}{
		{"plain SET", "SET ", "a%d=:v", 400, ""},
		{"ADD", "ADD ", "a%d :v", 400, ""},
		{"sums", "SET ", "a%d=n+:v", 300, ""},
		{"too many sums", "SET ", "a%d=n+:v", 301, "Invalid UpdateExpression: The expression contains too many operators; operator count: 301"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var actions []string
			for i := range test.actions {
				actions = append(actions, fmt.Sprintf(test.format, i))
			}
			e, err := expr.Parse(expr.UpdateKind, test.clause+strings.Join(actions, ","))
			checkError(t, err, "")
			if err == nil {
				_, err = expr.BindUpdate(e, scope)
				checkError(t, err, test.want)
			}
		})
	}
}

// TestNesting: a value may be as deep as item.MaxDepth allows at the place
// where it is put.
func TestNesting(t *testing.T) {
	it := decodeItem(t, `{"m": {"M": {}}}`)
	for text, depth := range map[string]int{"SET a = :v": item.MaxDepth - 1, "SET m.a = :v": item.MaxDepth - 2} {
		for _, more := range []int{0, 1} {
			v := number(1)
			for range depth + more {
				v = item.BuildList(nil, []item.Value{v})
			}
			e, err := expr.Parse(expr.UpdateKind, text)
			checkError(t, err, "")
			u, err := expr.BindUpdate(e, &expr.Scope{Values: expr.Values{{Placeholder: ":v", Value: v}}})
			checkError(t, err, "")
			_, err = u.Apply(nil, it)
			checkError(t, err, map[int]string{1: "Nesting Levels have exceeded supported limits"}[more])
		}
	}
}

func TestReserved(t *testing.T) {
	for word, want := range map[string]bool{
		"STATUS": true, "status": true, "StAtUs": true, "size": true, "ZONE": true, "abort": true, "localtimestamp": true,
		"statuses": false, "": false, "pk": false, "localtimestamps": false, "sta": false,
	} {
		if got := expr.Reserved(word); got != want {
			t.Errorf("Reserved(%q) = %v", word, got)
		}
	}
}
