//go:build conformance

package differential

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// scratch are the names of tables that come and go.
var scratch = []string{"s-0", "s.1", "S_2"}

// control is a request of the control plane.
func (g *generator) control() *call {
	name := pick(g, scratch...)
	switch n := g.IntN(10); {
	case n < 5:
		return &call{operation: "CreateTable", request: g.createTable(name), writes: true}
	case n < 6:
		return &call{operation: "DescribeTable", request: object{"TableName": pick(g, name, schemas[g.IntN(len(schemas))].name)}}
	case n < 7:
		r := object{}
		if g.often(50) {
			r["Limit"] = pick[any](g, 1, 2, 3, 100, 0, 101, -1)
		}
		if g.often(40) {
			r["ExclusiveStartTableName"] = pick(g, "events", "orders", "pp", "zzz", "AAA", "a", "", "users")
		}
		return &call{operation: "ListTables", request: r}
	case n < 8:
		return &call{operation: "DeleteTable", request: object{"TableName": name}, writes: true, how: loosely}
	}
	return &call{operation: "UpdateTable", request: g.updateTable(name), writes: true}
}

// newSchema makes up a table.
func (g *generator) newSchema(name string) schema {
	typ := func() string { return pick(g, "S", "N", "B") }
	s := schema{name: name, hash: attribute{"h", typ()}, onDemand: g.often(60)}
	types := map[string]string{"h": s.hash.typ, "x": typ(), "y": typ()}
	if g.often(60) {
		s.rng = attribute{"r", typ()}
		types["r"] = s.rng.typ
	}
	attr := func(n string) attribute { return attribute{n, types[n]} }
	projection := func(x *index) {
		x.projection = pick(g, "ALL", "KEYS_ONLY", "INCLUDE")
		if x.projection == "INCLUDE" {
			x.nonKey = []string{"a", "b", "c"}[:1+g.IntN(3)]
		}
	}
	if s.rng.name != "" {
		for i := range pick(g, 0, 0, 1, 2) {
			x := index{name: fmt.Sprintf("loc%d", i), local: true, hash: s.hash, rng: attr(pick(g, "x", "y", "r"))}
			projection(&x)
			s.indexes = append(s.indexes, x)
		}
	}
	for i := range pick(g, 0, 0, 1, 2) {
		x := index{name: fmt.Sprintf("glo%d", i), hash: attr(pick(g, "x", "y", "h"))}
		if g.often(50) {
			if n := pick(g, "x", "y", "h"); n != x.hash.name {
				x.rng = attr(n)
			}
		}
		projection(&x)
		s.indexes = append(s.indexes, x)
	}
	return s
}

func (g *generator) createTable(name string) object {
	s := g.newSchema(name)
	r := s.create()
	if g.often(20) {
		r["StreamSpecification"] = object{"StreamEnabled": true, "StreamViewType": pick(g, "KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")}
	}
	if g.often(10) {
		r["DeletionProtectionEnabled"] = g.often(20)
	}
	if g.often(5) {
		r["TableClass"] = pick(g, "STANDARD", "STANDARD_INFREQUENT_ACCESS")
	}
	for range pick(g, 0, 1, 1, 1, 2) {
		g.damageCreate(r)
	}
	return r
}

// elements are the objects of a list member of a request.
func elements(r object, name string) []object {
	list, _ := r[name].([]any)
	var out []object
	for _, e := range list {
		if e, ok := e.(object); ok {
			out = append(out, e)
		}
	}
	return out
}

// damageCreate breaks a CreateTable request.
func (g *generator) damageCreate(r object) {
	indexes := append(elements(r, "LocalSecondaryIndexes"), elements(r, "GlobalSecondaryIndexes")...)
	switch g.IntN(16) {
	case 0, 1:
		damageKeys(g, r)
	case 2:
		definitions, _ := r["AttributeDefinitions"].([]any)
		r["AttributeDefinitions"] = append(definitions, object{"AttributeName": pick(g, "extra", "h", "x"), "AttributeType": pick(g, "S", "N", "BOOL", "")})
	case 3:
		if list, ok := r["AttributeDefinitions"].([]any); ok && len(list) > 0 {
			r["AttributeDefinitions"] = list[:len(list)-1]
		}
	case 4:
		r["BillingMode"] = pick(g, "PAY_PER_REQUEST", "PROVISIONED", "NONE")
	case 5:
		r["ProvisionedThroughput"] = pick(g, units(), object{"ReadCapacityUnits": 0, "WriteCapacityUnits": 1}, object{"ReadCapacityUnits": 5}, object{"ReadCapacityUnits": -1, "WriteCapacityUnits": 0}, object{})
	case 6:
		delete(r, pick(g, "KeySchema", "AttributeDefinitions", "TableName", "ProvisionedThroughput", "BillingMode"))
	case 7:
		r["TableName"] = pick(g, "", "a", "ab", "a b c", strings.Repeat("n", 256), "é-é")
	case 8:
		r["StreamSpecification"] = pick(g, object{}, object{"StreamEnabled": true}, object{"StreamEnabled": false}, object{"StreamEnabled": false, "StreamViewType": "NEW_IMAGE"}, object{"StreamEnabled": true, "StreamViewType": "X"})
	case 9:
		r[pick(g, "LocalSecondaryIndexes", "GlobalSecondaryIndexes", "AttributeDefinitions", "KeySchema")] = []any{}
	case 10:
		r[pick(g, "DeletionProtectionEnabled", "TableClass", "Tags", "KeySchema", "SSESpecification")] = pick[any](g, true, "BAD", 1, []any{}, "STANDARD", object{})
	default:
		if len(indexes) == 0 {
			damageKeys(g, r)
			return
		}
		g.damageIndex(r, pick(g, indexes...))
	}
}

