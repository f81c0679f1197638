package load

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is what a run found. It marshals to JSON.
type Report struct {
	Connections int      `json:"connections"`
	Rate        float64  `json:"rate,omitempty"` // Requests a second; left out of a closed loop.
	Rounds      int      `json:"rounds"`
	Seconds     float64  `json:"seconds"` // Of a round.
	Items       int      `json:"items"`
	ItemBytes   int      `json:"itemBytes"`
	Tables      int      `json:"tables"`
	Indexes     int      `json:"indexes"`
	HotKey      bool     `json:"hotKey,omitempty"`
	Zipf        float64  `json:"zipf,omitempty"`
	Results     []Result `json:"results"` // By workload, then in the order of the targets.
}

// Result is one workload on one server.
type Result struct {
	Workload   string  `json:"workload"`
	Server     string  `json:"server"`
	PerSecond  Spread  `json:"perSecond"` // Requests that succeeded, by round.
	Micros     Latency `json:"latencyMicros"`
	CPUMicros  *Spread `json:"serverCPUMicros,omitempty"` // Of the server, for a request, by round.
	Resident   int64   `json:"serverResidentBytes,omitempty"`
	Requests   int64   `json:"requests"` // That succeeded.
	Failed     int64   `json:"failed"`
	FirstError string  `json:"firstError,omitempty"`
	Conflicts  int64   `json:"conflicts,omitempty"` // Were refused because a transaction had one of their items.
	Partial    int64   `json:"partial,omitempty"`   // Batches that left items unprocessed, to be sent again.
	Unserved   int64   `json:"unserved,omitempty"`  // Were due and not begun when their round ended.

	// The first server's figure by this one's, of the same round: above 1 the
	// first does more, or needs less CPU. Nil for the first itself.
	Times    *Spread `json:"firstTimesThis,omitempty"`
	TimesCPU *Spread `json:"firstTimesThisByCPU,omitempty"`
}

// Spread is the median of several rounds, and how far they differ.
type Spread struct {
	Median   float64 `json:"median"`
	Least    float64 `json:"least"`
	Greatest float64 `json:"greatest"`
}

// Latency is the distribution of all rounds, in microseconds. In an open loop
// it counts from when a request was due.
type Latency struct {
	Mean float64 `json:"mean"`
	P50  int64   `json:"p50"`
	P90  int64   `json:"p90"`
	P99  int64   `json:"p99"`
	P999 int64   `json:"p999"`
	Max  int64   `json:"max"`
}

func newReport(o *Options) Report {
	return Report{
		Connections: o.Connections, Rate: o.Rate, Rounds: o.Rounds, Seconds: o.Duration.Seconds(),
		Items: o.Items, ItemBytes: o.ItemBytes, Tables: o.Tables, Indexes: o.Indexes, HotKey: o.HotKey, Zipf: o.Zipf,
	}
}

// rounds gathers the measurements of one workload on one server.
type rounds struct {
	result         Result
	perSecond, cpu []float64
	took           *hdrhistogram.Histogram
	knowsCPU       bool
}

func newResults(w Workload, servers []*server) []*rounds {
	var all []*rounds
	for _, s := range servers {
		all = append(all, &rounds{result: Result{Workload: w.Name, Server: s.Name}, took: newHistogram(), knowsCPU: s.Usage != nil})
	}
	return all
}

func (r *rounds) add(m measurement) {
	r.perSecond = append(r.perSecond, float64(m.done)/m.elapsed.Seconds())
	r.cpu = append(r.cpu, float64(m.cpu)/float64(time.Microsecond)/float64(m.done))
	r.took.Merge(m.took)
	r.result.Requests += m.done
	r.result.Failed += m.failed
	r.result.Conflicts += m.conflicts
	r.result.Partial += m.partial
	r.result.Unserved += m.unserved
	r.result.Resident = max(r.result.Resident, m.resident)
	if r.result.FirstError == "" && m.first != nil {
		r.result.FirstError = m.first.Error()
	}
}

// add closes the results of one workload.
func (r *Report) add(all []*rounds) {
	first := all[0]
	for i, one := range all {
		one.result.PerSecond = *spread(one.perSecond)
		one.result.Micros = Latency{
			Mean: one.took.Mean(), P50: one.took.ValueAtQuantile(50), P90: one.took.ValueAtQuantile(90),
			P99: one.took.ValueAtQuantile(99), P999: one.took.ValueAtQuantile(99.9), Max: one.took.Max(),
		}
		if one.knowsCPU {
			one.result.CPUMicros = spread(one.cpu)
		}
		if i > 0 {
			one.result.Times = spread(quotients(first.perSecond, one.perSecond))
			if first.knowsCPU && one.knowsCPU {
				one.result.TimesCPU = spread(quotients(one.cpu, first.cpu))
			}
		}
		r.Results = append(r.Results, one.result)
	}
}

