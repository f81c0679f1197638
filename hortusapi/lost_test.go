package hortusapi

import (
	"errors"
	"strings"
	"testing"

	"github.com/hortusdb/hortus/aws"
)

// TestRemoveLostReplicas: what names no lost replica is refused, one that answers
// above all; whose replicas a caller may ask is what it is elsewhere.
func TestRemoveLostReplicas(t *testing.T) {
	f := newReplicas(t, nil)
	for _, c := range []struct {
		in   RemoveLostInput
		text string
	}{
		{RemoveLostInput{}, "Table is required"},
		{RemoveLostInput{Table: "B"}, "Table: B not found"},
		{RemoveLostInput{Table: "A"}, "Name the replicas"},
		{RemoveLostInput{Table: "A", Replicas: []string{"us-east-1"}}, "us-east-1"},
		{RemoveLostInput{Table: "A", Replicas: []string{"222222222222/us-east-1"}}, "has no replica in 222222222222/us-east-1"},
		{RemoveLostInput{Table: "A", Region: "us-east-1", Replicas: []string{"111111111111/us-east-1"}}, "it is not lost"},
		{RemoveLostInput{Table: "A", Region: "us-east-1", Replicas: []string{"111111111111/eu-west-1"}}, "cannot take the replica in 111111111111/eu-west-1 for lost"},
	} {
		var known *aws.Error
		out, err := removeLostReplicas(t.Context(), f.all, &c.in)
		if !errors.As(err, &known) || !strings.Contains(known.Message, c.text) {
			t.Errorf("%+v: %+v, %v", c.in, out, err)
		}
	}
	if !OfAccount("RemoveLostReplicas") {
		t.Error("it is not of the caller's account")
	}
}
