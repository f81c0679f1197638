package prometheus

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/peer"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

var (
	home = aws.Cell{Account: "111111111111", Region: "us-east-1"}
	away = aws.Cell{Account: "222222222222", Region: "eu-west-1"}
)

// newNode has one table in both cells, and an item that was written at home.
func newNode(t *testing.T) *cell.Node {
	t.Helper()
	node, err := cell.OpenNode(t.Context(), cell.NodeOptions{
		Clock: clock.Wall{}, Rand: rand.New(rand.NewPCG(1, 2)), Logger: slog.New(slog.DiscardHandler), Throttle: true, Cells: []aws.Cell{home, away},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"dynamodb:*","Resource":"*"}]}`
	a, b := node.Cell(home), node.Cell(away)
	source, err := a.Engine.Create(t.Context(), table.Definition{
		Name: "Orders", ID: "first", Status: table.Active, Hash: "pk", Attributes: []table.Attribute{{Name: "pk", Type: "S"}},
		OnDemand: true, SettingsMode: "ENABLED", Policy: &table.Policy{Document: doc},
	})
	if err != nil {
		t.Fatal(err)
	}
	who, err := policy.ParsePrincipal(away.Account.Root())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Replication.Join(t.Context(), replication.Caller{Principal: who}, source.ARN, table.Definition{Name: "Orders", Policy: &table.Policy{Document: doc}}); err != nil {
		t.Fatal(err)
	}
	for b.Engine.Table("Orders").Def.Status != table.Active {
		time.Sleep(time.Millisecond) // It is seeded with nothing.
	}
	wr := table.Write{Table: a.Engine.Table("Orders"), Key: table.Key{Hash: item.S("k")}, Item: item.BuildItem(nil, []item.Entry{{Name: "pk", Value: item.S("k")}})}
	if err := a.Engine.Write(t.Context(), &wr); err != nil {
		t.Fatal(err)
	}
	return node
}

// TestMetrics: the numbers of cells, links and other nodes are there, by their
// names, and nothing but GET of the path is answered.
func TestMetrics(t *testing.T) {
	node := newNode(t)
	peers := peer.New(peer.Options{
		Nodes: []peer.Node{{Address: "10.0.0.1:8001", Cells: []aws.Cell{{Account: "333333333333", Region: "ap-south-1"}}}},
		Rand:  rand.New(rand.NewPCG(1, 2)), Clock: clock.Wall{},
	})
	h, err := Handler(node, peers)
	if err != nil {
		t.Fatal(err)
	}
	read := func(method, path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w.Code, w.Body.String()
	}
	link := `destination="222222222222/eu-west-1",source="111111111111/us-east-1",%stable="Orders"`
	want := []string{
		`hortus_replication_latency_seconds_count{` + fmt.Sprintf(link, "") + `} 1`,
		`hortus_replication_latency_seconds{` + fmt.Sprintf(link, "") + `,quantile="0.99"} `,
		`hortus_replication_pending_changes{` + fmt.Sprintf(link, "") + `} 0`,
		`hortus_replication_shipped_bytes_total{` + fmt.Sprintf(link, "") + `} `,
		`hortus_replication_transactions_in_parts_total{` + fmt.Sprintf(link, "") + `} 0`,
		`hortus_replication_seed_ratio{` + fmt.Sprintf(link, "") + `} 1`,
		`hortus_replication_state{cell="222222222222/eu-west-1",` + fmt.Sprintf(link, `state="FLOWING",`) + `} 1`,
		`hortus_replication_last_contact_timestamp_seconds{cell="111111111111/us-east-1",` + fmt.Sprintf(link, "") + `} `,
		`hortus_replicated_writes_total{account="222222222222",index="",peer="111111111111/us-east-1",region="eu-west-1",table="Orders"} 1`,
		`hortus_conflict_journal_conflicts{account="222222222222",region="eu-west-1",table="Orders"} 0`,
		`hortus_conflict_journal_bytes{account="222222222222",region="eu-west-1",table="Orders"} 0`,
		`hortus_conflict_journal_dropped_total{account="111111111111",region="us-east-1",table="Orders"} 0`,
		`hortus_peer_connected{address="10.0.0.1:8001"} 0`,
		`hortus_peer_refused_total 0`,
	}
	var body string
	for range 500 { // Replication takes a moment.
		var status int
		if status, body = read(http.MethodGet, "/metrics"); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		if strings.Contains(body, want[0]) && strings.Contains(body, want[2]) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, line := range want {
		if !strings.Contains(body, "\n"+line) {
			t.Errorf("there is no %s in\n%s", line, body)
		}
	}
	for line := range strings.SplitSeq(strings.TrimSpace(body), "\n") {
		if !strings.HasPrefix(line, "#") && !regexp.MustCompile(`^hortus_[a-z_]+(\{.*\})? [-+.0-9eNaInf]+$`).MatchString(line) {
			t.Errorf("the line %q is not of Prometheus' format", line)
		}
	}
	for _, c := range []struct{ method, path string }{{http.MethodPost, "/metrics"}, {http.MethodGet, "/"}} {
		if status, _ := read(c.method, c.path); status == http.StatusOK {
			t.Errorf("%s %s is answered", c.method, c.path)
		}
	}
}

func TestSnake(t *testing.T) {
	if got := snake("ConsumedReadCapacityUnits"); got != "consumed_read_capacity_units" {
		t.Error(got)
	}
}
