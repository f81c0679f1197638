// Package sim runs cells under a simulated network, clock and disk, from a seed.
//
// The cells are real: table.Engine and replication.Replicator on kv.Mem. All
// that they can observe (time, messages, their loss and order, crashes) comes
// from one random source, in one goroutine, so that a seed and a commit are a
// run. Checkers look at the cells from outside; docs/RELIABILITY.md numbers
// what they hold.
package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hortusdb/hortus/aws"
)

// Options say what a run is made of.
type Options struct {
	Members   int // Cells that are to be members of the global table in the end, at most five; one more stays outside.
	Steps     int // Of the storm; see Run.
	Rows      int // That the first cell holds when it starts.
	Clients   Traffic
	Faults    Faults
	Leaves    bool // Members leave and join again.
	Detach    bool // Members are kept from replication for days, or leave and keep their data; then they start anew.
	Restore   bool // Members are put back to earlier copies of their disks. Not with Sessions, Ledgers, Counting and Detach.
	Lose      bool // Members lose their disks for good, and join anew. Not with Sessions, Ledgers, Counting and Detach.
	Undo      bool // With Detach: who was detached against its will comes back with its data, if it is not too late.
	JoinLate  bool // Members join while the storm goes on, and not before it.
	LoseSeed  bool // The source of a newcomer is often lost while it seeds, for longer than the newcomer waits for it.
	Shared    int  // So many of the first cells are Regions of one account, and the global table is mixed; zero for an account a cell.
	Convert   bool // It begins as a global table of that account, and becomes mixed in the storm.
	Ledgers   bool // Clients make transactions over two more tables, which become visible together; see ledger.go.
	Sessions  bool // A client goes from cell to cell, with what it has seen. Not with crashes: they take back what was not yet durable.
	Plant     Plant
	Merging   bool              // The table has the rule merge. What holds of single versions is not looked at then.
	Counting  bool              // Clients only add. Needs Merging.
	Haste     int               // How many times as often as once in a hundred steps administrators act; zero is one.
	Trace     func(line string) // Told what happens; nil for no trace.
	Tally     *Tally            // Counts what happens; nil for no count.
	HealBound time.Duration     // Of simulated time, after the storm; zero is defaultHealBound.
}

// Traffic says what clients do.
type Traffic struct {
	Percent int // Of steps in which a client calls.
	Deletes int // Of calls, in percent.
	Keys    int // Hot keys.
}

// Faults are chances in a thousand, of each step.
type Faults struct {
	Crash      int // A cell stops, at once or within one of its next calls of the store.
	Network    int // A way between two cells gets other conditions.
	Clock      int // A cell's clock jumps.
	Permission int // A member's policy goes, or comes back.
	Dates      int // The clock of deadlines jumps, by up to half a day.
}

// defaultHealBound is how long cells may take, once faults have stopped. A
// clock that was far ahead stays ahead of the others for as long as it jumped,
// and a sender waits for its longest pause before it sends again.
const defaultHealBound = 4 * time.Minute

// Run plays a storm of o.Steps steps from a seed, then lets all faults stop,
// and waits until the cells have healed. It returns what a checker found, nil
// for a run without fault.
func Run(seed uint64, o Options) error {
	w := newWorld(seed, o)
	w.setup()
	for step := 0; step < o.Steps && w.failure == nil; step++ {
		w.tick()
		w.disturb()
		w.act()
		w.inspect(step)
	}
	w.heal()
	if w.failure == nil {
		w.checkEnd()
	}
	return w.failure
}

// world is a run.
type world struct {
	Options
	ctx      context.Context //nolint:containedctx // A run is one call.
	rng      *rand.Rand
	now      int64         // Microseconds, never going back.
	ahead    time.Duration // Of the clock of deadlines.
	rollOut  rollOut
	rolledAt int64 // When it goes on.
	cells    []*cell
	net      *network
	audit    *audit
	session  *session
	counters counters
	books    bookkeeping
	settled  acknowledged
	ids      int
	texts    int
	calm     bool // Faults have stopped.
	depth    int  // Of calls within calls.
	failure  error
}

const (
	// tableName is the global table's; privateName is that of a regional table
	// that every cell has.
	tableName   = "Plants"
	privateName = "Diary"

	// epoch is when runs begin.
	epoch = 1_790_000_000_000_000
)

// regions are those of the cells.
var regions = [...]aws.Region{"us-east-1", "eu-west-1", "ap-southeast-7", "sa-east-1", "af-south-1", "eu-north-1"}

func newWorld(seed uint64, o Options) *world {
	w := &world{Options: o, ctx: context.Background(), rng: rand.New(rand.NewPCG(seed, 0)), now: epoch}
	if w.HealBound == 0 {
		w.HealBound = defaultHealBound
	}
	w.audit, w.session = newAudit(w), newSession(w)
	w.counters.items = map[string]*counted{}
	w.books = newBookkeeping()
	w.net = newNetwork(w)
	for i := range o.Members + 1 {
		w.cells = append(w.cells, newCell(w, i))
	}
	return w
}

// outsider is the cell that never joins.
func (w *world) outsider() *cell { return w.cells[len(w.cells)-1] }

// chance is true in n of a thousand cases.
func (w *world) chance(n int) bool { return n > 0 && w.rng.IntN(1000) < n }

