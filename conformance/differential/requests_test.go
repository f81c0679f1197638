//go:build conformance

package differential

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// how tells how the successful answers to a request are compared.
type how int

const (
	exactly    how = iota // Structurally.
	asBag                 // Their items in any order.
	byWalk                // Page by page to the end; then all items in any order.
	bySegments            // Likewise, and segment by segment.
	loosely               // Only that both succeed: what they return is up to each.
)

// call is one request.
type call struct {
	operation string
	request   object
	how       how
	schema    *schema
	item      object // What is stored under the key that it writes; nil where there is nothing.
	writes    bool
	anew      bool   // The table that it makes is deleted first.
	valid     bool   // DynamoDB Local took it.
	also      string // A member that further requests for the same had.
}

// itemSource makes requests of expressions' age, and of the control plane.
type itemSource struct{ *generator }

func (itemSource) done(*call) {}

func (s itemSource) keys() map[string][]object { return s.start }

func (g *generator) next() *call {
	n := g.IntN(100)
	s := &schemas[g.IntN(len(schemas))]
	var c *call
	switch {
	case n < 21:
		c = g.put(s)
	case n < 42:
		c = g.update(s)
	case n < 48:
		c = g.delete(s)
	case n < 54:
		c = g.get(s)
	case n < 76:
		c = g.query(s)
	case n < 84:
		c = g.scan(s)
	case n < 88:
		c = g.batchGet()
	case n < 93:
		c = g.batchWrite()
	default:
		c = g.control()
	}
	name := c.request["TableName"]
	for range pick(g, 0, 0, 0, 0, 1, 1, 1, 2) {
		g.damage(c)
	}
	if now, _ := c.request["TableName"].(string); c.schema == nil && (strings.HasSuffix(now, "missing") || now == "users") {
		c.request["TableName"] = name // The one is to stay missing, the other to stay.
	}
	c.anew = c.operation == "CreateTable" && g.often(85)
	return c
}

func (g *generator) capacity(r object) {
	if g.often(30) {
		r["ReturnConsumedCapacity"] = pick(g, "TOTAL", "INDEXES", "NONE")
	}
}

func (g *generator) put(s *schema) *call {
	r := object{"TableName": s.name, "Item": g.item(s)}
	p := g.placeholders()
	if g.often(40) {
		r["ConditionExpression"] = p.condition(2)
	}
	g.writeOptions(r, "NONE", "ALL_OLD")
	p.attach(r)
	return &call{operation: "PutItem", request: r, schema: s, writes: true}
}

func (g *generator) writeOptions(r object, returns ...string) {
	g.capacity(r)
	if g.often(50) {
		r["ReturnValues"] = pick(g, returns...)
	}
	if g.often(20) {
		r["ReturnValuesOnConditionCheckFailure"] = pick(g, "NONE", "ALL_OLD")
	}
	if g.often(5) {
		r["ReturnItemCollectionMetrics"] = pick(g, "NONE", "SIZE")
	}
}

func (g *generator) update(s *schema) *call {
	r := object{"TableName": s.name, "Key": g.key(s)}
	p := g.placeholders()
	if g.often(95) {
		r["UpdateExpression"] = p.update()
	}
	if g.often(25) {
		r["ConditionExpression"] = p.condition(2)
	}
	g.writeOptions(r, "NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")
	p.attach(r)
	return &call{operation: "UpdateItem", request: r, schema: s, writes: true}
}

func (g *generator) delete(s *schema) *call {
	r := object{"TableName": s.name, "Key": g.key(s)}
	p := g.placeholders()
	if g.often(40) {
		r["ConditionExpression"] = p.condition(2)
	}
	g.writeOptions(r, "NONE", "ALL_OLD")
	p.attach(r)
	return &call{operation: "DeleteItem", request: r, schema: s, writes: true}
}

func (g *generator) get(s *schema) *call {
	r := object{"TableName": s.name, "Key": g.key(s)}
	p := g.placeholders()
	if g.often(50) {
		r["ProjectionExpression"] = p.projection(s)
	}
	if g.often(30) {
		r["ConsistentRead"] = g.often(50)
	}
	g.capacity(r)
	p.attach(r)
	return &call{operation: "GetItem", request: r, schema: s}
}

// target chooses the table or one of its indexes.
func (g *generator) target(s *schema, r object) (keys []attribute, x *index) {
	if len(s.indexes) == 0 || g.often(40) {
		return s.keys(), nil
	}
	x = &s.indexes[g.IntN(len(s.indexes))]
	r["IndexName"] = x.name
	return x.keys(), x
}

