// Package prometheus shows a node's numbers to Prometheus: what its cells count,
// the links of its global tables, and the other nodes.
//
// Everything is gathered when it is asked for. The numbers are those of all
// accounts of the node, so they are for whoever runs it, on a listener of its own.
package prometheus

import (
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/metrics"
	"github.com/hortusdb/hortus/peer"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// Path is where the numbers are.
const Path = "/metrics"

// Handler answers GET of Path with the numbers of a node, in Prometheus' text
// format. peers is nil where there are no other nodes.
func Handler(node *cell.Node, peers *peer.Peers) (http.Handler, error) {
	r := prom.NewRegistry()
	if err := r.Register(&collector{node, peers}); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+Path, promhttp.HandlerFor(r, promhttp.HandlerOpts{}))
	return mux, nil
}

// collector gathers the numbers. What there is to gather depends on tables, so it
// describes nothing beforehand.
type collector struct {
	node  *cell.Node
	peers *peer.Peers
}

func (*collector) Describe(chan<- *prom.Desc) {}

func (c *collector) Collect(out chan<- prom.Metric) {
	for _, x := range c.node.Cells() {
		for s, n := range x.Numbers() {
			out <- sum(x.ID, s, n)
		}
		for _, s := range x.Replication.Status() {
			collectLink(out, x.ID, &s)
		}
		for _, t := range x.Engine.Tables() {
			if size := x.Engine.Journal(t); t.Replicated() || size.Conflicts > 0 {
				collectJournal(out, x.ID, t.Def.Name, size)
			}
		}
	}
	if c.peers != nil {
		collectPeers(out, c.peers)
	}
}

// sum is a number that only grows. Its name is CloudWatch's, as Prometheus writes
// names.
func sum(c aws.Cell, s metrics.Series, n float64) prom.Metric {
	d := prom.NewDesc("hortus_"+snake(s.Name)+"_total", "What "+s.Name+" has come to since the cell was opened.",
		[]string{"account", "region", "table", "index", "peer"}, nil)
	return prom.MustNewConstMetric(d, prom.CounterValue, n, string(c.Account), string(c.Region), s.Table, s.Index, s.Peer)
}

// snake writes ReadThrottleEvents as read_throttle_events.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// The labels of a link, and of a node.
var (
	linkLabels = []string{"table", "source", "destination"}
	nodeLabels = []string{"address"}
)

func linkDesc(name, help string, more ...string) *prom.Desc {
	return prom.NewDesc("hortus_replication_"+name, help, append(slices.Clip(linkLabels), more...), nil)
}

func journalDesc(name, help string) *prom.Desc {
	return prom.NewDesc("hortus_conflict_journal_"+name, help, []string{"account", "region", "table"}, nil)
}

var (
	latency  = linkDesc("latency_seconds", "From the commit at the source to the commit at the destination (ReplicationLatency).")
	pending  = linkDesc("pending_changes", "Changes of the source that the destination has not acknowledged, counted up to 10000; absent where that is not known.")
	shipped  = linkDesc("shipped_bytes_total", "Bytes of records sent.")
	state    = linkDesc("state", "1 for the state of the link, as the end in this cell sees it.", "cell", "state")
	contact  = linkDesc("last_contact_timestamp_seconds", "When the end in this cell last heard the other one.", "cell")
	seedPart = linkDesc("seed_ratio", "The part of the table that has come by seeding.")
	seedRows = linkDesc("seed_rows", "Rows that came by seeding.")
	seedSize = linkDesc("seed_bytes", "Bytes of the rows that came by seeding.")
	inParts  = linkDesc("transactions_in_parts_total", "Transactions that the destination showed in parts, though the rule of their tables is atomic.")
	differs  = linkDesc("differing_rows", "Rows that the last scheduled check found to differ.")

	journalRows = journalDesc("conflicts", "Conflicts that the table's journal holds in the cell.")
	journalSize = journalDesc("bytes", "Their size.")
	journalLoss = journalDesc("dropped_total", "Conflicts that went from the journal, the oldest first, for want of room since the cell was opened.")

	connected = prom.NewDesc("hortus_peer_connected", "1 while there is a connection to the node.", nodeLabels, nil)
	messages  = prom.NewDesc("hortus_peer_messages_total", "Messages sent to the node.", nodeLabels, nil)
	bytes     = prom.NewDesc("hortus_peer_sent_bytes_total", "Bytes sent to the node, as packed.", nodeLabels, nil)
	dropped   = prom.NewDesc("hortus_peer_dropped_messages_total", "Messages for the node that found no room.", nodeLabels, nil)
	refused   = prom.NewDesc("hortus_peer_refused_total", "Messages and requests that came in the name of a cell for which the certificate does not speak, or for a cell that is not here.", nil, nil)
)

