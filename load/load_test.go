package load_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/load"
	"github.com/hortusdb/hortus/router"
	"github.com/hortusdb/hortus/wire"
)

// startServer serves a world in memory that verifies the key "test".
func startServer(t *testing.T) load.Target {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	node, err := cell.OpenNode(t.Context(), cell.NodeOptions{Clock: clock.Wall{}, Rand: rand.New(rand.NewPCG(1, 2)), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := wire.New(wire.Options{Handler: router.New(router.Options{
		Node: node, Clock: clock.Wall{}, Logger: logger,
		Credentials: []router.Credential{{ID: "test", Secret: "secret", Account: "111111111111"}},
	})})
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	return load.Target{Name: "ours", Endpoint: "http://" + ln.Addr().String(), Region: "us-east-1", AccessKey: "test", Secret: "secret"}
}

// options are those of a run that takes a moment.
func options(t *testing.T, workloads []string, targets ...load.Target) load.Options {
	t.Helper()
	o := load.Options{
		Targets: targets, Table: "bench", Tables: 1, Items: 400, ItemBytes: 200, Connections: 4,
		WarmUp: 5 * time.Millisecond, Duration: 20 * time.Millisecond, Rounds: 2, Seed: 1,
		Clock: clock.Wall{}, Pause: time.Sleep,
	}
	for _, s := range workloads {
		w, err := load.ParseWorkload(s)
		if err != nil {
			t.Fatal(err)
		}
		o.Workloads = append(o.Workloads, w)
	}
	return o
}

// names are those of all operations.
func names() []string {
	var out []string
	for _, line := range load.Operations() {
		out = append(out, strings.Fields(line)[0])
	}
	return out
}

// TestRun puts every operation, and a mix, on a server: all requests succeed,
// with answers that were looked into, and the tables are gone afterwards.
func TestRun(t *testing.T) {
	target := startServer(t)
	for name, set := range map[string]func(*load.Options){
		"plain":          func(*load.Options) {},
		"skewed indexed": func(o *load.Options) { o.Zipf, o.Indexes = 0.99, 2 },
		"open loop": func(o *load.Options) {
			o.Rate, o.Duration, o.Rounds, o.WarmUp = 500, 300*time.Millisecond, 1, 0
			o.Workloads = o.Workloads[:2]
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, append(names(), "get=3+update=1"), target)
			set(&o)
			report, err := load.Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Results) != len(o.Workloads) {
				t.Fatalf("%d results, want %d", len(report.Results), len(o.Workloads))
			}
			for _, r := range report.Results {
				if r.Requests == 0 || r.Failed != 0 || r.PerSecond.Median <= 0 || r.Micros.Max < r.Micros.P50 {
					t.Errorf("%s: %+v", r.Workload, r)
				}
			}
			left := tables(t, target)
			if len(left) > 0 {
				t.Errorf("tables are left: %s", left)
			}
		})
	}
}

// TestManyTables spreads the items, and the hot key takes one of them.
func TestManyTables(t *testing.T) {
	target := startServer(t)
	o := options(t, []string{"put", "get", "scan100", "batchget100", "batchwrite25", "transact4"}, target)
	o.Tables, o.Keep = 4, true
	report, err := load.Run(t.Context(), o)
	if err != nil || report.Failed() {
		t.Fatalf("%v; %+v", err, report)
	}
	if left := tables(t, target); len(left) != 4 {
		t.Fatalf("tables %s, want 4", left)
	}
	o = options(t, []string{"put", "update"}, target)
	o.Tables, o.Reuse, o.HotKey = 4, true, true
	if report, err := load.Run(t.Context(), o); err != nil || report.Failed() {
		t.Fatalf("%v; %+v", err, report)
	}
	if left := tables(t, target); len(left) != 4 {
		t.Fatalf("tables %s: what a run did not make it must not drop", left)
	}
	o.Reuse = false
	if _, err := load.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Fatalf("error %v, want one that says that the table is there", err)
	}
}

// tables asks a server for its tables.
func tables(t *testing.T, target load.Target) []string {
	t.Helper()
	answer, err := load.Call(t.Context(), target, "ListTables", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	var out struct{ TableNames []string }
	if err := json.Unmarshal(answer, &out); err != nil {
		t.Fatal(err)
	}
	return out.TableNames
}

// TestTwoServers compares a server with itself.
func TestTwoServers(t *testing.T) {
	a, b := startServer(t), startServer(t)
	b.Name = "peer"
	a.Usage = counting()
	b.Usage = counting()
	report, err := load.Run(t.Context(), options(t, []string{"get"}, a, b))
	if err != nil {
		t.Fatal(err)
	}
	if r := report.Results; len(r) != 2 || r[0].Times != nil || r[1].Times == nil || r[1].TimesCPU == nil || r[0].CPUMicros.Median <= 0 {
		t.Fatalf("%+v", r)
	}
	var b2 strings.Builder
	if err := report.WriteText(&b2); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b2.String(), "get: ours does ") || !strings.Contains(b2.String(), " what peer does, by CPU ") {
		t.Errorf("report:\n%s", b2.String())
	}
}

