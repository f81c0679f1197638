package identity

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/kv"
)

// Store keeps a cell's copy. It is safe for concurrent use.
type Store struct {
	kv kv.Store
}

// NewStore returns what a cell's store holds.
func NewStore(s kv.Store) *Store { return &Store{s} }

// What begins the keys; see docs/formats/identity.md.
var (
	rolePrefix     = []byte("ur") // And the service that it is linked to.
	deletionPrefix = []byte("ud") // And the id of the deletion.
)

const recordFormat = 1

// ErrMalformed reports stored bytes that are not a record of IAM's.
var ErrMalformed = errors.New("identity: malformed record")

func key(prefix []byte, name string) []byte { return slices.Concat(prefix, []byte(name)) }

func encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	return append([]byte{recordFormat}, b...), err
}

func decode[T any](b []byte) (*T, error) {
	if len(b) == 0 || b[0] != recordFormat {
		return nil, ErrMalformed
	}
	v := new(T)
	if err := json.Unmarshal(b[1:], v); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return v, nil
}

// get returns a record, nil where there is none.
func get[T any](ctx context.Context, s *Store, k []byte) (*T, error) {
	b, at, err := s.kv.Get(ctx, k, nil)
	if errors.Is(err, kv.ErrNotFound) {
		return nil, s.kv.WaitDurable(ctx, at)
	}
	if err != nil {
		return nil, err
	}
	v, err := decode[T](b)
	return v, errors.Join(err, s.kv.WaitDurable(ctx, at))
}

// list returns the records whose keys begin with a prefix, in the order of their keys.
func list[T any](ctx context.Context, s *Store, prefix []byte) ([]T, error) {
	var out []T
	var bad error
	at, err := s.kv.Scan(ctx, kv.Range{Low: prefix, High: changelog.Successor(prefix)}, func(_, value []byte) bool {
		var v *T
		if v, bad = decode[T](value); bad != nil {
			return false
		}
		out = append(out, *v)
		return true
	})
	return out, errors.Join(err, bad, s.kv.WaitDurable(ctx, at))
}

func (s *Store) role(ctx context.Context, k *Linked) (*Role, error) {
	return get[Role](ctx, s, key(rolePrefix, k.Service))
}

// Roles lists the cell's roles, by the service that they are linked to.
func (s *Store) Roles(ctx context.Context) ([]Role, error) { return list[Role](ctx, s, rolePrefix) }

// keep has the cell have a role.
func (s *Store) keep(ctx context.Context, r *Role) error {
	return s.put(ctx, key(rolePrefix, r.Service), r)
}

func (s *Store) put(ctx context.Context, k []byte, v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	_, err = s.kv.Update(ctx, kv.Plan{Write: [][]byte{k}}, func(_ [][]byte, w *kv.Writes) error {
		w.Set(k, b)
		return nil
	})
	return err
}

// forget takes a record away, if it is there.
func (s *Store) forget(ctx context.Context, k []byte) error {
	_, err := s.kv.Update(ctx, kv.Plan{Write: [][]byte{k}}, func(values [][]byte, w *kv.Writes) error {
		if values[0] != nil {
			w.Delete(k)
		}
		return nil
	})
	return err
}

// Deletion is what came of the wish to delete a service-linked role.
type Deletion struct {
	ID    string  `json:"id"`
	At    int64   `json:"at"`              // Microseconds since 1970.
	Usage []Usage `json:"usage,omitempty"` // What the role is needed for. It was deleted where there is nothing.
}

// Usage is what needs a role in a Region.
type Usage struct {
	Region    aws.Region `json:"region"`
	Resources []string   `json:"resources"` // ARNs.
}

// maxDeletions is how many of the last deletions a cell remembers.
const maxDeletions = 100

// note remembers a deletion, and forgets the oldest where there are many.
func (s *Store) note(ctx context.Context, d *Deletion) error {
	all, err := list[Deletion](ctx, s, deletionPrefix)
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b Deletion) int { return cmp.Compare(a.At, b.At) })
	for ; len(all) >= maxDeletions; all = all[1:] {
		if err := s.forget(ctx, key(deletionPrefix, all[0].ID)); err != nil {
			return err
		}
	}
	return s.put(ctx, key(deletionPrefix, d.ID), d)
}
