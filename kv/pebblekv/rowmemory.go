package pebblekv

import "sync"

// rowSlab is how much a rowMemory asks of the machine at a time.
const rowSlab = 1 << 20

// rowMemory gives out the chunks of a rowCache.
type rowMemory struct {
	mu    sync.Mutex
	slabs [][]byte
	free  []byte // Of the last slab.
}

// chunk returns an empty chunk, or nil when the machine gives no memory.
func (m *rowMemory) chunk() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.free) == 0 {
		slab, err := mapMemory(rowSlab)
		if err != nil {
			return nil
		}
		m.slabs, m.free = append(m.slabs, slab), slab
	}
	chunk := m.free[:0:rowChunk]
	m.free = m.free[rowChunk:]
	return chunk
}

func (m *rowMemory) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.slabs {
		unmapMemory(s)
	}
	m.slabs, m.free = nil, nil
}
