package item

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hortusdb/hortus/jsonscan"
)

func TestJSONRoundTrip(t *testing.T) {
	for _, text := range []string{
		`{}`,
		`{"a":{"S":"x"},"b":{"N":"-12.5"},"c":{"B":"YWI="},"d":{"BOOL":true},"e":{"BOOL":false},"f":{"NULL":true}}`,
		`{"l":{"L":[]},"m":{"M":{}},"n":{"M":{"x":{"L":[{"S":""},{"M":{"y":{"N":"0"}}}]}}}}`,
		`{"bs":{"BS":["","YQ==","YWI="]},"ns":{"NS":["-1","0","2","10"]},"ss":{"SS":["","a","b"]}}`,
		`{"q\"\\":{"S":"\n\u0001é"}}`,
	} {
		it := decode(t, text)
		if got := string(AppendItemJSON(nil, it)); got != text {
			t.Errorf("%s became %s", text, got)
		}
		if err := Validate(it); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// What is accepted though no SDK sends it, and what becomes of it.
func TestJSONLeniency(t *testing.T) {
	for text, want := range map[string]string{
		`{"b":{"S":"1"},"a":{"S":"2"}}`:                               `{"a":{"S":"2"},"b":{"S":"1"}}`,
		`{"a":{"S":"1"},"b":{"S":"x"},"a":{"N":"2"}}`:                 `{"a":{"N":"2"},"b":{"S":"x"}}`,
		`{"a":{"S":"1"},"a":{"S":"2"},"a":{"S":"3"}}`:                 `{"a":{"S":"3"}}`,
		`{"a":{"M":{"y":{"N":"1"},"x":{"N":"2"},"y":{"N":"3"}}}}`:     `{"a":{"M":{"x":{"N":"2"},"y":{"N":"3"}}}}`,
		`{"a":{"S":"1","S":"2"}}`:                                     `{"a":{"S":"2"}}`,
		`{"a":{"S":"1","N":null}}`:                                    `{"a":{"S":"1"}}`,
		`{"a":{"X":[{"S":5}],"S":"1","s":"2"}}`:                       `{"a":{"S":"1"}}`,
		`{"a":{"BOOL":"True"},"b":{"BOOL":"yes"}}`:                    `{"a":{"BOOL":true},"b":{"BOOL":false}}`,
		`{"a":{"NULL":"true"}}`:                                       `{"a":{"NULL":true}}`,
		`{"a":{"NS":["10","9","1E1000000000000","1"],"NS":["1"]}}`:    ``,
		`{"a":{"SS":["b","","a"]},"b":{"NS":["10.0","9","-1"]}}`:      `{"a":{"SS":["","a","b"]},"b":{"NS":["-1","9","10"]}}`,
		` { "\u0061" : { "S" : "\ud83d\ude00\ud800" } } `:             `{"a":{"S":"😀�"}}`,
		`{"c":{"M":{"z":{"L":[{"M":{"b":{"S":""},"a":{"S":""}}}]}}}}`: `{"c":{"M":{"z":{"L":[{"M":{"a":{"S":""},"b":{"S":""}}}]}}}}`,
	} {
		it, err := decodeItem(text)
		if want == "" {
			if err == nil {
				t.Errorf("%s is accepted", text)
			}
			continue
		}
		if err != nil || string(AppendItemJSON(nil, it)) != want || Validate(it) != nil {
			t.Errorf("%s became %s, %v, %v", text, AppendItemJSON(nil, it), err, Validate(it))
		}
	}
}

const (
	textNoType    = "ValidationException: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
	textManyTypes = "ValidationException: Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
	textInvalid   = "ValidationException: One or more parameter values were invalid: "
	textShape     = "SerializationException: "
)

func TestValueErrors(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: textNoType, `null`: textNoType, `{"X":"a"}`: textNoType, `{"S":null}`: textNoType, `{"s":"a"}`: textNoType,
		`{"L":[null]}`: textNoType, `{"L":[{}]}`: textNoType, `{"M":{"a":null}}`: textNoType,
		`{"S":"a","N":"1"}`: textManyTypes, `{"S":"a","L":[]}`: textManyTypes,
		`{"NULL":false}`: textInvalid + "Null attribute value types must have the value of true",
		`{"N":"x"}`:      textNotNumber + ": x", `{"N":""}`: textNotNumber, `{"NS":["1","x"]}`: textNotNumber + ": x", `{"N":"1E126"}`: textOverflow,
		`{"SS":[]}`:              textInvalid + "An string set  may not be empty",
		`{"NS":[]}`:              textInvalid + "An number set  may not be empty",
		`{"BS":[]}`:              textInvalid + "Binary sets should not be empty",
		`{"SS":["b","a","a"]}`:   textInvalid + "Input collection [b, a, a] contains duplicates.",
		`{"NS":["1","1.0","2"]}`: "ValidationException: Input collection contains duplicates",
		`{"BS":["YQ==","YQ=="]}`: textInvalid + "Input collection [YQ==, YQ==]of type BS contains duplicates.",
		`{"SS":[null]}`:          textInvalid + "An string set may not have a null string as a member",
		`{"M":{"":{"S":"a"}}}`:   "ValidationException: Empty attribute name",

		`{"M":{"` + strings.Repeat("n", MaxName+1) + `":{"S":"a"}}}`: "ValidationException: Attribute name is too large, must be less than 65536 bytes",
		`{"S":5}`:                      textShape + "NUMBER_VALUE cannot be converted to String",
		`{"S":1.5}`:                    textShape + "DECIMAL_VALUE cannot be converted to String",
		`{"N":5}`:                      textShape + "NUMBER_VALUE cannot be converted to String",
		`{"S":true}`:                   textShape + "TRUE_VALUE cannot be converted to String",
		`{"SS":[false]}`:               textShape + "FALSE_VALUE cannot be converted to String",
		`{"BOOL":5}`:                   textShape + "NUMBER_VALUE cannot be converted to Boolean",
		`{"S":{}}`:                     textShape + "Start of structure or map found where not expected",
		`{"L":{}}`:                     textShape + "Start of structure or map found where not expected",
		`{"SS":{}}`:                    textShape + "Start of structure or map found where not expected",
		`{"S":[]}`:                     textShape + "Unrecognized collection type class java.lang.String",
		`{"BOOL":[]}`:                  textShape + "Start of list found where not expected",
		`{"SS":"a"}`:                   textShape + "Unexpected field type",
		`{"L":5}`:                      textShape + "Unexpected field type",
		`{"M":[]}`:                     textShape + "Unrecognized collection type java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>",
		`[]`:                           textShape + "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue",
		`"x"`:                          textShape + "Unexpected value type in payload",
		`{"M":"a"}`:                    textShape + "Unexpected value type in payload",
		`{"B":"a"}`:                    textShape + "Base64 encoded length is expected a multiple of 4 bytes but found: 1",
		`{"B":"YR=="}`:                 textShape + "Invalid last non-pad Base64 character dectected",
		`{"B":"%%%%"}`:                 textShape + "Invalid last non-pad Base64 character dectected",
		"{\"B\":\"YQ==\\n\\n\\n\\n\"}": textShape + "Invalid last non-pad Base64 character dectected",
		`{"S":"a"`:                     textShape,
		`{"S":"a",}`:                   textShape,
		`{"S":}`:                       textShape,
		"{\"S\":\"\xff\"}":             textShape,
	} {
		var s jsonscan.Scanner
		s.Reset([]byte(text))
		var d Decoder
		dst, err := d.Value(&s, []byte("x"))
		if err == nil || err.Error() != want || string(dst) != "x" {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

// A serialization error wins over a bad value before it; of bad values the
// first is reported, and the scanner stands after the whole item.
func TestErrorOrder(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":{"N":"x"},"b":{"S":5}}`:                    textShape + "NUMBER_VALUE cannot be converted to String",
		`{"a":{"N":"x"},"b":{"SS":["a","a"]}}`:           textNotNumber + ": x",
		`{"a":{"SS":["a","a"]},"b":{"N":"x"}}`:           textInvalid + "Input collection [a, a] contains duplicates.",
		`{"a":{"L":[{"NULL":false},{"S":"a","N":"1"}]}}`: textInvalid + "Null attribute value types must have the value of true",
		`{"a":{"S":"a","N":"1"},"b":{"NULL":false}}`:     textManyTypes,
	} {
		var s jsonscan.Scanner
		s.Reset([]byte(text + `"next"`))
		var d Decoder
		_, err := d.Item(&s, nil)
		if err == nil || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
		if strings.HasPrefix(want, textShape) {
			continue
		}
		if next, err := s.String(nil); err != nil || string(next) != "next" {
			t.Errorf("%s: the scanner stands before %q, %v", text, next, err)
		}
		s.Reset([]byte(`{"a":{"S":"b"}}`))
		if it, err := d.Item(&s, nil); err != nil || it == nil {
			t.Errorf("after %s the decoder fails: %v", text, err)
		}
	}
}

// drawValue draws the JSON of a legal value.
func drawValue(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	if depth == 0 && kind >= 8 {
		kind = 0
	}
	text := func() string { return string(jsonscan.AppendString(nil, rapid.String().Draw(t, "text"))) }
	switch kind {
	case 0, 1:
		return `{"S":` + text() + `}`
	case 2, 3:
		return `{"N":"` + drawNumber(t, "n") + `"}`
	case 4:
		return string(AppendValueJSON(nil, B(rapid.SliceOf(rapid.Byte()).Draw(t, "b"))))
	case 5:
		return `{"BOOL":` + rapid.SampledFrom([]string{"true", "false"}).Draw(t, "bool") + `}`
	case 6:
		return `{"NULL":true}`
	case 7:
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-c]{0,3}`), 1, 5, rapid.ID).Draw(t, "set")
		return `{"SS":["` + strings.Join(names, `","`) + `"]}`
	}
	var parts []string
	for range rapid.IntRange(0, 4).Draw(t, "count") {
		v := drawValue(t, depth-1)
		if kind == 8 {
			v = `"` + rapid.StringMatching(`[a-z]{1,3}`).Draw(t, "name") + `":` + v
		}
		parts = append(parts, v)
	}
	if kind == 8 {
		return `{"M":{` + strings.Join(parts, ",") + `}}`
	}
	return `{"L":[` + strings.Join(parts, ",") + `]}`
}

func drawItem(t *rapid.T) string {
	var parts []string
	for range rapid.IntRange(0, 6).Draw(t, "attributes") {
		parts = append(parts, `"`+rapid.StringMatching(`[a-e]{1,2}`).Draw(t, "name")+`":`+drawValue(t, 3))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// A legal item is canonical, and its JSON reads as the same bytes, whatever a
// Decoder read before.
func TestItemsAreCanonical(t *testing.T) {
	var d Decoder
	rapid.Check(t, func(t *rapid.T) {
		text := drawItem(t)
		var s jsonscan.Scanner
		s.Reset([]byte(text))
		it, err := d.Item(&s, nil)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if err := Validate(it); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		written := AppendItemJSON(nil, it)
		s.Reset(written)
		again, err := d.Item(&s, []byte("x"))
		if err != nil || !bytes.Equal(again[1:], it) {
			t.Fatalf("%s: %s is stored as %x, not %x: %v", text, written, again, it, err)
		}
	})
}

// Property: JSON that is accepted is stored in canonical form, and JSON to
// stored to JSON to stored is a fixed point; what is refused is refused by one
// of the two codes and leaves the output alone.
func FuzzItemJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":{"S":"x\n"},"b":{"N":"-12.5"},"c":{"B":"YWI="},"d":{"BOOL":true},"f":{"NULL":true}}`,
		`{"n":{"M":{"x":{"L":[{"S":""},{"M":{"y":{"N":"0"},"x":{"N":"1e5"}}}]}}}}`,
		`{"bs":{"BS":["YQ==","YWI="]},"ns":{"NS":["2","-1","10"]},"ss":{"SS":["b","a"]}}`,
		`{"a":{"S":"1","N":"2"},"a":{},"":{"S":5}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var s jsonscan.Scanner
		var d Decoder
		s.Reset(text)
		it, err := d.Item(&s, nil)
		if err != nil {
			if it != nil || !strings.HasPrefix(err.Error(), "ValidationException: ") && !strings.HasPrefix(err.Error(), textShape) {
				t.Fatalf("%q: %x, %v", text, it, err)
			}
			return
		}
		if err := Validate(it); err != nil {
			t.Fatalf("%q is stored as %x: %v", text, it, err)
		}
		written := AppendItemJSON(nil, it)
		s.Reset(written)
		again, err := d.Item(&s, nil)
		if err != nil || !bytes.Equal(again, it) {
			t.Fatalf("%q: %s is stored as %x, not %x: %v", text, written, again, it, err)
		}
		if !bytes.Equal(NewEditor(it).Item(nil), it) {
			t.Fatalf("%q: an idle editor changes the item", text)
		}
	})
}
