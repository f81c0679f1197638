package partiql

import (
	"strconv"
	"strings"

	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
)

// The grammar of expressions, from the loosest to the tightest: OR, AND, NOT,
// comparisons, sums, products, signs, and what stands alone. What DynamoDB does
// not take is read all the same, so that the error can say what it is.

func (p *parser) expression() (*node, error) { return p.chain(expr.OpOr, "OR", p.conjunction) }

func (p *parser) conjunction() (*node, error) { return p.chain(expr.OpAnd, "AND", p.negation) }

// chain reads operands that one word joins.
func (p *parser) chain(op expr.Op, word string, operand func() (*node, error)) (*node, error) {
	first, err := operand()
	if err != nil || !p.now().is(word) {
		return first, err
	}
	n := &node{form: formOperator, op: op, args: []*node{first}, at: p.now().at}
	for p.take(word) {
		next, err := p.right(operand)
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, next)
	}
	return n, nil
}

// right reads the right side of an operator.
func (p *parser) right(operand func() (*node, error)) (*node, error) {
	if p.now().kind == kindEnd {
		return nil, errMalformed(noRightSide)
	}
	return operand()
}

func (p *parser) negation() (*node, error) {
	at := p.now().at
	if !p.take("NOT") {
		return p.comparison()
	}
	n, err := p.negation()
	return not(n, at), err
}

func not(n *node, at position) *node {
	return &node{form: formOperator, op: expr.OpNot, args: []*node{n}, at: at}
}

func comparator(t *token) expr.Op {
	if t.kind != kindSymbol {
		return 0
	}
	switch t.text {
	case "=":
		return expr.OpEQ
	case "<>", "!=":
		return expr.OpNE
	case "<":
		return expr.OpLT
	case "<=":
		return expr.OpLE
	case ">":
		return expr.OpGT
	case ">=":
		return expr.OpGE
	}
	return 0
}

func (p *parser) comparison() (*node, error) {
	left, err := p.sum()
	for err == nil {
		t := p.now()
		if op := comparator(t); op != 0 {
			p.at++
			var right *node
			right, err = p.right(p.sum)
			left = &node{form: formOperator, op: op, args: []*node{left, right}, at: t.at}
			continue
		}
		negated := t.is("NOT") && (p.peek(1).is("BETWEEN") || p.peek(1).is("IN") || p.peek(1).is("LIKE"))
		if negated {
			p.at++
		}
		var n *node
		switch {
		case p.take("BETWEEN"):
			n, err = p.between(left)
		case p.take("IN"):
			n, err = p.in(left)
		case p.take("IS"):
			n, err = p.isType(left, t.at)
		case p.take("LIKE"):
			n, err = p.right(p.sum)
			n = &node{form: formOperator, text: "like", args: []*node{left, n}}
		default:
			return left, nil
		}
		if n == nil || err != nil {
			return nil, err
		}
		n.at = t.at
		if left = n; negated {
			left = not(n, t.at)
		}
	}
	return nil, err
}

func (p *parser) between(left *node) (*node, error) {
	low, err := p.right(p.sum)
	if err != nil {
		return nil, err
	}
	if err := p.need("AND"); err != nil {
		return nil, err
	}
	if p.now().kind == kindEnd {
		return nil, errMalformed(noUpperBound)
	}
	high, err := p.sum()
	return &node{form: formOperator, op: expr.OpBetween, args: []*node{left, low, high}}, err
}

// in reads the list of an IN, in brackets of any kind.
func (p *parser) in(left *node) (*node, error) {
	n := &node{form: formOperator, op: expr.OpIn, args: []*node{left}}
	var closing string
	for _, pair := range [...][2]string{{"(", ")"}, {"[", "]"}, {"<<", ">>"}} {
		if p.take(pair[0]) {
			closing = pair[1]
			break
		}
	}
	if closing == "" {
		n.fault = errIn
		_, err := p.right(p.sum)
		return n, err
	}
	if closing == ")" && p.now().is("SELECT") {
		n.fault = errIn
	}
	if closing != ")" && p.take(closing) {
		n.fault = errIn
		return n, nil
	}
	args, err := p.list(closing)
	n.args = append(n.args, args...)
	return n, err
}

