package expr

import (
	"strconv"
	"strings"

	"github.com/hortusdb/hortus/item"
)

// Kind says which parameter of a request an expression is.
type Kind uint8

// The kinds of expression. Condition and Filter share grammar and meaning.
const (
	ConditionKind Kind = iota + 1
	FilterKind
	KeyConditionKind
	ProjectionKind
	UpdateKind
)

// String returns the parameter's name in AWS's API, as error messages use it.
func (k Kind) String() string {
	switch k {
	case ConditionKind:
		return "ConditionExpression"
	case FilterKind:
		return "FilterExpression"
	case KeyConditionKind:
		return "KeyConditionExpression"
	case ProjectionKind:
		return "ProjectionExpression"
	case UpdateKind:
		return "UpdateExpression"
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// Op is what a Node does.
type Op uint8

// The operators, functions and leaves of expressions.
const (
	OpPath  Op = iota + 1 // A document path: Expression.paths[Slot].
	OpValue               // A value: Expression.values[Slot].
	OpAnd
	OpOr
	OpNot
	OpEQ
	OpNE
	OpLT
	OpLE
	OpGT
	OpGE
	OpBetween // Args: operand, lower bound, upper bound.
	OpIn      // Args: operand, then the list.
	OpAttributeExists
	OpAttributeNotExists
	OpAttributeType
	OpBeginsWith
	OpContains
	OpSize
	OpIfNotExists
	OpListAppend
	OpPlus
	OpMinus
	opUnknown // A call of a function that does not exist; never leaves Parse.
)

var opText = [...]string{
	OpPath: "path", OpValue: "value", OpAnd: "AND", OpOr: "OR", OpNot: "NOT",
	OpEQ: "=", OpNE: "<>", OpLT: "<", OpLE: "<=", OpGT: ">", OpGE: ">=",
	OpBetween: "BETWEEN", OpIn: "IN",
	OpAttributeExists: "attribute_exists", OpAttributeNotExists: "attribute_not_exists",
	OpAttributeType: "attribute_type", OpBeginsWith: "begins_with", OpContains: "contains",
	OpSize: "size", OpIfNotExists: "if_not_exists", OpListAppend: "list_append",
	OpPlus: "+", OpMinus: "-", opUnknown: "unknown",
}

// String returns the operator or function as AWS spells it.
func (o Op) String() string {
	if int(o) < len(opText) {
		return opText[o]
	}
	return "Op(" + strconv.Itoa(int(o)) + ")"
}

func (o Op) isFunction() bool { return o >= OpAttributeExists && o <= OpListAppend || o == opUnknown }

// isCondition reports whether o yields true or false.
func (o Op) isCondition() bool { return o >= OpAnd && o <= OpContains }

// operands returns how many operands a function takes.
func (o Op) operands() int {
	switch o {
	case OpAttributeExists, OpAttributeNotExists, OpSize:
		return 1
	default:
		return 2
	}
}

// Node is a node of the tree. Leaves have a Slot, all others Args.
type Node struct {
	Op   Op
	Slot int32
	Args []Node
}

// element is a step of a path as it is written: a name (a placeholder if it
// starts with '#' and isPlaceholder is set) or a list index.
type element struct {
	name          string
	index         int // -1 for a name.
	isPlaceholder bool
}

// pathSlot is a document path. fixed is set if no step is a placeholder.
type pathSlot struct {
	elements []element
	fixed    item.Path
}

// valueSlot is a value: a placeholder, or a literal that a Builder gave.
type valueSlot struct {
	placeholder string
	literal     item.Value
}

// Clause is one of the four sections of an update expression.
type Clause uint8

// The clauses, in AWS's spelling by String.
const (
	ClauseSet Clause = iota + 1
	ClauseRemove
	ClauseAdd
	ClauseDelete
)

// String returns the clause's keyword.
func (c Clause) String() string {
	return [...]string{"", "SET", "REMOVE", "ADD", "DELETE"}[c]
}

// action is one action of an update expression. value is the zero Node for
// REMOVE.
type action struct {
	clause Clause
	path   int32
	value  Node
}

// Expression is a parsed expression. It depends on its text alone and never
// changes, so one may be shared by any number of requests.
type Expression struct {
	kind      Kind
	text      string
	paths     []pathSlot
	values    []valueSlot
	root      Node     // Condition, Filter, KeyCondition.
	project   []int32  // Projection: path slots.
	actions   []action // Update.
	operators int      // As AWS counts them, for the limit.

	// What a Builder says of its expression.
	built    bool
	distinct bool  // No two paths to write or return overlap.
	mismatch error // What Apply returns for an operand of another type; nil for AWS's usual text.
}

// Kind returns the kind that the expression was parsed as.
func (e *Expression) Kind() Kind { return e.kind }

// Text returns the source text, or "" for an expression made by a Builder.
func (e *Expression) Text() string { return e.text }

// String prints the expression in one spelling: keywords in capitals, single
// spaces, and parentheses only where the tree needs them. Parsing what it
// prints gives the same tree, unless a Builder put in literals.
func (e *Expression) String() string {
	var b strings.Builder
	p := printer{e: e, b: &b}
	switch e.kind {
	case ProjectionKind:
		for i, slot := range e.project {
			if i > 0 {
				b.WriteString(", ")
			}
			p.path(slot)
		}
	case UpdateKind:
		p.update()
	default:
		p.node(&e.root, precedenceOr)
	}
	return b.String()
}

const (
	precedenceOr = iota
	precedenceAnd
	precedenceNot
	precedenceOperand
)

func (o Op) precedence() int {
	switch o {
	case OpOr:
		return precedenceOr
	case OpAnd:
		return precedenceAnd
	case OpNot:
		return precedenceNot
	default:
		return precedenceOperand
	}
}

type printer struct {
	e *Expression
	b *strings.Builder
}

// node prints n, in parentheses if it binds more loosely than loosest.
func (p *printer) node(n *Node, loosest int) {
	if n.Op.precedence() < loosest {
		p.b.WriteByte('(')
		defer p.b.WriteByte(')')
	}
	switch n.Op {
	case OpPath:
		p.path(n.Slot)
	case OpValue:
		p.value(n.Slot)
	case OpOr, OpAnd:
		p.list(n.Args, " "+n.Op.String()+" ", n.Op.precedence()+1)
	case OpNot:
		p.b.WriteString("NOT ")
		p.node(&n.Args[0], precedenceNot)
	case OpBetween:
		p.node(&n.Args[0], precedenceOperand)
		p.b.WriteString(" BETWEEN ")
		p.list(n.Args[1:], " AND ", precedenceOperand)
	case OpIn:
		p.node(&n.Args[0], precedenceOperand)
		p.b.WriteString(" IN (")
		p.list(n.Args[1:], ", ", precedenceOperand)
		p.b.WriteByte(')')
	default:
		if !n.Op.isFunction() {
			p.list(n.Args, " "+n.Op.String()+" ", precedenceOperand)
			return
		}
		p.b.WriteString(n.Op.String())
		p.b.WriteByte('(')
		p.list(n.Args, ", ", precedenceOperand)
		p.b.WriteByte(')')
	}
}

func (p *printer) list(nodes []Node, separator string, loosest int) {
	for i := range nodes {
		if i > 0 {
			p.b.WriteString(separator)
		}
		p.node(&nodes[i], loosest)
	}
}

func (p *printer) path(slot int32) {
	for i, s := range p.e.paths[slot].elements {
		switch {
		case s.index >= 0:
			p.b.WriteByte('[')
			p.b.WriteString(strconv.Itoa(s.index))
			p.b.WriteByte(']')
		case i > 0:
			p.b.WriteByte('.')
			p.b.WriteString(s.name)
		default:
			p.b.WriteString(s.name)
		}
	}
}

func (p *printer) value(slot int32) {
	v := &p.e.values[slot]
	if v.literal == nil {
		p.b.WriteString(v.placeholder)
		return
	}
	p.b.Write(item.AppendValueJSON(nil, v.literal))
}

// update prints the actions, a clause's together, in the order in which the
// clauses first appear.
func (p *printer) update() {
	var last Clause
	for i := range p.e.actions {
		a := &p.e.actions[i]
		switch {
		case a.clause == last:
			p.b.WriteString(", ")
		case i > 0:
			p.b.WriteByte(' ')
			fallthrough
		default:
			p.b.WriteString(a.clause.String())
			p.b.WriteByte(' ')
		}
		last = a.clause
		p.path(a.path)
		switch a.clause {
		case ClauseSet:
			p.b.WriteString(" = ")
			p.node(&a.value, precedenceOr)
		case ClauseAdd, ClauseDelete:
			p.b.WriteByte(' ')
			p.node(&a.value, precedenceOr)
		default:
		}
	}
}
