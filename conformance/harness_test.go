//go:build conformance

package conformance

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// binary is what is tested: set once by TestMain.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

// run builds the binary into a temporary directory, and runs the tests.
func run(m *testing.M) int {
	if binary = os.Getenv("HORTUS_BINARY"); binary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "hortus-conformance")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "hortus")
	build := exec.Command("go", "build", "-o", binary, "../cmd/hortus")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// Limits in time. They end a test that would hang; none is a measure.
const (
	startWithin = 20 * time.Second
	stopWithin  = 20 * time.Second
	testWithin  = 2 * time.Minute // For one call with its retries, or a script.
)

// server is a running binary.
type server struct {
	URL string

	t      testing.TB
	cmd    *exec.Cmd
	log    logBuffer
	exited chan struct{}
	err    error // How it ended; read after exited is closed.
}

// logBuffer takes what a process prints.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs `hortus dev` on a free port with more flags. When the test is over,
// the server must still answer, end cleanly, and have no panic in its log.
func start(t testing.TB, flags ...string) *server {
	t.Helper()
	s := launch(t, flags...)
	t.Cleanup(func() {
		if s.running() {
			s.healthy()
			s.stop(syscall.SIGTERM)
		}
		s.checkLog()
	})
	return s
}

// inMemory starts a server that keeps nothing.
func inMemory(t testing.TB) *server {
	t.Helper()
	return start(t, "--memory")
}

// launch runs `hortus dev` and leaves it to the caller how it ends.
func launch(t testing.TB, flags ...string) *server {
	t.Helper()
	return launchCommand(t, append([]string{"dev", "--port", "0", "--quiet"}, flags...)...)
}

// launchCommand runs a command that serves until it is stopped.
func launchCommand(t testing.TB, flags ...string) *server {
	t.Helper()
	return launchThis(t, exec.Command(binary, flags...))
}

func launchThis(t testing.TB, cmd *exec.Cmd) *server {
	t.Helper()
	s := &server{t: t, cmd: cmd, exited: make(chan struct{})}
	home := t.TempDir()
	s.cmd.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+filepath.Join(home, "data"))
	s.cmd.Stderr = &s.log
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() }) // For a test that fails half-way.
	line := make(chan string, 1)
	go func() {
		r := bufio.NewReader(stdout)
		first, _ := r.ReadString('\n')
		line <- first
		_, _ = io.Copy(&s.log, r)
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	select {
	case first := <-line:
		url, ok := strings.CutPrefix(strings.TrimSpace(first), "hortus listens on ")
		if !ok {
			<-s.exited
			t.Fatalf("%s: printed %q, log:\n%s", strings.Join(cmd.Args, " "), first, s.log.String())
		}
		s.URL = url
	case <-time.After(startWithin):
		t.Fatalf("%s: nothing printed in %v, log:\n%s", strings.Join(cmd.Args, " "), startWithin, s.log.String())
	}
	return s
}

func (s *server) running() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// stop ends the server with a signal and wants exit code 0.
func (s *server) stop(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Errorf("signal %v: %v", sig, err)
	}
	select {
	case <-s.exited:
		if s.err != nil {
			s.t.Errorf("after %v the server ended with %v, log:\n%s", sig, s.err, s.log.String())
		}
	case <-time.After(stopWithin):
		s.t.Errorf("after %v the server did not end in %v, log:\n%s", sig, stopWithin, s.log.String())
		_ = s.cmd.Process.Kill()
	}
}

// kill ends the server as kill -9 does, and waits for its end.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.exited
}

// checkLog wants no bug in the log.
func (s *server) checkLog() {
	s.t.Helper()
	text := s.log.String()
	for _, bug := range []string{"panic", "goroutine ", "out of service", "invariant", "DATA RACE", "call failed"} {
		if strings.Contains(text, bug) {
			s.t.Errorf("the server's log has %q:\n%s", bug, text)
			return
		}
	}
}

// healthy wants AWS's answer to a GET.
func (s *server) healthy() {
	s.t.Helper()
	client := &http.Client{Timeout: startWithin}
	r, err := client.Get(s.URL)
	if err != nil {
		s.t.Errorf("the server does not answer: %v, log:\n%s", err, s.log.String())
		return
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK || !strings.HasPrefix(string(b), "healthy: dynamodb.") {
		s.t.Errorf("GET / answers %d %q, %v", r.StatusCode, b, err)
	}
}

// options are a client's of an account in a Region. The SDK's retries and its
// check of CRC32 sums are as they come.
func (s *server) options(account, region string) dynamodb.Options {
	return dynamodb.Options{
		Region:       region,
		BaseEndpoint: aws.String(s.URL),
		Credentials:  credentials.NewStaticCredentialsProvider(account, "any", ""),
	}
}

// client returns a client of an account in a Region.
func (s *server) client(account, region string) *dynamodb.Client {
	return dynamodb.New(s.options(account, region))
}

// Who calls in most tests: the three accounts of the main job.
const (
	staging   = "111111111111"
	prod      = "222222222222"
	analytics = "333333333333"

	virginia = "us-east-1"
	ireland  = "eu-west-1"
	oregon   = "us-west-2"
)

// deadline is a context for one test.
func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testWithin)
	t.Cleanup(cancel)
	return ctx
}

// hortus runs the binary to its end and returns what it prints and its exit
// code.
func hortus(t testing.TB, args ...string) (out string, code int) {
	t.Helper()
	ctx := deadline(t)
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	b, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("hortus %s: %v", strings.Join(args, " "), err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

// eventually calls ok until it returns true, for what another cell does in its
// own time.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(testWithin)
	for !ok() {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", testWithin, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
