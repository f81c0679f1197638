package capacity_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hortusdb/hortus/capacity"
)

var start = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)

// call runs one call as a service does: admitted as a whole and by its
// partition, and charged.
func call(m *capacity.Meter, now time.Time, k capacity.Kind, hash uint64, units float64) (capacity.Reason, bool) {
	if reason, ok := m.Admit(now, k); !ok {
		return reason, false
	}
	if !m.AdmitAt(now, k, hash) {
		return capacity.KeyRange, false
	}
	m.Charge(now, k, hash, units)
	return "", true
}

// load makes calls of one unit, so many a second for so long, and returns how
// many were admitted and why the last refused one was.
func load(m *capacity.Meter, from time.Time, lasting time.Duration, rate int, k capacity.Kind, hash func(i int) uint64) (admitted int, last capacity.Reason) {
	total := int(lasting.Seconds() * float64(rate))
	for i := range total {
		now := from.Add(time.Duration(float64(i) / float64(rate) * 1e9))
		reason, ok := call(m, now, k, hash(i), 1)
		if ok {
			admitted++
		} else {
			last = reason
		}
	}
	return admitted, last
}

func spread(i int) uint64 { return uint64(i) * 0x9e3779b97f4a7c15 }

func one(int) uint64 { return 1 << 40 }

// TestFreshTable is recorded: a fresh table of one unit a second takes a write
// of 350 units, and then refuses.
func TestFreshTable(t *testing.T) {
	m := capacity.New(capacity.Settings{Provisioned: capacity.Units{1, 1}}, start)
	if reason, ok := call(m, start, capacity.Write, 1, 350); !ok {
		t.Fatalf("the first write is refused: %s", reason)
	}
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{{0, false}, {49 * time.Second, false}, {51 * time.Second, true}} {
		if reason, ok := m.Admit(start.Add(c.after), capacity.Write); ok != c.want || !ok && reason != capacity.Provisioned {
			t.Errorf("after %v: admitted %t (%s), want %t", c.after, ok, reason, c.want)
		}
	}
}

// TestBurst holds that unused throughput is kept for five minutes and no more.
func TestBurst(t *testing.T) {
	m := capacity.New(capacity.Settings{Provisioned: capacity.Units{10, 10}}, start)
	for _, at := range []time.Time{start, start.Add(time.Hour)} {
		n := 0
		for ; ; n++ {
			if _, ok := call(m, at.Add(time.Duration(n)*time.Millisecond), capacity.Read, spread(n), 1); !ok {
				break
			}
		}
		if n < 3000 || n > 3040 { // 300 s of 10, and what came in meanwhile.
			t.Errorf("a burst of %d units, want 3000 and what came in", n)
		}
	}
}

// TestPartition holds a single hot key to what one partition serves, whatever
// the table has left.
func TestPartition(t *testing.T) {
	m := capacity.New(capacity.Settings{Provisioned: capacity.Units{30000, 10000}}, start)
	if n := m.Partitions(); n != 10 {
		t.Fatalf("%d partitions, want 10", n)
	}
	const seconds = 20
	for k, limit := range []int{capacity.Read: capacity.PartitionRead, capacity.Write: capacity.PartitionWrite} {
		n, reason := load(m, start, seconds*time.Second, 2*limit, capacity.Kind(k), one)
		if reason != capacity.KeyRange || n < seconds*limit || n > (seconds+1)*limit+1 {
			t.Errorf("%v: %d admitted in %d s, refused for %s", capacity.Kind(k), n, seconds, reason)
		}
	}
}

// TestAdaptive holds that a partition uses what the table has, beyond an even
// share of it.
func TestAdaptive(t *testing.T) {
	m := capacity.New(capacity.Settings{Provisioned: capacity.Units{3000, 2000}}, start)
	if n := m.Partitions(); n != 2 {
		t.Fatalf("%d partitions, want 2", n)
	}
	if n, reason := load(m, start, 60*time.Second, 900, capacity.Write, one); n != 60*900 {
		t.Errorf("%d of %d writes of one key admitted: %s", n, 60*900, reason)
	}
}

// TestSplit holds that a hot range is split after SplitAfter, and a hot key is
// not.
func TestSplit(t *testing.T) {
	for name, c := range map[string]struct {
		hash func(i int) uint64
		want int
	}{
		"range": {func(i int) uint64 { return spread(i) >> 8 }, 5},
		"key":   {one, 4},
	} {
		m := capacity.New(capacity.Settings{OnDemand: true}, start)
		if n := m.Partitions(); n != 4 {
			t.Fatalf("a new on-demand table has %d partitions, want 4", n)
		}
		load(m, start, capacity.SplitAfter-time.Second, 1100, capacity.Write, c.hash)
		if n := m.Partitions(); n != 4 {
			t.Errorf("%s: split early, into %d", name, n)
		}
		load(m, start.Add(capacity.SplitAfter-time.Second), 20*time.Second, 1100, capacity.Write, c.hash)
		if n := m.Partitions(); n != c.want {
			t.Errorf("%s: %d partitions, want %d", name, n, c.want)
		}
	}
	// A rest in between ends the heat.
	m := capacity.New(capacity.Settings{OnDemand: true}, start)
	for i := range 8 {
		load(m, start.Add(time.Duration(i)*time.Minute), 50*time.Second, 1100, capacity.Write, func(i int) uint64 { return spread(i) >> 8 })
	}
	if n := m.Partitions(); n != 4 {
		t.Errorf("%d partitions after heat with rests, want 4", n)
	}
}

