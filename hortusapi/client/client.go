// Package client calls the Hortus service of a server, over HTTP and signed as
// any AWS call is.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/hortusapi"
	"github.com/hortusdb/hortus/sigv4"
)

// Client calls one server. It is safe for concurrent use.
type Client struct {
	Endpoint  string // As in http://127.0.0.1:8000.
	AccessKey string
	Secret    string
	HTTP      *http.Client
	Clock     clock.Clock   // Dates the signatures.
	Within    time.Duration // That an answer is waited for; 30 seconds where it is zero.
}

const (
	callWithin = 30 * time.Second
	maxAnswer  = 64 << 20 // Bytes of an answer.

	region = "us-east-1" // The service is about the whole node; any Region will do.
)

// Errors of Call. Any other is the server's answer.
var (
	ErrEndpoint = errors.New("the endpoint is not a URL such as http://127.0.0.1:8000")
	ErrNoAnswer = errors.New("no server answers")
	ErrLate     = errors.New("there is no answer yet, and nobody waits for it any more")
)

// Call sends in to an operation of the Hortus service, as in "IsolateRegion",
// and reads the answer into out.
func (c *Client) Call(ctx context.Context, operation string, in, out any) error {
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%w: %s", ErrEndpoint, c.Endpoint)
	}
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("client: %s: %w", operation, err)
	}
	limited, stop := context.WithTimeout(ctx, c.within())
	defer stop()
	b, failed, err := c.post(limited, operation, u.Host, body)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %s at %s, after %s; what it asked for may still be done. Where a link that it needs is slow, or a node is stopped or busy, try again when that is over (hortus replication status shows the links)",
			ErrLate, operation, c.Endpoint, clock.Words(c.within()))
	}
	if err != nil {
		return err
	}
	if failed != "" {
		return refusal(failed, b)
	}
	return json.Unmarshal(b, out)
}

func (c *Client) within() time.Duration {
	if c.Within > 0 {
		return c.Within
	}
	return callWithin
}

// post sends a signed call. It returns the body of the answer, and its status where
// that is another than 200.
func (c *Client) post(ctx context.Context, operation, host string, body []byte) (b []byte, failed string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, "", fmt.Errorf("client: %s: %w", operation, err)
	}
	c.sign(req, host, operation, body)
	answer, err := c.HTTP.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, "", ctx.Err()
		}
		return nil, "", fmt.Errorf("%w at %s: %w", ErrNoAnswer, c.Endpoint, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		failed = answer.Status
	}
	if b, err = io.ReadAll(io.LimitReader(answer.Body, maxAnswer)); err != nil {
		return nil, "", fmt.Errorf("client: %s: %w", operation, err)
	}
	return b, failed, nil
}

// sign sets the headers of a call.
func (c *Client) sign(req *http.Request, host, operation string, body []byte) {
	signed := sigv4.Request{Method: http.MethodPost, Path: "/", Body: body, Headers: []sigv4.Header{
		{Name: "content-type", Value: "application/x-amz-json-1.0"},
		{Name: "host", Value: host},
		{Name: "x-amz-target", Value: hortusapi.TargetPrefix + operation},
	}}
	signer := sigv4.Signer{AccessKey: c.AccessKey, Secret: c.Secret, Region: region, Service: "dynamodb"}
	signer.Sign(&signed, c.Clock.Now())
	for _, h := range signed.Headers {
		if h.Name != "host" {
			req.Header.Set(h.Name, h.Value)
		}
	}
}

// refusal is the error that a server answered with, its code without the
// namespace that it has on the wire.
func refusal(status string, body []byte) error {
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &e) != nil || e.Type == "" {
		return fmt.Errorf("%s: %s", status, body)
	}
	code := e.Type[strings.LastIndexByte(e.Type, '#')+1:]
	if e.Message == "" {
		return errors.New(code)
	}
	return fmt.Errorf("%s: %s", code, e.Message)
}
