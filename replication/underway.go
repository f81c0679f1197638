package replication

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// A row that differs because the newer version has not come yet is no divergence:
// its origin still has it to ship. Only the origin can tell, by its log and by
// what the other has acknowledged of it; and it tells of each version, so that
// what is lost is found behind the longest backlog.

const (
	// maxUnderway is how many entries of a log are looked at for one request. What
	// was stamped later than these, or not much earlier, is taken for on its way.
	maxUnderway   = 100_000
	underwaySlack = time.Second // By how much a version's time may be before that of a commit which the log has earlier.
)

// want is a version that one of the two members lacks.
type want struct {
	version conflict.Version
	by      aws.Cell
	index   int // Of the difference.
}

// errand is whom to ask, and about whom.
type errand struct{ origin, by aws.Cell }

// sift takes out of what was found the rows that are only on their way, and counts
// them. What its origin says to have shipped already is looked at once more: it
// may have come since the last look.
func (c *check) sift(ctx context.Context) error {
	wants := map[errand][]want{}
	for i := range c.found {
		for _, w := range c.lacking(&c.found[i]) {
			w.index = i
			e := errand{w.version.Cell, w.by}
			wants[e] = append(wants[e], w)
		}
	}
	coming := make([]bool, len(c.found))
	for e, list := range wants {
		for some := range slices.Chunk(list, MaxComparedKeys) {
			yes, err := c.underway(ctx, e, some)
			if err != nil {
				return err
			}
			for i := range yes {
				coming[some[i].index] = coming[some[i].index] || yes[i]
			}
		}
	}
	var left []Difference
	for i := range c.found {
		if coming[i] {
			c.out.Pending++
		} else {
			left = append(left, c.found[i])
		}
	}
	same, moved, err := c.lookAgain(ctx, left)
	c.found = same
	c.out.Moving += len(moved)
	return err
}

// lacking lists the versions that one side has and the other has not: the newer
// one, or, of one version, those that were merged into it at one side alone.
func (c *check) lacking(d *Difference) []want {
	switch d.Kind {
	case MissingHere, OlderHere:
		return []want{{version: d.There.Version, by: c.r.cell}}
	case MissingThere, OlderThere:
		return []want{{version: d.Here.Version, by: c.peer}}
	case Differing:
		return append(beyond(&d.vectors[0], &d.vectors[1], c.peer), beyond(&d.vectors[1], &d.vectors[0], c.r.cell)...)
	}
	return nil
}

// beyond lists the versions of a vector that another one, of a row at a member,
// has not.
func beyond(v, other *conflict.Vector, by aws.Cell) []want {
	var out []want
	for _, x := range v.Last {
		n := slices.IndexFunc(other.Last, func(y conflict.Version) bool { return y.Cell == x.Cell })
		if x.Time.Compare(other.Floor) > 0 && (n < 0 || other.Last[n].Time.Compare(x.Time) < 0) {
			out = append(out, want{version: x, by: by})
		}
	}
	return out
}

// underway asks the origin of some versions which of them a member has still to
// get. Nobody brings what a cell wrote and lost itself, nor what a cell wrote that
// is no member any more, or that cannot be asked.
func (c *check) underway(ctx context.Context, e errand, list []want) ([]bool, error) {
	if e.origin == e.by || c.t.Def.Group.Member(e.origin) == nil {
		return nil, nil
	}
	times := make([]clock.Timestamp, len(list))
	for i := range list {
		times[i] = list[i].version.Time
	}
	stand := c.stand[0]
	if e.by == c.peer {
		stand = c.stand[1]
	}
	after := cursorOf(stand, e.origin)
	if e.origin == c.r.cell {
		return c.r.underway(ctx, c.t, e.by, after, times)
	}
	q := &Request{
		Kind: Underway, Table: c.t.Def.Name, Group: &table.Group{ID: c.t.Def.Group.ID},
		Member: table.Member{Cell: e.by}, Position: after, Compared: &Compared{Times: times},
	}
	a, err := c.r.call(ctx, e.origin, q)
	switch {
	case err != nil && (ctx.Err() != nil || e.origin == c.peer):
		return nil, err
	case err != nil:
		return nil, nil //nolint:nilerr // Documented: then it is a difference.
	case a.Comparison == nil || len(a.Comparison.Underway) > len(list):
		return nil, c.nonsense()
	}
	return a.Comparison.Underway, nil
}

