package peer

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/replication"
)

// A stream of messages is a TLS connection of its own and nothing above: frames
// one way, and a byte now and then the other, which says that they come. What
// HTTP/2 does on a connection that many share (a pipe and four goroutines between
// a frame and its socket, and an answer for the room in its window) cost more
// than what was done with the messages. TCP holds back who sends too much.
const (
	// messagesProtocol is what both ends say in the handshake (ALPN) that they
	// speak. Its number is the version.
	messagesProtocol = "hortus-messages/1"

	aliveByte  = 1           // Sent by who takes frames.
	aliveEvery = time.Second // Not sooner than so long after the last.

	// pingAfter is how long nothing is sent until an empty frame is, and silence how
	// long nothing comes, from either end, until the connection is given up. Bytes of
	// a long frame count, so that a narrow way is not taken for a broken one.
	pingAfter = 3 * time.Second
	silence   = 9 * time.Second

	streamBuffer = 64 << 10 // Read at once.
	pieceSize    = 16 << 10 // Written at once, and has to go within silence: one record of TLS.
)

var (
	// errEnded reports a stream that the other node ended.
	errEnded = errors.New("peer: the node ended the stream")
	// errSilent reports one on which nothing came back.
	errSilent = fmt.Errorf("peer: nothing came from the node in %s", clock.Words(silence))
)

// socket gathers the records of TLS that belong together, so that a frame is one
// call to the system, or few.
type socket struct {
	net.Conn
	in  *bufio.Reader
	out *bufio.Writer // Nil until the handshake is over: each of its records is waited for.
}

func newSocket(c net.Conn) *socket { return &socket{Conn: c, in: bufio.NewReaderSize(c, streamBuffer)} }

func (s *socket) Read(p []byte) (int, error) { return s.in.Read(p) }

func (s *socket) Write(p []byte) (int, error) {
	if s.out == nil {
		return s.Conn.Write(p)
	}
	return s.out.Write(p)
}

// socketListener takes connections as sockets.
type socketListener struct{ net.Listener }

func (l socketListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newSocket(c), nil
}

// stream opens a stream and sends what waits until it breaks.
func (l *link) stream(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	s, conn, err := l.connect(ctx)
	if err != nil {
		return err
	}
	ended := context.AfterFunc(ctx, func() { _ = s.Close() }) // Whoever reads or writes hears of it.
	defer ended()
	var hearing sync.WaitGroup
	defer hearing.Wait()
	defer s.Close()
	p := &pump{link: l, conn: conn, socket: s}
	p.heard.Store(l.options.Clock.Now().UnixNano())
	hearing.Go(func() { stop(p.hear()) })
	l.note(true, nil)
	err = p.run(ctx)
	stop(err)
	return context.Cause(ctx)
}

// connect opens a connection for messages, and waits until the node has taken it:
// what it makes of this one's certificate shows only then.
func (l *link) connect(ctx context.Context) (*socket, *tls.Conn, error) {
	ctx, stop := context.WithTimeout(ctx, connectWithin)
	defer stop()
	raw, err := l.options.Dial(ctx, "tcp", l.node.Address)
	if err != nil {
		return nil, nil, err
	}
	config := clientTLS(l.options, &l.node)
	config.NextProtos = []string{messagesProtocol}
	config.DynamicRecordSizingDisabled = true
	s := newSocket(raw)
	conn := tls.Client(s, config)
	late := context.AfterFunc(ctx, func() { _ = raw.Close() })
	err = conn.HandshakeContext(ctx)
	if err == nil {
		var taken [1]byte
		_, err = io.ReadFull(conn, taken[:])
	}
	if !late() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, nil, errors.Join(err, raw.Close())
	}
	s.out = bufio.NewWriterSize(raw, 2*pieceSize)
	return s, conn, nil
}

// pump writes what waits for a node into a stream.
type pump struct {
	link   *link
	conn   *tls.Conn
	socket *socket
	wrote  time.Time
	heard  atomic.Int64 // When the last byte came, in nanoseconds.
}

// hear notes what comes until the stream ends.
func (p *pump) hear() error {
	var b [64]byte
	for {
		if _, err := p.conn.Read(b[:]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
				err = errEnded
			}
			return err
		}
		p.heard.Store(p.link.options.Clock.Now().UnixNano())
	}
}

func (p *pump) run(ctx context.Context) error {
	var f frameWriter
	l := p.link
	for !p.silent() {
		n := l.box.take(&f)
		if rest := pingAfter - l.options.Clock.Now().Sub(p.wrote); n == 0 && rest > 0 {
			if !clock.Wait(ctx, l.box.wake, rest) {
				return context.Cause(ctx)
			}
			continue
		}
		b := f.take() // Empty where nothing waits.
		if err := p.write(b); err != nil {
			return err
		}
		l.tally(n, len(b))
	}
	return errSilent
}

func (p *pump) silent() bool {
	return p.link.options.Clock.Now().UnixNano()-p.heard.Load() > int64(silence)
}

// write sends a frame, a piece at a time: on a narrow way it takes longer than a
// piece may.
func (p *pump) write(frame []byte) error {
	for len(frame) > 0 {
		n := min(len(frame), pieceSize)
		p.wrote = p.link.options.Clock.Now()
		if err := p.conn.SetWriteDeadline(p.wrote.Add(silence)); err != nil {
			return err
		}
		if _, err := p.conn.Write(frame[:n]); err != nil {
			return p.stuck(err)
		}
		frame = frame[n:]
	}
	return p.stuck(p.socket.out.Flush())
}

func (p *pump) stuck(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errSilent
	}
	return err
}

// messages takes a node's stream until it ends.
func (p *Peers) messages(conn *tls.Conn) {
	by := callerAt(conn.ConnectionState())
	if by == nil {
		return
	}
	a := &alive{conn: conn, clock: p.options.Clock}
	err := a.say()
	in := bufio.NewReaderSize(a, streamBuffer)
	for err == nil {
		err = readFrame(in, func(from, to aws.Cell, m *replication.Message) {
			if p.admits(by, from, to) == nil {
				p.options.Cells.Deliver(from, to, m)
			}
		})
	}
	if errors.Is(err, ErrMalformed) {
		p.options.Logger.Error("a peer's stream is ended", "from", conn.RemoteAddr().String(), "certificate", by.serial, "error", err)
	}
}

// takeMessages makes messages what the server does with a connection for them.
func (p *Peers) takeMessages(g *gate) map[string]func(*http.Server, *tls.Conn, http.Handler) {
	return map[string]func(*http.Server, *tls.Conn, http.Handler){
		messagesProtocol: func(_ *http.Server, conn *tls.Conn, _ http.Handler) {
			if g.enter() {
				defer g.leave()
				p.messages(conn)
			}
		},
	}
}

// alive reads a stream, and says now and then that it comes.
type alive struct {
	conn  net.Conn
	clock clock.Clock
	said  time.Time
}

func (a *alive) Read(b []byte) (int, error) {
	n, err := a.conn.Read(b)
	if err == nil && a.clock.Now().Sub(a.said) >= aliveEvery {
		err = a.say()
	}
	return n, err
}

// say sends the byte, and gives the next one its time to be due.
func (a *alive) say() error {
	a.said = a.clock.Now()
	if err := a.conn.SetDeadline(a.said.Add(silence)); err != nil {
		return err
	}
	_, err := a.conn.Write([]byte{aliveByte})
	return err
}
