package table_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// TestMembersKnowReads: after any overrides and ordinary changes, each member
// knows what every other one reads, of the table and of each index, and that all
// write the same.
func TestMembersKnowReads(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newReplicas(rt)
		for range rapid.IntRange(1, 12).Draw(rt, "changes") {
			rapid.SampledFrom([]func(*rapid.T){w.override, w.settle, w.switchMode, w.join}).Draw(rt, "change")(rt)
			w.check(rt)
		}
	})
}

// replicas are the definitions of the members of a global table.
type replicas struct {
	cells []aws.Cell
	defs  map[aws.Cell]*table.Definition
}

func newReplicas(rt *rapid.T) *replicas {
	first := aws.Cell{Account: "111111111111", Region: "eu-west-1"}
	d := &table.Definition{
		Throughput: table.Throughput{Read: 1, Write: 1}, OnDemand: rapid.Bool().Draw(rt, "onDemand"),
		Indexes: []table.Index{{Name: "g", Throughput: table.Throughput{Read: 2, Write: 2}}, {Name: "l", Local: true}},
		Group:   &table.Group{ID: "g", Kind: table.SameAccount, Members: []table.Member{{Cell: first}}},
	}
	if d.OnDemand {
		d.OnDemandMax = &table.Throughput{Read: 5, Write: 5}
	}
	w := &replicas{[]aws.Cell{first}, map[aws.Cell]*table.Definition{first: d}}
	w.join(rt)
	return w
}

func (w *replicas) draw(rt *rapid.T, name string) aws.Cell {
	return rapid.SampledFrom(w.cells).Draw(rt, name)
}

// drawReads draws other reads for the table, the index, or both.
func drawReads(rt *rapid.T, d *table.Definition) []table.Reads {
	var out []table.Reads
	for _, r := range d.Reads() {
		if r.Units = rapid.Int64Range(1, 4).Draw(rt, "units"); r.OnDemand && r.Units == 1 {
			r.Units = -1
		}
		if rapid.Bool().Draw(rt, "changes") {
			out = append(out, r)
		}
	}
	return out
}

func (w *replicas) override(rt *rapid.T) {
	to := w.draw(rt, "to")
	s := table.Settings{Reads: drawReads(rt, w.defs[to])}
	for _, c := range w.cells {
		w.defs[c].Override(c, to, s)
	}
}

// settle changes the capacity of one member as a client does, and makes it that
// of all.
func (w *replicas) settle(rt *rapid.T) {
	from := w.draw(rt, "from")
	d := w.defs[from]
	var o table.Overwritten
	for _, r := range drawReads(rt, d) {
		d.SetReads(r)
		o.Reads = append(o.Reads, r.Index)
	}
	d.Throughput.Write++
	w.spread(from, o)
}

func (w *replicas) switchMode(rt *rapid.T) {
	from := w.draw(rt, "from")
	d := w.defs[from]
	d.OnDemand, d.OnDemandMax, d.Indexes[0].OnDemand = !d.OnDemand, nil, nil
	w.spread(from, table.Overwritten{})
}

func (w *replicas) spread(from aws.Cell, o table.Overwritten) {
	for _, c := range w.cells {
		if c == from {
			w.defs[c].Overwrite(o)
		} else {
			w.defs[c].TakeOver(w.defs[from], o)
		}
	}
}

// join makes one more replica, of any member.
func (w *replicas) join(rt *rapid.T) {
	regions := []aws.Region{"eu-west-1", "us-east-1", "ap-south-1", "sa-east-1"}
	if len(w.cells) == len(regions) {
		return
	}
	source, to := w.draw(rt, "source"), aws.Cell{Account: "111111111111", Region: regions[len(w.cells)]}
	next := *w.defs[source]
	next.Indexes = slices.Clone(next.Indexes)
	group := *next.Group
	next.Group = &group
	for _, r := range drawReads(rt, &next) {
		next.SetReads(r)
	}
	m := table.Member{Cell: to, Settings: table.Settings{Reads: next.Reads()}}
	made := *w.defs[source]
	made.Indexes, made.Group = slices.Clone(made.Indexes), &group
	for _, c := range w.cells {
		w.defs[c].Enrol(m)
	}
	made.Enrol(m)
	made.Override(to, to, m.Settings)
	w.cells, w.defs[to] = append(w.cells, to), &made
}

func (w *replicas) check(rt *rapid.T) {
	for _, c := range w.cells {
		d := w.defs[c]
		for _, other := range w.cells {
			o := w.defs[other]
			for i, want := range o.Reads() {
				got := d.Reads()[i]
				r, differs := d.Differs(d.Group.Member(other), want.Index)
				if differs {
					if r == got {
						rt.Fatalf("%v notes of %v what is its own: %+v", c, other, r)
					}
					got = r
				}
				if got != want {
					rt.Fatalf("%v takes the reads of %v for %+v, which are %+v", c, other, got, want)
				}
			}
			if d.Throughput.Write != o.Throughput.Write {
				rt.Fatalf("%v writes %d, %v %d", c, d.Throughput.Write, other, o.Throughput.Write)
			}
		}
	}
}
