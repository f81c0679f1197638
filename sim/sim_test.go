package sim

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

var (
	seed = flag.Uint64("seed", 0, "run this seed alone")
	runs = flag.Uint64("runs", 12, "how many seeds to run of each scenario")
	tail = flag.Int("tail", 60, "how many lines of a failed run's trace to print")
)

// scenarios are the runs' workloads and faults, by the test that plays them.
var scenarios = map[string]Options{
	// Cells join, one by the other, while clients write.
	"TestJoin": {
		Members: 4, Steps: 500, Rows: 600, JoinLate: true,
		Clients: Traffic{Percent: 50, Deletes: 20, Keys: 12},
		Faults:  Faults{Crash: 6, Network: 15},
	},
	// Clients write to few hot keys, and nothing but the network fails.
	"TestTraffic": {
		Members: 3, Steps: 700, Sessions: true,
		Clients: Traffic{Percent: 90, Deletes: 20, Keys: 5},
		Faults:  Faults{Network: 20},
	},
	// Members leave and join again.
	"TestLeave": {
		Members: 3, Steps: 700, Rows: 10, Leaves: true,
		Clients: Traffic{Percent: 50, Deletes: 30, Keys: 8},
		Faults:  Faults{Network: 8, Crash: 3},
	},
	// Most items die soon, and tombstones go while partitions come and go.
	"TestTombstones": {
		Members: 3, Steps: 1000,
		Clients: Traffic{Percent: 30, Deletes: 60, Keys: 6},
		Faults:  Faults{Network: 30, Crash: 5, Clock: 5},
	},
	// Clients count and collect in all members, under every fault but a change of
	// members, and no increment is lost.
	"TestCounters": {
		Members: 4, Steps: 700, Merging: true, Counting: true,
		Clients: Traffic{Percent: 70, Keys: 4},
		Faults:  Faults{Network: 20, Crash: 8, Clock: 5, Permission: 4},
	},
	// Clients put, update and delete under the rule merge, and tombstones go.
	"TestMerges": {
		Members: 4, Steps: 700, JoinLate: true, Leaves: true, Merging: true,
		Clients: Traffic{Percent: 60, Deletes: 25, Keys: 5},
		Faults:  Faults{Network: 20, Crash: 6, Clock: 5},
	},
	// Members lose their permission until they are detached, or leave and keep
	// their data, and start anew; deadlines jump.
	"TestDetach": {
		Members: 4, Steps: 900, Rows: 20, Detach: true,
		Clients: Traffic{Percent: 40, Deletes: 30, Keys: 8},
		Faults:  Faults{Network: 12, Crash: 4, Permission: 12, Dates: 12},
	},
	// Newcomers lose their source while they are being seeded, and find another.
	"TestLostSource": {
		Members: 4, Steps: 1200, Rows: 300, Leaves: true, LoseSeed: true,
		Clients: Traffic{Percent: 30, Deletes: 20, Keys: 12},
		Faults:  Faults{Crash: 2, Network: 30},
	},
	// Regions of one account are members together with other accounts; they join
	// by themselves or are made, and leave.
	"TestMixed": {
		Members: 5, Steps: 900, Rows: 20, Leaves: true, JoinLate: true, Shared: 3,
		Clients: Traffic{Percent: 60, Deletes: 30, Keys: 8},
		Faults:  Faults{Network: 15, Crash: 6, Permission: 5},
	},
	// A global table of one account becomes mixed while it is written to, and other
	// accounts join.
	"TestConvert": {
		Members: 4, Steps: 900, Rows: 20, JoinLate: true, Shared: 2, Convert: true,
		Clients: Traffic{Percent: 60, Deletes: 30, Keys: 8},
		Faults:  Faults{Network: 15, Crash: 6, Clock: 4},
	},
	// Transactions over two tables are seen whole or not at all, in every member,
	// though what they write comes by two links.
	"TestTransactions": {
		Members: 3, Steps: 700, JoinLate: true, Ledgers: true,
		Clients: Traffic{Percent: 10, Deletes: 20, Keys: 4},
		Faults:  Faults{Network: 25, Crash: 8, Clock: 4},
	},
	// Members are detached, once all of them, and come back with what they wrote
	// meanwhile; some are too late and start anew.
	"TestUndo": {
		Members: 4, Steps: 1200, Rows: 30, Detach: true, Undo: true,
		Clients: Traffic{Percent: 50, Deletes: 40, Keys: 8},
		Faults:  Faults{Network: 12, Crash: 5, Permission: 14, Dates: 16},
	},
	// The same while clients count under the rule merge, and nobody is too late: no
	// increment is lost, and none counted twice.
	"TestUndoCounters": {
		Members: 3, Steps: 900, Merging: true, Counting: true, Detach: true, Undo: true,
		Clients: Traffic{Percent: 60, Keys: 4},
		Faults:  Faults{Network: 12, Crash: 5, Permission: 12, Dates: 8},
	},
	// Members are put back to earlier copies of their disks while all write, and
	// others crash.
	"TestRestore": {
		Members: 4, Steps: 900, Rows: 20, Restore: true,
		Clients: Traffic{Percent: 50, Deletes: 30, Keys: 8},
		Faults:  Faults{Network: 12, Crash: 4},
	},
	// Members lose their disks for good; the others bring each other what those had
	// brought to some, and they join anew.
	"TestLostDisk": {
		Members: 4, Steps: 900, Rows: 20, Lose: true,
		Clients: Traffic{Percent: 50, Deletes: 30, Keys: 8},
		Faults:  Faults{Network: 15, Crash: 4},
	},
	// Everything at once.
	"TestEverything": {
		Members: 5, Steps: 800, Rows: 30, Leaves: true, JoinLate: true,
		Clients: Traffic{Percent: 60, Deletes: 30, Keys: 10},
		Faults:  Faults{Network: 15, Crash: 8, Clock: 8, Permission: 6},
	},
}

