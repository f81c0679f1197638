package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// selfSigned is a certificate for 127.0.0.1 that signs itself.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestTLS serves a TLS listener: answers, a refusal that lingers, and a
// connection over the limit.
func TestTLS(t *testing.T) {
	certificate := selfSigned(t)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	h := startOn(t, ln, Options{MaxConnections: 1})
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	dial := func() *tls.Conn { return tls.Client(h.dial(), &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}) }

	c := dial()
	h.send(c, post("empty", "{}"))
	if got := h.until(c, "{}"); got != ok {
		t.Fatalf("got %q, want %q", got, ok)
	}
	h.send(c, post("secure", "{}"))
	if got := h.until(c, "}"); !strings.HasSuffix(got, "{true from 127.0.0.1}") {
		t.Errorf("got %q", got)
	}
	plain := start(t, Options{})
	open := plain.dial()
	plain.send(open, post("secure", "{}"))
	if got := plain.until(open, "}"); !strings.HasSuffix(got, "{false from 127.0.0.1}") {
		t.Errorf("got %q", got)
	}
	over := dial()
	h.send(over, post("empty", "{}"))
	if got := h.rest(over); got != overloaded {
		t.Errorf("got %q, want %q", got, overloaded)
	}
	h.send(c, fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", MaxBody+1)+strings.Repeat("x", 1<<20))
	if got, want := h.rest(c), refused("413 Request Entity Too Large", true); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
