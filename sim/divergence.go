package sim

import (
	"github.com/hortusdb/hortus/replication"
)

// checkDivergence has every member compare its replica with each other's, as an
// operator would: replicas that hold the same bytes have no difference.
func (w *world) checkDivergence() {
	for _, c := range w.cells[:w.Members] {
		for _, d := range w.cells[:w.Members] {
			if c == d || w.failure != nil {
				continue
			}
			w.Tally.count(Compared)
			o := replication.CheckOptions{}
			for more := true; more; more = o.After != nil {
				found, err := c.repl.CheckDivergence(w.ctx, tableName, d.name, o)
				if err != nil || found.First > 0 {
					w.fail("%v compares with %v: %+v, %w", c, d, found, err)
					return
				}
				o.After = found.Next
			}
		}
	}
}
