package item

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/jsonscan"
)

// Decoder turns JSON attribute values into the stored form, in one pass. It
// keeps its working memory from one call to the next; the zero value is ready.
// A Decoder serves one goroutine at a time.
//
// Errors are *aws.Error of two codes. A SerializationException (the text is no
// JSON, or not of the shape) leaves the scanner where the fault is; nothing
// after it can be read. A ValidationException (a value that the shape allows
// and DynamoDB does not) is reported after the whole value was read, so that a
// caller who collects errors in AWS's order can go on with the scanner.
type Decoder struct {
	spans   []span // Entries of the maps, elements of the sets, that are open.
	scratch []byte
	invalid *aws.Error // The first ValidationException.
}

// span is where an entry or an element of a set lies in the output.
type span struct {
	start      int // Of the length that comes before the name or the payload.
	name, stop int // The name of an entry, the payload of an element.
	end        int
}

// Item reads a JSON object of attribute values and appends it to dst as an
// Item. On an error dst comes back as it was. Of equal names the last one
// stays.
func (d *Decoder) Item(s *jsonscan.Scanner, dst []byte) ([]byte, error) {
	d.reset()
	start := len(dst)
	out, count, err := d.entries(s, append(dst, 0), 1)
	if err != nil {
		return dst, err
	}
	if d.invalid != nil {
		return dst, d.invalid
	}
	return endItem(out, start, count), nil
}

// Value reads one JSON attribute value and appends it to dst as a Value. On an
// error dst comes back as it was.
func (d *Decoder) Value(s *jsonscan.Scanner, dst []byte) ([]byte, error) {
	d.reset()
	out, err := d.value(s, dst, 1)
	if err != nil {
		return dst, err
	}
	if d.invalid != nil {
		return dst, d.invalid
	}
	return out, nil
}

func (d *Decoder) reset() { d.spans, d.invalid = d.spans[:0], nil }

func (d *Decoder) reject(err *aws.Error) {
	if d.invalid == nil {
		d.invalid = err
	}
}

// entries reads an object of attribute values, which makes level depth, and
// appends its entries, sorted.
func (d *Decoder) entries(s *jsonscan.Scanner, dst []byte, depth int) ([]byte, int, error) {
	if err := wantObject(s, attributeMap); err != nil {
		return nil, 0, err
	}
	base, body, sorted := len(d.spans), len(dst), true
	for {
		name, more, err := s.NextKey()
		if err != nil {
			return nil, 0, malformed(err)
		}
		if !more {
			break
		}
		switch {
		case len(name) == 0:
			d.reject(aws.Validation("Empty attribute name"))
		case len(name) > MaxName:
			d.reject(aws.Validation("Attribute name is too large, must be less than %d bytes", MaxName+1))
		}
		sp := span{start: len(dst)}
		dst = appendBytes(dst, name)
		sp.stop = len(dst)
		sp.name = sp.stop - len(name)
		if n := len(d.spans); n > base && sorted {
			last := d.spans[n-1]
			sorted = bytes.Compare(dst[last.name:last.stop], dst[sp.name:sp.stop]) < 0
		}
		if dst, err = d.value(s, dst, depth); err != nil {
			return nil, 0, err
		}
		sp.end = len(dst)
		d.spans = append(d.spans, sp)
	}
	spans := d.spans[base:]
	d.spans = d.spans[:base]
	if sorted {
		return dst, len(spans), nil
	}
	sortSpans(spans, dst)
	d.scratch = d.scratch[:0]
	count := 0
	for i, sp := range spans {
		if i+1 < len(spans) && bytes.Equal(dst[sp.name:sp.stop], dst[spans[i+1].name:spans[i+1].stop]) {
			continue
		}
		d.scratch = append(d.scratch, dst[sp.start:sp.end]...)
		count++
	}
	return append(dst[:body], d.scratch...), count, nil
}

// sortSpans sorts by name or payload, equals in the order of the text.
func sortSpans(spans []span, data []byte) {
	slices.SortFunc(spans, func(a, b span) int {
		if c := bytes.Compare(data[a.name:a.stop], data[b.name:b.stop]); c != 0 {
			return c
		}
		return a.start - b.start
	})
}

