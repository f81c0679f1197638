package table

import (
	"slices"

	"github.com/hortusdb/hortus/aws"
)

// Reads is how much may be read a second of a table or of one of its global
// indexes.
type Reads struct {
	Index    string `json:"index,omitempty"`     // Empty for the table.
	OnDemand bool   `json:"on_demand,omitempty"` // Units are an on-demand maximum, -1 for none, and not provisioned.
	Units    int64  `json:"units"`
}

// Settings are what a member of a same-account global table may have for itself
// (documented). In a request for a change the zero value stands for what stays.
// Of another member, a definition holds the reads that are not this member's own.
type Settings struct {
	Reads           []Reads     `json:"reads,omitempty"`
	TableClass      string      `json:"table_class,omitempty"`
	TableClassSince int64       `json:"table_class_since,omitempty"` // Microseconds.
	Encryption      *Encryption `json:"encryption,omitempty"`        // Without a type: the key that AWS owns.
}

// Overwritten names the settings that an ordinary change makes the same at all
// members, whatever they had for themselves (documented).
type Overwritten struct {
	Reads []string // Global indexes; the empty name is the table.
	Class bool
}

// Reads lists the own reads of the table and its global indexes, as its mode has
// them.
func (d *Definition) Reads() []Reads {
	out := []Reads{{OnDemand: d.OnDemand, Units: readsOf(d.OnDemand, d.Throughput, d.OnDemandMax)}}
	for i := range d.Indexes {
		if x := &d.Indexes[i]; !x.Local {
			out = append(out, Reads{Index: x.Name, OnDemand: d.OnDemand, Units: readsOf(d.OnDemand, x.Throughput, x.OnDemand)})
		}
	}
	return out
}

// noMaximum is the on-demand maximum of what has none.
const noMaximum = -1

func readsOf(onDemand bool, provisioned Throughput, most *Throughput) int64 {
	switch {
	case !onDemand:
		return provisioned.Read
	case most == nil:
		return noMaximum
	}
	return most.Read
}

// SetReads changes the own reads of the table or an index. What is of the other
// mode, or of an index that there is not, changes nothing.
func (d *Definition) SetReads(r Reads) {
	if r.OnDemand != d.OnDemand {
		return
	}
	if r.Index == "" {
		d.OnDemandMax = setReads(r, &d.Throughput, d.OnDemandMax)
	} else if x := d.Index(r.Index); x != nil && !x.Local {
		x.OnDemand = setReads(r, &x.Throughput, x.OnDemand)
	}
}

// setReads returns the maxima, which are never changed in place.
func setReads(r Reads, provisioned, most *Throughput) *Throughput {
	if !r.OnDemand {
		provisioned.Read = r.Units
		return most
	}
	next := Throughput{Read: r.Units, Write: noMaximum}
	if most != nil {
		next.Write = most.Write
	}
	if next.Read == noMaximum && next.Write == noMaximum {
		return nil
	}
	return &next
}

// Override changes settings of the member in one cell, in the definition of the
// member in self, which is the same one or another.
func (d *Definition) Override(self, to aws.Cell, s Settings) {
	m := d.Group.Member(to)
	switch {
	case m == nil:
		return
	case to != self:
		m.Settings.note(s)
	default:
		m.Settings = Settings{}
		for i := range d.Group.Members {
			// What they had in common with this one they may not have any more.
			if o := &d.Group.Members[i]; o.Cell != self {
				o.Settings.Reads = merge(d.Reads(), o.Settings.Reads)
			}
		}
		d.own(s)
	}
	d.prune()
}

// own makes settings the definition's own.
func (d *Definition) own(s Settings) {
	for _, r := range s.Reads {
		d.SetReads(r)
	}
	if s.TableClass != "" {
		d.TableClass, d.TableClassSince = s.TableClass, s.TableClassSince
	}
	if s.Encryption != nil {
		if d.Encryption = s.Encryption; s.Encryption.Type == "" {
			d.Encryption = nil
		}
	}
}

