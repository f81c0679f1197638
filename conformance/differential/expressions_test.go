//go:build conformance

package differential

import (
	"fmt"
	"strings"
)

// placeholders are what the expressions of one request stand on; they grow as
// the expressions do.
type placeholders struct {
	g      *generator
	names  object
	values object
}

// name spells an attribute's name: as it is, or by a placeholder.
func (p *placeholders) name(n string) string {
	plain := !strings.ContainsAny(n, ". é") && n != "name" && n != "0"
	if plain && !p.g.often(30) {
		return n
	}
	for k, v := range p.names {
		if v == n {
			return k
		}
	}
	k := fmt.Sprintf("#n%d", len(p.names))
	p.names[k] = n
	return k
}

// value makes a placeholder for v.
func (p *placeholders) value(v any) string {
	k := fmt.Sprintf(":v%d", len(p.values))
	p.values[k] = v
	return k
}

func (p *placeholders) path() string {
	g := p.g
	n := pick(g, names...)
	if g.often(4) {
		n = pick(g, "name", "with.dot", "é", "zz")
	}
	out := p.name(n)
	switch {
	case n == "m" && g.often(60), g.often(4):
		out += "." + p.name(pick(g, "a", "b", "c", "x.y"))
	case n == "l" && g.often(60), g.often(4):
		out += fmt.Sprintf("[%d]", g.IntN(4))
	}
	if g.often(4) {
		out += pick(g, ".a", "[0]", "[1]")
	}
	return out
}

func (p *placeholders) operand() string {
	switch p.g.IntN(20) {
	case 0, 1:
		return "size(" + p.path() + ")"
	case 2, 3, 4, 5, 6, 7, 8, 9:
		return p.path()
	}
	return p.value(p.g.value(1))
}

// condition is a condition or a filter. path makes the paths that it tests.
func (p *placeholders) condition(depth int) string {
	g := p.g
	if depth > 0 {
		switch g.IntN(6) {
		case 0:
			return p.condition(depth-1) + " " + pick(g, "AND", "and", "And") + " " + p.condition(depth-1)
		case 1:
			return p.condition(depth-1) + " " + pick(g, "OR", "or") + " " + p.condition(depth-1)
		case 2:
			return pick(g, "NOT ", "not ") + p.condition(depth-1)
		case 3:
			return "(" + p.condition(depth-1) + ")"
		}
	}
	switch g.IntN(10) {
	case 0:
		return "attribute_exists(" + p.path() + ")"
	case 1:
		return "attribute_not_exists(" + p.path() + ")"
	case 2:
		return "attribute_type(" + p.path() + ", " + p.value(object{"S": pick(g, typeList...)}) + ")"
	case 3:
		return "begins_with(" + p.path() + ", " + p.value(pick(g, object{"S": "a"}, object{"S": ""}, object{"B": "YQ=="})) + ")"
	case 4:
		return "contains(" + p.path() + ", " + p.value(pick(g, object{"S": "a"}, object{"N": "1"}, object{"B": "YQ=="}, g.value(1))) + ")"
	case 5:
		return p.between()
	case 6:
		list := []string{}
		for range 1 + g.IntN(4) {
			list = append(list, p.operand())
		}
		return p.operand() + " IN (" + strings.Join(list, ", ") + ")"
	}
	return p.comparison()
}

// between has bounds of one type, mostly in order.
func (p *placeholders) between() string {
	g := p.g
	if g.often(20) {
		return p.operand() + " BETWEEN " + p.operand() + " AND " + p.operand()
	}
	low, high := object{"N": "0"}, object{"N": pick(g, "1", "10", "0")}
	path := p.name("num")
	if g.often(50) {
		low, high, path = object{"S": "a"}, object{"S": pick(g, "ab", "b", "é")}, p.name("str")
	}
	return path + " BETWEEN " + p.value(low) + " AND " + p.value(high)
}

// comparison mostly compares a path with a value of its usual type.
func (p *placeholders) comparison() string {
	g := p.g
	operator := " " + pick(g, "=", "<>", "<", "<=", ">", ">=") + " "
	if g.often(25) {
		return p.operand() + operator + p.operand()
	}
	n := pick(g, names...)
	if g.often(50) {
		operator = pick(g, " = ", " <> ")
		return p.name(n) + operator + p.value(g.attribute(n))
	}
	n = pick(g, "num", "str", "bin")
	return p.name(n) + operator + p.value(g.keyValue(usual[n][0]))
}

