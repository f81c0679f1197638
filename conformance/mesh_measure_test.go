//go:build conformance

package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestMeasureMesh measures what replication between processes costs: three nodes
// of one cell each on this machine, every write synced. It prints figures for
// docs/performance/between-processes.md and fails only where something does not
// work, whatever it took. It runs where HORTUS_MEASURE is set, as `make mesh` does.
func TestMeasureMesh(t *testing.T) {
	if os.Getenv("HORTUS_MEASURE") == "" {
		t.Skip("HORTUS_MEASURE is not set")
	}
	for _, part := range []struct {
		name string
		run  func(*mesh)
	}{
		{"lag", (*mesh).lag},
		{"writes", (*mesh).writes},
		{"apply", (*mesh).apply},
		{"seeding", (*mesh).seeding},
		{"backlog", (*mesh).backlog},
		{"rest", (*mesh).rest},
	} {
		t.Run(part.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			defer cancel()
			settings := object{}
			if part.name == "backlog" {
				settings["cache"] = "64MiB" // Or what grows is the cache.
			}
			// What passes bytes on costs processor time, and goes between two nodes
			// only where one is cut off.
			cuttable := func(i, j int) bool { return part.name == "writes" && max(i, j) == 2 }
			m := &mesh{nodes: makeNodes(t, threePlaces, nil, cuttable, settings), ctx: ctx}
			for _, n := range m.all {
				m.clients = append(m.clients, n.client())
			}
			part.run(m)
			m.end()
		})
	}
}

type mesh struct {
	*nodes
	ctx     context.Context //nolint:containedctx // Of one part of the test.
	clients []*dynamodb.Client
}

// benchResult is what `hortus bench --json` says of one workload.
type benchResult struct {
	PerSecond struct{ Median, Least, Greatest float64 } `json:"perSecond"`
	Micros    struct{ P50, P99 float64 }                `json:"latencyMicros"`
	CPU       struct{ Median, Least, Greatest float64 } `json:"serverCPUMicros"`
	Requests  int64                                     `json:"requests"`
	Failed    int64                                     `json:"failed"`
	Error     string                                    `json:"firstError"`
}

// bench puts a load on a node. The client has one thread, so that the rest is
// the servers'.
func (m *mesh) bench(n *node, workload string, flags ...string) benchResult {
	m.t.Helper()
	cmd := exec.CommandContext(m.ctx, binary, append([]string{
		"bench", workload, "--json", "--quiet", "--keep", "--reuse", "--region", n.region,
		"--endpoint", fmt.Sprintf("n=http://%s@%d", n.listen, n.cmd.Process.Pid),
	}, flags...)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "AWS_ACCESS_KEY_ID=KEY"+n.account, "AWS_SECRET_ACCESS_KEY=secret")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	b, err := cmd.Output()
	var report struct{ Results []benchResult }
	if err == nil {
		err = json.Unmarshal(b, &report)
	}
	if err != nil || len(report.Results) != 1 {
		m.t.Fatalf("bench %s: %v: %s%s", workload, err, b, complaints.Bytes())
	}
	r := report.Results[0]
	if r.Failed > 0 {
		m.t.Errorf("bench %s: %d failed: %s", workload, r.Failed, r.Error)
	}
	return r
}

// fill makes a table and its items on the first node.
func (m *mesh) fill(table string, items, bytes int) {
	m.t.Helper()
	m.bench(m.all[0], "get", "--table", table, "--items", strconv.Itoa(items), "--item-size", strconv.Itoa(bytes),
		"--rounds", "1", "--duration", "100ms", "--warm-up", "100ms")
}

// share makes a table of the first node one that others may join.
func (m *mesh) share(table string) {
	m.t.Helper()
	if _, err := m.clients[0].PutResourcePolicy(m.ctx, &dynamodb.PutResourcePolicyInput{
		ResourceArn: aws.String(inStaging.arn(table)), Policy: aws.String(replicationPolicy(inStaging, table, threePlaces)),
	}); err != nil {
		m.t.Fatal(err)
	}
	if _, err := m.clients[0].UpdateTable(m.ctx, &dynamodb.UpdateTableInput{
		TableName: &table, GlobalTableSettingsReplicationMode: types.GlobalTableSettingsReplicationModeEnabled,
	}); err != nil {
		m.t.Fatal(err)
	}
}

