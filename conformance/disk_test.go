//go:build conformance && linux

package conformance

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// command runs a system command; the test is skipped where it may not.
func command(t *testing.T, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not on this machine", name)
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Skipf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

// mount mounts something for the time of the test.
func mount(t *testing.T, args ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may mount")
	}
	command(t, "mount", args...)
	dir := args[len(args)-1]
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
}

// TestDiskFills fills the disk up to the reserve: writes are refused and say
// why, reads go on, and writes are taken again when there is space.
func TestDiskFills(t *testing.T) {
	ctx := deadline(t)
	dir := t.TempDir()
	mount(t, "-t", "tmpfs", "-o", "size=640m", "tmpfs", dir) // The reserve is 512 MB.
	s := start(t, "--data", filepath.Join(dir, "data"))
	o := s.options(staging, virginia)
	o.Retryer = aws.NopRetryer{}
	c := dynamodb.New(o)
	createTable(ctx, t, c, simple("Things", false))
	known := 0
	store := func() error {
		_, err := c.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("Things"), Item: attributes{"id": str(fmt.Sprint(known))}})
		if err == nil {
			known++
		}
		return err
	}
	for range 100 {
		if err := store(); err != nil {
			t.Fatal(err)
		}
	}
	fill := filepath.Join(dir, "fill")
	for range 2 {
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
		var refused error
		eventually(t, "a write is refused", func() bool { refused = store(); return refused != nil })
		wantError(t, refused, "InternalServerError", "The disk of this cell is almost full")
		if got := scanAll(ctx, t, c, "Things", ""); len(got) != known {
			t.Errorf("%d items can be read while writes are refused, want %d", len(got), known)
		}
		if err := os.Remove(fill); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a write is taken again", func() bool { return store() == nil })
	}
	s.stop(syscall.SIGTERM)
	again := start(t, "--data", filepath.Join(dir, "data"))
	if got := scanAll(ctx, t, again.client(staging, virginia), "Things", ""); len(got) != known {
		t.Errorf("%d items after a restart, want %d", len(got), known)
	}
}

// writeToTheEnd fills the table Things by four writers until writes fail, and
// returns how many of each were acknowledged.
func writeToTheEnd(ctx context.Context, s *server) (acknowledged [4]int) {
	random := make([]byte, 60_000) // What does not compress fills the disk.
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(33 + rng.IntN(90))
	}
	var writing sync.WaitGroup
	for writer := range acknowledged {
		o := s.options(staging, virginia)
		o.Retryer = aws.NopRetryer{}
		client := dynamodb.New(o)
		writing.Go(func() {
			for i := 0; ; i++ {
				_, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("Things"), Item: attributes{
					"id": str(fmt.Sprint("w-", writer)), "seq": num(i), "text": str(string(random[i%1000:])),
				}})
				if err != nil {
					return
				}
				acknowledged[writer]++
			}
		})
	}
	writing.Wait()
	return acknowledged
}

// TestSyncFails puts the data on a disk that turns out to be smaller than it
// says, so that a sync fails with an I/O error: the process ends and says so, and
// everything that it acknowledged is there when the disk is well again.
func TestSyncFails(t *testing.T) {
	ctx := deadline(t)
	backing, dir := t.TempDir(), t.TempDir()
	mount(t, "-t", "tmpfs", "-o", "size=48m", "tmpfs", backing)
	image := filepath.Join(backing, "disk")
	command(t, "truncate", "-s", "1G", image)
	command(t, "mkfs.ext4", "-q", "-F", "-m", "0", image)
	mount(t, "-o", "loop", image, dir)
	data := filepath.Join(dir, "data")
	s := launch(t, "--data", data)
	c := s.client(staging, virginia)
	createTable(ctx, t, c, simple("Things", true))

	acknowledged := writeToTheEnd(ctx, s)
	select {
	case <-s.exited:
	case <-time.After(stopWithin):
		s.kill()
		t.Fatalf("the disk fails and the server goes on; its log:\n%s", s.log.String())
	}
	if s.err == nil || !strings.Contains(s.log.String(), "ending the process; what was acknowledged is on disk") || strings.Contains(s.log.String(), "goroutine ") {
		t.Errorf("the server ended with %v, log:\n%s", s.err, s.log.String())
	}
	t.Logf("%v writes acknowledged; the end: %v", acknowledged, s.err)

	command(t, "umount", dir)
	command(t, "mount", "-o", "remount,size=1g", backing)
	// It exits with 1 where it has mended something, as it has to here.
	if out, err := exec.Command("e2fsck", "-fy", image).CombinedOutput(); err != nil {
		t.Logf("e2fsck: %v: %s", err, out)
	}
	mount(t, "-o", "loop", image, dir)
	again := launch(t, "--data", data)
	c = again.client(staging, virginia)
	got := map[string]bool{}
	for _, it := range scanAll(ctx, t, c, "Things", "") {
		got[showValue(it["id"])+showValue(it["seq"])] = true
	}
	for writer, n := range acknowledged {
		for i := range n {
			if !got[showValue(str(fmt.Sprint("w-", writer)))+showValue(num(i))] {
				t.Errorf("write %d of writer %d was acknowledged and is lost", i, writer)
			}
		}
	}
	put(ctx, t, c, "Things", attributes{"id": str("after"), "seq": num(1)})
	again.stop(syscall.SIGTERM)
	again.checkLog()
}
