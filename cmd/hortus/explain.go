package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/hortusdb/hortus/hortusapi"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/replication"
)

type explainLinksCommand struct {
	client `embed:""`
	Table  string `arg:"" optional:"" help:"Only this table."`
}

func (e *explainLinksCommand) Run(ctx context.Context) error {
	var out hortusapi.ReplicationOutput
	if err := e.call(ctx, "DescribeReplication", hortusapi.ReplicationInput{Table: e.Table}, &out); err != nil {
		return err
	}
	if e.Table != "" && len(out.Links) == 0 {
		return fmt.Errorf("no table %s of this account is in a global table here", e.Table)
	}
	flowing := 0
	for i := range out.Links {
		if out.Links[i].State == replication.Flowing {
			flowing++
			continue
		}
		printReason(&out.Links[i])
	}
	printWithheld(out.Links)
	fmt.Printf("%d of %d links flow\n", flowing, len(out.Links))
	return nil
}

// printWithheld says of tables whose links flow why no member can change their settings.
func printWithheld(links []hortusapi.Replication) {
	type at struct{ table, source string }
	said := map[at]bool{}
	for i := range links {
		l := &links[i]
		if k := (at{l.Table, l.Source}); l.Settings != "" && l.State == replication.Flowing && !said[k] {
			said[k] = true
			fmt.Printf("\n%s: changes arrive, but no member can change settings that all have in step. It is the policy of %s that keeps them from it.\n", l.Table, l.Source)
			printIndented(l.Settings)
			fmt.Println()
		}
	}
}

// printReason says why a link does not flow, and what would let it.
func printReason(l *hortusapi.Replication) {
	fmt.Printf("%s, %s to %s: %s\n", l.Table, l.Source, l.Destination, l.State)
	if l.By != "" {
		fmt.Printf("  It is the policy or the Region of %s that keeps it.\n", l.By)
	}
	reason := l.Reason
	if l.Allow != "" { // It comes below, with the table to whose policy it goes.
		reason, _, _ = strings.Cut(reason, policy.Suggestion)
	}
	printIndented(reason)
	if l.State == replication.NoContact {
		fmt.Println("  What is written meanwhile waits, for up to 24 hours. See that the other node runs and that this one reaches it; hortus link list shows what is cut by hand.")
		fmt.Printf("  A node that runs again without its data says so when it is asked, within half a minute, and its replica is taken out and joins anew. One that never runs again stays a member, for which changes of settings, deletions and disassociations wait, until it is given up: hortus replication remove-lost %s ACCOUNT/REGION\n", l.Table)
	}
	if l.Allow != "" {
		fmt.Printf("  Add this statement to the policy of %s's table:\n    %s\n", l.By, l.Allow)
	}
	if l.Since != "" {
		fmt.Printf("  Since %s by the clock of deadlines; the replica of %s leaves the global table at %s.\n", l.Since, l.By, l.Detaches)
	}
	fmt.Println()
}

func printIndented(text string) {
	for line := range strings.Lines(text) {
		fmt.Print("  ", strings.TrimRight(line, "\n"), "\n")
	}
}

type explainJoinCommand struct {
	client   `embed:""`
	Table    string `arg:"" help:"The table."`
	Source   string `arg:"" help:"A member, as in 111111111111/us-east-1."`
	Newcomer string `arg:"" help:"Who wants to join, as in 222222222222/eu-west-1."`
}

func (e *explainJoinCommand) Run(ctx context.Context) error {
	in := hortusapi.ExplainJoinInput{Table: e.Table, Source: e.Source, Newcomer: e.Newcomer}
	var out hortusapi.ExplainJoinOutput
	if err := e.call(ctx, "ExplainJoin", in, &out); err != nil {
		return err
	}
	for i, g := range out.Gaps {
		if i == 0 || g.Cell != out.Gaps[i-1].Cell {
			fmt.Printf("%s:\n", g.Cell)
		}
		printIndented(g.Reason)
		if g.Allow != "" {
			fmt.Printf("  Add to the policy of its table:\n")
			printIndented("  " + strings.ReplaceAll(g.Allow, "\n", "\n  "))
		}
		fmt.Println()
	}
	for _, m := range out.Unknown {
		fmt.Printf("%s gives this server no answer; ask at a node of a member or of the newcomer, with a connection to it\n", m)
	}
	if len(out.Gaps) == 0 && len(out.Unknown) == 0 {
		fmt.Println("nothing is in the way on the members' side")
	}
	if out.Newcomer != "" {
		fmt.Printf("The policy that %s brings along must have:\n  %s\n", e.Newcomer, out.Newcomer)
	}
	return nil
}
