// Package item holds attribute values and items in their stored form: types,
// sizes, numbers, paths, and the storage, key-order and JSON encodings.
//
// The stored form is canonical: equal values have equal bytes. It is written
// down in docs/formats/item.md.
package item

import (
	"bytes"
	"encoding/binary"
	"iter"
)

// Type is the data type of an attribute value.
type Type uint8

// The types of DynamoDB.
const (
	TypeS Type = iota + 1
	TypeN
	TypeB
	TypeBOOL
	TypeNULL
	TypeL
	TypeM
	TypeSS
	TypeNS
	TypeBS
)

var typeNames = [...]string{TypeS: "S", TypeN: "N", TypeB: "B", TypeBOOL: "BOOL", TypeNULL: "NULL", TypeL: "L", TypeM: "M", TypeSS: "SS", TypeNS: "NS", TypeBS: "BS"}

// String returns the type's name on the wire, such as "S".
func (t Type) String() string {
	if int(t) < len(typeNames) && t != 0 {
		return typeNames[t]
	}
	return "?"
}

// ParseType reads the name that String writes.
func ParseType(name string) (Type, bool) {
	for t := TypeS; t <= TypeBS; t++ {
		if typeNames[t] == name {
			return t, true
		}
	}
	return 0, false
}

// IsSet reports whether t is SS, NS or BS.
func (t Type) IsSet() bool { return t >= TypeSS && t <= TypeBS }

// Element is the type of the elements of a set type, and 0 for other types.
func (t Type) Element() Type {
	if t.IsSet() {
		return t - TypeSS + TypeS
	}
	return 0
}

// The tag bytes of the stored form. A BOOL's value is in its tag.
const (
	tagS     = 1
	tagN     = 2
	tagB     = 3
	tagFalse = 4
	tagTrue  = 5
	tagNULL  = 6
	tagL     = 7
	tagM     = 8
	tagSS    = 9
	tagNS    = 10
	tagBS    = 11
)

var (
	tagTypes = [...]Type{tagS: TypeS, tagN: TypeN, tagB: TypeB, tagFalse: TypeBOOL, tagTrue: TypeBOOL, tagNULL: TypeNULL, tagL: TypeL, tagM: TypeM, tagSS: TypeSS, tagNS: TypeNS, tagBS: TypeBS}
	typeTags = [...]byte{TypeS: tagS, TypeN: tagN, TypeB: tagB, TypeL: tagL, TypeM: tagM, TypeSS: tagSS, TypeNS: tagNS, TypeBS: tagBS}
)

// headLen is the length of the head of a list, map or set: tag, byte length
// of the rest, count of elements.
const headLen = 1 + 4 + 4

// Value is exactly one attribute value in stored form. Its methods expect the
// canonical form that this package's writers make; bytes of unknown origin go
// through Validate first. A Value shares memory with what it was taken from.
type Value []byte

// Type returns the value's type, and 0 for an empty Value.
func (v Value) Type() Type {
	if len(v) == 0 || int(v[0]) >= len(tagTypes) {
		return 0
	}
	return tagTypes[v[0]]
}

// Bytes returns the payload of an S, N or B without copying it.
func (v Value) Bytes() []byte {
	n := 1
	if v[1] >= 0x80 {
		_, n = longLen(v[1:])
	}
	return v[1+n : len(v) : len(v)]
}

// Number returns the payload of an N.
func (v Value) Number() Number { return Number(v.Bytes()) }

// Bool returns the payload of a BOOL.
func (v Value) Bool() bool { return v[0] == tagTrue }

// Len is the number of elements of a list, map or set, and 0 for other types.
func (v Value) Len() int {
	if len(v) == 0 || v[0] < tagL {
		return 0
	}
	return int(binary.LittleEndian.Uint32(v[5:]))
}

// Index returns a list's element number i, from 0; false when v is no list or
// has no such element.
func (v Value) Index(i int) (Value, bool) {
	if v.Type() != TypeL || i < 0 || i >= v.Len() {
		return nil, false
	}
	rest := v[headLen:]
	for ; i > 0; i-- {
		rest = rest[valueLen(rest):]
	}
	n := valueLen(rest)
	return rest[:n:n], true
}

