//go:build conformance

package differential

import (
	"maps"
	"slices"
)

// legacySource makes requests that use the parameters of before expressions.
type legacySource struct{ *generator }

func (s legacySource) next() *call { return s.legacy() }
func (legacySource) done(*call)    {}

func explainLegacy(d *difference) *known {
	if k := explanation(d); k != nil {
		return k
	}
	return firstOf(legacyExplained, d)
}

var comparisons = []string{
	"EQ", "NE", "IN", "LE", "LT", "GE", "GT", "BETWEEN", "NOT_NULL", "NULL", "CONTAINS", "NOT_CONTAINS", "BEGINS_WITH",
}

// legacy is a request with parameters of before expressions.
func (g *generator) legacy() *call {
	s := &schemas[g.IntN(len(schemas))]
	var c *call
	switch n := g.IntN(100); {
	case n < 10:
		return g.put(s) // So that there is something to compare with.
	case n < 25:
		r := object{"TableName": s.name, "Item": g.item(s)}
		g.expected(r, s)
		g.writeOptions(r, "NONE", "ALL_OLD")
		c = &call{operation: "PutItem", request: r, schema: s, writes: true}
	case n < 50:
		r := object{"TableName": s.name, "Key": g.key(s), "AttributeUpdates": g.attributeUpdates(s)}
		if g.often(30) {
			g.expected(r, s)
		}
		g.writeOptions(r, "NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")
		c = &call{operation: "UpdateItem", request: r, schema: s, writes: true}
	case n < 60:
		r := object{"TableName": s.name, "Key": g.key(s)}
		g.expected(r, s)
		g.writeOptions(r, "NONE", "ALL_OLD")
		c = &call{operation: "DeleteItem", request: r, schema: s, writes: true}
	case n < 68:
		c = &call{operation: "GetItem", request: object{"TableName": s.name, "Key": g.key(s), "AttributesToGet": g.toGet(s)}, schema: s}
	case n < 88:
		c = g.legacyQuery(s)
	case n < 96:
		c = g.legacyScan(s)
	default:
		c = g.legacyBatch()
	}
	for range pick(g, 0, 0, 0, 1, 1, 2) {
		g.damageLegacy(c)
	}
	if g.often(5) {
		g.damage(c)
	}
	return c
}

// anyName is an attribute that is a key at times.
func (g *generator) anyName(s *schema) string {
	if g.often(8) {
		return pick(g, s.keys()...).name
	}
	return pick(g, names...)
}

func (g *generator) toGet(s *schema) []any {
	out := []any{}
	for range 1 + g.IntN(3) {
		if n := g.anyName(s); !slices.Contains(out, any(n)) || g.often(5) {
			out = append(out, n)
		}
	}
	return out
}

// legacyCondition is an entry of a filter, of KeyConditions or of Expected.
func (g *generator) legacyCondition(name string) object {
	op := pick(g, comparisons...)
	c := object{"ComparisonOperator": op}
	value := func() any { return g.operand(op, name) }
	switch op {
	case "NULL", "NOT_NULL":
		if g.often(10) {
			c["AttributeValueList"] = []any{}
		}
	case "BETWEEN":
		a, b := g.bounds(name)
		c["AttributeValueList"] = []any{a, b}
	case "IN":
		list := []any{value()}
		if t := typeOf(list[0]); g.often(70) {
			for range g.IntN(3) {
				list = append(list, g.typed(t, 0))
			}
		}
		c["AttributeValueList"] = list
	default:
		c["AttributeValueList"] = []any{value()}
	}
	return c
}

// operand is a value that the operator mostly takes.
func (g *generator) operand(op, name string) object {
	switch {
	case g.often(5):
		return g.value(1)
	case op == "EQ" || op == "NE":
		return g.attribute(name)
	case op == "BEGINS_WITH":
		return g.typed(pick(g, "S", "S", "B"), 0)
	}
	if t := typeOf(g.attribute(name)); (t == "S" || t == "N" || t == "B") && g.often(80) {
		return g.typed(t, 0)
	}
	return g.typed(pick(g, "S", "N", "B"), 0)
}

