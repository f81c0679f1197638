package main

import (
	"context"
	"math"
	"os"
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

// A collection costs by what is in use, so a server that has little in use lets
// more garbage gather before the next one: up to garbageBytes, at most garbageMost
// percent of what is in use, and as much as is in use in any case.
const (
	garbageBytes = 96 << 20
	garbageMost  = 400
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
// Meanwhile it sets how much garbage may gather, unless GOGC says that.
func giveBack(ctx context.Context) {
	percent := 100 // The runtime's.
	_, given := os.LookupEnv("GOGC")
	freed, last := use{collections: math.MaxUint64}, readUse() // Starting has left something.
	for clock.Wait(ctx, nil, restAfter) {
		now := readUse()
		if p := garbagePercent(now.live); !given && p != percent {
			percent = p
			debug.SetGCPercent(p)
		}
		if now.allocated-last.allocated < restBytes && now.collections != freed.collections {
			debug.FreeOSMemory()
			now = readUse()
			freed = now
		}
		last = now
	}
}

// garbagePercent is how much garbage may gather, in percent of the live bytes. It
// goes by steps, since to change it stops the world.
func garbagePercent(live uint64) int {
	const step = 50
	return int(min(max(100, garbageBytes*100/max(1, live)), garbageMost)) / step * step
}

// use is what the process did with its memory until now.
type use struct{ allocated, collections, live uint64 } // Bytes; cycles; bytes that the last one left.

func readUse() use {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return use{s[0].Value.Uint64(), s[1].Value.Uint64(), s[2].Value.Uint64()}
}