// TestOnDemand holds that a new table serves 4,000 writes a second, and twice
// its peak after a while.
func TestOnDemand(t *testing.T) {
	m := capacity.New(capacity.Settings{OnDemand: true}, start)
	even := func(i int) uint64 { return uint64(i%64) << 58 }
	n, reason := load(m, start, 10*time.Second, 8000, capacity.Write, even)
	if n < 40000 || n > 44010 || reason != capacity.KeyRange {
		t.Errorf("%d of 80000 writes admitted in 10 s (%s), want 4000 a second", n, reason)
	}
	later := start.Add(capacity.GrowEvery)
	load(m, later, 2*time.Second, 100, capacity.Write, even)
	if got := m.Partitions(); got != 8 {
		t.Fatalf("%d partitions after a peak of 4000, want 8", got)
	}
	if n, reason := load(m, later.Add(10*time.Second), 10*time.Second, 7600, capacity.Write, even); n != 76000 {
		t.Errorf("%d of 76000 writes admitted after the growth: %s", n, reason)
	}
	if got := m.Partitions(); got != 8 {
		t.Errorf("grew again at once, to %d", got)
	}
}

// TestLimits holds each limit to its reason.
func TestLimits(t *testing.T) {
	warm := capacity.Units{120000, 120000}
	for _, c := range []struct {
		settings capacity.Settings
		want     capacity.Reason
		least    int // Admitted in the 10 s of 50,000 units.
		most     int
	}{
		{capacity.Settings{OnDemand: true, Warm: warm}, capacity.AccountLimit, 400_000, 440_001},
		{capacity.Settings{OnDemand: true, Warm: warm, Max: capacity.Units{100, 100}}, capacity.MaxOnDemand, 30_000, 31_001},
		{capacity.Settings{Provisioned: capacity.Units{100, 100}, Warm: warm}, capacity.Provisioned, 30_000, 31_001},
		{capacity.Settings{OnDemand: true}, capacity.KeyRange, 40_000, 44_001},
		{capacity.Settings{OnDemand: true, Bytes: 8*capacity.PartitionBytes - 1}, capacity.KeyRange, 80_000, 88_001},
	} {
		m := capacity.New(c.settings, start)
		n, reason := load(m, start, 10*time.Second, 50_000, capacity.Write, func(i int) uint64 { return uint64(i%240) * (math.MaxUint64 / 240) })
		if reason != c.want || n < c.least || n > c.most {
			t.Errorf("%+v: %d admitted, refused for %s; want %s and %d to %d", c.settings, n, reason, c.want, c.least, c.most)
		}
	}
}

// TestSet holds that a change of throughput gives no burst away, and that
// partitions stay.
func TestSet(t *testing.T) {
	m := capacity.New(capacity.Settings{Provisioned: capacity.Units{5, 5}}, start)
	call(m, start, capacity.Write, 1, 1500)
	m.Set(capacity.Settings{Provisioned: capacity.Units{2000, 2000}}, start)
	if _, ok := m.Admit(start, capacity.Write); ok {
		t.Error("raising the throughput filled the bucket")
	}
	if _, ok := m.Admit(start.Add(time.Second), capacity.Write); !ok {
		t.Error("the raised throughput does not come in")
	}
	m.Set(capacity.Settings{Provisioned: capacity.Units{5, 5}}, start)
	if n := m.Partitions(); n != 2 {
		t.Errorf("%d partitions, want 2 for good", n)
	}
	m.Set(capacity.Settings{OnDemand: true, Max: capacity.Units{5, 5}}, start)
	if n := m.Partitions(); n != 4 {
		t.Errorf("%d partitions on demand, want 4", n)
	}
	m.Charge(start, capacity.Write, 1, 1501)
	if reason, ok := m.Admit(start, capacity.Write); ok || reason != capacity.MaxOnDemand {
		t.Errorf("admitted %t, %s", ok, reason)
	}
	m.Set(capacity.Settings{OnDemand: true}, start)
	if reason, ok := m.Admit(start, capacity.Write); !ok {
		t.Errorf("refused without a maximum: %s", reason)
	}
}

// TestNeverTooMuch is the property that all rests on: in no history does a table
// or a partition give more than its rate times the time, its burst, and the one
// call that found the bucket not yet empty. Clocks that go back give nothing.
func TestNeverTooMuch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := capacity.Settings{
			OnDemand:    rapid.Bool().Draw(t, "on demand"),
			Provisioned: capacity.Units{50, float64(rapid.IntRange(1, 3000).Draw(t, "units"))},
			Max:         capacity.Units{0, float64(rapid.IntRange(0, 3000).Draw(t, "max"))},
		}
		m := capacity.New(s, start)
		rate := s.Provisioned[capacity.Write]
		if s.OnDemand {
			rate = s.Max[capacity.Write]
		}
		now, latest := start, start
		total, byKey, largest := 0.0, map[uint64]float64{}, 0.0
		for range rapid.IntRange(1, 300).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.Int64Range(-1000, 4000).Draw(t, "ms")) * time.Millisecond)
			if now.After(latest) {
				latest = now
			}
			hash := rapid.SampledFrom([]uint64{0, 1, 1 << 62, 1 << 63, 1<<64 - 1}).Draw(t, "hash")
			units := float64(rapid.IntRange(1, 400).Draw(t, "cost"))
			if _, ok := call(m, now, capacity.Write, hash, units); ok {
				total, largest = total+units, max(largest, units)
				byKey[hash] += units
			}
			passed := latest.Sub(start).Seconds()
			if bound := rate*passed + rate*capacity.Burst.Seconds() + largest; rate > 0 && total > bound+1e-6 {
				t.Fatalf("%v units in %v s at %v a second", total, passed, rate)
			}
			for h, n := range byKey {
				if bound := capacity.PartitionWrite*(passed+1) + largest; n > bound+1e-6 {
					t.Fatalf("%v units of key %x in %v s", n, h, passed)
				}
			}
		}
	})
}
