package item

import (
	"strings"
	"testing"
)

// Sizes without the attribute's name. Documented: S, B, BOOL, NULL, lists and
// maps, sets. Recorded: N "0". The other numbers were measured on DynamoDB
// Local, by the largest item that it takes.
func TestSize(t *testing.T) {
	for text, want := range map[string]int{
		`{"S":""}`: 0, `{"S":"é"}`: 2, `{"S":"abc"}`: 3, `{"B":"YWI="}`: 2,
		`{"BOOL":true}`: 1, `{"BOOL":false}`: 1, `{"NULL":true}`: 1,
		`{"L":[]}`: 3, `{"M":{}}`: 3, `{"L":[{"S":"a"}]}`: 5, `{"M":{"k":{"S":"a"}}}`: 6, `{"L":[{"L":[]},{"N":"1"}]}`: 10,
		`{"SS":["a","bc"]}`: 3, `{"NS":["1","20"]}`: 4, `{"BS":["YQ=="]}`: 1,
		`{"N":"0"}`: 1, `{"N":"1"}`: 2, `{"N":"12"}`: 2, `{"N":"123"}`: 3, `{"N":"1234"}`: 3,
		`{"N":"-1"}`: 3, `{"N":"-12"}`: 3, `{"N":"-123"}`: 4, `{"N":"-0.1"}`: 3, `{"N":"-150"}`: 4,
		`{"N":"10"}`: 2, `{"N":"100"}`: 2, `{"N":"1000"}`: 2, `{"N":"1E10"}`: 2, `{"N":"1E11"}`: 2,
		`{"N":"0.1"}`: 2, `{"N":"0.12"}`: 2, `{"N":"0.123"}`: 3, `{"N":"0.01"}`: 2, `{"N":"0.012"}`: 3, `{"N":"1E-5"}`: 2,
		`{"N":"1.5"}`: 3, `{"N":"15"}`: 2, `{"N":"150"}`: 3, `{"N":"12.3"}`: 3, `{"N":"1.23"}`: 3,
		`{"N":"123456789012345678901234567890"}`: 16,
	} {
		if got := value(t, text).Size(); got != want {
			t.Errorf("%s has size %d, want %d", text, got, want)
		}
		if got := decode(t, `{"pk":{"S":"ab"},"name":`+text+`}`).Size(); got != want+2+2+4 {
			t.Errorf("the item of %s has size %d, want %d", text, got, want+8)
		}
	}
}

func TestDepth(t *testing.T) {
	for text, want := range map[string]int{
		`{"S":"a"}`: 0, `{"SS":["a"]}`: 0, `{"NULL":true}`: 0, `{"L":[]}`: 1, `{"M":{}}`: 1,
		`{"L":[{"S":"a"},{"M":{"k":{"L":[{"N":"1"}]}}},{"L":[]}]}`: 3,
	} {
		if got := value(t, text).Depth(); got != want {
			t.Errorf("%s has depth %d, want %d", text, got, want)
		}
	}
}

// An attribute may be 31 lists and maps deep, as on DynamoDB Local.
func TestNestingLimit(t *testing.T) {
	for _, wrap := range []struct{ open, end string }{{`{"L":[`, `]}`}, {`{"M":{"a":`, `}}`}} {
		for depth, ok := range map[int]bool{MaxDepth - 1: true, MaxDepth: false, MaxDepth + 1: false, 200: false} {
			text := `{"v":` + strings.Repeat(wrap.open, depth) + `{"S":"x"}` + strings.Repeat(wrap.end, depth) + `}`
			it, err := decodeItem(text)
			if !ok {
				if err == nil || err.Error() != "ValidationException: Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit" {
					t.Errorf("depth %d: %v", depth, err)
				}
				continue
			}
			if err != nil || it.Depth() != MaxDepth || Validate(it) != nil {
				t.Errorf("depth %d: %d, %v, %v", depth, it.Depth(), err, Validate(it))
			}
			over := BuildItem(nil, []Entry{{"v", BuildList(nil, []Value{mustGet(t, it, "v")})}})
			if Validate(over) == nil {
				t.Error("Validate takes a list too deep")
			}
		}
	}
}

func mustGet(t *testing.T, it Item, name string) Value {
	t.Helper()
	v, ok := it.Get(name)
	if !ok {
		t.Fatalf("no %s", name)
	}
	return v
}
