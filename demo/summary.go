package demo

import (
	"fmt"
	"time"

	"github.com/hortusdb/hortus/hortusapi"
)

// figures is what was measured.
type figures struct {
	load, seed, converge time.Duration
	seeded               int64
	work, isolated       work
	probes               map[way][]time.Duration
	links                map[way]hortusapi.Replication
	conflicts            int
	outdated             int64
	items                int
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
	s.report.table("Once", []string{"what", "took", ""}, [][]string{
		{"load in staging, prod following", duration(f.load), perSecond(int64(len(s.source)), f.load)},
		{"seed analytics while both wrote", duration(f.seed), perSecond(f.seeded, f.seed)},
		{fmt.Sprintf("converge after %v of isolation", s.pace.Isolation), duration(f.converge), ""},
		{fmt.Sprintf("%d conflicts", f.conflicts), "", fmt.Sprintf("%s outdated writes dropped", count(f.outdated))},
	})
}

func millis(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
