package cell_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/cell"
)

// stored lists the cells that have data in dir, and what else is there but the
// lock.
func stored(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"cells/*", "cells/*/*", "dropped"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			name, err := filepath.Rel(dir, f)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, filepath.ToSlash(name))
		}
	}
	return out
}

func enter(t *testing.T, n *cell.Node, id aws.Cell) (*cell.Cell, func(bool)) {
	t.Helper()
	c, leave, err := n.Enter(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c, leave
}

// TestFailedCallLeavesNoCell holds that a cell that was made for a call goes with
// it when the call failed, and its data too; and that it can be made again.
func TestFailedCallLeavesNoCell(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []*cell.Node{open(t, ""), open(t, dir)} {
		for range 2 {
			_, leave := enter(t, n, staging)
			if n.Cell(staging) == nil {
				t.Error("no cell while the call runs")
			}
			leave(false)
			if n.Cell(staging) != nil {
				t.Error("a cell stayed")
			}
			if left := stored(t, dir); len(left) != 0 {
				t.Errorf("left on disk: %v", left)
			}
		}
		c, leave := enter(t, n, staging)
		if _, err := c.Engine.Create(t.Context(), orders()); err != nil {
			t.Fatal(err)
		}
		leave(true)
		_, leave = enter(t, n, staging)
		leave(false)
		if n.Cell(staging) != c {
			t.Error("a later call that failed took the cell away")
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, dir)
	if c := again.Cell(staging); c == nil || c.Engine.Table("Orders") == nil {
		t.Error("the table is lost")
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestCallsOverlap holds that a cell stays while any call is in it, and for good
// when one of them made something.
func TestCallsOverlap(t *testing.T) {
	n := open(t, "")
	first, leaveFirst := enter(t, n, staging)
	second, leaveSecond := enter(t, n, staging)
	if first != second {
		t.Fatal("two cells of one name")
	}
	leaveFirst(false)
	if n.Cell(staging) != second {
		t.Fatal("the cell went while a call was in it")
	}
	if _, err := second.Engine.Create(t.Context(), orders()); err != nil {
		t.Fatal(err)
	}
	leaveSecond(true)
	if n.Cell(staging) != second {
		t.Error("the cell went with a table in it")
	}
	_, leaveFirst = enter(t, n, prod)
	_, leaveSecond = enter(t, n, prod)
	leaveFirst(false)
	leaveSecond(false)
	if n.Cell(prod) != nil {
		t.Error("a cell stayed after both calls failed")
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestEnterAtOnce makes and drops cells from many sides. Every table that a call
// made must be there in the end, in the only cell of its name.
func TestEnterAtOnce(t *testing.T) {
	const callers, rounds = 8, 12
	dir := t.TempDir()
	n := open(t, dir)
	ids := []aws.Cell{staging, prod}
	var wait sync.WaitGroup
	for caller := range callers {
		wait.Go(func() {
			for round := range rounds {
				c, leave, err := n.Enter(t.Context(), ids[(caller+round)%len(ids)])
				if err != nil {
					t.Error(err)
					return
				}
				ok := round == rounds-1
				if ok {
					d := orders()
					d.Name = fmt.Sprintf("Orders%d", caller)
					if _, err := c.Engine.Create(t.Context(), d); err != nil {
						t.Error(err)
					}
				}
				leave(ok)
			}
		})
	}
	wait.Wait()
	for range 2 {
		tables := 0
		for _, c := range n.Cells() {
			tables += len(c.Engine.Tables())
		}
		if tables != callers {
			t.Errorf("%d tables, want %d", tables, callers)
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

// TestDroppedAtStart holds that data that a crash left half removed goes.
func TestDroppedAtStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "dropped", "half"), 0o700); err != nil {
		t.Fatal(err)
	}
	n := open(t, dir)
	if left := stored(t, dir); len(left) != 0 {
		t.Errorf("left on disk: %v", left)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}
