// Package scaling keeps what Application Auto Scaling knows of the tables of a
// cell: scalable targets and their policies. It does not scale anything.
//
// Targets belong to names, not to tables: they are there before a replica is
// made, and stay when their table is deleted (recorded).
package scaling

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/kv"
)

// Dimension is what of a resource is scaled, in AWS's words.
type Dimension string

// The dimensions of DynamoDB.
const (
	TableRead  Dimension = "dynamodb:table:ReadCapacityUnits"
	TableWrite Dimension = "dynamodb:table:WriteCapacityUnits"
	IndexRead  Dimension = "dynamodb:index:ReadCapacityUnits"
	IndexWrite Dimension = "dynamodb:index:WriteCapacityUnits"
)

// Index reports whether d is of indexes.
func (d Dimension) Index() bool { return d == IndexRead || d == IndexWrite }

// Write reports whether d is of writes.
func (d Dimension) Write() bool { return d == TableWrite || d == IndexWrite }

// Metric is the predefined metric by which policies of d scale (documented).
func (d Dimension) Metric() string {
	if d.Write() {
		return "DynamoDBWriteCapacityUtilization"
	}
	return "DynamoDBReadCapacityUtilization"
}

// Target is one scalable target with its policies. Times are in microseconds
// since 1970.
type Target struct {
	Resource  string    `json:"resource"` // As in "table/T" or "table/T/index/I".
	Dimension Dimension `json:"dimension"`
	ID        string    `json:"id"` // Ends the target's ARN.
	Created   int64     `json:"created"`
	Min       int32     `json:"min"`
	Max       int32     `json:"max"`
	Role      string    `json:"role,omitempty"` // Empty for the service-linked one.
	Suspended Suspended `json:"suspended,omitzero"`
	Tags      []Tag     `json:"tags,omitempty"`
	Policies  []Policy  `json:"policies,omitempty"`
}

// Suspended says which kinds of scaling are suspended.
type Suspended struct {
	In        bool `json:"in,omitempty"`
	Out       bool `json:"out,omitempty"`
	Scheduled bool `json:"scheduled,omitempty"`
}

// Tag is a tag of a target.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Policy tracks a target value of the dimension's utilization, in percent.
type Policy struct {
	Name           string  `json:"name"`
	ID             string  `json:"id"` // Part of the policy's ARN.
	Created        int64   `json:"created"`
	Value          float64 `json:"value"`
	InCooldown     *int32  `json:"in_cooldown,omitempty"` // Seconds; nil where none was given.
	OutCooldown    *int32  `json:"out_cooldown,omitempty"`
	DisableScaleIn *bool   `json:"disable_scale_in,omitempty"`
}

// Resource is the id of a table, or of one of its indexes.
func Resource(table, index string) string {
	if index == "" {
		return "table/" + table
	}
	return "table/" + table + "/index/" + index
}

// ParseResource is the reverse of Resource.
func ParseResource(id string) (table, index string, ok bool) {
	rest, ok := strings.CutPrefix(id, "table/")
	if !ok {
		return "", "", false
	}
	table, rest, more := strings.Cut(rest, "/")
	if !more {
		return table, "", table != ""
	}
	index, ok = strings.CutPrefix(rest, "index/")
	return table, index, ok && table != "" && index != "" && !strings.Contains(index, "/")
}

// ServiceRole is the service-linked role that scales where none is named
// (documented).
func ServiceRole(a aws.Account) string {
	return "arn:aws:iam::" + string(a) + ":role/aws-service-role/dynamodb.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
}

// Store keeps the targets of a cell. It is safe for concurrent use.
type Store struct {
	kv kv.Store
}

// NewStore returns the targets that a cell's store holds.
func NewStore(s kv.Store) *Store { return &Store{s} }

// targetPrefix begins the keys of targets; see docs/formats/scaling.md.
const targetPrefix = 'a'

const targetFormat = 1

// ErrMalformed reports stored bytes that are not a target.
var ErrMalformed = errors.New("scaling: malformed target")

func key(resource string, d Dimension) []byte {
	k := append([]byte{targetPrefix}, resource...)
	return append(append(k, 0), d...)
}

func decode(b []byte) (*Target, error) {
	if len(b) == 0 || b[0] != targetFormat {
		return nil, ErrMalformed
	}
	t := new(Target)
	if err := json.Unmarshal(b[1:], t); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return t, nil
}

// Get returns a target, nil where there is none.
func (s *Store) Get(ctx context.Context, resource string, d Dimension) (*Target, error) {
	b, at, err := s.kv.Get(ctx, key(resource, d), nil)
	if errors.Is(err, kv.ErrNotFound) {
		return nil, s.kv.WaitDurable(ctx, at)
	}
	if err != nil {
		return nil, err
	}
	t, err := decode(b)
	return t, errors.Join(err, s.kv.WaitDurable(ctx, at))
}

// Change replaces a target by what fn makes of it: fn is given nil where there is
// none, and returns nil to delete it. It may be called more than once.
func (s *Store) Change(ctx context.Context, resource string, d Dimension, fn func(*Target) (*Target, error)) error {
	k := key(resource, d)
	_, err := s.kv.Update(ctx, kv.Plan{Write: [][]byte{k}}, func(values [][]byte, w *kv.Writes) error {
		var old *Target
		if values[0] != nil {
			var err error
			if old, err = decode(values[0]); err != nil {
				return err
			}
		}
		next, err := fn(old)
		if err != nil {
			return err
		}
		if next == nil {
			if old != nil {
				w.Delete(k)
			}
			return nil
		}
		next.Resource, next.Dimension = resource, d
		b, err := json.Marshal(next)
		if err != nil {
			return err
		}
		w.Set(k, append([]byte{targetFormat}, b...))
		return nil
	})
	return err
}

// All lists the targets, by resource, then dimension.
func (s *Store) All(ctx context.Context) ([]Target, error) {
	return s.scan(ctx, []byte{targetPrefix}, func(*Target) bool { return true })
}

// Of lists the targets of a table and of its indexes.
func (s *Store) Of(ctx context.Context, table string) ([]Target, error) {
	return s.scan(ctx, append([]byte{targetPrefix}, Resource(table, "")...), func(t *Target) bool {
		name, _, ok := ParseResource(t.Resource)
		return ok && name == table
	})
}

func (s *Store) scan(ctx context.Context, prefix []byte, keep func(*Target) bool) ([]Target, error) {
	var out []Target
	var bad error
	at, err := s.kv.Scan(ctx, kv.Range{Low: prefix, High: changelog.Successor(prefix)}, func(_, value []byte) bool {
		t, err := decode(value)
		if err != nil {
			bad = err
			return false
		}
		if keep(t) {
			out = append(out, *t)
		}
		return true
	})
	slices.SortFunc(out, func(a, b Target) int {
		return cmp.Or(strings.Compare(a.Resource, b.Resource), strings.Compare(string(a.Dimension), string(b.Dimension)))
	})
	return out, errors.Join(err, bad, s.kv.WaitDurable(ctx, at))
}