// collectLink shows what one end of a link knows. What both ends know has the cell
// of the end among its labels, for both may be on this node.
func collectLink(out chan<- prom.Metric, own aws.Cell, s *replication.LinkStatus) {
	labels := []string{s.Table, s.Source.String(), s.Destination.String()}
	at := append(slices.Clip(labels), own.String())
	gauge := func(d *prom.Desc, v float64, labels ...string) {
		out <- prom.MustNewConstMetric(d, prom.GaugeValue, v, labels...)
	}
	gauge(state, 1, append(slices.Clip(at), string(s.State))...)
	if !s.LastContact.IsZero() {
		gauge(contact, float64(s.LastContact.UnixMicro())/1e6, at...)
	}
	if s.Source == own {
		if s.Uncounted == "" {
			gauge(pending, float64(s.Pending), labels...)
		}
		out <- prom.MustNewConstMetric(shipped, prom.CounterValue, float64(s.Shipped), labels...)
		return
	}
	second := float64(time.Second / time.Microsecond)
	out <- prom.MustNewConstSummary(latency, uint64(s.Lag.Count), float64(s.Lag.Sum)/second,
		map[float64]float64{0.5: float64(s.Lag.P50) / second, 0.99: float64(s.Lag.P99) / second, 1: float64(s.Lag.Max) / second}, labels...)
	out <- prom.MustNewConstMetric(inParts, prom.CounterValue, float64(s.Apart), labels...)
	if s.SeedShare > 0 || s.State == replication.Seeding {
		gauge(seedPart, s.SeedShare, labels...)
		gauge(seedRows, float64(s.Seeded), labels...)
		gauge(seedSize, float64(s.SeededBytes), labels...)
	}
	if !s.Compared.IsZero() {
		gauge(differs, float64(s.Differing), labels...)
	}
}

// collectJournal shows what a table's conflict journal holds, and has lost.
func collectJournal(out chan<- prom.Metric, c aws.Cell, name string, size table.JournalSize) {
	labels := []string{string(c.Account), string(c.Region), name}
	out <- prom.MustNewConstMetric(journalRows, prom.GaugeValue, float64(size.Conflicts), labels...)
	out <- prom.MustNewConstMetric(journalSize, prom.GaugeValue, float64(size.Bytes), labels...)
	out <- prom.MustNewConstMetric(journalLoss, prom.CounterValue, float64(size.Dropped), labels...)
}

func collectPeers(out chan<- prom.Metric, peers *peer.Peers) {
	for _, s := range peers.Status() {
		up := 0.0
		if s.Connected {
			up = 1
		}
		out <- prom.MustNewConstMetric(connected, prom.GaugeValue, up, s.Address)
		out <- prom.MustNewConstMetric(messages, prom.CounterValue, float64(s.Sent), s.Address)
		out <- prom.MustNewConstMetric(bytes, prom.CounterValue, float64(s.SentBytes), s.Address)
		out <- prom.MustNewConstMetric(dropped, prom.CounterValue, float64(s.Dropped), s.Address)
	}
	out <- prom.MustNewConstMetric(refused, prom.CounterValue, float64(peers.Refused()))
}
