package wire

import (
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// A conn's state is what Shutdown asks: only a connection that waits for a
// request, with none begun and no answer unsent, may be closed under it.
const (
	stateBusy int32 = iota
	stateWaiting
	stateClosed
)

// A conn's phase decides which time limit its next read has.
type phase uint8

const (
	phaseIdle phase = iota // No byte of a request has come.
	phaseHead              // In the header or the first bytes of the body.
	phaseBody              // In the rest of the body.
)

// conn is a connection as the engine sees it: it sets the time limits, turns a
// wait that is over into a plain end, and closes with care. Its fields but
// state belong to the goroutine that serves it.
//
// Deadlines are set seldom, for they cost more than the rest of a read: an
// idle or write deadline is set a quarter too late and moved only when less
// than the limit is left, so such a limit L acts between L and L*5/4.
type conn struct {
	net.Conn
	server *Server
	remote netip.AddrPort
	secure bool // TLS.
	random rand.PCG
	state  atomic.Int32

	call   *Call // The call whose answer is not yet handed to the kernel.
	phase  phase
	served bool // A request has been answered on it.
	linger bool // Bytes of a request remain that will not be read.
	ended  bool // The client's stream ended within a request.

	readPhase  phase     // What readUntil is for.
	readUntil  time.Time // The read deadline that is set; zero: none.
	writeUntil time.Time
}

func (c *conn) Read(p []byte) (int, error) {
	if c.phase == phaseIdle {
		return c.readFirst(p)
	}
	if c.readPhase != c.phase || c.readUntil.IsZero() {
		limit := c.server.timeouts.Head
		if c.phase == phaseBody {
			limit = c.server.timeouts.Body
		}
		if err := c.setRead(c.phase, time.Now().Add(limit)); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Read(p)
	c.ended = n == 0 && err != nil
	return n, err
}

// readFirst waits for the first byte of a request. That it does not come is
// not an error: the connection then just ends.
func (c *conn) readFirst(p []byte) (int, error) {
	c.state.Store(stateWaiting)
	if c.server.draining.Load() {
		return 0, io.EOF
	}
	limit := c.server.timeouts.Idle
	wanted := time.Now().Add(limit)
	if c.readPhase != phaseIdle || c.readUntil.Before(wanted) {
		if err := c.setRead(phaseIdle, wanted.Add(limit/4)); err != nil {
			return 0, io.EOF
		}
	}
	n, err := c.Conn.Read(p)
	if !c.state.CompareAndSwap(stateWaiting, stateBusy) || n == 0 {
		return 0, io.EOF
	}
	c.phase = phaseHead
	return n, err
}

func (c *conn) setRead(p phase, until time.Time) error {
	c.readPhase, c.readUntil = p, until
	return c.SetReadDeadline(until)
}

func (c *conn) Write(p []byte) (int, error) {
	limit := c.server.timeouts.Write
	if wanted := time.Now().Add(limit); c.writeUntil.Before(wanted) {
		c.writeUntil = wanted.Add(limit / 4)
		if err := c.SetWriteDeadline(c.writeUntil); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// begin notes that the engine reads a request. It says so on a new connection
// before any byte came; that one is still idle.
func (c *conn) begin() {
	if c.served {
		c.phase = phaseHead
		c.state.Store(stateBusy)
	}
}

// end notes that the answer is written and gives the call back.
func (c *conn) end() {
	c.served = true
	c.phase = phaseIdle
	c.release()
}

func (c *conn) release() {
	if c.call != nil {
		c.call.reset()
		c.server.calls.Put(c.call)
		c.call = nil
	}
}

// closeIfWaiting closes c under its reader if no request has begun.
func (c *conn) closeIfWaiting() {
	if c.state.CompareAndSwap(stateWaiting, stateClosed) {
		c.Conn.Close()
	}
}

// Close ends the connection. If the client may still be sending, the answer is
// followed by an end of stream and the rest is read and thrown away for a
// while: closing at once would reset the connection, and the client could lose
// the answer that says why.
func (c *conn) Close() error {
	if c.linger {
		lingerOn(c.Conn, c.server.timeouts.Linger)
	}
	return c.Conn.Close()
}

// lingerOn ends the sending side of nc and reads at most MaxBody bytes, for at
// most limit.
func lingerOn(nc net.Conn, limit time.Duration) {
	half, ok := nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	if nc.SetReadDeadline(time.Now().Add(limit)) != nil {
		return
	}
	var trash [4 << 10]byte
	for left := MaxBody; left > 0; {
		n, err := nc.Read(trash[:])
		if err != nil {
			return
		}
		left -= n
	}
}
