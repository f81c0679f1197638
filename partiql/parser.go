package partiql

import (
	"regexp"
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/item"
)

// Parse parses a statement. The error is AWS's. A text that the grammar does not
// know is malformed, whatever else is wrong with it; what DynamoDB does not take of
// the grammar is told by Refusal, and by what lowers the statement.
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
	s.refused = p.refusal()
	return s, nil
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
func (p *parser) checkTable(s *Statement) {
	if !strings.HasPrefix(s.Table, "arn:") && !tableName.MatchString(s.Table) {
		p.refuseTarget(s, errTableName)
	}
}

// part is a part of a SELECT, in the order in which DynamoDB looks at them.
type part uint8

const (
	partClauses part = iota
	partDistinct
	partSource
	partList
	parts
)

// parser goes through the tokens of one statement.
type parser struct {
	tokens     []token
	at         int
	parameters int
	depth      int          // Of lists, maps and sets.
	refused    [parts]error // The first thing of each part that DynamoDB does not take.
}

// refuse keeps what DynamoDB does not take.
func (p *parser) refuse(in part, err error) {
	if p.refused[in] == nil {
		p.refused[in] = err
	}
}

// refuseTarget keeps what DynamoDB does not take of a statement's table or index.
func (p *parser) refuseTarget(s *Statement, err error) {
	if s.Kind == Select {
		p.refuse(partSource, err)
	} else if s.fault == nil {
		s.fault = err
	}
}

// refusal is what is told of what DynamoDB does not take.
func (p *parser) refusal() error {
	for _, err := range p.refused {
		if err != nil {
			return err
		}
	}
	return nil
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
	case t.is("EXISTS") && p.peek(1).is("(") && p.peek(2).is("SELECT"):
		p.at += 3
		return p.exists()
	case p.take("PIVOT"):
		return p.pivot()
	}
	return nil, p.other()
}

// other says what is wrong with a text that begins like no statement: it is read
// as an expression, or as a statement that DynamoDB does not have.
func (p *parser) other() error {
	t := p.now()
	if t.is("SET") || t.is("REMOVE") {
		p.at++
		if _, err := p.simplePath(); err != nil {
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
			return errOperation(o.name)
		}
	}
	if t.is("EXEC") && p.peek(1).kind != kindEnd {
		return errOperation("Exec")
	}
	n, err := p.expression()
	if err == nil {
		err = p.end()
	}
	switch {
	case err != nil:
		return err
	case n.form == formPath && len(n.path) == 1:
		return errOperation("VariableReference")
	case n.form == formLiteral:
		return errOperation("Literal")
	case n.form == formList || n.form == formBag:
		return errOperation("Seq")
	}
	return ErrExistsAlone
}

// ErrExistsAlone is DynamoDB's answer to an EXISTS that is no part of a
// transaction, and to an expression in a statement's place, which it takes for one.
var ErrExistsAlone = aws.Validation("EXISTS can only be used in ExecuteTransaction write requests.")

// exists reads what follows the SELECT of an EXISTS, whose list does not matter.
func (p *parser) exists() (*Statement, error) {
	s, err := p.selectStatement()
	if err != nil {
		return nil, err
	}
	s.Kind, s.Columns = Exists, nil
	p.refused[partDistinct], p.refused[partList] = nil, nil
	return s, p.need(")")
}

func (p *parser) selectStatement() (*Statement, error) {
	s := &Statement{Kind: Select}
	if p.take("DISTINCT") {
		p.refuse(partDistinct, aws.Validation("Unsupported token in expression: DISTINCT"))
	} else {
		p.take("ALL")
	}
	switch {
	case p.take("VALUE"):
		p.refuse(partList, errProjection)
		if _, err := p.expression(); err != nil {
			return nil, err
		}
	case !p.take("*"):
		if err := p.columns(s); err != nil {
			return nil, err
		}
	case p.now().is(","):
		return nil, errMalformed(notAlone)
	}
	return s, p.selectTail(s)
}

// pivot reads a SELECT that makes one tuple of all rows.
func (p *parser) pivot() (*Statement, error) {
	s := &Statement{Kind: Select}
	p.refuse(partList, errProjection)
	if _, err := p.expression(); err != nil {
		return nil, err
	}
	if err := p.need("AT"); err != nil {
		return nil, err
	}
	if _, err := p.expression(); err != nil {
		return nil, err
	}
	return s, p.selectTail(s)
}

// selectTail reads what follows the list of a SELECT. ORDER BY comes before GROUP BY,
// as in DynamoDB Local.
func (p *parser) selectTail(s *Statement) error {
	if !p.take("FROM") {
		return errMalformed(noFrom)
	}
	for _, clause := range [...]func(*Statement) error{p.sources, p.where, p.orderBy, p.groupBy, p.having, p.limit} {
		if err := clause(s); err != nil {
			return err
		}
	}
	return nil
}

