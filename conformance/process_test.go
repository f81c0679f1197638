//go:build conformance

package conformance

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// maxIdle is how much memory of its own an idle server with three cells may have.
// Pages of the program's file come to it, between 20 and 35 MiB: the system maps
// as many at once as lie together in its cache, and drops them when it likes.
const maxIdle = 14 << 20

// TestIdleMemory makes three cells with a table in each, one of them replicated,
// and measures the server once it is quiet.
func TestIdleMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("memory is read from /proc, which Linux alone has")
	}
	ctx := deadline(t)
	for _, flags := range [][]string{{"--memory"}, {"--data", t.TempDir()}} {
		s := start(t, flags...)
		empty := ownMemory(t, s)
		clients := globalTable(ctx, t, s, indexed("Orders"), threePlaces)
		for i, c := range clients {
			put(ctx, t, c, "Orders", attributes{"id": str("1"), "seq": num(i), "buyer": str("b")})
		}
		converged(ctx, t, clients, "Orders")
		least := int64(1 << 62)
		for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			least = min(least, ownMemory(t, s))
		}
		t.Logf("%v: %.1f MB without a cell, %.1f MB with three", flags[0], float64(empty)/(1<<20), float64(least)/(1<<20))
		if least > maxIdle {
			t.Errorf("%v: %d bytes with three idle cells, over %d", flags[0], least, maxIdle)
		}
	}
}

// ownMemory reads how much memory a server has that no file stands behind, in bytes.
func ownMemory(t *testing.T, s *server) (sum int64) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(string(b)) {
		name, text, _ := strings.Cut(line, ":")
		if name != "RssAnon" && name != "RssShmem" {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum, found = sum+n<<10, found+1
	}
	if found != 2 {
		t.Fatalf("no memory in %s", b)
	}
	return sum
}

// maxStart bounds the best start of several. The aim is a tenth of it; the rest
// is for a machine that has other things to do.
const maxStart = time.Second

// TestStart measures how long it takes from the start of the process to its first
// answer, with no data, and with three cells after a stop and after a kill. Only
// the best of the starts without data is held to a bound, and a loose one.
func TestStart(t *testing.T) {
	ctx := deadline(t)
	data := t.TempDir()
	best := time.Duration(1 << 62)
	measure := func(what string, flags ...string) *server {
		begun := time.Now()
		s := launch(t, flags...)
		r, err := http.Get(s.URL)
		took := time.Since(begun)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		t.Logf("%s: %.0f ms to the first answer", what, float64(took.Microseconds())/1000)
		best = min(best, took)
		return s
	}
	for range 3 {
		measure("in memory", "--memory").stop(syscall.SIGTERM)
	}
	t.Logf("best start: %.0f ms", float64(best.Microseconds())/1000)
	if best > maxStart {
		t.Errorf("the best of the starts took %v, over %v", best, maxStart)
	}
	s := measure("on disk, new", "--data", data)
	clients := globalTable(ctx, t, s, simple("Orders", true), threePlaces)
	for i := range 200 {
		put(ctx, t, clients[0], "Orders", attributes{"id": str("1"), "seq": num(i)})
	}
	converged(ctx, t, clients, "Orders")
	for _, again := range []string{"three cells, after a stop", "three cells, after a stop again"} {
		s.stop(syscall.SIGTERM)
		s = measure(again, "--data", data)
	}
	s.kill()
	s = measure("three cells, after a kill", "--data", data)
	if got := scanAll(ctx, t, s.client(analytics, oregon), "Orders", ""); len(got) != 200 {
		t.Errorf("%d items, want 200", len(got))
	}
	s.stop(os.Interrupt)
}

// TestSignals: SIGTERM and Ctrl-C end the server with exit code 0, also under
// load, and what it acknowledged is there.
func TestSignals(t *testing.T) {
	ctx := deadline(t)
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		data := t.TempDir()
		s := launch(t, "--data", data)
		c := s.client(staging, virginia)
		createTable(ctx, t, c, simple("Orders", true))
		done := make(chan int)
		begun := make(chan struct{})
		go func() {
			n := 0
			for ; putOnce(ctx, c, n) == nil; n++ {
				if n == 20 {
					close(begun)
				}
			}
			done <- n
		}()
		<-begun
		s.stop(sig)
		acknowledged := <-done
		s.checkLog()
		again := start(t, "--data", data)
		if got := len(scanAll(ctx, t, again.client(staging, virginia), "Orders", "")); got < acknowledged || got > acknowledged+1 {
			t.Errorf("after %v there are %d items, %d were acknowledged", sig, got, acknowledged)
		}
	}
}

// TestWelcome: the server says what to paste, and where the data is.
func TestWelcome(t *testing.T) {
	out, code := hortus(t, "version")
	if code != 0 || !strings.HasPrefix(out, "hortus ") {
		t.Errorf("hortus version: exit code %d: %s", code, out)
	}
	for _, args := range [][]string{nil, {"--help"}} {
		out, code = hortus(t, args...)
		if code != 0 || !strings.Contains(out, "dev") || !strings.Contains(out, "demo") {
			t.Errorf("hortus %v: exit code %d: %s", args, code, out)
		}
	}
	out, code = hortus(t, "replication", "status", "--endpoint", "http://127.0.0.1:1")
	if code == 0 || !strings.Contains(out, "hortus dev") {
		t.Errorf("a command without a server: exit code %d: %s", code, out)
	}
	s := inMemory(t)
	out, code = hortus(t, "region", "isolate", "eu-west1", "--endpoint", s.URL)
	if want := "hortus: ValidationException: \"eu-west1\" is not a Region; near it are eu-west-1,"; code != 1 || !strings.HasPrefix(out, want) {
		t.Errorf("an unknown Region: exit code %d: %s\nwant %s", code, out, want)
	}
}
