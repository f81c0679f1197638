package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/hortusapi"
	"github.com/hortusdb/hortus/table"
)

type tableSetCommand struct {
	client   `embed:""`
	Table    string `arg:"" help:"The table, of the account whose access key calls."`
	Region   string `help:"The Region, where the account has several tables of that name."`
	Conflict string `help:"Which of two concurrent writes survives: last-writer-wins, or merge."`
	Topology string `help:"Of which accounts its replicas may be: aws (all of one, or each of its own), or mixed."`

	Transactions string `help:"How a transaction's items become visible in other replicas: items, one by one, or atomic, all at once."`
}

func (s *tableSetCommand) Run(ctx context.Context) error {
	if s.Conflict == "" && s.Topology == "" && s.Transactions == "" {
		return fmt.Errorf("say what to set: --conflict, --topology or --transactions (hortus table get %s shows what they are)", s.Table)
	}
	var out hortusapi.SettingsOutput
	in := hortusapi.SettingsInput{
		Table: s.Table, Region: aws.Region(s.Region),
		Conflict: conflict.Rule(s.Conflict), Topology: table.Topology(s.Topology), Transactions: table.Visibility(s.Transactions),
	}
	if err := s.call(ctx, "UpdateTableSettings", in, &out); err != nil {
		return err
	}
	printSettings(&out)
	return nil
}

type tableGetCommand struct {
	client `embed:""`
	Table  string `arg:"" help:"The table, of the account whose access key calls."`
	Region string `help:"The Region, where the account has several tables of that name."`
	JSON   bool   `name:"json" help:"Print them as JSON."`
}

func (g *tableGetCommand) Run(ctx context.Context) error {
	var out hortusapi.SettingsOutput
	in := hortusapi.DescribeSettingsInput{Table: g.Table, Region: aws.Region(g.Region)}
	if err := g.call(ctx, "DescribeTableSettings", in, &out); err != nil {
		return err
	}
	if g.JSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(&out)
	}
	printSettings(&out)
	if len(out.Members) == 0 {
		fmt.Println("It is a regional table: no other replica has it.")
	} else {
		fmt.Printf("Its replicas: %s\n", strings.Join(out.Members, ", "))
		printOthers(&out)
	}
	return nil
}

// printOthers says whether the other replicas have the same settings.
func printOthers(s *hortusapi.SettingsOutput) {
	same := true
	for i := range s.Others {
		switch o := &s.Others[i]; {
		case o.Unknown != "":
			same = false
			fmt.Printf("%s does not say what it has: %s\n", o.Replica, o.Unknown)
		case !o.InStep && o.Conflict == s.Conflict && o.Topology == s.Topology && o.Transactions == s.Transactions:
			same = false
			fmt.Printf("%s has other settings of DynamoDB (capacity, time to live or indexes) at the moment\n", o.Replica)
		case !o.InStep:
			same = false
			fmt.Printf("%s has other settings at the moment: %s\n", o.Replica, rules(o.Conflict, o.Topology, o.Transactions))
		}
	}
	if same {
		fmt.Println("All of them have these settings.")
	} else {
		fmt.Println("Replicas that reach each other, and allow ReplicateSettings, have the same within seconds.")
	}
}

func printSettings(s *hortusapi.SettingsOutput) {
	fmt.Printf("%s in %s: %s\n", s.Table, s.Replica, rules(s.Conflict, s.Topology, s.Transactions))
}

func rules(c conflict.Rule, topology table.Topology, transactions table.Visibility) string {
	return fmt.Sprintf("concurrent writes are decided by %s; the topology is %s; %s", c, topology, visibleText(transactions))
}

// visibleText says how transactions become visible.
func visibleText(v table.Visibility) string {
	if v == table.Together {
		return "transactions become visible as a whole (" + string(v) + ")"
	}
	return "the items of transactions become visible one by one (" + string(v) + ")"
}
