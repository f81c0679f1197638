//go:build conformance

package differential

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// runStatements sends a request to both, follows NextTokens to the end, and
// compares all items in any order.
func (s *session) runStatements(c *call) (*difference, error) {
	var answers [2]*answer
	paged := false
	for i, srv := range []*server{s.local, s.ours} {
		request := s.fresh(maps.Clone(c.request))
		first, err := srv.send(c.operation, request)
		if err != nil {
			return nil, err
		}
		c.valid = c.valid || i == 0 && first.ok()
		items, _ := first.body["Items"].([]any)
		next := first.body["NextToken"]
		paged = paged || next != nil
		for pages := 0; next != nil && pages < maxPages; pages++ {
			request["NextToken"] = next
			a, err := srv.send(c.operation, request)
			if err != nil {
				return nil, err
			}
			if !a.ok() {
				first = a
				break
			}
			more, _ := a.body["Items"].([]any)
			items, next = append(items, more...), a.body["NextToken"]
		}
		if first.ok() && first.body["Items"] != nil {
			first.body["Items"] = items
		}
		for _, name := range [...]string{"NextToken", "LastEvaluatedKey", "ConsumedCapacity"} {
			delete(first.body, name) // DynamoDB Local tells no capacity.
		}
		answers[i] = first
	}
	if paged {
		c.also = "NextToken"
	}
	if what := compare(c, answers[0], answers[1]); what != "" {
		return &difference{c, what, answers[0], answers[1]}, nil
	}
	return nil, nil
}

// statements makes statements. What cannot be said as a literal becomes a
// parameter.
type statements struct {
	*generator
	parameters []any
}

func (g *statements) next() *call {
	s := &schemas[g.IntN(len(schemas))]
	switch n := g.IntN(100); {
	case n < 82:
		g.parameters = nil
		text := g.statement(s)
		r := g.request(text)
		if strings.HasPrefix(text, "SELECT") {
			if g.often(40) {
				r["Limit"] = 1 + g.IntN(5)
			}
			if g.often(30) {
				r["ConsistentRead"] = true
			}
		} else if g.often(30) {
			r["ReturnValuesOnConditionCheckFailure"] = pick(g.generator, "ALL_OLD", "ALL_OLD", "NONE")
		}
		g.capacity(r)
		return &call{operation: "ExecuteStatement", request: r, schema: s, how: asBag, writes: true}
	case n < 91:
		r := object{"Statements": g.list()}
		g.capacity(r)
		return &call{operation: "BatchExecuteStatement", request: r, schema: s, writes: true}
	}
	r := object{"TransactStatements": g.list()}
	g.capacity(r)
	if g.often(30) {
		r["ClientRequestToken"] = fmt.Sprintf("%x", g.Uint64())
	}
	return &call{operation: "ExecuteTransaction", request: r, schema: s, writes: true}
}

func (*statements) done(*call) {}

func (g *statements) request(text string) object {
	if g.often(6) {
		text = g.strange(text)
	}
	r := object{"Statement": text}
	if g.parameters != nil {
		r["Parameters"] = g.parameters
	}
	return r
}

// strange puts a thing or two into a statement that PartiQL knows and DynamoDB does
// not take, or that neither knows.
func (g *statements) strange(text string) string {
	for range 1 + g.IntN(2) {
		if edit := pick(g.generator, strangeEdits...); edit[0] == "" {
			text += edit[1]
		} else {
			text = strings.Replace(text, edit[0], edit[1], 1)
		}
	}
	return text
}

