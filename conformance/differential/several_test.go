//go:build conformance

package differential

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// An index with several attributes in its key is beyond DynamoDB Local. There,
// the table has no such index, and a scan with a filter says which items a query
// must find: the key condition is a filter as well. The order is held to the rule
// itself, that entries come by the attributes of the sort key, one after the
// other.

const (
	severalTable = "readings"
	severalIndex = "by-site-and-kind"
)

var (
	severalHash  = []attribute{{"site", "S"}, {"kind", "N"}}
	severalRange = []attribute{{"taken", "N"}, {"gauge", "S"}, {"mark", "B"}}
)

// severalCreate makes the table, with the index or without.
func severalCreate(index bool) object {
	s := schema{name: severalTable, hash: attribute{"pk", "S"}, rng: attribute{"sk", "N"}, onDemand: true}
	r := s.create()
	if !index {
		return r
	}
	definitions, keys := r["AttributeDefinitions"].([]any), []any{}
	for _, half := range []struct {
		typ  string
		list []attribute
	}{{"HASH", severalHash}, {"RANGE", severalRange}} {
		for _, a := range half.list {
			definitions = append(definitions, object{"AttributeName": a.name, "AttributeType": a.typ})
			keys = append(keys, object{"AttributeName": a.name, "KeyType": half.typ})
		}
	}
	r["AttributeDefinitions"] = definitions
	r["GlobalSecondaryIndexes"] = []any{object{"IndexName": severalIndex, "KeySchema": keys, "Projection": object{"ProjectionType": "ALL"}}}
	return r
}

// several makes puts to the table, and queries and scans of the index.
type several struct{ *generator }

func (several) done(*call) {}

func (g several) next() *call {
	switch n := g.IntN(10); {
	case n < 3:
		it := object{"pk": object{"S": pick(g.generator, "a", "b", "c", "d")}, "sk": object{"N": fmt.Sprint(g.IntN(8))}}
		for _, a := range slices.Concat(severalHash, severalRange) {
			if !g.often(6) {
				it[a.name] = g.keyValue(a.typ)
			}
		}
		it["v"] = object{"N": pick(g.generator, "1", "2", "3")}
		return &call{operation: "PutItem", request: object{"TableName": severalTable, "Item": it}, writes: true}
	case n < 4:
		r := object{"TableName": severalTable, "IndexName": severalIndex}
		if g.often(40) {
			r["Limit"] = 1 + g.IntN(6)
		}
		return &call{operation: "Scan", request: r}
	}
	return g.query()
}

func (g several) query() *call {
	p := g.placeholders()
	uses := slices.Concat(severalHash, severalRange[:g.IntN(len(severalRange)+1)])
	wrong := g.often(12)
	if wrong { // A hash attribute too few, or a gap before the last.
		at := g.IntN(len(uses) - 1)
		uses = slices.Delete(uses, at, at+1)
	}
	var parts []string
	for i, a := range uses {
		if last := i == len(uses)-1; last && i >= len(severalHash) && g.often(60) {
			parts = append(parts, g.between(p, a))
			continue
		}
		parts = append(parts, p.name(a.name)+" = "+p.value(g.keyValue(a.typ)))
	}
	g.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	r := object{"TableName": severalTable, "IndexName": severalIndex, "KeyConditionExpression": strings.Join(parts, " AND ")}
	if g.often(30) {
		r["FilterExpression"] = "v " + pick(g.generator, "=", "<", ">=", "<>") + " " + p.value(object{"N": "2"})
	}
	if g.often(50) {
		r["ScanIndexForward"] = g.often(40)
	}
	if g.often(40) {
		r["Limit"] = 1 + g.IntN(6)
	}
	p.attach(r)
	how := exactly
	if wrong {
		how = loosely
	}
	return &call{operation: "Query", request: r, how: how}
}

func (g several) between(p *placeholders, a attribute) string {
	name, value := p.name(a.name), p.value(g.keyValue(a.typ))
	switch {
	case g.often(20) && a.typ != "N":
		return "begins_with(" + name + ", " + value + ")"
	case g.often(25):
		low, high := g.keyValue(a.typ), g.keyValue(a.typ)
		if order(a, object{a.name: low}, object{a.name: high}) > 0 {
			low, high = high, low
		}
		delete(p.values, value)
		return name + " BETWEEN " + p.value(low) + " AND " + p.value(high)
	}
	return name + " " + pick(g.generator, "<", "<=", ">", ">=") + " " + value
}

