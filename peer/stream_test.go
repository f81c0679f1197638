package peer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/replication"
)

// ahead is a clock that a test moves on.
type ahead struct {
	mu sync.Mutex
	by time.Duration
}

func (a *ahead) Now() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return clock.Wall{}.Now().Add(a.by)
}

func (a *ahead) move(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.by += d
}

// certified issues a certificate for a node of one cell.
func certified(t *testing.T, a *Authority, c aws.Cell) tls.Certificate {
	t.Helper()
	certPEM, keyPEM, err := a.Issue(time.Now(), time.Hour, "test", one(c))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// dumb is a node that takes a connection for messages, says so, and then reads
// without a word.
func dumb(t *testing.T, a *Authority) (address string) {
	t.Helper()
	ln := tls.NewListener(listen(t, "127.0.0.1:0"), &tls.Config{
		Certificates: []tls.Certificate{certified(t, a, prod)}, ClientAuth: tls.RequireAnyClientCert,
		NextProtos: []string{messagesProtocol}, MinVersion: tls.VersionTLS13,
	})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				if _, err := conn.Write([]byte{aliveByte}); err == nil {
					_, _ = io.Copy(io.Discard, conn)
				}
			})
		}
	})
	t.Cleanup(func() {
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
		running.Wait()
	})
	return ln.Addr().String()
}

// TestSilentNode: a node that takes what it gets and says nothing is given up.
func TestSilentNode(t *testing.T) {
	a := authority(t)
	cert := certified(t, a, staging)
	roots := x509.NewCertPool()
	roots.AddCert(a.certificate)
	var now ahead
	o := Options{
		Certificate: func() (*tls.Certificate, error) { return &cert, nil },
		Clock:       &now, Logger: slog.New(slog.DiscardHandler), Dial: (&net.Dialer{}).DialContext, Roots: roots,
	}
	l := newLink(&o, Node{dumb(t, a), one(prod)}, rand.New(rand.NewPCG(1, 2)))
	ended := make(chan error, 1)
	go func() { ended <- l.stream(context.Background()) }()
	until(t, "it is connected", func() bool { return l.status().Connected })
	remote{l, prod}.Deliver(staging, full())
	until(t, "a message is sent", func() bool { return l.status().Sent > 0 })
	for {
		select {
		case err := <-ended:
			if !errors.Is(err, errSilent) {
				t.Errorf("it ends by %v", err)
			}
			return
		case <-time.After(10 * time.Millisecond):
			now.move(time.Second) // A clock that is far ahead of the machine's would write without an end.
			remote{l, prod}.Deliver(staging, full())
		}
	}
}

// TestIdleStream: a stream without messages is kept by what both ends say now and
// then, also when more time passes than a silent one is given.
func TestIdleStream(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	var now ahead
	said := make(chan byte, 10)
	go func() {
		var b [1]byte
		for {
			if _, err := theirs.Read(b[:]); err != nil {
				close(said)
				return
			}
			said <- b[0]
		}
	}()
	a := &alive{conn: ours, clock: &now}
	go func() {
		for range 20 {
			if _, err := theirs.Write([]byte{0}); err != nil {
				return
			}
		}
	}()
	var b [1]byte
	for i := range 20 {
		if i%10 == 0 {
			now.move(aliveEvery)
		}
		if _, err := a.Read(b[:]); err != nil {
			t.Fatal(err)
		}
	}
	if err := ours.Close(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for range said {
		n++
	}
	if n != 2 {
		t.Errorf("it says %d times that it is there, want 2: once a second at most", n)
	}
}

// TestLargeMessages come through in order, whatever lies between.
func TestLargeMessages(t *testing.T) {
	a := authority(t)
	lnA, lnB := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	nodeA := serveNode(t, a, lnA, one(staging), one(staging), Node{lnB.Addr().String(), one(prod)})
	nodeB := serveNode(t, a, lnB, one(prod), one(prod), Node{lnA.Addr().String(), one(staging)})
	there := nodeA.remote(t, prod)
	sendUntil(t, there, staging, nodeB)
	sizes := []int{1, 5 << 20, 300, streamBuffer, 2 << 20, 7}
	for i, n := range sizes {
		m := &replication.Message{Kind: replication.Batch, Table: strings.Repeat("x", i+1), Entries: []replication.Entry{{Record: make([]byte, n)}}}
		for j := range m.Entries[0].Record {
			m.Entries[0].Record[j] = byte(j * j >> 3)
		}
		there.Deliver(staging, m)
	}
	for i, n := range sizes {
		for {
			l := <-nodeB.came
			if l.m.Table == "Orders" {
				continue // One of sendUntil.
			}
			if len(l.m.Table) != i+1 || len(l.m.Entries) != 1 || len(l.m.Entries[0].Record) != n {
				t.Fatalf("message %d is of table %q", i, l.m.Table)
			}
			for j, b := range l.m.Entries[0].Record {
				if b != byte(j*j>>3) {
					t.Fatalf("message %d differs at %d", i, j)
				}
			}
			break
		}
	}
}
