//go:build conformance

package differential

import (
	"maps"
	"slices"
	"strings"
)

// damage breaks one thing of a request, or changes it in an odd way.
func (g *generator) damage(c *call) {
	r := c.request
	switch g.IntN(11) {
	case 0:
		g.damageText(r)
	case 1:
		g.damageText(r)
	case 2: // A placeholder too few.
		n := pick(g, "ExpressionAttributeNames", "ExpressionAttributeValues")
		if m, ok := r[n].(object); ok && len(m) > 0 {
			delete(m, pick(g, slices.Sorted(maps.Keys(m))...))
		}
	case 3: // One too many, or a malformed one.
		n := pick(g, "ExpressionAttributeNames", "ExpressionAttributeValues")
		m, ok := r[n].(object)
		if !ok {
			m = object{}
			r[n] = m
		}
		if n == "ExpressionAttributeNames" {
			m[pick(g, "#unused", "#unused", "unused", "#", "", "#é", ":x")] = pick(g, "a", "b", "")
		} else {
			m[pick(g, ":unused", ":unused", "unused", ":", "", ":a-b", "#x")] = object{"S": "a"}
		}
	case 4:
		r[pick(g, "ReturnValues", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics", "Select", "ReturnValuesOnConditionCheckFailure")] = pick(g, "NONE", "ALL_OLD", "ALL_NEW", "COUNT", "total", "", "ALL_ATTRIBUTES", "BAD", "UPDATED_NEW")
	case 5:
		g.damageNumber(c)
	case 6:
		if _, ok := r["TableName"]; ok {
			r["TableName"] = pick(g, "missing", "", "a", "no table", "users", strings.Repeat("x", 256), "arn:aws:dynamodb:"+g.region+":111111111111:table/missing")
		}
	case 7: // A member too few.
		if keys := slices.Sorted(maps.Keys(r)); len(keys) > 0 {
			delete(r, pick(g, keys...))
		}
	case 8: // A member of another type.
		if keys := slices.Sorted(maps.Keys(r)); len(keys) > 0 {
			r[pick(g, keys...)] = pick[any](g, 1, "a", true, object{}, []any{}, nil, 1.5)
		}
	default:
		g.damageAttribute(c)
	}
}

func (g *generator) damageNumber(c *call) {
	switch g.IntN(4) {
	case 0:
		c.request["Limit"] = pick[any](g, 0, -1, 1000000, 2147483648)
		c.how = max(c.how, loosely)
	case 1:
		if c.operation == "Scan" {
			c.request[pick(g, "Segment", "TotalSegments")] = pick[any](g, 0, -1, 1, 1000000, 1000001)
			c.how = max(c.how, loosely)
		}
	case 2:
		c.request["ConsistentRead"] = g.often(50)
	default:
		c.request["IndexName"] = pick(g, "l-all", "g-all", "none", "", "a", "by-num")
		c.how = max(c.how, loosely)
	}
}

// damageText breaks an expression.
func (g *generator) damageText(r object) {
	var found []string
	for _, n := range slices.Sorted(maps.Keys(r)) {
		if _, ok := r[n].(string); ok && strings.HasSuffix(n, "Expression") {
			found = append(found, n)
		}
	}
	if found == nil {
		return
	}
	n := pick(g, found...)
	words := strings.Split(r[n].(string), " ")
	i := g.IntN(len(words))
	switch g.IntN(9) {
	case 0:
		words = slices.Delete(words, i, i+1)
	case 1:
		words = slices.Insert(words, i, pick(g, "AND", "NOT", "(", ")", ",", "=", "SET", "a", ":v0", "#n0", "!", "1", "[0]", ".", "+", "BETWEEN", "IN", "size(a)", "contains(a, :v0)", "%"))
	case 2:
		words[i] = pick(g, "AND", "name", "size", "a.b", "l[0]", "m.a", ":v0", "#n0", "value", "a[1", "a..b", "=", "foo(a)", "pk", "id", "status", "_x", "1a")
	case 3:
		r[n] = pick[any](g, "", " ", "a", "SET", "a =", "()", "REMOVE a", "a = :v0 AND", "NOT NOT a = :v0", "SET a = :v0 SET b = :v0", "a, a", "m, m.a", "l[0], l[0]", "pk", "attribute_exists(:v0)", "size(a)", "SET num = num + :v0 + :v1", "a in ()", "begins_with(a)", "SET m = :v0, m.a = :v1", "((a = :v0))", "SET a = size(b)", "SET a = if_not_exists(b)", "contains(a, a)", "a = a", "a BETWEEN a AND b", "l[99999999999]", "SET l[50] = :v0", "REMOVE l[0], l[1]", "ADD l[0] :v0", "SET str = str", "attribute_type(a, :v0)", "REMOVE m.a, m.b", "ADD m.a :v0")
		return
	case 4:
		words = append(words, words...)
	case 5:
		t := r[n].(string)
		if len(t) > 0 {
			at := g.IntN(len(t))
			r[n] = t[:at] + t[at+1:]
		}
		return
	case 6:
		words[i] = "(" + words[i] + ")"
	case 7:
		r[n] = strings.ReplaceAll(r[n].(string), " ", pick(g, "  ", "\n", "\t", ""))
		return
	default:
		j := g.IntN(len(words))
		words[i], words[j] = words[j], words[i]
	}
	r[n] = strings.Join(words, " ")
}

// damageAttribute breaks an attribute value, or a key.
func (g *generator) damageAttribute(c *call) {
	var holders []object
	for _, n := range []string{"Item", "Key", "ExpressionAttributeValues", "ExclusiveStartKey"} {
		if m, ok := c.request[n].(object); ok {
			holders = append(holders, m)
		}
	}
	if m, ok := c.request["RequestItems"].(object); ok {
		for _, n := range slices.Sorted(maps.Keys(m)) {
			holders = append(holders, batchHolders(m[n])...)
		}
	}
	if holders == nil {
		return
	}
	m := pick(g, holders...)
	keys := slices.Sorted(maps.Keys(m))
	switch g.IntN(6) {
	case 0:
		if len(keys) > 0 {
			delete(m, pick(g, keys...))
		}
	case 1:
		m[pick(g, "a", "pk", "sk", "id", "h", "num", "str")] = g.value(1)
	case 2:
		if len(keys) > 0 {
			m[pick(g, keys...)] = g.value(1)
		}
	case 3:
		if len(keys) > 0 {
			m[pick(g, keys...)] = pick(g, object{"S": ""}, object{"B": ""}, object{"S": strings.Repeat("k", 1025)}, object{"S": strings.Repeat("k", 2049)}, object{"N": "0"})
		}
	default:
		if len(keys) > 0 {
			m[pick(g, keys...)] = g.badValue()
		}
	}
}

func batchHolders(v any) []object {
	var out []object
	switch v := v.(type) {
	case object:
		if keys, ok := v["Keys"].([]any); ok {
			for _, k := range keys {
				if k, ok := k.(object); ok {
					out = append(out, k)
				}
			}
		}
	case []any:
		for _, e := range v {
			e, _ := e.(object)
			if p, ok := e["PutRequest"].(object); ok {
				if it, ok := p["Item"].(object); ok {
					out = append(out, it)
				}
			}
			if d, ok := e["DeleteRequest"].(object); ok {
				if k, ok := d["Key"].(object); ok {
					out = append(out, k)
				}
			}
		}
	}
	return out
}
