package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hortusdb/hortus/aws"
)

func TestAppendError(t *testing.T) {
	const (
		dynamo = "com.amazonaws.dynamodb.v20120810#"
		coral  = "com.amazon.coral.service#"
	)
	for _, tc := range []struct {
		err  *aws.Error
		want string
	}{
		{aws.Validation("no"), `{"__type":"com.amazon.coral.validate#ValidationException","message":"no"}`},
		{aws.Errorf("ResourceInUseException", "Table already exists: T"), `{"__type":"` + dynamo + `ResourceInUseException","message":"Table already exists: T"}`},
		{aws.Errorf("TrimmedDataAccessException", "x"), `{"__type":"` + dynamo + `TrimmedDataAccessException","message":"x"}`},
		{aws.Errorf("UnknownOperationException", ""), `{"__type":"` + coral + `UnknownOperationException"}`},
		{aws.Serialization(""), `{"__type":"` + coral + `SerializationException"}`},
		{aws.Serialization("STRING_VALUE cannot be converted to Integer"), `{"__type":"` + coral + `SerializationException","Message":"STRING_VALUE cannot be converted to Integer"}`},
		{aws.Errorf("AccessDeniedException", "x"), `{"__type":"` + coral + `AccessDeniedException","Message":"x"}`},
		{aws.Errorf("MissingAuthenticationTokenException", "x"), `{"__type":"` + coral + `MissingAuthenticationTokenException","message":"x"}`},
		{aws.Errorf("UnrecognizedClientException", "x"), `{"__type":"` + coral + `UnrecognizedClientException","message":"x"}`},
		{aws.Errorf("IdempotentParameterMismatchException", "x"), `{"__type":"` + dynamo + `IdempotentParameterMismatchException","Message":"x"}`},
		{
			&aws.Error{Code: "ConditionalCheckFailedException", Message: "The conditional request failed", Members: []aws.Member{{Name: "Item", JSON: []byte(`{"a":{"N":"1"}}`)}}},
			`{"__type":"` + dynamo + `ConditionalCheckFailedException","message":"The conditional request failed","Item":{"a":{"N":"1"}}}`,
		},
		{
			&aws.Error{Code: "TransactionCanceledException", Message: "m", Members: []aws.Member{{Name: "CancellationReasons", JSON: []byte(`[{"Code":"None"}]`)}, {Name: "Left out"}}},
			`{"__type":"` + dynamo + `TransactionCanceledException","Message":"m","CancellationReasons":[{"Code":"None"}]}`,
		},
		{aws.Errorf("com.example.own#Thing", "x"), `{"__type":"com.example.own#Thing","message":"x"}`},
		{aws.Validation("a\"b\\c\n\x01 \xff é </x>"), `{"__type":"com.amazon.coral.validate#ValidationException","message":"a\"b\\c\n\u0001 ` + "\uFFFD" + ` é </x>"}`},
	} {
		if got := string(AppendError([]byte("before "), tc.err)); got != "before "+tc.want {
			t.Errorf("%v:\ngot  %s\nwant before %s", tc.err, got, tc.want)
		}
	}
}

func TestFail(t *testing.T) {
	denied := &aws.Error{Code: "AccessDeniedException", Message: "no"}
	const internalBody = `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"Internal server error"}`
	for _, tc := range []struct {
		err    error
		status int
		body   string
	}{
		{denied, 400, string(AppendError(nil, denied))},
		{fmt.Errorf("dynamodb: %w", denied), 400, string(AppendError(nil, denied))},
		{&aws.Error{Code: "ServiceUnavailable", Status: 503}, 503, `{"__type":"com.amazonaws.dynamodb.v20120810#ServiceUnavailable"}`},
		{&aws.Error{Code: "X", Status: 7}, 500, `{"__type":"com.amazonaws.dynamodb.v20120810#X"}`},
		{errors.New("pebblekv: /secret/path: disk on fire"), 500, internalBody},
		{nil, 500, internalBody},
	} {
		c := &Call{Out: []byte("half an answer")}
		c.Fail(tc.err)
		if c.Status != tc.status || string(c.Out) != tc.body {
			t.Errorf("%v: got %d %s, want %d %s", tc.err, c.Status, c.Out, tc.status, tc.body)
		}
	}
}

// FuzzAppendError: whatever code, message and member name, the body is valid
// JSON; __type ends in the code; the message is there in exactly one spelling
// unless empty, with U+FFFD for what is not UTF-8; the member keeps its value.
func FuzzAppendError(f *testing.F) {
	f.Add("ValidationException", "a\"b", "Item")
	f.Add("SerializationException", "", "")
	f.Add("a#b", "\xff\x00\u2028", "message")
	f.Fuzz(func(t *testing.T, code, message, name string) {
		e := &aws.Error{Code: code, Message: message, Members: []aws.Member{{Name: "m" + name, JSON: []byte(`[1]`)}}}
		out := AppendError(nil, e)
		var got map[string]any
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		valid := func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
		if kind, _ := got["__type"].(string); !strings.HasSuffix(kind, valid(code)) || !strings.Contains(kind, "#") {
			t.Errorf("%q: type of %q is %q", out, code, kind)
		}
		if name == "essage" {
			return // The member has the message's own name.
		}
		lower, hasLower := got["message"]
		upper, hasUpper := got["Message"]
		if hasLower && hasUpper || (hasLower || hasUpper) != (message != "") {
			t.Errorf("%q: message once unless empty", out)
		}
		if hasLower && lower != valid(message) || hasUpper && upper != valid(message) {
			t.Errorf("%q: message is not %q", out, message)
		}
		if _, ok := got[valid("m"+name)].([]any); !ok {
			t.Errorf("%q: member is lost", out)
		}
	})
}
