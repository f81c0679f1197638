package main

import (
	"os"
	"runtime"
)

// blockedThreads is how many threads of a server are often in the system's calls
// for a disk at the same time: those of a log's sync, a flush and compactions.
const blockedThreads = 6

// spareThreads lets so many more threads run than there are processors, unless
// GOMAXPROCS says how many. The runtime gives the place of a thread that is
// blocked to another one only when it comes to look, after 20 µs at best and up to
// 10 ms; with two processors and three nodes on them calls waited for syncs, and
// changes took twice as long from node to node.
func spareThreads() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + blockedThreads)
	}
}
