package pebblekv

import (
	"bytes"
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/hortusdb/hortus/invariant"
)

// rowCache keeps rows that were written or read of late, so that a point read
// need not search the tree: memtables, filters, index blocks and blocks, most of
// them in memory that no cache of the processor holds. It has the rows of several
// stores.
//
// A row that is in it is the one that the store shows. Whoever commits takes what
// it writes out of the cache before that is visible, and puts it back, while it
// has the latches, once it is. Whoever reads without a latch keeps what it found
// only if no commit to the row's latch was under way since before it looked.
//
// Its memory grows as it fills, and has a bound. What has the rows is not the
// garbage collector's, which would let as much garbage gather beside it. The rows
// that came first go first; one that is read shortly before its turn is written
// again.
type rowCache struct {
	shards [rowShards]rowShard
	memory rowMemory
}

const (
	rowShards    = 64
	rowChunk     = 64 << 10 // What a shard takes, and gives up, at a time.
	rowsPerSet   = 8
	rowSetBytes  = rowsPerSet * 8
	rowHeader    = 4 + 4 + 2 + 2 + 4 // Hash, store, the key's length, the room in units of rowAlign, the value's length.
	rowAlign     = 8
	noRow        = 1 << 31 // In place of the value's length: the row was removed, and may come again.
	maxCachedRow = rowChunk / 4

	// rowBytesPerPlace is how many bytes of rows there are for one place in the
	// index, which takes 8 itself: fewer than an item of 100 bytes takes with its key,
	// so that a set is seldom full.
	rowBytesPerPlace = 96
)

// newRowCache returns a cache of at most this many bytes, the index included.
func newRowCache(size int64) *rowCache {
	c := &rowCache{}
	for i := range c.shards {
		c.shards[i].memory = &c.memory
		// What the index takes is at most twice what it needs: it grows by doubling.
		c.shards[i].limit = int(size / rowShards * rowBytesPerPlace / (rowBytesPerPlace + 16) / rowChunk)
	}
	return c
}

// close gives up all memory. Nobody uses the cache any more.
func (c *rowCache) close() { c.memory.close() }

// A rowID names a row: the store that has it, and the hash of its key there.
type rowID struct {
	store uint32
	hash  uint64
}

func (c *rowCache) shard(id rowID) *rowShard { return &c.shards[id.hash>>32%rowShards] }

// get appends the value of a row to dst, if it is there.
func (c *rowCache) get(id rowID, key, dst []byte) ([]byte, bool) {
	s := c.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.find(id, key)
	if p == nil {
		return dst, false
	}
	b := s.row(p.at)
	if rowLength(b) == noRow {
		return dst, false
	}
	value := rowValue(b)
	dst = append(dst, value...)
	if s.old(p.at) {
		s.add(id, key, dst[len(dst)-len(value):], 0)
	}
	return dst, true
}

// put keeps a row that a latch of its key holds still.
func (c *rowCache) put(id rowID, key, value []byte) { c.putRead(id, key, value, nil, 0) }

