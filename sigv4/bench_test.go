package sigv4_test

import (
	"bytes"
	"testing"

	"github.com/hortusdb/hortus/sigv4"
)

func signedRequest(session string) *sigv4.Request {
	r := &sigv4.Request{Method: "POST", Path: "/", Body: bytes.Repeat([]byte("0123456789abc"), 100), Headers: []sigv4.Header{
		{"host", "dynamodb.eu-west-1.amazonaws.com"},
		{"content-type", "application/x-amz-json-1.0"},
		{"content-length", "1300"},
		{"user-agent", "aws-sdk-go-v2/1.47.7 os/linux lang/go"},
		{"accept-encoding", "identity"},
		{"x-amz-target", "DynamoDB_20120810.PutItem"},
	}}
	s := sigv4.Signer{
		AccessKey: "AKIAIOSFODNN7EXAMPLE", Secret: secret, SessionToken: session, Region: "eu-west-1", Service: "dynamodb",
	}
	s.Sign(r, now)
	return r
}

// BenchmarkVerify is a verified request as a server pays for it: 1.3 KB of
// body, four signed headers, the signing key cached.
func BenchmarkVerify(b *testing.B) {
	r := signedRequest("")
	var v sigv4.Verifier
	keys := sigv4.NewKeyCache(100)
	b.ReportAllocs()
	for b.Loop() {
		c, err := v.Parse(r, expect, now)
		if err != nil {
			b.Fatal(err)
		}
		if err := v.Verify(r, c, keys.Key(c, secret)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	r := signedRequest("")
	n := len(r.Headers) - 2
	s := sigv4.Signer{AccessKey: "AKIAIOSFODNN7EXAMPLE", Secret: secret, Region: "eu-west-1", Service: "dynamodb"}
	b.ReportAllocs()
	for b.Loop() {
		r.Headers = r.Headers[:n]
		s.Sign(r, now)
	}
}
