package load

import (
	"strings"
	"testing"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Spread
	}{
		{[]float64{3}, Spread{3, 3, 3}},
		{[]float64{4, 1, 2}, Spread{2, 1, 4}},
		{[]float64{4, 1, 2, 3}, Spread{2.5, 1, 4}},
	} {
		if got := spread(c.values); *got != c.want {
			t.Errorf("spread of %v: %v, want %v", c.values, *got, c.want)
		}
	}
	if spread(nil) != nil {
		t.Error("no values have a spread")
	}
}

// TestWriteText shows a report as readers see it.
func TestWriteText(t *testing.T) {
	r := Report{
		Connections: 64, Rate: 500, Rounds: 2, Seconds: 1.5, Items: 1000, ItemBytes: 100, Tables: 2, Indexes: 1, Zipf: 0.99,
		Results: []Result{
			{
				Workload: "get", Server: "a", PerSecond: Spread{1000, 900, 1100}, Requests: 10,
				Micros: Latency{P50: 120, P90: 1500, P99: 12_340, P999: 123_456, Max: 1_234_567}, CPUMicros: &Spread{31.25, 30, 32}, Resident: 5 << 20,
			},
			{
				Workload: "get", Server: "b", PerSecond: Spread{500, 400, 600}, Failed: 3, FirstError: "no", Unserved: 7,
				Times: &Spread{2, 1.5, 2.75}, TimesCPU: &Spread{3, 3, 3},
			},
		},
	}
	const want = `64 connections, 500 requests a second, 2 rounds of 1.5s, 1000 items of 100 bytes, 2 tables, 1 indexes, Zipf 0.99

workload  server  requests/s  least..greatest  p50    p90    p99     p99.9    max     CPU      memory  failed
get       a       1000        900..1100        120µs  1.5ms  12.3ms  123.5ms  1.235s  31.2 µs  5 MiB   0
get       b       500         400..600         0s     0s     0s      0s       0s      -        -       3
get: a does 2.00 times (1.50..2.75) what b does, by CPU 3.00 (3.00..3.00)
get: b does not keep up: 7 requests were due and not begun when their round ended
get: b: the first of 3 failures: no
`
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	if !r.Failed() {
		t.Error("a report with failures does not say so")
	}
}