var (
	errNoType    = aws.Validation("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	errManyTypes = aws.Validation("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	errNotTrue   = aws.InvalidParameter("Null attribute value types must have the value of true")
	errTooDeep   = aws.Validation("Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit")
)

// value reads an attribute value that lies in depth levels, the item included.
func (d *Decoder) value(s *jsonscan.Scanner, dst []byte, depth int) ([]byte, error) {
	if s.Peek() == jsonscan.Null { // A member without a value.
		d.reject(errNoType)
		return AppendNull(dst), malformed(s.Null())
	}
	if err := wantObject(s, attributeValue); err != nil {
		return nil, err
	}
	start, found := len(dst), Type(0)
	for {
		key, more, err := s.NextKey()
		if err != nil {
			return nil, malformed(err)
		}
		if !more {
			break
		}
		t := typeOf(key)
		kind := s.Peek()
		if t == 0 || kind == jsonscan.Null {
			if err := s.Skip(); err != nil {
				return nil, malformed(err)
			}
			continue
		}
		if found != 0 && found != t {
			d.reject(errManyTypes)
		}
		found = t
		if dst, err = d.payload(s, dst[:start], t, kind, depth); err != nil {
			return nil, err
		}
	}
	if found == 0 {
		d.reject(errNoType)
		return AppendNull(dst), nil
	}
	return dst, nil
}

func typeOf(key []byte) Type {
	switch string(key) {
	case "S":
		return TypeS
	case "N":
		return TypeN
	case "B":
		return TypeB
	case "BOOL":
		return TypeBOOL
	case "NULL":
		return TypeNULL
	case "L":
		return TypeL
	case "M":
		return TypeM
	case "SS":
		return TypeSS
	case "NS":
		return TypeNS
	case "BS":
		return TypeBS
	}
	return 0
}

// payload reads what stands after the name of a type, and appends the value.
func (d *Decoder) payload(s *jsonscan.Scanner, dst []byte, t Type, kind jsonscan.Kind, depth int) ([]byte, error) {
	switch t {
	case TypeS, TypeN, TypeB:
		return d.scalar(s, append(dst, typeTags[t]), t, kind)
	case TypeBOOL:
		b, err := boolean(s, kind)
		return AppendBool(dst, b), err
	case TypeNULL:
		b, err := boolean(s, kind)
		if err == nil && !b {
			d.reject(errNotTrue)
		}
		return AppendNull(dst), err
	case TypeSS, TypeNS, TypeBS:
		return d.set(s, dst, t, kind)
	default: // What can hold others.
	}
	if t == TypeL && kind != jsonscan.Array {
		return nil, listMismatch(kind)
	}
	if t == TypeM && kind != jsonscan.Object {
		return nil, mapMismatch(kind, attributeMap)
	}
	if depth == MaxDepth {
		d.reject(errTooDeep)
		return AppendNull(dst), malformed(s.Skip())
	}
	if t == TypeL {
		return d.list(s, dst, depth+1)
	}
	start := len(dst)
	dst, count, err := d.entries(s, beginContainer(dst, tagM), depth+1)
	if err != nil {
		return nil, err
	}
	endContainer(dst, start, count)
	return dst, nil
}

func (d *Decoder) list(s *jsonscan.Scanner, dst []byte, depth int) ([]byte, error) {
	if err := s.BeginArray(); err != nil {
		return nil, malformed(err)
	}
	start, count := len(dst), 0
	dst = beginContainer(dst, tagL)
	for {
		more, err := s.NextElem()
		if err != nil {
			return nil, malformed(err)
		}
		if !more {
			break
		}
		if dst, err = d.value(s, dst, depth); err != nil {
			return nil, err
		}
		count++
	}
	endContainer(dst, start, count)
	return dst, nil
}

// scalar reads a string and appends it as the payload of type t.
func (d *Decoder) scalar(s *jsonscan.Scanner, dst []byte, t Type, kind jsonscan.Kind) ([]byte, error) {
	if kind != jsonscan.String {
		return nil, scalarMismatch(s, t, kind)
	}
	text, err := s.Text()
	if err != nil {
		return nil, malformed(err)
	}
	switch t {
	case TypeS:
		return appendBytes(dst, text), nil
	case TypeB:
		return appendBase64(dst, text)
	default: // A number.
	}
	var num decimal
	if err := num.parse(text); err != nil {
		d.reject(err)
	}
	start := len(dst)
	dst = num.append(append(dst, 0))
	dst[start] = byte(len(dst) - start - 1)
	return dst, nil
}

// set reads a list of strings and appends a set of type t.
func (d *Decoder) set(s *jsonscan.Scanner, dst []byte, t Type, kind jsonscan.Kind) ([]byte, error) {
	if kind != jsonscan.Array {
		return nil, listMismatch(kind)
	}
	if err := s.BeginArray(); err != nil {
		return nil, malformed(err)
	}
	start, base, sorted := len(dst), len(d.spans), true
	before := d.invalid
	dst = beginContainer(dst, typeTags[t])
	for {
		more, err := s.NextElem()
		if err != nil {
			return nil, malformed(err)
		}
		if !more {
			break
		}
		kind := s.Peek()
		if kind == jsonscan.Null {
			d.reject(errNullElement(t))
			if err := s.Null(); err != nil {
				return nil, malformed(err)
			}
			continue
		}
		sp := span{start: len(dst)}
		if dst, err = d.scalar(s, dst, t.Element(), kind); err != nil {
			return nil, err
		}
		_, n := binary.Uvarint(dst[sp.start:])
		sp.name, sp.stop, sp.end = sp.start+n, len(dst), len(dst)
		if n := len(d.spans); n > base && sorted {
			last := d.spans[n-1]
			sorted = bytes.Compare(dst[last.name:last.stop], dst[sp.name:sp.stop]) < 0
		}
		d.spans = append(d.spans, sp)
	}
	spans := d.spans[base:]
	d.spans = d.spans[:base]
	if len(spans) == 0 {
		d.reject(errEmptySet(t))
	}
	if !sorted && d.invalid == before {
		d.sortSet(dst[start+headLen:start+headLen], dst, spans, t)
	}
	endContainer(dst, start, len(spans))
	return dst, nil
}

// sortSet puts a set's elements, which lie in data, in order at out. Equal
// elements are AWS's error.
func (d *Decoder) sortSet(out, data []byte, spans []span, t Type) {
	sortSpans(spans, data)
	d.scratch = d.scratch[:0]
	for i, sp := range spans {
		if i > 0 && bytes.Equal(data[spans[i-1].name:spans[i-1].stop], data[sp.name:sp.stop]) {
			slices.SortFunc(spans, func(a, b span) int { return a.start - b.start })
			elems := make([]Value, len(spans))
			for j, e := range spans {
				elems[j] = appendPayload(nil, typeTags[t.Element()], data[e.name:e.stop])
			}
			d.reject(errDuplicates(t, elems))
			return
		}
		d.scratch = append(d.scratch, data[sp.start:sp.end]...)
	}
	_ = append(out, d.scratch...)
}

// boolean reads true or false. A string is taken for a truth value, as the
// service does (recorded): "true" in any case is true, all else false.
func boolean(s *jsonscan.Scanner, kind jsonscan.Kind) (bool, error) {
	switch kind {
	case jsonscan.True, jsonscan.False:
		b, err := s.Bool()
		return b, malformed(err)
	case jsonscan.String:
		text, err := s.Text()
		return bytes.EqualFold(text, []byte("true")), malformed(err)
	}
	return false, scalarMismatch(s, TypeBOOL, kind)
}

// appendBase64 appends the length and the bytes that text encodes.
func appendBase64(dst, text []byte) ([]byte, error) {
	if len(text)%4 != 0 {
		return nil, aws.Serialization("Base64 encoded length is expected a multiple of 4 bytes but found: " + strconv.Itoa(len(text)))
	}
	size := len(text) / 4 * 3
	for i := len(text) - 1; i >= 0 && i >= len(text)-2 && text[i] == '='; i-- {
		size--
	}
	dst = slices.Grow(binary.AppendUvarint(dst, uint64(size)), size+2)
	n, err := base64.StdEncoding.Strict().Decode(dst[len(dst):cap(dst)], text)
	if err != nil || n != size {
		return nil, aws.Serialization("Invalid last non-pad Base64 character dectected")
	}
	return dst[:len(dst)+n], nil
}