// Lookup returns the value of that name in a map; false when v is no map or
// has no such entry.
func (v Value) Lookup(name string) (Value, bool) {
	if v.Type() != TypeM {
		return nil, false
	}
	return lookup(v[headLen:], name)
}

// Elements goes through a list's values, or through a set's elements as values
// of the element type, in stored order. For a set each value is allocated; see
// Members.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		switch t := v.Type(); {
		case t == TypeL:
			for rest := v[headLen:]; len(rest) > 0; {
				n := valueLen(rest)
				if !yield(rest[:n:n]) {
					return
				}
				rest = rest[n:]
			}
		case t.IsSet():
			for m := range v.Members() {
				if !yield(Value(appendPayload(nil, typeTags[t.Element()], m))) {
					return
				}
			}
		}
	}
}

// Members goes through the payloads of a set's elements, in order, without
// copying them: the bytes of strings and binaries, the Numbers of an NS.
func (v Value) Members() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if !v.Type().IsSet() {
			return
		}
		for rest := v[headLen:]; len(rest) > 0; {
			payload, after := cutPayload(rest)
			if !yield(payload) {
				return
			}
			rest = after
		}
	}
}

// Entries goes through a map's entries in the order of their names.
func (v Value) Entries() iter.Seq2[[]byte, Value] {
	if v.Type() != TypeM {
		return entries(nil)
	}
	return entries(v[headLen:])
}

// Contains reports whether elem is an element of the list or set v. It is
// false for other types.
func (v Value) Contains(elem Value) bool {
	switch t := v.Type(); {
	case t == TypeL:
		for e := range v.Elements() {
			if bytes.Equal(e, elem) {
				return true
			}
		}
	case t.IsSet() && t.Element() == elem.Type():
		want := elem.Bytes()
		for m := range v.Members() {
			if c := bytes.Compare(m, want); c >= 0 {
				return c == 0
			}
		}
	}
	return false
}

// Compare orders two values of type S, N or B as DynamoDB's comparators do;
// false when the types differ or have no order.
func Compare(a, b Value) (int, bool) {
	if t := a.Type(); t != b.Type() || t < TypeS || t > TypeB {
		return 0, false
	}
	return bytes.Compare(a.Bytes(), b.Bytes()), true
}

// valueLen is the length of the value that b begins with.
func valueLen(b []byte) int {
	switch b[0] {
	case tagS, tagN, tagB:
		size, n := int(b[1]), 1
		if size >= 0x80 {
			size, n = longLen(b[1:])
		}
		return 1 + n + size
	case tagFalse, tagTrue, tagNULL:
		return 1
	default:
		return 5 + int(binary.LittleEndian.Uint32(b[1:]))
	}
}

// cutPayload cuts a length and that many bytes from the front of b.
func cutPayload(b []byte) (payload, rest []byte) {
	size, n := int(b[0]), 1
	if size >= 0x80 {
		size, n = longLen(b)
	}
	end := n + size
	return b[n:end:end], b[end:]
}

// longLen reads a length of more than one byte. Most lengths are of one, and
// who reads them does so in its own code.
func longLen(b []byte) (size, n int) {
	u, n := binary.Uvarint(b)
	return int(u), n
}

// lookup finds the entry of that name in entries sorted by name.
func lookup(rest []byte, name string) (Value, bool) {
	for len(rest) > 0 {
		var key []byte
		key, rest = cutPayload(rest)
		n := valueLen(rest)
		if string(key) == name {
			return Value(rest[:n:n]), true
		}
		if string(key) > name {
			break
		}
		rest = rest[n:]
	}
	return nil, false
}

func entries(b []byte) iter.Seq2[[]byte, Value] {
	return func(yield func([]byte, Value) bool) {
		for rest := b; len(rest) > 0; {
			var key []byte
			key, rest = cutPayload(rest)
			n := valueLen(rest)
			if !yield(key, Value(rest[:n:n])) {
				return
			}
			rest = rest[n:]
		}
	}
}
