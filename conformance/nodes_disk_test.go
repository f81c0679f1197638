//go:build conformance && linux

package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestNodesDisk: the disk of one node fills up. It takes no writes and no
// changes of others, which go on, and catches up when there is space again.
func TestNodesDisk(t *testing.T) {
	ctx := deadline(t)
	disk := t.TempDir()
	mount(t, "-t", "tmpfs", "-o", "size=640m", "tmpfs", disk) // The reserve is 512 MB.
	m := newNodes(t, threePlaces[:2], map[int]string{1: filepath.Join(disk, "data")})
	clients := m.join(ctx, "Orders")
	fill := filepath.Join(disk, "fill")
	f, err := os.Create(fill)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, 160<<20); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	w := nodeWriter{client: m.all[1].client(), name: "full"}
	eventually(t, "the node refuses writes", func() bool { return w.put(ctx, "hot/0") != nil })
	for i := range 200 {
		put(ctx, t, clients[0], "Orders", attributes{"id": str(fmt.Sprint(i))})
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	converged(ctx, t, clients, "Orders")
	if got := scanAll(ctx, t, clients[1], "Orders", ""); len(got) < 200 {
		t.Errorf("%d items", len(got))
	}
	m.end()
}
