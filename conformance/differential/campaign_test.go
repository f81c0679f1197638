//go:build conformance

package differential

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	firstSeed = flag.Uint64("seed", 1, "the first seed")
	seedCount = flag.Uint64("seeds", 1, "how many seeds to run, from the first one")
	requests  = flag.Int("requests", 21000, "how many requests to send with each seed")
	classes   = flag.Int("classes", 20, "how many classes of differences to print in each family")
	explains  = flag.String("explains", "", "print one report of each class that entries explain whose names have this in them")
)

// family is a kind of requests, with a generator and a table of known
// differences of its own. Families run side by side, each in its own Region.
type family struct {
	name    string
	region  string
	percent int // Of all requests.
	source  func(g *generator) source
	run     func(s *session, c *call) (*difference, error)
	explain func(d *difference) string // What explains d, "" for nothing.
	shrinks bool
	every   int      // After so many requests all items are compared.
	needs   []string // What must have been met to explain.
}

// source makes the requests of one run.
type source interface {
	next() *call
	done(c *call) // Tells that c was answered alike.
}

var families = []family{
	{name: "items", region: "us-east-1", percent: 43, source: func(g *generator) source { return itemSource{g} }, run: (*session).run, explain: named(explanation), shrinks: true, every: 500},
	{name: "legacy", region: "us-east-2", percent: 18, source: func(g *generator) source { return legacySource{g} }, run: (*session).run, explain: named(explainLegacy), shrinks: true, every: 500},
	{name: "transactions", region: "us-west-1", percent: 11, source: newTransactions, run: (*session).runTransaction, explain: explainTransaction, every: 250, needs: []string{"canceled alike", "mismatch"}},
	{name: "statements", region: "us-west-2", percent: 24, source: func(g *generator) source { return &statements{generator: g} }, run: (*session).runStatements, explain: named(explainStatement), every: 500},
	{name: "several", region: "eu-west-1", percent: 4, source: func(g *generator) source { return several{g} }, run: (*session).runSeveral, explain: named(func(*difference) *known { return nil })},
}

func named(explain func(d *difference) *known) func(d *difference) string {
	return func(d *difference) string {
		if k := explain(d); k != nil {
			return k.name
		}
		return ""
	}
}

// TestDifferential fails with a reproduction, minimal where that can be, for each
// class of differences that no table of known ones explains.
func TestDifferential(t *testing.T) {
	local := startOracle(t)
	seen := newCoverage()
	for seed := *firstSeed; seed < *firstSeed+*seedCount; seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			for i := range families {
				f := &families[i]
				t.Run(f.name, func(t *testing.T) {
					t.Parallel()
					f.compare(t, *local, seed, seen)
				})
			}
		})
	}
	seen.report(t)
}

// compare sends the family's share of the requests.
func (f *family) compare(t *testing.T, local server, seed uint64, seen *coverage) {
	s := &session{local: &local, ours: startHortus(t), created: map[string]object{}, explain: f.explain, nonce: strconv.FormatInt(time.Now().UnixNano(), 36)}
	s.local.region, s.ours.region = f.region, f.region
	if err := s.prepare(); err != nil {
		t.Fatal(err)
	}
	g := newGenerator(seed, f.region)
	from := f.source(g)
	open, known, told := map[string]int{}, map[string]int{}, map[string]bool{}
	begin := time.Now()
	for i := range *requests * f.percent / 100 {
		d, err := s.step(f, from, seen)
		if err == nil && d == nil && f.every > 0 && i%f.every == f.every-1 {
			d, err = s.compareState()
		}
		if err != nil {
			t.Fatalf("seed %d, request %d: %v", seed, i, err)
		}
		if d == nil {
			continue
		}
		class := d.class()
		if why := f.explain(d); why != "" {
			if known[why]++; *explains != "" && strings.Contains(why, *explains) && !told[why+class] {
				told[why+class] = true
				t.Logf("%s: %s\n%s", why, class, report(d))
			}
		} else if open[class]++; open[class] == 1 && len(open) <= *classes {
			if f.shrinks {
				d = s.shrink(d)
			}
			t.Errorf("seed %d, request %d: %s\n%s", seed, i, class, report(d))
		}
		if d.call.writes || d.what == "state" {
			if err := s.reconcile(d.call); err != nil {
				t.Fatalf("seed %d, request %d: %v", seed, i, err)
			}
		}
	}
	t.Logf("seed %d: %d requests in %v", seed, *requests*f.percent/100, time.Since(begin).Round(time.Millisecond))
	for _, name := range slices.Sorted(maps.Keys(known)) {
		t.Logf("explained %5d  %s", known[name], name)
	}
	for _, class := range slices.Sorted(maps.Keys(open)) {
		t.Logf("open      %5d  %s", open[class], class)
	}
	for _, name := range f.needs {
		if known[name] == 0 {
			t.Errorf("no request had the outcome %q", name)
		}
	}
}

// step makes and runs one request.
func (s *session) step(f *family, from source, seen *coverage) (*difference, error) {
	c := from.next()
	c.request = clone(c.request).(object)
	if err := s.clear(c); err != nil {
		return nil, err
	}
	if err := s.remember(c); err != nil {
		return nil, err
	}
	d, err := f.run(s, c)
	if err != nil {
		return nil, err
	}
	seen.add(c)
	if d == nil {
		s.harvest(from, c)
		from.done(c)
	}
	return d, nil
}

// clear takes away the table that is about to be made, if the call says so.
func (s *session) clear(c *call) error {
	name, ok := c.request["TableName"].(string)
	if !c.anew || !ok || !slices.Contains(scratch, name) {
		return nil
	}
	return s.drop(name)
}
