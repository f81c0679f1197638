package hortusapi

import (
	"errors"
	"slices"
	"testing"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// TestTableSettings: whoever has a replica reads the settings that all replicas have
// in common, and where they are, and changes nothing by that.
func TestTableSettings(t *testing.T) {
	w := newCells(t, 0, aws.Cell{Account: "111111111111", Region: "us-east-1"}, aws.Cell{Account: "222222222222", Region: "eu-west-1"})
	get := func(account aws.Account, body string) SettingsOutput {
		t.Helper()
		var out SettingsOutput
		if err := ask(t, w, account, "DescribeTableSettings", body, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	check := func(got, want SettingsOutput) {
		t.Helper()
		if !slices.Equal(got.Members, want.Members) || got.Table != want.Table || got.Conflict != want.Conflict || got.Topology != want.Topology || got.Transactions != want.Transactions {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	want := SettingsOutput{"A", "last-writer-wins", "aws", "items", []string{"111111111111/us-east-1"}}
	check(get("111111111111", `{"Table":"A"}`), want)
	var changed SettingsOutput
	if err := ask(t, w, "111111111111", "UpdateTableSettings", `{"Table":"A","Conflict":"merge","Transactions":"atomic"}`, &changed); err != nil {
		t.Fatal(err)
	}
	want.Conflict, want.Transactions = "merge", "atomic"
	check(changed, want)
	check(get("111111111111", `{"Table":"A","Region":"us-east-1"}`), want)
	if _, err := w.all[1].Engine().Alter(t.Context(), "B", func(d *table.Definition) error {
		d.Group, d.Topology = nil, table.MixedTopology
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	check(get("222222222222", `{"Table":"B"}`), SettingsOutput{"B", "last-writer-wins", "mixed", "items", nil})
	for _, bad := range []string{`{}`, `{"Table":"C"}`, `{"Table":"A","Region":"eu-west-1"}`, `{"Table":"A","Region":"mars"}`} {
		var contract *aws.Error
		if err := ask(t, w, "111111111111", "DescribeTableSettings", bad, &SettingsOutput{}); !errors.As(err, &contract) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
