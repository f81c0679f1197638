package replication

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// A store that was put back to an earlier state gives out positions again. So a
// position goes nowhere without the run of its cell in which it was given out, a
// number drawn at random, which no other history has: see runs.
//
// A cursor is such a point: of the history that ends with its run all up to its
// position is applied. It moves on within the run by batches of that run alone, and
// to a later run when the member asks in which its log is to be read on, and finds
// the point in its own history (meet, goOn). What comes of another run is late, or of
// a history that was forgotten, and is dropped on both sides: batches and promises
// here, acknowledgements there.
//
// Whoever waits at another member for a position that a client keeps asks two things:
// has the member applied as much, and of the history that the position is of?

// Point is a position on a member's log, and the run of that member in which it was
// given out. The run is zero where it is not known: of a log of which nothing was
// read yet, and of what was stored before cursors had one.
type Point struct {
	Cell     aws.Cell
	Run      uint64
	Position kv.Position
}

// newRun draws the number of a run.
func (r *Replicator) newRun() uint64 {
	sum := sha256.Sum256([]byte(r.newID()))
	return max(binary.BigEndian.Uint64(sum[:]), 1)
}

// present names the last run.
func (s *Runs) present() uint64 { return s.IDs[len(s.IDs)-1] }

// holds reports whether a position is of this history: its run is, and the run
// after it found as much.
func (s *Runs) holds(run uint64, at kv.Position) bool {
	i := slices.Index(s.IDs, run)
	return i >= 0 && run != 0 && (i == len(s.IDs)-1 || at <= s.Found[i+1])
}

// valid is for runs that another cell sent.
func (s *Runs) valid() bool {
	return s != nil && len(s.IDs) > 0 && len(s.IDs) == len(s.Found) && len(s.IDs) <= maxRuns && s.present() != 0
}

// here is how far this cell's log is durable.
func (r *Replicator) here(ctx context.Context) (Point, error) {
	run, err := r.Present(ctx)
	return Point{r.cell, run, r.engine.Store().Durable()}, err
}

// Present names the run of this cell.
func (r *Replicator) Present(ctx context.Context) (uint64, error) {
	runs, err := r.begun(ctx)
	if err != nil {
		return 0, err
	}
	return runs.present(), nil
}

// Where it is stored: runPrefix begins the keys that name the run in which the
// cursor on a member's log stands, pastPrefix those of what is known of its runs;
// see docs/formats/replication.md.
const (
	runPrefix  = 'u'
	pastPrefix = 'k'
)

func runKey(t *table.Table, peer aws.Cell) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{runPrefix}, t.Def.Number), peer.String()...)
}

func pastKey(c aws.Cell) []byte { return append([]byte{pastPrefix}, c.String()...) }

func runValue(run uint64) []byte { return binary.BigEndian.AppendUint64([]byte{1}, run) }

func decodeRun(b []byte) (uint64, error) {
	if len(b) != 9 || b[0] != 1 {
		return 0, fmt.Errorf("replication: malformed run %x", b)
	}
	return binary.BigEndian.Uint64(b[1:]), nil
}

// enter reports whether what the peer sends is of the run in which the cursor stands.
// The first batch names that where it is not known: it is sent once the peer has
// looked at the cursor, or has taken it for none.
func (v *receiver) enter(ctx context.Context, t *table.Table, run uint64) (bool, error) {
	stands := v.run.Load()
	if run == 0 || stands != 0 || !v.known {
		return run == 0 || run == stands || !v.known, nil
	}
	return true, v.setRun(ctx, t, run)
}

// setRun notes in which run of the peer the cursor stands.
func (v *receiver) setRun(ctx context.Context, t *table.Table, run uint64) error {
	key := runKey(t, v.peer)
	_, err := v.r.engine.Store().Update(ctx, kv.Plan{Write: [][]byte{key}}, func(_ [][]byte, w *kv.Writes) error {
		w.Set(key, runValue(run))
		return nil
	})
	if err == nil {
		v.run.Store(run)
	}
	return err
}

