package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/hortusapi"
)

type removeLostCommand struct {
	client   `embed:""`
	Table    string   `arg:"" help:"The table, of the account whose access key calls."`
	Replicas []string `arg:"" help:"The replicas that will never return, as in 111111111111/us-east-1."`
	Region   string   `help:"The Region of the replica that is asked, where the account has several tables of that name."`
}

// Run takes them out. Where a member still counts them it is an error, so that a
// script learns of it.
func (r *removeLostCommand) Run(ctx context.Context) error {
	var out hortusapi.RemoveLostOutput
	in := hortusapi.RemoveLostInput{Table: r.Table, Region: aws.Region(r.Region), Replicas: r.Replicas}
	if err := r.call(ctx, "RemoveLostReplicas", in, &out); err != nil {
		return err
	}
	still := 0
	for i := range out.Remain {
		m := &out.Remain[i]
		if m.Still != "" {
			still++
			fmt.Printf("%s still counts them: %s\n", m.Replica, m.Still)
			continue
		}
		fmt.Printf("%s no longer counts %s\n", m.Replica, strings.Join(out.Removed, ", "))
	}
	for i := range out.Remain {
		for _, k := range out.Remain[i].Known {
			printKnown(out.Remain[i].Replica, k)
		}
	}
	fmt.Println("What a lost replica wrote behind all of these positions is lost. What some of the others have of it and some have not they bring to each other.")
	fmt.Printf("Should it return within a week, it becomes a regional table with all its data, and hortus replication reattach %s brings that back. Later it is deleted and joins anew.\n", out.Table)
	if still > 0 {
		return fmt.Errorf("%d members still count them, and settings stay as they are until they do not: have their own administrators run the same there, or allow dynamodb:DeleteTableReplica to this account in the policy of their table and run it again", still)
	}
	return nil
}

func printKnown(by string, k hortusapi.KnownPart) {
	silent := time.Duration(k.SilentSeconds * float64(time.Second)).Truncate(time.Second)
	fmt.Printf("%s has the log of %s up to position %d", by, k.Replica, k.Position)
	if k.Missing > 0 {
		fmt.Printf(", which went on to %d at least", k.Missing)
	}
	fmt.Printf("; nothing has come from there for %s\n", clock.Words(silent))
}