func TestCounters(t *testing.T)     { play(t) }
func TestMerges(t *testing.T)       { play(t) }
func TestJoin(t *testing.T)         { play(t) }
func TestTraffic(t *testing.T)      { play(t) }
func TestLeave(t *testing.T)        { play(t) }
func TestTombstones(t *testing.T)   { play(t) }
func TestDetach(t *testing.T)       { play(t) }
func TestMixed(t *testing.T)        { play(t) }
func TestConvert(t *testing.T)      { play(t) }
func TestTransactions(t *testing.T) { play(t) }
func TestLostDisk(t *testing.T)     { play(t) }
func TestRestore(t *testing.T)      { play(t) }
func TestEverything(t *testing.T)   { play(t) }

// TestLostSource also wants some newcomer to have changed its source: the storms
// would be for nothing otherwise.
func TestLostSource(t *testing.T) {
	moves := 0
	o := scenarios[t.Name()]
	o.Trace = func(line string) {
		if strings.Contains(line, "another member seeds this replica") {
			moves++
		}
	}
	playThis(t, o)
	if moves == 0 && *seed == 0 {
		t.Error("no newcomer was seeded by another member than before")
	}
}

func TestUndo(t *testing.T)         { playUndo(t, 1) }
func TestUndoCounters(t *testing.T) { playUndo(t, 0) }

// playUndo also wants some replica to have come back, and so many global tables to have
// been founded anew of which all members were detached.
func playUndo(t *testing.T, foundings int) {
	t.Helper()
	back, founded := 0, 0
	o := scenarios[t.Name()]
	o.Trace = func(line string) {
		if strings.Contains(line, "comes back: <nil>") {
			back++
		}
		if strings.Contains(line, "is founded anew") {
			founded++
		}
	}
	playThis(t, o)
	if *seed == 0 && (back == 0 || founded < foundings) {
		t.Errorf("%d replicas came back with their data, and %d global tables were founded anew", back, founded)
	}
}

