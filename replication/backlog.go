package replication

import (
	"context"
	"errors"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// MaxPending is how far pending changes are counted.
const MaxPending = 10_000

// backlog is what a member has still to get of this cell's changes.
type backlog struct {
	changes int64  // Counted up to MaxPending.
	unknown string // Why they cannot be counted; "" where they are.
	err     error  // Then, where something failed.
}

// backlog counts what the peer has not acknowledged. Until the sender has taken up
// where the log's reader says, and that may be when the peer is back, the reader tells:
// a second less, at most, than what was acknowledged before a crash.
func (s *sender) backlog() backlog {
	t := s.r.engine.Table(s.table)
	switch {
	case s.lost:
		return backlog{unknown: fellBehind}
	case s.started && t != nil:
		return s.r.behind(t, s.acked)
	}
	return s.r.kept(t, s.peer)
}

// fellBehind is why nothing can be counted for who was cut off.
const fellBehind = "the destination fell behind the source's log, which has no more what it lacks"

// kept counts what is behind a member's durable cursor on the log. A table without
// one ships its log from the beginning, and for one that is gone nothing waits.
func (r *Replicator) kept(t *table.Table, peer aws.Cell) backlog {
	if t == nil {
		return backlog{}
	}
	readers, err := t.Log.Readers(context.Background())
	if err != nil {
		return backlog{unknown: err.Error(), err: err}
	}
	at := kv.Position(0)
	for _, reader := range readers {
		if reader.Name != peer.String() {
			continue
		}
		if at = reader.Position; reader.Lost {
			return backlog{unknown: fellBehind}
		}
	}
	return r.behind(t, at)
}

// behind counts the changes of this cell that its log has behind a position.
func (r *Replicator) behind(t *table.Table, at kv.Position) backlog {
	var out backlog
	var bad error
	_, err := r.engine.Store().ReadLog(context.Background(), t.Log.ID, at, func(e kv.Entry) bool {
		version, cause, err := changelog.Head(e.Record, r.engine.Decoder())
		if bad = err; err == nil && r.engine.Local(version) && cause != changelog.Replica {
			out.changes++
		}
		return err == nil && out.changes < MaxPending
	})
	if errors.Is(err, kv.ErrTrimmed) {
		return backlog{unknown: fellBehind}
	}
	if err = errors.Join(err, bad); err != nil {
		return backlog{unknown: err.Error(), err: err}
	}
	return out
}
