package item

import (
	"bytes"
	"errors"

	"github.com/hortusdb/hortus/invariant"
)

// Limits of key attributes in bytes (documented).
const (
	MaxPartitionKeyLen = 2048
	MaxSortKeyLen      = 1024
)

// In a key a zero byte of the payload is escaped, and the end is marked.
const (
	keyZero = 0x00
	keyEsc  = 0xff
	keyEnd  = 0x01
)

// AppendKey appends v, of type S, N or B, in key order: for values of one
// type, bytes.Compare of what was appended orders as the values do, and none is
// a prefix of another. The type is not part of it.
func AppendKey(dst []byte, v Value) []byte {
	payload := v.Bytes()
	switch t := v.Type(); t {
	case TypeN:
		return append(dst, payload...)
	default:
		invariant.Assert(t == TypeS || t == TypeB, "only S, N and B are keys", "type", t)
		return append(AppendKeyPrefix(dst, v), keyZero, keyEnd)
	}
}

// AppendKeyPrefix appends an S or B in key order without its end: every key of
// a string or binary that begins with v begins with it, and no other.
func AppendKeyPrefix(dst []byte, v Value) []byte {
	payload := v.Bytes()
	for {
		i := bytes.IndexByte(payload, 0)
		if i < 0 {
			return append(dst, payload...)
		}
		dst = append(append(dst, payload[:i]...), keyZero, keyEsc)
		payload = payload[i+1:]
	}
}

var errKey = errors.New("item: bytes that are no key")

// SkipKey returns what follows the key of type t that b begins with.
func SkipKey(t Type, b []byte) (rest []byte, err error) {
	if t == TypeN {
		n := numberLen(b)
		if n == 0 {
			return nil, errKey
		}
		return b[n:], nil
	}
	for {
		i := bytes.IndexByte(b, keyZero)
		if i < 0 || i+1 == len(b) {
			return nil, errKey
		}
		switch b[i+1] {
		case keyEnd:
			return b[i+2:], nil
		case keyEsc:
			b = b[i+2:]
		default:
			return nil, errKey
		}
	}
}

// DecodeKey appends to dst the value of type t whose key b begins with, and
// returns what follows the key.
func DecodeKey(dst []byte, t Type, b []byte) (out, rest []byte, err error) {
	if t < TypeS || t > TypeB {
		return dst, nil, errKey
	}
	if rest, err = SkipKey(t, b); err != nil {
		return dst, nil, err
	}
	key := b[:len(b)-len(rest)]
	if t == TypeN {
		return AppendN(dst, Number(key)), rest, nil
	}
	key = key[:len(key)-2]
	zeros := bytes.Count(key, []byte{keyZero})
	dst = appendLen(append(dst, typeTags[t]), len(key)-zeros)
	for {
		i := bytes.IndexByte(key, keyZero)
		if i < 0 {
			return append(dst, key...), rest, nil
		}
		dst = append(dst, key[:i+1]...)
		key = key[i+2:]
	}
}
