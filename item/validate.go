package item

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Validate checks that it is one item in canonical stored form, or empty. It
// is for bytes of unknown origin, from a disk or a peer, and never panics.
func Validate(it Item) error {
	if len(it) == 0 {
		return nil
	}
	count, rest, err := cutUvarint(it)
	if err != nil {
		return err
	}
	if rest, err = checkEntries(rest, count, 1); err != nil {
		return err
	}
	if len(rest) > 0 {
		return errors.New("item: bytes after the last attribute")
	}
	return nil
}

// ValidateValue checks that v is one value in canonical stored form.
func ValidateValue(v Value) error {
	rest, err := checkValue(v, 1)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return errors.New("item: bytes after the value")
	}
	return nil
}

var errShort = errors.New("item: the bytes end too early")

// cutUvarint cuts a number in its shortest form from the front of b.
func cutUvarint(b []byte) (uint64, []byte, error) {
	u, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, errShort
	}
	if n > 1 && b[n-1] == 0 {
		return 0, nil, errors.New("item: a length is longer than it needs to be")
	}
	return u, b[n:], nil
}

// checkPayload cuts a length and that many bytes from the front of b.
func checkPayload(b []byte) (payload, rest []byte, err error) {
	size, b, err := cutUvarint(b)
	if err != nil {
		return nil, nil, err
	}
	if size > uint64(len(b)) {
		return nil, nil, errShort
	}
	return b[:size], b[size:], nil
}

func checkEntries(b []byte, count uint64, depth int) ([]byte, error) {
	var last []byte
	for i := range count {
		name, rest, err := checkPayload(b)
		if err != nil {
			return nil, err
		}
		if len(name) == 0 || !utf8.Valid(name) {
			return nil, fmt.Errorf("item: %q is no name", name)
		}
		if i > 0 && bytes.Compare(last, name) >= 0 {
			return nil, fmt.Errorf("item: name %q is out of order", name)
		}
		last = name
		if b, err = checkValue(rest, depth); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// checkValue checks the value that b begins with and returns what follows it.
func checkValue(b []byte, depth int) ([]byte, error) {
	if len(b) == 0 {
		return nil, errShort
	}
	switch tag := b[0]; tag {
	case tagFalse, tagTrue, tagNULL:
		return b[1:], nil
	case tagS, tagN, tagB:
		payload, rest, err := checkPayload(b[1:])
		if err != nil {
			return nil, err
		}
		return rest, checkScalar(tagTypes[tag], payload)
	case tagL, tagM, tagSS, tagNS, tagBS:
		return checkContainer(b, depth)
	default:
		return nil, fmt.Errorf("item: %d is no tag", tag)
	}
}

func checkContainer(b []byte, depth int) ([]byte, error) {
	if len(b) < headLen {
		return nil, errShort
	}
	size := uint64(binary.LittleEndian.Uint32(b[1:]))
	if size < 4 || size > uint64(len(b)-5) {
		return nil, errShort
	}
	count := uint64(binary.LittleEndian.Uint32(b[5:]))
	body, rest := b[headLen:5+size], b[5+size:]
	var err error
	switch t := tagTypes[b[0]]; t {
	case TypeM, TypeL:
		if depth == MaxDepth {
			return nil, errors.New("item: nested too deeply")
		}
		body, err = checkElements(t, body, count, depth+1)
	default:
		body, err = checkSet(t, body, count)
	}
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		return nil, errors.New("item: bytes after the last element")
	}
	return rest, nil
}

// checkElements checks the elements of a list or map, which makes level depth.
func checkElements(t Type, b []byte, count uint64, depth int) ([]byte, error) {
	if t == TypeM {
		return checkEntries(b, count, depth)
	}
	var err error
	for i := uint64(0); i < count && err == nil; i++ {
		b, err = checkValue(b, depth)
	}
	return b, err
}

func checkSet(t Type, b []byte, count uint64) ([]byte, error) {
	if count == 0 {
		return nil, errors.New("item: an empty set")
	}
	var last []byte
	for i := range count {
		payload, rest, err := checkPayload(b)
		if err != nil {
			return nil, err
		}
		if err := checkScalar(t.Element(), payload); err != nil {
			return nil, err
		}
		if i > 0 && bytes.Compare(last, payload) >= 0 {
			return nil, errors.New("item: an element of a set is out of order")
		}
		last, b = payload, rest
	}
	return b, nil
}

func checkScalar(t Type, payload []byte) error {
	if t == TypeS && !utf8.Valid(payload) {
		return errors.New("item: a string is not UTF-8")
	}
	if t == TypeN && (len(payload) == 0 || numberLen(payload) != len(payload)) {
		return errors.New("item: bytes that are no number")
	}
	return nil
}

// numberLen is the length of the canonical Number that b begins with, or 0.
func numberLen(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	var flip byte
	switch b[0] {
	case signZero:
		return 1
	case signNegative:
		flip = 0xff
	case signPositive:
	default:
		return 0
	}
	for i := 2; i < len(b) && i < maxNumberLen; i++ {
		if c := b[i] ^ flip; c == 0 {
			// The first digit and the last are not zero.
			if i < 3 || b[2]^flip < 11 || b[i-1]^flip < 2 {
				return 0
			}
			return i + 1
		} else if c > 100 {
			return 0
		}
	}
	return 0
}