// sources reads the source of a SELECT, and those that DynamoDB does not take
// besides.
func (p *parser) sources(s *Statement) error {
	first, err := p.from(s)
	if err != nil {
		return err
	}
	for {
		more, on, err := p.join()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		p.refuse(partSource, errOneSource)
		if _, err := p.from(&Statement{Kind: Select}); err != nil {
			return err
		}
		if !on {
			continue
		}
		if err := p.need("ON"); err != nil {
			return err
		}
		if _, err := p.expression(); err != nil {
			return err
		}
	}
	if first.aliased {
		p.refuse(partSource, errAlias)
	}
	if first.fault != nil {
		p.refuse(partSource, first.fault)
	}
	p.checkTable(s)
	return nil
}

// join goes past what joins another source, if there is one, and whether ON comes
// after that.
func (p *parser) join() (more, on bool, err error) {
	switch {
	case p.take(","):
		return true, false, nil
	case p.take("INNER"):
	case p.take("LEFT"), p.take("RIGHT"), p.take("FULL"):
		p.take("OUTER")
	case p.now().is("CROSS"), p.now().is("JOIN"):
	default:
		return false, false, nil
	}
	cross := p.take("CROSS")
	return true, !cross, p.need("JOIN")
}

// groupBy reads a clause that DynamoDB does not have.
func (p *parser) groupBy(*Statement) error {
	if !p.take("GROUP") {
		return nil
	}
	p.refuse(partClauses, aws.Validation("Unsupported clause: GROUP BY"))
	p.take("PARTIAL")
	if err := p.need("BY"); err != nil {
		return err
	}
	for {
		n, err := p.expression()
		if err != nil {
			return err
		}
		if n.form == formLiteral {
			return errMalformed(groupLiteral)
		}
		if p.take("AS") {
			if _, err := p.name(noAlias); err != nil {
				return err
			}
		}
		if !p.take(",") {
			break
		}
	}
	if !p.take("GROUP") {
		return nil
	}
	if err := p.need("AS"); err != nil {
		return err
	}
	_, err := p.name(noAlias)
	return err
}

func (p *parser) having(*Statement) error { return p.unsupported("HAVING") }

func (p *parser) limit(*Statement) error { return p.unsupported("LIMIT") }

// unsupported reads a clause of one expression that DynamoDB does not have.
func (p *parser) unsupported(word string) error {
	if !p.take(word) {
		return nil
	}
	n, err := p.expression()
	if err == nil {
		p.refuse(partClauses, errAt(n.at, "Unsupported clause: %s", word))
	}
	return err
}

// columns reads the list of a SELECT.
func (p *parser) columns(s *Statement) error {
	for {
		n, err := p.expression()
		if err != nil {
			return err
		}
		aliased, err := p.alias()
		switch {
		case err != nil:
			return err
		case aliased:
			p.refuse(partList, errAlias)
		case n.form != formPath:
			p.refuse(partList, errAt(n.at, "Unexpected path component"))
		case n.text == unpivot:
			p.refuse(partList, errHierarchy)
		case n.fault != nil:
			p.refuse(partList, n.fault)
		default:
			s.Columns = append(s.Columns, Column{n.path, columnName(n.path)})
		}
		if !p.take(",") {
			return nil
		}
	}
}

// alias goes past another name, if there is one.
func (p *parser) alias() (bool, error) {
	if p.take("AS") {
		_, err := p.name(noAlias)
		return true, err
	}
	if k := p.now().kind; k != kindName && k != kindQuoted {
		return false, nil
	}
	p.at++
	return true, nil
}

// columnName is a path's last name, with the indexes behind it.
func columnName(path item.Path) string {
	i := len(path) - 1
	for path[i].Index >= 0 {
		i--
	}
	return path[i:].String()
}

// fromItem is what one source of a SELECT has that DynamoDB does not take.
type fromItem struct {
	aliased bool  // It has other names, which is told first.
	fault   error // It is no table or index.
}

// from reads one source of a SELECT, which may be in parentheses.
func (p *parser) from(s *Statement) (from fromItem, err error) {
	if p.take("UNPIVOT") {
		p.refuse(partSource, errOneSource)
	}
	start := p.at
	switch t := p.now(); {
	case t.is("(") && !p.peek(1).is("SELECT"):
		p.at++
		if from, err = p.from(s); err == nil {
			err = p.need(")")
		}
		if err != nil {
			return from, err
		}
		return from, p.rename(&from)
	case t.kind == kindName, t.kind == kindQuoted, p.take("@"):
		if err := p.source(s); err != nil {
			return from, err
		}
		if !p.goesOn() {
			return from, p.rename(&from)
		}
	}
	p.at = start
	n, err := p.expression()
	switch {
	case err != nil:
		return from, err
	case n.form == formPath && n.text == unpivot:
		from.fault = n.fault
	case n.form == formPath:
		from.fault = aws.Validation("Invalid list expression in source.")
	default:
		from.fault = errSource
	}
	return from, p.rename(&from)
}

