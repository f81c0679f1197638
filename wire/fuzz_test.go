package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// FuzzConnection sends any bytes and ends its side. The server neither panics
// nor hangs, and what it says is a row of whole HTTP answers, none after one
// that says close.
func FuzzConnection(f *testing.F) {
	f.Add([]byte(post("empty", "{}")))
	f.Add([]byte(post("T", "{}") + "GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n"))
	f.Add([]byte("POST http://a/b?c HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 16777217\r\n\r\n"))
	h := start(f, Options{})
	f.Fuzz(func(t *testing.T, in []byte) {
		if bytes.Contains(in, []byte("HEAD")) {
			return // Its answers look cut to one who does not know the question.
		}
		nc, err := net.Dial("tcp", h.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		c := nc.(*net.TCPConn)
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(in); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(c)
		if err != nil {
			t.Fatalf("after %q: %v", out, err)
		}
		r := bufio.NewReader(bytes.NewReader(out))
		closed := false
		for {
			if _, err := r.Peek(1); err != nil {
				break
			}
			if closed {
				t.Fatalf("more after the last answer: %q", out)
			}
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatalf("%q: %v", out, err)
			}
			_, err = io.Copy(io.Discard, res.Body)
			if err = errors.Join(err, res.Body.Close()); err != nil {
				t.Fatalf("%q: %v", out, err)
			}
			closed = res.Close && res.StatusCode != http.StatusContinue
		}
		if strings.Contains(h.log.String(), "panicked") {
			t.Fatal(h.log)
		}
	})
}
