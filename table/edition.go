package table

import (
	"cmp"
	"encoding/json"
	"slices"
)

// Edition names one state of the settings that the members of a global table have
// in step. A change makes the next one of that which it was made from, so of two
// that follow each other the later is greater; of two that were made side by side
// one is, and all members agree which. The zero Edition is that of settings which
// were not changed since the table was made.
type Edition struct {
	Number uint64 `json:"number"`
	ID     string `json:"id"`
}

// Compare orders editions.
func (e Edition) Compare(other Edition) int {
	return cmp.Or(cmp.Compare(e.Number, other.Number), cmp.Compare(e.ID, other.ID))
}

// Next is an edition after e. The id is no other one's.
func (e Edition) Next(id string) Edition { return Edition{e.Number + 1, id} }

// inStep is what all members of a global table have the same, as it is compared.
type inStep struct {
	OnDemand   bool
	Own        capacity
	TimeToLive *TimeToLive
	Rules      Rules
	Topology   Topology
	Indexes    []inStepIndex // By name.
	Key        KeyKind       // Of replicas of one account.
}

type inStepIndex struct {
	Layout Index
	Own    capacity
}

// capacity is that of a table or an index.
type capacity struct {
	Throughput  Throughput
	OnDemandMax *Throughput
	Warm        *Throughput
}

// InStep describes the settings that all members have the same: definitions that
// give the same text do. An index that is going counts as gone. Where members may
// have reads of their own those are left out.
func (d *Definition) InStep() (string, error) {
	overrides := d.Group != nil && d.Group.Kind.Overrides()
	s := inStep{
		OnDemand: d.OnDemand, Own: capacity{d.Throughput, d.OnDemandMax, d.Warm}.inStep(overrides),
		TimeToLive: d.TimeToLive, Rules: d.Rules(), Topology: cmp.Or(d.Topology, AWSTopology),
	}
	if overrides {
		s.Key = d.Encryption.Kind()
	}
	for i := range d.Indexes {
		if x := &d.Indexes[i]; x.Status != Deleting {
			s.Indexes = append(s.Indexes, inStepIndex{x.Layout(), capacity{x.Throughput, x.OnDemand, x.Warm}.inStep(overrides)})
		}
	}
	slices.SortFunc(s.Indexes, func(a, b inStepIndex) int { return cmp.Compare(a.Layout.Name, b.Layout.Name) })
	b, err := json.Marshal(s)
	return string(b), err
}

// inStep leaves out the reads where members may have their own.
func (c capacity) inStep(overrides bool) capacity {
	if !overrides {
		return c
	}
	c.Throughput.Read = 0
	if most := c.OnDemandMax; most != nil {
		c.OnDemandMax = &Throughput{Write: most.Write}
	} else {
		c.OnDemandMax = &Throughput{Write: noMaximum}
	}
	return c
}

// Layout is the index without what may change while it is in use.
func (x *Index) Layout() Index {
	return Index{Name: x.Name, Local: x.Local, Hash: x.Hash, Range: x.Range, Projection: x.Projection, NonKey: x.NonKey}
}

// SameLayout reports whether two indexes hold the same in the same order.
func (x *Index) SameLayout(y *Index) bool {
	return x.Name == y.Name && x.Local == y.Local && x.Projection == y.Projection &&
		slices.Equal(x.Hash, y.Hash) && slices.Equal(x.Range, y.Range) && slices.Equal(x.NonKey, y.NonKey)
}
