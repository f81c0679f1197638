package wire

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// benchAnswer is 1.2 KB, as of a GetItem.
var benchAnswer = []byte(`{"Item":{"pk":{"S":"` + strings.Repeat("v", 1200) + `"}}}`)

// BenchmarkCall is one signed GetItem's worth of bytes in and 1.2 KB out, over
// loopback, one call at a time. The client allocates nothing, so allocations
// are the server's.
func BenchmarkCall(b *testing.B) {
	h := start(b, Options{Handler: handlerFunc(func(_ context.Context, c *Call) { c.Out = append(c.Out, benchAnswer...) })})
	benchCalls(b, h.dial())
}

// BenchmarkNetHTTP is the same call with the other HTTP engine and nothing
// around it: what wire's engine was chosen against.
func BenchmarkNetHTTP(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			b.Error(err)
		}
		w.Header().Set("Content-Type", ContentType)
		if _, err := w.Write(benchAnswer); err != nil {
			b.Error(err)
		}
	}))
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	benchCalls(b, c)
}

// benchCalls measures calls over a connection, one at a time.
func benchCalls(b *testing.B, c net.Conn) {
	b.Helper()
	request := []byte(post("DynamoDB_20120810.GetItem", `{"TableName":"usertable","Key":{"pk":{"S":"user000000000001"}}}`,
		"X-Amz-Date: 20261122T101500Z", "User-Agent: aws-sdk-go-v2/1.47.7", "Accept-Encoding: identity",
		"amz-sdk-invocation-id: 5f7f5bd3-7a57-4b7e-a0a5-3c8f8a3a3d6a", "amz-sdk-request: attempt=1; max=3",
		"Authorization: AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/dynamodb/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature="+strings.Repeat("a", 64)))
	answer := make([]byte, 4096)
	call := func() int {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		n, err := io.ReadAtLeast(c, answer, len(benchAnswer))
		if err != nil {
			b.Fatal(err)
		}
		for !strings.HasSuffix(string(answer[n-1:n]), "}") || n < len(benchAnswer)+100 {
			m, err := c.Read(answer[n:])
			if err != nil {
				b.Fatal(err)
			}
			n += m
		}
		return n
	}
	call()
	b.ReportAllocs()
	for b.Loop() {
		call()
	}
}
