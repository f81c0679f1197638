package api_test

import (
	"testing"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
)

func TestTable(t *testing.T) {
	home := aws.Cell{Account: "111111111111", Region: "us-east-1"}
	other := aws.Cell{Account: "222222222222", Region: "us-east-1"}
	for _, c := range []struct {
		parameter, name string
		owner           aws.Cell
		fails           bool
	}{
		{"Orders", "Orders", home, false},
		{"arn:aws:dynamodb:us-east-1:222222222222:table/Orders", "Orders", other, false},
		{"arn:aws:dynamodb:eu-west-1:222222222222:table/Orders", "", home, true},
		{"arn:aws:dynamodb:us-east-1:2222:table/Orders", "", home, true},
		{"arn:aws:s3:us-east-1:222222222222:table/Orders", "", home, true},
		{"ab", "", home, true},
	} {
		call := api.Call{Home: home, Owner: home}
		name, err := call.Table(c.parameter)
		if (err != nil) != c.fails || (err == nil && (name != c.name || call.Owner != c.owner)) {
			t.Errorf("%s: %q of %v, %v", c.parameter, name, call.Owner, err)
		}
	}
}

// TestNameAfterARN holds that a name means the caller's own account, also after
// an ARN of another.
func TestNameAfterARN(t *testing.T) {
	home := aws.Cell{Account: "111111111111", Region: "us-east-1"}
	call := api.Call{Home: home, Owner: home}
	for _, p := range []string{"arn:aws:dynamodb:us-east-1:222222222222:table/Orders", "Orders"} {
		if _, err := call.Table(p); err != nil {
			t.Fatal(err)
		}
	}
	if call.Owner != home {
		t.Errorf("the owner is %v", call.Owner)
	}
}

func FuzzParseTableARN(f *testing.F) {
	f.Add("arn:aws:dynamodb:us-east-1:111111111111:table/Orders/index/byDate")
	f.Fuzz(func(t *testing.T, arn string) {
		cell, table, index, err := api.ParseTableARN(arn)
		if err != nil {
			return
		}
		n := api.Need{Table: table, Index: index, Cell: cell}
		if got := n.ARN(); got != arn {
			t.Errorf("%q was read as %q", arn, got)
		}
	})
}
