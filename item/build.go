package item

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/hortusdb/hortus/aws"
)

// AppendS appends a string value to dst. The text must be UTF-8.
func AppendS[T string | []byte](dst []byte, text T) []byte { return appendPayload(dst, tagS, text) }

// AppendB appends a binary value to dst.
func AppendB[T string | []byte](dst []byte, raw T) []byte { return appendPayload(dst, tagB, raw) }

// AppendN appends a number value to dst.
func AppendN(dst []byte, n Number) []byte { return appendPayload(dst, tagN, n) }

// AppendNumberText appends a number value to dst, from its text; see
// ParseNumber for the errors.
func AppendNumberText(dst, text []byte) ([]byte, error) {
	start := len(dst)
	dst, err := ParseNumber(append(dst, tagN, 0), text)
	if err != nil {
		return dst[:start], err
	}
	dst[start+1] = byte(len(dst) - start - 2)
	return dst, nil
}

// AppendBool appends a BOOL value to dst.
func AppendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, tagTrue)
	}
	return append(dst, tagFalse)
}

// AppendNull appends a NULL value to dst.
func AppendNull(dst []byte) []byte { return append(dst, tagNULL) }

// S returns a string value.
func S(text string) Value { return AppendS(nil, text) }

// B returns a binary value.
func B(raw []byte) Value { return AppendB(nil, raw) }

// N returns a number value, or ParseNumber's error.
func N(text string) (Value, error) {
	v, err := AppendNumberText(nil, []byte(text))
	return v, err
}

func appendPayload[T string | []byte | Number](dst []byte, tag byte, payload T) []byte {
	return appendBytes(append(dst, tag), payload)
}

// appendBytes appends a length and that many bytes.
func appendBytes[T string | []byte | Number](dst []byte, payload T) []byte {
	return append(appendLen(dst, len(payload)), payload...)
}

func appendLen(dst []byte, n int) []byte { return binary.AppendUvarint(dst, uint64(n)) }

// beginContainer appends the head of a list, map or set, for endContainer to
// fill in.
func beginContainer(dst []byte, tag byte) []byte {
	return append(dst, tag, 0, 0, 0, 0, 0, 0, 0, 0)
}

// endContainer fills in the head at start of the container that ends dst.
func endContainer(dst []byte, start, count int) {
	binary.LittleEndian.PutUint32(dst[start+1:], uint32(len(dst)-start-5))
	binary.LittleEndian.PutUint32(dst[start+5:], uint32(count))
}

// endItem fills in the count of the item at start, for which one byte was left.
func endItem(dst []byte, start, count int) []byte {
	if count < 0x80 {
		dst[start] = byte(count)
		return dst
	}
	var head [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], uint64(count))
	return slices.Replace(dst, start, start+1, head[:n]...)
}

// Entry is an attribute of an item or an entry of a map.
type Entry struct {
	Name  string
	Value Value
}

// Builder collects the attributes of an item or the entries of a map in any
// order. The zero value is empty.
type Builder struct{ entries []Entry }

// Reset empties the builder and keeps its memory.
func (b *Builder) Reset() { b.entries = b.entries[:0] }

// Len is the number of entries that were added.
func (b *Builder) Len() int { return len(b.entries) }

// Add adds an entry. Of equal names the last one stays.
func (b *Builder) Add(name string, v Value) { b.entries = append(b.entries, Entry{name, v}) }

// Item appends the item to dst and returns dst, longer.
func (b *Builder) Item(dst []byte) Item { return BuildItem(dst, b.entries) }

// Map appends the map to dst and returns dst, longer.
func (b *Builder) Map(dst []byte) Value { return BuildMap(dst, b.entries) }

// BuildItem appends an item of these attributes to dst. It sorts entries in
// place if they are not sorted; of equal names the last one stays.
func BuildItem(dst []byte, entries []Entry) Item {
	entries = sortEntries(entries)
	dst = binary.AppendUvarint(dst, uint64(len(entries)))
	return Item(appendEntries(dst, entries))
}

// BuildMap appends a map of these entries to dst; see BuildItem.
func BuildMap(dst []byte, entries []Entry) Value {
	entries = sortEntries(entries)
	start := len(dst)
	dst = appendEntries(beginContainer(dst, tagM), entries)
	endContainer(dst, start, len(entries))
	return Value(dst)
}

func appendEntries(dst []byte, entries []Entry) []byte {
	for _, e := range entries {
		dst = append(appendBytes(dst, e.Name), e.Value...)
	}
	return dst
}