// bounds are mostly in order.
func (g *generator) bounds(name string) (a, b object) {
	if t := typeOf(g.attribute(name)); t == "N" || t != "S" && g.often(50) {
		return object{"N": pick(g, "-5", "0", "1")}, object{"N": pick(g, "0", "2", "100")}
	}
	return object{"S": pick(g, "", "a", "ab")}, object{"S": pick(g, "a", "b", "zz")}
}

func typeOf(v any) string {
	m, _ := v.(object)
	for t := range m {
		return t
	}
	return "S"
}

func (g *generator) conditions(s *schema, keysToo bool) object {
	out := object{}
	for range 1 + g.IntN(3) {
		name := pick(g, names...)
		if keysToo {
			name = g.anyName(s)
		}
		out[name] = g.legacyCondition(name)
	}
	return out
}

func (g *generator) join(r object, conditions object) {
	if len(conditions) > 1 && g.often(60) || g.often(3) {
		r["ConditionalOperator"] = pick(g, "AND", "OR")
	}
}

func (g *generator) expected(r object, s *schema) {
	out := g.conditions(s, true)
	for _, name := range slices.Sorted(maps.Keys(out)) { // In order, or the seed would not be all.
		if g.often(50) {
			out[name] = pick(g, object{"Exists": false}, object{"Value": g.attribute(name)}, object{"Exists": true, "Value": g.attribute(name)})
		}
	}
	r["Expected"] = out
	g.join(r, out)
}

func (g *generator) attributeUpdates(s *schema) object {
	out := object{}
	for range g.IntN(4) {
		name := pick(g, names...)
		if g.often(3) {
			name = g.anyName(s)
		}
		u := object{}
		switch g.IntN(8) {
		case 0, 1, 2:
			u["Action"], u["Value"] = "PUT", g.attribute(name)
			if g.often(30) {
				delete(u, "Action")
			}
		case 3:
			u["Action"] = "DELETE"
		case 4:
			u["Action"], u["Value"] = "DELETE", g.typed(pick(g, "SS", "NS", "BS"), 0)
			if g.often(10) {
				u["Value"] = g.attribute(name)
			}
		default:
			u["Action"] = "ADD"
			t := "N"
			if name == "ns" || name == "s" || name == "l" {
				t = usual[name][0]
			}
			u["Value"] = g.typed(t, 1)
			if g.often(15) {
				u["Value"] = g.attribute(name)
			}
		}
		out[name] = u
	}
	return out
}

func (g *generator) legacyQuery(s *schema) *call {
	r := object{"TableName": s.name}
	keys, x := g.target(s, r)
	k := object{keys[0].name: object{"ComparisonOperator": "EQ", "AttributeValueList": []any{g.keyValue(keys[0].typ)}}}
	if len(keys) == 2 && g.often(60) {
		op := pick(g, "EQ", "LE", "LT", "GE", "GT", "BETWEEN", "BEGINS_WITH", pick(g, comparisons...))
		list := []any{g.keyValue(keys[1].typ)}
		if op == "BETWEEN" {
			list = append(list, g.keyValue(keys[1].typ))
		}
		if op == "NULL" || op == "NOT_NULL" {
			list = []any{}
		}
		k[keys[1].name] = object{"ComparisonOperator": op, "AttributeValueList": list}
	}
	r["KeyConditions"] = k
	if g.often(30) {
		r["ScanIndexForward"] = g.often(50)
	}
	g.legacyPage(r, s, x, "QueryFilter")
	c := &call{operation: "Query", request: r, schema: s}
	switch _, limited := r["Limit"]; {
	case x != nil && limited:
		c.how = byWalk
	case x != nil:
		c.how = asBag
	}
	return c
}

