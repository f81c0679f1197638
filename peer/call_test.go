package peer

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// TestCompared: requests of a check, and their answers, come as they were sent.
func TestCompared(t *testing.T) {
	a := authority(t)
	lnA, lnB := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	nodeA := serveNode(t, a, lnA, one(staging), one(staging), Node{lnB.Addr().String(), one(prod)})
	nodeB := serveNode(t, a, lnB, one(prod), one(prod), Node{lnA.Addr().String(), one(staging)})
	at := clock.Timestamp{Wall: 7, Logical: 8}
	rows := []table.KeyedRow{{Key: []byte{0, 255}, Row: table.Row{1, 0}}}
	for kind, q := range map[replication.RequestKind]*replication.Compared{
		replication.Digest:    {Span: table.Span{Low: []byte{1}, High: []byte{2, 255}}, Stable: at},
		replication.ReadRows:  {Keys: [][]byte{{0}, {255, 254}}, Brief: true},
		replication.MergeRows: {Rows: rows},
	} {
		want := &replication.Comparison{
			Blocks: []table.Block{{High: []byte{3}, Rows: 4, Sum: []byte{5}}, {Sum: []byte{6}}},
			Stable: at, Rows: rows, Briefs: []replication.Brief{{Sum: []byte{7, 0}, Size: 8}}, High: []byte{9}, Looked: 10, Floor: at,
		}
		nodeB.reply = func(_, _ aws.Cell, came *replication.Request) (*replication.Response, error) {
			if came.Kind != kind || !reflect.DeepEqual(came.Compared, q) {
				t.Errorf("sent %+v, came %+v", q, came.Compared)
			}
			return &replication.Response{Comparison: want}, nil
		}
		got, err := nodeA.remote(t, prod).Serve(context.Background(), staging, &replication.Request{Kind: kind, Table: "Orders", Group: &table.Group{ID: "g"}, Compared: q})
		if err != nil || !reflect.DeepEqual(got.Comparison, want) {
			t.Errorf("%d: %+v, %v", kind, got, err)
		}
	}
}

// TestComparedMalformed: requests of a check without what they need, or beyond the
// limits, are refused before they are served.
func TestComparedMalformed(t *testing.T) {
	group := &table.Group{ID: "g"}
	many := make([][]byte, replication.MaxComparedKeys+1)
	for _, c := range []struct {
		request replication.Request
		ok      bool
	}{
		{replication.Request{Group: group, Compared: &replication.Compared{}}, true},
		{replication.Request{Group: group}, false},
		{replication.Request{Compared: &replication.Compared{}}, false},
		{replication.Request{Group: group, Compared: &replication.Compared{Keys: many}}, false},
		{replication.Request{Group: group, Compared: &replication.Compared{Keys: many[1:]}}, true},
		{replication.Request{Group: group, Compared: &replication.Compared{Rows: make([]table.KeyedRow, len(many))}}, false},
		{replication.Request{Group: group, Compared: &replication.Compared{Span: table.Span{Low: []byte{2}, High: []byte{1}}}}, false},
		{replication.Request{Group: group, Compared: &replication.Compared{Span: table.Span{High: []byte{}}}}, false},
	} {
		for _, kind := range []replication.RequestKind{replication.Digest, replication.ReadRows, replication.MergeRows} {
			c.request.Kind = kind
			b, err := json.Marshal(question{formatVersion, staging, prod, &c.request})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := decodeQuestion(b); (err == nil) != c.ok || (err != nil && !errors.Is(err, ErrMalformed)) {
				t.Errorf("%+v: %v", c.request, err)
			}
		}
	}
}