// runSeveral sends a put to both, and of the others what each understands.
func (s *session) runSeveral(c *call) (*difference, error) {
	if err := s.makeSeveral(); err != nil {
		return nil, err
	}
	if c.writes {
		local, ours, err := s.both(c.operation, c.request)
		if err != nil {
			return nil, err
		}
		c.valid = local.ok()
		if what := compare(c, local, ours); what != "" {
			return &difference{c, what, local, ours}, nil
		}
		return nil, nil
	}
	ours, err := s.ours.send(c.operation, c.request)
	if err != nil {
		return nil, err
	}
	if c.how == loosely { // Documented: each attribute of the partition key, and no gap in the sort key.
		if ours.kind != "ValidationException" {
			return &difference{c, "status", &answer{status: 400, kind: "ValidationException"}, ours}, nil
		}
		return nil, nil
	}
	if ours.ok() {
		if err := s.ours.walk(c, ours); err != nil {
			return nil, err
		}
	}
	local, err := s.foundBy(c)
	if err != nil {
		return nil, err
	}
	c.valid = local.ok()
	if ours.ok() && c.operation == "Query" && !inOrder(ours, c.request["ScanIndexForward"] != false) {
		return &difference{c, "order", local, ours}, nil
	}
	bagged := &call{operation: c.operation, request: c.request, how: byWalk}
	if what := compare(bagged, local, ours); what != "" {
		return &difference{c, what, local, ours}, nil
	}
	return nil, nil
}

// foundBy asks DynamoDB Local by a filter for what the index must give.
func (s *session) foundBy(c *call) (*answer, error) {
	var evaluated []string
	for _, a := range slices.Concat(severalHash, severalRange) {
		evaluated = append(evaluated, "attribute_exists("+a.name+")")
	}
	r := object{"TableName": severalTable, "ConsistentRead": true}
	if keys, ok := c.request["KeyConditionExpression"].(string); ok {
		evaluated = append(evaluated, "("+keys+")")
	}
	filter, filtered := c.request["FilterExpression"].(string)
	ask := func(text string, unused object) (*answer, error) {
		one := maps.Clone(r)
		one["FilterExpression"] = text
		for _, n := range []string{"ExpressionAttributeNames", "ExpressionAttributeValues"} {
			m, _ := clone(c.request[n]).(object)
			for k := range unused {
				delete(m, k)
			}
			if len(m) > 0 {
				one[n] = m
			}
		}
		return s.local.send("Scan", one)
	}
	// What the filter alone has may not be among the values of the first question.
	unused := object{}
	if filtered {
		words := strings.Split(filter, " ")
		unused[words[len(words)-1]] = true
	}
	all, err := ask(strings.Join(evaluated, " AND "), unused)
	if err != nil || !all.ok() {
		return all, err
	}
	found := all
	if filtered {
		if found, err = ask(strings.Join(append(evaluated, filter), " AND "), nil); err != nil || !found.ok() {
			return found, err
		}
	}
	found.body["ScannedCount"] = all.body["Count"]
	return found, nil
}

func (s *session) makeSeveral() error {
	if s.created[severalTable] != nil {
		return nil
	}
	if err := s.drop(severalTable); err != nil {
		return err
	}
	for srv, request := range map[*server]object{s.local: severalCreate(false), s.ours: severalCreate(true)} {
		if a, err := srv.send("CreateTable", request); err != nil || !a.ok() {
			return fmt.Errorf("%s: %s, %w", srv.name, a.message, err)
		}
	}
	s.created[severalTable] = severalCreate(true)
	return s.settle(severalTable)
}

// inOrder reports whether items come by the sort key.
func inOrder(a *answer, forward bool) bool {
	items := elements(a.body, "Items")
	return slices.IsSortedFunc(items, func(x, y object) int {
		for _, by := range severalRange {
			if c := order(by, x, y); c != 0 && forward {
				return c
			} else if c != 0 {
				return -c
			}
		}
		return 0
	})
}

// order compares an attribute of two items as keys are ordered.
func order(by attribute, x, y object) int {
	text := func(it object) string {
		v, _ := it[by.name].(object)
		return fmt.Sprint(v[by.typ])
	}
	a, b := text(x), text(y)
	switch by.typ {
	case "N":
		p, _ := new(big.Rat).SetString(a)
		q, _ := new(big.Rat).SetString(b)
		return p.Cmp(q)
	case "B":
		p, _ := base64.StdEncoding.DecodeString(a)
		q, _ := base64.StdEncoding.DecodeString(b)
		return bytes.Compare(p, q)
	}
	return strings.Compare(a, b)
}