func (g *generator) legacyPage(r object, s *schema, x *index, filter string) {
	if g.often(50) {
		f := g.conditions(s, filter == "ScanFilter" || g.often(10))
		r[filter] = f
		g.join(r, f)
	}
	switch {
	case g.often(30):
		r["AttributesToGet"] = g.toGet(s)
		if g.often(20) {
			r["Select"] = "SPECIFIC_ATTRIBUTES"
		}
	case g.often(20):
		r["Select"] = pick(g, "ALL_ATTRIBUTES", "COUNT", "ALL_PROJECTED_ATTRIBUTES", "COUNT")
	}
	if g.often(25) {
		r["Limit"] = 1 + g.IntN(5)
	}
	if g.often(20) {
		r["ConsistentRead"] = x == nil || x.local
	}
}

func (g *generator) legacyScan(s *schema) *call {
	r := object{"TableName": s.name}
	_, x := g.target(s, r)
	g.legacyPage(r, s, x, "ScanFilter")
	c := &call{operation: "Scan", request: r, schema: s, how: asBag}
	if r["Limit"] != nil {
		c.how = byWalk
	}
	return c
}

func (g *generator) legacyBatch() *call {
	items := object{}
	for _, i := range g.Perm(len(schemas))[:1+g.IntN(2)] {
		s := &schemas[i]
		r := object{"Keys": []any{g.key(s)}}
		if g.often(80) {
			r["AttributesToGet"] = g.toGet(s)
		}
		if g.often(10) {
			r["ProjectionExpression"] = pick(g, names...)
		}
		items[s.name] = r
	}
	return &call{operation: "BatchGetItem", request: object{"RequestItems": items}, how: asBag}
}

var legacyNames = []string{"Expected", "QueryFilter", "ScanFilter", "KeyConditions"}

// damageLegacy breaks one thing of the parameters of before expressions.
func (g *generator) damageLegacy(c *call) {
	r := c.request
	var entries []object
	for _, n := range slices.Concat(legacyNames, []string{"AttributeUpdates"}) {
		m, _ := r[n].(object)
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if e, ok := m[name].(object); ok {
				entries = append(entries, e)
			}
		}
	}
	switch n := g.IntN(10); {
	case n < 5 && len(entries) > 0:
		g.damageEntry(pick(g, entries...))
	case n < 6:
		r["ConditionalOperator"] = pick(g, "AND", "OR", "OR", "XOR")
	case n < 7:
		name := pick(g, "ConditionExpression", "UpdateExpression", "FilterExpression", "ProjectionExpression", "KeyConditionExpression")
		r[name] = pick(g, "attribute_exists(a)", "a", "(", "REMOVE a")
	case n < 8:
		if list, ok := r["AttributesToGet"].([]any); ok && len(list) > 0 {
			r["AttributesToGet"] = pick(g, append(list, list[0]), append(list, ""), []any{})
		}
	case n < 9:
		for _, n := range slices.Concat(legacyNames, []string{"AttributeUpdates"}) {
			if m, ok := r[n].(object); ok {
				switch g.IntN(3) {
				case 0:
					m[""] = object{"ComparisonOperator": "NULL"}
				case 1:
					r[n] = object{}
				default:
					m["c"] = object{"ComparisonOperator": "EQ", "AttributeValueList": []any{object{"S": "a"}}}
				}
				return
			}
		}
	default:
		r[pick(g, "ExpressionAttributeNames", "ExpressionAttributeValues")] = object{}
	}
}

