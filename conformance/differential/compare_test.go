//go:build conformance

package differential

import (
	"bytes"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// difference is two answers to one request that are not the same.
type difference struct {
	call        *call
	what        string // status, type, message, body, capacity or state.
	local, ours *answer
}

// class names a kind of difference: all of one class most likely have one
// cause.
func (d *difference) class() string {
	short := func(a *answer) string {
		if a.ok() {
			return "success"
		}
		m := specifics.ReplaceAllString(a.message, "_")
		return a.kind + ": " + m[:min(len(m), 150)]
	}
	out := d.call.operation + " " + d.what
	if d.what == "body" || d.what == "capacity" || d.what == "state" {
		return out
	}
	return out + " | " + short(d.local) + " | " + short(d.ours)
}

// specifics are the parts of a message that come from the request.
var specifics = regexp.MustCompile(`'[^']*'|"[^"]*"|[:#][A-Za-z0-9_]+|[0-9]+|\[[^\]]*\]|\{[^}]*\}|(attribute value|name|keyword|key|keys|near|operand|function|operator): ?[^;,]*`)

// compare tells what differs between two answers, "" for nothing.
func compare(c *call, local, ours *answer) string {
	switch {
	case local.status != ours.status:
		return "status"
	case local.kind != ours.kind:
		return "type"
	case canonicalMessage(local.message) != canonicalMessage(ours.message):
		return "message"
	case c.how == loosely:
		return ""
	}
	a, b := canonicalBody(c, local.body), canonicalBody(c, ours.body)
	aCapacity, bCapacity := a["ConsumedCapacity"], b["ConsumedCapacity"]
	delete(a, "ConsumedCapacity")
	delete(b, "ConsumedCapacity")
	switch {
	case !reflect.DeepEqual(a, b):
		return "body"
	case c.how != byWalk && c.how != bySegments && !reflect.DeepEqual(aCapacity, bCapacity):
		return "capacity"
	}
	return ""
}

// lists are enumerations inside messages: their order means nothing.
var lists = regexp.MustCompile(`\[[^\[\]]*\]|\{[^{}]*\}`)

func canonicalMessage(m string) string {
	return lists.ReplaceAllStringFunc(m, func(list string) string {
		parts := strings.Split(list[1:len(list)-1], ",")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		slices.Sort(parts)
		return list[:1] + strings.Join(parts, ", ") + list[len(list)-1:]
	})
}

func canonicalBody(c *call, body object) object {
	if d, ok := body["TableDescription"].(object); ok {
		return object{"TableDescription": essentials(d)}
	}
	if d, ok := body["Table"].(object); ok {
		return object{"Table": essentials(d)}
	}
	out := canonical(body).(object)
	if c.how != exactly {
		delete(out, "LastEvaluatedKey")
		bag(out["Items"])
		if r, ok := out["Responses"].(object); ok {
			for _, list := range r {
				bag(list)
			}
		}
	}
	if list, ok := out["ConsumedCapacity"].([]any); ok {
		bag(list)
	}
	if m, ok := out["ItemCollectionMetrics"].(object); ok {
		for _, list := range m {
			bag(list)
		}
	}
	return out
}

// bag sorts a list whose order means nothing.
func bag(v any) {
	list, _ := v.([]any)
	slices.SortFunc(list, func(a, b any) int {
		x, _ := encode(a)
		y, _ := encode(b)
		return bytes.Compare(x, y)
	})
}

// canonical gives values that mean the same one form: numbers by their value,
// sets in order.
func canonical(v any) any {
	switch v := v.(type) {
	case object:
		if len(v) == 1 {
			if n, ok := v["N"].(string); ok {
				return object{"N": canonicalNumber(n)}
			}
			for _, t := range []string{"SS", "NS", "BS"} {
				if set, ok := v[t].([]any); ok {
					return object{t: canonicalSet(t, set)}
				}
			}
		}
		out := make(object, len(v))
		for k, e := range v {
			out[k] = canonical(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = canonical(e)
		}
		return out
	case fmt.Stringer: // A number of JSON.
		return canonicalNumber(v.String())
	}
	return v
}

func canonicalSet(t string, set []any) []string {
	var out []string
	for _, e := range set {
		s := fmt.Sprint(e)
		if t == "NS" {
			s = canonicalNumber(s)
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

func canonicalNumber(s string) string {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return s
	}
	return r.RatString()
}

// essentials are the parts of a table's description that both know alike,
// without ids, dates, counts, states and what DynamoDB Local does not have.
func essentials(d object) object {
	out := object{}
	for _, n := range []string{"TableName", "KeySchema", "StreamSpecification", "DeletionProtectionEnabled"} {
		if v, ok := d[n]; ok {
			out[n] = canonical(v)
		}
	}
	if out["DeletionProtectionEnabled"] == false {
		delete(out, "DeletionProtectionEnabled")
	}
	if m, ok := d["BillingModeSummary"].(object); ok && m["BillingMode"] != "PROVISIONED" {
		out["BillingMode"] = m["BillingMode"]
	}
	out["Units"] = canonicalUnits(d)
	if list, ok := d["AttributeDefinitions"].([]any); ok {
		list = slices.Clone(list)
		bag(list)
		out["AttributeDefinitions"] = list
	}
	for _, n := range []string{"LocalSecondaryIndexes", "GlobalSecondaryIndexes"} {
		var list []any
		for _, x := range elements(d, n) {
			e := object{"IndexName": x["IndexName"], "KeySchema": x["KeySchema"], "Units": canonicalUnits(x)}
			if p, ok := x["Projection"].(object); ok {
				p = maps.Clone(p)
				if names, ok := p["NonKeyAttributes"].([]any); ok {
					names = slices.Clone(names)
					bag(names)
					p["NonKeyAttributes"] = names
				}
				e["Projection"] = p
			}
			list = append(list, e)
		}
		bag(list)
		out[n] = list
	}
	return out
}

func canonicalUnits(d object) any {
	p, _ := d["ProvisionedThroughput"].(object)
	return [2]string{fmt.Sprint(p["ReadCapacityUnits"]), fmt.Sprint(p["WriteCapacityUnits"])}
}
