// Package metrics holds a cell's numbers: counters and histograms, without a
// network. Prometheus and CloudWatch are two readers of it.
package metrics

import (
	"sync"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histogram counts values of microseconds, from 1 to an hour, to two
// significant digits. It is safe for concurrent use.
type Histogram struct {
	mu sync.Mutex
	h  *hdrhistogram.Histogram
}

// maxMicros is an hour; greater values count as an hour.
const maxMicros = int64(3_600_000_000)

// NewHistogram returns an empty histogram.
func NewHistogram() *Histogram {
	return &Histogram{h: hdrhistogram.New(1, maxMicros, 2)}
}

// Record counts one value; what is out of range counts as the nearest value
// within.
func (h *Histogram) Record(micros int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	// RecordValue fails only out of range, which the bounds exclude.
	_ = h.h.RecordValue(min(max(micros, 1), maxMicros))
}

// Reset forgets all values.
func (h *Histogram) Reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.h.Reset()
}

// Snapshot is a histogram at one moment, in microseconds.
type Snapshot struct {
	Count         int64
	Sum           int64 // Within the accuracy of the values.
	P50, P99, Max int64
}

// Snapshot returns the present state.
func (h *Histogram) Snapshot() Snapshot {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.h.TotalCount()
	return Snapshot{n, int64(h.h.Mean() * float64(n)), h.h.ValueAtQuantile(50), h.h.ValueAtQuantile(99), h.h.Max()}
}
