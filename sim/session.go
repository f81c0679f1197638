package sim

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
)

// session is a client that goes from cell to cell, and has each wait until it has
// applied what the session has written and read: it never sees less than before.
type session struct {
	w        *world
	at       map[replication.Point]kv.Position // By cell and run.
	versions map[string]conflict.Version       // The greatest that it has seen of each item.
}

func newSession(w *world) *session {
	return &session{w: w, at: map[replication.Point]kv.Position{}, versions: map[string]conflict.Version{}}
}

// ready reports whether a cell has applied all that the session has seen. A client
// would wait for it, or ask again.
func (s *session) ready(c *cell) bool {
	byCell := func(a, b replication.Point) int { return cmp.Or(a.Cell.Compare(b.Cell), cmp.Compare(a.Run, b.Run)) }
	for _, of := range slices.SortedFunc(maps.Keys(s.at), byCell) {
		p := of
		p.Position = s.at[of]
		_, err := c.repl.Await(s.w.ctx, 0, replication.Awaited{Table: tableName, Point: p})
		if contract, ok := errors.AsType[*aws.Error](err); ok && contract.Code == "PositionNotReachedException" {
			return false
		}
		c.expect(err, "waiting")
	}
	return !c.dead()
}

// visit reads a cell's replica, if it is ready, and holds what is there to what
// the session has seen.
func (s *session) visit() {
	c := s.w.pick((*cell).serving)
	if c == nil || !c.member() || !s.ready(c) {
		return
	}
	s.w.audit.follow(c) // It may have deleted something just now.
	states := s.w.states(c)
	seen, err := c.repl.Seen(s.w.ctx, nil, tableName)
	c.expect(err, "Seen")
	if err != nil {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(s.versions)) {
		// A tombstone that all have applied goes.
		had, now := s.versions[key], states[key].version
		if _, ok := states[key]; !ok && s.w.audit.deletedSince(audited{key: key, written: written{version: had}}) {
			continue
		}
		if now.Compare(had) < 0 {
			s.w.fail("%v: a session reads version %v of %s, and has read %v before", c, now, key, had)
		}
	}
	for key, x := range states {
		if x.version.Compare(s.versions[key]) > 0 {
			s.versions[key] = x.version
		}
	}
	for _, x := range seen {
		if s.w.Plant != NotSeen || x.Cell == c.name {
			s.note(x)
		}
	}
	s.w.Tally.count(SessionRead)
}

func (s *session) note(x replication.Point) {
	at := x.Position
	x.Position = 0
	s.at[x] = max(s.at[x], at)
}
