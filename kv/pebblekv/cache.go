package pebblekv

import (
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

const (
	// ownCacheBytes is the block cache of a store that shares none. It is a
	// bound, not taken before it is needed.
	ownCacheBytes = 128 << 20

	// openTables bounds the tables that a SharedCache keeps open.
	openTables = 4096

	// rowEighths is the part of a cache that is for rows, which serve all that
	// names a key; blocks serve queries, scans, and what is not among the rows.
	rowEighths = 5

	fileCacheShards = 4
)

// SharedCache is a cache of rows, blocks and open files for several stores. It
// holds nothing while no store is open.
type SharedCache struct {
	bytes int64

	mu    sync.Mutex
	refs  int
	cache *pebble.Cache
	files *pebble.FileCache
	rows  *rowCache

	stores atomic.Uint32 // The last number of a store in rows.
}

// NewSharedCache returns a cache of at most this many bytes.
func NewSharedCache(bytes int64) *SharedCache { return &SharedCache{bytes: bytes} }

func (c *SharedCache) acquire() (*pebble.Cache, *pebble.FileCache, *rowCache) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refs == 0 {
		rows := c.bytes / 8 * rowEighths
		c.rows = newRowCache(rows)
		c.cache = pebble.NewCache(c.bytes - rows)
		c.files = pebble.NewFileCache(fileCacheShards, openTables)
	}
	c.refs++
	return c.cache, c.files, c.rows
}

// number gives a store a number of its own in rows. It takes another to be rid of
// all rows that it had there.
func (c *SharedCache) number() uint32 { return c.stores.Add(1) }

func (c *SharedCache) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refs--
	if c.refs == 0 {
		c.rows.close()
		c.files.Unref()
		c.cache.Unref()
		c.cache, c.files, c.rows = nil, nil, nil
	}
}