// attributeTypes are the types that IS takes, and what attribute_type calls them.
var attributeTypes = map[string]string{
	"BOOLEAN": "BOOL", "BOOL": "BOOL", "BLOB": "B", "STRING": "S", "NUMERIC": "N",
	"STRUCT": "M", "TUPLE": "M", "LIST": "L",
}

// otherTypes are the types that PartiQL knows and IS does not take, and how they
// are called.
var otherTypes = map[string]string{
	"SMALLINT": "SMALLINT", "INT": "INTEGER", "INTEGER": "INTEGER", "FLOAT": "FLOAT", "REAL": "REAL",
	"DECIMAL": "DECIMAL", "DEC": "DECIMAL", "TIMESTAMP": "TIMESTAMP", "DATE": "DATE", "TIME": "TIME",
	"CHAR": "CHARACTER", "CHARACTER": "CHARACTER", "VARCHAR": "CHARACTER_VARYING", "SYMBOL": "SYMBOL",
	"CLOB": "CLOB", "SEXP": "SEXP", "BAG": "BAG",
}

// isType reads what follows IS, which stands at at.
func (p *parser) isType(left *node, at position) (*node, error) {
	negated := p.take("NOT")
	t := p.now()
	name, known := attributeTypes[t.text]
	other, unsupported := otherTypes[t.text]
	switch {
	case t.kind != kindKeyword || !known && !unsupported && !t.is("MISSING") && !t.is("NULL"):
		return nil, errMalformed(noTypeName)
	}
	p.at++
	n := &node{form: formOperator, text: "is", args: []*node{left}, at: at}
	switch {
	case unsupported:
		n.fault = errAt(at, "Unsupported data type for IS operator: %s. Supported data types are [MISSING, NULL, BOOLEAN, BLOB, STRING, NUMERIC, STRUCT, TUPLE, LIST]", other)
		return n, p.typeArguments()
	case left.form != formPath && left.form != formLiteral && left.form != formParameter:
		n.fault = errIs
	case known:
		n.form, n.text = formCall, "attribute_type"
		n.args = append(n.args, &node{value: item.S(name), at: at})
		if negated {
			n = not(n, at)
		}
	case t.is("MISSING"):
		if n.op = expr.OpAttributeNotExists; negated {
			n.op = expr.OpAttributeExists
		}
	default:
		n.args = append(n.args, &node{value: item.AppendNull(nil), at: at})
		if n.op = expr.OpEQ; negated {
			n.op = expr.OpNE
		}
	}
	return n, nil
}

// typeArguments goes past the lengths in parentheses of a type.
func (p *parser) typeArguments() error {
	if !p.take("(") {
		return nil
	}
	_, err := p.list(")")
	return err
}

func (p *parser) sum() (*node, error) { return p.infix(p.product, "+", "-", "||") }

func (p *parser) product() (*node, error) { return p.infix(p.sign, "*", "/", "%") }

// infix reads operands that operators of one precedence join.
func (p *parser) infix(operand func() (*node, error), operators ...string) (*node, error) {
	left, err := operand()
next:
	for err == nil {
		for _, o := range operators {
			at := p.now().at
			if !p.take(o) {
				continue
			}
			var right *node
			right, err = p.right(operand)
			left = &node{form: formOperator, text: o, args: []*node{left, right}, at: at}
			switch o {
			case "+":
				left.op = expr.OpPlus
			case "-":
				left.op = expr.OpMinus
			}
			continue next
		}
		return left, nil
	}
	return nil, err
}

// sign reads a number with a sign, or what stands alone.
func (p *parser) sign() (*node, error) {
	t := p.now()
	if !t.is("-") && !t.is("+") {
		return p.operand()
	}
	p.at++
	if next := p.now(); next.kind == kindNumber {
		p.at++
		return number(t.text+next.text, next.at), nil
	}
	n, err := p.sign()
	if err != nil {
		return nil, err
	}
	if n.form == formLiteral && n.value.Type() == item.TypeN {
		return signed(n, t.text), nil
	}
	op := expr.OpMinus
	if t.text == "+" {
		op = expr.OpPlus
	}
	return &node{form: formOperator, op: op, text: t.text, args: []*node{n}, at: t.at}, nil
}

// signed is a number behind one more sign.
func signed(n *node, sign string) *node {
	text := n.value.Number().String()
	if sign == "-" {
		if rest, negative := strings.CutPrefix(text, "-"); negative {
			text = rest
		} else {
			text = "-" + text
		}
	}
	return number(text, n.at)
}

