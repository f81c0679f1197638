package wire

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hortusdb/hortus/invariant"
)

// brief is a time limit that a test lets pass, by reading until the server
// ends the connection.
const brief = 30 * time.Millisecond

// TestSlowClient leaves requests unfinished, and wants them cut off.
func TestSlowClient(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		limits   Timeouts
		want     string
	}{
		{"nothing sent", "", Timeouts{Idle: brief}, ""},
		{"idle after an answer", post("empty", "{}"), Timeouts{Idle: brief}, ok},
		{"headers", head, Timeouts{Head: brief}, refused("408 Request Timeout", false)},
		{"headers of the second", post("empty", "{}") + head, Timeouts{Head: brief}, ok + refused("408 Request Timeout", false)},
		{"start of the body", head + "Content-Length: 9\r\n\r\n1", Timeouts{Head: brief}, refused("408 Request Timeout", false)},
		{"rest of the body", head + "Content-Length: 9999\r\n\r\n" + strings.Repeat("x", 9000), Timeouts{Body: brief}, refused("408 Request Timeout", true)},
		{"chunk", head + "Transfer-Encoding: chunked\r\n\r\n5\r\n1", Timeouts{Body: brief}, refused("408 Request Timeout", true)},
		{"next chunk", head + "Transfer-Encoding: chunked\r\n\r\n1\r\n1\r\n", Timeouts{Body: brief}, refused("408 Request Timeout", true)},
		{"trailer", head + "Transfer-Encoding: chunked\r\n\r\n0\r\n", Timeouts{Body: brief}, refused("408 Request Timeout", true)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, other := range []*time.Duration{&tc.limits.Idle, &tc.limits.Head, &tc.limits.Body} {
				*other = cmp.Or(*other, time.Hour) // So that no other limit does this one's work.
			}
			h := start(t, Options{Timeouts: tc.limits})
			c := h.dial()
			h.send(c, tc.in)
			if got := h.rest(c); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestDrip sends a byte now and then for ever: the limit is for all of the
// headers, not for each byte.
func TestDrip(t *testing.T) {
	h := start(t, Options{Timeouts: Timeouts{Head: 2 * brief}})
	c := h.dial()
	over := make(chan struct{})
	var dripping sync.WaitGroup
	dripping.Go(func() {
		if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nX-Slow: "); err != nil {
			return
		}
		tick := time.NewTicker(brief / 10)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
				if _, err := io.WriteString(c, "x"); err != nil {
					return
				}
			}
		}
	})
	defer dripping.Wait()
	defer close(over)
	want := refused("408 Request Timeout", false)
	if got := h.until(c, "\r\n\r\n"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestSlowReader never reads its answer. Shutdown waits for answers, so it
// ends only because the write is given up.
func TestSlowReader(t *testing.T) {
	answering := make(chan struct{})
	big := make([]byte, 64<<20)
	h := start(t, Options{Timeouts: Timeouts{Write: brief}, Handler: handlerFunc(func(_ context.Context, c *Call) {
		c.Out = append(c.Out, big...)
		close(answering)
	})})
	h.send(h.dial(), post("empty", "{}"))
	<-answering
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := h.server.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// TestMaxConnections fills the server, is refused, and gets in when there is room.
func TestMaxConnections(t *testing.T) {
	h := start(t, Options{MaxConnections: 3})
	var in []*net.TCPConn
	for range 3 {
		c := h.dial()
		h.send(c, post("empty", "{}"))
		if got := h.until(c, "{}"); got != ok {
			t.Fatalf("got %q", got)
		}
		in = append(in, c)
	}
	for range maxRejecting / 2 {
		c := h.dial()
		h.send(c, post("empty", "{}"))
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got := h.rest(c); got != overloaded {
			t.Fatalf("got %q, want %q", got, overloaded)
		}
	}
	for _, c := range in {
		h.send(c, post("empty", "{}"))
		if got := h.until(c, "{}"); got != ok {
			t.Errorf("a connection within the limit got %q", got)
		}
	}
	in[0].Close()
	for stop := time.Now().Add(patience); ; { // The server has yet to see the close.
		c := h.dial()
		h.send(c, post("empty", "{}", last))
		got := h.rest(c)
		if got == okLast {
			return
		}
		if got != overloaded || time.Now().After(stop) {
			t.Fatalf("got %q", got)
		}
	}
}

// TestShutdownUnderLoad stops the server while clients call without pause. A
// call that reached the handler must get its whole answer; a new one may find
// the connection closed.
func TestShutdownUnderLoad(t *testing.T) {
	const clients = 16
	var begun, answered atomic.Int64
	warm := make(chan struct{}, 1<<16)
	h := start(t, Options{Handler: handlerFunc(func(_ context.Context, c *Call) {
		begun.Add(1)
		c.Out = append(c.Out, strings.Repeat("x", 9_000)...)
		warm <- struct{}{}
	})})
	var calling sync.WaitGroup
	for range clients {
		nc := h.dial()
		calling.Go(func() {
			r := bufio.NewReader(nc)
			for {
				if _, err := io.WriteString(nc, post("load", "{}")+post("load", "{}")); err != nil {
					return
				}
				for range 2 {
					res, err := http.ReadResponse(r, nil)
					if err != nil {
						return
					}
					body, err := io.ReadAll(res.Body)
					res.Body.Close()
					if err != nil || len(body) != 9_000 {
						t.Errorf("an answer was cut: %d bytes, %v", len(body), err)
						return
					}
					answered.Add(1)
				}
			}
		})
	}
	for range 200 {
		<-warm
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := h.server.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	calling.Wait()
	if b, a := begun.Load(), answered.Load(); b != a {
		t.Errorf("%d calls were handled, %d answered", b, a)
	}
	if err := <-h.served; err != nil {
		t.Errorf("serve: %v", err)
	}
	if nc, err := net.Dial("tcp", h.addr); err == nil {
		nc.Close()
		t.Error("still listening")
	}
}

// TestShutdownWaits: a call in flight is answered, with word that it was the
// last; connections that wait for a request are closed without one.
func TestShutdownWaits(t *testing.T) {
	inside, goOn := make(chan struct{}), make(chan struct{})
	h := start(t, Options{Handler: handlerFunc(func(_ context.Context, c *Call) {
		close(inside)
		<-goOn
		c.Out = append(c.Out, "{}"...)
	})})
	fresh, busy := h.dial(), h.dial()
	h.send(busy, post("empty", "{}"))
	<-inside
	done := make(chan error, 1)
	go func() { done <- h.server.Shutdown(context.Background()) }()
	if got := h.rest(fresh); got != "" {
		t.Errorf("an idle connection got %q", got)
	}
	select {
	case err := <-done:
		t.Fatalf("shutdown did not wait: %v", err)
	default:
	}
	close(goOn)
	if got, want := h.rest(busy), okLast; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestNoWaitWhileDraining: a connection whose answer went out without word that
// it was the last, since Shutdown came just after, must not wait for another
// request: Shutdown has passed it by.
func TestNoWaitWhileDraining(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	s := New(Options{Handler: handlerFunc(echo)})
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := &conn{Conn: near, server: s}
	if err := far.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	go far.Write([]byte("x")) // Fails at the end of the test, or gives a wrong Read its byte.
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

// TestShutdownByForce ends the context of a handler that would not end.
func TestShutdownByForce(t *testing.T) {
	inside, ended := make(chan struct{}), make(chan error, 1)
	h := start(t, Options{Handler: handlerFunc(func(ctx context.Context, _ *Call) {
		close(inside)
		<-ctx.Done()
		ended <- ctx.Err()
	})})
	c := h.dial()
	h.send(c, post("empty", "{}"))
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the handler's context ended with %v", err)
	}
}

// TestPanic wants a 500, one line of log, the hook told, and the connection alive.
func TestPanic(t *testing.T) {
	told := make(chan any, 1)
	h := start(t, Options{
		OnPanic: func(v any) { told <- v },
		Handler: handlerFunc(func(ctx context.Context, c *Call) {
			if string(c.Target) == "bug" {
				c.Out = append(c.Out, "half"...)
				c.SetHeader("x-half", "1")
				invariant.Assert(false, "the sky falls", "height", 3)
			}
			echo(ctx, c)
		}),
	})
	c := h.dial()
	h.send(c, post("bug", "{}")+post("empty", "{}", last))
	want := reply("500 Internal Server Error", ContentType, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"Internal server error"}`) +
		okLast
	if got := h.rest(c); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	v := <-told
	if _, broken := v.(invariant.Broken); !broken {
		t.Errorf("the hook was told %v", v)
	}
	if lines := strings.Count(h.log.String(), "handler panicked"); lines != 1 {
		t.Errorf("logged %d times: %s", lines, h.log)
	}
}

// flakyListener fails passingly before each connection.
type flakyListener struct {
	net.Listener
	failed bool // Of Accept's goroutine alone.
}

type passingError struct{}

func (passingError) Error() string   { return "too many open files" }
func (passingError) Timeout() bool   { return false }
func (passingError) Temporary() bool { return true }

func (l *flakyListener) Accept() (net.Conn, error) {
	l.failed = !l.failed
	if l.failed {
		return nil, passingError{}
	}
	return l.Listener.Accept()
}

func TestAcceptSurvivesPassingErrors(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := startOn(t, &flakyListener{Listener: ln}, Options{})
	for range 3 {
		c := h.dial()
		h.send(c, post("empty", "{}", last))
		if got, want := h.rest(c), okLast; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestServeReportsLastingErrors(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := startOn(t, ln, Options{})
	ln.Close()
	if err := <-h.served; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// TestCallsAreApart lets many connections call at once and compares what each
// was told with what it said.
func TestCallsAreApart(t *testing.T) {
	h := start(t, Options{})
	var calling sync.WaitGroup
	for i := range 8 {
		nc := h.dial()
		calling.Go(func() {
			r := bufio.NewReader(nc)
			for j := range 50 {
				body := strings.Repeat(fmt.Sprintf("%d-%d;", i, j), 1+j*i*10)
				if _, err := io.WriteString(nc, post("T", body, fmt.Sprintf("X-Who: %d", i))); err != nil {
					t.Error(err)
					return
				}
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil || !strings.HasSuffix(string(got), " body="+body) || !strings.Contains(string(got), fmt.Sprintf("[x-who=%d]", i)) {
					t.Errorf("connection %d call %d: got %.200q, %v", i, j, got, err)
					return
				}
			}
		})
	}
	calling.Wait()
}
