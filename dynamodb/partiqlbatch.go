package dynamodb

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/jsonscan"
	"github.com/hortusdb/hortus/partiql"
	"github.com/hortusdb/hortus/table"
)

func (a *API) partiqlOperations() []*Operation {
	return []*Operation{
		{Name: "ExecuteStatement", Decode: a.decodeExecuteStatement, Run: a.executeStatement},
		{Name: "BatchExecuteStatement", Decode: a.decodeBatchExecuteStatement, Run: a.batchExecuteStatement},
		{Name: "ExecuteTransaction", Decode: a.decodeExecuteTransaction, Run: a.executeTransaction},
	}
}

func (a *API) decodeBatchExecuteStatement(c *api.Call) error {
	r, err := a.decodeStatements(c, "Statements", "statements", maxStatements)
	if err != nil {
		return err
	}
	for i := range r.statements {
		owner := c.Owner
		st := &r.statements[i]
		if a.parse(c, st); len(c.Needs) > 1 && c.Owner != owner {
			return errOwners
		}
		if e, ok := errors.AsType[*aws.Error](st.err); ok && strings.HasPrefix(e.Message, partiql.UnsupportedOperation) {
			st.err = errBatchOperation
		}
	}
	return nil
}

// Errors of batches and transactions (as DynamoDB Local says them, but for a
// SELECT of no whole key in a batch, which the live service words otherwise).
var (
	errMixedBatch      = aws.Validation("Read and write requests together in the same batch is not supported.")
	errSingleSelect    = aws.Validation("Select statements within BatchExecuteStatement must specify the primary key in the where clause.")
	errBatchOperation  = aws.Validation("Invalid operation. Only select, insert, update and delete operations are valid")
	errBatchDuplicates = aws.Validation("Provided list of item keys contains duplicates")
	errMixedStatements = aws.Validation("ExecuteTransaction API does not support both read and write operations in the same request.")
)

// mixed reports whether some of the statements read and some write.
func (r *request) mixed() bool {
	reads, writes := false, false
	for i := range r.statements {
		if p := r.statements[i].parsed; p != nil {
			reads, writes = reads || p.Kind.Reads(), writes || !p.Kind.Reads()
		}
	}
	return reads && writes
}

// lookup turns a bound SELECT of one whole key into a lookup.
func (s *Service) lookup(st *statement) (table.Lookup, error) {
	if st.parsed.Index != "" {
		return table.Lookup{}, st.checked(partiql.ErrNoKey)
	}
	t, target, err := s.aim(st)
	switch {
	case err != nil:
		return table.Lookup{}, err
	case target.More:
		return table.Lookup{}, partiql.ErrNoKey
	case st.projection != nil:
		err = checkScalars(t, st.projection.Paths())
	}
	return table.Lookup{Table: t, Key: st.write.Key, Consistent: st.consistent}, err
}

// reading is a batch or transaction of SELECTs.
type reading struct {
	lookups    []table.Lookup
	owner      []int // By lookup: which statement it is of.
	selections []*selection
}

// add adds what a statement reads.
func (rd *reading) add(i int, st *statement, l table.Lookup) {
	sel := &selection{columns: st.parsed.Columns, simple: true}
	sel.projection = st.projection
	for _, c := range sel.columns {
		sel.simple = sel.simple && len(c.Path) == 1
	}
	rd.lookups, rd.owner = append(rd.lookups, l), append(rd.owner, i)
	rd.selections = append(rd.selections, sel)
}

func (a *API) batchExecuteStatement(ctx context.Context, s *Service, c *api.Call) error {
	r := c.Input.(*request)
	if r.mixed() {
		return errMixedBatch
	}
	reads := false
	for i := range r.statements {
		reads = reads || r.statements[i].parsed != nil && r.statements[i].parsed.Kind.Reads()
	}
	answers := make([][]byte, len(r.statements))
	usages := newUsages(r)
	var err error
	if reads {
		err = s.batchSelect(ctx, r, answers, usages)
	} else {
		err = s.batchStatements(ctx, c, r, answers, usages)
	}
	if err != nil {
		return err
	}
	c.Out = append(c.Out, `{"Responses":[`...)
	for i := range r.statements {
		if i > 0 {
			c.Out = append(c.Out, ',')
		}
		if st := &r.statements[i]; st.err != nil {
			c.Out = appendStatementError(c.Out, st)
		} else {
			c.Out = append(c.Out, answers[i]...)
		}
	}
	c.Out = append(c.Out, ']')
	if r.wantsCapacity() {
		c.Out = appendUsages(c.Out, consumed(usages.list), r.returnConsumed.s)
	}
	c.Out = append(c.Out, '}')
	return nil
}

