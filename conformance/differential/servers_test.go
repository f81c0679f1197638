//go:build conformance

package differential

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/router"
	"github.com/hortusdb/hortus/wire"
)

// object is a JSON object, as a request or an answer has it.
type object = map[string]any

// server is one of the two that are compared.
type server struct {
	name, url string
	client    *http.Client
	region    string // DynamoDB Local keeps a database for each.
}

// answer is what a server said.
type answer struct {
	status  int
	kind    string // The error's type without its namespace; "" for a success.
	message string
	body    object
}

func (a *answer) ok() bool { return a.status == http.StatusOK }

// authorization names account and Region. Neither server verifies it.
const authorization = "AWS4-HMAC-SHA256 Credential=111111111111/20260101/%s/dynamodb/aws4_request, " +
	"SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000"

// send sends one request. Only a server that does not answer is an error.
func (s *server) send(operation string, request any) (*answer, error) {
	body, err := encode(request)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", wire.ContentType)
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	req.Header.Set("X-Amz-Date", "20260101T000000Z")
	req.Header.Set("Authorization", fmt.Sprintf(authorization, s.region))
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	a := &answer{status: resp.StatusCode}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&a.body); err != nil {
		a.kind, a.message = "not JSON", string(text)
		return a, nil
	}
	if !a.ok() {
		a.kind, _ = a.body["__type"].(string)
		a.kind = a.kind[strings.LastIndexByte(a.kind, '#')+1:]
		a.message, _ = a.body["message"].(string)
		if m, ok := a.body["Message"].(string); ok {
			a.message = m
		}
		delete(a.body, "__type")
		delete(a.body, "message")
		delete(a.body, "Message")
	}
	return a, nil
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// startHortus serves an empty node without a disk until the test is over.
func startHortus(t *testing.T) *server {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	node, err := cell.OpenNode(t.Context(), cell.NodeOptions{Clock: clock.Wall{}, Rand: rand.New(rand.NewPCG(1, 2)), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	s := wire.New(wire.Options{
		Handler: router.New(router.Options{Node: node, Clock: clock.Wall{}, Logger: logger}),
		Region:  "us-east-1", Logger: logger, Rand: rand.New(rand.NewPCG(3, 4)),
	})
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
		defer stop()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	return &server{name: "Hortus", url: "http://" + ln.Addr().String(), client: &http.Client{Timeout: 30 * time.Second}}
}

// startOracle finds or starts DynamoDB Local: HORTUS_ORACLE is the address of
// one that runs, HORTUS_ORACLE_STARTER a program that starts one ("start PORT")
// and stops it ("stop PORT"). The test is skipped where there is neither.
func startOracle(t *testing.T) *server {
	t.Helper()
	s := &server{name: "DynamoDB Local", url: os.Getenv("HORTUS_ORACLE"), client: &http.Client{Timeout: 30 * time.Second}}
	if s.url != "" {
		return s
	}
	starter := os.Getenv("HORTUS_ORACLE_STARTER")
	if starter == "" {
		starter = filepath.Join("..", "..", "..", "shared", "oracle", "dynamodb-local")
	}
	if _, err := os.Stat(starter); err != nil {
		t.Skipf("DynamoDB Local is missing: set HORTUS_ORACLE to the address of one that runs, or HORTUS_ORACLE_STARTER to a program that starts it (%v)", err)
	}
	for _, needed := range []string{"java", "npm"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skipf("DynamoDB Local cannot be started: %v", err)
		}
	}
	port := freePort(t)
	if out, err := exec.CommandContext(t.Context(), starter, "start", port).CombinedOutput(); err != nil {
		t.Skipf("DynamoDB Local cannot be started: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.Background(), starter, "stop", port).CombinedOutput(); err != nil {
			t.Errorf("stop DynamoDB Local: %v: %s", err, out)
		}
	})
	s.url = "http://127.0.0.1:" + port
	return s
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}
