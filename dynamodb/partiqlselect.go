package dynamodb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/partiql"
	"github.com/hortusdb/hortus/table"
)

// selection is a SELECT that is ready to run.
type selection struct {
	page
	plan    *partiql.Plan
	columns []partiql.Column
	simple  bool // No column is inside of an attribute.

	rangeAt int // Which range of the plan is being read.
	rows    int // Emitted so far.
	used    usage
	fetched float64 // What entries of local indexes cost to complete.
}

// selection plans a SELECT.
func (s *Service) selection(r *request, st *statement) (*selection, error) {
	if err := st.bind(); err != nil {
		return nil, err
	}
	t, err := s.table(st.table)
	if err != nil {
		return nil, st.checked(err)
	}
	sel := &selection{columns: st.parsed.Columns, used: usage{table: st.parsed.Table}}
	p := &sel.page
	p.Table, p.Limit, p.Consistent = t, int(r.limit.n), st.consistent
	if st.parsed.Index != "" {
		if p.Index = t.Def.Index(st.parsed.Index); p.Index == nil {
			return nil, aws.Validation("The table does not have the specified index: %s", st.parsed.Index)
		}
	}
	schema := t.KeySchema(p.Index)
	if sel.plan, err = st.parsed.Plan(schema, st.parameters); err != nil {
		return nil, err
	}
	p.projection = st.projection
	p.Filter, p.Reverse = sel.plan.Filter, sel.plan.Reverse
	if err := p.checkConsistent(); err != nil {
		return nil, err
	}
	if err := p.checkPaths(); err != nil {
		return nil, err
	}
	for i := range sel.plan.Ranges {
		p.Keys = &sel.plan.Ranges[i]
		if err := p.checkKeyValues(schema); err != nil {
			return nil, err
		}
	}
	sel.simple = true
	for _, c := range sel.columns {
		sel.simple = sel.simple && len(c.Path) == 1
	}
	if p.Index != nil && p.Filter != nil && sel.plan.Ranges != nil {
		held := t.Projected(p.Index)
		if missing := notHeld(held, p.Filter.AttributeNames()); held != nil && missing != "" {
			return nil, errFilterProjection(p.Index, missing)
		}
	}
	if err := checkProjected(r, p); err != nil {
		return nil, err
	}
	return sel, nil
}

func (s *Service) runSelect(ctx context.Context, c *api.Call, r *request, st *statement) error {
	sel, err := s.selection(r, st)
	if err != nil {
		return err
	}
	digest := st.digest()
	if r.next.ok {
		if err := sel.resume(r.next.s, digest); err != nil {
			return err
		}
	}
	c.Out = append(c.Out, `{"Items":[`...)
	if sel.plan.Whole && sel.Index == nil && !r.next.ok {
		err = s.selectOne(ctx, c, r, sel)
	} else {
		err = s.selectPage(ctx, c, r, sel)
	}
	if err != nil {
		return err
	}
	c.Out = append(c.Out, ']')
	if sel.Last != nil || sel.rangeAt < len(sel.plan.Ranges) {
		c.Out = append(c.Out, `,"NextToken":"`...)
		c.Out = append(append(c.Out, sel.token(digest)...), '"')
	}
	if sel.Last != nil {
		c.Out = item.AppendItemJSON(append(c.Out, `,"LastEvaluatedKey":`...), sel.Last)
	}
	if r.wantsCapacity() {
		sel.used.units += sel.fetched
		c.Out = sel.used.append(append(c.Out, `,"ConsumedCapacity":`...), r.returnConsumed.s)
	}
	c.Out = append(c.Out, '}')
	return nil
}

// selectOne reads the item of a whole key.
func (s *Service) selectOne(ctx context.Context, c *api.Call, r *request, sel *selection) error {
	sel.rangeAt = 1
	it, row, err := s.get(ctx, sel.Table, sel.key(), sel.Consistent, r.row[:0])
	r.row = row
	if err != nil {
		return err
	}
	sel.used.units = readUnits(it.Size(), sel.Consistent)
	if it != nil {
		c.Out = item.AppendItemJSON(c.Out, sel.row(r, it))
	}
	return nil
}

// key is the whole key that the plan asks for.
func (sel *selection) key() table.Key {
	k := table.Key{Hash: sel.plan.Ranges[0].Hash[0]}
	if equal := sel.plan.Ranges[0].Equal; len(equal) > 0 {
		k.Range = equal[0]
	}
	return k
}

