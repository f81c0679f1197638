package pebblekv

import (
	"bufio"
	"errors"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// How much of a file is gathered before it is written.
const (
	// The engine's own files in memory copy all that is there whenever they have to
	// find more room, which was most of what a flush cost.
	memoryChunk = 1 << 20
	// The engine writes 4 KiB at a time. On a disk each write cost a call to the
	// system, and pages that it cleared before they were written.
	diskChunk = 128 << 10
)

// Ends of the names of tables and of files of values. Other files are small, or
// logs.
const (
	tableSuffix = ".sst"
	valueSuffix = ".blob"
)

// newMemory returns an empty file system in memory.
func newMemory() vfs.FS { return chunkedFS{vfs.NewMem(), memoryChunk} }

// chunkedFS writes tables and files of values, which are written once, from the
// beginning to the end, by a chunk at a time. What is written can be read once
// the file was synced or closed.
type chunkedFS struct {
	vfs.FS
	chunk int // In bytes.
}

func (c chunkedFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := c.FS.Create(name, category)
	if err != nil || (!strings.HasSuffix(name, tableSuffix) && !strings.HasSuffix(name, valueSuffix)) {
		return f, err
	}
	return &chunkedFile{File: f, chunk: bufio.NewWriterSize(f, c.chunk)}, nil
}

type chunkedFile struct {
	vfs.File
	chunk *bufio.Writer // Keeps its first error, and returns it from then on.
}

func (c *chunkedFile) Write(p []byte) (int, error) { return c.chunk.Write(p) }

func (c *chunkedFile) Sync() error {
	if err := c.chunk.Flush(); err != nil {
		return err
	}
	return c.File.Sync()
}

func (c *chunkedFile) SyncData() error {
	if err := c.chunk.Flush(); err != nil {
		return err
	}
	return c.File.SyncData()
}

func (c *chunkedFile) SyncTo(length int64) (fullSync bool, err error) {
	if err := c.chunk.Flush(); err != nil {
		return false, err
	}
	return c.File.SyncTo(length)
}

func (c *chunkedFile) Close() error { return errors.Join(c.chunk.Flush(), c.File.Close()) }
