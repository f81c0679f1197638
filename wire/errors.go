package wire

import (
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/jsonscan"
)

// internal is what a client sees of any error that is not part of the API
// (recorded).
var internal = &aws.Error{Code: "InternalServerError", Message: "Internal server error", Status: 500}

// AppendError appends err's body as DynamoDB writes it: a __type with its
// namespace, the message unless it is empty, and the further members. It is
// valid JSON for any Code, Message and member name; a member's JSON is written
// as it is, and a member without any is left out. A Code that holds a '#'
// brings its own namespace.
func AppendError(dst []byte, err *aws.Error) []byte {
	dst = append(dst, `{"__type":`...)
	if strings.IndexByte(err.Code, '#') >= 0 {
		dst = appendText(dst, err.Code)
	} else {
		dst = appendText(dst, namespace(err.Code)+err.Code)
	}
	if err.Message != "" {
		dst = append(dst, messageMember(err.Code)...)
		dst = appendText(dst, err.Message)
	}
	for _, m := range err.Members {
		if len(m.JSON) == 0 {
			continue
		}
		dst = append(dst, ',')
		dst = appendText(dst, m.Name)
		dst = append(dst, ':')
		dst = append(dst, m.JSON...)
	}
	return append(dst, '}')
}

// appendText appends s as a JSON string. Messages quote what clients sent,
// which need not be UTF-8.
func appendText(dst []byte, s string) []byte {
	return jsonscan.AppendString(dst, strings.ToValidUTF8(s, "\uFFFD"))
}

// namespace is the first half of __type. The service's own exceptions are in
// DynamoDB's; what its frame answers before the service is reached is in
// Coral's (recorded, but for InternalFailure, whose namespace is a guess).
func namespace(code string) string {
	switch code {
	case "ValidationException":
		return "com.amazon.coral.validate#"
	case "UnknownOperationException", "SerializationException", "AccessDeniedException",
		"MissingAuthenticationTokenException", "IncompleteSignatureException",
		"InvalidSignatureException", "UnrecognizedClientException",
		"ExpiredTokenException", "InternalFailure":
		return "com.amazon.coral.service#"
	}
	return "com.amazonaws.dynamodb.v20120810#"
}

// messageMember is the comma, name and colon of the message. Two of the
// frame's exceptions (recorded) and four shapes of the model spell it with a
// capital.
func messageMember(code string) string {
	switch code {
	case "SerializationException", "AccessDeniedException",
		"TransactionCanceledException", "IdempotentParameterMismatchException",
		"TransactionInProgressException", "InvalidEndpointException":
		return `,"Message":`
	}
	return `,"message":`
}

// statusOf is the HTTP status of err; one that HTTP does not know is 500.
func statusOf(err *aws.Error) int {
	switch {
	case err.Status == 0:
		return 400
	case err.Status < 200 || err.Status > 599:
		return 500
	}
	return err.Status
}
