//go:build conformance && linux

package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestNodesDisk: the disk of one node fills up under load, and the node is killed and
// started again meanwhile. It takes no writes and no changes of others, which go on;
// when there is space again it catches up, what it acknowledged is with the others,
// and what it writes arrives.
func TestNodesDisk(t *testing.T) {
	ctx := deadline(t)
	disk := t.TempDir()
	mount(t, "-t", "tmpfs", "-o", "size=640m", "tmpfs", disk) // The reserve is 512 MB.
	m := newNodes(t, threePlaces[:2], map[int]string{1: filepath.Join(disk, "data")})
	clients := m.join(ctx, "Orders")
	load := m.load(ctx, m.all...)
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
	m.restart(1)
	if w.put(ctx, "hot/0") == nil {
		t.Error("the node takes a write after it was started with a full disk")
	}
	for i := range 200 {
		put(ctx, t, clients[0], "Orders", attributes{"id": str(fmt.Sprint(i))})
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node takes writes again", func() bool { return w.put(ctx, "hot/0") == nil })
	lasts(300 * time.Millisecond)
	load.stop()
	converged(ctx, t, clients, "Orders")
	items := scanAll(ctx, t, clients[0], "Orders", "")
	load.wantAll(items)
	have := byKey(t, items)
	for i := range 200 {
		if have[showValue(str(fmt.Sprint(i)))] == nil {
			t.Errorf("%d is lost", i)
		}
	}
	m.flows("Orders")
	m.end()
}
