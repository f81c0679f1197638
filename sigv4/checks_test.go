package sigv4_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"github.com/hortusdb/hortus/sigv4"
)

// TestChecks runs testdata/checks: each request is given as its query string,
// after "?", and its headers, a line each; the answer is the error or what
// the credential says. The time is 20261122T103000Z, the Region eu-west-1, the
// service dynamodb. Trailing spaces of a text are shown as a dot in the middle.
func TestChecks(t *testing.T) {
	var v sigv4.Verifier
	datadriven.RunTest(t, "testdata/checks", func(t *testing.T, d *datadriven.TestData) string {
		r := &sigv4.Request{Method: "POST", Path: "/"}
		for line := range strings.SplitSeq(d.Input, "\n") {
			if query, ok := strings.CutPrefix(line, "?"); ok {
				r.RawQuery = query
				continue
			}
			name, value, _ := strings.Cut(line, ": ")
			r.Headers = append(r.Headers, sigv4.Header{Name: name, Value: value})
		}
		c, err := v.Parse(r, expect, now)
		if err == nil {
			key := sigv4.DeriveKey(secret, c.Date, c.Region, c.Service)
			out := "key " + c.AccessKey + " date " + c.Date + " region " + c.Region + " service " + c.Service +
				" token " + c.SessionToken + " at " + c.Time.Format(time.RFC3339) + "\n"
			if err = v.Verify(r, c, &key); err == nil {
				return out + "verified\n"
			}
			return out + err.Error() + "\n"
		}
		s := err.Error()
		if n := len(strings.TrimRight(s, " ")); n < len(s) {
			s = s[:n] + strings.Repeat("·", len(s)-n)
		}
		return s + "\n"
	})
}

// TestDocumentedExample is the example of AWS's documentation of the signing
// process: a GET to IAM.
func TestDocumentedExample(t *testing.T) {
	r := &sigv4.Request{Method: "GET", Path: "/", RawQuery: "Action=ListUsers&Version=2010-05-08", Headers: []sigv4.Header{
		{Name: "content-type", Value: "application/x-www-form-urlencoded; charset=utf-8"},
		{Name: "host", Value: "iam.amazonaws.com"},
	}}
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	s := sigv4.Signer{AccessKey: "AKIDEXAMPLE", Secret: secret, Region: "us-east-1", Service: "iam"}
	s.Sign(r, at)
	const want = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, " +
		"SignedHeaders=content-type;host;x-amz-date, " +
		"Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
	if got := r.Headers[len(r.Headers)-1].Value; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestContentHash: what X-Amz-Content-Sha256 claims is held to the body.
func TestContentHash(t *testing.T) {
	for _, c := range []struct {
		claim, body string
		ok          bool
	}{
		{hashOf([]byte("body")), "body", true},
		{hashOf([]byte("other")), "body", false},
		{strings.ToUpper(hashOf([]byte("body"))), "body", false},
		{"UNSIGNED-PAYLOAD", "body", true},
		{"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "body", false},
	} {
		r := &sigv4.Request{Method: "POST", Path: "/", Body: []byte(c.body), Headers: []sigv4.Header{
			{Name: "host", Value: "h"}, {Name: "x-amz-content-sha256", Value: c.claim},
		}}
		s := sigv4.Signer{AccessKey: "AKIAIOSFODNN7EXAMPLE", Secret: secret, Region: "eu-west-1", Service: "dynamodb"}
		s.Sign(r, now)
		var v sigv4.Verifier
		if err := check(&v, r, now); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.claim, err)
		}
	}
}

// TestKeyCache: a cached key is the derived one, whatever was asked before,
// and the cache keeps its bound.
func TestKeyCache(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = 4
		cache := sigv4.NewKeyCache(size)
		draw := func(from ...string) string { return rapid.SampledFrom(from).Draw(t, "part") }
		for range rapid.IntRange(1, 40).Draw(t, "requests") {
			c := sigv4.Credential{
				AccessKey: draw("A", "B", "C"), Date: draw("20261121", "20261122"),
				Region: draw("eu-west-1", "us-east-1"), Service: draw("dynamodb", "sts"),
			}
			s := draw("one", "two")
			if got := cache.Key(c, s); *got != sigv4.DeriveKey(s, c.Date, c.Region, c.Service) {
				t.Fatalf("%+v %s: not the derived key", c, s)
			}
			if cache.Len() > 2*size {
				t.Fatalf("%d keys held", cache.Len())
			}
		}
	})
}

// FuzzVerify: whatever comes, Parse and Verify return an error or a
// credential and do not panic, nothing verifies under a key that nobody has,
// and a Verifier that was used before answers as a new one.
func FuzzVerify(f *testing.F) {
	signed := signedRequest("token")
	f.Add("", signed.Headers[len(signed.Headers)-1].Value, "20261122T103000Z", "x-amz-target", "T", []byte("{}"))
	f.Add("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20261122%2Feu-west-1%2Fdynamodb%2Faws4_request&X-Amz-Date=20261122T103000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00&X-Amz-Expires=60&%zz=+%2", "", "", "a", "b  c", []byte{})
	var used sigv4.Verifier
	key := sigv4.DeriveKey("a secret that no request of the fuzzer was signed with", "20261122", "eu-west-1", "dynamodb")
	f.Fuzz(func(t *testing.T, query, authorization, date, name, value string, body []byte) {
		r := &sigv4.Request{Method: "POST", Path: query, RawQuery: query, Body: body, Headers: []sigv4.Header{
			{Name: "host", Value: "h"}, {Name: name, Value: value}, {Name: name, Value: value},
		}}
		if authorization != "" {
			r.Headers = append(r.Headers, sigv4.Header{Name: "authorization", Value: authorization})
		}
		if date != "" {
			r.Headers = append(r.Headers, sigv4.Header{Name: "x-amz-date", Value: date})
		}
		var fresh sigv4.Verifier
		c, err := used.Parse(r, expect, now)
		c2, err2 := fresh.Parse(r, expect, now)
		if c != c2 || (err == nil) != (err2 == nil) {
			t.Fatalf("%+v %v\n%+v %v", c, err, c2, err2)
		}
		if err != nil {
			return
		}
		if c.Date == "" || c.Region != "eu-west-1" || c.Service != "dynamodb" {
			t.Fatalf("passed: %+v", c)
		}
		if used.Verify(r, c, &key) == nil || fresh.Verify(r, c, &key) == nil {
			t.Fatalf("verified: %+v", r)
		}
	})
}
