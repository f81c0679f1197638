//go:build conformance

package differential

import (
	"regexp"
	"strings"
)

// known is a class of differences in which Hortus is right.
type known struct {
	name string
	fact string // What makes it right.
	is   func(d *difference) bool
}

// explanation returns the entry that explains d, nil if none does.
func explanation(d *difference) *known {
	for i := range explained {
		if explained[i].is(d) {
			return &explained[i]
		}
	}
	return nil
}

// says reports whether a message has a part that matches one of the patterns.
func says(a *answer, patterns ...string) bool {
	for _, p := range patterns {
		if regexp.MustCompile(p).MatchString(a.message) {
			return true
		}
	}
	return false
}

const (
	localName     = `^Invalid table/index name\.  `
	localMissing  = `^Cannot do operations on a non-existent table$`
	oursMissing   = `^Requested resource not found`
	constraint    = `^\d+ validation errors? detected: `
	expressions   = `^Invalid (Condition|Filter|KeyCondition|Projection|Update)Expression: `
	placeholder   = `^ExpressionAttribute(Names|Values) |^Value provided in ExpressionAttribute`
	localNullKey  = `^Cannot have null key for GetItem, DeleteItem, or UpdateItem$`
	localNullItem = `^Item to put in PutItem cannot be null$`
)

// explained are the differences that stay.
var explained = []known{
	{
		"DynamoDB Local fails", "documented: a malformed request is the client's fault, a 400",
		func(d *difference) bool { return d.local.status == 500 && d.ours.status == 400 },
	},
	{
		"the text for a missing table", "recorded: Requested resource not found, with the table's name in the control plane",
		func(d *difference) bool { return says(d.local, localMissing) && says(d.ours, oursMissing) },
	},
	{
		"constraints of the model come first", "recorded: they are collected, before all that a request means",
		func(d *difference) bool { return says(d.ours, constraint) },
	},
	{
		"a member of another type", "recorded: SerializationException; DynamoDB Local makes it fit",
		func(d *difference) bool { return d.ours.kind == "SerializationException" },
	},
	{
		"a table by its ARN", "documented: each TableName may be an ARN",
		func(d *difference) bool {
			name, _ := d.call.request["TableName"].(string)
			return says(d.local, localName) && strings.HasPrefix(name, "arn:")
		},
	},
	{
		"the text for a name's length", "recorded: TableName must be at least 3 characters long and at most 255 characters long",
		func(d *difference) bool { return says(d.local, localName) && says(d.ours, `^TableName must be at least`) },
	},
	{
		"expressions before tables and keys", "recorded: what a request says by itself is checked before what it meets",
		func(d *difference) bool {
			return says(d.ours, expressions, placeholder) && says(d.local, localMissing, localName, localNullKey, localNullItem)
		},
	},
}
