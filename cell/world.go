package cell

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
)

// MaxAhead bounds how far the clock of deadlines is moved in all: ten years.
const MaxAhead = 10 * 365 * 24 * time.Hour

// worldFormat is the format of a node's notes of its world; see
// docs/formats/world.md.
const worldFormat = 1

// notes are what a node keeps beside its cells.
type notes struct {
	Format int           `json:"format"`
	Ahead  time.Duration `json:"ahead"`              // Of the clock of deadlines, in nanoseconds.
	Off    []string      `json:"disabled,omitempty"` // Disabled Regions with their accounts, written as cells are.
}

func (n *Node) notesFile() string { return filepath.Join(n.options.Dir, "world.json") }

// loadNotes reads the notes. A directory without has none.
func (n *Node) loadNotes() error {
	n.dates = clock.NewOffset(n.options.Clock, 0)
	disabled := map[aws.Cell]bool{}
	n.off.Store(&disabled)
	if n.options.Dir == "" {
		return nil
	}
	b, err := os.ReadFile(n.notesFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cell: notes of the world: %w", err)
	}
	var w notes
	if err := json.Unmarshal(b, &w); err != nil || w.Format != worldFormat || w.Ahead < 0 || w.Ahead > MaxAhead {
		return fmt.Errorf("cell: %s is damaged or of another format than %d: %w", n.notesFile(), worldFormat, err)
	}
	for _, s := range w.Off {
		c, err := aws.ParseCell(s)
		if err != nil {
			return fmt.Errorf("cell: %s: %w", n.notesFile(), err)
		}
		disabled[c] = true
	}
	n.dates.Advance(w.Ahead)
	return nil
}

// keepNotes writes the notes, all of them or none: by another file that takes the
// place of the one before.
func (n *Node) keepNotes(ahead time.Duration, disabled map[aws.Cell]bool) error {
	if n.options.Dir == "" {
		return nil
	}
	w := notes{Format: worldFormat, Ahead: ahead}
	for _, c := range slices.SortedFunc(maps.Keys(disabled), aws.Cell.Compare) {
		w.Off = append(w.Off, c.String())
	}
	b, err := json.Marshal(w)
	if err == nil {
		err = replaceFile(n.notesFile(), append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("cell: notes of the world: %w", err)
	}
	return nil
}

// replaceFile puts a file with these bytes in a name's place, durably.
func replaceFile(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Dates is the clock that deadlines of hours and days are counted by, in all
// cells of the node.
func (n *Node) Dates() *clock.Offset { return n.dates }

// AdvanceClock moves the clock of deadlines on, in all cells at once. It does not
// go back, also not by a restart.
func (n *Node) AdvanceClock(by time.Duration) error {
	n.noting.Lock()
	defer n.noting.Unlock()
	return n.advance(by)
}

// MoveClock is AdvanceClock up to a distance from the machine's clock, as another node
// has it. A clock that is that far ahead, or farther, stays.
func (n *Node) MoveClock(ahead time.Duration) error {
	n.noting.Lock()
	defer n.noting.Unlock()
	if by := ahead - n.dates.Ahead(); by > 0 {
		return n.advance(by)
	}
	return nil
}

// advance moves the clock on, with n.noting held.
func (n *Node) advance(by time.Duration) error {
	if by < 0 || n.dates.Ahead()+by > MaxAhead {
		return aws.Validation("The clock moves forward, by %s in all at most; it is %s ahead", clock.Words(MaxAhead), clock.Words(n.dates.Ahead()))
	}
	if err := n.keepNotes(n.dates.Ahead()+by, *n.off.Load()); err != nil {
		return err
	}
	n.dates.Advance(by)
	for _, c := range n.Cells() {
		c.Replication.Rouse()
		c.Engine.Rouse()
	}
	return nil
}

// DisableRegion disables a Region in an account, or enables it again. Clients of
// a disabled Region are refused, nothing is replicated to and from it, and its
// data stays. A cell that is not this node's is refused.
func (n *Node) DisableRegion(c aws.Cell, on bool) error {
	if err := n.hosts(c); err != nil {
		return err
	}
	n.noting.Lock()
	defer n.noting.Unlock()
	next := maps.Clone(*n.off.Load())
	if delete(next, c); on {
		next[c] = true
	}
	if err := n.keepNotes(n.dates.Ahead(), next); err != nil {
		return err
	}
	n.mu.Lock() // No cell is opened meanwhile.
	defer n.mu.Unlock()
	n.off.Store(&next)
	if c := n.Cell(c); c != nil {
		c.Replication.SetDisabled(on)
	}
	return nil
}

// Disabled reports whether a Region is disabled in an account.
func (n *Node) Disabled(c aws.Cell) bool { return (*n.off.Load())[c] }

// DisabledRegions lists the Regions that are disabled, with their accounts.
func (n *Node) DisabledRegions() []aws.Cell {
	return slices.SortedFunc(maps.Keys(*n.off.Load()), aws.Cell.Compare)
}
