package item

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func drawKey(t *rapid.T, typ Type, label string) Value {
	switch typ {
	case TypeS:
		return S(rapid.StringOf(rapid.SampledFrom([]rune{0, 1, 'a', 'b', 0xff, 0x10ffff})).Draw(t, label))
	case TypeB:
		return B(rapid.SliceOf(rapid.SampledFrom([]byte{0, 1, 2, 'a', 0xfe, 0xff})).Draw(t, label))
	default:
		return AppendN(nil, parse(t, drawNumber(t, label)))
	}
}

// Keys sort as values, no key is a prefix of another, and what follows a key
// plays no part in either; keys decode to what they were made of.
func TestKeyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom([]Type{TypeS, TypeN, TypeB}).Draw(t, "type")
		x, y := drawKey(t, typ, "x"), drawKey(t, typ, "y")
		tail := rapid.SliceOf(rapid.SampledFrom([]byte{0, 1, 0xff})).Draw(t, "tail")
		a, b := AppendKey(nil, x), AppendKey(nil, y)
		want, _ := Compare(x, y)
		if typ == TypeN {
			want = rational(t, x.Number().String()).Cmp(rational(t, y.Number().String()))
		}
		if got := bytes.Compare(a, b); got != want {
			t.Fatalf("%x against %x is %d, want %d", a, b, got, want)
		}
		if want != 0 && (bytes.HasPrefix(a, b) || bytes.HasPrefix(b, a)) {
			t.Fatalf("of %x and %x one is a prefix", a, b)
		}
		out, rest, err := DecodeKey([]byte("x"), typ, append(a, tail...))
		if err != nil || !bytes.Equal(out[1:], x) || !bytes.Equal(rest, tail) {
			t.Fatalf("%x decodes to %x, rest %x, %v", a, out, rest, err)
		}
	})
}

// A key begins with the prefix of v exactly when its value begins with v.
func TestKeyPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom([]Type{TypeS, TypeB}).Draw(t, "type")
		x, y := drawKey(t, typ, "x"), drawKey(t, typ, "y")
		prefix := AppendKeyPrefix(nil, y)
		got := bytes.HasPrefix(AppendKey(nil, x), prefix)
		want := bytes.HasPrefix(x.Bytes(), y.Bytes())
		if got != want {
			t.Fatalf("%x begins with %x: %v", x, y, got)
		}
	})
}

// Property: bytes that are no key are refused without a panic; a key that is
// accepted is the one that its value makes.
func FuzzDecodeKey(f *testing.F) {
	f.Add(uint8(TypeS), []byte("a\x00\xffb\x00\x01"))
	f.Add(uint8(TypeB), []byte("\x00\x01"))
	f.Add(uint8(TypeN), []byte("\x03\x82\x0b\x00"))
	f.Add(uint8(TypeN), []byte("\x01\x7d\xf4\xff"))
	f.Fuzz(func(t *testing.T, typ uint8, key []byte) {
		out, rest, err := DecodeKey(nil, Type(typ), key)
		if err != nil {
			return
		}
		if got := AppendKey(nil, out); !bytes.Equal(got, key[:len(key)-len(rest)]) {
			t.Fatalf("%x decodes to %x, whose key is %x", key, out, got)
		}
	})
}
