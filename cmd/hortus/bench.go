package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/load"
)

type benchCommand struct {
	Workloads []string `arg:"" optional:"" help:"Operations, or mixes of them as in get=95+update=5. Without any: get put update query20."`

	Endpoint  string   `default:"http://127.0.0.1:8000" env:"HORTUS_ENDPOINT" placeholder:"SERVER" help:"The server, as [NAME=]URL[@PID]. With its process id (on Linux), its CPU and memory are measured, too."`
	Against   []string `placeholder:"SERVER" help:"Another server of DynamoDB's protocol to compare with, round by round; may be given several times."`
	AccessKey string   `default:"000000000000" env:"AWS_ACCESS_KEY_ID" help:"The access key to sign with."`
	Secret    string   `default:"any" env:"AWS_SECRET_ACCESS_KEY" help:"Its secret."`
	Region    string   `default:"us-east-1" env:"AWS_REGION" help:"The Region."`

	Connections int           `short:"c" default:"64" help:"How many; each has one request under way at a time."`
	Rate        float64       `placeholder:"N" help:"Requests a second that fall due, whatever the server does (an open loop); latencies count from then. Without it each connection asks again when it has its answer."`
	Duration    time.Duration `default:"3s" help:"Of a round."`
	Rounds      int           `default:"3" help:"How many; the median counts."`
	WarmUp      time.Duration `default:"3s" help:"Of each server, before each workload."`

	Items    int     `default:"10000" help:"How many there are."`
	ItemSize string  `default:"1000" help:"Bytes of text in each, as in 100 or 4KiB."`
	Tables   int     `default:"1" help:"Spread the items over so many."`
	Indexes  int     `placeholder:"N" help:"Global secondary indexes, with all attributes."`
	HotKey   bool    `help:"Put every operation on one item."`
	Zipf     float64 `placeholder:"EXPONENT" help:"Choose items by a Zipf distribution with this exponent, as in 0.99."`

	Table string `default:"hortus-bench" help:"The first part of the names of its tables, which it makes and drops."`
	Keep  bool   `help:"Leave the tables."`
	Reuse bool   `help:"Take tables that an earlier run left, with the same items."`
	Seed  uint64 `default:"1" help:"Of keys and values."`
	JSON  bool   `name:"json" help:"Print the report as JSON."`
	Quiet bool   `help:"Do not say what goes on."`
}

// Help adds what there is to choose from.
func (b *benchCommand) Help() string {
	return "Operations:\n\n\t" + strings.Join(load.Operations(), "\n\t")
}

func (b *benchCommand) Run(ctx context.Context) error {
	o, err := b.options()
	if err != nil {
		return err
	}
	report, err := load.Run(ctx, o)
	if len(report.Results) > 0 {
		err = errors.Join(err, b.print(report))
	}
	if err == nil && report.Failed() {
		return errors.New("some requests failed: see above")
	}
	return err
}

func (b *benchCommand) print(report load.Report) error {
	if !b.JSON {
		return report.WriteText(os.Stdout)
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(report)
}

func (b *benchCommand) options() (load.Options, error) {
	o := load.Options{
		Table: b.Table, Reuse: b.Reuse, Keep: b.Keep, Tables: b.Tables, Indexes: b.Indexes,
		Items: b.Items, HotKey: b.HotKey, Zipf: b.Zipf,
		Connections: b.Connections, Rate: b.Rate, WarmUp: b.WarmUp, Duration: b.Duration, Rounds: b.Rounds,
		Seed: b.Seed, Clock: clock.Wall{}, Pause: pause,
	}
	if !b.Quiet {
		o.Log = func(line string) { fmt.Fprintln(os.Stderr, line) }
	}
	size, err := parseSize(b.ItemSize)
	if err != nil {
		return load.Options{}, fmt.Errorf("--item-size: %w", err)
	}
	o.ItemBytes = int(min(size, load.MaxItemBytes+1))
	for _, s := range append([]string{b.Endpoint}, b.Against...) {
		t, err := b.target(s)
		if err != nil {
			return load.Options{}, err
		}
		o.Targets = append(o.Targets, t)
	}
	if len(b.Workloads) == 0 {
		b.Workloads = []string{"get", "put", "update", "query20"}
	}
	for _, s := range b.Workloads {
		w, err := load.ParseWorkload(s)
		if err != nil {
			return load.Options{}, err
		}
		o.Workloads = append(o.Workloads, w)
	}
	return o, nil
}

// target reads [NAME=]URL[@PID].
func (b *benchCommand) target(s string) (load.Target, error) {
	t := load.Target{Endpoint: s, Region: b.Region, AccessKey: b.AccessKey, Secret: b.Secret}
	if name, url, ok := strings.Cut(s, "="); ok && !strings.Contains(name, "/") {
		t.Name, t.Endpoint = name, url
	}
	url, process, ok := strings.Cut(t.Endpoint, "@")
	if ok {
		pid, err := strconv.Atoi(process)
		if err != nil || pid < 1 {
			return load.Target{}, fmt.Errorf("server %q: %q is not a process id", s, process)
		}
		if _, err := processUsage(pid); err != nil {
			return load.Target{}, fmt.Errorf("server %q: %w", s, err)
		}
		t.Endpoint = url
		t.Usage = func() (load.Usage, error) { return processUsage(pid) }
	}
	if t.Name == "" {
		_, t.Name, _ = strings.Cut(t.Endpoint, "://")
	}
	return t, nil
}