func quotients(a, b []float64) []float64 {
	var q []float64
	for i := range a {
		if b[i] > 0 {
			q = append(q, a[i]/b[i])
		}
	}
	return q
}

// spread returns nil of no values.
func spread(values []float64) *Spread {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return &Spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Least: sorted[0], Greatest: sorted[n-1]}
}

// Failed reports whether any request failed.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Results, func(one Result) bool { return one.Failed > 0 })
}

// WriteText writes the report as a table for readers.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	b.WriteString(r.heading())
	rows := []string{"workload\tserver\trequests/s\tleast..greatest\tp50\tp90\tp99\tp99.9\tmax\tCPU\tmemory\tfailed\n"}
	for _, one := range r.Results {
		rows = append(rows, strings.Join(one.columns(), "\t")+"\n")
	}
	tab := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if _, err := io.WriteString(tab, strings.Join(rows, "")); err != nil {
		return err
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	for _, one := range r.Results {
		for _, line := range one.notes(r.Results) {
			b.WriteString(line + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// heading says what the figures hold for.
func (r *Report) heading() string {
	parts := []string{fmt.Sprintf("%d connections", r.Connections), "closed loop", fmt.Sprintf("%d rounds of %gs", r.Rounds, r.Seconds), fmt.Sprintf("%d items of %d bytes", r.Items, r.ItemBytes)}
	if r.Rate > 0 {
		parts[1] = fmt.Sprintf("%.0f requests a second", r.Rate)
	}
	if r.Tables > 1 {
		parts = append(parts, fmt.Sprintf("%d tables", r.Tables))
	}
	if r.Indexes > 0 {
		parts = append(parts, fmt.Sprintf("%d indexes", r.Indexes))
	}
	if r.HotKey {
		parts = append(parts, "one hot key")
	}
	if r.Zipf > 0 {
		parts = append(parts, fmt.Sprintf("Zipf %g", r.Zipf))
	}
	return strings.Join(parts, ", ") + "\n\n"
}

func (r *Result) columns() []string {
	cpu, memory := "-", "-"
	if r.CPUMicros != nil {
		cpu = fmt.Sprintf("%.1f µs", r.CPUMicros.Median)
		memory = fmt.Sprintf("%d MiB", r.Resident>>20)
	}
	return []string{
		r.Workload, r.Server, fmt.Sprintf("%.0f", r.PerSecond.Median), fmt.Sprintf("%.0f..%.0f", r.PerSecond.Least, r.PerSecond.Greatest),
		micros(r.Micros.P50), micros(r.Micros.P90), micros(r.Micros.P99), micros(r.Micros.P999), micros(r.Micros.Max),
		cpu, memory, fmt.Sprint(r.Failed),
	}
}

// notes are what a result says beside its figures.
func (r *Result) notes(all []Result) []string {
	var lines []string
	if r.Times != nil {
		i := slices.IndexFunc(all, func(other Result) bool { return other.Workload == r.Workload })
		line := fmt.Sprintf("%s: %s does %.2f times (%.2f..%.2f) what %s does", r.Workload, all[i].Server, r.Times.Median, r.Times.Least, r.Times.Greatest, r.Server)
		if r.TimesCPU != nil {
			line += fmt.Sprintf(", by CPU %.2f (%.2f..%.2f)", r.TimesCPU.Median, r.TimesCPU.Least, r.TimesCPU.Greatest)
		}
		lines = append(lines, line)
	}
	if r.Unserved > 0 {
		lines = append(lines, fmt.Sprintf("%s: %s does not keep up: %d requests were due and not begun when their round ended", r.Workload, r.Server, r.Unserved))
	}
	if r.Conflicts > 0 {
		lines = append(lines, fmt.Sprintf("%s: %s: %d requests met a transaction under way", r.Workload, r.Server, r.Conflicts))
	}
	if r.Partial > 0 {
		lines = append(lines, fmt.Sprintf("%s: %s: %d batches left items unprocessed", r.Workload, r.Server, r.Partial))
	}
	if r.Failed > 0 {
		lines = append(lines, fmt.Sprintf("%s: %s: the first of %d failures: %s", r.Workload, r.Server, r.Failed, r.FirstError))
	}
	return lines
}

func micros(n int64) string {
	switch d := time.Duration(n) * time.Microsecond; {
	case d < 10*time.Millisecond:
		return d.String()
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(time.Millisecond).String()
	}
}
