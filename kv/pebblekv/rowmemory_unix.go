//go:build unix

package pebblekv

import (
	"golang.org/x/sys/unix"

	"github.com/hortusdb/hortus/invariant"
)

// mapMemory returns memory that the garbage collector does not count.
func mapMemory(size int) ([]byte, error) {
	return unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

func unmapMemory(b []byte) {
	err := unix.Munmap(b)
	invariant.Assert(err == nil, "pebblekv: memory of cached rows is not given back", err)
}
