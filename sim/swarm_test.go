package sim

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	swarmSeeds = flag.Uint64("seeds", 100, "how many seeds of the swarm to run")
	swarmFirst = flag.Uint64("first", 1, "the first of them")
)

// swarm draws what a seed of the swarm plays: a scenario, mostly cut short, with
// some of its faults left out and others more frequent or put in, and with other
// habits of its clients. Many short runs that differ find more than a few long
// ones that each have everything: faults hide each other's bugs.
func swarm(seed uint64) (string, Options) {
	rng := rand.New(rand.NewPCG(seed, 1))
	names := slices.Sorted(maps.Keys(scenarios))
	name := names[rng.IntN(len(names))]
	o := scenarios[name]
	if rng.IntN(longRuns) == 0 {
		return name, o
	}
	vary(rng, &o)
	return name, o
}

// longRuns is one in how many seeds plays its scenario in its whole length.
const longRuns = 64

// vary makes a scenario another one, and shorter.
func vary(rng *rand.Rand, o *Options) {
	least := 2
	if o.LoseSeed {
		least = 3 // Another member must be there to take the place of the source.
	}
	o.Members -= rng.IntN(o.Members - least + 1)
	o.Shared = min(o.Shared, o.Members)
	o.Steps = o.Steps/8 + rng.IntN(o.Steps/4)
	o.Haste = 1 + rng.IntN(4)
	o.Rows = rng.IntN(1 + min(o.Rows, 40))
	if rng.IntN(longRuns) == 0 {
		o.Rows += 260 // More than a page of a seed has.
	}
	o.Clients.Percent = 10 + rng.IntN(90)
	o.Clients.Keys = 1 + rng.IntN(o.Clients.Keys)
	if !o.Counting {
		o.Clients.Deletes = rng.IntN(70)
	}
	flip := func(b bool) bool { return b != (rng.IntN(4) == 0) }
	if o.Shared == 0 { // Nobody gives policies to replicas that were made until the storm is over.
		o.JoinLate = flip(o.JoinLate)
	}
	if !o.Counting && !o.Detach && !o.LoseSeed {
		o.Leaves = flip(o.Leaves)
	}
	f := &o.Faults
	f.Network = rate(rng, max(f.Network, 10))
	f.Clock = rate(rng, max(f.Clock, 4))
	f.Permission = rate(rng, max(f.Permission, 4))
	if !o.Sessions {
		f.Crash = rate(rng, max(f.Crash, 4))
	}
	if o.Detach { // Without these nobody is detached.
		f.Dates = max(rate(rng, f.Dates), 12)
		f.Permission = max(f.Permission, 12)
	}
}

// rate is none, or up to five times as much as n: a short storm has less time.
func rate(rng *rand.Rand, n int) int {
	if rng.IntN(3) == 0 {
		return 0
	}
	return n + rng.IntN(4*n+1)
}

// maxFailures is after how many failed seeds a swarm stops.
const maxFailures = 20

// TestSwarm runs seeds of the swarm on all processors, each in one goroutine.
func TestSwarm(t *testing.T) {
	if *seed != 0 {
		_, o := swarm(*seed)
		if err := Run(*seed, o); err != nil {
			explain(t, t.Name(), *seed, o, err)
		}
		return
	}
	// A run leaves much garbage and keeps little.
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	var r swarmed
	var next, failed atomic.Uint64
	var all sync.WaitGroup
	next.Store(*swarmFirst)
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for failed.Load() < maxFailures {
				s := next.Add(1) - 1
				if s-*swarmFirst >= *swarmSeeds {
					return
				}
				if err := r.run(s); err != nil {
					failed.Add(1)
					t.Errorf("%v\nreplay: go test ./sim -run '^%s$' -seed %d -v", err, t.Name(), s)
				}
			}
		})
	}
	all.Wait()
	t.Logf("%v", &r)
	if *swarmSeeds >= seedsForAll && !t.Failed() {
		r.complete(t)
	}
}

// seedsForAll is in how many seeds each scenario is played and each event met.
const seedsForAll = 5000

// swarmed is what a swarm has run.
type swarmed struct {
	mu    sync.Mutex
	drawn map[string]int
	tally Tally
}

func (r *swarmed) run(s uint64) error {
	name, o := swarm(s)
	var tally Tally
	o.Tally = &tally
	err := Run(s, o)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.drawn == nil {
		r.drawn = map[string]int{}
	}
	r.drawn[name]++
	r.tally.Add(&tally)
	return err
}

// complete holds a swarm to have played and met everything.
func (r *swarmed) complete(t *testing.T) {
	t.Helper()
	for name := range scenarios {
		if r.drawn[name] == 0 {
			t.Errorf("no seed played %s", name)
		}
	}
	for e, n := range r.tally {
		if n == 0 {
			t.Errorf("no seed met: %v", Event(e))
		}
	}
}

func (r *swarmed) String() string {
	var b strings.Builder
	ran := 0
	for _, n := range r.drawn {
		ran += n
	}
	fmt.Fprintf(&b, "%d seeds, which met:\n", ran)
	for _, name := range slices.Sorted(maps.Keys(r.drawn)) {
		fmt.Fprintf(&b, "%10d  %s\n", r.drawn[name], name)
	}
	return b.String() + r.tally.String()
}
