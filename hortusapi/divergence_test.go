package hortusapi

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// newReplicas makes a table with replicas in two Regions of an account, each with
// some items, of which no link brings any to the other.
func newReplicas(t *testing.T, items map[aws.Cell]map[string]int64) *fewCells {
	t.Helper()
	f := &fewCells{network: replication.NewNetwork(still{}, rand.New(rand.NewPCG(1, 2)))}
	t.Cleanup(f.network.Close)
	group := &table.Group{ID: "g", Kind: table.SameAccount}
	for _, region := range []aws.Region{"eu-west-1", "us-east-1"} {
		group.Members = append(group.Members, table.Member{Cell: aws.Cell{Account: "111111111111", Region: region}, Status: table.Active})
	}
	for _, m := range group.Members {
		e, err := table.Open(t.Context(), table.Options{Cell: m.Cell, Store: kv.NewMem(kv.MemOptions{}), Clock: still{}})
		if err != nil {
			t.Fatal(err)
		}
		tab, err := e.Create(t.Context(), table.Definition{
			Name: "A", Status: table.Active, Hash: "pk", Attributes: []table.Attribute{{Name: "pk", Type: "S"}}, Group: group,
		})
		if err != nil {
			t.Fatal(err)
		}
		for key, at := range items[m.Cell] {
			s := conflict.State{
				Version: conflict.Version{Time: clock.Timestamp{Wall: still{}.Now().UnixMicro() + at}, Cell: aws.Cell{Account: "999999999999", Region: "us-east-1"}},
				Item:    item.BuildItem(nil, []item.Entry{{Name: "pk", Value: item.S(key)}, {Name: "v", Value: item.S(fmt.Sprint(at))}}),
			}
			if _, err := e.Apply(t.Context(), tab, []conflict.State{s}, nil); err != nil {
				t.Fatal(err)
			}
		}
		r := replication.New(replication.Options{
			Engine: e, Transport: f.network, Clock: still{}, Logger: slog.New(slog.DiscardHandler), NewID: func() string { return "id" },
		})
		f.network.Attach(m.Cell, r)
		f.all = append(f.all, r)
	}
	return f
}

func TestCheckDivergence(t *testing.T) {
	east, west := aws.Cell{Account: "111111111111", Region: "us-east-1"}, aws.Cell{Account: "111111111111", Region: "eu-west-1"}
	w := newReplicas(t, map[aws.Cell]map[string]int64{
		east: {"same": 1, "older": 2, "here": 3},
		west: {"same": 1, "older": 4, "there": 5},
	})
	const ways = `"Table":"A","From":"111111111111/us-east-1","To":"111111111111/eu-west-1"`
	var out DivergenceOutput
	if err := ask(t, w, east.Account, "CheckDivergence", `{`+ways+`,"Repair":true}`, &out); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, d := range out.Differences {
		got[string(d.Key)] = d.Kind
		if (d.Kind == "MISSING_IN_FROM") != (d.From == nil) || (d.Kind == "MISSING_IN_TO") != (d.To == nil) || !d.Repaired {
			t.Errorf("%+v", d)
		}
	}
	if want := `map[{"pk":{"S":"here"}}:MISSING_IN_TO {"pk":{"S":"older"}}:OLDER_IN_FROM {"pk":{"S":"there"}}:MISSING_IN_FROM]`; fmt.Sprint(got) != want || out.First != 3 || out.Repaired != 3 || out.NextToken != "" {
		t.Errorf("%v, %+v; want %s", got, out, want)
	}
	out = DivergenceOutput{}
	if err := ask(t, w, east.Account, "CheckDivergence", `{`+ways+`}`, &out); err != nil || out.Checked != 4 || out.First != 0 || len(out.Differences) != 0 {
		t.Errorf("after the repair: %+v, %v", out, err)
	}
	for _, bad := range []struct {
		account aws.Account
		body    string
	}{
		{"222222222222", `{` + ways + `}`},
		{east.Account, `{` + ways + `,"NextToken":"?"}`},
		{east.Account, `{"Table":"A","From":"x","To":"111111111111/eu-west-1"}`},
		{east.Account, `{"Table":"A","From":"111111111111/us-east-1","To":"x"}`},
		{east.Account, `{"Table":"A","From":"111111111111/us-east-1","To":"111111111111/us-east-1"}`},
		{east.Account, `{"Table":"A","From":"111111111111/us-east-1","To":"222222222222/eu-west-1"}`},
		{east.Account, `{"Table":"B","From":"111111111111/us-east-1","To":"111111111111/eu-west-1"}`},
	} {
		var contract *aws.Error
		if err := ask(t, w, bad.account, "CheckDivergence", bad.body, &DivergenceOutput{}); !errors.As(err, &contract) {
			t.Errorf("%s: %v", bad.body, err)
		}
	}
	if !OfAccount("CheckDivergence") {
		t.Error("a strict node refuses it")
	}
}
