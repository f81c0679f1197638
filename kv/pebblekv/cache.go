package pebblekv

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

const (
	// ownCacheBytes is the block cache of a store that shares none. It is a
	// bound, not taken before it is needed.
	ownCacheBytes = 128 << 20

	// openTables bounds the tables that a SharedCache keeps open.
	openTables = 4096

	fileCacheShards = 4
)

// SharedCache is a cache of blocks and open files for several stores. It holds
// nothing while no store is open.
type SharedCache struct {
	bytes int64

	mu    sync.Mutex
	refs  int
	cache *pebble.Cache
	files *pebble.FileCache
}

// NewSharedCache returns a cache of at most this many bytes.
func NewSharedCache(bytes int64) *SharedCache { return &SharedCache{bytes: bytes} }

func (c *SharedCache) acquire() (*pebble.Cache, *pebble.FileCache) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refs == 0 {
		c.cache = pebble.NewCache(c.bytes)
		c.files = pebble.NewFileCache(fileCacheShards, openTables)
	}
	c.refs++
	return c.cache, c.files
}

func (c *SharedCache) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refs--
	if c.refs == 0 {
		c.files.Unref()
		c.cache.Unref()
		c.cache, c.files = nil, nil
	}
}