// play runs a test's scenario over seeds.
func play(t *testing.T) {
	t.Helper()
	playThis(t, scenarios[t.Name()])
}

func playThis(t *testing.T, o Options) {
	t.Helper()
	t.Parallel()
	first, n := uint64(1), *runs
	if *seed != 0 {
		first, n = *seed, 1
	}
	for s := first; s < first+n; s++ {
		if err := Run(s, o); err != nil {
			explain(t, t.Name(), s, o, err)
		}
	}
}

// explain runs a failed seed again with a trace, and fails the test.
func explain(t *testing.T, name string, s uint64, o Options, err error) {
	t.Helper()
	var lines []string
	o.Trace = func(line string) { lines = append(lines, line) }
	again := Run(s, o)
	if again == nil || again.Error() != err.Error() {
		t.Errorf("the same seed fails with %v, and then with %v", err, again)
	}
	if len(lines) > *tail {
		lines = lines[len(lines)-*tail:]
	}
	t.Fatalf("%v\n%s\nreplay: go test ./sim -run '^%s$' -seed %d -v", err, strings.Join(lines, "\n"), name, s)
}

// TestSeeds runs the seeds of testdata/seeds: each has failed once.
func TestSeeds(t *testing.T) {
	f, err := os.Open("testdata/seeds")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		s, err := strconv.ParseUint(fields[1], 10, 64)
		o, ok := scenarios[fields[0]]
		if fields[0] == "TestSwarm" {
			_, o = swarm(s)
			ok = true
		}
		if err != nil || !ok {
			t.Fatalf("testdata/seeds: %q: %v", text, err)
		}
		t.Run(fmt.Sprint(fields[0], " ", s), func(t *testing.T) {
			if err := Run(s, o); err != nil {
				explain(t, fields[0], s, o, err)
			}
		})
	}
}

// TestReplay runs a seed twice and compares what happened, line by line.
func TestReplay(t *testing.T) {
	o := scenarios["TestEverything"]
	var lines [2][]string
	for i := range lines {
		o.Trace = func(line string) { lines[i] = append(lines[i], line) }
		if err := Run(7, o); err != nil {
			t.Log(err)
		}
	}
	for i := range min(len(lines[0]), len(lines[1])) {
		if lines[0][i] != lines[1][i] {
			t.Fatalf("line %d is %q, and then %q", i, lines[0][i], lines[1][i])
		}
	}
	if len(lines[0]) != len(lines[1]) || len(lines[0]) == 0 {
		t.Fatalf("%d lines, and then %d", len(lines[0]), len(lines[1]))
	}
}

// canarySeeds is within how many seeds a planted bug must be found.
const canarySeeds = 60

// TestCanary plants bugs, each of which some seed must find.
func TestCanary(t *testing.T) {
	for _, c := range []struct {
		plant    Plant
		scenario string
	}{
		{LostBatch, "TestTraffic"},
		{Restamped, "TestTraffic"},
		{ForgetClock, "TestTombstones"},
		{EarlySweep, "TestTombstones"},
		{StaleIndex, "TestTraffic"},
		{Leak, "TestTraffic"},
		{UnsyncedDisk, "TestTombstones"},
		{SilentLoss, "TestTraffic"},
		{NoFloor, "TestTombstones"},
		{NoParts, "TestCounters"},
		{ShownApart, "TestTransactions"},
		{NoTables, "TestTransactions"},
		{NotSeen, "TestTraffic"},
		{NoEditions, "TestRestore"},
	} {
		t.Run(c.plant.String(), func(t *testing.T) {
			o := scenarios[c.scenario]
			o.Plant = c.plant
			for s := uint64(1); s <= canarySeeds; s++ {
				if err := Run(s, o); err != nil {
					t.Logf("seed %d: %.200v", s, err)
					return
				}
			}
			t.Fatalf("%d seeds did not find it", canarySeeds)
		})
	}
}
