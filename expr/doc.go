// Package expr is DynamoDB's expression language: condition, filter, key
// condition, projection and update expressions.
//
// An expression is parsed once (Parse, or a Cache) into an Expression that
// depends on its text alone. For each request its placeholders are bound
// against the request's Scope, which gives a Condition, a KeyCondition, a
// Projection or an Update; these are evaluated against items. Legacy
// parameters and PartiQL make the same trees with a Builder.
//
// Errors are *aws.Error in AWS's words. Where no document gives a text or an
// order of checks, DynamoDB Local was asked ("recorded").
package expr
