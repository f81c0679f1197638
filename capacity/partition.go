package capacity

import (
	"math/bits"
	"slices"
	"time"
)

// partition is a range of hashes, from low up to the next one's.
type partition struct {
	low     uint64
	buckets [kinds]bucket

	hot    time.Time // Since when it is at its limit without a rest; zero when it is not.
	sample [samples]uint64
	seen   int // How many hashes came since it is hot.
}

// samples is how many of the last hashes tell where a hot partition is split.
const samples = 32

// newPartition returns a partition whose buckets are full to that share.
func newPartition(low uint64, share float64, now time.Time) partition {
	p := partition{low: low}
	for k := range kinds {
		p.buckets[k] = newBucket(partitionLimit[k], PartitionBurst, now)
		p.buckets[k].level *= share
	}
	return p
}

// edge is the first hash of the i-th of n equal ranges.
func edge(i, n int) uint64 {
	q, _ := bits.Div64(uint64(i), 0, uint64(n))
	return q
}

// open reports whether a call may draw on the partition.
func (p *partition) open(now time.Time, k Kind) bool {
	open := p.buckets[k].open(now)
	p.rest(now)
	return open
}

// take takes units, and reports whether the partition is at its limit.
func (p *partition) take(now time.Time, k Kind, units float64) bool {
	p.buckets[k].fill(now)
	p.rest(now)
	p.buckets[k].take(now, units)
	return p.buckets[k].level <= 0
}

// rest ends a partition's heat once its buckets are full again.
func (p *partition) rest(now time.Time) {
	if p.hot.IsZero() {
		return
	}
	for k := range kinds {
		b := &p.buckets[k]
		b.fill(now)
		if b.level < b.burst {
			return
		}
	}
	p.hot = time.Time{}
}

// heat notes that a partition is at its limit, and splits it when that has
// lasted: adaptive capacity gives each half what the whole had.
func (m *Meter) heat(i int, hash uint64, now time.Time) {
	p := &m.parts[i]
	if p.hot.IsZero() {
		p.hot, p.seen = now, 0
	}
	p.sample[p.seen%samples] = hash
	p.seen++
	if now.Sub(p.hot) < SplitAfter {
		return
	}
	p.hot = time.Time{}
	if at, ok := p.middle(); ok && len(m.parts) < MaxPartitions {
		m.split(i, at, now)
	}
}

// middle returns where the calls of late fall apart into halves; false when all
// of them were for one key, which no split helps.
func (p *partition) middle() (uint64, bool) {
	hashes := slices.Clone(p.sample[:min(p.seen, samples)])
	slices.Sort(hashes)
	rest := hashes[len(hashes)/2:]
	for _, h := range rest {
		if h > hashes[0] {
			return h, true
		}
	}
	return 0, false
}

// split makes two of a partition; at is the first hash of the second. That one
// begins with nothing saved up.
func (m *Meter) split(i int, at uint64, now time.Time) {
	m.parts[i].hot = time.Time{}
	m.parts = slices.Insert(m.parts, i+1, newPartition(at, 0, now))
}