// damageKeys breaks the KeySchema of a table or of an index.
func damageKeys(g *generator, r object) {
	list, _ := r["KeySchema"].([]any)
	if len(list) == 0 {
		return
	}
	e, ok := pick(g, list...).(object)
	if !ok {
		return
	}
	switch g.IntN(7) {
	case 0:
		e["KeyType"] = pick(g, "HASH", "RANGE", "SORT", "")
	case 1:
		e["AttributeName"] = pick(g, "h", "r", "x", "undefined", "", strings.Repeat("k", 256))
	case 2:
		delete(e, pick(g, "KeyType", "AttributeName"))
	case 3:
		slices.Reverse(list)
	case 4:
		r["KeySchema"] = append(list, object{"AttributeName": pick(g, "h", "x", "y"), "KeyType": "RANGE"})
	case 5:
		r["KeySchema"] = list[:1]
	default:
		r["KeySchema"] = append(list, maps.Clone(e))
	}
}

func (g *generator) damageIndex(r, x object) {
	switch g.IntN(9) {
	case 0, 1:
		damageKeys(g, x)
	case 2:
		x["IndexName"] = pick(g, "loc0", "glo0", "a", "", "a b c", strings.Repeat("i", 256))
	case 3:
		x["Projection"] = pick(g, object{}, object{"ProjectionType": "ALL", "NonKeyAttributes": []any{"a"}}, object{"ProjectionType": "INCLUDE"}, object{"ProjectionType": "BAD"}, object{"NonKeyAttributes": []any{"a"}}, object{"ProjectionType": "INCLUDE", "NonKeyAttributes": []any{}}, object{"ProjectionType": "INCLUDE", "NonKeyAttributes": []any{"a", "a"}}, object{"ProjectionType": "INCLUDE", "NonKeyAttributes": []any{"h"}}, object{"ProjectionType": "KEYS_ONLY", "NonKeyAttributes": []any{}})
	case 4:
		x["ProvisionedThroughput"] = pick(g, units(), object{}, object{"ReadCapacityUnits": 0, "WriteCapacityUnits": 0})
	case 5:
		delete(x, pick(g, "IndexName", "KeySchema", "Projection", "ProvisionedThroughput"))
	case 6:
		list := pick(g, "LocalSecondaryIndexes", "GlobalSecondaryIndexes")
		had, _ := r[list].([]any)
		for i := range pick(g, 1, 1, 5, 20) {
			y := maps.Clone(x)
			if g.often(90) {
				y["IndexName"] = fmt.Sprintf("more%d", i)
			}
			had = append(had, y)
		}
		r[list] = had
	case 7:
		var many []any
		for i := range pick(g, 20, 21, 100, 101) {
			many = append(many, fmt.Sprintf("n%d", i))
		}
		x["Projection"] = object{"ProjectionType": "INCLUDE", "NonKeyAttributes": many}
	default:
		x["KeySchema"] = []any{}
	}
}

func (g *generator) updateTable(name string) object {
	r := object{"TableName": name}
	for range pick(g, 0, 1, 1, 1, 1, 2) {
		switch g.IntN(6) {
		case 0:
			r["ProvisionedThroughput"] = pick(g, units(), object{"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}, object{"ReadCapacityUnits": 0, "WriteCapacityUnits": 1})
		case 1:
			r["BillingMode"] = pick(g, "PROVISIONED", "PAY_PER_REQUEST")
			if r["BillingMode"] == "PROVISIONED" && g.often(80) {
				r["ProvisionedThroughput"] = units()
			}
		case 2:
			r["DeletionProtectionEnabled"] = g.often(30)
		case 3:
			r["StreamSpecification"] = pick(g, object{"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"}, object{"StreamEnabled": false}, object{"StreamEnabled": true})
		default:
			g.updateIndexes(r)
		}
	}
	return r
}

func (g *generator) updateIndexes(r object) {
	name := pick(g, "glo0", "glo1", "glo2", "loc0")
	var list []any
	for range pick(g, 1, 1, 1, 1, 2, 0) {
		switch g.IntN(4) {
		case 0:
			list = append(list, object{"Delete": object{"IndexName": name}})
		case 1:
			list = append(list, object{"Update": object{"IndexName": name, "ProvisionedThroughput": units()}})
		default:
			x := object{"IndexName": name, "KeySchema": keySchema([]attribute{{pick(g, "x", "y", "z"), "S"}}), "Projection": object{"ProjectionType": "ALL"}}
			if g.often(50) {
				x["ProvisionedThroughput"] = units()
			}
			if g.often(20) {
				g.damageIndex(object{}, x)
			}
			list = append(list, object{"Create": x})
			if g.often(90) {
				r["AttributeDefinitions"] = []any{object{"AttributeName": pick(g, "x", "z"), "AttributeType": "S"}}
			}
		}
	}
	if list == nil {
		list = []any{}
	}
	r["GlobalSecondaryIndexUpdates"] = list
}