// statementUsages gathers what the statements of a call consumed, by table.
type statementUsages struct {
	list  []usage
	owner []int // By statement.
}

func newUsages(r *request) *statementUsages {
	u := &statementUsages{owner: make([]int, len(r.statements))}
	index := map[string]int{}
	for i := range r.statements {
		st := &r.statements[i]
		if st.table == "" {
			continue
		}
		n, ok := index[st.table]
		if !ok {
			n = len(u.list)
			index[st.table], u.list = n, append(u.list, usage{table: st.parsed.Table})
		}
		u.owner[i] = n
	}
	return u
}

func (u *statementUsages) of(i int) *usage { return &u.list[u.owner[i]] }

// batchSelect runs a batch of SELECTs.
func (s *Service) batchSelect(ctx context.Context, r *request, answers [][]byte, usages *statementUsages) error {
	var rd reading
	seen := map[string]bool{}
	for i := range r.statements {
		st := &r.statements[i]
		if st.err != nil {
			continue
		}
		var l table.Lookup
		err := st.bind()
		if err == nil {
			l, err = s.lookup(st)
		}
		if errors.Is(err, partiql.ErrNoKey) {
			err = errSingleSelect
		}
		if err == nil {
			err = st.fault
		}
		if err != nil {
			if st.err = err; !isContract(err) {
				return err
			}
			continue
		}
		key := itemName(l.Table, l.Key)
		if seen[key] {
			return errBatchDuplicates
		}
		seen[key] = true
		rd.add(i, st, l)
	}
	refused, err := s.getMany(ctx, rd.lookups, func(n int, it item.Item) error {
		i := rd.owner[n]
		usages.of(i).units += readUnits(it.Size(), rd.lookups[n].Consistent)
		if it != nil {
			it = rd.selections[n].row(r, it)
		}
		answers[i] = appendResponse(nil, it, r.statements[i].table)
		return nil
	})
	for _, f := range refused {
		r.statements[rd.owner[f.at]].err = f.err
	}
	return err
}

// itemName tells items apart.
func itemName(t *table.Table, k table.Key) string {
	return t.Def.Name + "\x00" + string(k.Hash) + string(k.Range)
}

func isContract(err error) bool {
	_, ok := errors.AsType[*aws.Error](err)
	return ok
}

// batchStatements runs a batch of statements that write, each its own.
func (s *Service) batchStatements(ctx context.Context, c *api.Call, r *request, answers [][]byte, usages *statementUsages) error {
	seen := map[string]bool{}
	for i := range r.statements {
		st := &r.statements[i]
		if st.err == nil && st.parsed.Kind == partiql.Exists {
			st.err = partiql.ErrExistsAlone
		}
		if st.err != nil {
			continue
		}
		if st.err = s.prepare(r, st); st.err != nil {
			if !isContract(st.err) {
				return st.err
			}
			continue
		}
		key := itemName(st.write.Table, st.write.Key)
		if seen[key] {
			return errBatchDuplicates
		}
		seen[key] = true
	}
	for i := range r.statements {
		st := &r.statements[i]
		if st.err != nil {
			continue
		}
		err := s.write(ctx, &st.write)
		if errors.Is(err, table.ErrConditionFailed) {
			usages.of(i).failed(&st.write)
		}
		if st.err = st.failure(err); st.err != nil {
			if !isContract(st.err) {
				return st.err
			}
			continue
		}
		wrote(c, &st.write)
		usages.of(i).write(&st.write)
		answers[i] = appendResponse(nil, st.returned(), st.table)
	}
	return nil
}

