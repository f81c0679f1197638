package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/hortusdb/hortus/hortusapi"
)

// replicas names two replicas of a table.
type replicas struct {
	client `embed:""`
	Table  string `arg:"" help:"The table."`
	From   string `arg:"" help:"The replica that compares, of the account whose access key calls, as in 111111111111/us-east-1."`
	To     string `arg:"" help:"The other, as in 222222222222/eu-west-1."`
}

type divergenceCheckCommand struct {
	replicas `embed:""`
}

func (d *divergenceCheckCommand) Run(ctx context.Context) error { return d.check(ctx, false) }

type divergenceRepairCommand struct {
	replicas `embed:""`
}

func (d *divergenceRepairCommand) Run(ctx context.Context) error { return d.check(ctx, true) }

// pageWithin is how long a page is waited for: over a narrow link that is busy each
// question of it stands behind what goes there.
const pageWithin = 2 * time.Minute

// check compares all pages. What differs and was not repaired is an error, so
// that a script learns of it.
func (d *replicas) check(ctx context.Context, repair bool) error {
	in := hortusapi.DivergenceInput{Table: d.Table, From: d.From, To: d.To, Repair: repair}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	var sum hortusapi.DivergenceOutput
	differ := 0
	for {
		var out hortusapi.DivergenceOutput
		if err := d.callWithin(ctx, pageWithin, "CheckDivergence", in, &out); err != nil {
			return err
		}
		sum.Checked += out.Checked
		sum.First += out.First
		sum.Moving += out.Moving
		sum.Pending += out.Pending
		sum.Repaired += out.Repaired
		if differ == 0 && len(out.Differences) > 0 {
			fmt.Fprintln(w, "KEY\tDIFFERS\tFROM HAS\tTO HAS\tREPAIRED")
		}
		differ += len(out.Differences)
		printDifferences(w, out.Differences)
		if err := w.Flush(); err != nil {
			return err
		}
		if in.NextToken = out.NextToken; in.NextToken == "" {
			break
		}
	}
	fmt.Printf("%d rows compared: %d differed at first, %d differ, %d of them were repaired\n", sum.Checked, sum.First, differ, sum.Repaired)
	if sum.Pending > 0 {
		fmt.Printf("%d are pending: the cell that wrote the newer version has still to ship it; hortus replication status shows the link\n", sum.Pending)
	}
	if sum.Moving > 0 {
		fmt.Printf("%d changed at every look, and nothing is said of them: check again\n", sum.Moving)
	}
	if left := differ - sum.Repaired; left > 0 {
		return fmt.Errorf("%d items differ between %s and %s", left, d.From, d.To)
	}
	return nil
}

func printDifferences(w *tabwriter.Writer, list []hortusapi.Difference) {
	for i := range list {
		x := &list[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%t\n", x.Key, x.Kind, held(x.From), held(x.To), x.Repaired)
	}
}

func held(h *hortusapi.Held) string {
	switch {
	case h == nil:
		return "nothing"
	case h.Deleted:
		return "a deletion, " + h.Version
	}
	return h.Version
}
