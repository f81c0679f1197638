package cell_test

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/invariant"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

var (
	staging = aws.Cell{Account: "111111111111", Region: "us-east-1"}
	prod    = aws.Cell{Account: "222222222222", Region: "eu-west-1"}
)

func open(t *testing.T, dir string) *cell.Node {
	t.Helper()
	n, err := cell.OpenNode(t.Context(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func options(dir string) cell.NodeOptions {
	return cell.NodeOptions{
		Dir: dir, Clock: clock.Wall{}, Rand: rand.New(rand.NewPCG(3, 4)),
		Logger: slog.New(slog.DiscardHandler), FreeBytes: func() (int64, error) { return 1 << 40, nil },
	}
}

func orders() table.Definition {
	return table.Definition{
		Name: "Orders", ID: "id", Status: table.Active, Hash: "id", OnDemand: true,
		Attributes: []table.Attribute{{Name: "id", Type: "S"}},
	}
}

// TestCellsStayApart holds that what one cell has the others have not, also
// after the node was closed and opened again.
func TestCellsStayApart(t *testing.T) {
	dir := t.TempDir()
	n := open(t, dir)
	for _, id := range []aws.Cell{staging, prod} {
		if _, err := n.Make(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.Cell(staging).Engine.Create(t.Context(), orders()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if n.Cell(staging).Engine.Table("Orders") == nil {
			t.Error("staging has no table")
		}
		if n.Cell(prod).Engine.Table("Orders") != nil {
			t.Error("prod has staging's table")
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		n = open(t, dir)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	n := open(t, dir)
	if _, err := cell.OpenNode(t.Context(), options(dir)); !errors.Is(err, kv.ErrInUse) {
		t.Errorf("a second node: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestBreak holds that a broken cell says why, and that the others stay.
func TestBreak(t *testing.T) {
	n := open(t, "")
	for _, id := range []aws.Cell{staging, prod} {
		if _, err := n.Make(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	n.Cell(staging).Break(invariant.Broken{Message: "the sky fell"})
	if n.Cell(staging).Broken() == nil || n.Cell(prod).Broken() != nil {
		t.Errorf("staging %v, prod %v", n.Cell(staging).Broken(), n.Cell(prod).Broken())
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestClosedNodeMakesNoCell(t *testing.T) {
	n := open(t, "")
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Make(t.Context(), staging); err == nil {
		t.Error("a closed node made a cell")
	}
}
