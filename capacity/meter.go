package capacity

import (
	"math"
	"slices"
	"time"
)

// Settings are what a table or a global index may consume.
type Settings struct {
	OnDemand    bool
	Provisioned Units // A second; of one that is not on demand.
	Max         Units // A second, of one on demand; zero is no maximum.
	Warm        Units // What it is to serve at once, a second; zero asks for no more than its mode gives.
	Bytes       int64 // What it holds.
}

// gate is a bucket of the whole table or index, and the reason that it gives.
type gate struct {
	bucket
	reason Reason
}

// Meter measures what one table or one global index consumes, and says when
// that is too much. It is not safe for concurrent use. The zero Meter is not
// ready; New makes one.
type Meter struct {
	settings Settings
	gates    [kinds][]gate
	parts    []partition // In the order of their hashes; the first begins at 0.

	second int64 // The second that spent is of.
	spent  Units
	peak   Units     // The most that was spent in a second.
	grown  time.Time // When the peak last made partitions.
}

// New returns the meter of a new table or index. Its buckets are full
// (recorded).
func New(s Settings, now time.Time) *Meter {
	m := &Meter{settings: s, grown: now, second: now.Unix()}
	m.open(now)
	n := m.wanted(Units{})
	for i := range n {
		m.parts = append(m.parts, newPartition(edge(i, n), 1, now))
	}
	return m
}

// open makes the buckets of the table or index as a whole.
func (m *Meter) open(now time.Time) {
	s := &m.settings
	for k := range kinds {
		m.gates[k] = m.gates[k][:0]
		if !s.OnDemand {
			m.gates[k] = append(m.gates[k], gate{newBucket(s.Provisioned[k], Burst, now), Provisioned})
			continue
		}
		if s.Max[k] > 0 {
			m.gates[k] = append(m.gates[k], gate{newBucket(s.Max[k], Burst, now), MaxOnDemand})
		}
		m.gates[k] = append(m.gates[k], gate{newBucket(Quota, PartitionBurst, now), AccountLimit})
	}
}

// Set takes over other settings. Buckets whose rate alone has changed keep what
// is in them, so that no change gives a burst away; another mode, or a maximum
// that was not there, begins anew. Partitions never become fewer.
func (m *Meter) Set(s Settings, now time.Time) {
	was := m.settings
	m.settings = s
	same := was.OnDemand == s.OnDemand
	for k := range kinds {
		same = same && (was.Max[k] > 0) == (s.Max[k] > 0)
	}
	if !same {
		m.open(now)
	}
	for k := range kinds {
		switch g := &m.gates[k][0]; g.reason {
		case Provisioned:
			g.adjust(s.Provisioned[k], Burst, now)
		case MaxOnDemand:
			g.adjust(s.Max[k], Burst, now)
		case AccountLimit, KeyRange:
		}
	}
	m.widen(m.wanted(Units{}), now)
}

// Partitions returns how many there are.
func (m *Meter) Partitions() int { return len(m.parts) }

// Admit reports whether a call may draw on the table or index as a whole, and
// the reason when it may not.
func (m *Meter) Admit(now time.Time, k Kind) (Reason, bool) {
	for i := range m.gates[k] {
		if g := &m.gates[k][i]; !g.open(now) {
			return g.reason, false
		}
	}
	return "", true
}

// AdmitAt reports whether a call may draw on the partition that a hash falls
// into. A refusal is heat, too: it can lead to a split.
func (m *Meter) AdmitAt(now time.Time, k Kind, hash uint64) bool {
	i := m.find(hash)
	if m.parts[i].open(now, k) {
		return true
	}
	m.heat(i, hash, now)
	return false
}

// Charge takes what a call cost out of the buckets; a negative number gives it
// back.
func (m *Meter) Charge(now time.Time, k Kind, hash uint64, units float64) {
	for i := range m.gates[k] {
		m.gates[k][i].take(now, units)
	}
	i := m.find(hash)
	if m.parts[i].take(now, k, units) {
		m.heat(i, hash, now)
	}
	m.count(now, k, units)
}

// count keeps the peak, and lets a table on demand grow with it: it comes to
// serve twice its peak, once in GrowEvery (documented: more than twice the peak
// of the last 30 minutes may be refused).
func (m *Meter) count(now time.Time, k Kind, units float64) {
	if s := now.Unix(); s != m.second {
		for k, limit := range partitionLimit {
			m.peak[k] = max(m.peak[k], min(m.spent[k], limit*float64(len(m.parts))))
		}
		m.second, m.spent = s, Units{}
		if m.settings.OnDemand && now.Sub(m.grown) >= GrowEvery {
			if n := m.wanted(Units{2 * m.peak[Read], 2 * m.peak[Write]}); n > len(m.parts) {
				m.widen(n, now)
				m.grown = now
			}
		}
	}
	m.spent[k] += units
}

// wanted is how many partitions it takes to serve the settings and no less than
// least, and to hold what there is.
func (m *Meter) wanted(least Units) int {
	s := &m.settings
	n := math.Ceil(float64(s.Bytes) / PartitionBytes)
	for k, limit := range partitionLimit {
		serve := max(s.Warm[k], least[k])
		if s.OnDemand {
			serve = max(serve, onDemand[k])
		} else {
			serve = max(serve, s.Provisioned[k])
		}
		n = max(n, math.Ceil(serve/limit))
	}
	return int(min(max(1, n), MaxPartitions))
}

var (
	partitionLimit = [kinds]float64{PartitionRead, PartitionWrite}
	onDemand       = [kinds]float64{OnDemandRead, OnDemandWrite}
)

// widen halves the widest partitions until there are n.
func (m *Meter) widen(n int, now time.Time) {
	for len(m.parts) < n {
		widest, width := 0, uint64(0)
		for i := range m.parts {
			if w := m.last(i) - m.parts[i].low; w > width {
				widest, width = i, w
			}
		}
		m.split(widest, m.parts[widest].low+width/2+1, now)
	}
}

// last returns the last hash of a partition.
func (m *Meter) last(i int) uint64 {
	if i+1 < len(m.parts) {
		return m.parts[i+1].low - 1
	}
	return math.MaxUint64
}

// find returns the partition that a hash falls into.
func (m *Meter) find(hash uint64) int {
	i, found := slices.BinarySearchFunc(m.parts, hash, func(p partition, hash uint64) int {
		switch {
		case p.low < hash:
			return -1
		case p.low > hash:
			return 1
		}
		return 0
	})
	if found {
		return i
	}
	return i - 1
}
