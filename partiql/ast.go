// Package partiql reads statements of PartiQL, in the part of it that DynamoDB
// knows, and lowers them to what the native operations run: keys, expressions,
// and items.
//
// Parse depends on the text alone, so a Statement may be kept and shared. What
// depends on parameters or on a table's key comes after: Plan, Target, Item,
// Update. The texts of errors are DynamoDB Local's where nothing else is said.
package partiql

import (
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
)

// MaxText is the longest statement, in characters (documented).
const MaxText = 8192

// Kind says what a statement does.
type Kind uint8

// The kinds of statements. Exists is a check, and part of transactions alone.
const (
	Select Kind = iota
	Insert
	Update
	Delete
	Exists
)

// Reads reports whether statements of that kind read.
func (k Kind) Reads() bool { return k == Select }

// Statement is a parsed statement. It never changes.
type Statement struct {
	Kind       Kind
	Table      string // As it is written: a name or an ARN.
	Index      string // "" for the table itself.
	Parameters int    // How many the text asks for.
	Columns    []Column
	Returning  Returning

	where     *node
	order     []order
	item      *node
	actions   []action
	refused   error  // What DynamoDB does not take of a SELECT's clauses, source and list.
	fault     error  // What it does not take of the target of an INSERT, UPDATE or DELETE.
	returning error  // What it does not take of RETURNING.
	text      string // In one spelling.
}

// Text returns the statement in one spelling: of two statements that differ in
// blanks, comments and the case of keywords alone it is the same.
func (s *Statement) Text() string { return s.text }

// Column is one element of a SELECT's list, and the name that it has in the
// answer: the path's last name, with the indexes behind it.
type Column struct {
	Path item.Path
	Name string
}

// Returning is what an UPDATE or DELETE answers.
type Returning uint8

// The choices of RETURNING.
const (
	ReturnNothing Returning = iota
	ReturnAllOld
	ReturnModifiedOld
	ReturnAllNew
	ReturnModifiedNew
)

func (r Returning) String() string {
	return [...]string{"", "RETURNING ALL OLD *", "RETURNING MODIFIED OLD *", "RETURNING ALL NEW *", "RETURNING MODIFIED NEW *"}[r]
}

// order is one element of ORDER BY.
type order struct {
	by         *node
	descending bool
}

// action is one assignment of an UPDATE, or one path of a REMOVE.
type action struct {
	path  *node
	value *node // Nil removes.
}

// form says what a node is.
type form uint8

const (
	formLiteral   form = iota // value
	formParameter             // parameter
	formPath                  // path
	formList                  // args
	formBag                   // args
	formTuple                 // args: names and values in turn
	formCall                  // text, in small letters, and args
	formOperator              // op, or text for one that only PartiQL knows, and args
	formMissing
	formIon
	formOther // text, which only PartiQL knows
)

// node is a node of an expression.
type node struct {
	form      form
	op        expr.Op
	text      string
	parameter int
	value     item.Value
	path      item.Path
	args      []*node
	fault     error // Why DynamoDB does not take it where an operand or a condition belongs.
	at        position
}

// isValue reports whether n stands for a value that no item changes.
func (n *node) isValue() bool {
	switch n.form {
	case formLiteral, formParameter, formList, formBag, formTuple:
		return true
	default:
		return false
	}
}

// isCondition reports whether n is true or false, or pretends to be: an operator
// that DynamoDB does not know is told when it is lowered.
func (n *node) isCondition() bool {
	if n.form == formOperator {
		return n.op <= expr.OpContains
	}
	return n.form == formCall && functions[n.text].op <= expr.OpContains && functions[n.text].op != 0
}

// isExpression reports whether n is what DynamoDB takes for an expression: it is
// looked into before what stands around it is held to be one.
func (n *node) isExpression() bool {
	return n.form == formOperator || n.form == formCall || n.form == formOther
}

// is reports whether n is that operator.
func (n *node) is(op expr.Op) bool { return n.form == formOperator && n.op == op }

// function is a function that statements may call. Names are in any case.
type function struct {
	op     expr.Op
	update bool // Of SET alone.
}

var functions = map[string]function{
	"attribute_exists":     {op: expr.OpAttributeExists},
	"attribute_not_exists": {op: expr.OpAttributeNotExists},
	"attribute_type":       {op: expr.OpAttributeType},
	"begins_with":          {op: expr.OpBeginsWith},
	"contains":             {op: expr.OpContains},
	"size":                 {op: expr.OpSize},
	"if_not_exists":        {op: expr.OpIfNotExists, update: true},
	"list_append":          {op: expr.OpListAppend, update: true},
	"set_add":              {update: true},
	"set_delete":           {update: true},
}
