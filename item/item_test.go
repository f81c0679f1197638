package item

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hortusdb/hortus/jsonscan"
)

// decode reads an item that is known to be good.
func decode(t testing.TB, text string) Item {
	t.Helper()
	it, err := decodeItem(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return it
}

func decodeItem(text string) (Item, error) {
	var s jsonscan.Scanner
	s.Reset([]byte(text))
	var d Decoder
	return d.Item(&s, nil)
}

// value reads a value that is known to be good.
func value(t testing.TB, text string) Value {
	t.Helper()
	v, ok := decode(t, `{"v":`+text+`}`).Get("v")
	if !ok {
		t.Fatalf("%s: no value", text)
	}
	return v
}

func number(t testing.TB, text string) Number {
	t.Helper()
	n, err := ParseNumber(nil, []byte(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return n
}

// path reads what Path.String writes.
func path(text string) Path {
	var p Path
	for part := range strings.SplitSeq(text, ".") {
		name, indexes, _ := strings.Cut(part, "[")
		p = append(p, Name(name))
		for s := range strings.SplitSeq(indexes, "[") {
			if i, err := strconv.Atoi(strings.TrimSuffix(s, "]")); err == nil {
				p = append(p, Index(i))
			}
		}
	}
	return p
}

func TestTypes(t *testing.T) {
	for typ, name := range map[Type]string{TypeS: "S", TypeN: "N", TypeB: "B", TypeBOOL: "BOOL", TypeNULL: "NULL", TypeL: "L", TypeM: "M", TypeSS: "SS", TypeNS: "NS", TypeBS: "BS"} {
		if got, ok := ParseType(name); !ok || got != typ || typ.String() != name {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
	for _, name := range []string{"", "s", "?", "SSS"} {
		if _, ok := ParseType(name); ok {
			t.Errorf("%q is a type", name)
		}
	}
	for typ, elem := range map[Type]Type{TypeSS: TypeS, TypeNS: TypeN, TypeBS: TypeB, TypeL: 0, TypeM: 0, TypeS: 0} {
		if typ.Element() != elem || typ.IsSet() != (elem != 0) {
			t.Errorf("%s: element %s", typ, typ.Element())
		}
	}
}

// The bytes that docs/formats/item.md promises.
func TestStoredForm(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                     "\x00",
		`{"a":{"S":"xy"}}`:       "\x01\x01a\x01\x02xy",
		`{"a":{"N":"0"}}`:        "\x01\x01a\x02\x01\x02",
		`{"a":{"N":"1"}}`:        "\x01\x01a\x02\x04\x03\x82\x0b\x00",
		`{"a":{"N":"12.5"}}`:     "\x01\x01a\x02\x05\x03\x83\x0d\x33\x00",
		`{"a":{"N":"-1"}}`:       "\x01\x01a\x02\x04\x01\x7d\xf4\xff",
		`{"a":{"N":"1E-130"}}`:   "\x01\x01a\x02\x04\x03\x00\x0b\x00",
		`{"a":{"B":"/w=="}}`:     "\x01\x01a\x03\x01\xff",
		`{"a":{"BOOL":false}}`:   "\x01\x01a\x04",
		`{"a":{"BOOL":true}}`:    "\x01\x01a\x05",
		`{"a":{"NULL":true}}`:    "\x01\x01a\x06",
		`{"a":{"L":[]}}`:         "\x01\x01a\x07\x04\x00\x00\x00\x00\x00\x00\x00",
		`{"a":{"SS":["b","a"]}}`: "\x01\x01a\x09\x08\x00\x00\x00\x02\x00\x00\x00\x01a\x01b",
		`{"b":{"NULL":true},"a":{"M":{"c":{"BOOL":true}}}}`: "\x02\x01a\x08\x07\x00\x00\x00\x01\x00\x00\x00\x01c\x05\x01b\x06",
	} {
		if got := decode(t, text); string(got) != want {
			t.Errorf("%s is stored as %x, want %x", text, got, want)
		}
	}
}

func TestItemAccess(t *testing.T) {
	it := decode(t, `{"b":{"S":"x"},"d":{"N":"5"},"a":{"M":{"k":{"L":[{"S":"p"},{"M":{"z":{"BOOL":true}}}]}}}}`)
	if it.Len() != 3 {
		t.Errorf("Len is %d", it.Len())
	}
	var names []string
	for name, v := range it.All() {
		got, ok := it.Get(string(name))
		if !ok || !bytes.Equal(got, v) {
			t.Errorf("Get(%s) is %x, %v", name, got, ok)
		}
		names = append(names, string(name))
	}
	if !slices.Equal(names, []string{"a", "b", "d"}) {
		t.Errorf("names are %v", names)
	}
	for _, absent := range []string{"", "aa", "c", "e"} {
		if _, ok := it.Get(absent); ok {
			t.Errorf("%q is there", absent)
		}
	}
	if none := Item(nil); none.Len() != 0 || none.Size() != 0 {
		t.Error("no item has attributes")
	}
	for text, want := range map[string]string{
		"b": `{"S":"x"}`, "a.k[0]": `{"S":"p"}`, "a.k[1].z": `{"BOOL":true}`,
		"c": "", "b.x": "", "b[0]": "", "a[0]": "", "a.k.z": "", "a.k[2]": "", "a.k[1].y": "",
	} {
		v, ok := it.At(path(text))
		if ok != (want != "") || ok && string(AppendValueJSON(nil, v)) != want {
			t.Errorf("%s is %x, %v", text, v, ok)
		}
		if path(text).String() != text {
			t.Errorf("%s is written %s", text, path(text))
		}
	}
	if _, ok := it.At(nil); ok {
		t.Error("the empty path leads somewhere")
	}
}

func TestContainsAndCompare(t *testing.T) {
	set := value(t, `{"NS":["10","2","-1"]}`)
	list := value(t, `{"L":[{"S":"a"},{"NS":["1"]},{"N":"2"}]}`)
	for _, tc := range []struct {
		v    Value
		elem string
		want bool
	}{
		{set, `{"N":"2.0"}`, true},
		{set, `{"N":"3"}`, false},
		{set, `{"S":"2"}`, false},
		{set, `{"NS":["2"]}`, false},
		{list, `{"S":"a"}`, true},
		{list, `{"NS":["1.0"]}`, true},
		{list, `{"N":"1"}`, false},
		{value(t, `{"S":"abc"}`), `{"S":"a"}`, false},
		{value(t, `{"BS":["YQ=="]}`), `{"B":"YQ=="}`, true},
	} {
		if got := tc.v.Contains(value(t, tc.elem)); got != tc.want {
			t.Errorf("%s contains %s: %v", AppendValueJSON(nil, tc.v), tc.elem, got)
		}
	}
	for _, tc := range []struct {
		a, b string
		want int
		ok   bool
	}{
		{`{"N":"9"}`, `{"N":"10"}`, -1, true},
		{`{"S":"9"}`, `{"S":"10"}`, 1, true},
		{`{"B":"/w=="}`, `{"B":"AA=="}`, 1, true},
		{`{"S":"a"}`, `{"S":"a"}`, 0, true},
		{`{"S":"a"}`, `{"B":"YQ=="}`, 0, false},
		{`{"BOOL":true}`, `{"BOOL":true}`, 0, false},
		{`{"SS":["a"]}`, `{"SS":["a"]}`, 0, false},
	} {
		if got, ok := Compare(value(t, tc.a), value(t, tc.b)); got != tc.want || ok != tc.ok {
			t.Errorf("Compare(%s, %s) is %d, %v", tc.a, tc.b, got, ok)
		}
	}
	if n := len(slices.Collect(set.Elements())); n != 3 || set.Len() != 3 || list.Len() != 3 {
		t.Errorf("lengths are %d, %d, %d", n, set.Len(), list.Len())
	}
	for e := range set.Elements() {
		if !set.Contains(e) {
			t.Errorf("element %x is not contained", e)
		}
	}
}

func TestSetAlgebra(t *testing.T) {
	for _, tc := range []struct{ a, b, union, difference string }{
		{`["1","2"]`, `["2","3"]`, `["1","2","3"]`, `["1"]`},
		{`["1"]`, `["1"]`, `["1"]`, ``},
		{`["5"]`, `["-1","7"]`, `["-1","5","7"]`, `["5"]`},
		{`["1","2","3"]`, `["2"]`, `["1","2","3"]`, `["1","3"]`},
	} {
		a, b := value(t, `{"NS":`+tc.a+`}`), value(t, `{"NS":`+tc.b+`}`)
		if got := string(AppendValueJSON(nil, Union(nil, a, b))); got != `{"NS":`+tc.union+`}` {
			t.Errorf("%s with %s is %s", tc.a, tc.b, got)
		}
		d, ok := Difference([]byte("x"), a, b)
		if ok != (tc.difference != "") || !ok && string(d) != "x" {
			t.Errorf("%s without %s is %x, %v", tc.a, tc.b, d, ok)
		}
		if ok && string(AppendValueJSON(nil, d[1:])) != `{"NS":`+tc.difference+`}` {
			t.Errorf("%s without %s is %s", tc.a, tc.b, AppendValueJSON(nil, d[1:]))
		}
	}
}

func TestBuild(t *testing.T) {
	one, err := N("1.0")
	if err != nil {
		t.Fatal(err)
	}
	set, err := BuildSet(nil, TypeSS, []Value{S("b"), S("a")})
	if err != nil {
		t.Fatal(err)
	}
	var b Builder
	for range 2 {
		b.Reset()
		b.Add("z", S("gone"))
		b.Add("l", BuildList(nil, []Value{one, B([]byte{0}), AppendNull(nil)}))
		b.Add("a", BuildMap(nil, []Entry{{"y", AppendBool(nil, true)}, {"x", set}}))
		b.Add("z", S("kept"))
		want := decode(t, `{"a":{"M":{"x":{"SS":["a","b"]},"y":{"BOOL":true}}},"l":{"L":[{"N":"1"},{"B":"AA=="},{"NULL":true}]},"z":{"S":"kept"}}`)
		if got := b.Item(nil); !bytes.Equal(got, want) {
			t.Errorf("built %s", AppendItemJSON(nil, got))
		}
	}
	if _, err := BuildSet(nil, TypeNS, nil); err == nil {
		t.Error("an empty set was built")
	}
	if _, err := BuildSet(nil, TypeSS, []Value{one}); err == nil {
		t.Error("a set of strings took a number")
	}
	if _, err := BuildSet(nil, TypeNS, []Value{one, one}); err == nil {
		t.Error("a set took a number twice")
	}
}

// More than 127 attributes make the count two bytes long.
func TestManyAttributes(t *testing.T) {
	for _, n := range []int{127, 128, 300} {
		var text strings.Builder
		for i := range n {
			text.WriteString(`,"a` + strconv.Itoa(i) + `":{"N":"` + strconv.Itoa(i) + `"}`)
		}
		it := decode(t, "{"+text.String()[1:]+"}")
		if it.Len() != n || Validate(it) != nil {
			t.Fatalf("%d attributes: %d, %v", n, it.Len(), Validate(it))
		}
		if v, ok := it.Get("a99"); !ok || v.Number().String() != "99" {
			t.Errorf("a99 is %x", v)
		}
		all := make([]Path, 0, n)
		for name := range it.All() {
			all = append(all, Path{Name(string(name))})
		}
		if got := Project([]byte("x"), it, all); !bytes.Equal(got[1:], it) {
			t.Errorf("the projection on all of %d attributes is not the item", n)
		}
		if got := NewEditor(it).Item([]byte("x")); !bytes.Equal(got[1:], it) {
			t.Errorf("the editor changed an item of %d attributes", n)
		}
	}
}