func number(text string, at position) *node {
	v, err := item.N(text)
	if err != nil {
		v = item.AppendNull(nil)
	}
	return &node{value: v, fault: err, at: at}
}

// operand reads what stands alone.
func (p *parser) operand() (*node, error) {
	switch t := p.now(); t.kind {
	case kindName:
		if p.peek(1).is("(") {
			return p.call()
		}
		return p.path()
	case kindQuoted:
		return p.path()
	case kindString:
		p.at++
		return &node{value: item.S(t.text), at: t.at}, nil
	case kindNumber:
		p.at++
		return number(t.text, t.at), nil
	case kindParameter:
		p.at++
		p.parameters++
		return &node{form: formParameter, parameter: p.parameters - 1, at: t.at}, nil
	case kindIon:
		p.at++
		return &node{form: formIon, at: t.at}, nil
	case kindKeyword:
		return p.keyword()
	case kindSymbol:
		return p.bracket()
	default:
		return nil, p.unexpected()
	}
}

// keyword reads an operand that is a reserved word.
func (p *parser) keyword() (*node, error) {
	t := p.read()
	switch t.text {
	case "TRUE", "FALSE":
		return &node{value: item.AppendBool(nil, t.text == "TRUE"), at: t.at}, nil
	case "NULL":
		return &node{value: item.AppendNull(nil), at: t.at}, nil
	case "MISSING":
		return &node{form: formMissing, at: t.at}, nil
	case "CASE":
		return p.caseOf(t)
	case "CAST":
		return p.cast()
	case "SELECT":
		return p.subquery(t)
	case "FROM":
		return nil, p.fromWithout()
	}
	p.at--
	if !p.peek(1).is("(") {
		return nil, p.unexpected()
	}
	return p.call()
}

// fromWithout says what is wrong with a FROM where an operand belongs: it begins
// a manipulation, and there is none.
func (p *parser) fromWithout() error {
	if _, err := p.expression(); err != nil {
		return err
	}
	return errMalformed(noManipulation)
}

// bracket reads what brackets enclose.
func (p *parser) bracket() (*node, error) {
	t := p.read()
	n := &node{at: t.at}
	var closing string
	switch t.text {
	case "(":
		inner, err := p.expression()
		if err != nil {
			return nil, err
		}
		if p.take(",") { // A list in other words.
			rest, err := p.list(")")
			n.form, n.args = formList, append([]*node{inner}, rest...)
			return n, err
		}
		return inner, p.need(")")
	case "[":
		n.form, closing = formList, "]"
	case "<<":
		n.form, closing = formBag, ">>"
	case "{":
		n.form, closing = formTuple, "}"
	default:
		p.at--
		return nil, p.unexpected()
	}
	if p.depth++; p.depth > item.MaxDepth {
		return nil, errNesting
	}
	defer func() { p.depth-- }()
	if p.take(closing) {
		return n, nil
	}
	var err error
	if n.form == formTuple {
		n.args, err = p.entries()
	} else {
		n.args, err = p.list(closing)
	}
	return n, err
}

// list reads expressions up to the closing bracket.
func (p *parser) list(closing string) ([]*node, error) {
	var out []*node
	for {
		n, err := p.expression()
		if err != nil {
			return nil, err
		}
		if out = append(out, n); p.take(",") {
			continue
		}
		return out, p.need(closing)
	}
}