// strangeEdits are what is replaced, nothing for the end of the text, and by what.
var strangeEdits = [][2]string{
	{"", " LIMIT 3"},
	{"", " x"},
	{"", " HAVING a = 1"},
	{"", " RETURNING ALL NEW x"},
	{"", " ORDER BY a.b"},
	{"", " AND foo(a)"},
	{"", ")"},
	{"SELECT ", "SELECT DISTINCT "},
	{"SELECT ", "SELECT VALUE "},
	{"SELECT ", "SELECT foo(a), "},
	{"SELECT ", "SELECT m.*, "},
	{"SELECT ", "SELECT (a), "},
	{" FROM ", " AS x FROM "},
	{" FROM ", " FROM users JOIN "},
	{" FROM ", " FROM @"},
	{" FROM ", " "},
	{" WHERE ", " v WHERE "},
	{" WHERE ", ", users WHERE "},
	{" WHERE ", " GROUP BY a WHERE "},
	{" WHERE ", " WHERE foo(a) AND "},
	{" WHERE ", " WHERE NOT a AND "},
	{" WHERE ", " WHERE NOT size(a) AND "},
	{" WHERE ", " WHERE a AND "},
	{" WHERE ", " WHERE a IN (SELECT a FROM users) AND "},
	{" WHERE ", " WHERE a IN b AND "},
	{" WHERE ", " WHERE a IS INT AND "},
	{" WHERE ", " WHERE a = CASE WHEN a = 1 THEN 2 END AND "},
	{" WHERE ", " WHERE a = [foo(1), b] AND "},
	{" WHERE ", " WHERE m.* = 1 AND "},
	{" WHERE ", " WHERE l[-1] = 1 AND "},
	{" WHERE ", " WHERE a = ? AND "},
	{" WHERE ", " WHERE a.\"\" = 1 AND "},
	{" SET ", " SET zz = foo(1) SET "},
	{" SET ", " SET zz = CAST(1 AS INT) SET "},
	{" SET ", " SET zz = MISSING SET "},
	{" SET ", " SET zz = [a.b] SET "},
	{" SET ", " t SET "},
	{" VALUE {", " VALUE {'zz': foo(1), "},
	{" VALUE {", " VALUE {'zz': a.b, "},
	{" VALUE {", " VALUE {zz: 1, "},
	{" VALUE {", " VALUES {"},
	{" VALUE {", " VALUE {'zz': <<1, 'a'>>, "},
	{" = ", " == "},
	{" = ", " = -"},
	{"'", ""},
}

// list makes statements that read or such that write, each of another table: of
// a batch that names an item twice DynamoDB Local does a part.
func (g *statements) list() []any {
	var out []any
	reads := g.often(40)
	for _, i := range g.Perm(len(schemas))[:1+g.IntN(3)] {
		s := &schemas[i]
		g.parameters = nil
		var text string
		switch {
		case reads && g.often(90):
			text = "SELECT " + g.columns() + " FROM " + quoted(s.name) + " WHERE " + g.keyEquals(s)
		case reads:
			text = g.selects(s)
		default:
			text = g.write(s)
		}
		out = append(out, g.request(text))
	}
	return out
}

func (g *statements) statement(s *schema) string {
	if g.often(45) {
		return g.selects(s)
	}
	return g.write(s)
}

func (g *statements) write(s *schema) string {
	switch n := g.IntN(10); {
	case n < 4:
		it := g.item(s)
		var list []string
		for _, name := range slices.Sorted(maps.Keys(it)) {
			if !g.often(2) {
				list = append(list, text(name)+": "+g.literal(it[name]))
			}
		}
		return "INSERT INTO " + quoted(s.name) + " VALUE {" + strings.Join(list, ", ") + "}"
	case n < 8:
		var list []string
		for range 1 + g.IntN(3) {
			list = append(list, g.action())
		}
		out := "UPDATE " + quoted(s.name) + " " + strings.Join(list, " ") + g.itemWhere(s)
		if g.often(40) {
			out += " RETURNING " + pick(g.generator, "ALL", "MODIFIED") + " " + pick(g.generator, "OLD", "NEW") + " *"
		}
		return out
	}
	out := "DELETE FROM " + quoted(s.name) + g.itemWhere(s)
	if g.often(40) {
		out += " RETURNING ALL OLD *"
	}
	return out
}

