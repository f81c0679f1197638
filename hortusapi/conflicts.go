package hortusapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/jsonscan"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// ConflictsInput chooses entries of the conflict journals of the caller's
// account. Zero fields choose all.
type ConflictsInput struct {
	Table     string          `json:",omitempty"`
	Region    aws.Region      `json:",omitempty"`
	Key       json.RawMessage `json:",omitempty"` // The key attributes, as in GetItem; needs Table.
	Since     *time.Time      `json:",omitempty"`
	Until     *time.Time      `json:",omitempty"` // Not included.
	Limit     int             `json:",omitempty"` // Of conflicts in the page, 1 to 1,000.
	NextToken string          `json:",omitempty"`
}

// ConflictsOutput is a page. One without a NextToken is the last; others may be
// empty.
type ConflictsOutput struct {
	Conflicts []Conflict
	NextToken string `json:",omitempty"`
}

// Conflict is a write that was overwritten by one whose writer had not seen it.
type Conflict struct {
	ID    string // The same in every cell that saw the two versions meet.
	Table string
	Cell  string // Whose journal has it, as in "111111111111/us-east-1".
	At    time.Time
	Rule  conflict.Rule
	Key   json.RawMessage
	Lost  Side
	Kept  Side
}

// Side is one of the two versions of a conflict.
type Side struct {
	Cell    string    // That wrote it.
	At      time.Time // When, by that cell's clock.
	Version string    // Time, with the logical count, and cell.
	Deleted bool
	Item    json.RawMessage `json:",omitempty"` // Absent when Deleted.
}

// maxConflicts is how many one page may be asked to have.
const maxConflicts = 1000

// place is where a page of conflicts ends.
type place struct {
	Cell  string
	Table string
	After []byte
}

func listConflicts(ctx context.Context, own []*replication.Replicator, in *ConflictsInput) (*ConflictsOutput, error) {
	own, err := inRegion(own, in.Region)
	if err != nil {
		return nil, err
	}
	has := func(r *replication.Replicator) bool { return r.Engine().Table(in.Table) != nil }
	if in.Table != "" && !slices.ContainsFunc(own, has) {
		return nil, errNoTable(in.Table)
	}
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	if err := checkKey(own, in.Table, q.Key); err != nil {
		return nil, err
	}
	from, err := in.from()
	if err != nil {
		return nil, err
	}
	out := &ConflictsOutput{Conflicts: []Conflict{}}
	for _, r := range own {
		e := r.Engine()
		cell := e.Cell().String()
		for _, t := range e.Tables() {
			name := t.Def.Name
			if (in.Table != "" && name != in.Table) || cell < from.Cell || (cell == from.Cell && name < from.Table) {
				continue
			}
			q.After = nil
			if cell == from.Cell && name == from.Table {
				q.After = from.After
			}
			q.Limit = in.limit() - len(out.Conflicts)
			page, next, err := e.Conflicts(ctx, t, q)
			if err != nil {
				return nil, err
			}
			for i := range page {
				out.Conflicts = append(out.Conflicts, conflictOf(&page[i], name, cell))
			}
			if next != nil || len(out.Conflicts) >= in.limit() {
				out.NextToken, err = place{cell, name, next}.token(next != nil)
				return out, err
			}
		}
	}
	return out, nil
}

func (in *ConflictsInput) limit() int {
	if in.Limit == 0 {
		return 100
	}
	return in.Limit
}

func (in *ConflictsInput) query() (table.ConflictQuery, error) {
	var q table.ConflictQuery
	if in.Limit < 0 || in.Limit > maxConflicts {
		return q, aws.Validation("Limit is between 1 and %d", maxConflicts)
	}
	if in.Since != nil {
		q.Since = *in.Since
	}
	if in.Until != nil {
		q.Until = *in.Until
	}
	if len(in.Key) == 0 || string(in.Key) == "null" {
		return q, nil
	}
	if in.Table == "" {
		return q, aws.Validation("A Key is of a Table: name it")
	}
	var d item.Decoder
	var s jsonscan.Scanner
	s.Reset(in.Key)
	key, err := d.Item(&s, nil)
	if err != nil {
		return q, aws.Validation("Key: %v", err)
	}
	q.Key = key
	return q, nil
}

// checkKey refuses a key that no table of that name can have.
func checkKey(own []*replication.Replicator, name string, key item.Item) error {
	if key == nil {
		return nil
	}
	var wrong error
	for _, r := range own {
		t := r.Engine().Table(name)
		if t == nil {
			continue
		}
		_, err := t.RequestKey(key)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, table.ErrKeySchema):
			err = aws.Validation("Key does not match the schema: the key of table %s is %s", name, keySchema(&t.Def))
		}
		wrong = err
	}
	return wrong
}

// keySchema names the key attributes of a table, with their types.
func keySchema(d *table.Definition) string {
	var names []string
	for _, name := range []string{d.Hash, d.Range} {
		if typ, ok := d.Type(name); ok {
			names = append(names, fmt.Sprintf("%s (%s)", name, typ))
		}
	}
	return strings.Join(names, " and ")
}

func (in *ConflictsInput) from() (place, error) {
	var p place
	if in.NextToken == "" {
		return p, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(in.NextToken)
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return p, aws.Validation("NextToken is not one that ListConflicts gave")
	}
	return p, nil
}

// token makes a place a NextToken. Where the table is read to its end the next
// page begins behind it.
func (p place) token(within bool) (string, error) {
	if !within {
		p.Table += "\x00"
	}
	b, err := json.Marshal(p)
	return base64.RawURLEncoding.EncodeToString(b), err
}

func conflictOf(c *table.Conflict, name, cell string) Conflict {
	return Conflict{
		ID: c.ID, Table: name, Cell: cell, At: c.At.UTC(), Rule: c.Rule,
		Key: item.AppendItemJSON(nil, c.Key), Lost: sideOf(&c.Lost), Kept: sideOf(&c.Kept),
	}
}

func sideOf(s *conflict.State) Side {
	out := Side{Cell: s.Version.Cell.String(), At: s.Version.Time.Time().UTC(), Version: s.Version.String(), Deleted: s.Deleted}
	if !s.Deleted {
		out.Item = item.AppendItemJSON(nil, s.Item)
	}
	return out
}

// Journal says what the conflict journal of a table holds in a cell, and which
// rules the replica has.
type Journal struct {
	Table        string
	Cell         string
	Rule         conflict.Rule    // By which the replica decides between concurrent writes.
	Transactions table.Visibility // How they become visible in other replicas.
	Conflicts    int64
	Bytes        int64
	Noted        int64 // Since the cell was opened.
	Dropped      int64 // The oldest, past the limits, since the cell was opened.
}

// journals describes the conflict journals of replicas, of one table or all.
func journals(w World, name string) []Journal {
	out := []Journal{}
	for _, r := range w.Replicators() {
		e := r.Engine()
		for _, t := range e.Tables() {
			size := e.Journal(t)
			if (name != "" && t.Def.Name != name) || (!t.Replicated() && size.Conflicts == 0) {
				continue
			}
			out = append(out, Journal{
				Table: t.Def.Name, Cell: e.Cell().String(), Rule: t.Rule(), Transactions: t.Def.Rules().Transactions,
				Conflicts: size.Conflicts, Bytes: size.Bytes, Noted: size.Noted, Dropped: size.Dropped,
			})
		}
	}
	return out
}
