package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// String reads a string and returns its unescaped bytes, always valid UTF-8:
// a sub-slice of the data where the text has no escapes, else appended to
// scratch[:0]. Raw bytes that are not UTF-8, and unescaped control characters,
// are syntax errors; an escaped surrogate without its other half reads as
// U+FFFD.
func (s *Scanner) String(scratch []byte) ([]byte, error) {
	text, _, err := s.text(scratch)
	return text, err
}

// Text is String with the Scanner's own room for unescaped bytes: the result
// is good until the next call of Text.
func (s *Scanner) Text() ([]byte, error) {
	text, escaped, err := s.text(s.room)
	if escaped && err == nil {
		s.room = text
	}
	return text, err
}

// text is String, and tells whether the result lies in scratch.
func (s *Scanner) text(scratch []byte) (_ []byte, escaped bool, err error) {
	if s.space(); s.pos >= len(s.data) || s.data[s.pos] != '"' {
		return nil, false, s.fail("want a string")
	}
	start := s.pos + 1
	end, ascii := plainEnd(s.data, start)
	if end < len(s.data) && s.data[end] == '"' {
		text := s.data[start:end:end]
		if !ascii && !utf8.Valid(text) {
			return nil, false, s.fail("a string is not UTF-8")
		}
		s.pos = end + 1
		return text, false, nil
	}
	text, err := s.unescape(scratch[:0], start)
	return text, true, err
}

// skipString reads a string and checks it, without its unescaped text.
func (s *Scanner) skipString() error {
	i := s.pos + 1
	for {
		end, ascii := plainEnd(s.data, i)
		if !ascii && !utf8.Valid(s.data[i:end]) {
			return s.fail("a string is not UTF-8")
		}
		if end >= len(s.data) {
			return s.fail("a string has no end")
		}
		switch s.data[end] {
		case '"':
			s.pos = end + 1
			return nil
		case '\\':
			if _, i = escape(s.data, end); i < 0 {
				return s.fail("a string has a bad escape")
			}
		default:
			return s.fail("a string has a bare control character")
		}
	}
}

// unescape appends the string whose text begins at i, and reads it.
func (s *Scanner) unescape(dst []byte, i int) ([]byte, error) {
	for {
		end, ascii := plainEnd(s.data, i)
		if !ascii && !utf8.Valid(s.data[i:end]) {
			return nil, s.fail("a string is not UTF-8")
		}
		dst = append(dst, s.data[i:end]...)
		if end >= len(s.data) {
			return nil, s.fail("a string has no end")
		}
		switch s.data[end] {
		case '"':
			s.pos = end + 1
			return dst, nil
		case '\\':
			var r rune
			if r, i = escape(s.data, end); i < 0 {
				return nil, s.fail("a string has a bad escape")
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return nil, s.fail("a string has a bare control character")
		}
	}
}

// escape reads the escape at i and returns its rune and where it ends, or a
// negative end when it is none.
func escape(b []byte, i int) (rune, int) {
	if i+1 >= len(b) {
		return 0, -1
	}
	switch c := b[i+1]; c {
	case '"', '\\', '/':
		return rune(c), i + 2
	case 'b':
		return '\b', i + 2
	case 'f':
		return '\f', i + 2
	case 'n':
		return '\n', i + 2
	case 'r':
		return '\r', i + 2
	case 't':
		return '\t', i + 2
	case 'u':
		r := hex4(b, i+2)
		if r < 0 {
			return 0, -1
		}
		if !utf16.IsSurrogate(r) {
			return r, i + 6
		}
		if i+7 < len(b) && b[i+6] == '\\' && b[i+7] == 'u' {
			if pair := utf16.DecodeRune(r, hex4(b, i+8)); pair != utf8.RuneError {
				return pair, i + 12
			}
		}
		return utf8.RuneError, i + 6
	}
	return 0, -1
}

// hex4 reads four hexadecimal digits at i, or returns -1.
func hex4(b []byte, i int) rune {
	if len(b)-i < 4 {
		return -1
	}
	var r rune
	for _, c := range b[i : i+4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c-'a' <= 5:
			c -= 'a' - 10
		case c-'A' <= 5:
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// plainEnd returns the index, from i on, of the first quote, backslash or
// control character, or len(b); and whether all bytes before it are ASCII.
func plainEnd(b []byte, i int) (int, bool) {
	var high uint64
	for word := 0; i+8 <= len(b); i += 8 {
		if word++; word == 3 { // Most strings are short: no block is tried for them.
			for i+plainBlock <= len(b) && isPlainBlock((*[plainBlock]byte)(b[i:])) {
				i += plainBlock
			}
			if i+8 > len(b) {
				break
			}
		}
		w := binary.LittleEndian.Uint64(b[i:])
		if m := special(w); m != 0 {
			n := bits.TrailingZeros64(m)
			high |= w & (1<<uint(n) - 1)
			return i + n/8, high&highs == 0
		}
		high |= w
	}
	for ; i < len(b); i++ {
		c := b[i]
		if c == '"' || c == '\\' || c < ' ' {
			break
		}
		high |= uint64(c)
	}
	return i, high&highs == 0
}

const plainBlock = 32

// isPlainBlock reports whether all bytes are ASCII and none is special. For
// words without a high bit, the subtractions alone tell: a borrow sets one.
func isPlainBlock(b *[plainBlock]byte) bool {
	return (plainWord(binary.LittleEndian.Uint64(b[0:]))|plainWord(binary.LittleEndian.Uint64(b[8:]))|
		plainWord(binary.LittleEndian.Uint64(b[16:]))|plainWord(binary.LittleEndian.Uint64(b[24:])))&highs == 0
}

// plainWord has no high bit where all bytes of w are ASCII and none is special.
func plainWord(w uint64) uint64 {
	return w | (w - ones*' ') | (w ^ ones*'"' - ones) | (w ^ ones*'\\' - ones)
}

// special marks, by its high bit, each byte of w that is a quote, a backslash
// or a control character. The lowest mark is exact; bytes above it may be
// marked wrongly, by the borrow.
func special(w uint64) uint64 {
	q := w ^ ones*'"'
	e := w ^ ones*'\\'
	return ((q-ones)&^q | (e-ones)&^e | (w-ones*' ')&^w) & highs
}

// AppendString appends s, which must be UTF-8, as a JSON string. Only what
// JSON demands is escaped, in the way AWS does: short escapes where there are
// any, \u00XX in capitals for other control characters, no slash and no HTML.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	start := len(dst)
	dst = append(dst, s...)
	if end, _ := plainEnd(dst, start); end < len(dst) {
		dst = appendEscaped(dst[:end], s[end-start:])
	}
	return append(dst, '"')
}

func appendEscaped[T string | []byte](dst []byte, s T) []byte {
	plain := 0 // Up to here s is written.
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[plain:i]...)
		plain = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', capitals[c>>4], capitals[c&15])
		}
	}
	return append(dst, s[plain:]...)
}

const capitals = "0123456789ABCDEF"