// selectPage reads one page: the ranges one after the other until the page is
// full, or a part of a scan.
func (s *Service) selectPage(ctx context.Context, c *api.Call, r *request, sel *selection) error {
	if sel.plan.Ranges == nil {
		sel.Keys = nil
		return s.selectRange(ctx, c, r, sel)
	}
	for sel.rangeAt < len(sel.plan.Ranges) {
		if sel.Done() {
			return nil
		}
		sel.Keys = &sel.plan.Ranges[sel.rangeAt]
		if err := s.selectRange(ctx, c, r, sel); err != nil {
			return err
		}
		if sel.Last != nil {
			return nil
		}
		sel.After = nil
		sel.rangeAt++
	}
	return nil
}

// selectRange reads one range, or scans.
func (s *Service) selectRange(ctx context.Context, c *api.Call, r *request, sel *selection) error {
	if sel.After != nil && sel.CheckStart() != nil {
		return errNextToken
	}
	fetch := s.fetches(r, &sel.page)
	before, fetchedBefore := sel.Bytes, sel.fetched
	err := s.page(ctx, &sel.Page, func(it item.Item) error {
		if fetch {
			whole, units, err := s.fetch(ctx, r, &sel.page, it)
			if err != nil {
				return err
			}
			it, sel.fetched = whole, sel.fetched+units
		}
		if sel.rows > 0 {
			c.Out = append(c.Out, ',')
		}
		sel.rows++
		c.Out = item.AppendItemJSON(c.Out, sel.row(r, it))
		return nil
	})
	if err == nil {
		s.fetched(&sel.Page, sel.fetched-fetchedBefore)
	}
	units := readUnits(sel.Bytes-before, sel.Consistent)
	if sel.Index != nil {
		sel.used.index(sel.Index, units)
	} else {
		sel.used.units += units
	}
	return err
}

// row is what a SELECT answers of an item.
func (sel *selection) row(r *request, it item.Item) item.Item {
	if sel.projection == nil {
		return it
	}
	if sel.simple {
		return sel.projection.Project(r.buf[len(r.buf):], it)
	}
	entries := make([]item.Entry, 0, len(sel.columns))
	for _, c := range sel.columns {
		if v, ok := it.At(c.Path); ok {
			entries = append(entries, item.Entry{Name: c.Name, Value: v})
		}
	}
	return item.BuildItem(r.buf[len(r.buf):], entries)
}

// AWS's answers to a NextToken that is none, and to that of another statement.
var (
	errNextToken   = aws.Validation("Invalid NextToken")
	errOtherTokens = aws.Validation("NextToken does not match request")
)

// The form of a NextToken before base64: a version, a digest of the statement
// and its parameters, the number of the range, and the last key, if any.
const (
	nextTokenFormat = 1
	nextTokenDigest = 16
	nextTokenHead   = 1 + nextTokenDigest + 2
)

// digest tells statements with their parameters apart.
func (st *statement) digest() []byte {
	b := appendPart(nil, st.parsed.Text())
	for _, v := range st.parameters[:min(len(st.parameters), st.parsed.Parameters)] {
		b = appendPart(b, v)
	}
	sum := sha256.Sum256(b)
	return sum[:nextTokenDigest]
}

func (sel *selection) token(digest []byte) []byte {
	b := append([]byte{nextTokenFormat}, digest...)
	b = binary.BigEndian.AppendUint16(b, uint16(sel.rangeAt))
	b = append(b, sel.Last...)
	return base64.StdEncoding.AppendEncode(nil, b)
}

// resume goes on where a token says.
func (sel *selection) resume(token string, digest []byte) error {
	b, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(b) < nextTokenHead || b[0] != nextTokenFormat {
		return errNextToken
	}
	if !bytes.Equal(b[1:1+nextTokenDigest], digest) {
		return errOtherTokens
	}
	sel.rangeAt = int(binary.BigEndian.Uint16(b[1+nextTokenDigest:]))
	last := item.Item(b[nextTokenHead:])
	if item.Validate(last) != nil || sel.rangeAt >= max(1, len(sel.plan.Ranges)) {
		return errNextToken
	}
	if len(last) > 0 {
		sel.After = last
	}
	return nil
}
