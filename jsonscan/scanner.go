// Package jsonscan reads and writes JSON text in place: a pull scanner over a
// byte slice, without a tree and, in steady state, without allocations.
package jsonscan

import (
	"strconv"
)

// MaxDepth is how many objects and arrays may be open at once. It is far above
// what a legal request needs and bounds what a hostile one can cost.
const MaxDepth = 1000

// Kind is what stands next in the text.
type Kind uint8

// The kinds that Peek tells apart. Invalid is a byte that begins no value.
const (
	Invalid Kind = iota
	End
	Object
	Array
	String
	Number
	True
	False
	Null
)

var kindNames = [...]string{"Invalid", "End", "Object", "Array", "String", "Number", "True", "False", "Null"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// SyntaxError says that the text is not JSON, and where.
type SyntaxError struct {
	Offset  int // Bytes before the fault.
	Message string
}

func (e *SyntaxError) Error() string {
	return "jsonscan: " + e.Message + " at offset " + strconv.Itoa(e.Offset)
}

// Scanner reads one JSON text. The caller asks for what it expects; asking for
// what is not there is a SyntaxError, so a caller that wants to word the
// mismatch itself looks with Peek first. After an error the Scanner's position
// is of no use. The zero value reads an empty text.
//
//	for err := s.BeginObject(); ; {
//		key, more, err := s.NextKey() // then read exactly one value
//	}
type Scanner struct {
	data  []byte
	pos   int
	depth int
	fresh bool   // The innermost container was opened and nothing read from it.
	key   []byte // Room for a name that has escapes.
	room  []byte // The same for Text.
}

// Reset begins a new text. The Scanner keeps data and returns slices of it.
func (s *Scanner) Reset(data []byte) {
	s.data, s.pos, s.depth, s.fresh = data, 0, 0, false
}

// Offset is the number of bytes read.
func (s *Scanner) Offset() int { return s.pos }

// Raw returns the text from start, an earlier Offset, to here. It shares the
// scanner's data.
func (s *Scanner) Raw(start int) []byte { return s.data[start:s.pos:s.pos] }

// Depth is the number of objects and arrays that are open.
func (s *Scanner) Depth() int { return s.depth }

// Peek skips white space and tells what stands next, without reading it.
func (s *Scanner) Peek() Kind {
	if s.space(); s.pos >= len(s.data) {
		return End
	}
	switch c := s.data[s.pos]; c {
	case '{':
		return Object
	case '[':
		return Array
	case '"':
		return String
	case 't':
		return True
	case 'f':
		return False
	case 'n':
		return Null
	default:
		if c == '-' || c-'0' <= 9 {
			return Number
		}
		return Invalid
	}
}

// Finish fails unless only white space is left.
func (s *Scanner) Finish() error {
	if s.space(); s.pos < len(s.data) {
		return s.fail("text after the end of the value")
	}
	return nil
}

// BeginObject reads the brace that opens an object.
func (s *Scanner) BeginObject() error { return s.begin('{', "want an object") }

// BeginArray reads the bracket that opens an array.
func (s *Scanner) BeginArray() error { return s.begin('[', "want an array") }

// NextKey reads the next member's name and colon, or the object's closing
// brace, when more is false. The name is unescaped; it is good until the next
// call of NextKey. The caller must read exactly one value before that.
func (s *Scanner) NextKey() (key []byte, more bool, err error) {
	if more, err = s.next('}'); !more || err != nil {
		return nil, false, err
	}
	key, escaped, err := s.text(s.key)
	if err != nil {
		return nil, false, err
	}
	if escaped {
		s.key = key
	}
	if s.space(); s.pos >= len(s.data) || s.data[s.pos] != ':' {
		return nil, false, s.fail("want a colon after a member's name")
	}
	s.pos++
	return key, true, nil
}

// NextElem reads up to the array's next element, or its closing bracket, when
// more is false. The caller must read exactly one value before the next call.
func (s *Scanner) NextElem() (more bool, err error) { return s.next(']') }

// Number reads a number and returns its text, which JSON's grammar has checked.
func (s *Scanner) Number() ([]byte, error) {
	s.space()
	end, ok := numberEnd(s.data, s.pos)
	if !ok {
		return nil, s.fail("want a number")
	}
	raw := s.data[s.pos:end:end]
	s.pos = end
	return raw, nil
}

// Bool reads true or false.
func (s *Scanner) Bool() (bool, error) {
	s.space()
	switch {
	case s.literal("true"):
		return true, nil
	case s.literal("false"):
		return false, nil
	}
	return false, s.fail("want true or false")
}

// Null reads null.
func (s *Scanner) Null() error {
	if s.space(); !s.literal("null") {
		return s.fail("want null")
	}
	return nil
}

// Skip reads one value of any kind and checks it.
func (s *Scanner) Skip() error {
	switch s.Peek() {
	case Object:
		if err := s.BeginObject(); err != nil {
			return err
		}
		for {
			_, more, err := s.NextKey()
			if err != nil || !more {
				return err
			}
			if err := s.Skip(); err != nil {
				return err
			}
		}
	case Array:
		if err := s.BeginArray(); err != nil {
			return err
		}
		for {
			more, err := s.NextElem()
			if err != nil || !more {
				return err
			}
			if err := s.Skip(); err != nil {
				return err
			}
		}
	case String:
		return s.skipString()
	case Number:
		_, err := s.Number()
		return err
	case True, False:
		_, err := s.Bool()
		return err
	case Null:
		return s.Null()
	default:
		return s.fail("want a value")
	}
}

// Valid reports whether data is one JSON value: RFC 8259 in UTF-8, nested at
// most MaxDepth.
func Valid(data []byte) bool {
	var s Scanner
	s.Reset(data)
	return s.Skip() == nil && s.Finish() == nil
}

func (s *Scanner) begin(open byte, message string) error {
	if s.space(); s.pos >= len(s.data) || s.data[s.pos] != open {
		return s.fail(message)
	}
	if s.depth == MaxDepth {
		return s.fail("nested too deeply")
	}
	s.pos++
	s.depth++
	s.fresh = true
	return nil
}

// next reads the comma before another element, or the closing byte.
func (s *Scanner) next(closing byte) (bool, error) {
	if s.space(); s.pos >= len(s.data) {
		return false, s.fail("the text ends too early")
	}
	if s.data[s.pos] == closing {
		if s.depth == 0 {
			return false, s.fail("nothing is open")
		}
		s.pos++
		s.depth--
		s.fresh = false
		return false, nil
	}
	if s.fresh {
		s.fresh = false
		return true, nil
	}
	if s.data[s.pos] != ',' {
		return false, s.fail("want a comma or the end of the object or array")
	}
	s.pos++
	return true, nil
}

func (s *Scanner) literal(word string) bool {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return false
	}
	s.pos += len(word)
	return true
}

func (s *Scanner) space() {
	for s.pos < len(s.data) && s.data[s.pos] <= ' ' {
		switch s.data[s.pos] {
		case ' ', '\n', '\t', '\r':
			s.pos++
		default:
			return
		}
	}
}

func (s *Scanner) fail(message string) error {
	return &SyntaxError{Offset: s.pos, Message: message}
}

// numberEnd finds the end of the JSON number that begins at i.
func numberEnd(b []byte, i int) (int, bool) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	start := i
	if i = digitsEnd(b, i); i == start || b[start] == '0' && i > start+1 {
		return i, false
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = digitsEnd(b, start); i == start {
			return i, false
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start = i
		if i = digitsEnd(b, i); i == start {
			return i, false
		}
	}
	return i, true
}

func digitsEnd(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
