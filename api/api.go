// Package api says how a service declares its operations, each in three steps:
// decode, access, run.
//
// What a call touches is known only from its body. So it is decoded first, then
// it names what it needs leave for, and only then it runs, in the cell that owns
// what it touches.
package api

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/policy"
)

// Operation is one operation of a service. S is the service as a cell has it.
type Operation[S any] struct {
	Name   string // As in the target header, without the service's prefix.
	Action string // The IAM action, as in "dynamodb:PutItem".

	// Creates says that the operation may make the first thing in its cell.
	// Others find an empty cell where there is none, and leave nothing behind.
	Creates bool

	// CrossAccount says that another account may call it, by naming a resource
	// by its ARN (documented for each operation).
	CrossAccount bool

	// Decode reads the body into c.Input and names in c.Needs what the call
	// touches. It knows no cell. Its errors are serialization errors and the
	// broken constraints of the model.
	Decode func(c *Call) error

	// Run does it, and appends the answer's body to c.Out.
	Run func(ctx context.Context, service S, c *Call) error
}

// Need is leave that a call needs: an action on a resource.
type Need struct {
	Action string
	Table  string // A table's name; "" for an action that takes no resource.
	Index  string // An index of that table, where that is the resource.
	Stream string // The label of a stream of that table, where that is the resource.
	Cell   aws.Cell
	Global string // A global table of 2017, where that is the resource: it is in no Region.
	Member bool   // Only where the table is a member of a multi-account global table.

	// Of a need at another cell than the owner's: where it makes, or deletes, the
	// replica that the owner's table of that name has there. It is not asked for
	// where the owner's cell knows that there can be none: Run says so.
	Creates, Deletes bool
}

// ARN returns the ARN of the resource.
func (n *Need) ARN() string {
	if n.Global != "" {
		return "arn:aws:dynamodb::" + string(n.Cell.Account) + ":global-table/" + n.Global
	}
	if n.Table == "" {
		return "*"
	}
	arn := n.Cell.TableARN(n.Table)
	if n.Index != "" {
		arn += "/index/" + n.Index
	}
	if n.Stream != "" {
		arn += "/stream/" + n.Stream
	}
	return arn
}

// Call is one call on its way. It may be reused when it is over.
type Call struct {
	Caller policy.Principal
	Home   aws.Cell // The caller's account, in the Region that was called.
	Owner  aws.Cell // Whose cell it is that runs the call: Home, or that of an ARN.
	Body   []byte
	Header func(name string) []byte // The request's headers, by lower-case name.
	Source netip.Addr               // From where the client called, as far as known.
	Secure bool                     // It called by TLS.

	RequestID string // Of the answer, for those that say it in their body; of others "".

	Input any // What Decode made of the body.
	Needs []Need
	Out   []byte // The answer's body.

	Wrote []Written // What the call wrote to replicated tables.
	Stood bool      // It wrote what stood in a replicated table already, who knows since when.
}

// HeaderText is a header of the request; "" where there is none.
func (c *Call) HeaderText(name string) string {
	if c.Header == nil {
		return ""
	}
	return string(c.Header(name))
}

// Circumstances are what AWS's global condition keys tell of the call, at the time
// by which policies are judged.
func (c *Call) Circumstances(now time.Time) *policy.Circumstances {
	return &policy.Circumstances{
		Time: now, Region: c.Home.Region, Secure: c.Secure, Source: c.Source,
		UserAgent: c.HeaderText("user-agent"), Referer: c.HeaderText("referer"),
	}
}

// Written says where a write of a replicated table is in its cell's log.
type Written struct {
	Table    string
	Position uint64
}

// Write notes where a write is; of several writes of one table the last.
func (c *Call) Write(table string, position uint64) {
	for i := range c.Wrote {
		if c.Wrote[i].Table == table {
			c.Wrote[i].Position = max(c.Wrote[i].Position, position)
			return
		}
	}
	c.Wrote = append(c.Wrote, Written{table, position})
}

// Need adds a need for an action on a table of the call's owner.
func (c *Call) Need(action, table, index string) {
	c.Needs = append(c.Needs, Need{Action: action, Table: table, Index: index, Cell: c.Owner})
}

// maxTableName is the longest name of a table (documented).
const maxTableName = 255

// Table reads a TableName parameter, which may be an ARN, and returns the
// table's name. An ARN makes its cell the owner of the call, a name the caller's
// own (documented).
func (c *Call) Table(parameter string) (string, error) {
	name, ok := strings.CutPrefix(parameter, "arn:")
	if !ok {
		c.Owner = c.Home
		return parameter, CheckTableName(parameter)
	}
	cell, table, index, err := ParseTableARN("arn:" + name)
	if err != nil {
		return "", err
	}
	if index != "" {
		return "", aws.Validation("1 validation error detected: Value '%s' at 'tableName' failed to satisfy constraint: Invalid resource type", parameter)
	}
	if cell.Region != c.Home.Region {
		return "", aws.Validation("1 validation error detected: Value '%s' at 'tableName' failed to satisfy constraint: Invalid AWS region", parameter)
	}
	c.Owner = cell
	return table, nil
}

// CheckTableName returns AWS's error for a name that no table can have.
func CheckTableName(name string) error {
	if len(name) < 3 || len(name) > maxTableName {
		return aws.Validation("TableName must be at least 3 characters long and at most %d characters long", maxTableName)
	}
	return nil
}

// ParseTableARN reads the ARN of a table, or of one of its indexes.
func ParseTableARN(arn string) (c aws.Cell, table, index string, err error) {
	bad := aws.Validation("1 validation error detected: Invalid 'ARN': %s", arn)
	p := strings.SplitN(arn, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[2] != "dynamodb" {
		return c, "", "", bad
	}
	if p[1] != "aws" {
		return c, "", "", aws.Validation("1 validation error detected: Invalid AWS partition in '%s'", arn)
	}
	c = aws.Cell{Account: aws.Account(p[4]), Region: aws.Region(p[3])}
	rest, ok := strings.CutPrefix(p[5], "table/")
	if !ok || !c.Account.Valid() {
		return c, "", "", bad
	}
	if !c.Region.Known() {
		return c, "", "", aws.Validation("1 validation error detected: Invalid AWS region in '%s'", arn)
	}
	table, rest, more := strings.Cut(rest, "/")
	if more {
		if index, ok = strings.CutPrefix(rest, "index/"); !ok || index == "" {
			return c, "", "", bad
		}
	}
	return c, table, index, CheckTableName(table)
}
