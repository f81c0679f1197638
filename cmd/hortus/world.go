package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/hortusapi"
	"github.com/hortusdb/hortus/replication"
)

type isolateCommand struct {
	client `embed:""`
	Region string `arg:"" help:"The Region, as in eu-west-1."`
}

func (i *isolateCommand) Run(ctx context.Context) error {
	if err := i.call(ctx, "IsolateRegion", hortusapi.RegionInput{Region: aws.Region(i.Region)}, &hortusapi.Empty{}); err != nil {
		return err
	}
	fmt.Printf("%s is cut off from all other Regions; its own clients are served. End it with: hortus region heal %s\n", i.Region, i.Region)
	return nil
}

type healCommand struct {
	client `embed:""`
	Region string `arg:"" help:"The Region, as in eu-west-1."`
}

func (h *healCommand) Run(ctx context.Context) error {
	if err := h.call(ctx, "HealRegion", hortusapi.RegionInput{Region: aws.Region(h.Region)}, &hortusapi.Empty{}); err != nil {
		return err
	}
	fmt.Printf("%s is connected again\n", h.Region)
	return nil
}

type linkSetCommand struct {
	client    `embed:""`
	From      string        `arg:"" help:"The Region where it starts."`
	To        string        `arg:"" help:"The Region where it ends."`
	Delay     time.Duration `help:"How long a message takes, one way."`
	Jitter    time.Duration `help:"How much longer it may take, at random."`
	Loss      float64       `help:"The share of messages that are lost, 0 to 1."`
	Repeat    float64       `help:"The share of messages that come twice, 0 to 1."`
	Cut       bool          `help:"Let nothing pass."`
	Bandwidth string        `placeholder:"SIZE" help:"How many bytes pass in a second, as in 1MiB."`
	Both      bool          `help:"Set the way back too."`
}

func (l *linkSetCommand) Run(ctx context.Context) error {
	bandwidth, err := bytesASecond(l.Bandwidth)
	if err != nil {
		return err
	}
	in := hortusapi.Link{
		From: aws.Region(l.From), To: aws.Region(l.To),
		DelayMillis: float64(l.Delay) / 1e6, JitterMillis: float64(l.Jitter) / 1e6,
		Loss: l.Loss, Repeat: l.Repeat, Cut: l.Cut, Bandwidth: bandwidth,
	}
	if err := l.setLink(ctx, in, l.Both); err != nil {
		return err
	}
	return printLinks(ctx, &l.client)
}

type linkListCommand struct {
	client `embed:""`
}

func (l *linkListCommand) Run(ctx context.Context) error { return printLinks(ctx, &l.client) }

