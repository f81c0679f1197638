package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/hortusdb/hortus/hortusapi"
	"github.com/hortusdb/hortus/sigv4"
)

// client calls the Hortus service of a running server.
type client struct {
	Endpoint  string `default:"http://127.0.0.1:8000" env:"HORTUS_ENDPOINT" help:"The server."`
	AccessKey string `default:"000000000000" env:"AWS_ACCESS_KEY_ID" help:"The access key to call with."`
	Secret    string `default:"any" env:"AWS_SECRET_ACCESS_KEY" help:"Its secret."`
}

// callWithin bounds one call.
const callWithin = 30 * time.Second

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 64 << 20

// call sends in to an operation and reads the answer into out.
func (c *client) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" {
		return fmt.Errorf("--endpoint %s: want a URL as http://127.0.0.1:8000", c.Endpoint)
	}
	ctx, stop := context.WithTimeout(ctx, callWithin)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	target := hortusapi.TargetPrefix + operation
	signed := sigv4.Request{Method: http.MethodPost, Path: "/", Body: body, Headers: []sigv4.Header{
		{Name: "content-type", Value: "application/x-amz-json-1.0"},
		{Name: "host", Value: u.Host},
		{Name: "x-amz-target", Value: target},
	}}
	signer := sigv4.Signer{AccessKey: c.AccessKey, Secret: c.Secret, Region: "us-east-1", Service: "dynamodb"}
	signer.Sign(&signed, time.Now())
	for _, h := range signed.Headers {
		if h.Name != "host" {
			req.Header.Set(h.Name, h.Value)
		}
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("no server answers at %s (start one with: hortus dev): %w", c.Endpoint, err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		var e struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if json.Unmarshal(b, &e) != nil || e.Type == "" {
			return fmt.Errorf("%s: %s", answer.Status, b)
		}
		return fmt.Errorf("%s: %s", e.Type, e.Message)
	}
	return json.Unmarshal(b, out)
}
