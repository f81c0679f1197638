package shape

import (
	"bytes"
	"errors"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/hortusdb/hortus/aws"
)

// FuzzDecode: any bytes, for any operation, are either refused with an error of
// the contract or understood; and what was understood, written by Encode, is
// understood as the same.
func FuzzDecode(f *testing.F) {
	ops := operations()
	for i := range ops {
		f.Add(uint8(i), []byte(`{}`))
		f.Add(uint8(i), []byte(`{"TableName":"abc","ResourceArn":"arn:x","Limit":3,"Tags":[{"Key":"k","Value":"v"}],"BackupName":"abc"}`))
	}
	for _, body := range []string{
		`{"TableName":"abc","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1e2}}`,
		`{"TableName":"abc","Item":{"a":{"L":[{"M":{"b":{"BS":["AA=="]}}},{"NULL":true}]}}}`,
		`{"TargetTableName":"abc","RestoreDateTime":1.5e9,"TableName":"a$","X":[[{}]]}`,
		`{"RequestItems":{"abc":[{"PutRequest":{"Item":{}}},null]}}`,
	} {
		for i := range ops {
			f.Add(uint8(i), []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, body []byte) {
		op := ops[int(n)%len(ops)]
		in, err := op.decode(body)
		if err != nil {
			if _, ok := errors.AsType[*aws.Error](err); !ok {
				t.Fatalf("%s: error %v is not of the contract", op.name, err)
			}
			return
		}
		text := Encode(nil, in.(smithy.Serializable))
		again, err := op.decode(text)
		if err != nil {
			t.Fatalf("%s: %q was written as %s, which is refused: %v", op.name, body, text, err)
		}
		if twice := Encode(nil, again.(smithy.Serializable)); !bytes.Equal(twice, text) {
			t.Fatalf("%s: %s came back as %s", op.name, text, twice)
		}
	})
}

// TestNodeLimit: many small values cost no more than MaxNodes allows.
func TestNodeLimit(t *testing.T) {
	op := operationNamed(t, operations(), "CreateTable")
	body := append([]byte(`{"KeySchema":[{}`), bytes.Repeat([]byte(`,{}`), MaxNodes)...)
	_, err := op.decode(append(body, `]}`...))
	if err == nil || err.Error() != "SerializationException: Too many values in the request" {
		t.Fatal(err)
	}
}

// TestMessageLimit: what a message shows of values and violations is bounded.
func TestMessageLimit(t *testing.T) {
	op := operationNamed(t, operations(), "UntagResource")
	body := append([]byte(`{"ResourceArn":"`), bytes.Repeat([]byte("é"), 1<<20)...)
	_, err := op.decode(append(body, `","TagKeys":["a"]}`...))
	if err == nil || len(err.Error()) > maxValueText+1000 {
		t.Fatalf("a message of %d bytes", len(err.Error()))
	}
	op = operationNamed(t, operations(), "CreateTable")
	body = append([]byte(`{"TableName":"abc","AttributeDefinitions":[{}`), bytes.Repeat([]byte(`,{}`), 999)...)
	_, err = op.decode(append(body, `]}`...))
	if err == nil || !bytes.HasPrefix([]byte(err.Error()), []byte("ValidationException: 2000 validation errors detected: ")) ||
		bytes.Count([]byte(err.Error()), []byte("; ")) != MaxViolations-1 {
		t.Fatal(err)
	}
}
