package pebblekv

import (
	"slices"
	"sync"
	"sync/atomic"
)

// latches are locks on keys, a fixed number of them, chosen by hash. Whoever
// takes several takes them in order, so none waits in a circle.
type latches []latch

type latch struct {
	sync.RWMutex
	last  atomic.Uint64 // The last position of a commit to a key of this latch, set before it is visible.
	shown atomic.Uint64 // The same, set once it is visible.
}

func newLatches(n int) latches { return make(latches, n) }

// latchSet is a set of latches to take: index<<1, with bit 0 set when shared.
type latchSet []uint32

func (s latchSet) add(index uint32, shared bool) latchSet {
	if shared {
		return append(s, index<<1|1)
	}
	return append(s, index<<1)
}

// order sorts s and leaves each latch once. Exclusive comes first, and so wins.
func (s latchSet) order() latchSet {
	slices.Sort(s)
	return slices.CompactFunc(s, func(a, b uint32) bool { return a>>1 == b>>1 })
}

func (l latches) lock(s latchSet) {
	for _, v := range s {
		if v&1 == 1 {
			l[v>>1].RLock()
		} else {
			l[v>>1].Lock()
		}
	}
}

func (l latches) unlock(s latchSet) {
	for _, v := range s {
		if v&1 == 1 {
			l[v>>1].RUnlock()
		} else {
			l[v>>1].Unlock()
		}
	}
}
