package item

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Each case was seen on DynamoDB Local.
func TestProject(t *testing.T) {
	it := decode(t, `{"l":{"L":[{"S":"a"},{"S":"b"},{"S":"c"}]},"m":{"M":{"x":{"S":"1"},"y":{"L":[{"S":"p"},{"S":"q"}]}}},"e":{"M":{}},"n":{"N":"1"}}`)
	for paths, want := range map[string]string{
		"l[2],l[0]":          `{"l":{"L":[{"S":"a"},{"S":"c"}]}}`,
		"m.y[1],m.x":         `{"m":{"M":{"x":{"S":"1"},"y":{"L":[{"S":"q"}]}}}}`,
		"m.zz":               `{}`,
		"l[9]":               `{}`,
		"e":                  `{"e":{"M":{}}}`,
		"e.x":                `{}`,
		"n.x":                `{}`,
		"m.x,q":              `{"m":{"M":{"x":{"S":"1"}}}}`,
		"m[0]":               `{}`,
		"l.x":                `{}`,
		"m.y[0],l[1],m.y[1]": `{"l":{"L":[{"S":"b"}]},"m":{"M":{"y":{"L":[{"S":"p"},{"S":"q"}]}}}}`,
		"n,e,q":              `{"e":{"M":{}},"n":{"N":"1"}}`,
		"m.y[0].deep,m.x[0]": `{}`,
	} {
		var ps []Path
		for p := range strings.SplitSeq(paths, ",") {
			ps = append(ps, path(p))
		}
		got := Project([]byte("x"), it, ps)[1:]
		if string(AppendItemJSON(nil, got)) != want || Validate(got) != nil {
			t.Errorf("%s is %s, %v; want %s", paths, AppendItemJSON(nil, got), Validate(got), want)
		}
	}
	if got := Project(nil, it, nil); string(got) != "\x00" {
		t.Errorf("no paths give %x", got)
	}
}

// One path chosen from an item leads, in what was chosen, to the same value;
// an index leads to the only element.
func TestProjectOnePath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		it, err := decodeItem(drawItem(t))
		if err != nil {
			t.Fatal(err)
		}
		p := drawPath(t, it)
		got := Project(nil, it, []Path{p})
		if err := Validate(got); err != nil {
			t.Fatalf("%s of %s: %v", p, AppendItemJSON(nil, it), err)
		}
		want, ok := it.At(p)
		if !ok {
			if got.Len() != 0 {
				t.Fatalf("%s of %s: %s", p, AppendItemJSON(nil, it), AppendItemJSON(nil, got))
			}
			return
		}
		first := append(Path(nil), p...)
		for i := range first {
			if first[i].Index > 0 {
				first[i].Index = 0
			}
		}
		if v, ok := got.At(first); !ok || string(v) != string(want) {
			t.Fatalf("%s of %s: %s", p, AppendItemJSON(nil, it), AppendItemJSON(nil, got))
		}
	})
}
