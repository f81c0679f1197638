package pebblekv

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestChunkedFile writes a file in pieces of every size, and reads it back when
// it was synced and when it was closed.
func TestChunkedFile(t *testing.T) {
	fs := newMemory()
	f, err := fs.Create("a.sst", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var want []byte
	write := func(n int) {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(rng.Uint32())
		}
		want = append(want, p...)
		if n, err := f.Write(p); err != nil || n != len(p) {
			t.Fatal(n, err)
		}
	}
	read := func() {
		t.Helper()
		r, err := fs.Open("a.sst")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("read %d bytes of %d: %v", len(got), len(want), err)
		}
	}
	for range 100 {
		write(rng.IntN(64 << 10))
	}
	write(2*memoryChunk + 1)
	write(1)
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	read()
	write(7)
	if err := f.SyncData(); err != nil {
		t.Fatal(err)
	}
	read()
	write(memoryChunk - 1)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	read()
}
