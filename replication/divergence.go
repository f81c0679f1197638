package replication

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/table"
)

// Limits of one page of a check. It ends behind the piece of the table with which
// one of them is reached.
const (
	MaxDifferences = 1000    // Rows that differed at first.
	maxChecked     = 100_000 // Rows of this cell that were compared.
	maxRepaired    = 1 << 20 // With Repair, and not at once: bytes of rows that differed at first, of the greater of both. They have to go over the link.

	maxWalk = 8 * time.Second // That rows are compared for the first time. Whoever asked waits for all of the page.
)

// How rows that differ are looked at again: what is on its way makes a difference
// for a moment.
const (
	maxLooks    = 3
	SettlePause = time.Second // Between two looks, unless the caller wants another.
)

// DifferenceKind says how a row differs, as the cell sees it that checks.
type DifferenceKind string

// The kinds of differences. A deletion is a row, too, until all members have it.
const (
	MissingHere  DifferenceKind = "MISSING_HERE"
	MissingThere DifferenceKind = "MISSING_THERE"
	OlderHere    DifferenceKind = "OLDER_HERE"
	OlderThere   DifferenceKind = "OLDER_THERE"
	Differing    DifferenceKind = "DIFFERING" // Of one version, and not the same bytes.
)

// CheckOptions say what a page of a check does.
type CheckOptions struct {
	After  []byte        // Where the page before ended; nil for the first.
	Repair bool          // Bring what differs in step.
	Merge  bool          // With Repair: at once, and also what changes from look to look.
	Forget bool          // With Repair: delete here what the other has deleted and forgotten. See renew.
	Pause  time.Duration // Between two looks at what differs.
}

// Divergence is what a page of a check found.
type Divergence struct {
	Checked     int          // Rows of this cell that were compared.
	First       int          // Rows that differed at the first look.
	Moving      int          // Of those, the ones that changed from look to look: nothing is known of them.
	Pending     int          // Of those, the ones that are on their way: the newer version's origin has still to ship it.
	Differences []Difference // The ones that still differ, in the order of their keys.
	Repaired    int          // Of Differences, with Repair: those that are the same now.
	Next        []byte       // Where the next page begins; nil at the end of the table.
}

// Difference is a row that differs between two members.
type Difference struct {
	Kind        DifferenceKind
	Key         item.Item // The key attributes.
	Here, There Standing
	Repaired    bool // The same now.

	row     []byte             // Its key in the table.
	vectors [2]conflict.Vector // Here and there.
}

// Standing is what one of the members has of a row.
type Standing struct {
	Present bool
	Version conflict.Version
	Deleted bool

	sum [sha256.Size]byte
}

// check is a page of a check under way.
type check struct {
	r       *Replicator
	t       *table.Table
	peer    aws.Cell
	options CheckOptions
	out     *Divergence
	floors  [2]clock.Timestamp // Here and there: what is not there and was deleted up to then is no difference.
	found   []Difference
	began   time.Time
	bytes   int        // Of rows that differ, of the greater of both.
	stand   [2][]Point // Here and there: what was applied of the others' logs before rows were last looked at.
}

// CheckDivergence compares a page of this cell's replica with that of another
// member, and, with Repair, brings both in step: whoever lacks something of a row
// gets it as it is stored at the other, whichever cell wrote it and whether that
// cell is still there.
//
// The policy of the other's table must let the service read, and for a repair the
// policies of both let it read and write, or the answer is AccessDeniedException.
//
// A row whose newer version is still to come, because its origin has not shipped
// it, is counted and is no difference. See underway.
//
// A row that one member has and the other has no trace of is given to the other:
// whether it was deleted so long ago that the deletion was forgotten cannot be
// told, and a row that is lost is worse than one that comes back (ours).
func (r *Replicator) CheckDivergence(ctx context.Context, name string, peer aws.Cell, o CheckOptions) (*Divergence, error) {
	t := r.engine.Table(name)
	switch {
	case t == nil:
		return nil, notFound(name)
	case t.Def.Status == table.Creating || t.Def.Status == table.Deleting:
		return nil, aws.Errorf("ResourceInUseException", "The replica in %v is being made or deleted; try again when it is ACTIVE", r.cell)
	case peer == r.cell || t.Def.Group.Member(peer) == nil:
		return nil, aws.Validation("%v has no replica of the table %s that %v knows of", peer, name, r.cell)
	}
	if o.Repair {
		for _, action := range []string{readData, writeData} {
			if _, err := r.compared(peer, name, t.Def.Group.ID, action); err != nil {
				return nil, err
			}
		}
	}
	c := &check{r: r, t: t, peer: peer, options: o, out: &Divergence{}, began: r.clock.Now()}
	if err := c.walk(ctx); err != nil {
		return nil, err
	}
	if c.out.First = len(c.found); !o.Merge {
		if err := c.settle(ctx); err != nil {
			return nil, err
		}
		if err := c.sift(ctx); err != nil {
			return nil, err
		}
	}
	c.out.Differences = c.found
	if o.Repair && len(c.found) > 0 {
		return c.out, c.repair(ctx)
	}
	return c.out, nil
}