func (g *generator) query(s *schema) *call {
	r := object{"TableName": s.name}
	keys, x := g.target(s, r)
	p := g.placeholders()
	r["KeyConditionExpression"] = p.keyCondition(keys)
	if g.often(30) {
		r["ScanIndexForward"] = g.often(50)
	}
	g.page(r, s, x, p)
	p.attach(r)
	c := &call{operation: "Query", request: r, schema: s}
	_, limited := r["Limit"]
	switch {
	case x != nil && limited:
		c.how = byWalk
	case x != nil:
		c.how = asBag // Entries of one sort key have no order.
	}
	if r["ExclusiveStartKey"] != nil && x != nil {
		c.how = loosely
	}
	return c
}

// page adds what Query and Scan have in common.
func (g *generator) page(r object, s *schema, x *index, p *placeholders) {
	if g.often(30) {
		r["FilterExpression"] = p.condition(2)
	}
	switch {
	case g.often(25):
		r["ProjectionExpression"] = p.projection(s)
		if g.often(20) {
			r["Select"] = "SPECIFIC_ATTRIBUTES"
		}
	case g.often(20):
		r["Select"] = pick(g, "ALL_ATTRIBUTES", "COUNT", "ALL_PROJECTED_ATTRIBUTES", "COUNT")
	}
	if g.often(30) {
		r["Limit"] = 1 + g.IntN(5)
	}
	if g.often(20) {
		r["ConsistentRead"] = x == nil || x.local || g.often(30)
	}
	g.capacity(r)
	if g.often(15) {
		where := s.name
		if x != nil {
			where += "/" + x.name
		}
		if keys := g.start[where]; len(keys) > 0 && g.often(85) {
			r["ExclusiveStartKey"] = pick(g, keys...)
		} else {
			r["ExclusiveStartKey"] = g.key(s)
		}
	}
}

func (g *generator) scan(s *schema) *call {
	r := object{"TableName": s.name}
	_, x := g.target(s, r)
	p := g.placeholders()
	g.page(r, s, x, p)
	c := &call{operation: "Scan", request: r, schema: s, how: asBag}
	if g.often(10) {
		r["TotalSegments"], r["Segment"] = 1+g.IntN(3), g.IntN(4)
		c.how = bySegments
	}
	p.attach(r)
	if r["Limit"] != nil {
		c.how = max(c.how, byWalk)
	}
	if r["ExclusiveStartKey"] != nil {
		c.how = loosely
	}
	return c
}

func (g *generator) batchGet() *call {
	items := object{}
	for _, i := range g.Perm(len(schemas))[:1+g.IntN(2)] {
		s := &schemas[i]
		p := g.placeholders()
		keys := []any{}
		seen := map[string]bool{}
		for range 1 + g.IntN(4) {
			k := g.key(s)
			if id := canonicalKey(k); !seen[id] || g.often(5) {
				seen[id] = true
				keys = append(keys, k)
			}
		}
		r := object{"Keys": keys}
		if g.often(30) {
			r["ProjectionExpression"] = p.projection(s)
		}
		if g.often(20) {
			r["ConsistentRead"] = g.often(50)
		}
		if len(p.names) > 0 {
			r["ExpressionAttributeNames"] = p.names
		}
		items[s.name] = r
	}
	r := object{"RequestItems": items}
	g.capacity(r)
	return &call{operation: "BatchGetItem", request: r, how: asBag}
}

func (g *generator) batchWrite() *call {
	items := object{}
	for _, i := range g.Perm(len(schemas))[:1+g.IntN(2)] {
		s := &schemas[i]
		list := []any{}
		seen := map[string]bool{}
		for range 1 + g.IntN(4) {
			k := g.key(s)
			id := canonicalKey(k)
			if seen[id] && !g.often(5) {
				continue
			}
			seen[id] = true
			if g.often(30) {
				list = append(list, object{"DeleteRequest": object{"Key": k}})
				continue
			}
			it := g.item(s)
			maps.Copy(it, k)
			list = append(list, object{"PutRequest": object{"Item": it}})
		}
		items[s.name] = list
	}
	r := object{"RequestItems": items}
	g.capacity(r)
	if g.often(10) {
		r["ReturnItemCollectionMetrics"] = pick(g, "NONE", "SIZE")
	}
	return &call{operation: "BatchWriteItem", request: r, how: asBag, writes: true}
}

// canonicalKey tells keys apart; numbers are apart by their value.
func canonicalKey(k object) string {
	out := ""
	for _, n := range slices.Sorted(maps.Keys(k)) {
		v := k[n].(object)
		text := fmt.Sprint(v)
		if num, ok := v["N"].(string); ok {
			text = canonicalNumber(num)
		}
		out += n + "=" + text + ";"
	}
	return out
}
