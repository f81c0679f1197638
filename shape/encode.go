package shape

import (
	"encoding/base64"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/document"
	"github.com/aws/smithy-go/traits"

	"github.com/hortusdb/hortus/invariant"
	"github.com/hortusdb/hortus/jsonscan"
)

// Encode appends out, an output or nested type of the SDK, as JSON. nil is the
// output of an operation that has none: {}.
func Encode(dst []byte, out smithy.Serializable) []byte {
	return Encoder{}.Encode(dst, out)
}

// Encoder writes the SDK's types as the AWS JSON protocol has them on the wire:
// members in the SDK's order, absent ones left out, times as epoch seconds with
// at most three decimals, blobs in base64.
type Encoder struct {
	// Extra, if not nil, returns further members of a structure that is about
	// to end, for what the SDK's types lack: whole members with commas between,
	// `"Name":1,"Other":{}`, or nothing. The argument is the shape's name, as in
	// "TableDescription".
	Extra func(structure string) []byte
}

// Encode appends out as JSON.
func (e Encoder) Encode(dst []byte, out smithy.Serializable) []byte {
	if out == nil {
		return append(dst, "{}"...)
	}
	s := serializer{buf: dst, extra: e.Extra}
	s.open = s.room[:0]
	out.Serialize(&s)
	invariant.Assert(len(s.open) == 0, "a type closes what it opens")
	return s.buf
}

type serializer struct {
	buf   []byte
	extra func(string) []byte
	open  []container
	room  [16]container
}

// container is an object or array that was begun.
type container struct {
	schema *smithy.Schema // Of a structure.
	object bool           // Members' names come from their schemas.
	some   bool           // It is not empty: a comma is due.
	named  bool           // The name of the next value is written.
}

var _ smithy.ShapeSerializer = (*serializer)(nil)

// Bytes returns the text so far.
func (s *serializer) Bytes() []byte { return s.buf }

// begin writes what goes before a value: a comma, a name.
func (s *serializer) begin(schema *smithy.Schema) {
	if len(s.open) == 0 {
		return
	}
	c := &s.open[len(s.open)-1]
	if c.named {
		c.named = false
		return
	}
	if c.some {
		s.buf = append(s.buf, ',')
	}
	c.some = true
	if c.object {
		s.buf = append(jsonscan.AppendString(s.buf, schema.MemberName()), ':')
	}
}

func (s *serializer) push(bracket byte, c container) {
	s.buf = append(s.buf, bracket)
	s.open = append(s.open, c)
}

func (s *serializer) pop(bracket byte) {
	s.open = s.open[:len(s.open)-1]
	s.buf = append(s.buf, bracket)
}

func (s *serializer) WriteInt8(schema *smithy.Schema, v int8)   { s.WriteInt64(schema, int64(v)) }
func (s *serializer) WriteInt16(schema *smithy.Schema, v int16) { s.WriteInt64(schema, int64(v)) }
func (s *serializer) WriteInt32(schema *smithy.Schema, v int32) { s.WriteInt64(schema, int64(v)) }

func (s *serializer) WriteInt64(schema *smithy.Schema, v int64) {
	s.begin(schema)
	s.buf = strconv.AppendInt(s.buf, v, 10)
}

func (s *serializer) WriteFloat32(schema *smithy.Schema, v float32) {
	s.float(schema, float64(v), 32)
}

func (s *serializer) WriteFloat64(schema *smithy.Schema, v float64) {
	s.float(schema, v, 64)
}

func (s *serializer) float(schema *smithy.Schema, v float64, bits int) {
	s.begin(schema)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		s.buf = append(appendDouble(append(s.buf, '"'), v, bits), '"')
		return
	}
	s.buf = appendDouble(s.buf, v, bits)
}

func (s *serializer) WriteBool(schema *smithy.Schema, v bool) {
	s.begin(schema)
	s.buf = strconv.AppendBool(s.buf, v)
}

