package conflict

import (
	"bytes"
	"maps"
	"slices"

	"github.com/hortusdb/hortus/item"
)

// Act is what an update does to an attribute.
type Act struct {
	Name    string
	Kind    ActKind
	Operand item.Value // Of an Add or a Take.
}

// ActKind says what an Act does.
type ActKind uint8

// The kinds of acts.
const (
	Assign ActKind = iota // Sets the attribute, or something within it, or removes it.
	Add                   // A number, or elements.
	Take                  // Elements out of a set.
)

// Counted returns the image that an update makes out of old under the rule Merge:
// image, which it makes by itself, with the numbers that it adds to as they come out
// of the exact sums. They differ only where a number cannot hold what old's comes to.
func Counted(d *Decoder, old *State, image item.Item, acts []Act) (item.Item, error) {
	if old.Parts == nil || old.Deleted {
		return image, nil
	}
	p, err := old.open(d)
	if err != nil {
		return nil, err
	}
	var changed []item.Entry
	for _, act := range acts {
		a := p.of(act.Name)
		if act.Kind != Add || act.Operand.Type() != item.TypeN || !a.mixed {
			continue
		}
		a.totals = slices.Clone(a.totals)
		a.add(latest(old.Version, a.epoch), act.Operand)
		made, _ := image.Get(act.Name)
		if sum := a.count(); !bytes.Equal(sum, made) {
			changed = append(changed, item.Entry{Name: act.Name, Value: sum})
		}
	}
	if len(changed) == 0 {
		return image, nil
	}
	b := new(item.Builder)
	for name, v := range image.All() {
		b.Add(string(name), v)
	}
	for _, c := range changed {
		b.Add(c.Name, c.Value) // Of equal names the last one stays.
	}
	return b.Item(nil), nil
}

// Track gives next, which an update makes out of old under the rule Merge, the
// account of its attributes. old may be the zero State, or a tombstone; next's numbers
// are as Counted makes them.
func Track(d *Decoder, old, next *State, acts []Act) error {
	p, err := old.open(d)
	if err != nil {
		return err
	}
	if old.Version.IsZero() || old.Deleted {
		p.set(part{name: alive, epoch: next.Version})
	}
	for _, act := range acts {
		a := p.of(act.Name)
		if act.Kind != Assign {
			a.elements = slices.Clone(a.elements)
			a.totals = slices.Clone(a.totals)
			a.lift(old.plain(act.Name))
		}
		switch {
		case act.Kind == Add && act.Operand.Type() == item.TypeN:
			a.add(next.Version, act.Operand)
		case act.Kind != Assign:
			a.change(next.Version, act.Operand, act.Kind == Add)
		}
		// What the parts come to is what the update has made. Else the attribute counts
		// as set: its last element was taken out, say, and there is a number behind it.
		if act.Kind == Assign || !bytes.Equal(a.value(), next.plain(act.Name)) {
			a = part{name: act.Name, epoch: next.Version}
		}
		p.set(a)
	}
	if len(p.attrs) > MaxParts {
		next.Parts = nil
		return nil
	}
	next.Parts = p.close(next)
	return nil
}

// add counts on.
func (a *part) add(at Version, by item.Value) {
	for i := range a.totals {
		if a.totals[i].at.Cell == at.Cell {
			a.totals[i] = total{at, a.totals[i].sum.plus(amount(by))}
			return
		}
	}
	a.totals = append(a.totals, total{at, amount(slices.Clone(by))})
	slices.SortFunc(a.totals, func(x, y total) int { return x.at.Cell.Compare(y.at.Cell) })
}

// change adds elements, or takes them out. An addition takes the place of those
// that its writer saw.
func (a *part) change(at Version, operand item.Value, add bool) {
	given := map[string]bool{}
	for e := range operand.Elements() {
		given[string(e)] = true
	}
	a.elements = slices.DeleteFunc(a.elements, func(e element) bool { return given[string(e.value)] })
	if !add {
		return
	}
	for _, e := range slices.Sorted(maps.Keys(given)) {
		a.elements = append(a.elements, element{item.Value(e), []Version{at}})
	}
	a.sortElements()
}

// dominates reports whether all that is part of t is part of s.
func (s *State) dominates(t *State) bool {
	if !s.Covers(t.Version) || t.Vector.Floor.Compare(s.Vector.Floor) > 0 {
		return false
	}
	for _, v := range t.Vector.Last {
		if !s.Covers(v) {
			return false
		}
	}
	return true
}

// merger merges two states of one item, attribute by attribute.
type merger struct {
	a, b         *State
	pa, pb       parts
	out          parts
	entries      []item.Entry
	lostA, lostB bool
}

