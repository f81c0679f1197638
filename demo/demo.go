// Package demo tells the main job as a story with checks: one table in three
// accounts, from its creation to a healed partition, by official SDK clients.
//
// A chapter does something, then verifies it; each verification is a line of
// the report. A claim that does not hold is shown with what was expected and
// what was found, the story goes on as far as it can, and Run returns an error.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/hortusapi/client"
)

// Options are those of Run.
type Options struct {
	Out    io.Writer
	Plain  bool   // ASCII alone, and no colours.
	Colour bool   // Colours, where not Plain.
	Live   bool   // Out is a terminal: progress is drawn in place.
	Store  string // Says how the server keeps data, for the heading.

	// Start starts a server without data that takes every access key at its
	// word. Stop is called once.
	Start func(ctx context.Context) (url string, stop func() error, err error)

	Pace Pace // Zero is Usual.
}

// Pace says how long the parts of the story take.
type Pace struct {
	Traffic   time.Duration // Writes in all three cells at once.
	Isolation time.Duration // A Region cut off.
	Conflicts int           // Keys that are written in two cells at the same moment.
	Deletes   int           // Items that are deleted.
	Share     int           // One item in so many of the data set is loaded.
}

// Usual is the pace of a demonstration: some 30 s on two cores.
func Usual() Pace {
	return Pace{Traffic: 6 * time.Second, Isolation: 5 * time.Second, Conflicts: 300, Deletes: 300, Share: 1}
}

// Limits of the story. Whoever waits longer reports what it waited for.
const (
	storyWithin  = 2 * time.Minute
	settleWithin = 20 * time.Second // For a change to reach the other cells.
	activeWithin = 20 * time.Second // For a table to be created, or seeded.
	callWithin   = 10 * time.Second
)

// ErrInterrupted reports a story that was broken off from outside.
var ErrInterrupted = errors.New("demo: interrupted")

// story is what the chapters have in common.
type story struct {
	pace      Pace
	report    *report
	staging   *cell
	prod      *cell
	analytics *cell
	stranger  *cell // Of an account that no policy names.
	hortus    *client.Client
	source    map[string]string // The data set, by key, as canonical JSON.
	airports  []airport         // What the applications work on.
	ledger    ledger
	marks     marks
	figures   figures
}

func (s *story) cells() []*cell { return []*cell{s.staging, s.prod, s.analytics} }

// Run tells the story. It returns nil only if every check held.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithTimeoutCause(ctx, storyWithin, fmt.Errorf("the demonstration did not end within %s", clock.Words(storyWithin)))
	defer cancel()
	if o.Pace == (Pace{}) {
		o.Pace = Usual()
	}
	r := newReport(&o)
	url, stop, err := o.Start(ctx)
	if err != nil {
		return fmt.Errorf("demo: the server does not start: %w", err)
	}
	s := newStory(o.Pace, r, url)
	s.heading(url, o.Store)
	err = s.tell(ctx)
	if stopErr := stop(); err == nil {
		r.verify(stopErr == nil, "the server stopped, and its data is gone", "no error", text(stopErr))
	} else {
		err = errors.Join(err, stopErr)
	}
	switch {
	case err != nil && context.Cause(ctx) != nil:
		if errors.Is(context.Cause(ctx), context.Canceled) {
			r.plain("interrupted; the server is stopped and its data is gone")
			return ErrInterrupted
		}
		return fmt.Errorf("demo: %w", context.Cause(ctx))
	case err != nil:
		return fmt.Errorf("demo: %w", err)
	}
	s.summary()
	return r.verdict()
}

func newStory(p Pace, r *report, url string) *story {
	transport := newTransport()
	at := func(name string, account aws.Account, region aws.Region) *cell {
		return newCell(name, aws.Cell{Account: account, Region: region}, url, transport)
	}
	return &story{
		pace: p, report: r,
		staging:   at("staging", "111111111111", "us-east-1"),
		prod:      at("prod", "222222222222", "eu-west-1"),
		analytics: at("analytics", "333333333333", "us-west-2"),
		stranger:  at("stranger", "444444444444", "ap-southeast-2"),
		hortus: &client.Client{
			Endpoint: url, AccessKey: "111111111111", Secret: "any",
			HTTP: &http.Client{Transport: transport}, Clock: clock.Wall{},
		},
		ledger: ledger{entries: map[string]string{}},
	}
}

func (s *story) heading(url, store string) {
	r := s.report
	r.title("hortus demo", "one table in three accounts, in three Regions")
	for _, c := range s.cells() {
		r.plain("%-10s account %s in %s", c.name, c.id.Account, c.id.Region)
	}
	r.plain("%-10s %s, called by the AWS SDK for Go", "server", url)
	if store != "" {
		r.plain("%-10s %s", "data", store)
	}
}

// tell runs the chapters in their order.
func (s *story) tell(ctx context.Context) error {
	for _, chapter := range []struct {
		title string
		run   func(context.Context) error
	}{
		{"A table in staging, and who may join it", s.create},
		{"prod joins, and a real data set is loaded in staging", s.load},
		{"analytics joins a table that is full and in use", s.seed},
		{"Applications write and read in all three at once", s.work},
		{"The same keys written in two cells at the same moment", s.conflict},
		{"eu-west-1 is cut off, and both sides go on", s.isolate},
		{"The three replicas, item by item", s.compare},
		{"Deletes", s.remove},
	} {
		s.report.chapter(chapter.title)
		if err := chapter.run(ctx); err != nil {
			if ctx.Err() == nil {
				s.report.verify(false, "the chapter ends", "no error", err.Error())
			}
			return err
		}
	}
	s.report.chapter("The end")
	return nil
}

// random returns a source of its own for each worker, the same in each run.
func random(worker int) *rand.Rand { return rand.New(rand.NewPCG(20261122, uint64(worker))) }

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	if !clock.Wait(ctx, nil, d) {
		return context.Cause(ctx)
	}
	return nil
}

func text(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}
