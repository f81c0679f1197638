package scaling

import (
	"context"
	"slices"
)

// What the service sets up for a global table that becomes provisioned
// (recorded).
const (
	DefaultMax   = 40_000
	DefaultValue = 70
)

// Maker stamps what is made.
type Maker struct {
	NewID func() string
	Now   int64 // Microseconds since 1970.
}

// Scaled reports whether a resource scales: it has a target, and a policy on it
// (recorded: a target alone is not enough).
func (s *Store) Scaled(ctx context.Context, resource string, d Dimension) (bool, error) {
	t, err := s.Get(ctx, resource, d)
	return t != nil && len(t.Policies) > 0, err
}

// Adopt takes over the targets of another replica, for one that is being made
// here. Names, bounds, values and roles are the same; ARNs and times are new,
// tags are not taken along and nothing is suspended (recorded).
func (s *Store) Adopt(ctx context.Context, m Maker, targets []Target) error {
	for i := range targets {
		from := &targets[i]
		err := s.Change(ctx, from.Resource, from.Dimension, func(old *Target) (*Target, error) {
			next := &Target{ID: m.NewID(), Created: m.Now}
			if old != nil {
				next.ID, next.Created, next.Tags = old.ID, old.Created, old.Tags
			}
			next.Min, next.Max, next.Role = from.Min, from.Max, from.Role
			next.Policies = m.policies(from.Policies)
			return next, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (m Maker) policies(from []Policy) []Policy {
	out := slices.Clone(from)
	for i := range out {
		out[i].ID, out[i].Created = m.NewID(), m.Now
	}
	return out
}

// Replace makes the targets of a table and its indexes those of another member of
// its global table. What of a target is its own stays: ARN, times, tags and
// suspensions. With ownReads so do policies of reads: members of a multi-account
// global table may have different ones (documented).
func (s *Store) Replace(ctx context.Context, m Maker, table string, targets []Target, ownReads bool) error {
	mine, err := s.Of(ctx, table)
	if err != nil {
		return err
	}
	for i := range mine {
		t := &mine[i]
		if find(targets, t.Resource, t.Dimension) == nil {
			if err := s.Change(ctx, t.Resource, t.Dimension, func(*Target) (*Target, error) { return nil, nil }); err != nil {
				return err
			}
		}
	}
	for i := range targets {
		from := &targets[i]
		err := s.Change(ctx, from.Resource, from.Dimension, func(old *Target) (*Target, error) {
			next := &Target{ID: m.NewID(), Created: m.Now}
			if old != nil {
				next = old
			}
			next.Min, next.Max, next.Role = from.Min, from.Max, from.Role
			if old == nil || from.Dimension.Write() || !ownReads {
				next.Policies = m.replaced(next.Policies, from.Policies)
			}
			return next, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// replaced is what policies become: one whose name stays keeps its ARN.
func (m Maker) replaced(old, from []Policy) []Policy {
	out := m.policies(from)
	for i := range out {
		for j := range old {
			if old[j].Name == out[i].Name {
				out[i].ID, out[i].Created = old[j].ID, old[j].Created
			}
		}
	}
	return out
}

func find(targets []Target, resource string, d Dimension) *Target {
	for i := range targets {
		if targets[i].Resource == resource && targets[i].Dimension == d {
			return &targets[i]
		}
	}
	return nil
}

// Capacity is the throughput of a table or index.
type Capacity struct {
	Index       string // Empty for the table.
	Read, Write int64
}

// Reset sets up the scaling of a global table that has become provisioned: for
// the table and each index, reads and writes, from what was asked for up to
// DefaultMax, at DefaultValue percent. Earlier policies go; ARNs, tags and
// suspensions of targets stay (recorded).
func (s *Store) Reset(ctx context.Context, m Maker, table string, capacities []Capacity) error {
	for _, c := range capacities {
		resource := Resource(table, c.Index)
		read, write := TableRead, TableWrite
		if c.Index != "" {
			read, write = IndexRead, IndexWrite
		}
		for d, units := range map[Dimension]int64{read: c.Read, write: c.Write} {
			err := s.Change(ctx, resource, d, func(old *Target) (*Target, error) {
				next := &Target{ID: m.NewID(), Created: m.Now}
				if old != nil {
					next = old
				}
				next.Min, next.Max = int32(min(units, DefaultMax)), DefaultMax
				next.Policies = []Policy{{Name: d.Metric() + ":" + resource, ID: m.NewID(), Created: m.Now, Value: DefaultValue}}
				return next, nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