func (g *statements) itemWhere(s *schema) string {
	out := " WHERE " + g.keyEquals(s)
	if g.often(30) {
		out += " AND " + g.condition(s, 1)
	}
	return out
}

func (g *statements) keyEquals(s *schema) string {
	var out []string
	for _, a := range s.keys() {
		if !g.often(3) {
			out = append(out, g.name(a.name)+" = "+g.literal(g.keyValue(a.typ)))
		}
	}
	if out == nil {
		return g.condition(s, 0)
	}
	return strings.Join(out, " AND ")
}

func (g *statements) action() string {
	n := pick(g.generator, names...)
	target := g.name(n)
	switch g.IntN(7) {
	case 0:
		return "REMOVE " + g.path()
	case 1:
		return "SET " + target + " = " + target + pick(g.generator, " + ", " - ") + g.literal(g.typed("N", 0))
	case 2:
		return "SET l = list_append(l, " + g.literal(g.typed("L", 1)) + ")"
	case 3:
		return "SET " + pick(g.generator, "s = set_add(s, ", "s = set_delete(s, ") + g.literal(g.typed("SS", 0)) + ")"
	case 4:
		return "SET " + g.path() + " = " + g.literal(g.value(1))
	case 5:
		return "SET " + target + " = " + g.path()
	}
	return "SET " + target + " = " + g.literal(g.attribute(n))
}

func (g *statements) columns() string {
	if g.often(60) {
		return "*"
	}
	var out []string
	for range 1 + g.IntN(3) {
		out = append(out, g.path())
	}
	return strings.Join(out, ", ")
}

// selects is any SELECT.
func (g *statements) selects(s *schema) string {
	from, keys := quoted(s.name), s.keys()
	if s.indexes != nil && g.often(25) {
		x := &s.indexes[g.IntN(len(s.indexes))]
		from, keys = from+"."+quoted(x.name), x.keys()
	}
	out := "SELECT " + g.columns() + " FROM " + from
	var list []string
	if g.often(70) {
		list = append(list, g.hashCondition(keys[0]))
		if len(keys) == 2 && g.often(50) {
			list = append(list, g.comparison(g.name(keys[1].name), func() object { return g.keyValue(keys[1].typ) }))
		}
	}
	if g.often(40) {
		list = append(list, g.condition(s, 2))
	}
	if list == nil {
		return out
	}
	out += " WHERE " + strings.Join(list, " AND ")
	if g.often(15) {
		out += " ORDER BY " + g.name(pick(g.generator, keys...).name) + pick(g.generator, "", " ASC", " DESC")
	}
	return out
}

func (g *statements) hashCondition(a attribute) string {
	name := g.name(a.name)
	value := func() string { return g.literal(g.keyValue(a.typ)) }
	switch g.IntN(6) {
	case 0:
		return name + " IN [" + value() + ", " + value() + "]"
	case 1:
		return "(" + name + " = " + value() + " OR " + name + " = " + value() + ")"
	case 2:
		return value() + " = " + name
	}
	return name + " = " + value()
}

func (g *statements) comparison(left string, value func() object) string {
	switch g.IntN(8) {
	case 0:
		return left + " BETWEEN " + g.literal(value()) + " AND " + g.literal(value())
	case 1:
		return left + " IN (" + g.literal(value()) + ", " + g.literal(value()) + ")"
	case 2:
		return g.literal(value()) + " " + pick(g.generator, "=", "<", ">=", "<>") + " " + left
	case 3:
		return "begins_with(" + left + ", " + g.literal(value()) + ")"
	}
	return left + " " + pick(g.generator, "=", "<>", "<", "<=", ">", ">=", "!=") + " " + g.literal(value())
}

