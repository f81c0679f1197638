package scaling

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/hortusdb/hortus/kv"
)

func newStore(t *testing.T) (*Store, *kv.Mem) {
	t.Helper()
	m := kv.NewMem(kv.MemOptions{})
	return NewStore(m), m
}

// maker gives ids out in order.
func maker(now int64) Maker {
	n := 0
	return Maker{NewID: func() string { n++; return fmt.Sprintf("%d-%d", now, n) }, Now: now}
}

func (s *Store) mustPut(t *testing.T, target Target) {
	t.Helper()
	err := s.Change(t.Context(), target.Resource, target.Dimension, func(*Target) (*Target, error) { return &target, nil })
	if err != nil {
		t.Fatal(err)
	}
}

func (s *Store) text(t *testing.T, table string) string {
	t.Helper()
	list, err := s.Of(t.Context(), table)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestParseResource(t *testing.T) {
	for id, want := range map[string]string{
		"table/Orders":               "Orders||true",
		"table/Orders/index/by-date": "Orders|by-date|true",
		"table/":                     "||false",
		"table/Orders/index/":        "Orders||false",
		"table/Orders/stream/x":      "Orders|stream/x|false",
		"table/Orders/index/a/b":     "Orders|a/b|false",
		"Orders":                     "||false",
	} {
		table, index, ok := ParseResource(id)
		if got := fmt.Sprintf("%s|%s|%t", table, index, ok); got != want {
			t.Errorf("%s: got %s, want %s", id, got, want)
		}
		if ok && Resource(table, index) != id {
			t.Errorf("%s is written back as %s", id, Resource(table, index))
		}
	}
}

// TestChange: a target is made, changed, found by its table alone, and deleted;
// an error changes nothing.
func TestChange(t *testing.T) {
	s, _ := newStore(t)
	s.mustPut(t, Target{Resource: "table/T", Dimension: TableWrite, ID: "1", Min: 1, Max: 5})
	s.mustPut(t, Target{Resource: "table/T/index/I", Dimension: IndexWrite, ID: "2"})
	s.mustPut(t, Target{Resource: "table/T2", Dimension: TableWrite, ID: "3"})
	bad := errors.New("no")
	if err := s.Change(t.Context(), "table/T", TableWrite, func(old *Target) (*Target, error) { old.Max = 9; return old, bad }); !errors.Is(err, bad) {
		t.Errorf("got %v", err)
	}
	const want = `[{"resource":"table/T","dimension":"dynamodb:table:WriteCapacityUnits","id":"1","created":0,"min":1,"max":5},` +
		`{"resource":"table/T/index/I","dimension":"dynamodb:index:WriteCapacityUnits","id":"2","created":0,"min":0,"max":0}]`
	if got := s.text(t, "T"); got != want {
		t.Errorf("got %s", got)
	}
	if all, err := s.All(t.Context()); err != nil || len(all) != 3 {
		t.Errorf("all: %v, %v", all, err)
	}
	if err := s.Change(t.Context(), "table/T", TableWrite, func(*Target) (*Target, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(t.Context(), "table/T", TableWrite); got != nil || err != nil {
		t.Errorf("after its deletion: %v, %v", got, err)
	}
}

// TestScaled: a target alone is not enough.
func TestScaled(t *testing.T) {
	s, _ := newStore(t)
	for i, want := range []bool{false, false, true} {
		switch i {
		case 1:
			s.mustPut(t, Target{Resource: "table/T", Dimension: TableWrite})
		case 2:
			s.mustPut(t, Target{Resource: "table/T", Dimension: TableWrite, Policies: []Policy{{Name: "p"}}})
		}
		if got, err := s.Scaled(t.Context(), "table/T", TableWrite); got != want || err != nil {
			t.Errorf("step %d: %t, %v", i, got, err)
		}
	}
}

// TestReplace: what is a target's own stays, what is not named goes, and with
// ownReads a policy of reads is left alone.
func TestReplace(t *testing.T) {
	for _, ownReads := range []bool{false, true} {
		s, _ := newStore(t)
		s.mustPut(t, Target{Resource: "table/T", Dimension: TableRead, ID: "r", Created: 1, Max: 5, Tags: []Tag{{"k", "v"}}, Policies: []Policy{{Name: "own", ID: "o"}}})
		s.mustPut(t, Target{Resource: "table/T", Dimension: TableWrite, ID: "w", Suspended: Suspended{In: true}, Policies: []Policy{{Name: "p", ID: "kept", Created: 2}}})
		s.mustPut(t, Target{Resource: "table/T/index/I", Dimension: IndexWrite, ID: "gone"})
		err := s.Replace(t.Context(), maker(9), "T", []Target{
			{Resource: "table/T", Dimension: TableRead, ID: "other", Max: 7, Policies: []Policy{{Name: "theirs", ID: "x"}}},
			{Resource: "table/T", Dimension: TableWrite, ID: "other", Min: 2, Max: 8, Policies: []Policy{{Name: "p", ID: "x", Value: 60}}},
			{Resource: "table/T/index/J", Dimension: IndexWrite, ID: "other", Max: 4, Policies: []Policy{{Name: "j", ID: "x"}}},
		}, ownReads)
		if err != nil {
			t.Fatal(err)
		}
		list, err := s.Of(t.Context(), "T")
		if err != nil || len(list) != 3 {
			t.Fatalf("%v, %v", list, err)
		}
		read, write, made := list[0], list[1], list[2]
		wantRead := "theirs"
		if ownReads {
			wantRead = "own"
		}
		if read.ID != "r" || read.Max != 7 || len(read.Tags) != 1 || read.Policies[0].Name != wantRead {
			t.Errorf("ownReads %t: reads %+v", ownReads, read)
		}
		if write.ID != "w" || !write.Suspended.In || write.Min != 2 || write.Policies[0] != (Policy{Name: "p", ID: "kept", Created: 2, Value: 60}) {
			t.Errorf("writes %+v", write)
		}
		if made.Resource != "table/T/index/J" || made.ID == "other" || made.Created != 9 || made.Policies[0].ID == "x" {
			t.Errorf("a new target %+v", made)
		}
	}
}

// TestAdopt: a replica's targets have names, bounds and values of its source,
// ARNs of their own, and neither tags nor suspensions.
func TestAdopt(t *testing.T) {
	s, _ := newStore(t)
	cooldown := int32(30)
	err := s.Adopt(t.Context(), maker(5), []Target{{
		Resource: "table/T", Dimension: TableWrite, ID: "source", Created: 1, Min: 1, Max: 2, Role: "arn:r",
		Tags: []Tag{{"k", "v"}}, Suspended: Suspended{Out: true}, Policies: []Policy{{Name: "p", ID: "source", Value: 70, InCooldown: &cooldown}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"resource":"table/T","dimension":"dynamodb:table:WriteCapacityUnits","id":"5-1","created":5,"min":1,"max":2,"role":"arn:r",` +
		`"policies":[{"name":"p","id":"5-2","created":5,"value":70,"in_cooldown":30}]}]`
	if got := s.text(t, "T"); got != want {
		t.Errorf("got %s", got)
	}
}

// TestReset: bounds and policies begin anew, ARNs and tags stay.
func TestReset(t *testing.T) {
	s, _ := newStore(t)
	s.mustPut(t, Target{Resource: "table/T", Dimension: TableWrite, ID: "w", Max: 3, Tags: []Tag{{"k", "v"}}, Policies: []Policy{{Name: "mine"}, {Name: "other"}}})
	if err := s.Reset(t.Context(), maker(5), "T", []Capacity{{Read: 5, Write: 50_000}, {Index: "I", Read: 1, Write: 2}}); err != nil {
		t.Fatal(err)
	}
	list, err := s.Of(t.Context(), "T")
	if err != nil || len(list) != 4 {
		t.Fatalf("%v, %v", list, err)
	}
	for _, target := range list {
		p := target.Policies
		if target.Max != DefaultMax || len(p) != 1 || p[0].Value != DefaultValue || p[0].Name != target.Dimension.Metric()+":"+target.Resource {
			t.Errorf("%+v", target)
		}
	}
	w, err := s.Get(t.Context(), "table/T", TableWrite)
	if err != nil || w.ID != "w" || len(w.Tags) != 1 || w.Min != DefaultMax {
		t.Errorf("%+v, %v", w, err)
	}
}

// TestMalformed: bytes that are not a target are an error, and are not lost.
func TestMalformed(t *testing.T) {
	s, m := newStore(t)
	for _, stored := range []string{"\x02{}", "\x01{", "x"} {
		k := key("table/T", TableWrite)
		if _, err := m.Update(context.Background(), kv.Plan{Write: [][]byte{k}}, func(_ [][]byte, w *kv.Writes) error {
			w.Set(k, []byte(stored))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		_, err := s.Get(t.Context(), "table/T", TableWrite)
		_, all := s.All(t.Context())
		change := s.Change(t.Context(), "table/T", TableWrite, func(*Target) (*Target, error) { return nil, nil })
		for _, err := range []error{err, all, change} {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%q: %v", stored, err)
			}
		}
	}
}
