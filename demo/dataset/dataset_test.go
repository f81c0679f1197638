package dataset

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// maxItemBytes and maxNesting are DynamoDB's limits. An item's JSON is longer
// than the item.
const (
	maxItemBytes = 400 * 1024
	maxNesting   = 32
)

// attributes is an item, or a map within one, as its JSON says.
type attributes map[string]map[string]any

func TestItems(t *testing.T) {
	seen := map[string]int{} // Values by type.
	shapes := map[string]int{}
	last, n := "", 0
	for _, it := range readItems(t) {
		n++
		key := it.text(PartitionKey) + "\x00" + it.text(SortKey)
		if it.text(PartitionKey) == "" || it.text(SortKey) == "" || key <= last {
			t.Errorf("%q comes after %q", key, last)
		}
		last = key
		for name, v := range it {
			if err := check(v, seen, 1); err != nil {
				t.Errorf("%q: %s: %v", key, name, err)
			}
		}
		shapes[strings.Join(slices.Sorted(maps.Keys(it)), " ")]++
	}
	if n != Count {
		t.Errorf("%d items, want %d", n, Count)
	}
	if got, want := slices.Sorted(maps.Keys(seen)), []string{"B", "BOOL", "L", "M", "N", "NS", "NULL", "S", "SS"}; !slices.Equal(got, want) {
		t.Errorf("types %v, want %v", got, want)
	}
	if len(shapes) < 5 {
		t.Errorf("%d shapes, want five or more", len(shapes))
	}
	if len(packed) > 2<<20 {
		t.Errorf("%d bytes packed, want at most 2 MiB", len(packed))
	}
	t.Logf("%d bytes packed, %d sets of attribute names, values by type %v", len(packed), len(shapes), seen)
}

// TestItemsStops checks that a loop may end early and run again.
func TestItemsStops(t *testing.T) {
	items, err := Items()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		n := 0
		for range items {
			if n++; n == 3 {
				break
			}
		}
		if n != 3 {
			t.Fatalf("%d items before the break, want 3", n)
		}
	}
}

// TestQueries counts in Go what each query asks for.
func TestQueries(t *testing.T) {
	answers := []func(attributes) bool{
		func(it attributes) bool { return it.text("country") == "AU" && it.text("kind") == "zone" },
		func(it attributes) bool {
			entry := it.text("entry")
			return it.text("country") == "JP" && entry >= "AIRPORT#RJ" && entry <= "AIRPORT#RJFZ"
		},
		func(it attributes) bool {
			return it.text("country") == "US" && it.text("size") == "large" && it.number(t, "elevationFeet") > 4000
		},
		func(it attributes) bool {
			codes, _ := it["codes"]["M"].(map[string]any)
			return it.text("country") == "RU" && it["scheduled"]["BOOL"] == true && codes["iata"] == nil
		},
		func(it attributes) bool {
			airports, _ := it["airports"]["SS"].([]any)
			return it.text("country") == "CA" && it.text("kind") == "region" && len(airports) >= 3
		},
		func(it attributes) bool { return it.text("country") == "AT" && it.text("entry") == "FACTS#Geography" },
	}
	queries := Queries()
	if len(queries) != len(answers) {
		t.Fatalf("%d queries, %d answers", len(queries), len(answers))
	}
	items := readItems(t)
	for i, q := range queries {
		var body struct{ TableName, KeyConditionExpression string }
		if err := json.Unmarshal(q.Body("t"), &body); err != nil || body.TableName != "t" || body.KeyConditionExpression == "" {
			t.Errorf("%s: body %s: %v", q.Question, q.Body("t"), err)
		}
		n := 0
		for _, it := range items {
			if answers[i](it) {
				n++
			}
		}
		if n != q.Items || n == 0 {
			t.Errorf("%s: %d items, want %d and some", q.Question, n, q.Items)
		}
	}
}

func BenchmarkItems(b *testing.B) {
	for b.Loop() {
		items, err := Items()
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for range items {
			n++
		}
	}
}

func readItems(t *testing.T) []attributes {
	t.Helper()
	items, err := Items()
	if err != nil {
		t.Fatal(err)
	}
	var read []attributes
	for line := range items {
		var it attributes
		if err := json.Unmarshal(line, &it); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if len(line) > maxItemBytes {
			t.Errorf("%s: %d bytes", it.text(SortKey), len(line))
		}
		read = append(read, it)
	}
	return read
}

func (a attributes) text(name string) string {
	s, _ := a[name]["S"].(string)
	return s
}

// number returns the number at name, or zero where there is none.
func (a attributes) number(t *testing.T, name string) float64 {
	t.Helper()
	s, ok := a[name]["N"].(string)
	if !ok {
		return 0
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Error(err)
	}
	return n
}

var decimal = regexp.MustCompile(`^-?(0|[1-9]\d*)(\.\d+)?$`)

// check says what is wrong with v, a value that stands at depth, and counts it
// by type.
func check(v map[string]any, seen map[string]int, depth int) error {
	if len(v) != 1 || depth > maxNesting {
		return fmt.Errorf("%d types at depth %d", len(v), depth)
	}
	for kind, held := range v {
		seen[kind]++
		switch held := held.(type) {
		case string:
			return checkScalar(kind, held)
		case bool:
			if kind != "BOOL" && (kind != "NULL" || !held) {
				return fmt.Errorf("%s holds %v", kind, held)
			}
		case []any:
			return checkElements(kind, held, seen, depth)
		case map[string]any:
			for name, inner := range held {
				typed, ok := inner.(map[string]any)
				if kind != "M" || !ok {
					return fmt.Errorf("%s holds %v", kind, held)
				}
				if err := check(typed, seen, depth+1); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		default:
			return fmt.Errorf("%s holds a %T", kind, held)
		}
	}
	return nil
}

func checkScalar(kind, s string) error {
	switch {
	case kind == "S" && s != "":
		return nil
	case kind == "N" && decimal.MatchString(s) && len(s) <= 38:
		return nil
	case kind == "B" && s != "":
		_, err := base64.StdEncoding.DecodeString(s)
		return err
	default:
		return fmt.Errorf("%s holds %q", kind, s)
	}
}

func checkElements(kind string, elements []any, seen map[string]int, depth int) error {
	distinct := map[string]bool{}
	for i, e := range elements {
		switch e := e.(type) {
		case map[string]any:
			if kind != "L" {
				return fmt.Errorf("%s holds a map", kind)
			}
			if err := check(e, seen, depth+1); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		case string:
			of, ok := strings.CutSuffix(kind, "S")
			if !ok || distinct[e] {
				return fmt.Errorf("%s holds %q, or twice", kind, e)
			}
			if err := checkScalar(of, e); err != nil {
				return err
			}
			distinct[e] = true
		default:
			return fmt.Errorf("%s holds a %T", kind, e)
		}
	}
	if kind != "L" && len(elements) == 0 {
		return fmt.Errorf("an empty %s", kind)
	}
	return nil
}
