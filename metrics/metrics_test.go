package metrics

import (
	"sync"
	"testing"
)

// TestHistogram: quantiles are within one per cent, and values out of range
// count as the nearest one within.
func TestHistogram(t *testing.T) {
	h := NewHistogram()
	if s := h.Snapshot(); s != (Snapshot{}) {
		t.Errorf("an empty histogram shows %+v", s)
	}
	for v := int64(1); v <= 10_000; v++ {
		h.Record(v)
	}
	near := func(got, want int64) bool { return got >= want-want/100-1 && got <= want+want/100+1 }
	if s := h.Snapshot(); s.Count != 10_000 || !near(s.P50, 5_000) || !near(s.P99, 9_900) || !near(s.Max, 10_000) {
		t.Errorf("1 to 10000 show as %+v", s)
	}
	h.Reset()
	h.Record(-5)
	if s := h.Snapshot(); s.Count != 1 || s.Max != 1 {
		t.Errorf("a negative value shows as %+v", s)
	}
	h.Record(1 << 60)
	if s := h.Snapshot(); s.Count != 2 || !near(s.Max, maxMicros) {
		t.Errorf("a value over the range shows as %+v", s)
	}
}

// TestConcurrent is for the race detector: no value is lost.
func TestConcurrent(t *testing.T) {
	h := NewHistogram()
	var running sync.WaitGroup
	const writers, each = 4, 1000
	for range writers {
		running.Go(func() {
			for v := range int64(each) {
				h.Record(v)
				h.Snapshot()
			}
		})
	}
	running.Wait()
	if s := h.Snapshot(); s.Count != writers*each {
		t.Errorf("%d values are counted, want %d", s.Count, writers*each)
	}
}
