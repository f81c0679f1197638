package hortusapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

type still struct{}

func (still) Now() time.Time { return time.Unix(1_800_000_000, 0) }

// fewCells is a world of some cells that are not connected.
type fewCells struct {
	World   // What is not said here is not asked for.
	network *replication.Network
	all     []*replication.Replicator
}

func (f *fewCells) Network() *replication.Network          { return f.network }
func (f *fewCells) Nodes() ([]Node, int64)                 { return nil, 0 }
func (f *fewCells) Replicators() []*replication.Replicator { return f.all }

// newCells makes cells that each hold the tables A and B, with n conflicts each.
func newCells(t *testing.T, n int, cells ...aws.Cell) *fewCells {
	t.Helper()
	f := &fewCells{network: replication.NewNetwork(still{}, rand.New(rand.NewPCG(1, 2)))}
	t.Cleanup(f.network.Close)
	for _, c := range cells {
		e, err := table.Open(t.Context(), table.Options{Cell: c, Store: kv.NewMem(kv.MemOptions{}), Clock: still{}})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"A", "B"} {
			tab, err := e.Create(t.Context(), table.Definition{
				Name: name, Status: table.Active, Hash: "pk", Attributes: []table.Attribute{{Name: "pk", Type: "S"}},
				Group: &table.Group{ID: "g", Members: []table.Member{{Cell: c}}},
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 2 * n {
				from := aws.Cell{Account: "999999999999", Region: aws.Regions()[i%2]}
				entries := []item.Entry{{Name: "pk", Value: item.S(fmt.Sprint("k", i/2))}}
				if i%4 != 0 {
					entries = append(entries, item.Entry{Name: "v", Value: item.S(fmt.Sprint(i))})
				}
				s := conflict.State{
					Version: conflict.Version{Time: clock.Timestamp{Wall: still{}.Now().UnixMicro() + int64(i)}, Cell: from},
					Deleted: i%4 == 0,
					Item:    item.BuildItem(nil, entries),
				}
				if _, err := e.Apply(t.Context(), tab, []conflict.State{s}, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		f.all = append(f.all, replication.New(replication.Options{
			Engine: e, Transport: f.network, Clock: still{}, Logger: slog.New(slog.DiscardHandler), NewID: func() string { return "id" },
		}))
	}
	return f
}

// ask runs an operation as the root of an account.
func ask(t *testing.T, w World, account aws.Account, name, body string, out any) error {
	t.Helper()
	for _, op := range Operations() {
		if op.Name != name {
			continue
		}
		c := &api.Call{Body: []byte(body), Caller: policy.Principal{Type: policy.Root, Account: account, ARN: account.Root()}}
		if err := op.Decode(c); err != nil {
			return err
		}
		if err := op.Run(context.Background(), w, c); err != nil {
			return err
		}
		return json.Unmarshal(c.Out, out)
	}
	t.Fatalf("there is no operation %s", name)
	return nil
}

// TestListConflicts: pages go over tables and Regions, each conflict comes once,
// and nobody sees what another account's cells hold.
func TestListConflicts(t *testing.T) {
	w := newCells(t, 5,
		aws.Cell{Account: "111111111111", Region: "eu-west-1"},
		aws.Cell{Account: "111111111111", Region: "us-east-1"},
		aws.Cell{Account: "222222222222", Region: "us-east-1"})
	for _, c := range []struct {
		account  aws.Account
		filter   string
		want     int
		mustHave string
	}{
		{"111111111111", `"Limit":1`, 20, "111111111111/"},
		{"111111111111", `"Limit":3`, 20, "111111111111/"},
		{"111111111111", `"Limit":5,"Region":"us-east-1"`, 10, "111111111111/us-east-1"},
		{"111111111111", `"Table":"B"`, 10, "111111111111/"},
		{"111111111111", `"Table":"B","Key":{"pk":{"S":"k2"}}`, 2, "111111111111/"},
		{"111111111111", `"Since":"2100-01-01T00:00:00Z"`, 0, ""},
		{"222222222222", `"Limit":7`, 10, "222222222222/us-east-1"},
		{"333333333333", `"Limit":7`, 0, ""},
	} {
		seen := map[string]bool{}
		for token := ""; ; {
			var out ConflictsOutput
			if err := ask(t, w, c.account, "ListConflicts", fmt.Sprintf(`{%s,"NextToken":%q}`, c.filter, token), &out); err != nil {
				t.Fatalf("%s: %v", c.filter, err)
			}
			for _, x := range out.Conflicts {
				if !strings.HasPrefix(x.Cell, c.mustHave) || x.Lost.Version >= x.Kept.Version || x.Lost.Deleted != (x.Lost.Item == nil) {
					t.Errorf("%s: %+v", c.filter, x)
				}
				seen[x.Cell+x.Table+x.ID] = true
			}
			if token = out.NextToken; token == "" {
				break
			}
		}
		if len(seen) != c.want {
			t.Errorf("%s of %s: %d conflicts, want %d", c.filter, c.account, len(seen), c.want)
		}
	}
	err := ask(t, w, "111111111111", "ListConflicts", `{"Table":"A","Key":{"id":{"S":"k2"}}}`, &ConflictsOutput{})
	if err == nil || !strings.Contains(err.Error(), "the key of table A is pk (S)") {
		t.Errorf("a key of another attribute: %v", err)
	}
	for _, bad := range []string{
		`{"Limit":-1}`, `{"Limit":1001}`, `{"Region":"mars"}`, `{"Table":"Nope"}`, `{"NextToken":"?"}`, `{"Key":{"pk":{"S":"a"}}}`, `{"Table":"A","Key":{"pk":{"X":"a"}}}`,
		`{"Table":"A","Key":{"id":{"S":"k2"}}}`, `{"Table":"A","Key":{"pk":{"N":"2"}}}`, `{"Table":"A","Key":{"pk":{"S":"k2"},"sk":{"S":"a"}}}`, `{"Table":"A","Key":{"pk":{"S":""}}}`, `{"Table":"A","Key":{}}`,
	} {
		var contract *aws.Error
		if err := ask(t, w, "111111111111", "ListConflicts", bad, &ConflictsOutput{}); !errors.As(err, &contract) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	var out ReplicationOutput
	if err := ask(t, w, "111111111111", "DescribeReplication", `{"Table":"A"}`, &out); err != nil || len(out.Journals) != 3 || out.Journals[0].Conflicts != 5 || out.Journals[0].Noted != 5 {
		t.Errorf("%+v, %v", out.Journals, err)
	}
}
