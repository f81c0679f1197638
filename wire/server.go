package wire

import (
	"context"
	crand "crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/invariant"
)

// Limits that hold where Options name no other.
const (
	DefaultMaxConnections = 10_000
	DefaultMaxHeader      = 32 << 10 // Bytes of a request's line and headers: those of AWS's clients are 2 KiB, and 100 tables with three members each have room for their positions.

	maxRejecting = 64 // Connections over the limit that are told so at one time; others are just closed.
)

// Timeouts are a connection's limits in time; zero means the default. Idle and
// Write act up to a quarter late.
type Timeouts struct {
	Idle   time.Duration // Until a request begins, from the answer before. 3 minutes.
	Head   time.Duration // Until the headers and the first 8 KiB of the body are in. 10 seconds.
	Body   time.Duration // Until the rest of the body is in. 60 seconds.
	Write  time.Duration // Until the client has taken a written piece of the answer. 30 seconds.
	Linger time.Duration // For the rest of a request that was refused. 1 second.
}

func (t Timeouts) orDefaults() Timeouts {
	for _, f := range []struct {
		limit    *time.Duration
		standard time.Duration
	}{
		{&t.Idle, 3 * time.Minute},
		{&t.Head, 10 * time.Second},
		{&t.Body, 60 * time.Second},
		{&t.Write, 30 * time.Second},
		{&t.Linger, time.Second},
	} {
		if *f.limit <= 0 {
			*f.limit = f.standard
		}
	}
	return t
}

// Options are what a Server is made of. Only Handler is required.
type Options struct {
	Handler        Handler
	Region         aws.Region // What the health answer names when the Host names no Region; us-east-1.
	MaxConnections int        // More are answered 503 and closed.
	MaxHeader      int        // Larger headers are answered 431 with a ValidationException that says so. Every connection holds that much memory.
	Timeouts       Timeouts
	Rand           rand.Source  // Seeds each connection's request ids. Nil: the system's randomness.
	Logger         *slog.Logger // Nil: none.

	// OnPanic is told of a handler's panic, after it was logged and before the
	// client gets its 500. The value is an invariant.Broken where an assertion
	// failed, whose owner has to close the cell. It may be called on many
	// goroutines at once.
	OnPanic func(value any)
}

// Server serves one Handler on any number of listeners.
type Server struct {
	handler        Handler
	region         aws.Region
	maxConnections int
	timeouts       Timeouts
	log            *slog.Logger
	onPanic        func(any)
	engine         *fasthttp.Server
	calls          sync.Pool // Of *Call.

	abandon   context.CancelFunc // Ends the handlers' context.
	abandoned <-chan struct{}

	draining  atomic.Bool
	rejecting atomic.Int32
	running   sync.WaitGroup // Connections and rejections.

	mu        sync.Mutex // Guards what follows, and that no connection starts once draining.
	random    rand.Source
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
}

