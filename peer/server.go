package peer

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
)

// Limits of what is let in.
const (
	maxStreams     = 64        // Requests of one connection, at once.
	receiveWindow  = 4<<20 - 1 // Bytes of a request that its source may be ahead; the most that the standard library takes.
	maxHeaderBytes = 16 << 10
)

// serve lets other nodes in until ctx ends.
func (p *Peers) serve(ctx context.Context, ln net.Listener) error {
	only2 := new(http.Protocols)
	only2.SetHTTP2(true)
	var gate gate
	mux := http.NewServeMux()
	handle := func(path string, h func(w http.ResponseWriter, r *http.Request, by *caller)) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			if by := callerOf(r); by != nil && gate.enter() {
				defer gate.leave()
				h(w, r, by)
			}
		})
	}
	handle(callPath, p.answer)
	handle(forwardPath, p.forwarded)
	handle(clockPath, p.clock)
	server := &http.Server{
		Handler: mux, TLSConfig: serverTLS(&p.options), Protocols: only2, TLSNextProto: p.takeMessages(&gate),
		ReadHeaderTimeout: connectWithin, MaxHeaderBytes: maxHeaderBytes,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReceiveBufferPerConnection: receiveWindow, MaxReceiveBufferPerStream: receiveWindow,
			SendPingTimeout: pingAfter, PingTimeout: pingWithin,
		},
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(p.options.Logger.Handler(), slog.LevelInfo), // Handshakes that failed.
	}
	ended := context.AfterFunc(ctx, func() { _ = server.Close() }) // It ends Serve, which says how.
	defer ended()
	err := server.ServeTLS(socketListener{ln}, "", "")
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	err = errors.Join(err, server.Close())
	gate.shut()
	return err
}

// gate counts who is in, and lets nobody in once it is shut.
type gate struct {
	in     sync.RWMutex
	closed bool
}

func (g *gate) enter() bool {
	g.in.RLock()
	if g.closed {
		g.in.RUnlock()
		return false
	}
	return true
}

func (g *gate) leave() { g.in.RUnlock() }

// shut waits for those who are in.
func (g *gate) shut() {
	g.in.Lock()
	defer g.in.Unlock()
	g.closed = true
}

// caller is the node at the other end, as its certificate says.
type caller struct {
	cells  map[aws.Cell]bool
	serial string
}

func callerOf(r *http.Request) *caller {
	if r.TLS == nil {
		return nil // It is not let in without.
	}
	return callerAt(*r.TLS)
}

// callerAt is nil for a node without a certificate.
func callerAt(s tls.ConnectionState) *caller {
	if len(s.PeerCertificates) == 0 {
		return nil
	}
	leaf := s.PeerCertificates[0]
	return &caller{cells: CertifiedCells(leaf), serial: leaf.SerialNumber.String()}
}

// errNotNamed refuses what comes in the name of a cell.
var errNotNamed = errors.New("peer: the certificate does not name the cell")

// admits checks that a node may speak for a cell, and that it speaks to one that
// is here. What is refused is counted, and logged once.
func (p *Peers) admits(by *caller, from, to aws.Cell) error {
	var err error
	switch {
	case !by.cells[from]:
		err = fmt.Errorf("%w: %v", errNotNamed, from)
	case p.own[from]:
		err = fmt.Errorf("peer: %v is a cell of this node, and another node speaks for it", from)
	case !p.own[to]:
		err = fmt.Errorf("%w: %v is not a cell of this node", replication.ErrUnreachable, to)
	default:
		return nil
	}
	p.dropped.add(1)
	if p.warned.first(by.serial + " " + from.String() + " " + to.String()) {
		p.options.Logger.Error("refused what came from a peer", "certificate", by.serial, "from", from.String(), "to", to.String(), "error", err)
	}
	return err
}

// answer serves a request.
func (p *Peers) answer(w http.ResponseWriter, r *http.Request, by *caller) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCall))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	q, err := decodeQuestion(b)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := p.admits(by, q.From, q.To); err != nil {
		status := http.StatusForbidden
		if errors.Is(err, replication.ErrUnreachable) {
			status = http.StatusNotFound
		}
		http.Error(w, err.Error(), status)
		return
	}
	// A cell speaks for principals of its own account. The owner's own rights are
	// checked where the owner is, so nobody else may claim them.
	if caller := q.Request.Caller.Account; caller != "" && caller != q.From.Account {
		http.Error(w, fmt.Sprintf("peer: %v speaks for a principal of account %s", q.From, caller), http.StatusForbidden)
		return
	}
	ctx, stop := context.WithTimeout(r.Context(), callWithin)
	defer stop()
	out, err := json.Marshal(answerOf(p.options.Cells.Answer(ctx, q.From, q.To, q.Request)))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(out) // A caller that is gone asks again.
}

// counter counts, from many goroutines.
type counter struct{ n atomic.Int64 }

func (c *counter) add(n int64)  { c.n.Add(n) }
func (c *counter) value() int64 { return c.n.Load() }

// maxWarned bounds what is remembered of what was logged.
const maxWarned = 1024

// warned remembers what was logged, so that it is logged once.
type warned struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (w *warned) first(what string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen[what] || len(w.seen) >= maxWarned {
		return false
	}
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	w.seen[what] = true
	return true
}
