package cell_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/replication"
)

// TestHosted: a node whose options name cells has those, at once and for good,
// and no others.
func TestHosted(t *testing.T) {
	ctx := t.Context()
	here, there := staging, prod
	o := options(t.TempDir())
	o.Cells = []aws.Cell{here}
	n, err := cell.OpenNode(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if n.Cell(here) == nil || len(n.Cells()) != 1 {
		t.Errorf("%d cells", len(n.Cells()))
	}
	_, leave, err := n.Enter(ctx, here)
	if err != nil {
		t.Fatal(err)
	}
	leave(false)
	if n.Cell(here) == nil {
		t.Error("a cell of the options is dropped after a call that failed")
	}
	var answer *aws.Error
	if _, err := n.Make(ctx, there); !errors.As(err, &answer) || !strings.Contains(answer.Message, "does not serve account 222222222222 in Region eu-west-1") {
		t.Errorf("another cell is made: %v", err)
	}
	if _, err := n.Empty(ctx, there); !errors.As(err, &answer) {
		t.Errorf("another cell is looked at: %v", err)
	}
	q := &replication.Request{Kind: replication.Inspect, Table: "Orders"}
	if _, err := n.Network().Call(ctx, here, there, q); !errors.Is(err, replication.ErrUnreachable) {
		t.Errorf("a call to a cell of no node: %v", err)
	}
	if _, err := n.Answer(ctx, there, there, q); !errors.Is(err, replication.ErrUnreachable) {
		t.Errorf("a call from another node to a cell that is not here: %v", err)
	}
	if _, err := n.Answer(ctx, there, here, q); !errors.As(err, &answer) || answer.Code != "ResourceNotFoundException" {
		t.Errorf("a call from another node: %v", err)
	}
	n.Network().Isolate(here.Region, true)
	if _, err := n.Answer(ctx, there, here, q); !errors.Is(err, replication.ErrUnreachable) {
		t.Errorf("a call from another node to an isolated Region: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	o.Cells = []aws.Cell{there}
	if _, err := cell.OpenNode(ctx, o); err == nil || !strings.Contains(err.Error(), "111111111111/us-east-1, which is not among") {
		t.Errorf("data of another cell: %v", err)
	}
}
