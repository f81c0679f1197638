package demo_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/demo"
	"github.com/hortusdb/hortus/router"
	"github.com/hortusdb/hortus/wire"
)

// short is a pace for tests.
var short = demo.Pace{Traffic: 300 * time.Millisecond, Isolation: 300 * time.Millisecond, Conflicts: 30, Deletes: 15, Share: 5}

// startNode starts a node in memory.
func startNode(t *testing.T) func(context.Context) (string, func() error, error) {
	return func(ctx context.Context) (string, func() error, error) {
		rng := rand.New(rand.NewPCG(1, 2))
		logger := slog.New(slog.NewTextHandler(t.Output(), nil))
		node, err := cell.OpenNode(ctx, cell.NodeOptions{Clock: clock.Wall{}, Rand: rng, Logger: logger})
		if err != nil {
			return "", nil, err
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", nil, errors.Join(err, node.Close())
		}
		server := wire.New(wire.Options{
			Handler: router.New(router.Options{Node: node, Clock: clock.Wall{}, Logger: logger}),
			Region:  "us-east-1", Logger: logger, Rand: rand.New(rand.NewPCG(3, 4)),
		})
		served := make(chan error, 1)
		go func() { served <- server.Serve(ln) }()
		return "http://" + ln.Addr().String(), func() error {
			return errors.Join(server.Shutdown(context.WithoutCancel(ctx)), <-served, node.Close())
		}, nil
	}
}

// TestRun tells the whole story in short.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	err := demo.Run(t.Context(), demo.Options{Out: &out, Plain: true, Start: startNode(t), Pace: short})
	if err != nil {
		t.Fatalf("error %v, want none; the report:\n%s", err, out.String())
	}
	for _, want := range []string{"AccessDeniedException", "staging -> prod", "checks held"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report has no %q:\n%s", want, out.String())
		}
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 100 {
			t.Errorf("a line of %d columns: %s", n, line)
		}
		for _, r := range line {
			if r > 0x7e {
				t.Errorf("%q is not ASCII: %s", r, line)
			}
		}
	}
}

// TestRunInterrupted breaks the story off: the server is stopped, once.
func TestRunInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	start, stops := startNode(t), 0
	err := demo.Run(ctx, demo.Options{
		Out: io.Discard, Pace: short,
		Start: func(ctx context.Context) (string, func() error, error) {
			url, stop, err := start(ctx)
			time.AfterFunc(200*time.Millisecond, interrupt)
			return url, func() error { stops++; return stop() }, err
		},
	})
	if !errors.Is(err, demo.ErrInterrupted) || stops != 1 {
		t.Errorf("error %v after %d stops, want %v after 1", err, stops, demo.ErrInterrupted)
	}
}

// TestRunWithoutServer has a server that does not start, and one that is gone.
func TestRunWithoutServer(t *testing.T) {
	refused := errors.New("no disk")
	err := demo.Run(t.Context(), demo.Options{Out: io.Discard, Start: func(context.Context) (string, func() error, error) {
		return "", nil, refused
	}})
	if !errors.Is(err, refused) {
		t.Errorf("error %v, want %v", err, refused)
	}
	var out bytes.Buffer
	err = demo.Run(t.Context(), demo.Options{Out: &out, Pace: short, Start: func(context.Context) (string, func() error, error) {
		return "http://127.0.0.1:1", func() error { return nil }, nil
	}})
	if err == nil || !strings.Contains(err.Error(), "CreateTable in staging") || !strings.Contains(out.String(), "expected no error") {
		t.Errorf("error %v, want that of CreateTable; the report:\n%s", err, out.String())
	}
}
