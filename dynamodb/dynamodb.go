// Package dynamodb holds the operations of DynamoDB: each decodes its request,
// validates it in AWS's order, calls the table engine, and answers.
//
// Item-bearing operations have a codec of their own: JSON is transcoded
// straight to the stored form and back. Control-plane operations fill the
// official SDK's input types and answer with its output types.
package dynamodb

import (
	"sync"

	"github.com/aws/smithy-go"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/partiql"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/shape"
	"github.com/hortusdb/hortus/table"
)

// Service is DynamoDB as one cell has it.
type Service struct {
	Cell        aws.Cell
	Engine      *table.Engine
	Replication *replication.Replicator
	Clock       clock.Clock // Dates what is made, and counts deadlines.
	NewID       func() string
	Throttle    *Throttle // Nil holds no table to its capacity.
	Pace        Pace
}

// API decodes and runs DynamoDB's operations for any number of cells. It keeps
// memory and parsed expressions, nothing that belongs to a cell.
type API struct {
	model       *shape.Model
	expressions *expr.Cache
	statements  *partiql.Cache
	requests    sync.Pool // *request
	inputs      inputs
}

// expressionCache is how many parsed expressions are kept.
const expressionCache = 4096

// TargetPrefix begins the target of each operation.
const TargetPrefix = "DynamoDB_20120810."

// New returns the API.
func New() *API {
	a := &API{model: shape.DynamoDB(), expressions: expr.NewCache(expressionCache), statements: partiql.NewCache(statementCache)}
	a.requests.New = func() any { return new(request) }
	a.inputs = newInputs(a.model)
	return a
}

// Operation is one operation of DynamoDB.
type Operation = api.Operation[*Service]

// Operations lists all operations that are built. Any other name is unknown.
func (a *API) Operations() []*Operation {
	ops := []*Operation{
		{Name: "GetItem", CrossAccount: true, Decode: a.decodeGetItem, Run: a.getItem},
		{Name: "PutItem", CrossAccount: true, Decode: a.decodePutItem, Run: a.putItem},
		{Name: "UpdateItem", CrossAccount: true, Decode: a.decodeUpdateItem, Run: a.updateItem},
		{Name: "DeleteItem", CrossAccount: true, Decode: a.decodeDeleteItem, Run: a.deleteItem},
		{Name: "Query", CrossAccount: true, Decode: a.decodeQuery, Run: a.query},
		{Name: "Scan", CrossAccount: true, Decode: a.decodeScan, Run: a.scan},
		{Name: "BatchGetItem", CrossAccount: true, Decode: a.decodeBatchGetItem, Run: a.batchGetItem},
		{Name: "BatchWriteItem", CrossAccount: true, Decode: a.decodeBatchWriteItem, Run: a.batchWriteItem},
		{Name: "TransactWriteItems", CrossAccount: true, Decode: a.decodeTransactWriteItems, Run: a.transactWriteItems},
		{Name: "TransactGetItems", CrossAccount: true, Decode: a.decodeTransactGetItems, Run: a.transactGetItems},
	}
	ops = append(ops, a.partiqlOperations()...)
	ops = append(ops, a.controlPlane()...)
	ops = append(ops, a.retired()...)
	for _, o := range ops {
		o.Action = "dynamodb:" + o.Name
	}
	return ops
}

// answer encodes an output of the SDK.
func answer(c *api.Call, out smithy.Serializable) error {
	c.Out = shape.Encode(c.Out, out)
	return nil
}