// sortEntries sorts by name and keeps the last of equal names.
func sortEntries(entries []Entry) []Entry {
	sorted := true
	for i := 1; i < len(entries) && sorted; i++ {
		sorted = entries[i-1].Name < entries[i].Name
	}
	if sorted {
		return entries
	}
	slices.SortStableFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	kept := entries[:0]
	for i, e := range entries {
		if i+1 == len(entries) || entries[i+1].Name != e.Name {
			kept = append(kept, e)
		}
	}
	return kept
}

// BuildList appends a list of these elements to dst.
func BuildList(dst []byte, elems []Value) Value {
	start := len(dst)
	dst = beginContainer(dst, tagL)
	for _, e := range elems {
		dst = append(dst, e...)
	}
	endContainer(dst, start, len(elems))
	return Value(dst)
}

// BuildSet appends a set of type t to dst. The elements, of t's element type,
// may be in any order. No elements and equal elements are AWS's errors.
func BuildSet(dst []byte, t Type, elems []Value) (Value, error) {
	if !t.IsSet() {
		return dst, aws.Validation("%s is not the type of a set", t)
	}
	if len(elems) == 0 {
		return dst, errEmptySet(t)
	}
	payloads := make([][]byte, len(elems))
	for i, e := range elems {
		if e.Type() != t.Element() {
			return dst, aws.Validation("a set of type %s cannot hold a value of type %s", t, e.Type())
		}
		payloads[i] = e.Bytes()
	}
	slices.SortFunc(payloads, bytes.Compare)
	start := len(dst)
	dst = beginContainer(dst, typeTags[t])
	for i, p := range payloads {
		if i > 0 && bytes.Equal(payloads[i-1], p) {
			return dst[:start], errDuplicates(t, elems)
		}
		dst = appendBytes(dst, p)
	}
	endContainer(dst, start, len(payloads))
	return Value(dst), nil
}

// Union appends the set of the elements that a or b has. Both must be sets of
// one type.
func Union(dst []byte, a, b Value) Value {
	v, _ := mergeSets(dst, a, b, true)
	return v
}

// Difference appends the set of the elements of a that b lacks; false, and dst
// as it was, when there are none. Both must be sets of one type.
func Difference(dst []byte, a, b Value) (Value, bool) { return mergeSets(dst, a, b, false) }

func mergeSets(dst []byte, a, b Value, union bool) (Value, bool) {
	start, count := len(dst), 0
	dst = beginContainer(dst, a[0])
	x, y := a[headLen:], b[headLen:]
	for len(x) > 0 || union && len(y) > 0 {
		var p, q []byte
		afterX, afterY := x, y
		var order int
		switch {
		case len(x) == 0:
			q, afterY = cutPayload(y)
			order = 1
		case len(y) == 0:
			p, afterX = cutPayload(x)
			order = -1
		default:
			p, afterX = cutPayload(x)
			q, afterY = cutPayload(y)
			order = bytes.Compare(p, q)
		}
		if order <= 0 && (union || order < 0) {
			dst = appendBytes(dst, p)
			count++
		}
		if order > 0 && union {
			dst = appendBytes(dst, q)
			count++
		}
		if order <= 0 {
			x = afterX
		}
		if order >= 0 {
			y = afterY
		}
	}
	if count == 0 {
		return dst[:start], false
	}
	endContainer(dst, start, count)
	return dst, true
}

// errEmptySet is AWS's text, with its two spaces (recorded for SS and NS, as
// DynamoDB Local says it for BS).
func errEmptySet(t Type) *aws.Error {
	switch t {
	case TypeSS:
		return aws.InvalidParameter("An string set  may not be empty")
	case TypeNS:
		return aws.InvalidParameter("An number set  may not be empty")
	default:
		return aws.InvalidParameter("Binary sets should not be empty")
	}
}

// errDuplicates is AWS's text (recorded for SS, as DynamoDB Local says it for
// NS and BS). The elements are named in the order in which they were sent.
func errDuplicates(t Type, elems []Value) *aws.Error {
	switch t {
	case TypeSS:
		text := make([]string, len(elems))
		for i, e := range elems {
			text[i] = string(e.Bytes())
		}
		return aws.InvalidParameter("Input collection [%s] contains duplicates.", strings.Join(text, ", "))
	case TypeNS:
		return aws.Validation("Input collection contains duplicates")
	default: // Without a blank behind the list, as known from the live service.
		text := make([]string, len(elems))
		for i, e := range elems {
			text[i] = base64.StdEncoding.EncodeToString(e.Bytes())
		}
		return aws.InvalidParameter("Input collection [%s]of type BS contains duplicates.", strings.Join(text, ", "))
	}
}
