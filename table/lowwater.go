package table

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
)

// stampGate tells when every version that was stamped before a point in time
// has been committed or given up.
//
// Writers of a table whose versions have vectors are counted, in one of two generations, from
// before they stamp until their commit is durable. To learn a low water,
// turn draws a timestamp and moves to the other generation; once nobody is left
// in the one before, no write stamped before that timestamp can still come.
type stampGate struct {
	generation atomic.Uint32
	count      [2]atomic.Int64
	last       atomic.Uint64 // The greatest position of a counted commit.

	mu      sync.Mutex
	pending clock.Timestamp // Drawn when the present generation began.
	low     clock.Timestamp
	at      kv.Position // All writes stamped up to low are at or before it.

	floor atomic.Pointer[clock.Timestamp] // See Engine.Floor; nil is zero.
}

// pass is a writer's place in a generation; the zero pass is that of a writer
// that is not counted.
type pass struct {
	gate       *stampGate
	generation uint32
}

func (t *Table) enter() pass {
	if !t.versioned {
		return pass{}
	}
	for {
		g := t.gate.generation.Load()
		t.gate.count[g&1].Add(1)
		if t.gate.generation.Load() == g {
			return pass{t.gate, g & 1}
		}
		t.gate.count[g&1].Add(-1)
	}
}

// newGate returns a gate for a table whose commits so far are up to at.
func newGate(at kv.Position) *stampGate {
	g := new(stampGate)
	g.last.Store(uint64(at))
	return g
}

// leave ends a write that was committed at a position.
func (p pass) leave(at kv.Position) {
	if p.gate == nil {
		return
	}
	for last := p.gate.last.Load(); last < uint64(at); last = p.gate.last.Load() {
		if p.gate.last.CompareAndSwap(last, uint64(at)) {
			break
		}
	}
	p.gate.count[p.generation].Add(-1)
}

// LowWater returns a timestamp and a position of the log: every version that
// this cell stamped for the table up to that timestamp is at or before that
// position, and none will come later, also after a crash. Both are zero until
// known; each call moves them on as far as it can without waiting. turned says
// that this call did: then all writes that began before the last one that did are
// at or before the position, too.
func (e *Engine) LowWater(ctx context.Context, t *Table) (low clock.Timestamp, at kv.Position, turned bool, err error) {
	g := t.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	gen := g.generation.Load()
	if g.count[(gen+1)&1].Load() != 0 {
		return g.low, g.at, false, nil
	}
	if !g.pending.IsZero() {
		if err := e.persistClock(ctx, g.pending); err != nil {
			return clock.Timestamp{}, 0, false, err
		}
		g.low, g.at = g.pending, kv.Position(g.last.Load())
	}
	g.pending = e.hybrid.Now()
	g.generation.Add(1)
	return g.low, g.at, true, nil
}

// Seen returns a position of the log: all that this cell wrote to the table and
// that a read which is over can have seen is at or before it. It is that of the
// last such write where none is under way, and that of the store's last commit
// otherwise.
func (e *Engine) Seen(ctx context.Context, t *Table) (kv.Position, error) {
	g := t.gate
	if g.count[0].Load() == 0 && g.count[1].Load() == 0 {
		return kv.Position(g.last.Load()), nil
	}
	at, err := e.store.GetMany(ctx, nil, func(int, []byte) {})
	return max(at, kv.Position(g.last.Load())), err
}
