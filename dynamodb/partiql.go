package dynamodb

import (
	"context"
	"errors"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/jsonscan"
	"github.com/hortusdb/hortus/partiql"
	"github.com/hortusdb/hortus/shape"
	"github.com/hortusdb/hortus/table"
)

// Limits of PartiQL (documented).
const (
	maxStatements = 25 // Of a batch.
	maxNextToken  = 32768
)

// statementCache is how many parsed statements are kept.
const statementCache = 1024

// statement is one statement of a request.
type statement struct {
	text            text
	parameters      []item.Value
	hasParameters   bool
	consistent      bool
	returnOnFailure text
	invalid         error // The first parameter that the shapes allow and AWS does not.

	parsed *partiql.Statement
	err    error  // What is wrong with it.
	turn   bool   // A transaction tells err in the statement's turn, and not before all else.
	table  string // Its name.

	projection *expr.Projection // Of a SELECT; nil for all attributes.
	fault      error            // What is wrong with its item alone.
	write      table.Write
}

// statementMember reads a member of a statement.
func (r *request) statementMember(st *statement, name string) error {
	switch name {
	case "Statement":
		return r.text(&st.text)
	case "ConsistentRead":
		return r.bool(&st.consistent)
	case "ReturnValuesOnConditionCheckFailure":
		return r.text(&st.returnOnFailure)
	case "Parameters":
		st.hasParameters = true
		return r.array(func() error {
			start := len(r.buf)
			buf, err := r.values.Value(&r.scan, r.buf)
			if e, ok := err.(*aws.Error); ok && e.Code != "SerializationException" { //nolint:errorlint // As in note.
				if st.invalid == nil {
					st.invalid = e
				}
				buf, err = item.AppendNull(r.buf), nil
			}
			if err != nil {
				return err
			}
			r.buf = buf
			st.parameters = append(st.parameters, buf[start:len(buf):len(buf)])
			return nil
		})
	}
	return serialization(r.scan.Skip())
}

// check checks the constraints of a statement.
func (st *statement) check(v *shape.Violations) {
	v.Required("statement", st.text.ok)
	if st.text.ok {
		v.Length("statement", st.text.s, 1, partiql.MaxText)
	}
	if st.hasParameters {
		v.Count("parameters", len(st.parameters), 1, 0, func() string { return "[]" })
	}
	enum(v, "returnValuesOnConditionCheckFailure", st.returnOnFailure, onFailureSet)
}

// parse parses a statement and names what it needs leave for. What is wrong with
// it is kept for later.
func (a *API) parse(c *api.Call, st *statement) {
	if st.err = st.invalid; st.err != nil {
		return
	}
	if st.parsed, st.err = a.statements.Parse(st.text.s); st.err != nil {
		return
	}
	if st.err = st.parsed.Refusal(st.parameters); st.err != nil {
		st.turn = true
		return
	}
	if st.table, st.err = c.Table(st.parsed.Table); st.err != nil {
		return
	}
	c.Need(partiqlAction(st.parsed.Kind), st.table, st.parsed.Index)
}

// partiqlAction is the IAM action of a kind of statement (documented).
func partiqlAction(k partiql.Kind) string {
	switch k {
	case partiql.Insert:
		return "dynamodb:PartiQLInsert"
	case partiql.Update:
		return "dynamodb:PartiQLUpdate"
	case partiql.Delete:
		return "dynamodb:PartiQLDelete"
	case partiql.Select, partiql.Exists:
	}
	return "dynamodb:PartiQLSelect"
}

func (a *API) decodeExecuteStatement(c *api.Call) error {
	r := a.get(c)
	r.statements = []statement{{}}
	st := &r.statements[0]
	err := r.members(func(name []byte) error {
		switch string(name) {
		case "NextToken":
			return r.text(&r.next)
		case "Limit":
			return r.number(&r.limit)
		case "ReturnConsumedCapacity":
			return r.text(&r.returnConsumed)
		}
		return r.statementMember(st, string(name))
	})
	if err != nil {
		return err
	}
	var v shape.Violations
	st.check(&v)
	if r.next.ok {
		v.Length("nextToken", r.next.s, 1, maxNextToken)
	}
	if r.limit.ok && r.limit.n < 1 {
		v.Range("limit", r.limit.n, 1, 1<<31)
	}
	enum(&v, "returnConsumedCapacity", r.returnConsumed, consumedSet)
	if err := v.Err(); err != nil {
		return err
	}
	a.parse(c, st)
	return st.err
}

