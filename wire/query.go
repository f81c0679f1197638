package wire

import (
	"bytes"
	"encoding/xml"
	"net/http"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/invariant"
)

// contentTypeXML is the media type of every answer of the query protocol.
const contentTypeXML = "text/xml"

// isForm reports whether t is the content type of the query protocol, whatever its
// parameters.
func isForm(t []byte) bool {
	t, _, _ = bytes.Cut(t, []byte(";"))
	return bytes.EqualFold(bytes.TrimSpace(t), []byte("application/x-www-form-urlencoded"))
}

// Disown makes the answer to a form what it is to a body that no protocol here has:
// the form is for none of the services.
func (c *Call) Disown() {
	c.Form = false
	c.Status = http.StatusNotFound
	c.Out = append(c.Out[:0], "<UnknownOperationException/>\n"...)
}

// QueryError is a contract error in the words of the query protocol, whose common
// errors have other names than those of awsJson, and some another status (documented).
func QueryError(err *aws.Error) *aws.Error {
	out := *err
	switch err.Code {
	case "UnrecognizedClientException":
		out.Code, out.Status = "InvalidClientTokenId", http.StatusForbidden
	case "InvalidSignatureException":
		out.Code, out.Status = "SignatureDoesNotMatch", http.StatusForbidden
	case "MissingAuthenticationTokenException":
		out.Code, out.Status = "MissingAuthenticationToken", http.StatusForbidden
	case "IncompleteSignatureException":
		out.Code = "IncompleteSignature"
	case "AccessDeniedException":
		out.Code, out.Status = "AccessDenied", http.StatusForbidden
	case "ValidationException":
		out.Code = "ValidationError"
	case "InternalServerError":
		out.Code = "InternalFailure"
	}
	return &out
}

// queryError is the body of an error.
type queryError struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Namespace string   `xml:"xmlns,attr,omitempty"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

// AppendQueryError appends err's body as the query protocol has it. It is well-formed
// XML for any Code and Message.
func AppendQueryError(dst []byte, namespace string, err *aws.Error, requestID []byte) []byte {
	body := queryError{Namespace: namespace, Type: "Sender", Code: err.Code, Message: err.Message, RequestID: string(requestID)}
	if statusOf(err) >= http.StatusInternalServerError {
		body.Type = "Receiver"
	}
	b, failure := xml.Marshal(body)
	invariant.Assert(failure == nil, "an error is XML", "error", failure)
	return append(dst, b...)
}
