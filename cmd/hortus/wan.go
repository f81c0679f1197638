package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/hortusapi"
	"github.com/hortusdb/hortus/replication"
)

// setLink sets the conditions of one way, or of both.
func (c *client) setLink(ctx context.Context, in hortusapi.Link, both bool) error {
	if err := c.call(ctx, "SetLink", in, &hortusapi.Empty{}); err != nil || !both {
		return err
	}
	in.From, in.To = in.To, in.From
	return c.call(ctx, "SetLink", in, &hortusapi.Empty{})
}

// bytesASecond reads a bandwidth; "" and 0 are no limit.
func bytesASecond(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := parseSize(s)
	if err != nil {
		return 0, fmt.Errorf("--bandwidth %s: want bytes a second, as in 1MiB", s)
	}
	return n, nil
}

func bandwidthText(n int64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%d KiB/s", n>>10)
}

type linkSlowCommand struct {
	client    `embed:""`
	From      string  `arg:"" help:"The Region where it starts."`
	To        string  `arg:"" help:"The Region where it ends."`
	Bandwidth string  `default:"256KiB" placeholder:"SIZE" help:"How many bytes pass in a second."`
	Times     float64 `default:"1" help:"The real delay between the two Regions, so many times."`
	OneWay    bool    `help:"Leave the way back as it is."`
}

// Run makes a link what it would be on a bad day: the real delay between the two
// Regions, or a multiple of it, and little bandwidth.
func (l *linkSlowCommand) Run(ctx context.Context) error {
	bandwidth, err := bytesASecond(l.Bandwidth)
	if err != nil {
		return err
	}
	in := wanLink(aws.Region(l.From), aws.Region(l.To))
	in.DelayMillis *= l.Times
	in.Bandwidth = bandwidth
	if err := l.setLink(ctx, in, !l.OneWay); err != nil {
		return err
	}
	return printLinks(ctx, &l.client)
}

type linkWANCommand struct {
	client `embed:""`
	Region []string `arg:"" help:"Two Regions or more."`
	Off    bool     `help:"Take all conditions off the ways between them."`
}

// Run sets the real delays between Regions.
func (l *linkWANCommand) Run(ctx context.Context) error {
	if len(l.Region) < 2 {
		return errors.New("name two Regions or more: a link goes from one to another")
	}
	for i, from := range l.Region {
		for _, to := range l.Region[:i] {
			in := wanLink(aws.Region(from), aws.Region(to))
			if l.Off {
				in = hortusapi.Link{From: in.From, To: in.To}
			}
			if err := l.setLink(ctx, in, true); err != nil {
				return err
			}
		}
	}
	return printLinks(ctx, &l.client)
}

// wanLink is the way from one Region to another as AWS's network has it.
func wanLink(from, to aws.Region) hortusapi.Link {
	oneWay := replication.RoundTrip(from, to) / 2
	return hortusapi.Link{From: from, To: to, DelayMillis: float64(oneWay) / float64(time.Millisecond)}
}
