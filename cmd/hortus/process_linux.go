package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/hortusdb/hortus/load"
)

// tick is the unit of the times in /proc/PID/stat on every Linux that Go runs on.
const tick = time.Second / 100

// processUsage reads what a process has used from /proc.
func processUsage(pid int) (load.Usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return load.Usage{}, fmt.Errorf("process %d: %w", pid, err)
	}
	// The second field is the program's name, in brackets; it may hold anything.
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const user, system, pages = 11, 12, 21
	if len(f) <= pages {
		return load.Usage{}, fmt.Errorf("process %d: /proc has no figures of it", pid)
	}
	u, err1 := strconv.ParseInt(string(f[user]), 10, 64)
	s, err2 := strconv.ParseInt(string(f[system]), 10, 64)
	p, err3 := strconv.ParseInt(string(f[pages]), 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return load.Usage{}, fmt.Errorf("process %d: %w", pid, err)
	}
	return load.Usage{CPU: time.Duration(u+s) * tick, Resident: p * int64(os.Getpagesize())}, nil
}

// pause waits for d. The runtime's timers are up to a millisecond late where
// nothing else goes on; this asks the system itself.
func pause(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	for syscall.Nanosleep(&t, &t) != nil { // Interrupted: t has what is left.
	}
}
