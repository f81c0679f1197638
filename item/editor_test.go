package item

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Each case was seen on DynamoDB Local. An action is SET or, without a value,
// REMOVE.
func TestEditor(t *testing.T) {
	type action struct{ path, value string }
	const invalid = "invalid"
	x, y := `{"S":"X"}`, `{"S":"Y"}`
	abc := `{"l":{"L":[{"S":"a"},{"S":"b"},{"S":"c"}]}}`
	doc := `{"m":{"M":{"a":{"S":"z"},"l":{"L":[{"S":"p"}]}}},"s":{"S":"q"}}`
	for _, tc := range []struct {
		item    string
		actions []action
		want    string
	}{
		{`{}`, nil, `{}`},
		{`{}`, []action{{"a", x}}, `{"a":{"S":"X"}}`},
		{`{"b":{"S":"1"}}`, []action{{"c", x}, {"a", y}}, `{"a":{"S":"Y"},"b":{"S":"1"},"c":{"S":"X"}}`},
		{`{"b":{"S":"1"}}`, []action{{"b", x}}, `{"b":{"S":"X"}}`},
		{`{"b":{"S":"1"}}`, []action{{"b", ""}}, `{}`},
		{`{"b":{"S":"1"}}`, []action{{"c", ""}}, `{"b":{"S":"1"}}`},
		{abc, []action{{"l[7]", y}, {"l[5]", x}}, `{"l":{"L":[{"S":"a"},{"S":"b"},{"S":"c"},{"S":"X"},{"S":"Y"}]}}`},
		{abc, []action{{"l[1]", x}, {"l[0]", ""}}, `{"l":{"L":[{"S":"X"},{"S":"c"}]}}`},
		{abc, []action{{"l[0]", ""}, {"l[1]", x}}, `{"l":{"L":[{"S":"X"},{"S":"c"}]}}`},
		{abc, []action{{"l[5]", x}, {"l[0]", ""}, {"l[1]", ""}}, `{"l":{"L":[{"S":"c"},{"S":"X"}]}}`},
		{abc, []action{{"l[9]", ""}}, abc},
		{abc, []action{{"l[0]", ""}, {"l[1]", ""}, {"l[2]", ""}}, `{"l":{"L":[]}}`},
		{abc, []action{{"l.x", ""}}, invalid},
		{abc, []action{{"l.x", x}}, invalid},
		{abc, []action{{"l[0].x", x}}, invalid},
		{abc, []action{{"l[9][0]", x}}, invalid},
		{doc, []action{{"m.x", ""}}, doc},
		{doc, []action{{"m.a", ""}}, `{"m":{"M":{"l":{"L":[{"S":"p"}]}}},"s":{"S":"q"}}`},
		{doc, []action{{"m.l[0]", x}, {"m.a", ""}, {"m.k", y}}, `{"m":{"M":{"k":{"S":"Y"},"l":{"L":[{"S":"X"}]}}},"s":{"S":"q"}}`},
		{doc, []action{{"m.l[3]", `{"L":[]}`}}, `{"m":{"M":{"a":{"S":"z"},"l":{"L":[{"S":"p"},{"L":[]}]}}},"s":{"S":"q"}}`},
		{doc, []action{{"m.x.y", ""}}, invalid},
		{doc, []action{{"m.a.y", ""}}, invalid},
		{doc, []action{{"m[0]", ""}}, invalid},
		{doc, []action{{"m[0]", x}}, invalid},
		{doc, []action{{"s.x", x}}, invalid},
		{doc, []action{{"q.x", x}}, invalid},
		{doc, []action{{"q.x", ""}}, invalid},
	} {
		it := decode(t, tc.item)
		before := bytes.Clone(it)
		e := NewEditor(it)
		var err error
		for _, a := range tc.actions {
			if a.value == "" {
				err = e.Remove(path(a.path))
			} else {
				err = e.Set(path(a.path), value(t, a.value))
			}
		}
		if tc.want == invalid {
			if !errors.Is(err, ErrInvalidPath) {
				t.Errorf("%s %v: %v", tc.item, tc.actions, err)
			}
			continue
		}
		got := e.Item([]byte("x"))[1:]
		if err != nil || string(AppendItemJSON(nil, got)) != tc.want || Validate(got) != nil {
			t.Errorf("%s %v\n got %s, %v, %v\nwant %s", tc.item, tc.actions, AppendItemJSON(nil, got), err, Validate(got), tc.want)
		}
		if !bytes.Equal(it, before) {
			t.Errorf("%s %v: the original was changed", tc.item, tc.actions)
		}
	}
	if e := new(Editor); e.Set(nil, S("")) == nil || e.Set(Path{Index(0)}, S("")) == nil || e.Remove(nil) == nil {
		t.Error("a path without a name was taken")
	}
}

// What is set at a path is found there, nothing else changes, and taking it
// away again restores the item.
func TestEditorSetGet(t *testing.T) {
	var e Editor
	rapid.Check(t, func(t *rapid.T) {
		it, err := decodeItem(drawItem(t))
		if err != nil {
			t.Fatal(err)
		}
		p := drawPath(t, it)
		p = append(slices.Clip(p), Name("new"))
		e.Reset(it)
		set := e.Set(p, S("value"))
		parent, ok := it.At(p[:len(p)-1])
		if want := ok && parent.Type() == TypeM; want != (set == nil) {
			t.Fatalf("%s in %s: %v", p, AppendItemJSON(nil, it), set)
		}
		if set != nil {
			return
		}
		edited := e.Item(nil)
		if v, ok := edited.At(p); !ok || string(v.Bytes()) != "value" || Validate(edited) != nil {
			t.Fatalf("%s in %s: %s, %v", p, AppendItemJSON(nil, it), AppendItemJSON(nil, edited), Validate(edited))
		}
		e.Reset(edited)
		if err := e.Remove(p); err != nil {
			t.Fatal(err)
		}
		if restored := e.Item(nil); !bytes.Equal(restored, it) {
			t.Fatalf("%s in %s: restored to %s", p, AppendItemJSON(nil, it), AppendItemJSON(nil, restored))
		}
	})
}

// drawPath draws a path to something in the item, or to nothing.
func drawPath(t *rapid.T, it Item) Path {
	var p Path
	names := []string{"nothing"}
	for name := range it.All() {
		names = append(names, string(name))
	}
	p = append(p, Name(rapid.SampledFrom(names).Draw(t, "step")))
	for range rapid.IntRange(0, 3).Draw(t, "steps") {
		v, ok := it.At(p)
		if !ok || v.Len() == 0 {
			break
		}
		switch v.Type() {
		case TypeL:
			p = append(p, Index(rapid.IntRange(0, v.Len()-1).Draw(t, "index")))
		case TypeM:
			names = names[:0]
			for name := range v.Entries() {
				names = append(names, string(name))
			}
			p = append(p, Name(rapid.SampledFrom(names).Draw(t, "name")))
		default:
			return p
		}
	}
	return p
}
