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

type clockAdvanceCommand struct {
	client `embed:""`
	By     time.Duration `arg:"" help:"How far, as in 20h or 90m."`
}

func (c *clockAdvanceCommand) Run(ctx context.Context) error {
	var out hortusapi.ClockOutput
	if err := c.call(ctx, "AdvanceClock", hortusapi.AdvanceClockInput{Seconds: c.By.Seconds()}, &out); err != nil {
		return err
	}
	return printClock(&out)
}

type clockShowCommand struct {
	client `embed:""`
}

func (c *clockShowCommand) Run(ctx context.Context) error {
	var out hortusapi.ClockOutput
	if err := c.call(ctx, "DescribeClock", hortusapi.Empty{}, &out); err != nil {
		return err
	}
	return printClock(&out)
}

// printClock shows the clock, and that of other nodes. It is an error that one of them
// has another one: deadlines of one table would pass at different times.
func printClock(c *hortusapi.ClockOutput) error {
	fmt.Printf("%s by the clock of deadlines, %s ahead of the machine's, %s\n", c.Deadlines, clock.Words(seconds(c.AheadSeconds)), c.Wall)
	apart := 0
	for _, n := range c.Nodes {
		where := strings.Join(n.Cells, " ")
		switch {
		case n.AheadSeconds == c.AheadSeconds && n.Failure == "":
			fmt.Printf("the same at the node of %s\n", where)
			continue
		case n.Failure != "":
			fmt.Printf("at the node of %s: %s\n", where, n.Failure)
		default:
			fmt.Printf("at the node of %s it is %s ahead\n", where, clock.Words(seconds(n.AheadSeconds)))
		}
		apart++
	}
	if apart > 0 {
		return fmt.Errorf("%d of %d other nodes do not go by this clock; hortus clock advance 0s at the one that is farthest ahead brings along those that can be reached and that are there for rehearsals", apart, len(c.Nodes))
	}
	return nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

type disableCommand struct {
	client  `embed:""`
	Account string `arg:"" help:"The account, twelve digits."`
	Region  string `arg:"" help:"The Region, as in af-south-1."`
}

func (d *disableCommand) Run(ctx context.Context) error {
	in := hortusapi.AccountRegionInput{Account: aws.Account(d.Account), Region: aws.Region(d.Region)}
	if err := d.call(ctx, "DisableRegion", in, &hortusapi.Empty{}); err != nil {
		return err
	}
	fmt.Printf("%s is disabled in account %s: its clients are refused and its replicas cut off. End it with: hortus region enable %[2]s %[1]s\n", d.Region, d.Account)
	return nil
}

type enableCommand struct {
	client  `embed:""`
	Account string `arg:"" help:"The account, twelve digits."`
	Region  string `arg:"" help:"The Region, as in af-south-1."`
}

func (e *enableCommand) Run(ctx context.Context) error {
	in := hortusapi.AccountRegionInput{Account: aws.Account(e.Account), Region: aws.Region(e.Region)}
	if err := e.call(ctx, "EnableRegion", in, &hortusapi.Empty{}); err != nil {
		return err
	}
	fmt.Printf("%s is enabled in account %s\n", e.Region, e.Account)
	return nil
}
