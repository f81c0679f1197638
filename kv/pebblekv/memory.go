package pebblekv

import (
	"bufio"
	"errors"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// memoryChunk is how much of a file in memory is gathered before it is added.
const memoryChunk = 1 << 20

// Ends of the names of tables and of files of values. Other files are small.
const (
	tableSuffix = ".sst"
	valueSuffix = ".blob"
)

// newMemory returns an empty file system in memory, for tables that are written
// once, from the beginning to the end. The engine's own adds each block by
// itself to a file, and copies all that is there whenever it has to find more
// room, which was most of what a flush cost. Here a file grows by a chunk at a
// time. What is written can be read once the file was synced or closed.
func newMemory() vfs.FS { return chunkedFS{vfs.NewMem()} }

type chunkedFS struct{ vfs.FS }

func (c chunkedFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := c.FS.Create(name, category)
	if err != nil || (!strings.HasSuffix(name, tableSuffix) && !strings.HasSuffix(name, valueSuffix)) {
		return f, err
	}
	return &chunkedFile{File: f, chunk: bufio.NewWriterSize(f, memoryChunk)}, nil
}

type chunkedFile struct {
	vfs.File
	chunk *bufio.Writer
}

func (c *chunkedFile) Write(p []byte) (int, error) { return c.chunk.Write(p) }

func (c *chunkedFile) Sync() error { return c.chunk.Flush() }

func (c *chunkedFile) SyncData() error { return c.chunk.Flush() }

func (c *chunkedFile) SyncTo(int64) (bool, error) { return false, nil }

func (c *chunkedFile) Close() error { return errors.Join(c.chunk.Flush(), c.File.Close()) }
