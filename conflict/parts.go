package conflict

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/hortusdb/hortus/item"
)

// parts is what the rule merge knows of a state's attributes, beside their values.
// A state without is one that was written whole, by its version.
type parts struct {
	whole Version // Of the last write of the whole item: a put or a deletion. Zero where there was none.
	gone  bool    // That was a deletion, or there was none.
	attrs []part  // By name: attributes that were written since, or counted on.
}

// part is one attribute.
type part struct {
	name  string
	epoch Version // Of the write that set or removed it last.

	// A mixed attribute was counted on, or had elements added or taken out, since
	// its epoch. Any other has just the value in the item, or none.
	mixed    bool
	base     item.Value // What the epoch's write left, where that is a number.
	totals   []total    // By cell: what each has added to base.
	elements []element  // Of a set, by value: what is in it.
}

// total is the sum of what a cell has added, as of its last addition.
type total struct {
	at  Version
	sum amount
}

// element is an element of a set, and the additions of it that nobody has taken
// out.
type element struct {
	value item.Value // S, N or B.
	at    []Version  // Ordered by cell.
}

// alive is the name of a part that stands for no attribute: its epoch is that of
// an update that made the item.
const alive = ""

// MaxParts is the number of attributes of an item of which the rule merge keeps
// account. An update beyond that counts as a write of the whole item.
const MaxParts = 1000

func (p *parts) find(name string) (int, bool) {
	return slices.BinarySearchFunc(p.attrs, name, func(a part, name string) int { return strings.Compare(a.name, name) })
}

// of returns the part of that name; one that is not said is as the last write of
// the whole item left it.
func (p *parts) of(name string) part {
	if i, ok := p.find(name); ok {
		return p.attrs[i]
	}
	return part{name: name, epoch: p.whole}
}

func (p *parts) set(a part) {
	i, ok := p.find(a.name)
	if ok {
		p.attrs[i] = a
	} else {
		p.attrs = slices.Insert(p.attrs, i, a)
	}
}

// open reads the parts of a state.
func (s *State) open(d *Decoder) (parts, error) {
	if s.Version.IsZero() {
		return parts{gone: true}, nil
	}
	if s.Parts == nil {
		return parts{whole: s.Version, gone: s.Deleted}, nil
	}
	return d.parts(s.Parts)
}

// close writes parts; nil for those of a state that was written whole.
func (p *parts) close(s *State) []byte {
	if len(p.attrs) == 0 && p.whole == s.Version && p.gone == s.Deleted {
		return nil
	}
	return p.encode()
}

// plain is the value of an attribute that is not mixed; nil where it has none.
func (s *State) plain(name string) item.Value {
	if s.Deleted || s.Version.IsZero() {
		return nil
	}
	v, ok := s.Item.Get(name)
	if !ok {
		return nil
	}
	return v
}

// lift makes a part mixed. v is its value as its epoch's write left it.
func (a *part) lift(v item.Value) {
	if a.mixed {
		return
	}
	a.mixed = true
	switch t := v.Type(); {
	case t == item.TypeN:
		a.base = slices.Clone(v)
	case t.IsSet():
		for e := range v.Elements() {
			a.elements = append(a.elements, element{slices.Clone(e), []Version{a.epoch}})
		}
		a.sortElements()
	}
}

func (a *part) sortElements() {
	slices.SortFunc(a.elements, func(x, y element) int { return bytes.Compare(x.value, y.value) })
}

// value is what a mixed part comes to; nil where that is nothing. Where cells
// added to nothing numbers and elements side by side, or elements of several
// types, the latest addition says which is seen.
func (a *part) value() item.Value {
	var number, elements Version
	for _, t := range a.totals {
		number = latest(number, t.at)
	}
	typ := item.Type(0)
	for _, e := range a.elements {
		for _, v := range e.at {
			if typ == 0 || v.Compare(elements) > 0 {
				typ, elements = e.value.Type(), v
			}
		}
	}
	counts := a.base != nil || len(a.totals) > 0
	switch {
	case typ != 0 && (!counts || elements.Compare(number) > 0):
		var members []item.Value
		for _, e := range a.elements {
			if e.value.Type() == typ {
				members = append(members, e.value)
			}
		}
		v, err := item.BuildSet(nil, typ-item.TypeS+item.TypeSS, members)
		if err != nil {
			return nil
		}
		return v
	case counts:
		return a.count()
	}
	return nil
}

// count sums up: it is the number that is nearest to the exact sum.
func (a *part) count() item.Value {
	terms := make([]amount, 0, 1+len(a.totals))
	if a.base != nil {
		terms = append(terms, amount(a.base))
	}
	for _, t := range a.totals {
		terms = append(terms, t.sum)
	}
	return shown(terms)
}

func latest(a, b Version) Version {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}

// The first byte of encoded parts, see docs/formats/row.md: the second form is that of
// parts with a sum that no number can hold.
const (
	partsFormat     = 1
	widePartsFormat = 2
)

const (
	partsGone = 1
	partMixed = 1
)

