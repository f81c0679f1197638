package expr

import (
	"strconv"

	"github.com/hortusdb/hortus/item"
)

// Parse parses the text of an expression. Errors are AWS's, in AWS's order
// (recorded from DynamoDB Local): length, syntax and redundant parentheses,
// whichever is told first from left to right, then reserved words, list indexes and functions from left to right. What depends
// on placeholders, the count of operators included, is reported by Bind.
func Parse(kind Kind, text string) (*Expression, error) {
	if text == "" {
		return nil, invalid(kind, "The expression can not be empty;")
	}
	if len(text) > MaxTextBytes {
		return nil, invalid(kind, "Expression size has exceeded the maximum allowed size; expression size: %d", len(text))
	}
	p := parser{e: &Expression{kind: kind, text: text}, lex: lexer{text: text}}
	p.tok = p.lex.next()
	p.parse()
	if p.err == nil && p.tok.kind != tokEOF {
		p.unexpected()
	}
	if p.err == nil {
		p.err = p.check()
	}
	if p.err != nil {
		return nil, p.err
	}
	return p.e, nil
}

// parser is a recursive descent parser with one token of lookahead. Its depth
// is bounded by MaxTextBytes. After an error every method returns at once.
type parser struct {
	e    *Expression
	lex  lexer
	prev token // The token before tok; its end is 0 at the start.
	tok  token
	err  error

	grouped bool // The construct parsed last was a pair of parentheses.

	order    []check // From left to right.
	seen     [ClauseDelete + 1]bool
	repeated Clause // The first clause that is there twice, or 0.
}

// check is something that waits until the syntax is known to be right: one of
// word, index and call is set.
type check struct {
	word  string // A name that may be reserved.
	index string // A list index that is out of range.
	call  Op     // A function,
	name  string // as it is written,
	usage usage  // and where it stands.
}

// usage says where a function stands.
type usage uint8

const (
	asCondition usage = iota + 1 // Where true or false is wanted.
	asOperand                    // Operand of a comparator or another function.
	asSetValue                   // The whole right side of a SET.
)

func (p *parser) parse() {
	switch p.e.kind {
	case ProjectionKind:
		p.projection()
	case UpdateKind:
		p.update()
	default:
		p.e.root = p.or(false)
	}
}

func (p *parser) advance() {
	if p.err == nil {
		p.prev = p.tok
		p.tok = p.lex.next()
	}
}

func (p *parser) at(op symbol) bool {
	return p.err == nil && p.tok.op == op
}

