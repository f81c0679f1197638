package conflict

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/item"
)

// FuzzParts states that no bytes make the decoder panic, and that what it accepts
// is written back as it was read.
func FuzzParts(f *testing.F) {
	rng := rand.New(rand.NewPCG(7, 8))
	now := make([]State, 2)
	for i := range 40 {
		at := Version{clock.Timestamp{Wall: int64(i + 1)}, cells[i%2]}
		now[i%2] = anyUpdate(rng, &now[i%2], at)
		if now[i%2].Parts != nil {
			f.Add(now[i%2].Parts)
		}
	}
	for i := range 40 {
		at := Version{clock.Timestamp{Wall: int64(100 + i)}, cells[i%2]}
		now[i%2] = addOrSet(rng, &now[i%2], at)
		if now[i%2].Parts != nil {
			f.Add(now[i%2].Parts)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decoder.parts(b)
		if err != nil {
			return
		}
		again, err := decoder.parts(p.encode())
		if err != nil || !bytes.Equal(p.encode(), again.encode()) {
			t.Fatalf("%x is read as %+v, and again as %+v (%v)", b, p, again, err)
		}
		for i := range p.attrs {
			if v := p.attrs[i].value(); v != nil && item.ValidateValue(v) != nil {
				t.Fatalf("%x has the value %x", b, v)
			}
		}
	})
}

// TestMixes has the rules of docs/tutorials/conflicts.md, one a line: what two
// cells make of the same item without knowing of each other, the second later.
func TestMixes(t *testing.T) {
	start := item.BuildItem(nil, []item.Entry{{Name: "pk", Value: item.S("p")}, {Name: "n", Value: number(10)}, {Name: "s", Value: stringSet("x", "y")}})
	type step struct {
		act   Act
		after item.Value // Of the attribute.
	}
	add := func(n, after int) *step { return &step{Act{"n", Add, number(n)}, number(after)} }
	set := func(n int) *step { return &step{Act{"n", Assign, nil}, number(n)} }
	for _, test := range []struct {
		name   string
		a, b   *step // Nil deletes the item.
		want   string
		lost   int
		mirror bool // Also the other way round in time.
	}{
		{"ADD and ADD", add(1, 11), add(5, 15), `{"n":{"N":"16"},"pk":{"S":"p"},"s":{"SS":["x","y"]}}`, 0, true},
		{"ADD, later SET", add(1, 11), set(7), `{"n":{"N":"7"},"pk":{"S":"p"},"s":{"SS":["x","y"]}}`, 1, true},
		{"SET, later SET", set(6), set(7), `{"n":{"N":"7"},"pk":{"S":"p"},"s":{"SS":["x","y"]}}`, 1, false},
		{"REMOVE, later ADD", &step{Act{"n", Assign, nil}, nil}, add(1, 11), `{"pk":{"S":"p"},"s":{"SS":["x","y"]}}`, 1, true},
		{"add and take", &step{Act{"s", Add, stringSet("z")}, stringSet("x", "y", "z")}, &step{Act{"s", Take, stringSet("x")}, stringSet("y")}, `{"n":{"N":"10"},"pk":{"S":"p"},"s":{"SS":["y","z"]}}`, 0, true},
		{"add again and take", &step{Act{"s", Add, stringSet("x", "z")}, stringSet("x", "y", "z")}, &step{Act{"s", Take, stringSet("x")}, stringSet("y")}, `{"n":{"N":"10"},"pk":{"S":"p"},"s":{"SS":["x","y","z"]}}`, 0, true},
		{"take all and take all", &step{Act{"s", Take, stringSet("x", "y")}, nil}, &step{Act{"s", Take, stringSet("x", "y")}, nil}, `{"n":{"N":"10"},"pk":{"S":"p"}}`, 0, true},
		{"SET, later deletion", set(7), nil, `deleted`, 1, false},
		{"deletion, later SET", nil, set(7), `{"n":{"N":"7"},"pk":{"S":"p"}}`, 1, false},
		{"deletion, later ADD", nil, add(1, 11), `deleted`, 1, false},
	} {
		for round := range 2 {
			if round == 1 && !test.mirror {
				break
			}
			first := State{Version: Version{clock.Timestamp{Wall: 1}, cells[2]}, Item: start}
			states := make([]State, 2)
			for i, s := range []*step{test.a, test.b} {
				wall := int64(2 + i)
				if round == 1 {
					wall = int64(3 - i)
				}
				at := Version{clock.Timestamp{Wall: wall}, cells[i]}
				states[i] = State{Version: at, Vector: first.Follow(at), Deleted: s == nil, Item: keyOnly}
				if s == nil {
					continue
				}
				b := new(item.Builder)
				for name, v := range start.All() {
					if string(name) != s.act.Name {
						b.Add(string(name), v)
					}
				}
				if s.after != nil {
					b.Add(s.act.Name, s.after)
				}
				states[i].Item = b.Item(nil)
				if err := Track(decoder, &first, &states[i], []Act{s.act}); err != nil {
					t.Fatal(err)
				}
			}
			out, err := Resolve(decoder, keyOnly, &states[0], &states[1])
			got := "deleted"
			if !out.State.Deleted {
				got = string(item.AppendItemJSON(nil, out.State.Item))
			}
			if err != nil || got != test.want || len(out.Lost) != test.lost {
				t.Errorf("%s, round %d: %s, %d lost, %v; want %s, %d", test.name, round, got, len(out.Lost), err, test.want, test.lost)
			}
		}
	}
}