// putRead keeps a row that was read when the last commit to its latch that was
// visible stood at a position, if that is the last one that began. It has to look
// under the lock: whoever begins one later finds the row there, and removes it.
func (c *rowCache) putRead(id rowID, key, value []byte, last *atomic.Uint64, shown uint64) {
	s := c.shard(id)
	if rowHeader+len(key)+len(value) > maxCachedRow {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if last == nil || last.Load() == shown {
		s.put(id, key, value)
	}
}

// remove forgets a row.
func (c *rowCache) remove(id rowID, key []byte) {
	s := c.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.find(id, key); p != nil {
		binary.LittleEndian.PutUint32(s.row(p.at)[12:], noRow)
	}
}

// rowShard is a ring of chunks with rows, and the sets of an index over them. A
// row's set is given by its hash.
type rowShard struct {
	mu     sync.Mutex
	sets   [][rowsPerSet]rowPlace // A power of two of them, or none.
	chunks [][]byte               // As far as they are used.
	head   int                    // The chunk that is being filled.
	limit  int                    // The most chunks.
	memory *rowMemory
}

// rowPlace is where a row is; empty where at is zero.
type rowPlace struct {
	hash uint32
	at   uint32 // 1 + the row's offset over all chunks, in units of rowAlign.
}

func (s *rowShard) set(hash uint32) *[rowsPerSet]rowPlace {
	return &s.sets[hash&uint32(len(s.sets)-1)]
}

// row returns the bytes of the row at a place, and those behind it.
func (s *rowShard) row(at uint32) []byte {
	off := int(at-1) * rowAlign
	return s.chunks[off/rowChunk][off%rowChunk:]
}

func rowKeyLength(b []byte) int { return int(binary.LittleEndian.Uint16(b[8:])) }

func rowRoom(b []byte) int { return int(binary.LittleEndian.Uint16(b[10:])) * rowAlign }

func rowLength(b []byte) uint32 { return binary.LittleEndian.Uint32(b[12:]) }

func rowValue(b []byte) []byte {
	k := rowKeyLength(b)
	return b[rowHeader+k : rowHeader+k+int(rowLength(b))]
}

func (s *rowShard) find(id rowID, key []byte) *rowPlace {
	if len(s.sets) == 0 {
		return nil
	}
	set := s.set(uint32(id.hash))
	for i := range set {
		if p := &set[i]; p.at != 0 && p.hash == uint32(id.hash) {
			b := s.row(p.at)
			if k := rowKeyLength(b); binary.LittleEndian.Uint32(b[4:]) == id.store && bytes.Equal(b[rowHeader:rowHeader+k], key) {
				return p
			}
		}
	}
	return nil
}

// old reports whether a row is in the quarter that goes next.
func (s *rowShard) old(at uint32) bool {
	chunk := int(at-1) * rowAlign / rowChunk
	ahead := (chunk - s.head + s.limit) % s.limit
	return len(s.chunks) == s.limit && ahead > 0 && ahead <= s.limit/4
}

// put writes a row where it was before, so that one that is written again and again
// takes no more than its room, or at the head of the ring.
func (s *rowShard) put(id rowID, key, value []byte) {
	slack := 0
	if p := s.find(id, key); p != nil {
		b := s.row(p.at)
		if rowHeader+len(key)+len(value) <= rowRoom(b) {
			binary.LittleEndian.PutUint32(b[12:], uint32(len(value)))
			copy(b[rowHeader+len(key):], value)
			return
		}
		slack = len(value) / 4 // It grows, and may go on.
	}
	s.add(id, key, value, slack)
}

// add writes a row at the head of the ring. What was there before for its key stays
// behind, without a place.
func (s *rowShard) add(id rowID, key, value []byte, slack int) {
	size := rowHeader + len(key) + len(value)
	room := (min(size+slack, maxCachedRow) + rowAlign - 1) / rowAlign * rowAlign
	if !s.room(room) {
		return
	}
	chunk := s.chunks[s.head]
	start := len(chunk)
	at := uint32((s.head*rowChunk+start)/rowAlign) + 1
	chunk = binary.LittleEndian.AppendUint32(chunk, uint32(id.hash))
	chunk = binary.LittleEndian.AppendUint32(chunk, id.store)
	chunk = binary.LittleEndian.AppendUint16(chunk, uint16(len(key)))
	chunk = binary.LittleEndian.AppendUint16(chunk, uint16(room/rowAlign))
	chunk = binary.LittleEndian.AppendUint32(chunk, uint32(len(value)))
	chunk = append(append(chunk, key...), value...)
	s.chunks[s.head] = chunk[:start+room]
	p := s.find(id, key)
	if p == nil {
		p = s.free(uint32(id.hash))
	}
	*p = rowPlace{uint32(id.hash), at}
}

// free returns an empty place for a hash, or one of the row that came first.
func (s *rowShard) free(hash uint32) *rowPlace {
	set := s.set(hash)
	best, most := &set[0], -1
	for i := range set {
		p := &set[i]
		if p.at == 0 {
			return p
		}
		// How far the head has come since.
		age := (s.head - int(p.at-1)*rowAlign/rowChunk + len(s.chunks)) % len(s.chunks)
		if age > most {
			best, most = p, age
		}
	}
	return best
}

// room makes room at the head for a row of this size, if the shard may have any.
func (s *rowShard) room(size int) bool {
	if len(s.chunks) > 0 && len(s.chunks[s.head])+size <= rowChunk {
		return true
	}
	if len(s.chunks) < s.limit {
		if chunk := s.memory.chunk(); chunk != nil {
			s.chunks = append(s.chunks, chunk)
			s.head = len(s.chunks) - 1
			s.widen()
			return true
		}
		s.limit = len(s.chunks) // The machine has no more.
	}
	if s.limit == 0 {
		return false
	}
	s.head = (s.head + 1) % s.limit
	s.empty(s.head)
	return true
}

// empty gives up the rows of a chunk.
func (s *rowShard) empty(chunk int) {
	b := s.chunks[chunk]
	for off := 0; off < len(b); {
		at := uint32((chunk*rowChunk+off)/rowAlign) + 1
		set := s.set(binary.LittleEndian.Uint32(b[off:]))
		for i := range set {
			if set[i].at == at {
				set[i] = rowPlace{}
			}
		}
		off += rowRoom(b[off:])
	}
	s.chunks[chunk] = b[:0]
}

// widen doubles the index when the chunks have outgrown it.
func (s *rowShard) widen() {
	for len(s.sets)*rowsPerSet*rowBytesPerPlace < len(s.chunks)*rowChunk {
		n := max(len(s.sets), 1)
		sets := make([][rowsPerSet]rowPlace, 2*n)
		for i := range s.sets {
			var low, high int // Places that are taken in the two sets that this one becomes.
			for _, p := range s.sets[i] {
				switch {
				case p.at == 0:
				case p.hash&uint32(n) == 0:
					sets[i][low] = p
					low++
				default:
					sets[i+n][high] = p
					high++
				}
			}
		}
		s.sets = sets
	}
	invariant.Assert(len(s.sets)&(len(s.sets)-1) == 0, "pebblekv: the index of cached rows is not a power of two")
}
