package sigv4_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/sigv4"
)

const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

var (
	now    = time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC)
	expect = sigv4.Scope{Services: []string{"dynamodb"}, RegionValid: func(r string) bool { return r == "eu-west-1" }}
	header = rapid.StringMatching(`[!-~]( {0,3}[!-~]){0,8}`)
)

// drawRequest draws an unsigned request and its body.
func drawRequest(t *rapid.T) (*http.Request, []byte) {
	body := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body")
	u := &url.URL{Scheme: "https", Host: "dynamodb.eu-west-1.amazonaws.com", Path: "/" + rapid.String().Draw(t, "path")}
	if rapid.Bool().Draw(t, "query?") {
		query := url.Values{}
		for _, name := range rapid.SliceOfN(rapid.StringMatching(`[a-c%&= é]{1,3}`), 0, 4).Draw(t, "names") {
			query.Add(name, rapid.String().Draw(t, "value"))
		}
		u.RawQuery = query.Encode()
	}
	r := &http.Request{Method: http.MethodPost, URL: u, Host: u.Host, Header: http.Header{}, ContentLength: int64(len(body))}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+rapid.StringMatching(`[A-Za-z]{1,12}`).Draw(t, "target"))
	for range rapid.IntRange(0, 3).Draw(t, "more") {
		r.Header.Add("X-Amz-Meta", header.Draw(t, "meta"))
	}
	return r, body
}

// served is the request as a server sees it.
func served(r *http.Request, body []byte) *sigv4.Request {
	out := &sigv4.Request{Method: r.Method, Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery, Body: body}
	out.Headers = append(out.Headers, sigv4.Header{Name: "host", Value: r.Host})
	if r.ContentLength > 0 {
		out.Headers = append(out.Headers, sigv4.Header{Name: "content-length", Value: strconv.FormatInt(r.ContentLength, 10)})
	}
	for name, values := range r.Header {
		for _, value := range values {
			out.Headers = append(out.Headers, sigv4.Header{Name: strings.ToLower(name), Value: value})
		}
	}
	return out
}

func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// check runs both steps, as a server that knows one access key does.
func check(v *sigv4.Verifier, r *sigv4.Request, at time.Time) error {
	c, err := v.Parse(r, expect, at)
	if err != nil {
		return err
	}
	if c.AccessKey != "AKIAIOSFODNN7EXAMPLE" || c.SessionToken != "" && c.SessionToken != "session+/=" {
		return sigv4.UnknownKey()
	}
	key := sigv4.DeriveKey(secret, c.Date, c.Region, c.Service)
	return v.Verify(r, c, &key)
}

func credentials(t *rapid.T) sdk.Credentials {
	c := sdk.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: secret}
	if rapid.Bool().Draw(t, "session?") {
		c.SessionToken = "session+/="
	}
	return c
}

// TestSDK: what the SDK signs verifies, in both forms, and does not once a
// byte of what is signed has changed.
func TestSDK(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, body := drawRequest(t)
		at := now.Add(time.Duration(rapid.IntRange(-900, 900).Draw(t, "skew")) * time.Second)
		var got *sigv4.Request
		if rapid.Bool().Draw(t, "presign?") {
			uri, headers, err := v4.NewSigner().PresignHTTP(context.Background(), credentials(t), r, hashOf(body), "dynamodb", "eu-west-1", at)
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(uri)
			if err != nil {
				t.Fatal(err)
			}
			headers.Del("Host")
			headers.Del("Content-Length")
			got = served(&http.Request{Method: r.Method, URL: u, Host: r.Host, Header: headers, ContentLength: r.ContentLength}, body)
		} else {
			if err := v4.NewSigner().SignHTTP(context.Background(), credentials(t), r, hashOf(body), "dynamodb", "eu-west-1", at); err != nil {
				t.Fatal(err)
			}
			got = served(r, body)
		}
		var v sigv4.Verifier
		if err := check(&v, got, now); err != nil {
			t.Fatalf("%v\n%+v", err, got)
		}
		what := mutate(t, got)
		err := check(&v, got, now)
		if _, ok := errors.AsType[*aws.Error](err); !ok {
			t.Fatalf("after a change of %s: %v\n%+v", what, err, got)
		}
	})
}

// mutate changes one byte that counts and says where.
func mutate(t *rapid.T, r *sigv4.Request) string {
	flip := func(s string) string {
		b := []byte(s)
		i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		// Spaces at the ends, and their number inside, do not count.
		for b[i] == ' ' {
			i = (i + 1) % len(b)
		}
		if c := byte('x'); b[i] != c {
			b[i] = c
		} else {
			b[i] = 'y'
		}
		return string(b)
	}
	places := []string{"method", "path", "header"}
	if len(r.Body) > 0 {
		places = append(places, "body")
	}
	if r.RawQuery != "" {
		places = append(places, "query")
	}
	where := rapid.SampledFrom(places).Draw(t, "where")
	switch where {
	case "method":
		r.Method = flip(r.Method)
	case "path":
		r.Path = flip(r.Path)
	case "query":
		before := canonicalQuery(r.RawQuery)
		for canonicalQuery(r.RawQuery) == before {
			r.RawQuery = flip(r.RawQuery)
		}
	case "body":
		i := rapid.IntRange(0, len(r.Body)-1).Draw(t, "at")
		r.Body = slices.Clone(r.Body)
		r.Body[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	case "header":
		i := rapid.IntRange(0, len(r.Headers)-1).Draw(t, "header")
		h := &r.Headers[i]
		if h.Name == "authorization" {
			// The separators and the names of the parts have no one spelling.
			at := strings.Index(h.Value, "Credential=") + len("Credential=")
			end := strings.Index(h.Value, ", Signed")
			if rapid.Bool().Draw(t, "signature?") {
				at, end = strings.Index(h.Value, "Signature=")+len("Signature="), len(h.Value)
			}
			h.Value = h.Value[:at] + flip(h.Value[at:end]) + h.Value[end:]
		} else {
			h.Value = flip(h.Value)
		}
		where += " " + h.Name
	}
	return where
}

func canonicalQuery(raw string) string {
	q, _ := url.ParseQuery(raw)
	return q.Encode()
}

// TestSigner: what our Signer signs is what the SDK signs.
func TestSigner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, body := drawRequest(t)
		c := credentials(t)
		ours := served(r, body)
		// The SDK signs Content-Length too, where it knows it.
		r.ContentLength = 0
		s := sigv4.Signer{
			AccessKey: c.AccessKeyID, Secret: secret, SessionToken: c.SessionToken, Region: "eu-west-1", Service: "dynamodb",
		}
		s.Sign(ours, now)
		if err := v4.NewSigner().SignHTTP(context.Background(), c, r, hashOf(body), "dynamodb", "eu-west-1", now); err != nil {
			t.Fatal(err)
		}
		got := ours.Headers[len(ours.Headers)-1].Value
		if want := r.Header.Get("Authorization"); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
		var v sigv4.Verifier
		if err := check(&v, ours, now); err != nil {
			t.Fatal(err)
		}
	})
}
