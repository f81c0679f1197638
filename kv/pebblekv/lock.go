package pebblekv

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hortusdb/hortus/kv"
)

// LockDir locks a directory that holds several stores, so that one process
// alone opens them; it makes the directory if it is not there. The error is
// kv.ErrInUse where another process has it.
func LockDir(dir string) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("pebblekv: %w", err)
	}
	lock, err := pebble.LockDirectory(dir, vfs.Default)
	if path := new(iofs.PathError); errors.As(err, &path) {
		return nil, fmt.Errorf("pebblekv: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", kv.ErrInUse, err)
	}
	return lock, nil
}
