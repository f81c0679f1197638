package hortusapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/replication"
)

// DivergenceInput chooses two replicas to compare, a page at a time.
type DivergenceInput struct {
	Table     string
	From, To  string // Cells, as in "111111111111/us-east-1". From is of the caller's account.
	Repair    bool   `json:",omitempty"` // Bring both in step.
	NextToken string `json:",omitempty"`
}

// DivergenceOutput is what a page found. One without a NextToken is the last.
type DivergenceOutput struct {
	Checked     int // Rows of From that were compared, deletions included that not all members have.
	First       int // Rows that differed at the first look: what is on its way does.
	Moving      int // Of those, the ones that changed from look to look: nothing is known of them.
	Pending     int // Of those, the ones that are on their way: the cell that wrote the newer version has still to ship it.
	Repaired    int // Of Differences, the ones that a repair brought in step.
	Differences []Difference
	NextToken   string `json:",omitempty"`
}

// Difference is an item that still differed at the last look.
type Difference struct {
	Kind     string // MISSING_IN_FROM, MISSING_IN_TO, OLDER_IN_FROM, OLDER_IN_TO, or DIFFERING: one version, other bytes.
	Key      json.RawMessage
	From, To *Held `json:",omitempty"` // Absent where it is missing.
	Repaired bool
}

// Held is what a replica holds of an item.
type Held struct {
	Cell    string // That wrote it.
	At      time.Time
	Version string
	Deleted bool
}

// differenceKinds are the words for what the cell that checks, From, finds.
var differenceKinds = map[replication.DifferenceKind]string{
	replication.MissingHere:  "MISSING_IN_FROM",
	replication.MissingThere: "MISSING_IN_TO",
	replication.OlderHere:    "OLDER_IN_FROM",
	replication.OlderThere:   "OLDER_IN_TO",
	replication.Differing:    "DIFFERING",
}

func checkDivergence(ctx context.Context, own []*replication.Replicator, in *DivergenceInput) (*DivergenceOutput, error) {
	from, err := aws.ParseCell(in.From)
	if err != nil {
		return nil, aws.Validation("From: %v", err)
	}
	to, err := aws.ParseCell(in.To)
	if err != nil {
		return nil, aws.Validation("To: %v", err)
	}
	if from == to {
		return nil, aws.Validation("From and To are both %v: a replica is compared with another one", from)
	}
	after, err := base64.RawURLEncoding.DecodeString(in.NextToken)
	if err != nil {
		return nil, aws.Validation("NextToken is not one that CheckDivergence gave")
	}
	for _, r := range own {
		if r.Cell() != from {
			continue
		}
		d, err := r.CheckDivergence(ctx, in.Table, to, replication.CheckOptions{After: after, Repair: in.Repair, Pause: replication.SettlePause})
		if err != nil {
			return nil, err
		}
		return divergenceOf(d), nil
	}
	return nil, aws.Validation("From: %v is not a cell of the caller's account that this server has", from)
}

func divergenceOf(d *replication.Divergence) *DivergenceOutput {
	out := &DivergenceOutput{
		Checked: d.Checked, First: d.First, Moving: d.Moving, Pending: d.Pending, Repaired: d.Repaired,
		Differences: []Difference{}, NextToken: base64.RawURLEncoding.EncodeToString(d.Next),
	}
	for i := range d.Differences {
		x := &d.Differences[i]
		out.Differences = append(out.Differences, Difference{
			Kind: differenceKinds[x.Kind], Key: item.AppendItemJSON(nil, x.Key),
			From: heldOf(&x.Here), To: heldOf(&x.There), Repaired: x.Repaired,
		})
	}
	return out
}

func heldOf(s *replication.Standing) *Held {
	if !s.Present {
		return nil
	}
	return &Held{Cell: s.Version.Cell.String(), At: s.Version.Time.Time().UTC(), Version: s.Version.String(), Deleted: s.Deleted}
}