// errDuplicateItem is AWS's answer to an INSERT of an item that is there.
var errDuplicateItem = aws.Errorf("DuplicateItemException", "Duplicate primary key exists in table")

func (a *API) executeStatement(ctx context.Context, s *Service, c *api.Call) error {
	r := c.Input.(*request)
	st := &r.statements[0]
	if st.parsed.Kind.Reads() {
		return s.runSelect(ctx, c, r, st)
	}
	if err := s.runStatement(ctx, r, st); err != nil {
		return err
	}
	wrote(c, &st.write)
	c.Out = append(c.Out, `{"Items":[`...)
	if it := st.returned(); it != nil {
		c.Out = item.AppendItemJSON(c.Out, it)
	}
	c.Out = append(c.Out, ']')
	if r.wantsCapacity() {
		u := usage{table: st.parsed.Table}
		u.write(&st.write)
		c.Out = u.append(append(c.Out, `,"ConsumedCapacity":`...), r.returnConsumed.s)
	}
	c.Out = append(c.Out, '}')
	return nil
}

// bind works out what a statement says by itself, without its table: that is
// checked before all else (as DynamoDB Local does).
func (st *statement) bind() (err error) {
	switch st.parsed.Kind {
	case partiql.Select:
		st.projection, err = st.parsed.Projection()
	case partiql.Insert:
		st.write.Item, err = st.parsed.Item(st.parameters)
	case partiql.Update:
		if st.write.Update, err = st.parsed.Update(st.parameters); err != nil {
			err = st.checked(err)
		}
	case partiql.Delete, partiql.Exists:
	}
	return err
}

// checked returns what is wrong with the statement's conditions by themselves, if
// anything, and else err.
func (st *statement) checked(err error) error {
	if own := st.parsed.Check(st.parameters); own != nil {
		return own
	}
	return err
}

// aim finds the table and the item of a statement, and its condition. What is
// wrong with the key alone is st.fault.
func (s *Service) aim(st *statement) (*table.Table, *partiql.Target, error) {
	t, err := s.table(st.table)
	if err != nil {
		return nil, nil, st.checked(err)
	}
	target, err := st.parsed.Target(t.KeySchema(nil), st.parameters)
	if err != nil {
		return nil, nil, st.checked(err)
	}
	if st.fault = target.Fault; st.fault == nil {
		st.write.Key, st.fault = t.RequestKey(target.Key)
	}
	return t, target, nil
}

// lower turns a bound statement that writes, or an EXISTS, into a write. The
// error is of the statement; st.fault is what its item alone is the reason of.
func (s *Service) lower(r *request, st *statement) error {
	w, p := &st.write, st.parsed
	w.KeepIndexes = r.wantsCapacity()
	w.KeepOldOnFailure = st.returnOnFailure.s == "ALL_OLD"
	w.KeepOld = p.Returning == partiql.ReturnAllOld || p.Returning == partiql.ReturnModifiedOld
	if p.Kind == partiql.Insert {
		t, err := s.table(st.table)
		if err != nil {
			return err
		}
		st.fault = st.insert(t)
		return nil
	}
	t, target, err := s.aim(st)
	if err != nil {
		return err
	}
	if err := p.CheckReturning(); err != nil {
		return err
	}
	w.Table, w.Condition = t, target.Condition
	if w.Condition != nil {
		if err := checkScalars(t, w.Condition.Paths()); err != nil {
			return err
		}
	}
	switch p.Kind {
	case partiql.Delete:
		w.Kind = table.Delete
	case partiql.Exists:
		w.Kind = table.Check
		if !target.More {
			return partiql.ErrNoKey
		}
	default:
		w.Kind = table.Update
		if err := checkScalars(t, w.Update.Paths()); err != nil {
			return err
		}
		if st.fault == nil {
			st.fault = w.Update.CheckNoKeys(t.KeySchema(nil))
		}
	}
	return nil
}

// checkIndexes refuses an UPDATE that no index of the table can have. A transaction
// looks there when all its statements are lowered.
func (st *statement) checkIndexes() error {
	if w := &st.write; w.Kind == table.Update {
		return w.Table.CheckIndexUpdate(w.Update)
	}
	return nil
}

