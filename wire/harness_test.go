package wire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
)

// patience bounds what a test waits for; no test passes by waiting this long.
const patience = 20 * time.Second

type handlerFunc func(ctx context.Context, c *Call)

func (f handlerFunc) Serve(ctx context.Context, c *Call) { f(ctx, c) }

// syncBuffer is a log that several goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// harness is a server on a loopback port.
type harness struct {
	tb     testing.TB
	server *Server
	addr   string
	log    *syncBuffer
	served chan error // What Serve returned.
}

// start serves o, with a fixed seed and a log to look into, until the test's end.
func start(tb testing.TB, o Options) *harness {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return startOn(tb, ln, o)
}

func startOn(tb testing.TB, ln net.Listener, o Options) *harness {
	tb.Helper()
	h := &harness{tb: tb, addr: ln.Addr().String(), log: &syncBuffer{}, served: make(chan error, 1)}
	if o.Handler == nil {
		o.Handler = handlerFunc(echo)
	}
	o.Rand = rand.NewPCG(1, 2)
	o.Logger = slog.New(slog.NewTextHandler(h.log, nil))
	h.server = New(o)
	go func() { h.served <- h.server.Serve(ln) }()
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.server.Shutdown(ctx); err != nil {
			tb.Errorf("shutdown: %v", err)
		}
		h.server.mu.Lock()
		defer h.server.mu.Unlock()
		if n := len(h.server.conns); n != 0 {
			tb.Errorf("%d connections left after shutdown", n)
		}
	})
	return h
}

func (h *harness) dial() *net.TCPConn {
	h.tb.Helper()
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.tb.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		h.tb.Fatal(err)
	}
	h.tb.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

func (h *harness) send(c net.Conn, s string) {
	h.tb.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		h.tb.Fatalf("send: %v", err)
	}
}

// rest reads until the server closes, and masks what differs from run to run.
func (h *harness) rest(c net.Conn) string {
	h.tb.Helper()
	b, err := io.ReadAll(c)
	if err != nil {
		h.tb.Fatalf("read: %v, after %q", err, b)
	}
	return mask(h.tb, string(b))
}

// until reads up to and with the first end.
func (h *harness) until(c net.Conn, end string) string {
	h.tb.Helper()
	var got []byte
	var one [1]byte
	for !bytes.HasSuffix(got, []byte(end)) {
		if _, err := io.ReadFull(c, one[:]); err != nil {
			h.tb.Fatalf("read: %v, after %q", err, got)
		}
		got = append(got, one[0])
	}
	return mask(h.tb, string(got))
}

var (
	dateLine = regexp.MustCompile(`\r\nDate: ([^\r]*)\r\n`)
	idLine   = regexp.MustCompile(`x-amzn-RequestId: ([^\r]*)\r\n`)
	idForm   = regexp.MustCompile(`^[0-9A-V]{26}VV4KQNSO5AEMVJF66Q9ASUAAJG$`)
)

// mask checks dates and request ids and takes them out.
func mask(tb testing.TB, s string) string {
	tb.Helper()
	seen := map[string]bool{}
	for _, m := range dateLine.FindAllStringSubmatch(s, -1) {
		if _, err := http.ParseTime(m[1]); err != nil {
			tb.Errorf("date %q: %v", m[1], err)
		}
	}
	for _, m := range idLine.FindAllStringSubmatch(s, -1) {
		if !idForm.MatchString(m[1]) || seen[m[1]] {
			tb.Errorf("request id %q is malformed or came twice", m[1])
		}
		seen[m[1]] = true
	}
	s = dateLine.ReplaceAllString(s, "\r\nDate: D\r\n")
	return idLine.ReplaceAllString(s, "x-amzn-RequestId: I\r\n")
}

// echo answers with what it saw. Some targets make it do otherwise.
func echo(_ context.Context, c *Call) {
	switch string(c.Target) {
	case "empty":
		c.Out = append(c.Out, "{}"...)
		return
	case "secure":
		c.Out = fmt.Appendf(c.Out, "{%v from %v}", c.Secure, c.RemoteAddr.Addr())
		return
	case "length":
		c.Out = fmt.Appendf(c.Out, "%d", len(c.Body))
		return
	case "disown":
		c.Out = append(c.Out, "half an answer"...)
		c.Disown()
		return
	case "missing":
		c.Fail(aws.Errorf("ResourceNotFoundException", "Requested resource not found"))
		return
	case "broken":
		c.Out = append(c.Out, "half an answer"...)
		c.Fail(io.ErrUnexpectedEOF)
		return
	case "extra":
		c.SetHeader("x-hortus-position", "17\r\nEvil: yes")
		c.SetHeader("Content-Type", "text/plain")
		c.Status = 202
		return
	}
	c.Out = fmt.Appendf(c.Out, "%s %s?%s host=%s target=%s type=%s", c.Method, c.Path, c.RawQuery, c.Host, c.Target, c.ContentType)
	for _, h := range c.Headers() {
		c.Out = fmt.Appendf(c.Out, " [%s=%s]", h.Name, h.Value)
	}
	c.Out = fmt.Appendf(c.Out, " body=%s", c.Body)
}

// post is a request with the headers that a call needs.
func post(target, body string, headers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: %s\r\nContent-Type: application/x-amz-json-1.0\r\n", target)
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}
