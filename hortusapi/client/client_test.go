package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/hortusapi"
	"github.com/hortusdb/hortus/hortusapi/client"
)

func newClient(endpoint string) *client.Client {
	return &client.Client{Endpoint: endpoint, AccessKey: "111111111111", Secret: "any", HTTP: http.DefaultClient, Clock: clock.Wall{}}
}

func TestCall(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got, want := r.Header.Get("X-Amz-Target"), hortusapi.TargetPrefix+"DescribeLinks"; got != want {
			t.Errorf("target %q, want %q", got, want)
		}
		if got, want := r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=111111111111/"; !strings.HasPrefix(got, want) {
			t.Errorf("authorization %q, want it to begin with %q", got, want)
		}
		w.Write([]byte(`{"Isolated":["eu-west-1"],"Links":[]}`))
	}))
	defer server.Close()
	var out hortusapi.LinksOutput
	if err := newClient(server.URL).Call(context.Background(), "DescribeLinks", hortusapi.Empty{}, &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Isolated) != 1 || out.Isolated[0] != "eu-west-1" {
		t.Errorf("isolated %v, want eu-west-1", out.Isolated)
	}
}

// TestCallLate: a call that is not answered in time is told from a server that is not
// there, and from a caller that gave up.
func TestCallLate(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // Else the server does not see that the caller is gone.
		<-r.Context().Done()
	}))
	defer silent.Close()
	c := newClient(silent.URL)
	c.Within = time.Millisecond
	err := c.Call(context.Background(), "CheckDivergence", hortusapi.Empty{}, &hortusapi.Empty{})
	if !errors.Is(err, client.ErrLate) || !strings.Contains(err.Error(), "CheckDivergence at "+silent.URL+", after 1 millisecond;") {
		t.Errorf("late: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if err := c.Call(ctx, "CheckDivergence", hortusapi.Empty{}, &hortusapi.Empty{}); !errors.Is(err, context.Canceled) || errors.Is(err, client.ErrLate) {
		t.Errorf("given up: %v", err)
	}
}

func TestCallErrors(t *testing.T) {
	answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".SetLink") {
			w.Write([]byte(`{"__type":"com.amazon.coral.validate#ValidationException","message":"no such Region"}`))
			return
		}
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".HealRegion") {
			w.Write([]byte(`{"__type":"com.amazon.coral.service#UnknownOperationException"}`))
			return
		}
		w.Write([]byte("what?"))
	}))
	defer answers.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, c := range []struct {
		endpoint, operation string
		is                  error
		text                string
	}{
		{answers.URL, "SetLink", nil, "ValidationException: no such Region"},
		{answers.URL, "HealRegion", nil, "UnknownOperationException"},
		{answers.URL, "DescribeLinks", nil, "400 Bad Request: what?"},
		{gone.URL, "DescribeLinks", client.ErrNoAnswer, gone.URL},
		{"localhost", "DescribeLinks", client.ErrEndpoint, "localhost"},
	} {
		err := newClient(c.endpoint).Call(context.Background(), c.operation, hortusapi.Empty{}, &hortusapi.Empty{})
		if err == nil || (c.is != nil && !errors.Is(err, c.is)) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "#") {
			t.Errorf("%s at %s: error %v, want %v with %q", c.operation, c.endpoint, err, c.is, c.text)
		}
	}
}
