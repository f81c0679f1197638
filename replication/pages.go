package replication

import (
	"context"
	"sync"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// seedRun is how many pages a newcomer asks for at once. It asks for the next
// ones as soon as the last of them has come, before it has put them in: what is
// under way and what is being applied are then two runs at most.
const seedRun = 4

// run is a number of pages that a newcomer asked for and has not been sent.
type run struct {
	to   aws.Cell
	key  []byte
	left int
	era  string // As it was asked for; the answer says it again.
}

// queueRun begins a run; one of before is forgotten, since its newcomer would not
// ask if it had what it asked for.
func (k *keeper) queueRun(m *Message) {
	next := run{m.from, m.Key, min(max(m.Pages, 1), seedRun), m.Life}
	for i := range k.runs {
		if k.runs[i].to == m.from {
			k.runs[i] = next
			return
		}
	}
	k.runs = append(k.runs, next)
}

// sendPages sends what newcomers wait for, as fast as the cell's pace allows. It
// returns when to go on, zero when there is nothing left to send.
func (k *keeper) sendPages(ctx context.Context, t *table.Table) (time.Time, error) {
	for len(k.runs) > 0 {
		now := k.r.clock.Now()
		if wait := k.r.pace.wait(now); wait > 0 {
			return now.Add(wait), nil
		}
		r := k.runs[0]
		k.runs = k.runs[1:]
		if !k.shows(t, r.to) || t.Def.Status == table.Creating {
			continue
		}
		m, err := k.page(ctx, t, r.key)
		if err != nil {
			return time.Time{}, err
		}
		if m == nil {
			continue // It will be asked for again.
		}
		m.Life = r.era
		r.key, r.left = m.Next, r.left-1
		if len(m.Next) == 0 {
			r.left = 0
		}
		if m.Last = r.left == 0; !m.Last {
			k.runs = append(k.runs, r)
		}
		k.r.send(t.Def.Group, r.to, m)
		k.r.pace.spend(now, m.Size(), k.r.engine.Store().Durable())
	}
	return time.Time{}, nil
}

// shows reports whether this member may show another one its rows.
func (k *keeper) shows(t *table.Table, to aws.Cell) bool {
	if !belongs(t, k.group, to) {
		return false
	}
	d := k.r.decideData(t.Def.Group.Kind, subjectOf(t), readData, to)
	return d.Allowed()
}

// page makes a page of the rows after a key, nil when it is not durable.
func (k *keeper) page(ctx context.Context, t *table.Table, after []byte) (*Message, error) {
	out := &Message{Kind: SeedPage, Table: k.table, Group: k.group, Key: after}
	size := 0
	next, at, err := k.r.engine.Snapshot(ctx, t, after, func(row table.Row) bool {
		out.Rows = append(out.Rows, append(table.Row(nil), row...))
		size += len(row)
		return size < maxPageBytes && len(out.Rows) < maxPageRows
	})
	if err != nil {
		return nil, err
	}
	out.Next = append([]byte(nil), next...)
	if !k.r.settled(ctx, at) {
		return nil, nil //nolint:nilnil // No page, and no error: it is asked for again.
	}
	return out, nil
}

// A cell that takes writes gives less to the seeding of others.
const (
	busyCommits  = 50       // A second; a cell with more of them is busy.
	busySeedRate = 16 << 20 // Bytes a second, then.
	paceEvery    = 100 * time.Millisecond
)

// pace holds what a cell sends to newcomers, of all its tables together, to a
// rate. It is safe for concurrent use.
type pace struct {
	rate int64 // Bytes a second; zero is as fast as it goes while the cell is not busy.

	mu    sync.Mutex
	due   time.Time
	at    time.Time // When the cell's commits were last looked at, and what they were.
	stood kv.Position
	busy  bool
}

// wait returns how long to wait until the next page.
func (p *pace) wait(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.due.Sub(now)
}

// spend notes a page that was sent.
func (p *pace) spend(now time.Time, size int, stands kv.Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if since := now.Sub(p.at); since >= paceEvery {
		p.busy = !p.at.IsZero() && since < time.Minute && float64(stands-p.stood) > busyCommits*since.Seconds()
		p.at, p.stood = now, stands
	}
	rate := p.rate
	if p.busy && (rate == 0 || rate > busySeedRate) {
		rate = busySeedRate
	}
	if rate == 0 {
		return
	}
	if p.due.Before(now) {
		p.due = now
	}
	p.due = p.due.Add(time.Duration(float64(size) / float64(rate) * float64(time.Second)))
}
