package item

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/hortusdb/hortus/jsonscan"
)

func TestValidateRefuses(t *testing.T) {
	for name, it := range map[string]string{
		"count without entries":        "\x01",
		"bytes after the end":          "\x00\x00",
		"count longer than it need be": "\x80\x00",
		"length longer than need be":   "\x01\x01a\x01\x80\x00",
		"empty name":                   "\x01\x00\x06",
		"name that is no UTF-8":        "\x01\x01\xff\x06",
		"names out of order":           "\x02\x01b\x06\x01a\x06",
		"name twice":                   "\x02\x01a\x06\x01a\x06",
		"unknown tag":                  "\x01\x01a\x0c",
		"tag 0":                        "\x01\x01a\x00",
		"no value":                     "\x01\x01a",
		"string too short":             "\x01\x01a\x01\x02x",
		"string that is no UTF-8":      "\x01\x01a\x01\x01\xff",
		"huge length":                  "\x01\x01a\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x",
		"empty number":                 "\x01\x01a\x02\x00",
		"number without end":           "\x01\x01a\x02\x03\x03\x82\x0b",
		"number after its end":         "\x01\x01a\x02\x05\x03\x82\x0b\x00\x00",
		"number with a leading zero":   "\x01\x01a\x02\x04\x03\x82\x02\x00",
		"number whose first pair is 9": "\x01\x01a\x02\x04\x03\x82\x0a\x00",
		"number with a zero pair":      "\x01\x01a\x02\x05\x03\x82\x0b\x01\x00",
		"number without digits":        "\x01\x01a\x02\x03\x03\x82\x00",
		"pair above 99":                "\x01\x01a\x02\x04\x03\x82\x65\x00",
		"zero with more":               "\x01\x01a\x02\x02\x02\x00",
		"sign 0":                       "\x01\x01a\x02\x04\x00\x82\x0b\x00",
		"negative, wrong end":          "\x01\x01a\x02\x04\x01\x7d\xf4\x00",
		"container head cut":           "\x01\x01a\x07\x04\x00\x00\x00",
		"container shorter than count": "\x01\x01a\x07\x04\x00\x00\x00\x01\x00\x00\x00",
		"container longer than count":  "\x01\x01a\x07\x05\x00\x00\x00\x00\x00\x00\x00\x06",
		"container past the end":       "\x01\x01a\x07\x05\x00\x00\x00\x01\x00\x00\x00",
		"container of length 3":        "\x01\x01a\x07\x03\x00\x00\x00\x00\x00\x00\x00",
		"empty set":                    "\x01\x01a\x09\x04\x00\x00\x00\x00\x00\x00\x00",
		"set out of order":             "\x01\x01a\x09\x08\x00\x00\x00\x02\x00\x00\x00\x01b\x01a",
		"set with duplicates":          "\x01\x01a\x09\x08\x00\x00\x00\x02\x00\x00\x00\x01a\x01a",
		"map out of order":             "\x01\x01a\x08\x0a\x00\x00\x00\x02\x00\x00\x00\x01b\x06\x01a\x06",
		"39 digits":                    "\x01\x01a\x02\x17\x03\x82" + "\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0b\x00",
	} {
		if Validate(Item(it)) == nil {
			t.Errorf("%s: %x is taken", name, it)
		}
	}
	if Validate(nil) != nil || Validate(Item{0}) != nil {
		t.Error("the empty item is refused")
	}
}

// Cut anywhere, an item is no item; with a byte changed, it is another item or
// none.
func TestValidateDamage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s jsonscan.Scanner
		var d Decoder
		s.Reset([]byte(drawItem(t)))
		it, err := d.Item(&s, nil)
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n < len(it); n++ {
			if Validate(Item(it[:n])) == nil {
				t.Fatalf("%x cut to %d bytes is taken", it, n)
			}
		}
		i := rapid.IntRange(0, len(it)-1).Draw(t, "at")
		it[i] ^= rapid.ByteRange(1, 255).Draw(t, "flip")
		checkCanonical(t, it)
	})
}

// checkCanonical fails if it passes Validate and is not the only stored form
// of what it holds, or if an accessor chokes on it.
func checkCanonical(t rapid.TB, it Item) {
	if Validate(it) != nil || len(it) == 0 {
		return
	}
	text := AppendItemJSON(nil, it)
	var s jsonscan.Scanner
	var d Decoder
	s.Reset(text)
	again, err := d.Item(&s, nil)
	if err != nil || !bytes.Equal(again, it) {
		t.Fatalf("%x passes, but its JSON %s is stored as %x, %v", it, text, again, err)
	}
	if it.Size() < 0 || it.Depth() > MaxDepth {
		t.Fatalf("%x has size %d and depth %d", it, it.Size(), it.Depth())
	}
	for name, v := range it.All() {
		if err := ValidateValue(v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, ok := it.Get(string(name)); !ok || !bytes.Equal(got, v) {
			t.Fatalf("Get(%q) is %x", name, got)
		}
	}
}

// Property: Validate never panics and takes canonical forms only.
func FuzzValidate(f *testing.F) {
	for _, seed := range []string{
		`{"a":{"S":"x"},"b":{"N":"-12.5"},"c":{"B":"YWI="},"d":{"BOOL":true},"f":{"NULL":true}}`,
		`{"n":{"M":{"x":{"L":[{"S":""},{"M":{"y":{"N":"0"}}}]}}},"ns":{"NS":["2","-1"]},"ss":{"SS":["b","a"]}}`,
	} {
		f.Add([]byte(decode(f, seed)))
	}
	f.Fuzz(func(t *testing.T, it []byte) { checkCanonical(t, it) })
}
