//go:build conformance

package conformance

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// nodeWriter puts items into one node, keys of its own and a few that all contend
// for. Its node may be gone at any time: what counts is what was acknowledged.
type nodeWriter struct {
	client *dynamodb.Client
	name   string
	keys   []string // Acknowledged.
}

func (w *nodeWriter) run(ctx context.Context, done <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		default:
		}
		key := fmt.Sprintf("%s/%06d", w.name, i)
		if w.put(ctx, key) != nil {
			time.Sleep(20 * time.Millisecond) // Its node is gone.
			continue
		}
		w.keys = append(w.keys, key)
		_ = w.put(ctx, fmt.Sprintf("hot/%d", i%5)) // Whoever is last wins.
	}
}

func (w *nodeWriter) put(ctx context.Context, key string) error {
	ctx, stop := context.WithTimeout(ctx, 2*time.Second)
	defer stop()
	_, err := w.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String("Orders"), Item: attributes{"id": str(key), "by": str(w.name), "at": str(time.Now().String())},
	})
	return err
}

// nodeLoad is a writer for each of some nodes.
type nodeLoad struct {
	t       *testing.T
	writers []*nodeWriter
	done    chan struct{}
	running sync.WaitGroup
}

// load has writers write until they are stopped.
func (m *nodes) load(ctx context.Context, to ...*node) *nodeLoad {
	l := &nodeLoad{t: m.t, done: make(chan struct{})}
	m.loads++
	for _, n := range to {
		w := &nodeWriter{client: n.client(func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }), name: fmt.Sprintf("%s/%d", n.region, m.loads)}
		l.writers = append(l.writers, w)
		l.running.Go(func() { w.run(ctx, l.done) })
	}
	return l
}

func (l *nodeLoad) stop() {
	close(l.done)
	l.running.Wait()
}

// wantAll wants all that was acknowledged among the items.
func (l *nodeLoad) wantAll(items []attributes) {
	l.t.Helper()
	have := map[string]bool{}
	for _, item := range items {
		have[item["id"].(*types.AttributeValueMemberS).Value] = true
	}
	for _, w := range l.writers {
		l.t.Logf("%s: %d writes acknowledged", w.name, len(w.keys))
		if len(w.keys) == 0 {
			l.t.Errorf("%s took no write", w.name)
		}
		for _, key := range w.keys {
			if !have[key] {
				l.t.Errorf("%s was acknowledged and is lost", key)
			}
		}
	}
}

// lasts is for how long a fault lasts; nothing is expected within it.
func lasts(d time.Duration) { time.Sleep(d) }

// restart kills a node and starts it again.
func (m *nodes) restart(i int) {
	m.t.Helper()
	m.all[i].kill()
	m.all[i].checkLog()
	lasts(300 * time.Millisecond)
	m.start(i)
}

// TestNodes: three processes, one table, writes in all of them while processes
// are killed and stopped and the ways between them are cut. At the end all hold
// the same, and all that was acknowledged.
func TestNodes(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces, nil)
	clients := m.join(ctx, "Orders")
	load := m.load(ctx, m.all...)
	lasts(500 * time.Millisecond)
	for i := range 2 { // The source of the seeds, and a newcomer.
		m.restart(i)
		lasts(300 * time.Millisecond)
	}
	signal(t, m.all[2], syscall.SIGSTOP)
	lasts(1500 * time.Millisecond)
	signal(t, m.all[2], syscall.SIGCONT)
	for _, cut := range [][][2]int{{{0, 1}, {1, 0}}, {{1, 2}}, {{2, 0}, {2, 1}, {0, 2}, {1, 2}}} {
		for _, w := range cut {
			m.ways[w].set(true)
		}
		lasts(time.Second)
		for _, w := range cut {
			m.ways[w].set(false)
		}
	}
	lasts(300 * time.Millisecond)
	load.stop()
	converged(ctx, t, clients, "Orders")
	load.wantAll(scanAll(ctx, t, clients[0], "Orders", ""))
	m.status("Orders")
	m.end()
}