// goOn takes the cursor on a member's log to that member's present run, where it
// stands in the history that led there. From then on nothing of an earlier run is
// taken, for what was sent then and is under way yet may have been forgotten since.
// It returns where the cursor stands, false where there is none, or it moves just now.
func (r *Replicator) goOn(ctx context.Context, t *table.Table, from aws.Cell, runs *Runs) (Point, bool, error) {
	l := r.linkOf(linkKey{t.Def.Name, t.Def.Group.ID, from, receiving})
	if l == nil {
		return Point{}, false, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	v, _ := l.work.(*receiver)
	if _, _, err := v.stands(ctx, t); err != nil || l.ended {
		return Point{}, false, err
	}
	run := v.run.Load()
	if run != runs.present() && !r.assembly(from).rest(t.Def.Name) {
		return Point{}, false, nil
	}
	at, known, err := r.cursorOn(ctx, t, from)
	if err == nil && known && run != runs.present() && runs.holds(run, at) {
		run, v.promised = runs.present(), nil
		err = v.setRun(ctx, t, run)
	}
	return Point{from, run, at}, known, err
}

// loadRun reads the run that was noted last; zero where none was.
func (v *receiver) loadRun(ctx context.Context, t *table.Table) error {
	b, _, err := v.r.engine.Store().Get(ctx, runKey(t, v.peer), nil)
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	run, err := decodeRun(b)
	v.run.Store(run)
	return err
}

// past returns what another cell last said of its runs; nil where it never did.
func (r *Replicator) past(ctx context.Context, c aws.Cell) (*Runs, error) {
	r.mu.Lock()
	known := r.pasts[c]
	r.mu.Unlock()
	if known != nil {
		return known, nil
	}
	b, _, err := r.engine.Store().Get(ctx, pastKey(c), nil)
	if errors.Is(err, kv.ErrNotFound) {
		return nil, nil //nolint:nilnil // It never said, and that is no error.
	}
	if err != nil {
		return nil, err
	}
	known = &Runs{}
	if err := json.Unmarshal(b, known); err != nil || !known.valid() {
		return nil, fmt.Errorf("replication: runs of %v: malformed: %w", c, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pasts[c] = known
	return known, nil
}

// learn keeps what another cell says of its runs. It is of use only once a batch of
// the last of them has come: see standing.
func (r *Replicator) learn(ctx context.Context, c aws.Cell, said *Runs) error {
	if !said.valid() {
		return fmt.Errorf("replication: %v names no runs", c)
	}
	known, err := r.past(ctx, c)
	if err != nil || (known != nil && known.present() == said.present()) {
		return err
	}
	b, err := json.Marshal(said)
	if err != nil {
		return err
	}
	key := pastKey(c)
	_, err = r.engine.Store().Update(ctx, kv.Plan{Write: [][]byte{key}}, func(_ [][]byte, w *kv.Writes) error {
		w.Set(key, b)
		return nil
	})
	if err != nil && !errors.Is(err, kv.ErrNoSpace) { // It can be asked again after a restart.
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pasts[c] = said
	return nil
}

// bearing says what a point is to a member whose cursor stands in a run.
type bearing int

const (
	unplaced  bearing = iota // Of a run that is not known there.
	placed                   // Of the history of that run.
	misplaced                // Of none that the point's cell has.
)

// bearingOf judges a point by what is known here.
func (r *Replicator) bearingOf(ctx context.Context, p Point, run uint64) (bearing, error) {
	if p.Run == run {
		return placed, nil
	}
	past, err := r.past(ctx, p.Cell)
	switch {
	case err != nil || past == nil || run == 0 || past.present() != run || !slices.Contains(past.IDs, p.Run):
		return unplaced, err
	case past.holds(p.Run, p.Position):
		return placed, nil
	}
	return misplaced, nil
}

// askOf judges a point by what its cell says of itself within a time.
func (r *Replicator) askOf(ctx context.Context, t *table.Table, p Point, run uint64, within time.Duration) (bearing, error) {
	asking, stop := context.WithTimeout(ctx, within)
	defer stop()
	a, err := r.transport.Call(asking, r.cell, p.Cell, &Request{Kind: Lineage, Table: t.Def.Name, Group: t.Def.Group})
	late := err != nil && asking.Err() != nil && ctx.Err() == nil
	if late || errors.Is(err, ErrUnreachable) || isNotFound(err) {
		return unplaced, nil // It may be asked again.
	}
	if err != nil {
		return unplaced, err
	}
	if err := r.learn(ctx, p.Cell, a.Runs); err != nil {
		return unplaced, err
	}
	if !a.Runs.holds(p.Run, p.Position) {
		return misplaced, nil
	}
	return r.bearingOf(ctx, p, run)
}

// lineage answers askOf.
func (r *Replicator) lineage(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	if t := r.engine.Table(q.Table); !belongs(t, q.Group.ID, from) || !belongs(t, q.Group.ID, r.cell) {
		return nil, notFound(q.Table)
	}
	runs, err := r.begun(ctx)
	return &Response{Runs: runs}, err
}
