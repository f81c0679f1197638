package replication

import (
	"reflect"
	"testing"

	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// TestJoined: batches that follow one another become one as far as a commit takes
// them, and nothing else does; what was delivered is not changed.
func TestJoined(t *testing.T) {
	batch := func(from, to kv.Position, entries int) *Message {
		m := &Message{Kind: Batch, From: from, To: to}
		for i := range entries {
			m.Entries = append(m.Entries, Entry{Position: from + 1 + kv.Position(i)})
		}
		return m
	}
	refused := &Message{Kind: Batch, Refused: "no leave"}
	for _, c := range []struct {
		name string
		mail []*Message
		want [][3]int // From, to, entries.
	}{
		{"none", nil, nil},
		{"three in a row", []*Message{batch(0, 5, 2), batch(5, 9, 3), batch(9, 10, 1)}, [][3]int{{0, 10, 6}}},
		{"a gap", []*Message{batch(0, 5, 2), batch(6, 9, 3)}, [][3]int{{0, 5, 2}, {6, 9, 3}}},
		{"one again", []*Message{batch(0, 5, 2), batch(0, 5, 2), batch(5, 6, 1)}, [][3]int{{0, 5, 2}, {0, 6, 3}}},
		{"a sign of life", []*Message{batch(0, 5, 2), batch(5, 5, 0), batch(5, 6, 1)}, [][3]int{{0, 5, 2}, {5, 6, 1}}},
		{"a refusal", []*Message{batch(0, 5, 2), refused, batch(5, 6, 1)}, [][3]int{{0, 5, 2}, {0, 0, 0}, {5, 6, 1}}},
		{
			"more than a commit takes",
			[]*Message{batch(0, 300, table.MaxApply), batch(300, 301, 1), batch(301, 302, 1)},
			[][3]int{{0, 300, table.MaxApply}, {300, 302, 2}},
		},
	} {
		before := map[*Message]int{}
		for _, m := range c.mail {
			before[m] = len(m.Entries)
		}
		var got [][3]int
		for _, m := range joined(c.mail) {
			got = append(got, [3]int{int(m.From), int(m.To), len(m.Entries)})
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		for m, n := range before {
			if len(m.Entries) != n {
				t.Errorf("%s: a delivered message has %d entries, had %d", c.name, len(m.Entries), n)
			}
		}
	}
}
