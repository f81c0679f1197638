//go:build conformance

package differential

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
)

// generator makes requests out of one seed.
type generator struct {
	*rand.Rand
	region string
	start  map[string][]object // Keys that answers of a table or index ended with.
}

func newGenerator(seed uint64, region string) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 0x686f72747573)), region: region, start: map[string][]object{}}
}

// often is true with a chance of percent in a hundred.
func (g *generator) often(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

var (
	texts   = []string{"a", "ab", "abc", "b", "B", "é", "😀x", "a b", "10", "\u0000", "zzzzzzzz"}
	numbers = []string{"0", "1", "2", "10", "-1", "-2.5", "1.50", "3.14159", "1e2", "1E+2", "100", "-0", "007", "0.1", "1000000"}
	edges   = []string{
		"99999999999999999999999999999999999999", "-99999999999999999999999999999999999999",
		"9.9999999999999999999999999999999999999E+125", "-9.9999999999999999999999999999999999999E+125",
		"1E-130", "-1E-130", "0.00000000000000000000000000000000000001", "12345678901234567890.123456789012345678",
		"1E125", "1E-129", "0E500", "100000000000000000000000000000000000000000", "0.0000",
	}
	badNumbers = []string{
		"", "a", "1E126", "-1E126", "1E-131", "123456789012345678901234567890123456789", "1.2.3", "0x10", "NaN", "Infinity", " 1", "1 ", "+1", "1e", ".5", "5.", "--1", "1_0", "1E1000000000000",
	}
	binaries = []string{"a", "b", "ab", "\x00", "\xff\x01", "abc"}
	typeList = []string{"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"}
)

func (g *generator) text() string {
	switch g.IntN(20) {
	case 0:
		return ""
	case 1:
		return strings.Repeat("x", 1+g.IntN(60))
	}
	return pick(g, texts...)
}

func (g *generator) number() string {
	if g.often(8) {
		return pick(g, edges...)
	}
	return pick(g, numbers...)
}

func (g *generator) binary() string {
	if g.often(5) {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(pick(g, binaries...)))
}

// keyValue is a value that a key of that type may have: one of few.
func (g *generator) keyValue(typ string) object {
	switch typ {
	case "S":
		return object{"S": pick(g, "a", "ab", "b", "é")}
	case "N":
		return object{"N": pick(g, "0", "1", "-1", "2.5", "10", "1e1")}
	}
	return object{"B": base64.StdEncoding.EncodeToString([]byte(pick(g, "a", "ab", "\xff", "\x00")))}
}

// value is a valid value of any type.
func (g *generator) value(depth int) object {
	n := len(typeList)
	t := typeList[g.IntN(n)]
	if depth == 0 && (t == "L" || t == "M") {
		t = "N"
	}
	return g.typed(t, depth)
}

// typed is a valid value of one type.
func (g *generator) typed(t string, depth int) object {
	switch t {
	case "S":
		return object{"S": g.text()}
	case "N":
		return object{"N": g.number()}
	case "B":
		return object{"B": g.binary()}
	case "BOOL":
		return object{"BOOL": g.often(50)}
	case "NULL":
		return object{"NULL": true}
	case "L":
		list := []any{}
		for range g.IntN(4) {
			list = append(list, g.value(max(0, depth-1)))
		}
		return object{"L": list}
	case "M":
		m := object{}
		for range g.IntN(4) {
			m[pick(g, "a", "b", "c", "x.y")] = g.value(max(0, depth-1))
		}
		return object{"M": m}
	}
	return object{t: g.set(t)}
}

// set is a set's elements, none of which is there twice.
func (g *generator) set(t string) []any {
	var from []string
	switch t {
	case "SS":
		from = []string{"a", "b", "ab", "é", ""}
	case "NS":
		from = []string{"1", "2", "-1", "2.5", "10"}
	default:
		from = []string{"YQ==", "Yg==", "YWI=", "/w=="}
	}
	out := []any{}
	for _, i := range g.Perm(len(from))[:1+g.IntN(3)] {
		out = append(out, from[i])
	}
	return out
}

// badValue is a value that is not one.
func (g *generator) badValue() any {
	switch g.IntN(12) {
	case 0:
		return object{}
	case 1:
		return object{"S": "a", "N": "1"}
	case 2:
		return object{"NULL": false}
	case 3:
		return object{pick(g, "SS", "NS", "BS"): []any{}}
	case 4:
		return object{"NS": []any{"1", pick(g, "1", "1.0", "a", "")}}
	case 5:
		return object{"SS": []any{"a", "b", "a"}}
	case 6:
		return object{"N": g.text()}
	case 7:
		return pick[any](g, "a", 1, true, nil, []any{}, object{"X": "a"})
	case 8:
		return object{pick(g, typeList...): pick[any](g, "a", 1, 1.5, true, nil, []any{"a"}, []any{1}, object{"a": "b"}, []any{nil})}
	case 9:
		return object{"B": pick(g, "a", "ab=", "!!!!", "YQ", "YR==")}
	case 10:
		deep := object{"N": "1"}
		for range 29 + g.IntN(5) {
			deep = object{pick(g, "L"): []any{deep}}
		}
		return deep
	}
	return object{"N": pick(g, badNumbers...)}
}

// names are the attributes that are not keys of tables.
var names = []string{"a", "b", "c", "m", "l", "s", "ns", "num", "str", "bin"}

// usual are the types that attributes mostly have.
var usual = map[string][]string{
	"num": {"N"}, "str": {"S"}, "bin": {"B"}, "m": {"M"}, "l": {"L"}, "s": {"SS"}, "ns": {"NS"}, "a": {"S", "N"}, "c": {"BOOL", "NULL", "B", "BS"},
}

func (g *generator) attribute(name string) object {
	types := usual[name]
	switch {
	case name == "num" || name == "str" || name == "bin":
		if !g.often(2) {
			return g.keyValue(types[0])
		}
	case types != nil && !g.often(15):
		return g.typed(pick(g, types...), 2)
	}
	return g.value(3)
}

func (g *generator) key(s *schema) object {
	out := object{}
	for _, a := range s.keys() {
		out[a.name] = g.keyValue(a.typ)
	}
	return out
}

func (g *generator) item(s *schema) object {
	out := g.key(s)
	for range g.IntN(7) {
		n := pick(g, names...)
		out[n] = g.attribute(n)
	}
	if g.often(5) {
		out[pick(g, "name", "with.dot", "é", "0")] = g.value(1)
	}
	return out
}
