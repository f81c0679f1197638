package hortusapi

import (
	"errors"
	"slices"
	"strings"
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
	want := SettingsOutput{Table: "A", Conflict: "last-writer-wins", Topology: "aws", Transactions: "items", Members: []string{"111111111111/us-east-1"}}
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
	check(get("222222222222", `{"Table":"B"}`), SettingsOutput{Table: "B", Conflict: "last-writer-wins", Topology: "mixed", Transactions: "items"})
	for _, bad := range []string{`{}`, `{"Table":"C"}`, `{"Table":"A","Region":"eu-west-1"}`, `{"Table":"A","Region":"mars"}`} {
		var contract *aws.Error
		if err := ask(t, w, "111111111111", "DescribeTableSettings", bad, &SettingsOutput{}); !errors.As(err, &contract) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestOtherSettings: of a replica that has other settings at this moment, or does not
// say, none of those are claimed that the one has which is asked.
func TestOtherSettings(t *testing.T) {
	f := newReplicas(t, nil)
	get := func() OtherSettings {
		t.Helper()
		out, err := describeTableSettings(t.Context(), f.all, &DescribeSettingsInput{Table: "A", Region: "us-east-1"})
		if err != nil || len(out.Others) != 1 || out.Others[0].Replica == out.Replica {
			t.Fatalf("%+v, %v", out, err)
		}
		return out.Others[0]
	}
	if o := get(); !o.InStep || o.Conflict != "last-writer-wins" || o.Unknown != "" {
		t.Errorf("in step: %+v", o)
	}
	alter := func(fn func(d *table.Definition)) {
		t.Helper()
		for _, r := range f.all {
			if r.Cell().Region != "us-east-1" {
				if _, err := r.Engine().Alter(t.Context(), "A", func(d *table.Definition) error { fn(d); return nil }); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	alter(func(d *table.Definition) { d.TimeToLive = &table.TimeToLive{Attribute: "until"} })
	if o := get(); o.InStep || o.Conflict != "last-writer-wins" {
		t.Errorf("with another time to live: %+v", o)
	}
	alter(func(d *table.Definition) { d.TimeToLive, d.Conflict = nil, "merge" })
	if o := get(); o.InStep || o.Conflict != "merge" {
		t.Errorf("with another rule: %+v", o)
	}
	f.network.Isolate("us-east-1", true)
	if o := get(); o.InStep || o.Conflict != "" || !strings.Contains(o.Unknown, "cannot be reached") {
		t.Errorf("out of reach: %+v", o)
	}
}