// pick returns a random cell of those that ok accepts, nil where there is none.
func (w *world) pick(ok func(*cell) bool) *cell {
	var list []*cell
	for _, c := range w.cells {
		if ok(c) {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[w.rng.IntN(len(list))]
}

// fail notes the first failure, which ends the run.
func (w *world) fail(format string, args ...any) {
	if w.failure == nil {
		w.failure = fmt.Errorf("after %v: %w", w.since(), fmt.Errorf(format, args...))
		w.trace("FAILURE: %v", w.failure)
	}
}

func (w *world) since() time.Duration { return time.Duration(w.now-epoch) * time.Microsecond }

func (w *world) trace(format string, args ...any) {
	if w.Trace != nil {
		w.Trace(fmt.Sprintf("%12v ", w.since()) + fmt.Sprintf(format, args...))
	}
}

func (w *world) newID() string {
	w.ids++
	return fmt.Sprintf("id-%d", w.ids)
}

// tick moves time on, delivers what is due, restarts cells and lets cells work.
func (w *world) tick() {
	switch n := w.rng.IntN(100); {
	case w.calm: // What is left to wait for are pauses.
		w.now += 1 + w.rng.Int64N(500_000)
	case n < 80:
		w.now += 1 + w.rng.Int64N(20_000)
	case n < 98:
		w.now += 1 + w.rng.Int64N(400_000)
	default:
		w.now += 1 + w.rng.Int64N(4_000_000)
	}
	w.net.deliver()
	for _, c := range w.cells {
		switch {
		case c.up && w.rng.IntN(4) > 0:
			c.step()
		case !c.up && (w.calm || w.now >= c.restartAt):
			c.restart()
		}
	}
}

// meanwhile lets other cells go on while a cell waits for a call's answer.
func (w *world) meanwhile() {
	if w.depth > 1 || w.rng.IntN(4) > 0 {
		return
	}
	w.depth++
	defer func() { w.depth-- }()
	w.now += w.rng.Int64N(50_000)
	w.net.deliver()
	if c := w.pick(func(c *cell) bool { return c.idle() }); c != nil {
		c.step()
	}
	if !w.calm {
		w.act()
		w.strike()
	}
}

// disturb brings faults.
func (w *world) disturb() {
	if w.chance(w.Faults.Network) {
		w.net.change()
	}
	w.strike()
	if w.LoseSeed && w.rng.IntN(12) == 0 {
		w.loseSource()
	}
	if w.chance(w.Faults.Clock) {
		c := w.pick(func(*cell) bool { return true })
		c.setSkew(time.Duration(w.rng.Int64N(int64(8*time.Second))) - 4*time.Second)
		w.Tally.count(ClockJump)
		if w.rng.IntN(8) == 0 {
			c.setSkew(time.Duration(w.rng.Int64N(int64(time.Minute))))
			w.Tally.count(ClockFar)
		}
		w.trace("%v: clock is off by %v", c, c.skew)
	}
	if w.chance(w.Faults.Dates) && !w.forlorn() {
		w.jump()
	}
	w.bereave()
	if w.chance(w.Faults.Permission) && !w.leaving() {
		if c := w.pick(func(c *cell) bool { return c.idle() && c.member() && (!w.Detach || c != w.cells[0]) }); c != nil {
			c.permit(policies[w.rng.IntN(len(policies))])
		}
	}
}

// strike has a cell crash, at once or soon.
func (w *world) strike() {
	if !w.chance(w.Faults.Crash) {
		return
	}
	if c := w.pick(func(c *cell) bool { return c.up }); c != nil {
		if w.rng.IntN(3) == 0 {
			w.Tally.count(CrashAtOnce)
			c.crash("stops")
		} else {
			c.disk.fuse = 1 + w.rng.IntN(12)
		}
	}
}

// jump moves the clock of deadlines.
func (w *world) jump() {
	w.Tally.count(DeadlineJump)
	w.advance(time.Duration(w.rng.Int64N(int64(12 * time.Hour))))
}

// advance moves the clock of deadlines on, and has all cells look at it.
func (w *world) advance(by time.Duration) {
	w.ahead += by
	w.trace("the clock of deadlines is ahead by %v", w.ahead)
	for _, c := range w.cells {
		if c.idle() {
			c.repl.Rouse()
		}
	}
}

// heal stops all faults and runs until the cells are in their final state.
func (w *world) heal() {
	if w.failure != nil {
		return
	}
	w.trace("faults stop")
	w.calm = true
	w.net.heal()
	for _, c := range w.cells {
		c.disk.fuse = 0
		c.setSkew(min(max(c.skew, -2*time.Second), 2*time.Second))
	}
	end := w.now + w.HealBound.Microseconds()
	looked := int64(0)
	for w.failure == nil {
		w.tick()
		w.settle()
		w.inspect(0)
		if w.now-looked < int64(time.Second/time.Microsecond) {
			continue
		}
		looked = w.now
		difference := w.difference()
		if difference == "" {
			w.trace("healed")
			return
		}
		if w.now > end {
			w.traceViews()
			w.fail("not healed within %v of the last fault: %s", w.HealBound, difference)
		}
	}
}

// traceViews tells how the members see each other.
func (w *world) traceViews() {
	for _, c := range w.cells[:w.Members] {
		t := c.table()
		if t == nil || t.Def.Group == nil {
			continue
		}
		g := t.Def.Group
		w.trace("%v is %v, %s, %s, away %v, to be asked %v, astray since %d", c, c.name, t.Def.ID, t.Def.Status, g.Away, g.Recover, t.Def.Resync)
		for _, m := range g.Members {
			w.trace("    it has %v, %s since %d, seeded by %v", m.Cell, m.Status, m.Since, m.Source)
		}
		for _, s := range c.repl.Status() {
			w.trace("    from %v to %v: %s %s", s.Source, s.Destination, s.State, s.Reason)
		}
	}
}
