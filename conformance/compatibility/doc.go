// Package compatibility writes the tables of docs/COMPATIBILITY.md, and holds
// them to the code.
//
// Which operations and members there are, the Go SDK's types say. What is built,
// the service's list of operations says, and its decoders and sources for each
// member. What differs from AWS is declared in differences_test.go, a line an
// entry, each with the test that shows it. The test fails when the page, the code
// and what is declared disagree:
//
//	go test ./conformance/compatibility -rewrite
//
// writes the page anew.
package compatibility
