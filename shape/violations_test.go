package shape

import (
	"strings"
	"testing"
)

type violationsCase struct {
	name  string
	check func(v *Violations)
	want  string
}

func TestViolations(t *testing.T) {
	m := DynamoDB()
	for _, c := range append(singleCases(m), placeCases(m)...) {
		t.Run(c.name, func(t *testing.T) {
			var v Violations
			c.check(&v)
			got := ""
			if err := v.Err(); err != nil {
				got = strings.TrimPrefix(err.Error(), "ValidationException: ")
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func singleCases(m *Model) []violationsCase {
	return []violationsCase{
		{"nothing", func(v *Violations) {}, ""},
		{"held", func(v *Violations) {
			v.Required("key", true)
			v.Length("a", "abc", 3, 3)
			v.Length("a", "", 0, 0)
			v.Count("a", 25, 1, 25, nil)
			v.Range("limit", 1, 1, 1)
			v.Enum("select", "COUNT", m.Constraint("Select").Enum)
			v.String("tableName", "abc", m.Constraint("TableNameOrArn"))
			v.String("indexName", "abc", m.Constraint("IndexName"))
			v.Number("segment", 0, m.Constraint("ScanSegment"))
			v.String("x", "anything", nil)
			v.Number("x", -1, nil)
		}, ""},
		{
			"null", func(v *Violations) { v.Required("key", false) },
			"1 validation error detected: Value null at 'key' failed to satisfy constraint: Member must not be null",
		},
		{
			"one capital letter of two UTF-16 units", func(v *Violations) { v.Length("a", "𝒜", 1, 1) },
			"1 validation error detected: Value '𝒜' at 'a' failed to satisfy constraint: Member must have length less than or equal to 1",
		},
		{
			"too short", func(v *Violations) { v.Length("a", "", 1, 0) },
			"1 validation error detected: Value '' at 'a' failed to satisfy constraint: Member must have length greater than or equal to 1",
		},
	}
}

func placeCases(m *Model) []violationsCase {
	return []violationsCase{
		{"places", func(v *Violations) {
			v.Enter("transactItems")
			v.EnterIndex(1)
			v.Enter("put")
			v.Required("item", false)
			v.Leave()
			v.Leave()
			v.Leave()
			v.Enter("requestItems")
			v.EnterKey("T")
			v.Count("keys", 101, 1, 100, nil)
			v.Leave()
			v.Leave()
			v.Range("limit", 0, 1, 100)
		}, "3 validation errors detected: " +
			"Value null at 'transactItems.2.member.put.item' failed to satisfy constraint: Member must not be null; " +
			"Value at 'requestItems.T.member.keys' failed to satisfy constraint: Member must have length less than or equal to 100; " +
			"Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{
			"a list's text", func(v *Violations) {
				v.Count("transactItems", 101, 1, 100, func() string { return "[...]" })
			},
			"1 validation error detected: Value '[...]' at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to 100",
		},
		{"the caller's words", func(v *Violations) {
			v.Add("Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1")
		}, "1 validation error detected: Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{
			"a bad table name hides the rest", func(v *Violations) {
				v.Required("key", false)
				v.String("tableName", "", m.Constraint("TableNameOrArn"))
				v.Range("limit", 0, 1, 100)
			},
			"1 validation error detected: Value '' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 1",
		},
		{"an ARN is a table's name, not an index's", func(v *Violations) {
			v.String("tableName", "arn:aws:dynamodb:eu-west-1:111111111111:table/T", m.Constraint("TableNameOrArn"))
			v.String("indexName", "arn:x", m.Constraint("IndexName"))
		}, "1 validation error detected: Value 'arn:x' at 'indexName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
		{"deeper than paths are kept", func(v *Violations) {
			for range 3 * maxSteps {
				v.EnterIndex(0)
			}
			v.Required("x", false)
			for range 3 * maxSteps {
				v.Leave()
			}
			v.Required("y", false)
		}, "2 validation errors detected: Value null at '" + strings.Repeat("1.member.", maxSteps) + "x' failed to satisfy constraint: Member must not be null; " +
			"Value null at 'y' failed to satisfy constraint: Member must not be null"},
	}
}

// TestViolationsAllocate: a request that breaks nothing costs no allocation.
func TestViolationsAllocate(t *testing.T) {
	m := DynamoDB()
	table, limit, returned := m.Constraint("TableNameOrArn"), m.Constraint("PositiveIntegerObject"), m.Constraint("ReturnValue")
	n := testing.AllocsPerRun(100, func() {
		var v Violations
		v.Enter("transactItems")
		for i := range 100 {
			v.EnterIndex(i)
			v.String("tableName", "a-table", table)
			v.Leave()
		}
		v.Leave()
		v.Number("limit", 5, limit)
		v.String("returnValues", "NONE", returned)
		v.Count("keys", 3, 1, 100, nil)
		if v.Err() != nil {
			t.Fatal("a fault where there is none")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