// statementCode is the code of an error as BatchStatementError has it.
func statementCode(e *aws.Error) string {
	switch e.Code {
	case "ConditionalCheckFailedException":
		return "ConditionalCheckFailed"
	case "DuplicateItemException":
		return "DuplicateItem"
	case "ResourceNotFoundException":
		return "ResourceNotFound"
	case "TransactionConflictException":
		return "TransactionConflict"
	case "ProvisionedThroughputExceededException":
		return "ProvisionedThroughputExceeded"
	case "ThrottlingException":
		return "ThrottlingError"
	case "RequestLimitExceeded", "ItemCollectionSizeLimitExceededException":
		return strings.TrimSuffix(e.Code, "Exception")
	case "ValidationException":
		return "ValidationError"
	}
	return "InternalServerError"
}

// appendStatementError writes the response to a statement that failed. The
// table is named where the item of a key was looked at, or would have been.
func appendStatementError(dst []byte, st *statement) []byte {
	e, _ := errors.AsType[*aws.Error](st.err)
	dst = append(dst, `{"Error":{"Code":`...)
	dst = jsonscan.AppendString(dst, statementCode(e))
	dst = jsonscan.AppendString(append(dst, `,"Message":`...), e.Message)
	for _, m := range e.Members {
		if m.Name != "Item" {
			continue // The shape has no other.
		}
		dst = append(append(append(dst, `,"`...), m.Name...), `":`...)
		dst = append(dst, m.JSON...)
	}
	dst = append(dst, '}')
	if e == errSingleSelect || st.write.Table != nil && st.write.Key.Hash != nil {
		dst = jsonscan.AppendString(append(dst, `,"TableName":`...), st.table)
	}
	return append(dst, '}')
}

func (a *API) decodeExecuteTransaction(c *api.Call) error {
	r, err := a.decodeStatements(c, "TransactStatements", "transactStatements", maxActions)
	if err != nil {
		return err
	}
	for i := range r.statements {
		st := &r.statements[i]
		owner := c.Owner
		a.parse(c, st)
		switch {
		case errors.Is(st.err, partiql.ErrExistsAlone):
			return errTransactionOperation
		case st.err != nil && !st.turn:
			return st.err
		}
		if i > 0 && c.Owner != owner {
			return errTransactionOwners
		}
	}
	return nil
}

// What statements of transactions must not be.
var (
	errExists    = aws.Validation("EXISTS() must contain a single item read with additional condition")
	errReturning = aws.Validation("RETURNING clause is not supported in ExecuteTransaction.")
	errSelectKey = aws.Validation("Select statements within ExecuteTransaction must specify the primary key in the where clause.")
	errOfIndex   = aws.Validation("Reads on indices are not supported within transactions.")
	errOnIndex   = aws.Validation("Operations on indices are not supported in transactions")

	errTransactionOperation = aws.Validation("Unsupported operation in transaction.")
)

// errStatement says which statement of a transaction is not as it must be. A
// missing table is told as it is.
func errStatement(i int, err error) error {
	e, ok := errors.AsType[*aws.Error](err)
	if !ok || e.Code != "ValidationException" {
		return err
	}
	return aws.Validation("Validation failed in TransactStatements[%d]: %s", i, e.Message)
}

// bindInTransaction binds a statement of a transaction, which must not be on an
// index.
func (st *statement) bindInTransaction() error {
	if st.err != nil {
		return st.err
	}
	err := st.bind()
	switch {
	case err != nil || st.parsed.Index == "":
		return err
	case st.parsed.Kind == partiql.Exists:
		return st.checked(errOnIndex)
	}
	return st.checked(errOfIndex)
}

// checkReturning refuses RETURNING in a transaction.
func (st *statement) checkReturning() error {
	switch {
	case st.parsed.Returning == partiql.ReturnNothing:
		return nil
	case st.parsed.Kind != partiql.Insert:
		return errReturning
	case errors.Is(st.fault, st.parsed.CheckReturning()):
		return st.fault
	}
	return nil // The item is at fault.
}

// checkTransaction checks the statements of a transaction without their tables.
func (r *request) checkTransaction() error {
	if r.mixed() {
		return errMixedStatements
	}
	size := 0
	for i := range r.statements {
		st := &r.statements[i]
		for _, v := range st.parameters {
			size += v.Size()
		}
		if size += len(st.text.s); size > maxTransaction {
			return aws.Validation("Transaction payload size cannot exceed 4MB. Payload Size: %d", size)
		}
	}
	return nil
}

