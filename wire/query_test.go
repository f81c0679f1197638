package wire

import (
	"encoding/xml"
	"errors"
	"testing"

	"github.com/hortusdb/hortus/aws"
)

// TestQueryErrors: the frame's errors have the query protocol's names (documented).
func TestQueryErrors(t *testing.T) {
	for _, c := range []struct {
		err    error
		code   string
		status int
	}{
		{aws.Errorf("UnrecognizedClientException", ""), "InvalidClientTokenId", 403},
		{aws.Errorf("InvalidSignatureException", ""), "SignatureDoesNotMatch", 403},
		{aws.Errorf("MissingAuthenticationTokenException", ""), "MissingAuthenticationToken", 403},
		{aws.Errorf("IncompleteSignatureException", ""), "IncompleteSignature", 400},
		{aws.Errorf("AccessDeniedException", ""), "AccessDenied", 403},
		{aws.Validation("x"), "ValidationError", 400},
		{errors.New("disk on fire"), "InternalFailure", 500},
		{&aws.Error{Code: "NoSuchEntity", Status: 404}, "NoSuchEntity", 404},
	} {
		call := &Call{Form: true, Namespace: "urn:x", RequestID: []byte("R")}
		call.Fail(c.err)
		var got queryError
		if err := xml.Unmarshal(call.Out, &got); err != nil || call.Status != c.status || got.Code != c.code || got.RequestID != "R" || got.XMLName.Space != "urn:x" || (got.Type == "Receiver") != (c.status >= 500) {
			t.Errorf("%v: %d %s, %v", c.err, call.Status, call.Out, err)
		}
	}
}

// FuzzAppendQueryError: whatever the code and the message, the body is well-formed XML.
func FuzzAppendQueryError(f *testing.F) {
	f.Add("NoSuchEntity", "a<b>&\"'\x00\xff", "urn:\"x")
	f.Fuzz(func(t *testing.T, code, message, namespace string) {
		var got queryError
		out := AppendQueryError(nil, namespace, aws.Errorf(code, "%s", message), []byte("R"))
		if err := xml.Unmarshal(out, &got); err != nil || got.RequestID != "R" {
			t.Errorf("%s: %v", out, err)
		}
	})
}