func (p *parts) encode() []byte {
	flags := byte(0)
	if p.gone {
		flags |= partsGone
	}
	form := byte(partsFormat)
	if p.wide() {
		form = widePartsFormat
	}
	dst := AppendVersion([]byte{form, flags}, p.whole)
	dst = binary.AppendUvarint(dst, uint64(len(p.attrs)))
	for i := range p.attrs {
		a := &p.attrs[i]
		dst = appendSized(dst, []byte(a.name))
		flags := byte(0)
		if a.mixed {
			flags |= partMixed
		}
		dst = AppendVersion(append(dst, flags), a.epoch)
		if !a.mixed {
			continue
		}
		dst = appendSized(dst, a.base)
		dst = binary.AppendUvarint(dst, uint64(len(a.totals)))
		for _, t := range a.totals {
			dst = appendSized(AppendVersion(dst, t.at), t.sum)
		}
		dst = binary.AppendUvarint(dst, uint64(len(a.elements)))
		for _, e := range a.elements {
			dst = binary.AppendUvarint(appendSized(dst, e.value), uint64(len(e.at)))
			for _, v := range e.at {
				dst = AppendVersion(dst, v)
			}
		}
	}
	return dst
}

// wide reports whether there is a sum that no number can hold.
func (p *parts) wide() bool {
	return slices.ContainsFunc(p.attrs, func(a part) bool {
		return slices.ContainsFunc(a.totals, func(t total) bool { return t.sum.wide() })
	})
}

func appendSized(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// CheckParts returns ErrMalformed for bytes that are not the parts of a state.
func (d *Decoder) CheckParts(b []byte) error {
	_, err := d.parts(b)
	return err
}

// parts reads what encode wrote.
func (d *Decoder) parts(b []byte) (parts, error) {
	var p parts
	if len(b) < 2 || (b[0] != partsFormat && b[0] != widePartsFormat) || b[1] > partsGone {
		return p, ErrMalformed
	}
	r := reader{d: d, b: b[2:]}
	p.gone, p.whole = b[1] == partsGone, r.version()
	for range r.count() {
		a := part{name: string(r.sized())}
		if len(p.attrs) > 0 && p.attrs[len(p.attrs)-1].name >= a.name {
			r.bad = true
		}
		flags := r.byte()
		a.mixed, a.epoch = flags == partMixed, r.version()
		if flags > partMixed {
			r.bad = true
		}
		if a.mixed {
			r.mixed(&a)
		}
		if r.bad {
			return parts{}, ErrMalformed
		}
		p.attrs = append(p.attrs, a)
	}
	if r.bad || len(r.b) > 0 || p.wide() != (b[0] == widePartsFormat) {
		return parts{}, ErrMalformed
	}
	return p, nil
}

// reader reads encoded parts; bad is set by the first thing that is malformed.
type reader struct {
	d   *Decoder
	b   []byte
	bad bool
}

func (r *reader) mixed(a *part) {
	if base := r.sized(); len(base) > 0 {
		a.base = r.value(base, item.TypeN, item.TypeN)
	}
	for range r.count() {
		t := total{at: r.version()}
		t.sum = r.amount(r.sized())
		if n := len(a.totals); n > 0 && a.totals[n-1].at.Cell.Compare(t.at.Cell) >= 0 {
			r.bad = true
		}
		if r.bad {
			return
		}
		a.totals = append(a.totals, t)
	}
	for range r.count() {
		e := element{value: r.value(r.sized(), item.TypeS, item.TypeB)}
		for range r.count() {
			e.at = append(e.at, r.version())
			if n := len(e.at); n > 1 && e.at[n-2].Cell.Compare(e.at[n-1].Cell) >= 0 {
				r.bad = true
			}
			if r.bad {
				return
			}
		}
		if n := len(a.elements); len(e.at) == 0 || (n > 0 && bytes.Compare(a.elements[n-1].value, e.value) >= 0) {
			r.bad = true
		}
		if r.bad {
			return
		}
		a.elements = append(a.elements, e)
	}
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

// count reads how many follow; each takes a byte at least.
func (r *reader) count() int {
	n, k := binary.Uvarint(r.b)
	if k <= 0 || n > uint64(len(r.b)-k) {
		r.bad = true
		return 0
	}
	r.b = r.b[k:]
	return int(n)
}

func (r *reader) sized() []byte {
	n := r.count()
	if r.bad {
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) version() Version {
	v, rest, err := r.d.Version(r.b)
	if err != nil {
		r.bad = true
		return Version{}
	}
	r.b = rest
	if v.Time.IsZero() {
		return Version{}
	}
	return v
}

func (r *reader) value(b []byte, low, high item.Type) item.Value {
	if r.bad || item.ValidateValue(item.Value(b)) != nil || item.Value(b).Type() < low || item.Value(b).Type() > high {
		r.bad = true
		return nil
	}
	return item.Value(b)
}

func (r *reader) amount(b []byte) amount {
	if !amount(b).wide() {
		return amount(r.value(b, item.TypeN, item.TypeN))
	}
	if !amount(b).valid() {
		r.bad = true
		return nil
	}
	return amount(b)
}
