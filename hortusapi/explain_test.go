package hortusapi

import (
	"strings"
	"testing"

	"github.com/hortusdb/hortus/aws"
)

// TestExplainJoin: a member is not told to delete its table in order to join; one
// that has another table of that name is. A provisioned source has to scale.
func TestExplainJoin(t *testing.T) {
	east, west, other := aws.Cell{Account: "111111111111", Region: "us-east-1"}, aws.Cell{Account: "111111111111", Region: "eu-west-1"}, aws.Cell{Account: "222222222222", Region: "ap-south-1"}
	replicas := newReplicas(t, nil)
	replicas.all = append(replicas.all, newCells(t, 0, other).all...)
	for _, c := range []struct {
		newcomer  aws.Cell
		want      string
		statement bool // What the newcomer's policy must have is told.
	}{
		{east, "has a replica of this table already", false},
		{west, "has a replica of this table already", false},
		{other, "has a table of that name already: delete it", true},
		{aws.Cell{Account: "333333333333", Region: "sa-east-1"}, "Table write capacity should either be Pay-Per-Request or AutoScaled", true},
	} {
		var out ExplainJoinOutput
		if err := ask(t, replicas, other.Account, "ExplainJoin", `{"Table":"A","Source":"`+east.String()+`","Newcomer":"`+c.newcomer.String()+`"}`, &out); err != nil {
			t.Fatal(err)
		}
		if len(out.Gaps) == 0 || !strings.Contains(out.Gaps[0].Reason, c.want) || (out.Newcomer != "") != c.statement {
			t.Errorf("%v: %+v; want %s", c.newcomer, out, c.want)
		}
	}
}
