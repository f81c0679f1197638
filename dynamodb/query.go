package dynamodb

import (
	"context"
	"strconv"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/shape"
	"github.com/hortusdb/hortus/table"
)

// maxSegments is the largest TotalSegments of a parallel scan (documented).
const maxSegments = 1_000_000

func (a *API) decodeQuery(c *api.Call) error {
	return a.decodePage(c, "dynamodb:Query", "QueryFilter", "KeyConditions")
}

func (a *API) decodeScan(c *api.Call) error {
	return a.decodePage(c, "dynamodb:Scan", "ScanFilter", "")
}

// decodePage decodes a Query or Scan; filter and keys are its parameters of
// before expressions.
func (a *API) decodePage(c *api.Call, action, filter, keys string) error {
	r := a.get(c)
	if err := r.decode("ExclusiveStartKey", "ExpressionAttributeValues", "AttributesToGet", "ConditionalOperator", filter, keys); err != nil {
		return err
	}
	var v shape.Violations
	a.tableName(&v, r.table)
	if r.index.ok {
		v.String("indexName", r.index.s, a.model.Constraint("IndexName"))
	}
	enum(&v, "select", r.choice, choiceSet)
	switch {
	case !r.limit.ok || r.limit.n >= 1:
	case keys != "": // A Query has words of its own (recorded).
		v.Add("Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1")
	default:
		v.Range("limit", r.limit.n, 1, 1<<31)
	}
	if r.segment.ok {
		v.Range("segment", r.segment.n, 0, maxSegments-1)
	}
	if r.total.ok {
		v.Range("totalSegments", r.total.n, 1, maxSegments)
	}
	a.legacyShapes(&v, r.legacy)
	enum(&v, "returnConsumedCapacity", r.returnConsumed, consumedSet)
	return r.finish(c, &v, action, r.index.s)
}

// page is a Query or Scan that is ready to run.
type page struct {
	table.Page
	projection *expr.Projection
	condition  *expr.KeyCondition
	count      bool // The items themselves are not wanted.
}

func (a *API) query(ctx context.Context, s *Service, c *api.Call) error {
	r := c.Input.(*request)
	var p page
	if err := a.bindPage(r, &p, expr.FilterKind, expr.KeyConditionKind); err != nil {
		return err
	}
	if err := s.locate(c, r, &p); err != nil {
		return err
	}
	schema := p.Table.KeySchema(p.Index)
	if err := p.checkPaths(); err != nil {
		return err
	}
	if err := p.checkConsistent(); err != nil {
		return err
	}
	keys, err := p.condition.Lower(schema)
	if err != nil {
		return err
	}
	p.Keys = &keys
	if err := p.checkKeyValues(schema); err != nil {
		return err
	}
	if err := p.CheckStart(); err != nil {
		return err
	}
	if p.Filter != nil {
		if err := r.checkFilterKeys(&p, schema); err != nil {
			return err
		}
	}
	if err := checkProjected(r, &p); err != nil {
		return err
	}
	return s.runPage(ctx, c, r, &p)
}

// checkKeyValues refuses operands that no key can have.
func (p *page) checkKeyValues(schema expr.KeySchema) error {
	k := p.Keys
	for i, v := range k.Hash {
		if err := p.checkKeyValue(schema.Hash[i].Name, v, table.MaxHashKey, table.ErrHashKeySize); err != nil {
			return err
		}
	}
	for i, v := range k.Equal {
		if err := p.checkKeyValue(schema.Range[i].Name, v, table.MaxRangeKey, table.ErrRangeKeySize); err != nil {
			return err
		}
	}
	for _, v := range [...]item.Value{k.Operand, k.Upper} {
		if v == nil {
			continue
		}
		if err := p.checkKeyValue(schema.Range[len(k.Equal)].Name, v, table.MaxRangeKey, table.ErrRangeKeySize); err != nil {
			return err
		}
	}
	return nil
}

// checkKeyValue refuses a value that is empty or, as tooLong says, longer than
// limit.
func (p *page) checkKeyValue(name string, v item.Value, limit int, tooLong error) error {
	switch {
	case v.Type() == item.TypeN:
		return nil
	case len(v.Bytes()) > limit:
		return tooLong
	case len(v.Bytes()) > 0:
		return nil
	}
	kind := "string"
	if v.Type() == item.TypeB {
		kind = "binary"
	}
	if p.Index != nil {
		return aws.Validation("One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, IndexKey: %s", kind, p.Index.Name, name)
	}
	return aws.Validation("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s", kind, name)
}