// update is an update expression of one to three clauses.
func (p *placeholders) update() string {
	g := p.g
	clauses := []string{"SET", "REMOVE", "ADD", "DELETE"}
	var out []string
	for _, i := range g.Perm(4)[:1+g.IntN(3)] {
		if i > 1 && g.often(40) {
			continue
		}
		var actions []string
		for range 1 + g.IntN(3) {
			actions = append(actions, p.action(clauses[i]))
		}
		keyword := clauses[i]
		if g.often(10) {
			keyword = strings.ToLower(keyword)
		}
		out = append(out, keyword+" "+strings.Join(actions, ", "))
	}
	if out == nil {
		out = []string{"SET " + p.action("SET")}
	}
	return strings.Join(out, " ")
}

func (p *placeholders) action(clause string) string {
	g := p.g
	switch clause {
	case "REMOVE":
		return p.path()
	case "ADD":
		n := pick(g, "num", "ns", "s", "a", "b", "c")
		v := g.typed(pick(g, "N", "N", "NS", "SS", "BS"), 0)
		if n == "ns" || n == "s" {
			v = g.typed(usual[n][0], 0)
		}
		return p.name(n) + " " + p.value(v)
	case "DELETE":
		n := pick(g, "ns", "s", "c", "b")
		v := g.typed(pick(g, "NS", "SS", "BS"), 0)
		if n == "ns" || n == "s" {
			v = g.typed(usual[n][0], 0)
		}
		return p.name(n) + " " + p.value(v)
	}
	if g.often(60) {
		n := pick(g, names...)
		return p.name(n) + " = " + p.value(g.attribute(n))
	}
	return p.path() + " = " + p.result()
}

// result is the right side of a SET.
func (p *placeholders) result() string {
	g := p.g
	switch g.IntN(8) {
	case 0:
		return p.path()
	case 1:
		return p.name("num") + pick(g, " + ", " - ") + p.value(object{"N": g.number()})
	case 2:
		return p.value(object{"N": g.number()}) + pick(g, " + ", " - ", "+") + p.path()
	case 3:
		return "if_not_exists(" + p.path() + ", " + p.value(g.value(1)) + ")"
	case 4:
		return "list_append(" + p.name("l") + ", " + p.value(g.typed("L", 1)) + ")"
	case 5:
		return "list_append(if_not_exists(" + p.path() + ", " + p.value(object{"L": []any{}}) + "), " + p.value(g.typed("L", 1)) + ")"
	case 6:
		return "if_not_exists(" + p.name("num") + ", " + p.value(object{"N": "0"}) + ") + " + p.value(object{"N": g.number()})
	}
	return p.value(g.value(2))
}

func (p *placeholders) projection(s *schema) string {
	var out []string
	for range 1 + p.g.IntN(3) {
		if p.g.often(25) {
			out = append(out, p.name(pick(p.g, s.keys()...).name))
			continue
		}
		out = append(out, p.path())
	}
	return strings.Join(out, pick(p.g, ", ", ",", " , "))
}

// keyCondition is one for a key of one or two attributes.
func (p *placeholders) keyCondition(keys []attribute) string {
	g := p.g
	hash := p.name(keys[0].name) + " = " + p.value(g.keyValue(keys[0].typ))
	if len(keys) == 1 || g.often(40) {
		return hash
	}
	n, v := p.name(keys[1].name), g.keyValue(keys[1].typ)
	var sort string
	switch g.IntN(8) {
	case 0:
		low, high := v, g.keyValue(keys[1].typ)
		if keys[1].typ == "N" {
			low, high = object{"N": "-1"}, object{"N": "2"}
		}
		sort = n + " BETWEEN " + p.value(low) + " AND " + p.value(high)
	case 1:
		if keys[1].typ != "N" {
			sort = "begins_with(" + n + ", " + p.value(pick(g, v, object{keys[1].typ: "YQ=="})) + ")"
			break
		}
		fallthrough
	default:
		sort = n + " " + pick(g, "=", "<", "<=", ">", ">=") + " " + p.value(v)
	}
	switch g.IntN(6) {
	case 0:
		return sort + " AND " + hash
	case 1:
		return "(" + hash + ") and (" + sort + ")"
	}
	return hash + " AND " + sort
}

// attach puts expressions and what they use into a request.
func (p *placeholders) attach(request object) {
	if len(p.names) > 0 {
		request["ExpressionAttributeNames"] = p.names
	}
	if len(p.values) > 0 {
		request["ExpressionAttributeValues"] = p.values
	}
}

func (g *generator) placeholders() *placeholders {
	return &placeholders{g: g, names: object{}, values: object{}}
}