func (g *statements) condition(s *schema, depth int) string {
	if depth > 0 && g.often(30) {
		a, b := g.condition(s, depth-1), g.condition(s, depth-1)
		switch g.IntN(3) {
		case 0:
			return "(" + a + " AND " + b + ")"
		case 1:
			return "(" + a + " OR " + b + ")"
		}
		return "NOT (" + a + ")"
	}
	n := pick(g.generator, names...)
	switch g.IntN(7) {
	case 0:
		return g.path() + pick(g.generator, " IS MISSING", " IS NOT MISSING", " IS NULL", " IS NOT NULL")
	case 1:
		return "contains(" + g.name(n) + ", " + g.literal(g.value(0)) + ")"
	case 2:
		return "attribute_type(" + g.path() + ", " + text(pick(g.generator, typeList...)) + ")"
	case 3:
		return "size(" + g.path() + ") " + pick(g.generator, "=", "<", ">") + " " + g.literal(object{"N": pick(g.generator, "0", "1", "2", "3")})
	}
	return g.comparison(g.name(n), func() object { return g.attribute(n) })
}

func (g *statements) path() string {
	switch g.IntN(8) {
	case 0:
		return "m." + pick(g.generator, "a", "b", `"x.y"`)
	case 1:
		return fmt.Sprintf("l[%d]", g.IntN(3))
	}
	return g.name(pick(g.generator, names...))
}

// name writes a name with or without quotes.
func (g *statements) name(n string) string {
	if g.often(50) {
		return n
	}
	return quoted(n)
}

func quoted(n string) string { return `"` + strings.ReplaceAll(n, `"`, `""`) + `"` }

func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// literal writes a value, as a parameter at times.
func (g *statements) literal(v any) string {
	if out, ok := literal(v); ok && !g.often(30) {
		return out
	}
	g.parameters = append(g.parameters, v)
	return "?"
}

func literal(v any) (string, bool) {
	value, _ := v.(object)
	list := func(open, closing string, of []any, typ string) (string, bool) {
		var out []string
		for _, e := range of {
			if typ != "" {
				e = object{typ: e}
			}
			one, ok := literal(e)
			if !ok {
				return "", false
			}
			out = append(out, one)
		}
		return open + strings.Join(out, ", ") + closing, true
	}
	for t, x := range value {
		switch x := x.(type) {
		case string:
			switch t {
			case "S":
				return text(x), !strings.ContainsAny(x, "\x00")
			case "N":
				return x, true
			}
			return "", false // There is no literal of a B.
		case bool:
			if t == "NULL" {
				return "null", true
			}
			return fmt.Sprint(x), true
		case []any:
			switch t {
			case "SS":
				return list("<<", ">>", x, "S")
			case "NS":
				return list("<<", ">>", x, "N")
			case "L":
				return list("[", "]", x, "")
			}
			return "", false
		case object:
			var out []string
			for _, name := range slices.Sorted(maps.Keys(x)) {
				one, ok := literal(x[name])
				if !ok {
					return "", false
				}
				out = append(out, text(name)+": "+one)
			}
			return "{" + strings.Join(out, ", ") + "}", true
		}
	}
	return "", false
}

// explainStatement returns the entry that explains d, nil if none does.
func explainStatement(d *difference) *known {
	if k := firstOf(statementsExplained, d); k != nil {
		return k
	}
	if d.local.message == d.ours.message {
		return nil // No text explains another answer.
	}
	return explanation(d)
}

