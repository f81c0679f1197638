package partiql

import (
	"regexp"
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/item"
)

// Parse parses a statement. The error is AWS's.
func Parse(text string) (*Statement, error) {
	list, ok := tokens(text)
	if !ok {
		return nil, errMalformed("") // The reference implementation's lexer says nothing.
	}
	p := parser{tokens: list}
	s, err := p.statement()
	if err != nil {
		return nil, err
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	s.Parameters = p.parameters
	s.text = spell(list)
	return s, checkTable(s)
}

// spell writes tokens in one spelling.
func spell(list []token) string {
	var b strings.Builder
	for i := range list {
		t := &list[i]
		switch t.kind {
		case kindEnd:
			text := strings.TrimSuffix(b.String(), " ")
			return strings.TrimSuffix(text, " ;")
		case kindString:
			b.WriteString("'" + strings.ReplaceAll(t.text, "'", "''") + "'")
		case kindQuoted:
			b.WriteString(`"` + strings.ReplaceAll(t.text, `"`, `""`) + `"`)
		case kindIon:
			b.WriteString("`" + t.text + "`")
		default:
			b.WriteString(t.text)
		}
		b.WriteByte(' ')
	}
	return b.String()
}

var tableName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`)

// checkTable refuses names that no table can have. What is wrong with an ARN is
// for the caller to say.
func checkTable(s *Statement) error {
	if !strings.HasPrefix(s.Table, "arn:") && !tableName.MatchString(s.Table) {
		return errTableName
	}
	return nil
}

// parser goes through the tokens of one statement.
type parser struct {
	tokens     []token
	at         int
	parameters int
	depth      int // Of lists, maps and sets.
}

func (p *parser) now() *token { return &p.tokens[p.at] }

func (p *parser) peek(ahead int) *token { return &p.tokens[min(p.at+ahead, len(p.tokens)-1)] }

// read returns the present token and goes on.
func (p *parser) read() *token {
	t := p.now()
	if t.kind != kindEnd {
		p.at++
	}
	return t
}

// take goes past a reserved word or symbol that is there.
func (p *parser) take(text string) bool {
	if !p.now().is(text) {
		return false
	}
	p.at++
	return true
}

// need goes past a reserved word or symbol that must be there.
func (p *parser) need(text string) error {
	if !p.take(text) {
		return errMalformed(expected(text))
	}
	return nil
}

// end refuses what follows a statement.
func (p *parser) end() error {
	reason := unexpectedAfter
	if p.take(";") {
		reason = unexpectedMore
	}
	if p.now().kind != kindEnd {
		return errMalformed(reason)
	}
	return nil
}

// unexpected says that no operand begins with the present token.
func (p *parser) unexpected() error {
	t := p.now()
	switch {
	case t.kind == kindKeyword:
		switch t.text {
		case "AND", "OR", "IN", "IS", "BETWEEN", "LIKE", "UNION", "EXCEPT", "INTERSECT":
			return errMalformed(unexpectedSign)
		case "AS", "AT", "BY", "ASC", "DESC", "FOR":
			return errMalformed(unexpectedTerm)
		}
		return errMalformed(unexpectedWord)
	case t.kind == kindSymbol && (comparator(t) != 0 || t.is("/") || t.is("%") || t.is("||")):
		return errMalformed(unexpectedSign)
	}
	return errMalformed(unexpectedTerm)
}

func (p *parser) statement() (*Statement, error) {
	switch t := p.now(); {
	case t.is("("):
		p.at++
		s, err := p.statement()
		if err != nil {
			return nil, err
		}
		return s, p.need(")")
	case p.take("SELECT"):
		return p.selectStatement()
	case p.take("INSERT"):
		return p.insert()
	case p.take("UPDATE"):
		return p.update()
	case p.take("DELETE"):
		return p.delete()
	case p.take("EXISTS"):
		return p.exists()
	case t.is("PIVOT"):
		return nil, errProjection
	}
	return nil, p.other()
}

// other says what is wrong with a text that begins like no statement: it is read
// as an expression, or as a statement that DynamoDB does not have.
func (p *parser) other() error {
	const unsupported = "Unsupported operation: %s"
	t := p.now()
	if t.is("SET") || t.is("REMOVE") {
		p.at++
		if _, err := p.path(); err != nil {
			return err
		}
		return errOneSource
	}
	for _, o := range [...]struct{ first, second, name string }{
		{"DROP", "TABLE", "DropTable"},
		{"DROP", "INDEX", "DropIndex"},
		{"CREATE", "TABLE", "CreateTable"},
		{"CREATE", "INDEX", "CreateIndex"},
	} {
		if t.is(o.first) && p.peek(1).is(o.second) && p.peek(2).kind != kindEnd {
			return aws.Validation(unsupported, o.name)
		}
	}
	if t.is("EXEC") && p.peek(1).kind != kindEnd {
		return aws.Validation(unsupported, "Exec")
	}
	n, err := p.expression()
	if err == nil {
		err = p.end()
	}
	switch {
	case err != nil:
		return err
	case n.form == formPath && len(n.path) == 1:
		return aws.Validation(unsupported, "VariableReference")
	case n.form == formLiteral:
		return aws.Validation(unsupported, "Literal")
	case n.form == formList || n.form == formBag:
		return aws.Validation(unsupported, "Seq")
	}
	return ErrExistsAlone
}

// ErrExistsAlone is DynamoDB's answer to an EXISTS that is no part of a
// transaction, and to an expression in a statement's place, which it takes for one.
var ErrExistsAlone = aws.Validation("EXISTS can only be used in ExecuteTransaction write requests.")

func (p *parser) exists() (*Statement, error) {
	if err := p.need("("); err != nil {
		return nil, err
	}
	if err := p.need("SELECT"); err != nil {
		return nil, err
	}
	s, err := p.selectStatement()
	if err != nil {
		return nil, err
	}
	s.Kind = Exists
	return s, p.need(")")
}

func (p *parser) selectStatement() (*Statement, error) {
	s := &Statement{Kind: Select}
	switch t := p.now(); {
	case t.is("DISTINCT"):
		return nil, aws.Validation("Unsupported token in expression: DISTINCT")
	case t.is("VALUE"):
		return nil, errProjection
	}
	switch {
	case !p.take("*"):
		if err := p.columns(s); err != nil {
			return nil, err
		}
	case p.now().is(","):
		return nil, errMalformed(notAlone)
	}
	if !p.take("FROM") {
		return nil, errMalformed(noFrom)
	}
	if err := p.from(s); err != nil {
		return nil, err
	}
	for _, word := range [...]string{",", "CROSS", "INNER", "LEFT", "RIGHT", "FULL", "JOIN"} {
		if p.now().is(word) {
			return nil, errOneSource
		}
	}
	if err := p.where(s); err != nil {
		return nil, err
	}
	if p.now().is("GROUP") {
		return nil, aws.Validation("Unsupported clause: GROUP BY")
	}
	for _, word := range [...]string{"HAVING", "LIMIT"} {
		if p.take(word) {
			return nil, errAt(p.now().at, "Unsupported clause: %s", word)
		}
	}
	return s, p.orderBy(s)
}

// columns reads the list of a SELECT.
func (p *parser) columns(s *Statement) error {
	for {
		t := p.now()
		switch {
		case t.kind == kindName || t.kind == kindQuoted:
		case t.kind == kindKeyword && p.peek(1).is("("), t.kind == kindString, t.kind == kindNumber, t.kind == kindParameter,
			t.is("TRUE"), t.is("FALSE"), t.is("NULL"), t.is("MISSING"):
			return errAt(t.at, "Unexpected path component")
		default:
			if _, err := p.operand(); err != nil {
				return err
			}
			return errAt(t.at, "Unexpected path component")
		}
		path, err := p.path()
		if err != nil {
			return err
		}
		switch t := p.now(); {
		case t.is("("):
			return errAt(p.peek(-1).at, "Unexpected path component")
		case t.is("AS"), t.is("AT"), t.kind == kindName, t.kind == kindQuoted:
			return errAlias
		case t.is("+"), t.is("-"), t.is("/"), t.is("%"), t.is("||"), t.is("*"):
			return errAt(t.at, "Unexpected path component")
		}
		s.Columns = append(s.Columns, Column{path, columnName(path)})
		if !p.take(",") {
			return nil
		}
	}
}

// columnName is a path's last name, with the indexes behind it.
func columnName(path item.Path) string {
	i := len(path) - 1
	for path[i].Index >= 0 {
		i--
	}
	return path[i:].String()
}

// from reads the source of a SELECT, which may be in parentheses.
func (p *parser) from(s *Statement) error {
	if p.take("(") {
		if err := p.from(s); err != nil {
			return err
		}
		return p.need(")")
	}
	switch t := p.now(); t.kind {
	case kindName, kindQuoted:
	case kindString, kindParameter, kindNumber:
		return errSource
	default:
		if !t.is("@") {
			_, err := p.operand()
			if err == nil {
				err = errSource
			}
			return err
		}
	}
	if err := p.source(s); err != nil {
		return err
	}
	if t := p.now(); comparator(t) != 0 || t.kind == kindSymbol && strings.Contains("+-*/%||", t.text) || t.is("IN") {
		return errSource
	}
	return nil
}

// source reads the table, and the index, of a statement.
func (p *parser) source(s *Statement) error {
	p.take("@")
	name, err := p.name(noSimplePath)
	if err != nil {
		return err
	}
	s.Table = name
	if p.take(".") {
		if s.Index, err = p.name(badPathDot); err != nil {
			return err
		}
		if p.now().is(".") {
			return aws.Validation("A path may contain at most 2 components in the FROM clause")
		}
	}
	if t := p.now(); s.Kind != Insert && (t.is("AS") || t.is("AT") || t.is("BY") || t.kind == kindName || t.kind == kindQuoted) {
		return errAlias
	}
	return nil
}

// name reads a name of a table or index; reason is what is wrong with all else.
func (p *parser) name(reason string) (string, error) {
	t := p.read()
	switch {
	case t.kind != kindName && t.kind != kindQuoted:
		return "", errMalformed(reason)
	case t.text == "":
		return "", errEmptyName
	}
	return t.text, nil
}

func (p *parser) where(s *Statement) error {
	if !p.take("WHERE") {
		return nil
	}
	n, err := p.expression()
	s.where = n
	return err
}

func (p *parser) orderBy(s *Statement) error {
	if !p.take("ORDER") {
		return nil
	}
	if err := p.need("BY"); err != nil {
		return err
	}
	for {
		n, err := p.operand()
		if err != nil {
			return err
		}
		const argument = "Argument to ORDER BY must be of type VariableReference. Type: %s"
		switch {
		case n.form != formPath:
			return aws.Validation(argument, "Literal")
		case len(n.path) > 1:
			return aws.Validation(argument, "PATH")
		}
		o := order{name: n.path[0].Name, descending: p.take("DESC")}
		if !o.descending {
			p.take("ASC")
		}
		s.order = append(s.order, o)
		if !p.take(",") {
			return nil
		}
	}
}

func (p *parser) insert() (*Statement, error) {
	s := &Statement{Kind: Insert}
	if !p.take("INTO") {
		return nil, errMalformed(unexpectedWord)
	}
	if err := p.source(s); err != nil {
		return nil, err
	}
	if s.Index != "" {
		return nil, errInsertInto
	}
	if !p.take("VALUE") {
		return nil, p.insertOther()
	}
	n, err := p.operand()
	if err != nil {
		return nil, err
	}
	if n.form != formTuple {
		return nil, errAt(n.at, "Unsupported format in item expression. Please use struct format {...} to express item values for insert statement.")
	}
	if s.item = n; p.now().is("RETURNING") {
		return nil, errInsertThere
	}
	return s, nil
}

// insertOther says what is wrong with an INSERT of other things than one tuple.
func (p *parser) insertOther() error {
	if p.take("VALUES") && !p.now().is("(") {
		return errMalformed(noRow)
	}
	_, err := p.expression()
	if err == nil {
		err = p.end()
	}
	if err == nil {
		err = aws.Validation("Unsupported operation: InsertOp")
	}
	return err
}

func (p *parser) update() (*Statement, error) {
	s := &Statement{Kind: Update}
	if err := p.source(s); err != nil {
		return nil, err
	}
	for {
		var err error
		switch {
		case p.take("SET"):
			err = p.assignments(s)
		case p.take("REMOVE"):
			var path item.Path
			path, err = p.path()
			s.actions = append(s.actions, action{path: path})
		case s.actions == nil:
			return nil, errMalformed(noManipulation)
		default:
			return s, p.tail(s)
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *parser) assignments(s *Statement) error {
	for {
		path, err := p.path()
		if err != nil {
			return err
		}
		if !p.take("=") {
			return errMalformed(noAssignment)
		}
		value, err := p.expression()
		if err != nil {
			return err
		}
		s.actions = append(s.actions, action{path, value})
		if !p.take(",") {
			return nil
		}
	}
}

func (p *parser) delete() (*Statement, error) {
	s := &Statement{Kind: Delete}
	if !p.take("FROM") {
		return nil, errMalformed(noFromDelete)
	}
	if err := p.source(s); err != nil {
		return nil, err
	}
	if err := p.tail(s); err != nil {
		return nil, err
	}
	if s.Returning > ReturnAllOld {
		return nil, aws.Validation("Invalid returning clause: %s. Only RETURNING ALL OLD * is allowed in DELETE statements.", s.Returning)
	}
	return s, nil
}

// tail reads what an UPDATE or DELETE ends with.
func (p *parser) tail(s *Statement) error {
	if err := p.where(s); err != nil {
		return err
	}
	if s.Index != "" {
		return errOnIndex
	}
	if !p.take("RETURNING") {
		return nil
	}
	all := p.take("ALL")
	if !all && !p.take("MODIFIED") {
		return errMalformed(noReturning)
	}
	old := p.take("OLD")
	if !old && !p.take("NEW") {
		return errMalformed(noReturning)
	}
	if !p.take("*") {
		_, err := p.expression()
		if err == nil {
			err = errReturning
		}
		return err
	}
	switch {
	case all && old:
		s.Returning = ReturnAllOld
	case all:
		s.Returning = ReturnAllNew
	case old:
		s.Returning = ReturnModifiedOld
	default:
		s.Returning = ReturnModifiedNew
	}
	return nil
}
