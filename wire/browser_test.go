package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// roundTrip sends one request with headers and returns the answer, its body as it
// came.
func roundTrip(t *testing.T, h *harness, method string, headers map[string]string) (status int, header http.Header, body []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+h.addr+"/", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err = io.ReadAll(answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, body
}

// TestCORS: a page of another origin may call, and a request without an origin is
// told nothing of that.
func TestCORS(t *testing.T) {
	h := start(t, Options{})
	asked := map[string]string{"Origin": "http://page.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-amz-target"}
	for _, c := range []struct {
		method  string
		headers map[string]string
		want    map[string]string
	}{
		{"OPTIONS", asked, map[string]string{
			"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "POST",
			"Access-Control-Allow-Headers": "authorization,x-amz-target", "Access-Control-Max-Age": corsMaxAge, "Access-Control-Expose-Headers": "",
		}},
		{"POST", map[string]string{"Origin": "http://page.example", "Content-Type": ContentType}, map[string]string{
			"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": corsExposed, "Access-Control-Allow-Methods": "",
		}},
		{"POST", map[string]string{"Content-Type": ContentType}, map[string]string{"Access-Control-Allow-Origin": "", "Access-Control-Expose-Headers": ""}},
	} {
		status, header, _ := roundTrip(t, h, c.method, c.headers)
		for name, want := range c.want {
			if got := header.Get(name); status != http.StatusOK || got != want {
				t.Errorf("%s %v: %d, %s: %q, want %q", c.method, c.headers, status, name, got, want)
			}
		}
	}
}

// TestGzip: an answer is compressed for a client that asks, when it is long
// enough, and its checksum is that of the bytes that are sent.
func TestGzip(t *testing.T) {
	long := bytes.Repeat([]byte("hortus "), minGzip)
	for _, c := range []struct {
		accept string
		answer []byte
		packed bool
	}{
		{"gzip", long, true},
		{"deflate, GZIP;q=0.5", long, true},
		{"gzip;q=0", long, false},
		{"gzip;q=0.0", long, false},
		{"identity", long, false},
		{"gzip", []byte("{}"), false},
	} {
		h := start(t, Options{Handler: handlerFunc(func(_ context.Context, call *Call) { call.Out = append(call.Out, c.answer...) })})
		for range 2 { // The second uses what the first left.
			_, header, body := roundTrip(t, h, "POST", map[string]string{"Accept-Encoding": c.accept, "Content-Type": ContentType})
			sum := strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10)
			if packed := header.Get("Content-Encoding") == "gzip"; packed != c.packed || header.Get("x-amz-crc32") != sum {
				t.Errorf("%s: packed %t, checksum %s, want %t and %s", c.accept, packed, header.Get("x-amz-crc32"), c.packed, sum)
			}
			if c.packed {
				r, err := gzip.NewReader(bytes.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				if body, err = io.ReadAll(r); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(body, c.answer) {
				t.Errorf("%s: %d bytes came, %d were answered", c.accept, len(body), len(c.answer))
			}
		}
	}
}
