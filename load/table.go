package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hortusdb/hortus/clock"
)

const (
	tableWithin     = 2 * time.Minute // For a table to be made, or to go.
	tablePoll       = 20 * time.Millisecond
	dropWithin      = time.Minute // For all tables, when the run was broken off.
	indexPartitions = 1000        // Distinct partition keys of an index.
)

// tableNames are the tables with one item a partition, then the one with
// several.
func (o *Options) tableNames() (single []string, partitioned string) {
	single = []string{o.Table}
	if o.Tables > 1 {
		single = nil
		for i := range o.Tables {
			single = append(single, o.Table+"-"+strconv.Itoa(i))
		}
	}
	return single, o.Table + "-query"
}

func quoted(name string) string {
	b, _ := json.Marshal(name) // A string always marshals.
	return string(b)
}

// table is one that is to be made.
type table struct {
	name   string
	first  int  // Its first item; then every Options.Tables-th.
	sorted bool // Has a sort key.
	puts   func(g *generator, b []byte, n, count int) []byte
}

type object = map[string]any

// definition is the input of CreateTable.
func (o *Options) definition(t table) ([]byte, error) {
	attribute := func(name, kind string) object { return object{"AttributeName": name, "AttributeType": kind} }
	key := func(name, role string) object { return object{"AttributeName": name, "KeyType": role} }
	attributes, keys := []object{attribute("pk", "S")}, []object{key("pk", "HASH")}
	if t.sorted {
		attributes, keys = append(attributes, attribute("sk", "N")), append(keys, key("sk", "RANGE"))
	}
	in := object{"TableName": t.name, "BillingMode": "PAY_PER_REQUEST"}
	var indexes []object
	for i := range o.Indexes {
		group := "group" + strconv.Itoa(i)
		attributes = append(attributes, attribute(group, "S"))
		indexes = append(indexes, object{
			"IndexName": "by-" + group, "KeySchema": []object{key(group, "HASH")}, "Projection": object{"ProjectionType": "ALL"},
		})
	}
	if indexes != nil {
		in["GlobalSecondaryIndexes"] = indexes
	}
	in["AttributeDefinitions"], in["KeySchema"] = attributes, keys
	return json.Marshal(in)
}

// create makes a table and waits until it is active. It reports false where
// the table was there and may be taken.
func (s *server) create(ctx context.Context, o *Options, t table) (made bool, err error) {
	body, err := o.definition(t)
	if err != nil {
		return false, err
	}
	c := s.workers[0].connection
	_, err = c.call(ctx, "CreateTable", body)
	switch {
	case refused(err, "ResourceInUseException") && o.Reuse:
	case refused(err, "ResourceInUseException"):
		return false, fmt.Errorf("table %s is there already: name another, or take it as it is", t.name)
	case err != nil:
		return false, err
	default:
		made = true
	}
	return made, s.await(ctx, t.name, func(status string, err error) bool { return err == nil && status == "ACTIVE" })
}

// await polls a table's status until it is as wanted.
func (s *server) await(ctx context.Context, name string, as func(status string, err error) bool) error {
	ctx, stop := context.WithTimeout(ctx, tableWithin)
	defer stop()
	for {
		answer, err := s.workers[0].connection.call(ctx, "DescribeTable", []byte(`{"TableName":`+quoted(name)+`}`))
		var known *refusal
		if err != nil && !errors.As(err, &known) {
			return err
		}
		var out struct{ Table struct{ TableStatus string } }
		if err == nil {
			if err := json.Unmarshal(answer, &out); err != nil {
				return fmt.Errorf("DescribeTable: %w", err)
			}
		}
		if as(out.Table.TableStatus, err) {
			return nil
		}
		if !clock.Wait(ctx, nil, tablePoll) {
			return fmt.Errorf("table %s is %s after %s: %w", name, out.Table.TableStatus, clock.Words(tableWithin), context.Cause(ctx))
		}
	}
}

// drop deletes a table and waits until it is gone.
func (s *server) drop(ctx context.Context, name string) error {
	if _, err := s.workers[0].connection.call(ctx, "DeleteTable", []byte(`{"TableName":`+quoted(name)+`}`)); err != nil {
		return fmt.Errorf("table %s was left: %w", name, err)
	}
	return s.await(ctx, name, func(_ string, err error) bool { return refused(err, "ResourceNotFoundException") })
}
