package demo

import (
	"fmt"
	"time"

	"github.com/hortusdb/hortus/hortusapi"
)

// figures is what was measured.
type figures struct {
	load, seed     time.Duration
	seeded         int64
	work, isolated work // In all cells at once; while a Region was cut off.
	probes         map[way][]time.Duration
	links          map[way]hortusapi.Replication // After work.
	conflicts      int
	settled        time.Duration // From the last conflict until all agreed.
	waiting        int64         // Commits that a link had not delivered before the heal, at most.
	converge       time.Duration // From the heal until each side had all.
	items          int           // Of each replica, at the last comparison.
}

// summary shows what was measured, as tables.
func (s *story) summary() {
	f := &s.figures
	var rows [][]string
	for _, c := range s.cells() {
		w := f.work[c.name]
		rows = append(rows, []string{
			c.name + " " + string(c.id.Region),
			duration(quantile(w.took[writing], 0.5)), duration(quantile(w.took[writing], 0.99)),
			duration(quantile(w.took[reading], 0.5)), duration(quantile(w.took[reading], 0.99)),
			duration(quantile(f.isolated[c.name].took[writing], 0.5)), duration(quantile(f.isolated[c.name].took[writing], 0.99)),
		})
	}
	s.report.table("Local latency, as the SDK's caller sees it",
		[]string{"cell", "write p50", "p99", "read p50", "p99", "cut off: write p50", "p99"}, rows)
	rows = nil
	for _, w := range s.ways() {
		l, p := f.links[w], f.probes[w]
		rows = append(rows, []string{
			w.from + " → " + w.to, duration(millis(l.LagP50)), duration(millis(l.LagP99)), count(l.LagCount),
			duration(quantile(p, 0.5)), duration(quantile(p, 0.99)), count(len(p)),
		})
	}
	s.report.table("Replication lag: by the links since their start, and by probes while all three wrote",
		[]string{"from → to", "link p50", "p99", "changes", "probe p50", "p99", "probes"}, rows)
	s.report.note("A link measures from commit to commit; staging → prod has the load in it. A probe waits from the answer in one cell for the item to be read in the other, by a look a millisecond.")
	perSecond := func(n int64, d time.Duration) string {
		return fmt.Sprintf("%s items/s", count(int64(float64(n)/d.Seconds())))
	}
	s.report.table("Beginnings and ends", []string{"what", "time", "count", "rate"}, [][]string{
		{"load staging, prod following", duration(f.load), count(len(s.source)) + " items", perSecond(int64(len(s.source)), f.load)},
		{"seed analytics, both others writing", duration(f.seed), count(f.seeded) + " items", perSecond(f.seeded, f.seed)},
		{fmt.Sprintf("converge after %v of isolation", s.pace.Isolation), duration(f.converge), count(f.waiting) + " commits", ""},
		{"settle writes to the same keys at once", duration(f.settled), count(f.conflicts) + " keys", ""},
	})
}

func millis(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
