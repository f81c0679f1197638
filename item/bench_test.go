package item

import (
	"strings"
	"testing"

	"github.com/hortusdb/hortus/jsonscan"
)

// benchItem is a key and ten strings of 100 bytes, in the order in which a
// client that does not sort might send them.
func benchItem() string {
	text := `{"pk":{"S":"customer#0000000042"}`
	for _, name := range []string{"h", "a", "c", "b", "j", "i", "d", "f", "e", "g"} {
		text += `,"attribute_` + name + `":{"S":"` + strings.Repeat("abcdefghij", 10) + `"}`
	}
	return text + "}"
}

// In steady state nothing on the way of a request or an answer allocates.
func TestNoAllocations(t *testing.T) {
	text := []byte(`{"id":{"S":"a\nb"},"n":{"N":"-123.456"},"m":{"M":{"l":{"L":[{"N":"1"},{"BOOL":"true"}]},"b":{"B":"AAECAwQFBgc="}}},"a\u0062":{"SS":["c","a","b"]}}`)
	var s jsonscan.Scanner
	var d Decoder
	var e Editor
	var stored, out []byte
	x, paths := S("x"), []Path{path("id"), path("n")}
	for name, f := range map[string]func(){
		"decode": func() {
			s.Reset(text)
			var err error
			if stored, err = d.Item(&s, stored[:0]); err != nil {
				t.Fatal(err)
			}
		},
		"encode":  func() { out = AppendItemJSON(out[:0], stored) },
		"size":    func() { _ = Item(stored).Size() },
		"project": func() { out = Project(out[:0], stored, paths) },
		"edit": func() {
			e.Reset(stored)
			if err := e.Set(paths[0], x); err != nil {
				t.Fatal(err)
			}
			out = e.Item(out[:0])
		},
	} {
		s.Reset(text)
		stored, _ = d.Item(&s, stored[:0])
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func BenchmarkDecodeItem(b *testing.B) {
	text := []byte(benchItem())
	var s jsonscan.Scanner
	var d Decoder
	var dst []byte
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s.Reset(text)
		var err error
		if dst, err = d.Item(&s, dst[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeItem(b *testing.B) {
	it := decode(b, benchItem())
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendItemJSON(dst[:0], it)
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkDecodeNested(b *testing.B) {
	text := []byte(`{"id":{"S":"x"},"n":{"N":"-123.456"},"m":{"M":{"l":{"L":[{"N":"1"},{"N":"2"},{"BOOL":true}]},"b":{"B":"AAECAwQFBgc="}}},"ss":{"SS":["c","a","b"]}}`)
	var s jsonscan.Scanner
	var d Decoder
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		s.Reset(text)
		var err error
		if dst, err = d.Item(&s, dst[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseNumber(b *testing.B) {
	dst := make([]byte, 0, 64)
	text := []byte("1234567.89")
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = ParseNumber(dst[:0], text)
	}
}

func BenchmarkNumberText(b *testing.B) {
	n, _ := ParseNumber(nil, []byte("1234567.89"))
	dst := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		dst = Number(n).AppendText(dst[:0])
	}
}

func BenchmarkAddNumbers(b *testing.B) {
	x, _ := ParseNumber(nil, []byte("1234567"))
	y, _ := ParseNumber(nil, []byte("1"))
	dst := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = AddNumbers(dst[:0], x, y)
	}
}

func BenchmarkSize(b *testing.B) {
	it := decode(b, benchItem())
	b.ReportAllocs()
	for b.Loop() {
		if it.Size() == 0 {
			b.Fatal("no size")
		}
	}
}

func BenchmarkGet(b *testing.B) {
	it := decode(b, benchItem())
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := it.Get("pk"); !ok {
			b.Fatal("no pk")
		}
	}
}

func BenchmarkProject(b *testing.B) {
	it := decode(b, benchItem())
	paths := []Path{{Name("attribute_c")}, {Name("pk")}}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = Project(dst[:0], it, paths)
	}
}

func BenchmarkEditor(b *testing.B) {
	it := decode(b, benchItem())
	v := S("new")
	var e Editor
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		e.Reset(it)
		if err := e.Set(Path{Name("attribute_c")}, v); err != nil {
			b.Fatal(err)
		}
		dst = e.Item(dst[:0])
	}
}
