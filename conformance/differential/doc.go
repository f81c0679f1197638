// Package differential sends the same random requests to Hortus and to
// DynamoDB Local, and compares what they answer.
//
// The requests are valid or nearly so, over a small schema and few keys, so
// that they meet. Where the two differ, either Hortus is wrong, or the table of
// known differences (known_test.go) says which fact makes it right. The tests
// are built with the tag conformance.
package differential
