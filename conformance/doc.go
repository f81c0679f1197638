// Package conformance holds the built binary to its promises from outside, with
// the clients that people use: the Go SDK, the AWS CLI, the JavaScript SDK and
// boto3, and object mappers for DynamoDB (orm); with kills, with bad input, and with a clock and a scale.
//
// Its tests have the build tag conformance, and build the binary once. A test
// whose client is not on the machine skips itself and says so.
//
//	go test -tags conformance ./conformance
//
// HORTUS_KILLS says how often the crash test kills the server (5);
// HORTUS_BINARY names a binary to test in place of a fresh one.
package conformance