// note keeps changes of another member's settings.
func (s *Settings) note(changes Settings) {
	s.Reads = merge(s.Reads, changes.Reads)
	if changes.TableClass != "" {
		s.TableClass, s.TableClassSince = changes.TableClass, changes.TableClassSince
	}
	if changes.Encryption != nil {
		s.Encryption = changes.Encryption
	}
}

// merge returns all reads of both, and of an index that both have the later.
func merge(was, next []Reads) []Reads {
	out := slices.Clone(next)
	for _, r := range was {
		if find(next, r.Index) < 0 {
			out = append(out, r)
		}
	}
	return out
}

func find(reads []Reads, index string) int {
	return slices.IndexFunc(reads, func(r Reads) bool { return r.Index == index })
}

// Overwrite forgets what other members had for themselves of settings that this
// one now shares with them.
func (d *Definition) Overwrite(o Overwritten) {
	if d.Group == nil {
		return
	}
	for i := range d.Group.Members {
		s := &d.Group.Members[i].Settings
		s.Reads = slices.DeleteFunc(slices.Clone(s.Reads), func(r Reads) bool { return slices.Contains(o.Reads, r.Index) })
		if o.Class {
			s.TableClass, s.TableClassSince = d.TableClass, d.TableClassSince
		}
	}
	d.prune()
}

// prune forgets what is not different, or of a mode or an index that is gone.
func (d *Definition) prune() {
	own := d.Reads()
	for i := range d.Group.Members {
		var left []Reads
		for _, r := range d.Group.Members[i].Settings.Reads {
			if at := find(own, r.Index); at >= 0 && r.OnDemand == d.OnDemand && r != own[at] {
				left = append(left, r)
			}
		}
		d.Group.Members[i].Settings.Reads = left
	}
}

// Enrol puts a newcomer into the group, unless it is there.
func (d *Definition) Enrol(m Member) {
	if d.Group.Member(m.Cell) != nil {
		return
	}
	at, _ := slices.BinarySearchFunc(d.Group.Members, m, func(a, b Member) int { return a.Cell.Compare(b.Cell) })
	d.Group.Members = slices.Insert(slices.Clone(d.Group.Members), at, m)
	d.prune()
}

// Differs returns the reads of another member, of the table or of a global index,
// where they are not this member's own.
func (d *Definition) Differs(m *Member, index string) (Reads, bool) {
	at := find(m.Settings.Reads, index)
	if at < 0 || m.Settings.Reads[at].OnDemand != d.OnDemand {
		return Reads{}, false
	}
	return m.Settings.Reads[at], true
}

// TakeOver makes the capacity of another member this one's: the mode, the writes,
// and of the reads those that are overwritten. The reads of the other mode are
// nobody's own.
func (d *Definition) TakeOver(from *Definition, o Overwritten) {
	own := d.Reads()
	d.OnDemand, d.Throughput, d.OnDemandMax, d.Warm = from.OnDemand, from.Throughput, from.OnDemandMax, from.Warm
	d.WarmingUntil = from.WarmingUntil
	for i := range d.Indexes {
		if x := from.Index(d.Indexes[i].Name); x != nil {
			own := &d.Indexes[i]
			own.Throughput, own.OnDemand, own.Warm = x.Throughput, x.OnDemand, x.Warm
			own.UpdatingUntil, own.WarmingUntil = x.UpdatingUntil, x.WarmingUntil
		}
	}
	if d.Group.Kind.Overrides() {
		for _, r := range own {
			if !slices.Contains(o.Reads, r.Index) {
				d.SetReads(r)
			}
		}
	}
	if o.Class {
		d.TableClass, d.TableClassSince = from.TableClass, from.TableClassSince
		if d.TableClass == "" {
			d.TableClass = "STANDARD"
		}
	}
	d.Overwrite(o)
}
