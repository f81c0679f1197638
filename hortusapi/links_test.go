package hortusapi

import (
	"errors"
	"testing"

	"github.com/hortusdb/hortus/aws"
)

// TestSetLink: conditions are of a way between two Regions, within the limits.
func TestSetLink(t *testing.T) {
	w := newCells(t, 0)
	if err := ask(t, w, "111111111111", "SetLink", `{"From":"us-east-1","To":"eu-west-1","DelayMillis":40}`, &Empty{}); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		`{"From":"us-east-1","To":"us-east-1","Cut":true}`,
		`{"From":"mars","To":"us-east-1"}`,
		`{"From":"us-east-1","To":"mars"}`,
		`{"From":"us-east-1","To":"eu-west-1","Loss":2}`,
	} {
		var contract *aws.Error
		if err := ask(t, w, "111111111111", "SetLink", bad, &Empty{}); !errors.As(err, &contract) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, conditions := w.Network().State(); len(conditions) != 1 {
		t.Errorf("%v", conditions)
	}
}