func (p *parser) accept(op symbol) bool {
	if !p.at(op) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expect(op symbol) {
	if !p.accept(op) {
		p.unexpected()
	}
}

func (p *parser) tokenText() string { return p.lex.text[p.tok.start:p.tok.end] }

// unexpected reports a syntax error at the current token. AWS quotes the text
// from the token before it to the end of the token after it.
func (p *parser) unexpected() {
	if p.err != nil {
		return
	}
	text := p.lex.text
	word, end := "<EOF>", len(text)
	if p.tok.kind != tokEOF {
		word = p.tokenText()
		if next := p.lex.next(); next.kind != tokEOF {
			end = next.end
		}
	}
	p.err = invalid(p.e.kind, "Syntax error; token: \"%s\", near: \"%s\"", word, text[p.prev.start:end])
}

// or parses a condition. With bare, which says that a parenthesis was just
// opened, an operand alone will do as well.
func (p *parser) or(bare bool) Node {
	return p.chain(OpOr, symOr, bare, func(bare bool) Node {
		return p.chain(OpAnd, symAnd, bare, p.not)
	})
}

func (p *parser) chain(op Op, sym symbol, bare bool, operand func(bool) Node) Node {
	first := operand(bare)
	if !p.at(sym) {
		return first
	}
	n := Node{Op: op, Args: []Node{first}}
	for p.accept(sym) {
		n.Args = append(n.Args, operand(false))
		p.e.operators++
	}
	p.grouped = false
	return n
}

func (p *parser) not(bare bool) Node {
	if !p.accept(symNot) {
		return p.predicate(bare)
	}
	p.e.operators++
	n := Node{Op: OpNot, Args: []Node{p.not(false)}}
	p.grouped = false
	return n
}

// predicate parses a comparison, a call, or a condition in parentheses.
func (p *parser) predicate(bare bool) Node {
	mark := len(p.order)
	var left Node
	if p.at(symOpen) {
		left = p.group(func() Node { return p.or(true) })
		if left.Op.isCondition() && !left.Op.isFunction() {
			return left
		}
	} else {
		left = p.operand(asCondition)
	}
	if p.err != nil {
		return left
	}
	if op := comparator(p.tok.op); op != 0 || p.at(symBetween) || p.at(symIn) {
		p.demote(mark)
		return p.comparison(left, op)
	}
	if left.Op.isFunction() {
		return left
	}
	if !bare || !p.at(symClose) {
		p.unexpected()
	}
	return left
}

// demote notes that the call that was taken for a condition is an operand.
func (p *parser) demote(mark int) {
	for i := mark; i < len(p.order); i++ {
		if p.order[i].usage == asCondition {
			p.order[i].usage = asOperand
		}
	}
}

func comparator(s symbol) Op {
	switch s {
	case symEQ:
		return OpEQ
	case symNE:
		return OpNE
	case symLT:
		return OpLT
	case symLE:
		return OpLE
	case symGT:
		return OpGT
	case symGE:
		return OpGE
	default:
		return 0
	}
}

// comparison parses what follows the left operand; op is 0 for BETWEEN and IN.
func (p *parser) comparison(left Node, op Op) Node {
	p.e.operators++
	n := Node{Op: op, Args: make([]Node, 1, 3)}
	n.Args[0] = left
	switch {
	case p.accept(symBetween):
		n.Op = OpBetween
		n.Args = append(n.Args, p.operand(asOperand))
		p.expect(symAnd)
		n.Args = append(n.Args, p.operand(asOperand))
	case p.accept(symIn):
		n.Op = OpIn
		p.expect(symOpen)
		n.Args = p.operands(n.Args)
	default:
		p.advance()
		n.Args = append(n.Args, p.operand(asOperand))
	}
	p.grouped = false
	return n
}

// operands parses a list up to and with its closing parenthesis.
func (p *parser) operands(nodes []Node) []Node {
	for {
		nodes = append(nodes, p.operand(asOperand))
		if !p.accept(symComma) {
			break
		}
	}
	p.expect(symClose)
	return nodes
}

// group parses a pair of parentheses and what inside parses between them.
func (p *parser) group(inside func() Node) Node {
	p.expect(symOpen)
	n := inside()
	redundant := p.grouped
	p.expect(symClose)
	if redundant && p.err == nil {
		p.err = invalid(p.e.kind, "The expression has redundant parentheses;")
	}
	p.grouped = true
	return n
}

// operand parses a path, a value, a call, or one of them in parentheses.
func (p *parser) operand(use usage) Node {
	switch {
	case p.err != nil:
		return Node{}
	case p.at(symOpen):
		return p.group(func() Node { return p.operand(use) })
	case p.tok.kind == tokValue:
		n := Node{Op: OpValue, Slot: p.valueSlot(p.tokenText())}
		p.advance()
		p.grouped = false
		return n
	case p.tok.kind == tokIdent:
		name := p.tokenText()
		p.advance()
		if p.at(symOpen) {
			return p.call(name, use)
		}
		return p.path(name)
	case p.tok.kind == tokName:
		name := p.tokenText()
		p.advance()
		return p.path(name)
	}
	p.unexpected()
	return Node{}
}

func (p *parser) call(name string, use usage) Node {
	p.e.operators++
	n := Node{Op: function(name)}
	p.order = append(p.order, check{call: n.Op, name: name, usage: use})
	p.expect(symOpen)
	n.Args = p.operands(make([]Node, 0, 2))
	p.grouped = false
	return n
}

func function(name string) Op {
	for op := OpAttributeExists; op <= OpListAppend; op++ {
		if opText[op] == name {
			return op
		}
	}
	return opUnknown
}

// path parses the rest of a document path behind its first name.
func (p *parser) path(first string) Node {
	elements := append(make([]element, 0, 4), p.name(first))
	for p.err == nil {
		switch {
		case p.accept(symDot):
			if p.tok.kind != tokIdent && p.tok.kind != tokName {
				p.unexpected()
				break
			}
			elements = append(elements, p.name(p.tokenText()))
			p.advance()
		case p.accept(symOpenIndex):
			if p.tok.kind != tokInteger {
				p.unexpected()
				break
			}
			elements = append(elements, p.index(p.tokenText()))
			p.advance()
			p.expect(symCloseIndex)
		default:
			p.grouped = false
			return Node{Op: OpPath, Slot: p.e.addPath(elements)}
		}
	}
	return Node{}
}

func (p *parser) name(text string) element {
	s := element{name: text, index: -1, isPlaceholder: text[0] == '#'}
	if !s.isPlaceholder {
		p.order = append(p.order, check{word: text})
	}
	return s
}

func (p *parser) index(text string) element {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > MaxListIndex {
		p.order = append(p.order, check{index: text})
		n = 0
	}
	return element{index: int(n)}
}

// valueSlot returns the slot of a placeholder; all its uses share one.
func (p *parser) valueSlot(placeholder string) int32 {
	for i := range p.e.values {
		if p.e.values[i].placeholder == placeholder {
			return int32(i)
		}
	}
	p.e.values = append(p.e.values, valueSlot{placeholder: placeholder})
	return int32(len(p.e.values) - 1)
}

// addPath adds a path and, if it needs no placeholder, its bound form.
func (e *Expression) addPath(elements []element) int32 {
	slot := pathSlot{elements: elements}
	for _, s := range elements {
		if s.isPlaceholder {
			e.paths = append(e.paths, slot)
			return int32(len(e.paths) - 1)
		}
	}
	slot.fixed = make(item.Path, len(elements))
	for i, s := range elements {
		slot.fixed[i] = item.Step{Name: s.name, Index: s.index}
	}
	e.paths = append(e.paths, slot)
	return int32(len(e.paths) - 1)
}

func (p *parser) projection() {
	for {
		p.e.project = append(p.e.project, p.target())
		if !p.accept(symComma) {
			return
		}
	}
}

// target parses a path alone.
func (p *parser) target() int32 {
	if p.err == nil && p.tok.kind != tokIdent && p.tok.kind != tokName {
		p.unexpected()
	}
	if p.err != nil {
		return 0
	}
	name := p.tokenText()
	p.advance()
	return p.path(name).Slot
}

func (p *parser) update() {
	for p.err == nil {
		clause := clauseOf(p.tok.op)
		if clause == 0 {
			p.unexpected()
			return
		}
		p.advance()
		if p.seen[clause] && p.repeated == 0 {
			p.repeated = clause
		}
		p.seen[clause] = true
		p.actions(clause)
		if p.tok.kind == tokEOF {
			return
		}
	}
}

func clauseOf(s symbol) Clause {
	switch s {
	case symSet:
		return ClauseSet
	case symRemove:
		return ClauseRemove
	case symAdd:
		return ClauseAdd
	case symDelete:
		return ClauseDelete
	default:
		return 0
	}
}

// actions parses the list of one clause.
func (p *parser) actions(clause Clause) {
	for {
		a := action{clause: clause, path: p.target()}
		switch clause {
		case ClauseSet:
			p.expect(symEQ)
			a.value = p.setValue()
		case ClauseAdd, ClauseDelete:
			if p.err == nil && p.tok.kind != tokValue {
				p.unexpected()
			}
			a.value = p.operand(asOperand)
		default:
		}
		p.e.actions = append(p.e.actions, a)
		if !p.accept(symComma) {
			return
		}
	}
}

// setValue parses the right side of a SET: an operand, a sum or a difference
// of two, or one of these in parentheses.
func (p *parser) setValue() Node {
	mark := len(p.order)
	var left Node
	if p.at(symOpen) {
		left = p.group(p.setValue)
		if left.Op == OpPlus || left.Op == OpMinus {
			return left
		}
	} else {
		left = p.operand(asSetValue)
	}
	n := Node{Op: OpPlus}
	switch {
	case p.accept(symPlus):
	case p.accept(symMinus):
		n.Op = OpMinus
	default:
		return left
	}
	for i := mark; i < len(p.order); i++ {
		p.order[i].usage = asOperand
	}
	p.e.operators++
	n.Args = []Node{left, p.operand(asOperand)}
	p.grouped = false
	return n
}

// check reports the first fault that is no fault of syntax.
func (p *parser) check() error {
	for _, c := range p.order {
		switch {
		case c.word != "":
			if Reserved(c.word) {
				return invalid(p.e.kind, "Attribute name is a reserved keyword; reserved keyword: %s", c.word)
			}
		case c.index != "":
			return invalid(p.e.kind, "List index is not within the allowable range; index: [%s]", c.index)
		default:
			if err := p.checkCall(c); err != nil {
				return err
			}
		}
	}
	if p.repeated != 0 {
		return invalid(p.e.kind, "The \"%s\" section can only be used once in an update expression;", p.repeated)
	}
	return nil
}

func (p *parser) checkCall(c check) error {
	isUpdateFunction := c.call == OpIfNotExists || c.call == OpListAppend
	switch {
	case c.call == opUnknown:
		return invalid(p.e.kind, "Invalid function name; function: %s", c.name)
	case p.e.kind == UpdateKind && !isUpdateFunction:
		return invalid(p.e.kind, "The function is not allowed in an update expression; function: %s", c.call)
	case p.e.kind != UpdateKind && isUpdateFunction:
		return invalid(p.e.kind, "The function is not allowed in a condition expression; function: %s", c.call)
	case c.call == OpListAppend && c.usage == asOperand,
		c.call == OpSize && c.usage == asCondition,
		c.call.isCondition() && c.usage == asOperand:
		return errFunctionUse(p.e.kind, c.call)
	}
	return nil
}