// rename goes past the other names of a source, if there are any.
func (p *parser) rename(from *fromItem) error {
	aliased, err := p.aliases()
	from.aliased = from.aliased || aliased
	return err
}

// goesOn reports whether an expression goes on here.
func (p *parser) goesOn() bool {
	t := p.now()
	if t.kind == kindKeyword {
		return t.is("IN") || t.is("IS") || t.is("LIKE") || t.is("BETWEEN") || t.is("AND") || t.is("OR")
	}
	return comparator(t) != 0 || t.kind == kindSymbol && strings.Contains("+-*/%||([.", t.text)
}

// aliases goes past the other names of a source, if there are any.
func (p *parser) aliases() (bool, error) {
	aliased, err := p.alias()
	for _, word := range [...]string{"AT", "BY"} {
		if err == nil && p.take(word) {
			aliased = true
			_, err = p.name(noAlias)
		}
	}
	return aliased, err
}

// source reads the table, and the index, of a statement.
func (p *parser) source(s *Statement) error {
	name, err := p.sourceName(s, noSimplePath)
	if err != nil {
		return err
	}
	s.Table = name
	for n := 1; p.now().is(".") && !p.peek(1).is("*"); n++ {
		p.at++
		if name, err = p.sourceName(s, badPathDot); err != nil {
			return err
		}
		switch {
		case s.Kind == Insert:
			p.refuseTarget(s, errInsertInto)
		case n == 1:
			s.Index = name
		default:
			p.refuseTarget(s, errComponents)
		}
	}
	return nil
}

// sourceName reads a part of the name of a source.
func (p *parser) sourceName(s *Statement, reason string) (string, error) {
	name, err := p.name(reason)
	if err == nil && name == "" {
		p.refuseTarget(s, errEmptyName)
	}
	return name, err
}

// target reads the table of an UPDATE or DELETE.
func (p *parser) target(s *Statement) error {
	if err := p.source(s); err != nil {
		return err
	}
	aliased, err := p.aliases()
	if aliased {
		p.refuseTarget(s, errAlias)
	}
	if s.Index != "" {
		p.refuseTarget(s, errOnIndex)
	}
	p.checkTable(s)
	return err
}

// name reads a name; reason is what is wrong with all else.
func (p *parser) name(reason string) (string, error) {
	t := p.read()
	if t.kind != kindName && t.kind != kindQuoted {
		return "", errMalformed(reason)
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
		n, err := p.expression()
		if err != nil {
			return err
		}
		descending := p.take("DESC")
		if !descending {
			p.take("ASC")
		}
		s.order = append(s.order, order{n, descending})
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
	p.checkTable(s)
	if !p.take("VALUE") {
		return nil, p.insertOther()
	}
	var err error
	if s.item, err = p.expression(); err != nil {
		return nil, err
	}
	if err := p.returningClause(s); err != nil {
		return nil, err
	}
	if s.Returning != ReturnNothing && s.returning == nil {
		s.returning = errInsertThere
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
		err = errOperation("InsertOp")
	}
	return err
}

func (p *parser) update() (*Statement, error) {
	s := &Statement{Kind: Update}
	if err := p.target(s); err != nil {
		return nil, err
	}
	for {
		var err error
		switch {
		case p.take("SET"):
			err = p.assignments(s)
		case p.take("REMOVE"):
			var path *node
			path, err = p.simplePath()
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
		path, err := p.simplePath()
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
	if err := p.target(s); err != nil {
		return nil, err
	}
	if err := p.tail(s); err != nil {
		return nil, err
	}
	if s.Returning > ReturnAllOld && s.returning == nil {
		s.returning = aws.Validation("Invalid returning clause: %s. Only RETURNING ALL OLD * is allowed in DELETE statements.", s.Returning)
	}
	return s, nil
}

// tail reads what an UPDATE or DELETE ends with.
func (p *parser) tail(s *Statement) error {
	if err := p.where(s); err != nil {
		return err
	}
	return p.returningClause(s)
}

func (p *parser) returningClause(s *Statement) error {
	if !p.take("RETURNING") {
		return nil
	}
	for n := 1; ; n++ {
		if err := p.returningElement(s); err != nil {
			return err
		}
		if n == 2 {
			s.returning = errSeveralReturning
		}
		if !p.take(",") {
			return nil
		}
	}
}

func (p *parser) returningElement(s *Statement) error {
	all := p.take("ALL")
	if !all && !p.take("MODIFIED") {
		return errMalformed(noReturning)
	}
	old := p.take("OLD")
	if !old && !p.take("NEW") {
		return errMalformed(noReturning)
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
	if p.take("*") {
		return nil
	}
	s.returning = errReturning
	_, err := p.expression()
	return err
}
