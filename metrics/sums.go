package metrics

import (
	"maps"
	"sync"
)

// Series is what a sum is of.
type Series struct {
	Name  string // CloudWatch's, as in ConsumedReadCapacityUnits.
	Table string
	Index string // A global index; "" for the table itself.
	Peer  string // The cell from which it came, where it is about replication.
}

// Sums are numbers that only grow, by series. The zero Sums is ready for use, and
// safe for concurrent use.
type Sums struct {
	mu sync.Mutex
	of map[Series]float64
}

// Add adds to a series.
func (s *Sums) Add(to Series, n float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[Series]float64{}
	}
	s.of[to] += n
}

// All returns the sums of all series.
func (s *Sums) All() map[Series]float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.of)
}

// Forget drops the series of a table.
func (s *Sums) Forget(table string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.of, func(k Series, _ float64) bool { return k.Table == table })
}
