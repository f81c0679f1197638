package replication

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// Limits of what one request of a check is answered with.
const (
	maxBlockRows   = 256
	maxBlockBytes  = 256 << 10
	maxBlocks      = 64      // Of one answer.
	maxDigestBytes = 8 << 20 // Of one answer, as far as full blocks say: rows are read from the store for them.
	maxBriefBytes  = 8 << 20 // Of rows that are read for their heads.
)

// MaxComparedKeys is how many rows a request of a check names or brings at most.
const MaxComparedKeys = table.MaxApply

// Compared is what a member asks of another's rows to compare them with its own.
// Keys are behind the table's prefix, see table.Span.
type Compared struct {
	Span   table.Span       // Of a Digest and a ReadRows.
	Keys   [][]byte         // Of a ReadRows: these rows instead of a span.
	Brief  bool             `json:",omitempty"` // Of a ReadRows: heads will do, with sums.
	Stable clock.Timestamp  // Of a Digest: the floor of the member that asks.
	Rows   []table.KeyedRow // Of a MergeRows.

	Times []clock.Timestamp `json:",omitempty"` // Of an Underway: of versions of the member that is asked.
}

// Valid reports whether q is within the limits, and its span one.
func (q *Compared) Valid() bool {
	return q != nil && len(q.Keys) <= MaxComparedKeys && len(q.Rows) <= MaxComparedKeys && len(q.Times) <= MaxComparedKeys &&
		(q.Span.High == nil || bytes.Compare(q.Span.Low, q.Span.High) < 0)
}

// Comparison is the answer.
type Comparison struct {
	Blocks []table.Block    // Of a Digest. The next one begins where the last ends.
	Stable clock.Timestamp  // Of a Digest: tombstones up to there are not in the sums.
	Rows   []table.KeyedRow // Of a ReadRows, in the order of their keys.
	Briefs []Brief          `json:",omitempty"` // Of a brief ReadRows: of each of Rows, which are heads then.
	High   []byte           // Of a ReadRows of a span: where the rows end.
	Looked int              // Of a ReadRows of keys: the first so many were looked for.
	Floor  clock.Timestamp  // Of a ReadRows: the floor of the member that answers.

	Cursors  []Point `json:",omitempty"` // Of a ReadRows of keys: up to where the cell that answers had applied the logs of the others before it read them.
	Underway []bool  `json:",omitempty"` // Of an Underway: by version; none where nothing is shipped to that member.
}

// Brief is what a head lacks of its row.
type Brief struct {
	Sum  []byte // SHA-256 of the whole row.
	Size int    // Of the whole row, in bytes.
}

// compared finds the table that another member asks about, and refuses a cell that
// is no member, or on behalf of which the service may not do action.
func (r *Replicator) compared(from aws.Cell, name, group, action string) (*table.Table, error) {
	t := r.engine.Table(name)
	if from == r.cell || !belongs(t, group, from) || !belongs(t, group, r.cell) {
		return nil, notFound(name)
	}
	if t.Def.Status == table.Creating || (t.Def.Status == table.Deleting && !countedAnew(t.Def.Group, from)) {
		return nil, aws.Errorf("ResourceInUseException", "The replica in %v is being made or deleted; try again when it is ACTIVE", r.cell)
	}
	if r.disabled.Load() {
		return nil, aws.Errorf("AccessDeniedException", "%s", r.disabledText())
	}
	if d := r.decide(t.Def.Group.Kind, subjectOf(t), action, []aws.Cell{from}); !d.Allowed() {
		return nil, withReason(d.AccessDenied(), d.Explain())
	}
	return t, nil
}

func errNothing(from aws.Cell) error {
	return fmt.Errorf("replication: %v asks for a comparison of nothing, or of too much", from)
}

// compare answers the requests of a check.
func (r *Replicator) compare(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	if q.Group == nil || !q.Compared.Valid() {
		return nil, errNothing(from)
	}
	action := readData
	if q.Kind == MergeRows {
		action = writeData
	}
	t, err := r.compared(from, q.Table, q.Group.ID, action)
	if err != nil {
		return nil, err
	}
	var out *Comparison
	switch q.Kind {
	case Digest:
		out, err = r.digest(ctx, t, q.Compared)
	case ReadRows:
		out, err = r.readRows(ctx, t, q.Compared)
	default:
		out, err = &Comparison{}, r.mergeRows(ctx, t, q.Compared.Rows)
	}
	return &Response{Comparison: out}, err
}

// digest sums up the span block by block, as far as one answer goes.
func (r *Replicator) digest(ctx context.Context, t *table.Table, q *Compared) (*Comparison, error) {
	out := &Comparison{Stable: t.Floor()}
	if q.Stable.Compare(out.Stable) > 0 {
		out.Stable = q.Stable
	}
	at := q.Span
	for range min(maxBlocks, maxDigestBytes/maxBlockBytes) {
		b, err := r.engine.Digest(ctx, t, at, out.Stable, table.Most{Rows: maxBlockRows, Bytes: maxBlockBytes})
		if err != nil {
			return nil, err
		}
		out.Blocks = append(out.Blocks, b)
		if at.Low = b.High; string(b.High) == string(q.Span.High) {
			break
		}
	}
	return out, nil
}

func (r *Replicator) readRows(ctx context.Context, t *table.Table, q *Compared) (*Comparison, error) {
	out := &Comparison{}
	var err error
	most := maxPageBytes
	if q.Brief {
		most = maxBriefBytes
	}
	if q.Keys == nil {
		out.Rows, out.High, err = r.engine.Rows(ctx, t, q.Span, table.Most{Rows: maxBlockRows, Bytes: most})
	} else {
		var rows []table.Row
		if out.Cursors, err = r.standing(ctx, t); err != nil {
			return nil, err
		}
		rows, err = r.engine.RowsOf(ctx, t, q.Keys, most)
		out.Looked = len(rows)
		for i, row := range rows {
			if row != nil {
				out.Rows = append(out.Rows, table.KeyedRow{Key: q.Keys[i], Row: row})
			}
		}
	}
	out.Floor = t.Floor() // After the rows: it is raised before a tombstone goes.
	for i := range out.Rows {
		if !q.Brief || err != nil {
			break
		}
		row := &out.Rows[i].Row
		sum := sha256.Sum256(*row)
		out.Briefs = append(out.Briefs, Brief{Sum: sum[:], Size: len(*row)})
		*row, err = r.engine.Head(t, *row)
	}
	return out, err
}

// mergeRows puts in rows as they are stored at another member: with their own
// origin and version, so that it does not matter who brings them, nor how often.
func (r *Replicator) mergeRows(ctx context.Context, t *table.Table, rows []table.KeyedRow) error {
	states := make([]conflict.State, 0, len(rows))
	for _, row := range rows {
		s, err := r.engine.State(row.Row)
		if err != nil {
			return fmt.Errorf("replication: rows to repair %s: %w", t.Def.Name, err)
		}
		states = append(states, s)
	}
	return r.merge(ctx, t, states)
}

// merge puts in states for good.
func (r *Replicator) merge(ctx context.Context, t *table.Table, states []conflict.State) error {
	if len(states) == 0 {
		return nil
	}
	done, err := r.engine.Apply(ctx, t, states, func(*kv.Writes) {})
	if err == nil && !r.settled(ctx, done.Commit) {
		err = fmt.Errorf("replication: repair of %s: what was merged is not durable yet", t.Def.Name)
	}
	return err
}
