// Package load puts a known load on servers of DynamoDB's protocol and says
// what came of it: operations a second, latencies, and what the server paid.
//
// It speaks the public API only, signed, so any server can be measured. In a
// closed loop each connection asks again when it has its answer: that finds
// the most a server does. In an open loop requests are due at a fixed rate
// whatever the server does, and a latency counts from the moment at which the
// request was due: a server that stalls is charged for all that waited.
//
// Several servers are measured turn about, in rounds, in one run: their
// figures then share whatever else the machine had to do.
package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hortusdb/hortus/clock"
)

// Limits of a run.
const (
	MaxConnections = 4096
	MaxItems       = 1_000_000_000
	MaxItemBytes   = 300 << 10 // Of a value; DynamoDB's item ends at 400 KB.
	MaxTables      = 2_500
	MaxIndexes     = 20
	MaxRate        = 10_000_000
	MaxRounds      = 1_000
)

// Options are those of Run.
type Options struct {
	Targets   []Target
	Workloads []Workload // In this order; see ParseWorkload.

	Table   string // The first part of the names of the tables that are made.
	Reuse   bool   // Take tables that are there, with the items that they hold.
	Keep    bool   // Leave the tables.
	Tables  int    // The items are spread over that many.
	Indexes int    // Global secondary indexes that project all attributes, for each table.

	Items     int     // How many there are.
	ItemBytes int     // Of text in each, about; the key and the names come on top.
	HotKey    bool    // Every operation is on one item.
	Zipf      float64 // Above 0: the exponent of a Zipf distribution of the keys. 0: all alike.

	Connections int           // To each server.
	Rate        float64       // Requests a second; 0 is a closed loop.
	WarmUp      time.Duration // Of each server, before each workload.
	Duration    time.Duration // Of a round.
	Rounds      int

	Seed  uint64 // Of keys and values.
	Clock clock.Clock
	Pause func(time.Duration) // Waits, as exactly as the machine can; for an open loop only.
	Log   func(line string)   // Told what goes on. Nil: nobody is.
}

// Target is a server.
type Target struct {
	Name      string
	Endpoint  string // As in http://127.0.0.1:8000.
	Region    string
	AccessKey string
	Secret    string
	Usage     func() (Usage, error) // What its process used until now. Nil: not known.
}

// Usage is what a process has used.
type Usage struct {
	CPU      time.Duration
	Resident int64 // Bytes of memory at this moment.
}

// Run makes the tables, fills them, puts each workload on each target, and
// drops the tables. What was measured until an error or the end of ctx is
// returned with the error.
func Run(ctx context.Context, o Options) (report Report, err error) {
	if err := o.check(); err != nil {
		return Report{}, err
	}
	r := &run{o: &o, values: newValues(&o)}
	report = newReport(&o)
	defer func() { err = errors.Join(err, r.close(ctx)) }()
	for _, t := range o.Targets {
		if err := r.open(ctx, t); err != nil {
			return report, fmt.Errorf("load: %s: %w", t.Name, err)
		}
	}
	for _, w := range o.Workloads {
		for _, s := range r.servers {
			if err := r.warmUp(ctx, s, w); err != nil {
				return report, fmt.Errorf("load: %s: %s: %w", s.Name, w.Name, err)
			}
		}
		results := newResults(w, r.servers)
		for n := range o.Rounds {
			for i := range r.servers {
				if n%2 == 1 { // A B, B A, A B: what drifts drifts for all.
					i = len(r.servers) - 1 - i
				}
				m, err := r.measure(ctx, r.servers[i], w, o.Duration)
				if err != nil {
					return report, fmt.Errorf("load: %s: %s: %w", r.servers[i].Name, w.Name, err)
				}
				results[i].add(m)
			}
		}
		report.add(results)
	}
	return report, nil
}

// check holds the options to the limits.
func (o *Options) check() error {
	switch {
	case len(o.Targets) == 0:
		return errors.New("load: no server is named")
	case len(o.Workloads) == 0:
		return errors.New("load: no workload is named")
	case o.HotKey && o.Zipf != 0:
		return errors.New("load: keys are one hot key, or follow a Zipf distribution, and not both")
	case o.Zipf < 0 || o.Zipf >= 1:
		return fmt.Errorf("load: Zipf exponent %v: want at least 0 and less than 1, as in 0.99", o.Zipf)
	case o.Duration <= 0 || o.WarmUp < 0:
		return errors.New("load: a round needs a duration above zero, and a warm-up none below")
	case o.Rate > 0 && o.Pause == nil:
		return errors.New("load: an open loop needs a Pause")
	case o.Table == "":
		return errors.New("load: the tables need a name")
	}
	for _, l := range []struct {
		what             string
		n, least, atMost int
	}{
		{"connections", o.Connections, 1, MaxConnections},
		{"items", o.Items, 1, MaxItems},
		{"bytes an item", o.ItemBytes, 1, MaxItemBytes},
		{"tables", o.Tables, 1, MaxTables},
		{"indexes", o.Indexes, 0, MaxIndexes},
		{"requests a second", int(min(o.Rate, MaxRate+1)), 0, MaxRate},
		{"rounds", o.Rounds, 1, MaxRounds},
	} {
		if l.n < l.least || l.n > l.atMost {
			return fmt.Errorf("load: %d %s: want %d to %d", l.n, l.what, l.least, l.atMost)
		}
	}
	if o.Items%o.Tables != 0 {
		return fmt.Errorf("load: %d items cannot be spread evenly over %d tables", o.Items, o.Tables)
	}
	for _, w := range o.Workloads {
		if err := w.check(o); err != nil {
			return fmt.Errorf("load: %s: %w", w.Name, err)
		}
	}
	return nil
}

func (o *Options) log(format string, args ...any) {
	if o.Log != nil {
		o.Log(fmt.Sprintf(format, args...))
	}
}

// partitioned reports whether the tables with twenty items a partition are
// needed, too.
func (o *Options) partitioned() bool {
	return slices.ContainsFunc(o.Workloads, func(w Workload) bool { return w.partitioned() })
}

// single reports whether the tables with one item a partition are needed.
func (o *Options) single() bool {
	return slices.ContainsFunc(o.Workloads, func(w Workload) bool { return !w.partitioned() })
}