func (c *check) ask(ctx context.Context, kind RequestKind, q Compared) (*Comparison, error) {
	a, err := c.r.call(ctx, c.peer, &Request{Kind: kind, Table: c.t.Def.Name, Group: &table.Group{ID: c.t.Def.Group.ID}, Compared: &q})
	if err == nil && a.Comparison == nil {
		err = c.nonsense()
	}
	if err != nil {
		return nil, err
	}
	return a.Comparison, nil
}

func (c *check) nonsense() error {
	return fmt.Errorf("replication: %v answers a comparison of %s with nonsense", c.peer, c.t.Def.Name)
}

// walk compares sums of runs of rows, and the rows of those runs that differ.
func (c *check) walk(ctx context.Context) error {
	low := c.options.After
	for {
		a, err := c.ask(ctx, Digest, Compared{Span: table.Span{Low: low}, Stable: c.t.Floor()})
		if err != nil {
			return err
		}
		if len(a.Blocks) == 0 {
			return c.nonsense()
		}
		for _, b := range a.Blocks {
			if low, err = c.block(ctx, low, b, a.Stable); err != nil || low == nil {
				return err
			}
			if c.full() {
				c.out.Next = low
				return nil
			}
		}
	}
}

// full reports whether a limit of the page is reached.
func (c *check) full() bool {
	return len(c.found) >= MaxDifferences || c.out.Checked >= maxChecked || (c.options.Repair && !c.options.Merge && c.bytes >= maxRepaired) ||
		c.r.clock.Now().Sub(c.began) >= maxWalk
}

// block compares one run. It returns where to go on, nil at the end of the table:
// within the run only where a limit of the page is reached.
func (c *check) block(ctx context.Context, low []byte, b table.Block, stable clock.Timestamp) ([]byte, error) {
	s := table.Span{Low: low, High: b.High}
	if b.Rows < 0 || (b.High != nil && bytes.Compare(low, b.High) >= 0) {
		return nil, c.nonsense()
	}
	// Where this cell has far more, its sum ends earlier, and that is a difference.
	own, err := c.r.engine.Digest(ctx, c.t, s, stable, table.Most{Rows: 2*maxBlockRows + 1, Bytes: 4*maxBlockBytes + table.MaxItemSize})
	if err != nil {
		return nil, err
	}
	if string(own.High) == string(b.High) && bytes.Equal(own.Sum, b.Sum) {
		c.out.Checked += own.Rows
		return b.High, nil
	}
	return c.rows(ctx, s)
}

// rows compares the rows of a span one by one, as far as one answer and the limits
// of this page go.
func (c *check) rows(ctx context.Context, s table.Span) ([]byte, error) {
	for {
		a, err := c.ask(ctx, ReadRows, Compared{Span: s, Brief: true})
		if err != nil {
			return nil, err
		}
		if a.High != nil && (bytes.Compare(a.High, s.Low) <= 0 || (s.High != nil && bytes.Compare(a.High, s.High) > 0)) {
			return nil, c.nonsense()
		}
		own, high, err := c.r.engine.Rows(ctx, c.t, table.Span{Low: s.Low, High: a.High}, table.Most{Rows: maxBlockRows, Bytes: maxBriefBytes})
		if err != nil {
			return nil, err
		}
		theirs, err := c.glimpses(a)
		if err != nil {
			return nil, err
		}
		c.floors = [2]clock.Timestamp{c.t.Floor(), a.Floor}
		if err := c.match(own, a.Rows, theirs, high); err != nil {
			return nil, err
		}
		c.out.Checked += len(own)
		if string(high) == string(s.High) || c.full() {
			return high, nil
		}
		s.Low = high
	}
}

// glimpse is what a check sees of a row: the row or its head, and the sum and the size
// of the row. The zero glimpse is that of a row that is not there.
type glimpse struct {
	row  table.Row
	sum  [sha256.Size]byte
	size int
}

func glimpseOf(row table.Row) glimpse {
	if row == nil {
		return glimpse{}
	}
	return glimpse{row, sha256.Sum256(row), len(row)}
}

// glimpses are those of the rows that the other answers.
func (c *check) glimpses(a *Comparison) ([]glimpse, error) {
	if len(a.Briefs) != 0 && len(a.Briefs) != len(a.Rows) {
		return nil, c.nonsense()
	}
	out := make([]glimpse, len(a.Rows))
	for i, row := range a.Rows {
		out[i] = glimpseOf(row.Row)
		if a.Briefs == nil || row.Row == nil {
			continue
		}
		if out[i].size = a.Briefs[i].Size; copy(out[i].sum[:], a.Briefs[i].Sum) != sha256.Size || out[i].size <= 0 {
			return nil, c.nonsense()
		}
	}
	return out, nil
}

