package table

import (
	"encoding/binary"
	"errors"
	"testing"
)

// TestOngoingExact: of many keys that are held, many in each part, each keeps out
// itself alone, and so do two with one hash.
func TestOngoingExact(t *testing.T) {
	o := newOngoing()
	const n = 50 * holdShards
	keys := make([][]byte, 2*n)
	for i := range keys {
		keys[i] = binary.BigEndian.AppendUint64(nil, uint64(i))
	}
	holds := make([]hold, n)
	for i := range holds {
		holds[i].key = keys[i]
		if err := o.take(&holds[i]); err != nil {
			t.Fatal(err)
		}
	}
	for i, k := range keys[n:] {
		if o.taken(k) {
			t.Fatalf("key %d is taken", n+i)
		}
	}
	if h := &holds[0]; !h.of(h.hash, keys[0]) || h.of(h.hash, keys[1]) {
		t.Error("keys with one hash are not told apart")
	}
	if err := o.take(&hold{key: holds[0].key}); !errors.Is(err, ErrConflict) {
		t.Errorf("a key twice: %v", err)
	}
	o.drop(holds[n/2:])
	for i := range n {
		h := &holds[i]
		there := false
		o.each(h.key, func(*hold) { there = true })
		if i >= n/2 && there {
			t.Fatalf("key %d is still there", i)
		}
	}
	o.drop(holds[:n/2])
	if o.held.Load() != 0 {
		t.Errorf("%d are held", o.held.Load())
	}
}