func (s *serializer) WriteString(schema *smithy.Schema, v string) {
	s.begin(schema)
	s.buf = jsonscan.AppendString(s.buf, v)
}

func (s *serializer) WriteBigInt(schema *smithy.Schema, v *big.Int) {
	s.begin(schema)
	s.buf = v.Append(s.buf, 10)
}

func (s *serializer) WriteBigFloat(schema *smithy.Schema, v *big.Float) {
	s.begin(schema)
	s.buf = v.Append(s.buf, 'g', -1)
}

func (s *serializer) WriteBlob(schema *smithy.Schema, v []byte) {
	s.begin(schema)
	s.buf = append(base64.StdEncoding.AppendEncode(append(s.buf, '"'), v), '"')
}

// WriteTime writes epoch seconds, unless the schema asks for another format.
func (s *serializer) WriteTime(schema *smithy.Schema, v time.Time) {
	format, _ := smithy.SchemaTrait[*traits.TimestampFormat](schema)
	s.begin(schema)
	switch {
	case format != nil && format.Format == "date-time":
		s.buf = append(v.UTC().AppendFormat(append(s.buf, '"'), "2006-01-02T15:04:05.999Z"), '"')
	case format != nil && format.Format == "http-date":
		s.buf = append(v.UTC().AppendFormat(append(s.buf, '"'), "Mon, 02 Jan 2006 15:04:05 GMT"), '"')
	default:
		s.buf = appendEpoch(s.buf, v)
	}
}

// appendEpoch writes seconds since 1970, with the milliseconds if there are
// any; smaller parts are cut.
func appendEpoch(dst []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms < 0 {
		dst, ms = append(dst, '-'), -ms
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	if ms %= 1000; ms == 0 {
		return dst
	}
	dst = append(dst, '.', byte('0'+ms/100))
	if ms%100 != 0 {
		dst = append(dst, byte('0'+ms/10%10))
	}
	if ms%10 != 0 {
		dst = append(dst, byte('0'+ms%10))
	}
	return dst
}

func (s *serializer) WriteNil(schema *smithy.Schema) {
	s.begin(schema)
	s.buf = append(s.buf, "null"...)
}

// WriteDocument breaks an invariant: no service here has document types.
func (s *serializer) WriteDocument(schema *smithy.Schema, _ document.Value) {
	invariant.Assert(false, "document types are not written", "member", schema.MemberName())
}

func (s *serializer) WriteStruct(schema *smithy.Schema) {
	s.begin(schema)
	s.push('{', container{schema: schema, object: true})
}

func (s *serializer) CloseStruct() {
	if s.extra != nil {
		c := &s.open[len(s.open)-1]
		if more := s.extra(shapeName(c.schema)); len(more) > 0 {
			if c.some {
				s.buf = append(s.buf, ',')
			}
			s.buf = append(s.buf, more...)
		}
	}
	s.pop('}')
}

func (s *serializer) WriteUnion(schema, variant *smithy.Schema) {
	s.begin(schema)
	s.push('{', container{object: true, some: true, named: true})
	s.buf = append(jsonscan.AppendString(s.buf, variant.MemberName()), ':')
}

func (s *serializer) CloseUnion() { s.pop('}') }

func (s *serializer) WriteList(schema *smithy.Schema) {
	s.begin(schema)
	s.push('[', container{})
}

func (s *serializer) CloseList() { s.pop(']') }

func (s *serializer) WriteMap(schema *smithy.Schema) {
	s.begin(schema)
	s.push('{', container{})
}

func (s *serializer) WriteKey(_ *smithy.Schema, key string) {
	c := &s.open[len(s.open)-1]
	if c.some {
		s.buf = append(s.buf, ',')
	}
	c.some, c.named = true, true
	s.buf = append(jsonscan.AppendString(s.buf, key), ':')
}

func (s *serializer) CloseMap() { s.pop('}') }