// entries reads the names and values of a tuple.
func (p *parser) entries() ([]*node, error) {
	var out []*node
	for {
		name, err := p.expression()
		if err != nil {
			return nil, err
		}
		if err := p.need(":"); err != nil {
			return nil, err
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		if out = append(out, name, value); p.take(",") {
			continue
		}
		return out, p.need("}")
	}
}

// other is what DynamoDB does not take where an operand or a condition belongs.
func other(text string, at position) *node {
	return &node{form: formOther, text: text, fault: errToken(text, at), at: at}
}

func errToken(text string, at position) error {
	return errAt(at, "Unsupported token in expression: %s", text)
}

// caseOf reads a CASE, whose first word is t.
func (p *parser) caseOf(t *token) (*node, error) {
	if !p.now().is("WHEN") {
		if _, err := p.expression(); err != nil {
			return nil, err
		}
	}
	for first := true; first || p.now().is("WHEN"); first = false {
		for _, word := range [...]string{"WHEN", "THEN"} {
			if err := p.need(word); err != nil {
				return nil, err
			}
			if _, err := p.expression(); err != nil {
				return nil, err
			}
		}
	}
	if p.take("ELSE") {
		if _, err := p.expression(); err != nil {
			return nil, err
		}
	}
	return other("CASE", t.at), p.need("END")
}

// cast reads what follows CAST.
func (p *parser) cast() (*node, error) {
	at := p.now().at
	if err := p.need("("); err != nil {
		return nil, err
	}
	if _, err := p.expression(); err != nil {
		return nil, err
	}
	if err := p.need("AS"); err != nil {
		return nil, err
	}
	if p.read().kind != kindKeyword {
		return nil, errMalformed(noTypeName)
	}
	if err := p.typeArguments(); err != nil {
		return nil, err
	}
	return other("cast", at), p.need(")")
}

// subquery reads a SELECT in an operand's place, whose first word is t.
func (p *parser) subquery(t *token) (*node, error) {
	if p.depth++; p.depth > item.MaxDepth {
		return nil, errNesting
	}
	defer func(outer [parts]error) { p.refused, p.depth = outer, p.depth-1 }(p.refused)
	_, err := p.selectStatement()
	return other("SELECT", t.at), err
}

// call reads the call of a function.
func (p *parser) call() (*node, error) {
	t := p.read()
	p.at++ // The parenthesis.
	n := &node{form: formCall, text: strings.ToLower(t.text), at: t.at}
	if n.text == "count" && p.take("*") {
		return n, p.need(")")
	}
	if p.take(")") {
		return n, nil
	}
	var err error
	n.args, err = p.list(")")
	return n, err
}

// unpivot is the text of a path that has a step to all attributes.
const unpivot = "*"

// path reads a document path.
func (p *parser) path() (*node, error) {
	t := p.read()
	if t.kind != kindName && t.kind != kindQuoted {
		return nil, errMalformed(noSimplePath)
	}
	n := &node{form: formPath, path: item.Path{item.Name(t.text)}, at: t.at}
	for {
		if n.fault == nil && n.path[len(n.path)-1] == item.Name("") {
			n.fault = errEmptyName
		}
		switch {
		case p.take("."):
			t := p.read()
			switch {
			case t.is("*"):
				n.text = unpivot
				n.fault = errAt(t.at, "Unpivot path component like a.*.b are not supported")
			case t.kind != kindName && t.kind != kindQuoted:
				return nil, errMalformed(badPathDot)
			}
			n.path = append(n.path, item.Name(t.text))
		case p.take("["):
			if err := p.step(n); err != nil {
				return nil, err
			}
			if err := p.need("]"); err != nil {
				return nil, err
			}
		default:
			return n, nil
		}
	}
}

// simplePath reads the path that an UPDATE changes.
func (p *parser) simplePath() (*node, error) {
	n, err := p.path()
	if err == nil && n.text == unpivot {
		err = errMalformed(badPathDot)
	}
	return n, err
}

// step reads what stands in the brackets of a path.
func (p *parser) step(n *node) error {
	switch t := p.now(); {
	case t.is("*"):
		return errMalformed(badWildcard)
	case t.is("]"), t.kind == kindEnd:
		return errMalformed(unexpectedTerm)
	}
	first := p.now()
	inner, err := p.expression()
	if err != nil {
		return err
	}
	step := item.Index(0)
	switch {
	case inner.form == formLiteral && inner.value.Type() == item.TypeS:
		step = item.Name(string(inner.value.Bytes()))
	case inner.form == formLiteral && inner.value.Type() == item.TypeN:
		text := p.peek(-1).text
		if first.is("-") {
			text = "-" + text
		}
		i, err := strconv.Atoi(text)
		if step = item.Index(i); err != nil || i < 0 || i > expr.MaxListIndex {
			n.refuse(errAt(inner.at, "List index is not within the allowable range; index: [%s]", text))
			step = item.Index(0)
		}
	default:
		n.refuse(errAt(inner.at, "Unexpected path component"))
	}
	n.path = append(n.path, step)
	return nil
}

// refuse keeps the first reason why DynamoDB does not take n.
func (n *node) refuse(err error) {
	if n.fault == nil {
		n.fault = err
	}
}
