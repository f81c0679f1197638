package jsonscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestValid(t *testing.T) {
	for _, tc := range []struct {
		text string
		want bool
	}{
		{`{}`, true},
		{` [1 , 2.5e-3,-0, {"a":[true,false,null]} ] `, true},
		{`"\u00e9\ud83d\ude00\/"`, true},
		{`"\ud800"`, true},
		{strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth), true},
		{strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), false},
		{strings.Repeat("[", 1<<20), false},
		{``, false},
		{`{"a":1,}`, false},
		{`{,}`, false},
		{`[1,]`, false},
		{`[1 2]`, false},
		{`[1}`, false},
		{`{"a" 1}`, false},
		{`{a:1}`, false},
		{`01`, false},
		{`1.`, false},
		{`.5`, false},
		{`+1`, false},
		{`1e`, false},
		{`tru`, false},
		{`nulll`, false},
		{`1 2`, false},
		{"\"a\nb\"", false},
		{"\"\xff\"", false},
		{"[\"abc\xff\",1234567]", false},
		{"[\"a\x1fb\",1234567]", false},
		{"[\"a b\u00e9\",1234567]", true},
		{`"\x"`, false},
		{`"\u12g4"`, false},
		{`"abc`, false},
		{`"abc\`, false},
	} {
		if got := Valid([]byte(tc.text)); got != tc.want {
			t.Errorf("Valid(%.40q) = %v", tc.text, got)
		}
	}
}

func TestScanner(t *testing.T) {
	text := []byte(` {"name\n":"v\"x", "list":[1, true ,null,{}], "skipped":{"a":[[]]}, "last":"plain"} `)
	var s Scanner
	s.Reset(text)
	var got []string
	add := func(part string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, part)
	}
	add("object", s.BeginObject())
	for {
		key, more, err := s.NextKey()
		add(string(key), err)
		if !more {
			break
		}
		switch string(key) {
		case "list":
			add("array", s.BeginArray())
			for {
				more, err := s.NextElem()
				add(s.Peek().String(), err)
				if !more {
					break
				}
				add("", s.Skip())
			}
		case "skipped":
			from := s.Offset()
			err := s.Skip()
			add(string(s.Raw(from)), err)
		default:
			v, err := s.String(nil)
			add(string(v), err)
		}
	}
	add("end", s.Finish())
	want := `object|name` + "\n" + `|v"x|list|array|Number||True||Null||Object||Invalid|skipped|{"a":[[]]}|last|plain||end`
	if g := strings.Join(got, "|"); g != want {
		t.Errorf("got  %s\nwant %s", g, want)
	}
}

// A key stays as it was while a value with escapes is read by Text.
func TestKeyOutlivesText(t *testing.T) {
	var s Scanner
	s.Reset([]byte(`{"k\u0041":"v\u0042","x":"y"}`))
	if err := s.BeginObject(); err != nil {
		t.Fatal(err)
	}
	key, _, err := s.NextKey()
	if err != nil {
		t.Fatal(err)
	}
	value, err := s.Text()
	if err != nil || string(key) != "kA" || string(value) != "vB" {
		t.Errorf("%q: %q, %v", key, value, err)
	}
}

// Peeked mismatches are errors, not panics, and say where.
func TestMismatch(t *testing.T) {
	for name, ask := range map[string]func(*Scanner) error{
		"object": (*Scanner).BeginObject,
		"array":  (*Scanner).BeginArray,
		"null":   (*Scanner).Null,
		"string": func(s *Scanner) error { _, err := s.String(nil); return err },
		"bool":   func(s *Scanner) error { _, err := s.Bool(); return err },
		"end":    (*Scanner).Finish,
		"elem":   func(s *Scanner) error { _, err := s.NextElem(); return err },
		"key":    func(s *Scanner) error { _, _, err := s.NextKey(); return err },
	} {
		var s Scanner
		s.Reset([]byte("  5"))
		err, ok := errors.AsType[*SyntaxError](ask(&s))
		if !ok || err.Offset != 2 && name != "elem" && name != "key" {
			t.Errorf("%s: %v", name, err)
		}
		s.Reset([]byte("]}"))
		if name != "array" && ask(&s) == nil {
			t.Errorf("%s of a closing bracket is accepted", name)
		}
	}
}

func TestAppendString(t *testing.T) {
	for in, want := range map[string]string{
		"":                  `""`,
		"plain":             `"plain"`,
		`a"b\c/d<&>`:        `"a\"b\\c/d<&>"`,
		"\b\f\n\r\t":        `"\b\f\n\r\t"`,
		"\x00\x1f\x7f":      `"\u0000\u001F` + "\x7f" + `"`,
		"é\u2028😀 and more": "\"é\u2028😀 and more\"",
	} {
		if got := string(AppendString([]byte("x"), in)); got != "x"+want {
			t.Errorf("%q became %s", in, got)
		}
	}
}

// What AppendString writes, encoding/json and the Scanner read as it was.
func TestAppendStringIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.String().Draw(t, "in")
		out := AppendString(nil, in)
		var s Scanner
		s.Reset(out)
		got, err := s.String(nil)
		if err != nil || string(got) != in {
			t.Fatalf("%q: %q, %v", in, got, err)
		}
		var std string
		if err := json.Unmarshal(out, &std); err != nil || std != in {
			t.Fatalf("%q: encoding/json reads %q, %v", in, std, err)
		}
	})
}

// Property: on UTF-8 no deeper than MaxDepth, Valid agrees with encoding/json;
// other bytes are not valid. A valid string reads as encoding/json reads it.
func FuzzValid(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e-3,"x\u00e9",true,false,null]}`, `"\ud83d\ude00\ud800x"`, `[1,]`, `-0.0e+1`, `{"a":{},"b":[[]]}`, "\"\xff\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) > MaxDepth {
			return
		}
		got := Valid(data)
		if want := json.Valid(data) && utf8.Valid(data); got != want {
			t.Fatalf("Valid(%q) = %v", data, got)
		}
		var s Scanner
		s.Reset(data)
		if !got || s.Peek() != String {
			return
		}
		text, err := s.String(nil)
		var want string
		if stdErr := json.Unmarshal(data, &want); err != nil || stdErr != nil || string(text) != want {
			t.Fatalf("%q read as %q, %v; encoding/json %q, %v", data, text, err, want, stdErr)
		}
	})
}

func BenchmarkString(b *testing.B) {
	data := AppendString(nil, strings.Repeat("abcdefghij", 10))
	var s Scanner
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s.Reset(data)
		if _, err := s.String(nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSkip(b *testing.B) {
	data := []byte(`{"TableName":"T","Item":{"pk":{"S":"customer"},"n":{"N":"12"},"l":{"L":[{"BOOL":true},{"S":"a\nb"}]}}}`)
	var s Scanner
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s.Reset(data)
		if err := s.Skip(); err != nil {
			b.Fatal(err)
		}
	}
}