func (a *API) executeTransaction(ctx context.Context, s *Service, c *api.Call) error {
	r := c.Input.(*request)
	if err := r.checkTransaction(); err != nil {
		return err
	}
	// The answer tells of tables by the names of actions.
	for i := range r.statements {
		r.actions = append(r.actions, action{single: single{table: text{s: r.statements[i].table}}})
	}
	if r.statements[0].parsed.Kind.Reads() {
		return s.transactSelect(ctx, c, r)
	}
	tx := &r.transaction
	for i := range r.statements {
		st := &r.statements[i]
		err := st.bindInTransaction()
		if err == nil {
			err = s.lower(r, st)
		}
		if errors.Is(err, partiql.ErrNoKey) && st.parsed.Kind == partiql.Exists {
			err = errExists
		}
		if err == nil {
			err = st.checkReturning()
		}
		if err != nil {
			return errStatement(i, err)
		}
		tx.Writes, tx.Errors = append(tx.Writes, &st.write), append(tx.Errors, st.fault)
	}
	for i := range r.statements {
		if err := r.statements[i].checkIndexes(); err != nil {
			return errStatement(i, err)
		}
	}
	if r.token.ok {
		tx.Token = &table.Token{Account: c.Home.Account, Name: r.token.s, Payload: r.statementPayload()}
	}
	err := s.transact(ctx, tx)
	if errors.Is(err, table.ErrCanceled) {
		for i, e := range tx.Errors {
			if r.statements[i].parsed.Kind == partiql.Insert && errors.Is(e, table.ErrConditionFailed) {
				tx.Errors[i] = errDuplicateItem
			}
		}
		return canceled(tx)
	}
	if err != nil {
		return err
	}
	wrote(c, tx.Writes...)
	c.Out = append(r.appendTransaction(append(c.Out, `{"Responses":[]`...)), '}')
	return nil
}

// transactSelect runs a transaction of SELECTs.
func (s *Service) transactSelect(ctx context.Context, c *api.Call, r *request) error {
	var rd reading
	tx := &r.transaction
	bad := false
	for i := range r.statements {
		st := &r.statements[i]
		var l table.Lookup
		err := st.bindInTransaction()
		if err == nil {
			l, err = s.lookup(st)
		}
		if errors.Is(err, partiql.ErrNoKey) {
			err = errSelectKey
		}
		if err != nil {
			return errStatement(i, err)
		}
		l.Consistent = true
		rd.add(i, st, l)
		bad = bad || st.fault != nil
		tx.Writes, tx.Errors = append(tx.Writes, &st.write), append(tx.Errors, st.fault)
	}
	if bad {
		return canceled(tx)
	}
	usages := newUsages(r)
	for i := range usages.list {
		usages.list[i].also = alsoRead
	}
	size := 0
	out := append(c.Out, `{"Responses":[`...)
	err := s.transactGet(ctx, rd.lookups, func(i int, it item.Item) error {
		if i > 0 {
			out = append(out, ',')
		}
		if size += it.Size(); size > maxTransaction {
			return aws.Validation("Payload in response is too large.%d", size)
		}
		usages.of(i).units += transactFactor * readUnits(it.Size(), true)
		if it != nil {
			it = rd.selections[i].row(r, it)
		}
		out = appendResponse(out, it, "")
		return nil
	})
	if err != nil {
		return r.conflicted(err)
	}
	c.Out = append(out, ']')
	if r.wantsCapacity() {
		c.Out = appendUsages(c.Out, usages.list, r.returnConsumed.s)
	}
	c.Out = append(c.Out, '}')
	return nil
}

// statementPayload digests what makes an ExecuteTransaction the same as another:
// not blanks, comments and the case of keywords (recorded for a trailing blank).
func (r *request) statementPayload() [table.PayloadSize]byte {
	b := appendChosen(append(r.row[:0], "PartiQL"...), r.returnConsumed)
	for i := range r.statements {
		st := &r.statements[i]
		b = appendPart(b, st.parsed.Text())
		b = binary.AppendUvarint(b, uint64(len(st.parameters)))
		for _, v := range st.parameters {
			b = appendPart(b, v)
		}
		b = appendChosen(b, st.returnOnFailure)
	}
	r.row = b
	return sha256.Sum256(b)
}