// insert makes the write of an INSERT: a put where nothing is.
func (st *statement) insert(t *table.Table) (err error) {
	w := &st.write
	w.Table, w.Kind = t, table.Put
	if err := partiql.CheckItem(w.Item, t.KeySchema(nil)); err != nil {
		return err
	}
	if err := st.parsed.CheckReturning(); err != nil {
		return err
	}
	if w.Item.Size() > table.MaxItemSize {
		return errItemTooLarge
	}
	if w.Key, err = t.ItemKey(w.Item); err != nil {
		return err
	}
	hash, _ := t.HashKey()
	w.Condition = partiql.Absent(hash)
	return checkItem(t, w.Item)
}

// prepare binds and lowers a statement; whatever is wrong is the error.
func (s *Service) prepare(r *request, st *statement) error {
	if err := st.bind(); err != nil {
		return err
	}
	if err := s.lower(r, st); err != nil {
		return err
	}
	if err := st.checkIndexes(); err != nil {
		return err
	}
	return st.fault
}

// runStatement runs one statement that writes.
func (s *Service) runStatement(ctx context.Context, r *request, st *statement) error {
	if st.parsed.Kind == partiql.Exists {
		return partiql.ErrExistsAlone
	}
	if err := s.prepare(r, st); err != nil {
		return err
	}
	return st.failure(s.write(ctx, &st.write))
}

// failure is the answer to a statement whose write ended with err.
func (st *statement) failure(err error) error {
	if st.parsed.Kind == partiql.Insert && errors.Is(err, table.ErrConditionFailed) {
		return duplicate(&st.write)
	}
	return failed(&st.write, err)
}

// duplicate is the error of an INSERT of what is there, with the item where that
// was asked for.
func duplicate(w *table.Write) error {
	if !w.KeepOldOnFailure || w.Old == nil {
		return errDuplicateItem
	}
	e := *errDuplicateItem
	e.Members = []aws.Member{{Name: "Item", JSON: item.AppendItemJSON(nil, w.Old)}}
	return &e
}

// returned is what RETURNING asks for; nil for nothing.
func (st *statement) returned() item.Item {
	w := &st.write
	it := w.New
	switch st.parsed.Returning {
	case partiql.ReturnNothing:
		return nil
	case partiql.ReturnAllOld:
		it = w.Old
	case partiql.ReturnModifiedOld:
		it = item.Project(nil, w.Old, w.Update.Touched())
	case partiql.ReturnAllNew:
	case partiql.ReturnModifiedNew:
		it = item.Project(nil, w.New, w.Update.Touched())
	}
	if it.Len() == 0 {
		return nil
	}
	return it
}

// statementList reads the statements of a batch or transaction, no more than may
// be, and returns how many there are.
func (r *request) statementList(most int) (int, error) {
	n := 0
	err := r.array(func() error {
		if n++; n > most {
			return serialization(r.scan.Skip())
		}
		r.statements = append(r.statements, statement{})
		st := &r.statements[n-1]
		return r.object(func(name string) error { return r.statementMember(st, name) })
	})
	return n, err
}

// decodeStatements decodes a batch or transaction of statements, whose list is
// the member of that name; path is that name as errors have it.
func (a *API) decodeStatements(c *api.Call, member, path string, most int) (*request, error) {
	r := a.get(c)
	given, n := false, 0
	err := r.members(func(name []byte) (err error) {
		switch string(name) {
		case member:
			given = true
			n, err = r.statementList(most)
			return err
		case "ReturnConsumedCapacity":
			return r.text(&r.returnConsumed)
		case "ClientRequestToken":
			return r.text(&r.token)
		}
		return serialization(r.scan.Skip())
	})
	if err != nil {
		return r, err
	}
	var v shape.Violations
	v.Required(path, given)
	if given {
		v.Count(path, n, 1, most, func() string {
			if n == 0 {
				return "[]"
			}
			return "[...]"
		})
	}
	for i := range r.statements {
		v.Enter(path)
		v.EnterIndex(i)
		r.statements[i].check(&v)
		v.Leave()
		v.Leave()
	}
	if r.token.ok && member == "TransactStatements" {
		v.Length("clientRequestToken", r.token.s, 1, maxToken)
	}
	enum(&v, "returnConsumedCapacity", r.returnConsumed, consumedSet)
	return r, v.Err()
}

// appendResponse writes an element of Responses with a member or two.
func appendResponse(dst []byte, it item.Item, name string) []byte {
	dst = append(dst, '{')
	if it != nil {
		dst = item.AppendItemJSON(append(dst, `"Item":`...), it)
	}
	if name != "" {
		dst = jsonscan.AppendString(appendMember(dst, `"TableName":`), name)
	}
	return append(dst, '}')
}
