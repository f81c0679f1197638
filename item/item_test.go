package item

import (
	"testing"

	"github.com/hortusdb/hortus/jsonscan"
)

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

func TestRoundTrip(t *testing.T) {
	for _, text := range []string{
		`{}`,
		`{"a":{"S":"x"},"b":{"N":"-12.5"},"c":{"B":"YWI="},"d":{"BOOL":true},"e":{"BOOL":false},"f":{"NULL":true}}`,
		`{"l":{"L":[]},"m":{"M":{}},"n":{"M":{"x":{"L":[{"S":""},{"M":{"y":{"N":"0"}}}]}}}}`,
		`{"bs":{"BS":["YQ==","YWI="]},"ns":{"NS":["-1","0","2","10"]},"ss":{"SS":["","a","b"]}}`,
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