func printLinks(ctx context.Context, c *client) error {
	var out hortusapi.LinksOutput
	if err := c.call(ctx, "DescribeLinks", hortusapi.Empty{}, &out); err != nil {
		return err
	}
	for _, r := range out.Isolated {
		fmt.Printf("%s is isolated\n", r)
	}
	for _, c := range out.Disabled {
		fmt.Printf("%s is disabled\n", c)
	}
	if len(out.Links) == 0 {
		fmt.Println("all links are without delay or loss")
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FROM\tTO\tDELAY\tJITTER\tLOSS\tREPEAT\tBANDWIDTH\tCUT")
	for _, l := range out.Links {
		fmt.Fprintf(w, "%s\t%s\t%gms\t%gms\t%g\t%g\t%s\t%t\n", l.From, l.To, l.DelayMillis, l.JitterMillis, l.Loss, l.Repeat, bandwidthText(l.Bandwidth), l.Cut)
	}
	return w.Flush()
}

type statusCommand struct {
	client `embed:""`
	Table  string `help:"Only this table."`
	JSON   bool   `name:"json" help:"Print all that is known, as JSON."`
}

func (s *statusCommand) Run(ctx context.Context) error {
	var out hortusapi.ReplicationOutput
	if err := s.call(ctx, "DescribeReplication", hortusapi.ReplicationInput{Table: s.Table}, &out); err != nil {
		return err
	}
	if s.JSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(&out)
	}
	if len(out.Links) == 0 {
		if s.Table != "" {
			return fmt.Errorf("there is no global table %s", s.Table)
		}
		fmt.Println("there is no global table")
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TABLE\tSOURCE\tDESTINATION\tSTATE\tAPPLIED\tOUTDATED\tCONFLICTS\tREFUSED\tPENDING\tSENT\tLAG P50\tLAG P99\tLAST CONTACT")
	for _, l := range out.Links {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\t%d\t%.2fms\t%.2fms\t%s\n",
			l.Table, l.Source, l.Destination, l.State, l.Written, l.Lost, l.Conflicts, l.RefusedBatches,
			pendingText(&l), l.ShippedBytes, l.LagP50, l.LagP99, lastContact(&l))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := printNodes(&out); err != nil {
		return err
	}
	printRules(out.Journals)
	for i := range out.Links {
		if l := &out.Links[i]; l.State == replication.Seeding {
			fmt.Printf("\n%s, %s is seeded from %s: %s\n", l.Table, l.Destination, l.Source, seedText(l))
		}
		if l := &out.Links[i]; l.Apart > 0 {
			fmt.Printf("\n%s, %s to %s: %d transactions were shown in parts; of the last one, %s\n", l.Table, l.Source, l.Destination, l.Apart, l.ApartReason)
		}
		if l := &out.Links[i]; l.Differing > 0 {
			fmt.Printf("\n%s: the replicas in %s and %s differ in %d rows, as %s found at %s; hortus divergence check %s %s %s lists them\n",
				l.Table, l.Source, l.Destination, l.Differing, l.Destination, l.Compared, l.Table, l.Source, l.Destination)
		}
		if out.Links[i].Reason != "" {
			fmt.Println()
			printReason(&out.Links[i])
		}
	}
	printWithheld(out.Links)
	return nil
}

// seedText says how far seeding is. The node of the source knows the part alone.
func seedText(l *hortusapi.Replication) string {
	out := fmt.Sprintf("%.0f %%", 100*l.SeedShare)
	if l.Seeded == 0 {
		return out
	}
	return fmt.Sprintf("%s, %d items, %.1f MiB", out, l.Seeded, float64(l.SeededBytes)/(1<<20))
}

// pendingText says how many changes wait for a link.
func pendingText(l *hortusapi.Replication) string {
	switch {
	case l.PendingUnknown != "":
		return "unknown"
	case l.Pending >= replication.MaxPending:
		return fmt.Sprintf("%d or more", l.Pending)
	}
	return strconv.FormatInt(l.Pending, 10)
}

// lastContact says when a link was last heard of.
func lastContact(l *hortusapi.Replication) string {
	if l.LastContact == "" {
		return "never"
	}
	return fmt.Sprintf("%v ago", seconds(l.SilentSeconds).Round(100*time.Millisecond))
}

// printNodes shows the other nodes, and what of them was refused.
func printNodes(out *hortusapi.ReplicationOutput) error {
	if len(out.Nodes) == 0 {
		return nil
	}
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tCONNECTED\tSINCE\tMESSAGES\tBYTES\tDROPPED")
	for _, n := range out.Nodes {
		fmt.Fprintf(w, "%s\t%t\t%s\t%d\t%d\t%d\n", strings.TrimSpace(n.Address+" "+strings.Join(n.Cells, " ")), n.Connected, cmp.Or(n.Since, "never"), n.Messages, n.Bytes, n.Dropped)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if out.Refused > 0 {
		fmt.Printf("%d messages and requests of other nodes were refused; the log says why\n", out.Refused)
	}
	return nil
}

// printRules says where replicas of a table decide by different rules.
func printRules(journals []hortusapi.Journal) {
	for i, j := range journals {
		for _, k := range journals[:i] {
			if j.Table == k.Table && j.Rule != k.Rule {
				fmt.Printf("\n%s: %s decides between concurrent writes by %s, and %s by %s\n", j.Table, k.Cell, k.Rule, j.Cell, j.Rule)
			}
			if j.Table == k.Table && j.Transactions != k.Transactions {
				fmt.Printf("\n%s: in %s %s, and in %s %s\n", j.Table, k.Cell, visibleText(k.Transactions), j.Cell, visibleText(j.Transactions))
			}
		}
	}
}
