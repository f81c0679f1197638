package hortusapi

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
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

// TestExplainJoinElsewhere: members and newcomers of other nodes are asked, in the
// name of a cell of this one that has a part in the join, and for the caller; who has
// none is not answered.
func TestExplainJoinElsewhere(t *testing.T) {
	east, west := aws.Cell{Account: "111111111111", Region: "us-east-1"}, aws.Cell{Account: "111111111111", Region: "eu-west-1"}
	other, free := aws.Cell{Account: "222222222222", Region: "ap-south-1"}, aws.Cell{Account: "333333333333", Region: "sa-east-1"}
	replicas := newReplicas(t, nil) // All attached to the network.
	for _, r := range newCells(t, 0, other).all {
		replicas.network.Attach(other, r)
	}
	all := replicas.all
	at := func(own ...int) *fewCells {
		w := &fewCells{network: replicas.network}
		for _, i := range own {
			w.all = append(w.all, all[i])
		}
		return w
	}
	const west0, east1 = 0, 1
	explainAs := func(caller aws.Account, w *fewCells, table string, source, newcomer aws.Cell) ExplainJoinOutput {
		t.Helper()
		var out ExplainJoinOutput
		if err := ask(t, w, caller, "ExplainJoin", `{"Table":"`+table+`","Source":"`+source.String()+`","Newcomer":"`+newcomer.String()+`"}`, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	explain := func(w *fewCells, table string, source, newcomer aws.Cell) ExplainJoinOutput {
		t.Helper()
		return explainAs("111111111111", w, table, source, newcomer)
	}
	whole := explain(at(west0, east1), "A", east, other)
	// That the newcomer has such a table is for its own account alone.
	if text := fmt.Sprint(whole); strings.Contains(text, "has a table of that name already") || !strings.Contains(text, "Auto Scaling") || !strings.Contains(text, "{"+west.String()) || whole.Newcomer == "" {
		t.Errorf("%+v", whole)
	}
	for name, w := range map[string]*fewCells{"the source's": at(east1), "another member's": at(west0)} {
		if got := explain(w, "A", east, other); !reflect.DeepEqual(got, whole) || len(got.Unknown) != 0 {
			t.Errorf("asked at %s node: %+v; want %+v", name, got, whole)
		}
	}
	// A node without cells asks in the newcomer's name, whom no policy lets associate.
	stranger := explainAs(other.Account, at(), "A", east, other)
	if text := fmt.Sprint(stranger); !strings.Contains(text, "has a table of that name already") || !strings.Contains(text, other.Account.Root()+" is not authorized") ||
		!strings.Contains(text, "AssociateTableReplica") || strings.Contains(text, west.String()) || strings.Contains(text, "Auto Scaling") || stranger.Newcomer != "" {
		t.Errorf("the newcomer is told: %+v", stranger)
	}
	if got := explain(at(), "none", east, other); len(got.Gaps) != 1 || got.Gaps[0].Reason != "There is no table of that name." {
		t.Errorf("of a table that is not there: %+v", got)
	}
	// The newcomer cannot be reached.
	if got := explain(at(east1), "A", east, free); !slices.Contains(got.Unknown, free.String()) || len(got.Gaps) == 0 {
		t.Errorf("of a newcomer that is away: %+v", got)
	}
	if got := explain(at(east1), "A", free, other); len(got.Gaps) != 0 || !slices.Equal(got.Unknown, []string{free.String()}) {
		t.Errorf("of a source that is away: %+v", got)
	}
	// A member tells nobody else.
	q := &replication.Request{Kind: replication.Explain, Table: "A", Member: table.Member{Cell: free, Source: east}}
	var denied *aws.Error
	if _, err := all[east1].Serve(t.Context(), other, q); !errors.As(err, &denied) || denied.Code != "AccessDeniedException" {
		t.Errorf("a stranger is answered: %v", err)
	}
}