func (g *generator) damageEntry(e object) {
	switch g.IntN(9) {
	case 0:
		e["ComparisonOperator"] = pick(g, comparisons...)
	case 1:
		delete(e, pick(g, "ComparisonOperator", "AttributeValueList", "Value", "Exists", "Action"))
	case 2:
		list, _ := e["AttributeValueList"].([]any)
		e["AttributeValueList"] = append(slices.Clone(list), g.value(1))
	case 3:
		e["AttributeValueList"] = []any{}
	case 4:
		e["Exists"] = g.often(50)
	case 5:
		e["Value"] = g.value(1)
	case 6:
		if list, ok := e["AttributeValueList"].([]any); ok && len(list) > 0 {
			e["AttributeValueList"] = []any{pick[any](g, object{"SS": []any{}}, object{"N": "x"}, object{}, object{"NULL": false})}
		}
	case 7:
		e["Action"] = pick(g, "ADD", "PUT", "DELETE")
	default:
		if _, ok := e["Value"]; ok {
			e["Value"] = pick[any](g, object{"SS": []any{}}, object{"N": "x"}, object{}, object{"SS": []any{"a", "a"}})
		}
	}
}

// legacyExplained are the differences that stay, next to those of expressions.
var legacyExplained = []known{
	{
		"the text for a name twice", "DynamoDB Local itself words it so in BatchGetItem; known from the live service",
		func(d *difference) bool {
			return says(d.local, `^Cannot have two attributes with the same name$`) && says(d.ours, `Duplicate value in attribute name: `)
		},
	},
	{
		"what a request says by itself comes first", "recorded: before tables and keys",
		func(d *difference) bool {
			return says(d.ours, legacyTexts...) && (d.local.kind == "ConditionalCheckFailedException" || says(d.local, localMissing, localName, localNullKey, localNullItem, localKey, `Cannot update attribute`, `Query key condition not supported`,
				`duplicates$`, `not an indexable operation$`, `^QueryFilter can only contain`, `^Updates on index keys`, `^Type mismatch for attribute to update$`,
				`Type mismatch for Index Key$`, `^The table does not have the specified index`, ` does not project `,
				`^Only scalar types can be used as `, `^Query condition missed key`, `^Consistent read cannot be true`, `^Conditions can be of length`, `cannot contain an empty (string|binary) value`))
		},
	},
	{
		"key conditions that DynamoDB Local fails at", "the others of their kind have these texts there too",
		func(d *difference) bool {
			return says(d.ours, `^Attempted conditional constraint is not an indexable operation$|^Query key condition not supported$`) &&
				(d.local.status == 500 || says(d.local, `^Only scalar types can be used as `))
		},
	},
	{
		"a key condition and what goes with it that are both wrong", "UNCONFIRMED: either may come first",
		func(d *difference) bool {
			return says(d.local, ` does not project `, `Select type ALL_ATTRIBUTES`, `^QueryFilter can only contain`) && says(d.ours, `not an indexable operation$`)
		},
	},
	{
		"updates of index keys", "known from the live service: it names the index; what stays as it is, is no update",
		func(d *difference) bool {
			return says(d.local, `^Updates on index keys must be of the same data type`) &&
				(d.ours.ok() || says(d.ours, oursIndexKey, `^Type mismatch for attribute to update$`, `^Attempting to store`))
		},
	},
	{
		"a value that is null", "UNCONFIRMED: DynamoDB Local has a text of its own",
		func(d *difference) bool { return says(d.local, `^The supplied Item contains a null AttributeValue$`) },
	},
}

// legacyTexts are what is said of parameters of before expressions by themselves.
var legacyTexts = []string{
	`ConditionalOperator`, `ComparisonOperator`, `AttributeValueList`, ` for Attribute: `, `^Only DELETE action`, `Only DELETE action is allowed`,
	`action (with value )?is not supported`, `Duplicate value in attribute name`, `^Empty attribute name$`, `The BETWEEN condition`,
	`Can not use both expression and non-expression`, `when choosing to get`, `may not be empty`, `contains duplicates`, `Supplied AttributeValue`, `converted to a numeric value`,
	`Null attribute value types`, `^ALL_PROJECTED_ATTRIBUTES can be used only`,
}
