package hortusapi

import (
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
)

// ReplicationInput chooses what to describe; an empty field chooses all.
type ReplicationInput struct {
	Table string
}

// ReplicationOutput is the mesh: each direction between two members once.
type ReplicationOutput struct {
	Links    []Replication
	Journals []Journal // The conflict journal of each replica.
	Nodes    []Node    `json:",omitempty"` // The other nodes.
	Refused  int64     `json:",omitempty"` // Messages and requests of nodes that were refused on arrival: their certificate does not speak for the cell in whose name they came, or the cell is not here.
}

// Node is another node as this one sees it.
type Node struct {
	Address   string   `json:",omitempty"` // Not told to an account of a node with strict authentication.
	Cells     []string // Of it.
	Connected bool
	Since     string `json:",omitempty"` // When that began.
	Failure   string `json:",omitempty"` // Why there is no connection; as Address.

	Messages, Bytes int64 // Sent, as packed.
	Dropped         int64 // Messages that found no room.
}

// Replication is one direction of replication, put together from what both its
// ends know. Times are in milliseconds.
type Replication struct {
	Table               string
	Source, Destination string // Cells, as in "111111111111/us-east-1".
	State               replication.LinkState
	Reason              string  `json:",omitempty"`
	By                  string  `json:",omitempty"` // The cell whose policy or Region is the reason.
	Allow               string  `json:",omitempty"` // A statement, as JSON, that would let it flow, where the policy of By lacks one.
	Since               string  `json:",omitempty"` // Since when By's replica is kept from replication, by the clock of deadlines.
	Detaches            string  `json:",omitempty"` // When it becomes a regional table if that lasts.
	Settings            string  `json:",omitempty"` // Why no member can change settings that are in step: the policy of Source keeps it from that.
	LastContact         string  `json:",omitempty"`
	SilentSeconds       float64 // Since LastContact. Also an idle link is heard of every five seconds.

	Pending        int64  // Changes of the source that are not acknowledged, counted up to 10,000: that many, or more.
	PendingUnknown string `json:",omitempty"` // Why Pending is not known here.
	ShippedBytes   int64
	Written, Lost  int64  // Changes applied, those merged in included, and changes that were older than what was there and left nothing in it.
	Conflicts      int64  // Writes that were overwritten at the destination by one that had not seen them; all are in its journal.
	RefusedBatches int64  // Batches that the destination did not apply: a policy forbids it, or the source's clock is ahead.
	Apart          int64  // Transactions that the destination showed in parts, though the rule of their tables is atomic.
	ApartReason    string `json:",omitempty"` // Why the last of them was.
	LagP50, LagP99 float64
	LagCount       int64
	Seeded         int64   // Items that came by seeding.
	SeedMillis     float64 // How long seeding took.
	SeededBytes    int64
	Compared       string  `json:",omitempty"` // When the last whole scheduled check for divergence began, where the destination is the one that checks.
	Differing      int64   // Rows that it found to differ.
	SeedShare      float64 // Of the table, that has come by seeding, 0 to 1; an estimate until it is 1.
}

// sourceKnows is why what is pending is not known where the destination is.
const sourceKnows = "the node of the source counts it"

func describeReplication(w World, in *ReplicationInput) (*ReplicationOutput, error) {
	type way struct {
		table    string
		from, to aws.Cell
	}
	out := &ReplicationOutput{Links: []Replication{}, Journals: journals(w, in.Table)}
	out.Nodes, out.Refused = w.Nodes()
	at := map[way]int{}
	for _, r := range w.Replicators() {
		for _, s := range r.Status() {
			if in.Table != "" && s.Table != in.Table {
				continue
			}
			k := way{s.Table, s.Source, s.Destination}
			i, ok := at[k]
			if !ok {
				i = len(out.Links)
				at[k] = i
				out.Links = append(out.Links, Replication{
					Table: s.Table, Source: s.Source.String(), Destination: s.Destination.String(), State: replication.Flowing,
					PendingUnknown: sourceKnows,
				})
			}
			out.Links[i].merge(&s, r.Cell())
		}
	}
	return out, nil
}

// merge adds what one end knows, that in the cell own.
func (r *Replication) merge(s *replication.LinkStatus, own aws.Cell) {
	if s.State != replication.Flowing && (r.State == replication.Flowing || s.State == replication.NotAuthorized) {
		by := ""
		if s.By != (aws.Cell{}) {
			by = s.By.String()
		}
		if r.By != by {
			r.Allow, r.Since, r.Detaches = "", "", "" // They were the other one's.
		}
		r.State, r.Reason, r.By = s.State, s.Reason, by
	}
	if r.Allow == "" && s.By.String() == r.By {
		r.Allow = s.Allow
	}
	if !s.Since.IsZero() && s.By.String() == r.By {
		r.Since = s.Since.UTC().Format(time.RFC3339)
		r.Detaches = s.Since.Add(replication.InaccessibleAtMost).UTC().Format(time.RFC3339)
	}
	if s.Settings != "" {
		r.Settings = s.Settings
	}
	if s.Source == own {
		r.Pending, r.PendingUnknown = s.Pending, s.Uncounted
	}
	r.ShippedBytes += s.Shipped
	r.Written += s.Written
	r.Lost += s.Lost
	r.Conflicts += s.Conflicts
	r.RefusedBatches += s.Refusals
	if r.Apart += s.Apart; s.ApartWhy != "" {
		r.ApartReason = s.ApartWhy
	}
	r.Seeded += s.Seeded
	r.SeedMillis += millis(s.Seed)
	r.SeededBytes += s.SeededBytes
	r.SeedShare = max(r.SeedShare, s.SeedShare) // The destination knows it better.
	r.Differing += s.Differing
	if !s.Compared.IsZero() {
		r.Compared = s.Compared.UTC().Format(time.RFC3339)
	}
	if s.Lag.Count > 0 {
		r.LagP50, r.LagP99, r.LagCount = float64(s.Lag.P50)/1000, float64(s.Lag.P99)/1000, s.Lag.Count
	}
	if contact := s.LastContact.UTC().Format(time.RFC3339Nano); !s.LastContact.IsZero() && contact > r.LastContact {
		r.LastContact, r.SilentSeconds = contact, s.Silent.Seconds()
	}
}
