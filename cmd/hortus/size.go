package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pbnjay/memory"
)

// Bounds of the cache, in bytes.
const (
	minCache     = 16 << 20
	maxAutoCache = 4 << 30
	autoShare    = 8 // Of the machine's memory, where no size is named.
)

// cacheSize reads --cache.
func cacheSize(s string) (int64, error) {
	if s == "" {
		return min(max(int64(memory.TotalMemory()/autoShare), minCache), maxAutoCache), nil
	}
	n, err := parseSize(s)
	if err != nil || n < minCache {
		return 0, fmt.Errorf("--cache %s: want a size of at least 16MiB, as in 512MiB or 2GiB", s)
	}
	return n, nil
}

// parseSize reads a number of bytes, KiB, MiB or GiB.
func parseSize(s string) (int64, error) {
	unit := int64(1)
	for _, u := range []struct {
		suffix string
		bytes  int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}} {
		if head, ok := strings.CutSuffix(s, u.suffix); ok {
			s, unit = head, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/unit {
		return 0, fmt.Errorf("%q is not a size", s)
	}
	return n * unit, nil
}
