package cell_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hortusdb/hortus/cell"
)

// TestClockStaysAhead holds that the clock of deadlines does not go back by a
// restart, and that a disabled Region stays disabled.
func TestClockStaysAhead(t *testing.T) {
	dir := t.TempDir()
	n := open(t, dir)
	if _, err := n.Make(t.Context(), prod); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := n.AdvanceClock(10 * time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.DisableRegion(prod, true); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := n.Dates().Ahead(); got != 20*time.Hour {
			t.Errorf("ahead by %v", got)
		}
		if !n.Disabled(prod) || n.Disabled(staging) || len(n.DisabledRegions()) != 1 {
			t.Errorf("disabled: %v", n.DisabledRegions())
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		n = open(t, dir)
	}
	if err := n.DisableRegion(prod, false); err != nil {
		t.Fatal(err)
	}
	for _, by := range []time.Duration{-time.Second, cell.MaxAhead} {
		if err := n.AdvanceClock(by); err == nil {
			t.Errorf("the clock was moved by %v", by)
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n = open(t, dir)
	if n.Disabled(prod) || n.Dates().Ahead() != 20*time.Hour {
		t.Errorf("disabled: %v; ahead by %v", n.DisabledRegions(), n.Dates().Ahead())
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "world.json?*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

// TestDamagedNotes holds that a node does not open on notes that it cannot read.
func TestDamagedNotes(t *testing.T) {
	for _, text := range []string{"", "{}", `{"format":2}`, `{"format":1,"ahead":-1}`, `{"format":1,"ahead":9223372036854775807}`, `{"format":1,"disabled":["nowhere"]}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "world.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if n, err := cell.OpenNode(t.Context(), options(dir)); err == nil {
			t.Errorf("opened on %q", text)
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