// statementsExplained are the differences of statements that stay.
var statementsExplained = []known{
	{
		"a SELECT of no whole key in a batch", "known from the live service: what it must specify, and the table",
		func(d *difference) bool {
			const ours = "Select statements within BatchExecuteStatement must specify the primary key in the where clause."
			return says(d.local, "Only single item select is supported") && says(d.ours, ours) ||
				d.what == "body" && strings.Contains(fmt.Sprint(d.ours.body), ours) && strings.Contains(fmt.Sprint(d.local.body), "Only single item select is supported")
		},
	},
	{
		"why a statement is malformed", "recorded: the service tells the parser's words, DynamoDB Local the statement",
		func(d *difference) bool {
			const malformed = "Statement wasn't well formed, can't be processed: "
			return says(d.local, malformed) && says(d.ours, malformed)
		},
	},
	{
		"an INSERT of what is there", "documented: DuplicateItemException, and DuplicateItem as a code",
		func(d *difference) bool {
			return d.ours.kind == "DuplicateItemException" || says(d.ours, `reasons \[.*DuplicateItem`) && says(d.local, `reasons \[.*ValidationError`)
		},
	},
	{
		"filters of what an index lacks", "known from the live service's Query; DynamoDB Local looks at the table's items",
		func(d *difference) bool {
			return says(d.ours, ` does not project one or more filter attributes`) ||
				d.what == "body" && indexScan.MatchString(fmt.Sprint(d.call.request["Statement"]))
		},
	},
	{
		"what a statement meets in its table, in a transaction", "documented: ValidationError is a reason",
		func(d *difference) bool {
			return d.call.operation == "ExecuteTransaction" && d.ours.kind == "TransactionCanceledException" && says(d.local, itemTexts, `^DynamoDB only supports precision`, `cannot contain an empty (string|binary) value`)
		},
	},
	{
		"which of an update's faults is told", "DynamoDB Local's order is not always the same",
		func(d *difference) bool {
			return says(d.local, itemTexts) && says(d.ours, itemTexts, `attempted to update a secondary index key`)
		},
	},
	{
		"no whole key in a transaction", "DynamoDB Local's exception is without reasons",
		func(d *difference) bool {
			return says(d.local, `^ValidationError Where clause`) && says(d.ours, `Where clause does not contain`)
		},
	},
	{
		"elements of lists in answers", "UNCONFIRMED: a SELECT of a batch or transaction names its columns like any other, RETURNING MODIFIED returns what UPDATED_NEW does",
		func(d *difference) bool {
			text, _ := encode(d.call.request)
			return d.what == "body" && elementOrPath.Match(text)
		},
	},
	{
		"key attributes beyond comparisons", "an attribute's type is no value of the key, and an empty one may be compared with",
		func(d *difference) bool {
			if d.local.ok() && says(d.ours, `Condition parameter type does not match schema type$`) {
				return true
			}
			return d.ours.ok() && says(d.local, `Condition parameter type does not match schema type$`, `cannot contain an empty (string|binary) value`)
		},
	},
	{
		"a value to the left of a sort key", "documented: a >= b is b <= a; DynamoDB Local reads a range the wrong way round",
		func(d *difference) bool {
			return d.what == "body" && valueFirst.MatchString(fmt.Sprint(d.call.request["Statement"]))
		},
	},
	{
		"index keys of another type", "documented: an index's key has its type; DynamoDB Local looks at what is given, and not at updates",
		func(d *difference) bool {
			text, _ := encode(d.ours.body)
			return (d.local.ok() || says(d.local, `^Invalid attribute value type$`, ` Type mismatch for Index Key$`)) &&
				(says(d.ours, oursIndexKey) || strings.Contains(string(text), `Type mismatch for Index Key `) || strings.Contains(string(text), `attempted to update the secondary index key`))
		},
	},
	{
		"a partition that IN names twice", "UNCONFIRMED: a condition is true or not; DynamoDB Local reads the partition twice",
		func(d *difference) bool {
			return d.what == "body" && strings.Contains(fmt.Sprint(d.call.request["Statement"]), " IN [") && len(elements(d.local.body, "Items")) > len(elements(d.ours.body, "Items"))
		},
	},
	{
		"pages of several partitions", "documented: NextToken leads on to all items; DynamoDB Local's ends with the first partition",
		func(d *difference) bool {
			text := fmt.Sprint(d.call.request["Statement"])
			return d.what == "body" && d.call.request["Limit"] != nil && strings.Contains(text, " IN [") && len(elements(d.local.body, "Items")) < len(elements(d.ours.body, "Items"))
		},
	},
	{
		"several partitions and conditions on the sort key", "what a condition is false for is no answer; DynamoDB Local loses one of them",
		func(d *difference) bool {
			return d.what == "body" && severalAndMore.MatchString(fmt.Sprint(d.call.request["Statement"])) && len(elements(d.local.body, "Items")) > len(elements(d.ours.body, "Items"))
		},
	},
	{
		"a statement of a batch with two faults", "UNCONFIRMED: either may come first",
		func(d *difference) bool {
			return d.call.operation == "BatchExecuteStatement" && d.what == "body" && reflect.DeepEqual(withoutTexts(d.local), withoutTexts(d.ours))
		},
	},
	{
		"the reasons of other items", "documented: each item that is at fault has one; DynamoDB Local ends with keys that do not fit",
		func(d *difference) bool {
			return says(d.local, `reasons \[.*ValidationError`) && says(d.ours, `reasons \[.*ValidationError`)
		},
	},
	{
		"a statement before another's item", "UNCONFIRMED: what statements say by themselves comes before what they meet",
		func(d *difference) bool {
			return d.call.operation == "ExecuteTransaction" && d.local.kind == "TransactionCanceledException" && says(d.ours, `^Validation failed in TransactStatements`)
		},
	},
	{
		"an error in the place of reasons", "recorded: a canceled transaction has the reasons of all; DynamoDB Local has the first in its message alone",
		func(d *difference) bool {
			return d.local.kind == "TransactionCanceledException" && says(d.local, `^ValidationError `) && d.ours.kind == d.local.kind &&
				strings.Contains(fmt.Sprint(d.ours.body["CancellationReasons"]), strings.TrimPrefix(d.local.message, "ValidationError "))
		},
	},
	{
		"an order without partitions", "known from the live service: ORDER BY needs a hash key condition; DynamoDB Local takes any, and answers in no order",
		func(d *difference) bool {
			return d.local.ok() && says(d.ours, `^Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY`)
		},
	},
	{
		"a statement with two faults", "UNCONFIRMED: either may come first",
		func(d *difference) bool {
			return says(d.local, statementTexts) && says(d.ours, statementTexts) && explanation(d) == nil
		},
	},
	{
		"an update of a key among other statements", "recorded for UpdateItem: it comes before the condition",
		func(d *difference) bool {
			text, _ := encode(d.ours.body)
			return strings.Contains(string(text), "Cannot update attribute")
		},
	},
}

// withoutTexts is a batch's answer without the texts of what is wrong with its
// statements.
func withoutTexts(a *answer) any {
	body := clone(a.body).(object)
	for _, r := range elements(body, "Responses") {
		if e, ok := r["Error"].(object); ok && e["Code"] == "ValidationError" {
			delete(e, "Message")
		}
		delete(r, "TableName")
	}
	return canonical(body)
}

var (
	severalAndMore = regexp.MustCompile(`( OR | IN \[).* AND `)
	indexScan      = regexp.MustCompile(` FROM "[^"]+"\."`)
	valueFirst     = regexp.MustCompile(`(\?|[\d'eE]) (<|>=) "?(sk|r|b|num|bin|str)\b`)
	elementOrPath  = regexp.MustCompile(`l\[\d\]|m\.`)
)

const (
	itemTexts      = `refers to an attribute that does not exist in the item$|has an incorrect data type$|is invalid for update$`
	statementTexts = `Two document paths overlap|Incorrect operand type|Duplicate identifiers|upper bound|Consistent reads? |Must have at least one|Condition parameter type|does not project|data type should match|must specify the primary key|out of bounds for length|Reads on indices|Where clause does not contain|^Multiple conditions on same key`
)
