// Package shape reads requests into the official Go SDK's input types and
// writes its output types, in the words of the AWS JSON protocol: wrong JSON
// kinds are serialization errors, broken constraints of the model are collected
// into one validation error.
//
// The engine knows no service. A Model lists one service's constraints, NewInput
// joins it with the SDK's schema and Go type of one operation's input, and the
// Input then decodes. It works by reflection and builds a tree, so it is for
// the control plane; codecs of items check with Violations and Constraint.
package shape

import (
	"reflect"

	"github.com/aws/smithy-go"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/invariant"
)

// Input decodes the requests of one operation into T, one of the SDK's input
// structures. It does not vary and may be used by several goroutines.
type Input[T any] struct {
	plan *plan
}

// NewInput joins the model's constraints, the SDK's schema and the Go type of
// an operation's input. A type that does not fit the schema is a bug and breaks
// an invariant.
func NewInput[T any](m *Model, schema *smithy.Schema) *Input[T] {
	c := compiler{model: m, plans: map[planKey]*plan{}}
	p := c.plan(schema, reflect.TypeFor[T]())
	invariant.Assert(p.kind == kindStructure, "an operation's input is a structure", "shape", p.name)
	return &Input[T]{plan: p}
}

// Decode reads a request's body into *into, which should be zero. The error is
// an *aws.Error: a SerializationException for the first value, in the order of
// the text, that is not JSON or not of its member's type (recorded), else a
// ValidationException with all broken constraints (recorded). Unknown members
// are ignored, null is absence, and of a member given twice the last counts.
// After an error *into is untouched.
func (in *Input[T]) Decode(body []byte, into *T) error {
	root, err := parse(body, in.plan)
	if err != nil {
		return err
	}
	var v Violations
	v.structure(&root)
	if err := v.Err(); err != nil {
		return err
	}
	if v.union != "" {
		return aws.Validation("%s", v.union)
	}
	root.fill(reflect.ValueOf(into).Elem())
	return nil
}