// match pairs the rows of both, in the order of their keys, up to high.
func (c *check) match(own, theirs []table.KeyedRow, seen []glimpse, high []byte) error {
	for len(own) > 0 || len(theirs) > 0 {
		if len(own) == 0 && high != nil && bytes.Compare(theirs[0].Key, high) >= 0 {
			return nil // Its turn comes with the next rows of this cell.
		}
		var here, there glimpse
		var key []byte
		var order int
		switch {
		case len(theirs) == 0:
			order = -1
		case len(own) == 0:
			order = 1
		default:
			order = bytes.Compare(own[0].Key, theirs[0].Key)
		}
		if order <= 0 {
			key, here, own = own[0].Key, glimpseOf(own[0].Row), own[1:]
		}
		if order >= 0 {
			key, there, theirs, seen = theirs[0].Key, seen[0], theirs[1:], seen[1:]
		}
		d, differs, err := c.difference(key, here, there)
		if err != nil {
			return err
		}
		if differs {
			c.found = append(c.found, d)
			c.bytes += max(here.size, there.size)
		}
	}
	return nil
}

// difference compares a row.
func (c *check) difference(key []byte, here, there glimpse) (Difference, bool, error) {
	d := Difference{row: key}
	if here.sum == there.sum {
		return d, false, nil
	}
	var err error
	if d.Here, d.vectors[0], err = c.standing(&d, here); err == nil {
		d.There, d.vectors[1], err = c.standing(&d, there)
	}
	if err != nil {
		return d, false, err
	}
	switch {
	case here.row == nil:
		d.Kind = MissingHere
		return d, !d.There.Deleted || d.There.Version.Time.Compare(c.floors[0]) > 0, nil
	case there.row == nil:
		d.Kind = MissingThere
		return d, !d.Here.Deleted || d.Here.Version.Time.Compare(c.floors[1]) > 0, nil
	}
	switch d.Here.Version.Compare(d.There.Version) {
	case -1:
		d.Kind = OlderHere
	case 1:
		d.Kind = OlderThere
	default:
		d.Kind = Differing
	}
	return d, true, nil
}

// standing describes what one side has, and notes the item's key.
func (c *check) standing(d *Difference, g glimpse) (Standing, conflict.Vector, error) {
	if g.row == nil {
		return Standing{}, conflict.Vector{}, nil
	}
	s, err := c.r.engine.State(g.row)
	if err != nil {
		return Standing{}, conflict.Vector{}, fmt.Errorf("replication: a row of %s that differs from %v: %w", c.t.Def.Name, c.peer, err)
	}
	k, err := c.t.ItemKey(s.Item)
	if err != nil {
		return Standing{}, conflict.Vector{}, fmt.Errorf("replication: a row of %s that differs from %v: %w", c.t.Def.Name, c.peer, err)
	}
	d.Key = c.t.KeyItem(nil, k)
	return Standing{Present: true, Version: s.Version, Deleted: s.Deleted, sum: g.sum}, s.Vector, nil
}

// each reads rows of both members, of the other's the heads alone where they will do,
// and calls fn for some of them at a time, of this cell's at most so many bytes.
func (c *check) each(ctx context.Context, keys [][]byte, brief bool, most int, fn func(keys [][]byte, here, there []glimpse) error) error {
	var err error
	if c.stand[0], err = c.r.standing(ctx, c.t); err != nil {
		return err
	}
	for first := true; len(keys) > 0; first = false {
		a, err := c.ask(ctx, ReadRows, Compared{Keys: keys[:min(len(keys), MaxComparedKeys)], Brief: brief})
		if err != nil {
			return err
		}
		if a.Looked <= 0 || a.Looked > min(len(keys), MaxComparedKeys) {
			return c.nonsense()
		}
		if first {
			c.stand[1] = a.Cursors
		}
		some := keys[:a.Looked]
		there, err := c.paired(some, a)
		if err != nil {
			return err
		}
		rows, err := c.r.engine.RowsOf(ctx, c.t, some, most)
		if err != nil {
			return err
		}
		here := make([]glimpse, len(rows))
		for i := range rows {
			here[i] = glimpseOf(rows[i])
		}
		c.floors = [2]clock.Timestamp{c.t.Floor(), a.Floor}
		if err := fn(some[:len(here)], here, there[:len(here)]); err != nil {
			return err
		}
		keys = keys[len(here):]
	}
	return nil
}

// paired finds among what the other answers the rows under keys.
func (c *check) paired(keys [][]byte, a *Comparison) ([]glimpse, error) {
	seen, err := c.glimpses(a)
	if err != nil {
		return nil, err
	}
	out := make([]glimpse, len(keys))
	left := a.Rows
	for i, k := range keys {
		if len(left) > 0 && bytes.Equal(left[0].Key, k) {
			out[i], left, seen = seen[0], left[1:], seen[1:]
		}
	}
	if len(left) > 0 {
		return nil, c.nonsense()
	}
	return out, nil
}