func (a *API) scan(ctx context.Context, s *Service, c *api.Call) error {
	r := c.Input.(*request)
	var p page
	if err := a.bindPage(r, &p, expr.FilterKind); err != nil {
		return err
	}
	if err := checkSegments(r); err != nil {
		return err
	}
	if err := s.locate(c, r, &p); err != nil {
		return err
	}
	if err := p.checkConsistent(); err != nil {
		return err
	}
	if r.total.ok {
		p.Segment, p.TotalSegments = int(r.segment.n), int(r.total.n)
	}
	if err := p.CheckStart(); err != nil {
		return err
	}
	if err := p.checkPaths(); err != nil {
		return err
	}
	if err := checkProjected(r, &p); err != nil {
		return err
	}
	return s.runPage(ctx, c, r, &p)
}

// checkSegments checks the parameters of a parallel scan (recorded texts).
func checkSegments(r *request) error {
	switch {
	case r.segment.ok && !r.total.ok:
		return aws.Validation("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case r.total.ok && !r.segment.ok:
		return aws.Validation("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	case r.segment.ok && r.segment.n >= r.total.n:
		return aws.Validation("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less than TotalSegments: %d", r.segment.n, r.total.n)
	}
	return nil
}

var errNoKeyCondition = aws.Validation("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")

// bindPage parses and binds the expressions of a Query or Scan, and then checks
// what else a request says by itself (the order is DynamoDB Local's). kinds are
// those that can hold values.
func (a *API) bindPage(r *request, p *page, kinds ...expr.Kind) error {
	if err := r.checkMixed(append([]expr.Kind{expr.ProjectionKind}, kinds...)...); err != nil {
		return err
	}
	values := false
	for _, k := range kinds {
		values = values || r.expressions[k].ok
	}
	names := values || r.expressions[expr.ProjectionKind].ok
	if err := r.scope.CheckNeeded(names, values, kinds...); err != nil {
		return err
	}
	if names || r.scope.Names != nil || r.scope.Values != nil {
		if err := r.checkPlaceholders(); err != nil {
			return err
		}
	}
	for _, k := range [...]expr.Kind{expr.FilterKind, expr.ProjectionKind, expr.KeyConditionKind} {
		if !r.expressions[k].ok || (k == expr.KeyConditionKind && len(kinds) == 1) {
			continue
		}
		e, err := a.expressions.Parse(k, r.expressions[k].s)
		if err != nil {
			return err
		}
		switch k { //nolint:exhaustive // A page has these kinds alone.
		case expr.ProjectionKind:
			p.projection, err = expr.BindProjection(e, &r.scope)
		case expr.FilterKind:
			p.Filter, err = expr.BindCondition(e, &r.scope)
		case expr.KeyConditionKind:
			p.condition, err = expr.BindKeyCondition(e, &r.scope)
		}
		if err != nil {
			return err
		}
	}
	if err := r.scope.CheckUnused(); err != nil {
		return err
	}
	if r.legacy == nil {
		if err := checkPage(r, p, len(kinds) == 2); err != nil {
			return err
		}
	} else if err := r.bindLegacyPage(p, len(kinds) == 2); err != nil {
		return err
	}
	return r.invalid
}

// checkPage checks that a Query says which keys it wants, and Select.
func checkPage(r *request, p *page, isQuery bool) error {
	if isQuery && p.condition == nil {
		return errNoKeyCondition
	}
	return checkChoice(r)
}

// checkChoice checks Select against the other members.
func checkChoice(r *request) error {
	projection := ""
	switch {
	case r.expressions[expr.ProjectionKind].ok:
		projection = "ProjectionExpression"
	case r.legacy != nil && r.legacy.hasAttributes:
		projection = "AttributesToGet"
	}
	switch r.choice.s {
	case "SPECIFIC_ATTRIBUTES":
		if projection == "" {
			return aws.Validation("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
		}
	case "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES":
		what := r.choice.s
		if what == "COUNT" {
			what = "only the Count"
		}
		if projection != "" {
			return aws.Validation("Cannot specify the %s when choosing to get %s", projection, what)
		}
	}
	if r.choice.s == "ALL_PROJECTED_ATTRIBUTES" && !r.index.ok {
		return aws.Validation("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
	}
	return nil
}

// locate finds the table and index, and checks what depends on them.
func (s *Service) locate(c *api.Call, r *request, p *page) error {
	t, err := s.table(c.Needs[0].Table)
	if err != nil {
		return err
	}
	p.Table, p.Limit, p.Reverse, p.Consistent, p.After = t, int(r.limit.n), r.backward, r.consistent, r.start
	p.count = r.choice.s == "COUNT"
	if !r.index.ok {
		return nil
	}
	if p.Index = t.Def.Index(r.index.s); p.Index == nil {
		return aws.Validation("The table does not have the specified index: %s", r.index.s)
	}
	return checkReadable(p.Index)
}

// runPage runs a Query or Scan and answers. The items are written as they come.
func (s *Service) runPage(ctx context.Context, c *api.Call, r *request, p *page) error {
	fetch := s.fetches(r, p)
	c.Out = append(c.Out, '{')
	if !p.count {
		c.Out = append(c.Out, `"Items":[`...)
	}
	fetched := 0.0
	first := true
	err := s.page(ctx, &p.Page, func(it item.Item) error {
		if p.count {
			return nil
		}
		if fetch {
			whole, units, err := s.fetch(ctx, r, p, it)
			if err != nil {
				return err
			}
			it, fetched = whole, fetched+units
		}
		if p.projection != nil {
			it = p.projection.Project(r.buf[len(r.buf):], it)
		}
		if !first {
			c.Out = append(c.Out, ',')
		}
		first = false
		c.Out = item.AppendItemJSON(c.Out, it)
		return nil
	})
	if err != nil {
		return err
	}
	s.fetched(&p.Page, fetched)
	if !p.count {
		c.Out = append(c.Out, "],"...)
	}
	c.Out = append(c.Out, `"Count":`...)
	c.Out = strconv.AppendInt(c.Out, int64(p.Count), 10)
	c.Out = append(c.Out, `,"ScannedCount":`...)
	c.Out = strconv.AppendInt(c.Out, int64(p.Scanned), 10)
	if p.Last != nil {
		c.Out = append(c.Out, `,"LastEvaluatedKey":`...)
		c.Out = item.AppendItemJSON(c.Out, p.Last)
	}
	if r.wantsCapacity() {
		c.Out = append(c.Out, `,"ConsumedCapacity":`...)
		u := pageUsage(r, p, fetched)
		c.Out = u.append(c.Out, r.returnConsumed.s)
	}
	c.Out = append(c.Out, '}')
	return nil
}

// pageUsage is what a page consumed: the evaluated size together, rounded once
// (documented), and what was fetched from the table for a local index.
func pageUsage(r *request, p *page, fetched float64) usage {
	u := usage{table: r.table.s, units: fetched}
	units := readUnits(p.Bytes, p.Consistent)
	if p.Index != nil {
		u.index(p.Index, units)
	} else {
		u.units += units
	}
	return u
}

// fetches reports whether a query of a local index wants attributes that the
// index does not hold; they are then read from the table (documented).
func (s *Service) fetches(r *request, p *page) bool {
	if p.Index == nil || !p.Index.Local || p.Index.Projection == table.All || p.count {
		return false
	}
	if r.choice.s == "ALL_ATTRIBUTES" {
		return true
	}
	if p.projection == nil {
		return false
	}
	held := p.Table.Projected(p.Index)
	for _, path := range p.projection.Paths() {
		if !held[path[0].Name] {
			return true
		}
	}
	return false
}

// fetch reads the whole item behind an entry of a local index.
func (s *Service) fetch(ctx context.Context, r *request, p *page, entry item.Item) (item.Item, float64, error) {
	key, err := p.Table.ItemKey(entry)
	if err != nil {
		return nil, 0, err
	}
	it, row, err := s.Engine.Get(ctx, p.Table, key, p.Consistent, r.row[:0])
	r.row = row
	if err != nil || it == nil {
		return entry, 0, err
	}
	p.Fetched += it.Size()
	return it, readUnits(it.Size(), p.Consistent), nil
}
