//go:build !linux

package main

import (
	"errors"
	"time"

	"github.com/hortusdb/hortus/load"
)

// processUsage is for Linux only.
func processUsage(int) (load.Usage, error) {
	return load.Usage{}, errors.New("what a process uses is read on Linux only; leave the process id out")
}

// pause waits for d.
func pause(d time.Duration) { time.Sleep(d) }
