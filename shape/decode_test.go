package shape

import (
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/aws/smithy-go"
)

// TestDecode runs testdata/decode: a request's body for the operation named,
// and either the error or what was understood, as our Encode writes it.
func TestDecode(t *testing.T) {
	ops := operations()
	datadriven.Walk(t, "testdata/decode", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			in, err := operationNamed(t, ops, d.Cmd).decode([]byte(d.Input))
			if err != nil {
				return err.Error() + "\n"
			}
			return string(Encode(nil, in.(smithy.Serializable))) + "\n"
		})
	})
}
