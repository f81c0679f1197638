package main

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hortusdb/hortus/clock"
)

// restAfter is how long a process has to collect no garbage until it counts as
// idle.
const restAfter = time.Second

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
// become idle, until ctx ends. The runtime does so too, over minutes.
func giveBack(ctx context.Context) {
	var stats debug.GCStats
	freed, last := int64(-1), int64(-1)
	for clock.Wait(ctx, nil, restAfter) {
		debug.ReadGCStats(&stats)
		if stats.NumGC == last && stats.NumGC != freed {
			debug.FreeOSMemory()
			debug.ReadGCStats(&stats)
			freed = stats.NumGC
		}
		last = stats.NumGC
	}
}