// join makes a table in the first place, as tags say, and joins it from the others.
func (m *nodes) join(ctx context.Context, table string, tags ...types.Tag) []*dynamodb.Client {
	m.t.Helper()
	var places []place
	var clients []*dynamodb.Client
	for _, n := range m.all {
		places, clients = append(places, n.place), append(clients, n.client())
	}
	in := sourceInput(simple(table, false), places[0], places)
	in.Tags = tags
	createTable(ctx, m.t, clients[0], in)
	for i := range clients[1:] {
		// A node may not be connected yet: then its answer is 503, which the SDK retries.
		createTable(ctx, m.t, clients[i+1], joinInput(places[i+1], places[0], table, places))
	}
	return clients
}

// flows wants every node to show its ends of the links to its own account.
func (m *nodes) flows(table string) {
	m.t.Helper()
	for _, n := range m.all {
		eventually(m.t, "the links of "+n.region+" flow", func() bool {
			return strings.Count(m.as(n, "replication", "status", "--table", table), "FLOWING") == 2*(len(m.all)-1)
		})
	}
}

// status wants that of flows, and that nobody may isolate a Region.
func (m *nodes) status(table string) {
	m.t.Helper()
	m.flows(table)
	for _, n := range m.all {
		m.become(n)
		if out, code := hortus(m.t, "region", "isolate", n.region, "--endpoint", "http://"+n.listen); code == 0 || !strings.Contains(out, "AccessDeniedException") {
			m.t.Errorf("a node that is not there for rehearsals isolates a Region: %d %s", code, out)
		}
	}
}

// end wants every node to end cleanly.
func (m *nodes) end() {
	m.t.Helper()
	for _, n := range m.all {
		n.stop(syscall.SIGTERM)
		n.checkLog()
	}
}

func signal(t *testing.T, n *node, sig os.Signal) {
	t.Helper()
	if err := n.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// TestNodesAuthority: who has no certificate of the authority is not let in, and
// a certificate speaks for the cells that it names and for no others.
func TestNodesAuthority(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces[:2], nil)
	m.join(ctx, "Orders")
	stranger := t.TempDir()
	m.run("cert", "ca", "--out", stranger)
	m.run("cert", "node", "stranger", "--cell", prod+"/"+ireland, "--ca", stranger, "--out", stranger)
	m.run("cert", "node", "other", "--cell", analytics+"/"+oregon, "--ca", m.dir, "--out", m.dir)
	ask := func(dir, name string) (int, string, error) {
		pem, err := os.ReadFile(filepath.Join(m.dir, "ca.pem"))
		if err != nil {
			t.Fatal(err)
		}
		cert, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		config := &tls.Config{Certificates: []tls.Certificate{cert}, InsecureSkipVerify: true, RootCAs: roots} // Whom it asks is not in question.
		transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		q := `{"format":1,"from":{"Account":"` + prod + `","Region":"` + ireland + `"},"to":{"Account":"` + staging + `","Region":"` + virginia + `"},"request":{"Kind":1,"Table":"Orders"}}`
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+m.all[0].met+"/1/call", bytes.NewReader([]byte(q)))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := transport.RoundTrip(req)
		if err != nil {
			return 0, "", err
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		return answer.StatusCode, string(b), err
	}
	if status, body, err := ask(stranger, "stranger"); err == nil {
		t.Errorf("a stranger is answered %d %s", status, body)
	}
	if status, body, err := ask(m.dir, "other"); err != nil || status != http.StatusForbidden || !strings.Contains(body, "does not name the cell: "+prod+"/"+ireland) {
		t.Errorf("a node that speaks for another's cell is answered %d %s %v", status, body, err)
	}
	if status, body, err := ask(m.dir, ireland); err != nil || status != http.StatusOK {
		t.Errorf("the node of the cell is answered %d %s %v", status, body, err)
	}
	if out := m.as(m.all[0], "replication", "status"); !strings.Contains(out, "1 messages and requests of other nodes were refused") || strings.Contains(out, "127.0.0.1:") {
		t.Errorf("the status is\n%s", out)
	}
	eventually(t, "it is in the log", func() bool { return strings.Count(m.all[0].log.String(), "refused what came from a peer") == 1 })
	m.end()
}