// counting is a process that works a second between two looks at it.
func counting() func() (load.Usage, error) {
	var u load.Usage
	return func() (load.Usage, error) {
		u.CPU += time.Second
		return u, nil
	}
}

// fake is a server of which each answer is known.
type fake struct {
	mu      sync.Mutex
	deleted bool
	get     http.HandlerFunc
	write   http.HandlerFunc // Of batches; nil for one that writes all.
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		panic(err)
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	f.mu.Lock()
	deleted := f.deleted
	f.deleted = deleted || operation == "DeleteTable"
	f.mu.Unlock()
	switch {
	case operation == "DescribeTable" && deleted:
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no"}`)
	case operation == "DescribeTable":
		io.WriteString(w, `{"Table":{"TableStatus":"ACTIVE"}}`)
	case operation == "GetItem":
		f.get(w, r)
	case operation == "BatchWriteItem" && f.write != nil:
		f.write(w, r)
	default:
		io.WriteString(w, `{}`)
	}
}

func startFake(t *testing.T, get http.HandlerFunc) load.Target { return start(t, &fake{get: get}) }

func start(t *testing.T, f *fake) load.Target {
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return load.Target{Name: "fake", Endpoint: s.URL, Region: "us-east-1", AccessKey: "test", Secret: "secret"}
}

// TestOpenLoopCountsFromDue has a server stall in its first answer for longer
// than the round. Whoever counted from the sending would see one slow request;
// all that were due have waited.
func TestOpenLoopCountsFromDue(t *testing.T) {
	const duration, stall, rate = 500 * time.Millisecond, 700 * time.Millisecond, 200
	target := startFake(t, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(stall)
		io.WriteString(w, `{"Item":{"pk":{"S":"k0000000000"}}}`)
	})
	o := options(t, []string{"get"}, target)
	o.Rate, o.Duration, o.Rounds, o.Connections, o.WarmUp, o.Items = rate, duration, 1, 1, 0, 1
	report, err := load.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r := report.Results[0]
	if r.Requests != 1 || r.Requests+r.Unserved != 100 {
		t.Errorf("%d requests and %d unserved, want 1 and 99", r.Requests, r.Unserved)
	}
	if least := (stall - duration).Microseconds(); r.Micros.P50 < least {
		t.Errorf("median latency %d µs, want at least %d", r.Micros.P50, least)
	}
}

// TestFailures shows what becomes of answers that are errors, or wrong, and of
// connections that are closed.
func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		get    http.HandlerFunc
		want   string // Of the first failure, or of the error.
		passes bool
	}{
		"refused": {want: "400 ThrottlingException: slow down", get: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"__type":"x#ThrottlingException","Message":"slow down"}`)
		}},
		"another item": {want: "lacks what was asked for", get: func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{}`) }},
		"damaged": {want: "x-amz-crc32", get: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("x-amz-crc32", "1")
			io.WriteString(w, `{"Item":{"pk":{"S":"k0000000000"}}}`)
		}},
		"closed": {passes: true, get: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			io.WriteString(w, `{"Item":{"pk":{"S":"k0000000000"}}}`)
		}},
		"broken": {want: "connection broke", get: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, []string{"get"}, startFake(t, c.get))
			o.Items, o.WarmUp = 1, 0
			report, err := load.Run(t.Context(), o)
			switch {
			case c.passes:
				if err != nil || report.Failed() {
					t.Fatalf("%v, %+v", err, report)
				}
			case err == nil || !strings.Contains(err.Error(), "no request succeeded") || !strings.Contains(err.Error(), c.want):
				t.Fatalf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestConflicts counts what met a transaction under way apart from what failed.
func TestConflicts(t *testing.T) {
	single := `{"__type":"x#TransactionConflictException","message":"Transaction is ongoing for the item"}`
	canceled := func(reasons string) string {
		return `{"__type":"x#TransactionCanceledException","Message":"Transaction cancelled, please refer cancellation reasons for specific reasons [` + reasons + `]"}`
	}
	for _, c := range []struct {
		answer    string
		conflicts bool
	}{
		{single, true},
		{canceled("None, TransactionConflict"), true},
		{canceled("TransactionConflict, ConditionalCheckFailed"), false},
		{canceled("None, None"), false},
		{`{"__type":"x#ValidationException","message":"[TransactionConflict]"}`, false},
	} {
		var calls atomic.Int64
		o := options(t, []string{"get"}, startFake(t, func(w http.ResponseWriter, _ *http.Request) {
			if calls.Add(1)%2 == 0 {
				w.WriteHeader(http.StatusBadRequest)
				io.WriteString(w, c.answer)
				return
			}
			io.WriteString(w, `{"Item":{"pk":{"S":"k0000000000"}}}`)
		}))
		o.Items, o.WarmUp = 1, 0
		report, err := load.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if r := report.Results[0]; (r.Conflicts > 0) != c.conflicts || (r.Failed > 0) == c.conflicts || r.Requests == 0 || report.Failed() == c.conflicts {
			t.Errorf("%s: %+v", c.answer, r)
		}
	}
}

// TestUnprocessed counts batches that were not processed whole apart from what
// failed and from what was done.
func TestUnprocessed(t *testing.T) {
	var calls atomic.Int64
	o := options(t, []string{"batchwrite25"}, start(t, &fake{write: func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1)%2 == 0 {
			io.WriteString(w, `{"UnprocessedItems":{"t":[{"PutRequest":{"Item":{"pk":{"S":"k"}}}}]}}`)
			return
		}
		io.WriteString(w, `{"UnprocessedItems":{}}`)
	}}))
	o.Items, o.WarmUp = 25, 0
	report, err := load.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r := report.Results[0]; r.Partial == 0 || r.Requests == 0 || r.Failed > 0 || report.Failed() {
		t.Errorf("%+v", r)
	}
}

