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
	Clock     clock.Clock // Dates the signatures.
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
	ctx, stop := context.WithTimeout(ctx, callWithin)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Endpoint, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("client: %s: %w", operation, err)
	}
	c.sign(req, u.Host, operation, body)
	answer, err := c.HTTP.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w at %s: %w", ErrNoAnswer, c.Endpoint, err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("client: %s: %w", operation, err)
	}
	if answer.StatusCode != http.StatusOK {
		return refusal(answer.Status, b)
	}
	return json.Unmarshal(b, out)
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
