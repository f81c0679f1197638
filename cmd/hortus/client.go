package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hortusdb/hortus/clock"
	hortusclient "github.com/hortusdb/hortus/hortusapi/client"
)

// client holds the flags of commands that call the Hortus service of a running
// server.
type client struct {
	Endpoint  string `default:"http://127.0.0.1:8000" env:"HORTUS_ENDPOINT" help:"The server."`
	AccessKey string `default:"000000000000" env:"AWS_ACCESS_KEY_ID" help:"The access key to call with."`
	Secret    string `default:"any" env:"AWS_SECRET_ACCESS_KEY" help:"Its secret."`
}

// call sends in to an operation and reads the answer into out.
func (c *client) call(ctx context.Context, operation string, in, out any) error {
	return c.callWithin(ctx, 0, operation, in, out)
}

// callWithin waits for the answer as long as it is told, or as usual where that is zero.
func (c *client) callWithin(ctx context.Context, within time.Duration, operation string, in, out any) error {
	to := hortusclient.Client{
		Endpoint: c.Endpoint, AccessKey: c.AccessKey, Secret: c.Secret,
		HTTP: http.DefaultClient, Clock: clock.Wall{}, Within: within,
	}
	err := to.Call(ctx, operation, in, out)
	switch {
	case errors.Is(err, hortusclient.ErrNoAnswer):
		return fmt.Errorf("%w (start one with: hortus dev)", err)
	case errors.Is(err, hortusclient.ErrEndpoint):
		return fmt.Errorf("--endpoint: %w", err)
	}
	return err
}