// joinFrom joins the table from the node i and returns how long that took until
// its replica was active.
func (m *mesh) joinFrom(i int, table string) time.Duration {
	m.t.Helper()
	start := time.Now()
	if _, err := m.clients[i].CreateTable(m.ctx, joinInput(threePlaces[i], inStaging, table, threePlaces)); err != nil {
		m.t.Fatal(err)
	}
	for {
		out, err := m.clients[i].DescribeTable(m.ctx, &dynamodb.DescribeTableInput{TableName: &table})
		if err != nil {
			m.t.Fatal(err)
		}
		if out.Table.TableStatus == types.TableStatusActive {
			return time.Since(start)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// drained waits until the node's links out have nothing pending.
func (m *mesh) drained(n *node, table string) {
	m.t.Helper()
	for m.ctx.Err() == nil {
		pending := int64(0)
		for _, l := range m.links(m.ctx, n, table) {
			if l.Source == n.account+"/"+n.region {
				pending += l.Pending
			}
		}
		if pending == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

const putItems = 10_000

func putFlags(table string, rate float64, more ...string) []string {
	flags := []string{"--table", table, "--items", strconv.Itoa(putItems), "--rounds", "3", "--duration", "4s", "--warm-up", "1s"}
	if rate > 0 {
		flags = append(flags, "--rate", strconv.Itoa(int(math.Round(rate))))
	}
	return append(flags, more...)
}

// capacity is how many puts a second the first node alone takes in a table that
// is nobody else's.
func (m *mesh) capacity() float64 {
	m.fill("regional", putItems, 1000)
	r := m.bench(m.all[0], "put", putFlags("regional", 0)...)
	m.t.Logf("one node alone: %.0f puts/s, p50 %.2f ms, %.0f µs of CPU a put", r.PerSecond.Median, r.Micros.P50/1000, r.CPU.Median)
	return r.PerSecond.Median
}

// everywhere makes a global table with a replica on each node.
func (m *mesh) everywhere(table string, items int) {
	m.fill(table, items, 1000)
	m.share(table)
	for i := range m.all[1:] {
		m.joinFrom(i+1, table)
	}
}

// lag: all three are written at once at 15 % of what one takes.
func (m *mesh) lag() {
	rate := 0.15 * m.capacity()
	m.everywhere("global", putItems)
	var all sync.WaitGroup
	for i, n := range m.all {
		all.Go(func() {
			// With the same values each would put what had come from another one already.
			r := m.bench(n, "put", putFlags("global", rate, "--seed", strconv.Itoa(i+1))...)
			m.t.Logf("%s at %.0f/s, all three at once: write p50 %.2f ms, p99 %.2f ms", n.region, rate, r.Micros.P50/1000, r.Micros.P99/1000)
		})
	}
	all.Wait()
	for _, n := range m.all {
		for _, l := range m.links(m.ctx, n, "global") {
			if l.Destination == n.account+"/"+n.region {
				m.t.Logf("%s → %s: lag p50 %.1f ms, p99 %.1f ms", l.Source, l.Destination, l.LagP50, l.LagP99)
			}
		}
	}
}

// writes: those of the first node in a table with two peers and in a table
// without, turn about at one rate; then with a peer that is slow, cut off, dead.
func (m *mesh) writes() {
	rate := 0.15 * m.capacity()
	m.everywhere("global", putItems)
	pair := func(what string, a, b string) {
		var ratios []float64
		var pa, pb []float64
		for i := range 5 {
			order := []string{a, b}
			if i%2 == 1 {
				order = []string{b, a}
			}
			p50 := map[string]float64{}
			for _, table := range order {
				p50[table] = m.bench(m.all[0], "put", putFlags(table, rate, "--rounds", "1", "--duration", "3s")...).Micros.P50
			}
			ratios, pa, pb = append(ratios, p50[b]/p50[a]), append(pa, p50[a]), append(pb, p50[b])
		}
		m.t.Logf("%s at %.0f/s: write p50 regional %.2f ms, global %.2f ms, ratios %s", what, rate, median(pa)/1000, median(pb)/1000, spread(ratios))
	}
	pair("two peers attached", "regional", "global")
	out := [][2]int{{0, 2}, {2, 0}, {1, 2}, {2, 1}}
	for _, w := range out {
		m.ways[w].set(true)
	}
	pair("one peer cut off", "regional", "global")
	for _, w := range out {
		m.ways[w].set(false)
	}
	signal(m.t, m.all[2], syscall.SIGSTOP)
	pair("one peer stopped (SIGSTOP)", "regional", "global")
	signal(m.t, m.all[2], syscall.SIGCONT)
	m.drained(m.all[0], "global")
	m.all[2].kill()
	pair("one peer dead", "regional", "global")
	m.start(2)
	m.drained(m.all[0], "global")
}

// apply: what the processes use for a put and for its replication, at a moderate
// rate and at the most that the first node takes.
func (m *mesh) apply() {
	m.fill("regional", putItems, 1000)
	m.everywhere("global", putItems)
	for _, rate := range []float64{2000, 0} {
		var put, source, applied, ratios []float64
		for range 4 {
			r := m.bench(m.all[0], "put", putFlags("regional", rate, "--rounds", "1")...)
			put = append(put, r.CPU.Median)
			before, written := m.cpu(1), m.written(1)
			source = append(source, m.bench(m.all[0], "put", putFlags("global", rate, "--rounds", "1")...).CPU.Median)
			m.drained(m.all[0], "global")
			applied = append(applied, float64((m.cpu(1)-before).Microseconds())/float64(m.written(1)-written))
			ratios = append(ratios, applied[len(applied)-1]/r.CPU.Median)
		}
		at := "as fast as it goes"
		if rate > 0 {
			at = fmt.Sprintf("%.0f puts/s", rate)
		}
		m.t.Logf("CPU, 1 KB items, %s: regional put %.0f µs; put with two links %.0f µs; applied %.0f µs a change; applied ÷ regional put %s",
			at, median(put), median(source), median(applied), spread(ratios))
	}
}

func (m *mesh) written(i int) (n int64) {
	for _, l := range m.links(m.ctx, m.all[i], "global") {
		if l.Destination == m.all[i].account+"/"+m.all[i].region {
			n += l.Written
		}
	}
	return n
}

// cpu is what a node's process used so far.
func (m *mesh) cpu(i int) time.Duration {
	m.t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", m.all[i].cmd.Process.Pid))
	if err != nil {
		m.t.Skipf("no figures of a process: %v", err)
	}
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err1 := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	if err1 != nil || err2 != nil {
		m.t.Fatalf("/proc/PID/stat is %q", stat)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// seeding: from an idle source and from one that takes all the reads and writes
// that it can.
func (m *mesh) seeding() {
	const items = 200_000
	m.fill("idle", items, 1000)
	m.share("idle")
	took := m.joinFrom(1, "idle")
	m.seeded("from an idle source", 1, "idle", took)
	m.fill("busy", items, 1000)
	m.share("busy")
	mix := putFlags("busy", 0, "--items", strconv.Itoa(items), "--duration", "5s", "--rounds", "1")
	var alone, with []float64
	for i := range 2 {
		alone = append(alone, m.bench(m.all[0], "get=50+put=50", mix...).PerSecond.Median)
		done := make(chan benchResult)
		go func() { done <- m.bench(m.all[0], "get=50+put=50", mix...) }()
		time.Sleep(1500 * time.Millisecond) // Its warm-up is over.
		took := m.joinFrom(i+1, "busy")
		with = append(with, (<-done).PerSecond.Median)
		m.seeded("from a busy source", i+1, "busy", took)
	}
	m.t.Logf("a busy source serves %.0f/s alone and %.0f/s while it seeds: %.2f", median(alone), median(with), median(with)/median(alone))
}

func (m *mesh) seeded(what string, i int, table string, took time.Duration) {
	for _, l := range m.links(m.ctx, m.all[i], table) {
		if l.Seeded > 0 {
			m.t.Logf("%s: %d items, %.0f MB, active after %.2f s: %.1f MB/s (%.1f MB/s by the seed's own time)",
				what, l.Seeded, float64(l.SeededBytes)/1e6, took.Seconds(), float64(l.SeededBytes)/1e6/took.Seconds(), float64(l.SeededBytes)/1e3/l.SeedMillis)
		}
	}
}

// backlog: two million changes while a peer is dead; then it comes back.
func (m *mesh) backlog() {
	m.everywhere("global", 100_000)
	m.all[2].kill()
	changes := int64(0)
	for changes < 2_000_000 {
		r := m.bench(m.all[0], "batchwrite25", putFlags("global", 0, "--items", "100000", "--duration", "20s", "--rounds", "1", "--item-size", "100")...)
		changes += 25 * r.Requests
	}
	before := m.resident(0)
	m.start(2)
	start, most := time.Now(), int64(0)
	for {
		most = max(most, m.resident(0))
		pending := int64(0)
		for _, l := range m.links(m.ctx, m.all[0], "global") {
			if l.Source == m.all[0].account+"/"+m.all[0].region {
				pending += l.Pending
			}
		}
		if pending == 0 || m.ctx.Err() != nil {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	m.t.Logf("a backlog of %d changes: the source has %.0f MB resident before, at most %.0f MB while it is shipped, which took %.1f s",
		changes, float64(before)/1e6, float64(most)/1e6, time.Since(start).Seconds())
}

func (m *mesh) resident(i int) int64 {
	m.t.Helper()
	return ownMemory(m.t, m.all[i].server)
}

// rest: a hundred global tables that nobody uses.
func (m *mesh) rest() {
	for i := range 100 {
		m.join(m.ctx, fmt.Sprintf("table-%03d", i))
	}
	time.Sleep(5 * time.Second) // What the joins left to do is done.
	var before [3]time.Duration
	for i := range before {
		before[i] = m.cpu(i)
	}
	const span = 20 * time.Second
	time.Sleep(span)
	for i := range before {
		m.t.Logf("%s: %.2f %% of a core at rest with a hundred global tables", m.all[i].region, 100*(m.cpu(i)-before[i]).Seconds()/span.Seconds())
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func spread(values []float64) string {
	return fmt.Sprintf("%.2f (%.2f–%.2f)", median(values), slices.Min(values), slices.Max(values))
}