// New returns a server that does not listen yet.
func New(o Options) *Server {
	invariant.Assert(o.Handler != nil, "wire needs a handler")
	s := &Server{
		handler: o.Handler, region: o.Region, maxConnections: o.MaxConnections,
		timeouts: o.Timeouts.orDefaults(), log: o.Logger, onPanic: o.OnPanic, random: o.Rand,
		listeners: map[net.Listener]struct{}{}, conns: map[*conn]struct{}{},
	}
	if s.region == "" {
		s.region = "us-east-1"
	}
	if s.maxConnections <= 0 {
		s.maxConnections = DefaultMaxConnections
	}
	if o.MaxHeader <= 0 {
		o.MaxHeader = DefaultMaxHeader
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.onPanic == nil {
		s.onPanic = func(any) {}
	}
	if s.random == nil {
		s.random = systemRandom{}
	}
	s.calls.New = func() any { return new(Call) }
	serving, abandon := context.WithCancel(context.Background())
	s.abandon, s.abandoned = abandon, serving.Done()
	s.engine = &fasthttp.Server{
		Handler:        func(ctx *fasthttp.RequestCtx) { s.answer(serving, ctx) },
		HeaderReceived: refuseTooLarge, ErrorHandler: refuse, ConnState: connState,
		Name: "Server", NoDefaultContentType: true, ReadBufferSize: o.MaxHeader,
		MaxRequestBodySize: MaxBody, StreamRequestBody: true, DisablePreParseMultipartForm: true,
		Concurrency: math.MaxInt32, SecureErrorLogMessage: true, Logger: silent{},
	}
	return s
}

// silent takes the engine's own log, which says nothing that the errors do not.
type silent struct{}

func (silent) Printf(string, ...any) {}

// systemRandom is the system's randomness as a source.
type systemRandom struct{}

func (systemRandom) Uint64() uint64 {
	var b [8]byte
	crand.Read(b[:]) // Never fails.
	return binary.LittleEndian.Uint64(b[:])
}

// Serve accepts connections on ln until Shutdown, and then returns nil. It
// closes ln. Several listeners may be served at once. Errors that pass, such
// as too many open files, are logged and waited out; others are returned.
func (s *Server) Serve(ln net.Listener) error {
	defer ln.Close()
	if !s.listen(ln) {
		return nil
	}
	const leastPause, mostPause = 5 * time.Millisecond, time.Second
	pause := leastPause
	for {
		nc, err := ln.Accept()
		var passing net.Error
		switch {
		case err == nil:
			pause = leastPause
			s.take(nc)
		case s.draining.Load():
			return nil
		case errors.As(err, &passing) && passing.Temporary(): //nolint:staticcheck // Nothing else tells a passing error of Accept from a lasting one.
			s.log.Warn("wire: accept failed, trying again", "error", err, "pause", pause)
			select {
			case <-time.After(pause):
			case <-s.abandoned:
			}
			pause = min(2*pause, mostPause)
		default:
			return fmt.Errorf("wire: accept: %w", err)
		}
	}
}

func (s *Server) listen(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() {
		return false
	}
	s.listeners[ln] = struct{}{}
	return true
}

// take starts serving nc, or refuses it.
func (s *Server) take(nc net.Conn) {
	_, secure := nc.(*tls.Conn)
	c := &conn{Conn: nc, server: s, remote: addrPort(nc.RemoteAddr()), secure: secure}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draining.Load():
		nc.Close()
	case len(s.conns) >= s.maxConnections:
		if s.rejecting.Add(1) > maxRejecting {
			s.rejecting.Add(-1)
			nc.Close()
			return
		}
		s.running.Go(func() { s.reject(nc) })
	default:
		c.random.Seed(s.random.Uint64(), s.random.Uint64())
		s.conns[c] = struct{}{}
		s.running.Go(func() { s.serve(c) })
	}
}

func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := tcp.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// serve runs the engine on c until the connection ends.
func (s *Server) serve(c *conn) {
	defer func() {
		if v := recover(); v != nil { // The engine's, not the handler's: answer recovers that.
			s.log.Error("wire: connection panicked", "panic", v, "stack", string(debug.Stack()))
			c.Conn.Close()
		}
		c.release()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	_ = s.engine.ServeConn(c) // How a connection ended is the client's affair.
}

const overloaded = "HTTP/1.1 503 Service Unavailable\r\nServer: Server\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

// reject tells a connection over the limit to come back later.
func (s *Server) reject(nc net.Conn) {
	defer s.rejecting.Add(-1)
	defer nc.Close()
	if nc.SetDeadline(time.Now().Add(s.timeouts.Linger)) != nil {
		return
	}
	if _, err := nc.Write([]byte(overloaded)); err == nil {
		lingerOn(nc, s.timeouts.Linger)
	}
}

// connState follows the engine through a connection's requests.
func connState(nc net.Conn, state fasthttp.ConnState) {
	c, ok := nc.(*conn)
	if !ok {
		return
	}
	switch state {
	case fasthttp.StateActive:
		c.begin()
	case fasthttp.StateIdle:
		c.end()
	default:
	}
}

// Shutdown stops listening, closes the connections that wait for a request,
// lets the requests in flight finish, and returns when all connections are
// closed. If ctx ends first, it ends the handlers' context, closes the
// connections under them, and returns ctx's error without waiting for
// handlers that do not heed their context.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.draining.Store(true)
	for ln := range s.listeners {
		ln.Close()
	}
	for c := range s.conns {
		c.closeIfWaiting()
	}
	s.mu.Unlock()

	drained := make(chan struct{})
	go func() {
		s.running.Wait()
		close(drained)
	}()
	select {
	case <-drained:
		s.abandon()
		return nil
	case <-ctx.Done():
	}
	s.abandon()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Conn.Close()
	}
	return fmt.Errorf("wire: shut down by force: %w", ctx.Err())
}
