package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hortusdb/hortus/aws"
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
	printClock(&out)
	return nil
}

type clockShowCommand struct {
	client `embed:""`
}

func (c *clockShowCommand) Run(ctx context.Context) error {
	var out hortusapi.ClockOutput
	if err := c.call(ctx, "DescribeClock", hortusapi.Empty{}, &out); err != nil {
		return err
	}
	printClock(&out)
	return nil
}

func printClock(c *hortusapi.ClockOutput) {
	fmt.Printf("%s by the clock of deadlines, %v ahead of the machine's, %s\n",
		c.Deadlines, time.Duration(c.AheadSeconds*float64(time.Second)), c.Wall)
}

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