// standing is up to where this cell has applied the logs of the other members.
func (r *Replicator) standing(ctx context.Context, t *table.Table) ([]Point, error) {
	var out []Point
	for _, m := range t.Def.Group.Members {
		l := r.linkOf(linkKey{t.Def.Name, t.Def.Group.ID, m.Cell, receiving})
		if l == nil {
			continue
		}
		v, _ := l.work.(*receiver)
		l.mu.Lock()
		_, _, err := v.stands(ctx, t)
		at, known := v.cursor, v.known
		l.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if known {
			out = append(out, Point{m.Cell, v.run.Load(), at})
		}
	}
	return out, nil
}

func cursorOf(list []Point, of aws.Cell) kv.Position {
	for _, c := range list {
		if c.Cell == of {
			return c.Position
		}
	}
	return 0
}

// lookAgain looks at differences once more. It returns those that differ as they
// did and those that changed.
func (c *check) lookAgain(ctx context.Context, before []Difference) (same, moved []Difference, err error) {
	i := 0
	err = c.each(ctx, rowKeys(before), true, maxBriefBytes, func(keys [][]byte, here, there []glimpse) error {
		for j := range keys {
			d, differs, err := c.difference(keys[j], here[j], there[j])
			switch last := &before[i]; {
			case err != nil:
				return err
			case !differs:
			case d.Here == last.Here && d.There == last.There:
				same = append(same, d)
			default:
				moved = append(moved, d)
			}
			i++
		}
		return nil
	})
	return same, moved, err
}

// underwayTo answers a request of that kind.
func (r *Replicator) underwayTo(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	if q.Group == nil || !q.Compared.Valid() {
		return nil, errNothing(from)
	}
	t := r.engine.Table(q.Table)
	if from == r.cell || !belongs(t, q.Group.ID, from) || !belongs(t, q.Group.ID, r.cell) {
		return nil, notFound(q.Table)
	}
	yes, err := r.underway(ctx, t, q.Member.Cell, q.Position, q.Compared.Times)
	return &Response{Comparison: &Comparison{Underway: yes}}, err
}

// underway reports which of the versions that this cell stamped at some times are
// in the log behind what a member has applied, as far as it has acknowledged that or is
// known to be: it will get them. None are for a member that the log has them for no
// more.
func (r *Replicator) underway(ctx context.Context, t *table.Table, to aws.Cell, applied kv.Position, times []clock.Timestamp) ([]bool, error) {
	at, ok, err := r.acknowledged(ctx, t, to)
	if err != nil || !ok {
		return nil, err
	}
	// A row is read before it is durable, and a record after that.
	seen, err := r.engine.Seen(ctx, t)
	if err != nil {
		return nil, err
	}
	r.settled(ctx, seen)
	return r.among(ctx, t, max(at, applied), times, maxUnderway)
}

// acknowledged is what a member has of this cell's log of a table; false where it
// has to be seeded again, or is no member.
func (r *Replicator) acknowledged(ctx context.Context, t *table.Table, to aws.Cell) (kv.Position, bool, error) {
	l := r.linkOf(linkKey{t.Def.Name, t.Def.Group.ID, to, sending})
	if l == nil || astray(t, r.cell) {
		return 0, false, nil
	}
	s, _ := l.work.(*sender)
	l.mu.Lock()
	started, at, lost := s.started, s.acked, s.lost
	l.mu.Unlock()
	if started {
		return at, !lost, nil
	}
	readers, err := t.Log.Readers(ctx)
	for _, reader := range readers {
		if reader.Name == to.String() {
			return reader.Position, !reader.Lost, err
		}
	}
	return 0, false, err
}

// among looks for the versions in the log after a position, in at most so many
// entries.
func (r *Replicator) among(ctx context.Context, t *table.Table, after kv.Position, times []clock.Timestamp, most int) ([]bool, error) {
	index := make(map[clock.Timestamp]int, len(times))
	for i, at := range times {
		index[at] = i
	}
	out := make([]bool, len(times))
	scanned, last := 0, int64(0)
	var bad error
	_, err := r.engine.Store().ReadLog(ctx, t.Log.ID, after, func(e kv.Entry) bool {
		var rec changelog.Record
		if rec, bad = changelog.Decode(e.Record, r.engine.Decoder()); bad != nil {
			return false
		}
		if i, ok := index[rec.Version.Time]; ok && r.engine.Local(rec.Version) && rec.Cause != changelog.Replica {
			out[i] = true
			delete(index, rec.Version.Time)
		}
		last = e.Time
		scanned++
		return scanned < most && len(index) > 0
	})
	if errors.Is(err, kv.ErrTrimmed) {
		return nil, nil // The sender will find that out, too.
	}
	if scanned >= most {
		for at, i := range index {
			out[i] = at.Wall >= last-underwaySlack.Microseconds()
		}
	}
	if err == nil {
		err = bad
	}
	return out, err
}