// TestUnreachable names the server that is not there.
func TestUnreachable(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	target := load.Target{Name: "gone", Endpoint: s.URL, Region: "us-east-1", AccessKey: "a", Secret: "b"}
	_, err := load.Run(t.Context(), options(t, []string{"get"}, target))
	if err == nil || !strings.Contains(err.Error(), "gone: the server cannot be reached") {
		t.Fatal(err)
	}
}

// TestInterrupted ends a run early: it says so, and drops its table.
func TestInterrupted(t *testing.T) {
	target := startServer(t)
	ctx, stop := context.WithCancel(t.Context())
	o := options(t, []string{"get"}, target)
	o.Log = func(string) { stop() } // The table is filled.
	if _, err := load.Run(ctx, o); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("error %v, want that it was cancelled", err)
	}
	if left := tables(t, target); len(left) > 0 {
		t.Errorf("tables are left: %s", left)
	}
}

// TestOptions holds options to their limits before anything is called.
func TestOptions(t *testing.T) {
	for _, c := range []struct {
		want string
		set  func(*load.Options)
	}{
		{"no server", func(o *load.Options) { o.Targets = nil }},
		{"no workload", func(o *load.Options) { o.Workloads = nil }},
		{"hot key", func(o *load.Options) { o.HotKey, o.Zipf = true, 0.5 }},
		{"Zipf exponent", func(o *load.Options) { o.Zipf = 1 }},
		{"duration", func(o *load.Options) { o.Duration = 0 }},
		{"name", func(o *load.Options) { o.Table = "" }},
		{"0 connections: want 1 to 4096", func(o *load.Options) { o.Connections = 0 }},
		{"21 indexes: want 0 to 20", func(o *load.Options) { o.Indexes = 21 }},
		{"requests a second", func(o *load.Options) { o.Rate = 1e12 }},
		{"needs a Pause", func(o *load.Options) { o.Rate, o.Pause = 1, nil }},
		{"evenly", func(o *load.Options) { o.Tables = 3 }},
		{"transact4: transact4 needs at least 400 items", func(o *load.Options) { o.Connections = 100; o.Items = 399 }},
		{"query20: query20 needs one table", func(o *load.Options) { o.Tables = 2 }},
		{"scan100: scan100 needs at least 100 items", func(o *load.Options) { o.Items = 80 }},
		{"cannot be put on one hot key", func(o *load.Options) { o.HotKey = true }},
		{"endpoint \"ftp://x\"", func(o *load.Options) { o.Targets[0].Endpoint = "ftp://x" }},
		{"a path is not taken", func(o *load.Options) { o.Targets[0].Endpoint = "http://x/y" }},
	} {
		o := options(t, []string{"transact4", "query20", "scan100"}, load.Target{Name: "none", Endpoint: "http://127.0.0.1:1"})
		c.set(&o)
		if _, err := load.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

func TestParseWorkload(t *testing.T) {
	for s, want := range map[string]string{
		"get": "", "get=95+update=5": "", "query20": "",
		"": `no operation ""`, "gets": "there are:\nget ", "get=0": "from 1 to 1000", "get=x": "from 1 to 1000", "query20+get": "does not mix",
	} {
		_, err := load.ParseWorkload(s)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", s, err, want)
		}
	}
}
