package peer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// cells are those of a node in a test: they keep what comes.
type cells struct {
	came  chan letter
	reply func(from, to aws.Cell, q *replication.Request) (*replication.Response, error)
}

func (c *cells) Deliver(from, to aws.Cell, m *replication.Message) {
	c.came <- letter{from: from, to: to, m: m}
}

func (c *cells) Answer(_ context.Context, from, to aws.Cell, q *replication.Request) (*replication.Response, error) {
	return c.reply(from, to, q)
}

// logged takes a log.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), s)
}

func authority(t *testing.T) *Authority {
	t.Helper()
	a, err := NewAuthority(time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// node is a running one.
type node struct {
	*cells
	*Peers
	log  logged
	stop func()
}

// serveNode runs a node whose certificate names some cells.
func serveNode(t *testing.T, a *Authority, ln net.Listener, own, named []aws.Cell, others ...Node) *node {
	t.Helper()
	return serveCalls(t, a, nil, ln, own, named, others...)
}

// serveCalls is serveNode for a node that takes calls.
func serveCalls(t *testing.T, a *Authority, calls Calls, ln net.Listener, own, named []aws.Cell, others ...Node) *node {
	t.Helper()
	certPEM, keyPEM, err := a.Issue(time.Now(), time.Hour, "test", named)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.certificate)
	n := &node{cells: &cells{came: make(chan letter, 1000)}}
	n.Peers = New(Options{
		Cells: n.cells, Own: own, Nodes: others, Roots: roots,
		Certificate: func() (*tls.Certificate, error) { return &cert, nil },
		Clock:       clock.Wall{}, Rand: rand.New(rand.NewPCG(1, 2)), Logger: slog.New(slog.NewTextHandler(&n.log, nil)),
	})
	if calls != nil {
		n.Take(calls)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx, ln) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func (n *node) remote(t *testing.T, c aws.Cell) replication.Peer {
	t.Helper()
	var out replication.Peer
	n.Remote(func(there aws.Cell, p replication.Peer) {
		if there == c {
			out = p
		}
	})
	return out
}

const within = 20 * time.Second

// until waits for a condition that another goroutine brings about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// sendUntil sends a message again and again until one arrives: any may be lost.
func sendUntil(t *testing.T, p replication.Peer, from aws.Cell, to *node) letter {
	t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); {
		p.Deliver(from, full())
		select {
		case l := <-to.came:
			return l
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatalf("nothing arrives in %v", within)
	return letter{}
}

func one(c aws.Cell) []aws.Cell { return []aws.Cell{c} }

func TestMessagesAndCalls(t *testing.T) {
	a := authority(t)
	lnA, lnB := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	nodeA := serveNode(t, a, lnA, one(staging), one(staging), Node{lnB.Addr().String(), one(prod)})
	nodeB := serveNode(t, a, lnB, one(prod), one(prod), Node{lnA.Addr().String(), one(staging)})
	if l := sendUntil(t, nodeA.remote(t, prod), staging, nodeB); l.from != staging || l.to != prod || l.m.Table != "Orders" {
		t.Errorf("%+v", l)
	}
	if l := sendUntil(t, nodeB.remote(t, staging), prod, nodeA); l.from != prod || l.to != staging {
		t.Errorf("%+v", l)
	}
	until(t, "the status says what was sent", func() bool {
		status := nodeA.Status()[0]
		return status.Connected && status.Sent > 0 && status.SentBytes > 0 && status.Failure == ""
	})

	theirs := aws.Errorf("ResourceNotFoundException", "Requested resource not found: Table: Orders not found")
	for _, c := range []struct {
		response *replication.Response
		err      error
		want     func(r *replication.Response, err error) bool
	}{
		{&replication.Response{Definition: table.Definition{Name: "Orders"}}, nil, func(r *replication.Response, err error) bool {
			return err == nil && r.Definition.Name == "Orders"
		}},
		{nil, theirs, func(_ *replication.Response, err error) bool {
			var e *aws.Error
			return errors.As(err, &e) && e.Code == theirs.Code && e.Message == theirs.Message && e.Status == theirs.Status
		}},
		{nil, errors.New("the disk is gone"), func(_ *replication.Response, err error) bool {
			return err != nil && err.Error() == "the disk is gone" && !errors.Is(err, replication.ErrUnreachable)
		}},
		{nil, replication.ErrUnreachable, func(_ *replication.Response, err error) bool { return errors.Is(err, replication.ErrUnreachable) }},
	} {
		nodeB.reply = func(from, to aws.Cell, q *replication.Request) (*replication.Response, error) {
			if from != staging || to != prod || q.Table != "Orders" || q.Group.ID != "g" {
				t.Errorf("from %v to %v: %+v", from, to, q)
			}
			return c.response, c.err
		}
		r, err := nodeA.remote(t, prod).Serve(context.Background(), staging, &replication.Request{Kind: replication.Confirm, Table: "Orders", Group: &table.Group{ID: "g"}})
		if !c.want(r, err) {
			t.Errorf("%v, %v: comes as %v, %v", c.response, c.err, r, err)
		}
	}
}

// TestSpeaksForOthers: what comes in the name of a cell that the certificate does
// not name is refused, counted, and logged once.
func TestSpeaksForOthers(t *testing.T) {
	a := authority(t)
	lnA, lnB := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	// The first node hosts staging and says that it hosts the third cell, too.
	nodeA := serveNode(t, a, lnA, []aws.Cell{staging, third}, one(staging), Node{lnB.Addr().String(), one(prod)})
	nodeB := serveNode(t, a, lnB, one(prod), one(prod), Node{lnA.Addr().String(), one(staging)})
	there := nodeA.remote(t, prod)
	sendUntil(t, there, staging, nodeB)
	for range 3 {
		there.Deliver(third, full())
		there.Deliver(prod, full())
	}
	until(t, "six messages are refused", func() bool { return nodeB.Refused() == 6 })
	if n := nodeB.log.count("does not name the cell: 333333333333/us-west-2"); n != 1 {
		t.Errorf("logged %d times", n)
	}
	for _, l := range drain(nodeB.came) {
		if l.from != staging {
			t.Errorf("a message from %v came through", l.from)
		}
	}
	nodeB.reply = func(aws.Cell, aws.Cell, *replication.Request) (*replication.Response, error) {
		t.Error("a forged request is served")
		return nil, nil
	}
	for what, c := range map[string]struct {
		from   aws.Cell
		caller aws.Account
		want   string
	}{
		"another cell":             {third, "", "does not name the cell"},
		"a principal of the owner": {staging, prod.Account, "speaks for a principal of account 222222222222"},
	} {
		q := &replication.Request{Kind: replication.Inspect, Table: "Orders", Caller: policy.Principal{Account: c.caller}}
		if _, err := there.Serve(context.Background(), c.from, q); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", what, err, c.want)
		}
	}
}

func drain(c chan letter) []letter {
	var out []letter
	for {
		select {
		case l := <-c:
			out = append(out, l)
		default:
			return out
		}
	}
}

// TestStrangers: a node of another authority is not let in, and a node that does
// not show the cells that are looked for there is not spoken to.
func TestStrangers(t *testing.T) {
	ours, theirs := authority(t), authority(t)
	lnA, lnB, lnC := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	a := serveNode(t, ours, lnA, one(staging), one(staging), Node{lnB.Addr().String(), one(prod)}, Node{lnC.Addr().String(), one(third)})
	serveNode(t, ours, lnB, one(prod), one(third), Node{lnA.Addr().String(), one(staging)}) // Its certificate is of another cell.
	c := serveNode(t, theirs, lnC, one(third), one(third), Node{lnA.Addr().String(), one(staging)})
	until(t, "both are refused by the first", func() bool {
		s := a.Status()
		return strings.Contains(s[0].Failure, "the certificate does not name 222222222222/eu-west-1") &&
			strings.Contains(s[1].Failure, "certificate signed by unknown authority")
	})
	until(t, "the stranger is refused, too", func() bool { return c.Status()[0].Failure != "" })
	for _, s := range append(a.Status(), c.Status()...) {
		if s.Connected {
			t.Errorf("connected: %+v", s)
		}
	}
	_, err := a.remote(t, third).Serve(context.Background(), staging, &replication.Request{Kind: replication.Inspect})
	if !errors.Is(err, replication.ErrUnreachable) {
		t.Errorf("a call to a stranger: %v", err)
	}
}

// TestComesBack: a node that ends and starts again is connected again.
func TestComesBack(t *testing.T) {
	a := authority(t)
	lnA, lnB := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	nodeA := serveNode(t, a, lnA, one(staging), one(staging), Node{lnB.Addr().String(), one(prod)})
	nodeB := serveNode(t, a, lnB, one(prod), one(prod), Node{lnA.Addr().String(), one(staging)})
	sendUntil(t, nodeA.remote(t, prod), staging, nodeB)
	down := func() string { return nodeA.remote(t, prod).(replication.Downer).Down() }
	if got := down(); got != "" {
		t.Errorf("connected, it says %q", got)
	}
	nodeB.stop()
	until(t, "it is gone", func() bool { return !nodeA.Status()[0].Connected })
	if got := down(); !strings.HasPrefix(got, "there is no connection to the node of "+prod.String()+" since ") {
		t.Errorf("gone, it says %q", got)
	}
	if _, err := nodeA.remote(t, prod).Serve(context.Background(), staging, &replication.Request{Kind: replication.Inspect}); !errors.Is(err, replication.ErrUnreachable) {
		t.Errorf("a call to a node that is gone: %v", err)
	}
	again := serveNode(t, a, listen(t, lnB.Addr().String()), one(prod), one(prod), Node{lnA.Addr().String(), one(staging)})
	sendUntil(t, nodeA.remote(t, prod), staging, again)
	sendUntil(t, again.remote(t, staging), prod, nodeA)
}

// TestOutboxIsBounded: what waits for a cell has a bound in messages and in
// bytes, one cell's does not crowd out another's, and without a connection only
// the newest is kept.
func TestOutboxIsBounded(t *testing.T) {
	b := newOutbox()
	big := func(n int) *replication.Message {
		return &replication.Message{Kind: replication.Batch, Entries: []replication.Entry{{Record: make([]byte, n)}}}
	}
	for i := range 3 * maxDownMessages {
		m := big(10)
		m.Table = string(rune('a' + i))
		b.put(letter{staging, prod, m, 0})
	}
	q := b.queues[prod]
	if len(q.letters) != maxDownMessages || q.letters[maxDownMessages-1].m.Table != string(rune('a'+3*maxDownMessages-1)) {
		t.Errorf("without a connection %d wait", len(q.letters))
	}
	b.connect(true)
	for range 2 * maxQueueMessages {
		b.put(letter{staging, prod, big(10), 0})
		b.put(letter{staging, third, big(1 << 20), 0})
	}
	if n := len(q.letters); n != maxQueueMessages {
		t.Errorf("%d messages wait", n)
	}
	if n := b.queues[third].bytes; n > maxQueueBytes || n < maxQueueBytes/2 {
		t.Errorf("%d bytes wait", n)
	}
	var f frameWriter
	if n := b.take(&f); n != 2 {
		t.Errorf("the first frame has %d messages, want one of each cell", n)
	}
	for f.take(); b.take(&f) > 0; f.take() {
		continue
	}
	if len(q.letters) != 0 || q.bytes != 0 || len(b.turns) != 0 {
		t.Errorf("%d left, %d bytes, %d turns", len(q.letters), q.bytes, len(b.turns))
	}
}
