package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/replication"
)

// Limits in time.
const (
	connectWithin = 5 * time.Second // For each of a connection and a handshake.
	callWithin    = 10 * time.Second
	pingWithin    = 5 * time.Second // A connection for calls is given up when no answer comes.

	retryFirst  = 50 * time.Millisecond
	retryAtMost = 2 * time.Second
)

// callPath is where a node is asked, by the version of the format.
const callPath = "/1/call"

// link is the way to one other node.
type link struct {
	options *Options
	node    Node
	rng     *rand.Rand // Used by run alone.
	http    *http.Transport
	calls   *http.Transport // Of clients' calls that are passed on: they hold up no replication.
	passing slots           // For those of them that are large.
	box     *outbox

	mu      sync.Mutex
	up      bool
	since   time.Time
	failure string
	sent    int64
	bytes   int64
}

func newLink(o *Options, n Node, rng *rand.Rand) *link {
	return &link{
		options: o, node: n, rng: rng, box: newOutbox(), passing: make(slots, maxLargeForwards),
		http: transport(o, &n, callWithin), calls: transport(o, &n, forwardWithin),
	}
}

// transport connects to a node. It speaks HTTP/2 alone.
func transport(o *Options, n *Node, within time.Duration) *http.Transport {
	only2 := new(http.Protocols)
	only2.SetHTTP2(true)
	return &http.Transport{
		DialContext: o.Dial, TLSClientConfig: clientTLS(o, n), TLSHandshakeTimeout: connectWithin,
		Protocols: only2, DisableCompression: true, ResponseHeaderTimeout: within, IdleConnTimeout: time.Minute,
		HTTP2: &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingWithin},
	}
}

// run keeps a stream open until ctx ends. After a failure it waits, each time
// twice as long, and never as long as another node that lost the same one.
func (l *link) run(ctx context.Context) {
	defer l.http.CloseIdleConnections()
	defer l.calls.CloseIdleConnections()
	wait := retryFirst
	for ctx.Err() == nil {
		began := l.options.Clock.Now()
		err := l.stream(ctx)
		if ctx.Err() != nil {
			return
		}
		l.note(false, err)
		if l.options.Clock.Now().Sub(began) > retryAtMost+connectWithin {
			wait = retryFirst // It was connected.
		}
		pause := wait/2 + time.Duration(l.rng.Int64N(int64(wait)))
		wait = min(2*wait, retryAtMost)
		if !clock.Wait(ctx, nil, pause) {
			return
		}
	}
}

// note remembers, and logs once, whether there is a connection.
func (l *link) note(up bool, err error) {
	l.box.connect(up)
	l.mu.Lock()
	defer l.mu.Unlock()
	changed := up != l.up || l.since.IsZero()
	failure := ""
	if err != nil {
		failure = err.Error()
	}
	switch {
	case up:
		l.options.Logger.Info("peer connected", "address", l.node.Address)
	case changed || failure != l.failure:
		l.options.Logger.Warn("peer not connected", "address", l.node.Address, "error", failure)
	}
	if changed {
		l.up, l.since = up, l.options.Clock.Now()
	}
	l.failure = failure
}

// tally counts what was sent.
func (l *link) tally(messages, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent += int64(messages)
	l.bytes += int64(bytes)
}

// call asks a cell of the node. A node that cannot be asked, or does not answer
// in time, is replication.ErrUnreachable.
func (l *link) call(ctx context.Context, from, to aws.Cell, q *replication.Request) (*replication.Response, error) {
	b, err := json.Marshal(question{Format: formatVersion, From: from, To: to, Request: q})
	if err != nil {
		return nil, fmt.Errorf("peer: request: %w", err)
	}
	ctx, stop := context.WithTimeout(ctx, callWithin)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+l.node.Address+callPath, bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("peer: request: %w", err)
	}
	answer, err := l.http.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %v: %w", replication.ErrUnreachable, to, err)
	}
	defer answer.Body.Close()
	if b, err = io.ReadAll(io.LimitReader(answer.Body, maxCall)); err != nil {
		return nil, fmt.Errorf("%w: %v: %w", replication.ErrUnreachable, to, err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %v: the node answers %s: %s", replication.ErrUnreachable, to, answer.Status, bytes.TrimSpace(b))
	}
	var r reply
	if err := strict(b, &r); err != nil {
		return nil, err
	}
	return r.result()
}

func (l *link) status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.box.mu.Lock()
	defer l.box.mu.Unlock()
	return Status{
		Address: l.node.Address, Cells: l.node.Cells, Connected: l.up, Since: l.since, Failure: l.failure,
		Sent: l.sent, SentBytes: l.bytes, Dropped: l.box.dropped,
	}
}