// merge merges two states of one item, of which one at least has parts. key holds
// the item's key attributes.
func merge(d *Decoder, key item.Item, a, b *State) (out State, lostA, lostB bool, err error) {
	survivor := latest(a.Version, b.Version)
	vector := Join(survivor, a, b)
	switch {
	case b.dominates(a):
		out = *b
		out.Vector = vector
		return out, false, false, nil
	case a.dominates(b):
		out = *a
		out.Vector = vector
		return out, false, false, nil
	}
	m := merger{a: a, b: b}
	if m.pa, err = a.open(d); err != nil {
		return out, false, false, err
	}
	if m.pb, err = b.open(d); err != nil {
		return out, false, false, err
	}
	m.pa.raise(a, &m.pb)
	m.pb.raise(b, &m.pa)
	m.out.whole, m.out.gone = m.pa.whole, m.pa.gone
	if m.pb.whole.Compare(m.pa.whole) > 0 {
		m.out.whole, m.out.gone = m.pb.whole, m.pb.gone
	}
	isKey := map[string]bool{}
	for name, v := range key.All() {
		isKey[string(name)] = true
		m.entries = append(m.entries, item.Entry{Name: string(name), Value: v})
	}
	live := !m.out.gone
	for _, name := range m.names() {
		if !isKey[name] {
			live = m.attribute(name) || live
		}
	}
	out = State{Version: survivor, Vector: vector, Deleted: !live, Item: key}
	if live {
		out.Item = item.BuildItem(nil, m.entries)
	}
	out.Parts = m.out.close(&out)
	return out, m.lostA, m.lostB, nil
}

// raise puts a state that was made where a tombstone had been dropped onto that
// tombstone, which the other one still has.
func (p *parts) raise(s *State, other *parts) {
	if !p.whole.IsZero() || !other.gone || other.whole.IsZero() || !s.Covers(other.whole) {
		return
	}
	p.whole = other.whole
	for i := range p.attrs {
		if p.attrs[i].epoch.IsZero() {
			p.attrs[i].epoch = other.whole
		}
	}
}

// names lists the attributes of either side.
func (m *merger) names() []string {
	all := map[string]bool{}
	for _, s := range []*State{m.a, m.b} {
		if s.Deleted {
			continue
		}
		for name := range s.Item.All() {
			all[string(name)] = true
		}
	}
	for _, p := range []*parts{&m.pa, &m.pb} {
		for i := range p.attrs {
			all[p.attrs[i].name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// attribute merges one attribute, and reports whether there is something of it.
func (m *merger) attribute(name string) bool {
	x, y := m.pa.of(name), m.pb.of(name)
	var kept part
	var value item.Value
	switch c := x.epoch.Compare(y.epoch); {
	case c > 0:
		kept, value = x, m.a.valueOf(&x)
		m.lostB = m.lostB || lost(&y, m.b, m.a, value)
	case c < 0:
		kept, value = y, m.b.valueOf(&y)
		m.lostA = m.lostA || lost(&x, m.a, m.b, value)
	case x.mixed || y.mixed:
		x.lift(m.a.plain(name))
		y.lift(m.b.plain(name))
		kept = m.mix(&x, &y)
		value = kept.value()
	default:
		kept, value = x, m.a.valueOf(&x)
	}
	if kept.mixed || kept.epoch != m.out.whole {
		m.out.attrs = append(m.out.attrs, kept)
	}
	if name == alive {
		return kept.epoch != m.out.whole
	}
	if value != nil {
		m.entries = append(m.entries, item.Entry{Name: name, Value: value})
	}
	return value != nil
}

func (s *State) valueOf(a *part) item.Value {
	if a.mixed {
		return a.value()
	}
	return s.plain(a.name)
}

// lost reports whether a part of one side is overwritten, in the other's favor,
// by a writer that had not seen all of it, with another value.
func lost(a *part, from, to *State, kept item.Value) bool {
	if a.name == alive || bytes.Equal(from.valueOf(a), kept) {
		return false
	}
	unseen := !a.epoch.IsZero() && !to.Covers(a.epoch)
	for _, t := range a.totals {
		unseen = unseen || !to.Covers(t.at)
	}
	for _, e := range a.elements {
		for _, v := range e.at {
			unseen = unseen || (!v.IsZero() && !to.Covers(v))
		}
	}
	return unseen
}

// mix merges what two sides did to one attribute since one epoch. Of a cell's
// totals the later has the earlier in it. An element stays by the additions that
// both have, or that the side without it had not seen: that side did not take it
// out.
func (m *merger) mix(x, y *part) part {
	out := part{name: x.name, epoch: x.epoch, mixed: true, base: x.base}
	totals := append(slices.Clone(x.totals), y.totals...)
	slices.SortFunc(totals, func(s, t total) int {
		if c := s.at.Cell.Compare(t.at.Cell); c != 0 {
			return c
		}
		return t.at.Compare(s.at)
	})
	out.totals = slices.CompactFunc(totals, func(s, t total) bool { return s.at.Cell == t.at.Cell })
	all := map[string][2][]Version{}
	for side, p := range []*part{x, y} {
		for _, e := range p.elements {
			at := all[string(e.value)]
			at[side] = e.at
			all[string(e.value)] = at
		}
	}
	for _, value := range slices.Sorted(maps.Keys(all)) {
		at := all[value]
		kept := append(staying(at[0], at[1], m.b), staying(at[1], at[0], m.a)...)
		slices.SortFunc(kept, func(v, w Version) int {
			if c := v.Cell.Compare(w.Cell); c != 0 {
				return c
			}
			return w.Compare(v)
		})
		kept = slices.CompactFunc(kept, func(v, w Version) bool { return v.Cell == w.Cell })
		if len(kept) > 0 {
			out.elements = append(out.elements, element{item.Value(value), kept})
		}
	}
	return out
}

// staying returns those additions of one side that the other has, too, or has not
// seen.
func staying(mine, theirs []Version, other *State) []Version {
	var out []Version
	for _, v := range mine {
		if slices.Contains(theirs, v) || !other.Covers(v) {
			out = append(out, v)
		}
	}
	return out
}
