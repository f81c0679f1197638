package main

import (
	"context"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/hortusdb/hortus/clock"
)

// A process that allocates less than restBytes in restAfter counts as idle.
const (
	restAfter = time.Second
	restBytes = 1 << 20
)

// resting runs giveBack; what it returns ends it.
func resting(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { giveBack(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

// giveBack gives memory that is free back to the system whenever the process has
// become idle, until ctx ends. The runtime does so too, over minutes. What is
// given back too early is fetched again a page at a time, so that a second
// without a collection is not enough: a server with a little to do has many.
func giveBack(ctx context.Context) {
	freed, last := use{collections: math.MaxUint64}, readUse() // Starting has left something.
	for clock.Wait(ctx, nil, restAfter) {
		now := readUse()
		if now.allocated-last.allocated < restBytes && now.collections != freed.collections {
			debug.FreeOSMemory()
			now = readUse()
			freed = now
		}
		last = now
	}
}

// use is what the process did with its memory until now.
type use struct{ allocated, collections uint64 } // Bytes; cycles.

func readUse() use {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(s)
	return use{s[0].Value.Uint64(), s[1].Value.Uint64()}
}
