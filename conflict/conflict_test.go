package conflict

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/item"
)

var cells = []aws.Cell{
	{Account: "000000000001", Region: "us-east-1"},
	{Account: "111111111111", Region: "eu-west-1"},
	{Account: "999999999999", Region: "ap-southeast-7"},
}

// TestResolverLaws holds every resolver to the laws that make replicas
// converge, vectors included.
func TestResolverLaws(t *testing.T) {
	for name, merge := range map[string]Resolver{"LastWriterWins": LastWriterWins} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			for range 300 {
				states := history(rng, merge, 24)
				for range 100 {
					a, b, c := states[rng.IntN(len(states))], states[rng.IntN(len(states))], states[rng.IntN(len(states))]
					if got, want := merge(a, b), merge(b, a); !reflect.DeepEqual(got, want) {
						t.Fatalf("not commutative: %v, %v: %v and %v", a, b, got, want)
					}
					if got, want := merge(a, merge(b, c)), merge(merge(a, b), c); !reflect.DeepEqual(got, want) {
						t.Fatalf("not associative: %v, %v, %v: %v and %v", a, b, c, got, want)
					}
					if got := merge(a, a); !reflect.DeepEqual(got, a) {
						t.Fatalf("not idempotent: %v: %v", a, got)
					}
				}
			}
		})
	}
}

// history makes states of one item as cells make them that write, and send each
// other what they have. Times collide between cells.
func history(rng *rand.Rand, merge Resolver, n int) []State {
	now := make([]State, len(cells))
	var out []State
	for len(out) < n {
		i, from := rng.IntN(len(cells)), rng.IntN(len(cells))
		switch {
		case rng.IntN(2) == 0:
			at := Version{clock.Timestamp{Wall: now[i].Version.Time.Wall + 1 + rng.Int64N(2)}, cells[i]}
			now[i] = State{Version: at, Vector: now[i].Follow(at), Deleted: rng.IntN(4) == 0, Item: item.Item(at.String())}
		case now[i].Version.IsZero():
			now[i] = now[from]
			continue
		case now[from].Version.IsZero():
			continue
		default:
			now[i] = merge(now[i], now[from])
		}
		if !now[i].Version.IsZero() {
			out = append(out, now[i])
		}
	}
	return out
}

// TestConcurrent: a vector tells the writes that a writer had seen from those
// that it had not, as a model does that keeps them all.
func TestConcurrent(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	type seen map[Version]bool
	for range 500 {
		now, known := make([]State, len(cells)), make([]seen, len(cells))
		for i := range known {
			known[i] = seen{}
		}
		for range 30 {
			i, from := rng.IntN(len(cells)), rng.IntN(len(cells))
			if rng.IntN(2) == 0 {
				at := Version{clock.Timestamp{Wall: now[i].Version.Time.Wall + 1 + rng.Int64N(2)}, cells[i]}
				now[i] = State{Version: at, Vector: now[i].Follow(at), Item: item.Item(at.String())}
				known[i][at] = true
				continue
			}
			if now[i].Version.IsZero() || now[from].Version.IsZero() {
				continue
			}
			a, b := &now[i], &now[from]
			out := Resolve(a, b)
			for v := range known[from] {
				if a.Covers(v) != known[i][v] {
					t.Fatalf("%+v covers %v: %t, and has seen it: %t", *a, v, a.Covers(v), known[i][v])
				}
			}
			want := 0
			if !known[i][b.Version] && !known[from][a.Version] {
				want = 1
			}
			if len(out.Lost) > want || (want == 1 && a.Version != b.Version && len(out.Lost) == 0 && !lostBefore(a, b)) {
				t.Fatalf("%+v and %+v: %d lost, want %d", *a, *b, len(out.Lost), want)
			}
			now[i] = out.State
			for v := range known[from] {
				known[i][v] = true
			}
		}
	}
}

// lostBefore reports whether the lesser of two states was overwritten in the
// greater one already.
func lostBefore(a, b *State) bool {
	if a.Version.Compare(b.Version) < 0 {
		a, b = b, a
	}
	return a.Covers(b.Version)
}

// TestRegionalStates: a state without a vector, of a time when its table was
// regional, is before all that was written on top of it, and concurrent with what
// was not.
func TestRegionalStates(t *testing.T) {
	old := State{Version: Version{clock.Timestamp{Wall: 1}, cells[0]}, Item: item.Item("old")}
	v := Version{clock.Timestamp{Wall: 2}, cells[1]}
	later := State{Version: v, Vector: old.Follow(v), Item: item.Item("later")}
	if out := Resolve(&old, &later); len(out.Lost) != 0 || out.State.Version != v {
		t.Errorf("a later write: %+v", out)
	}
	unaware := State{Version: v, Item: item.Item("unaware")}
	if out := Resolve(&unaware, &old); len(out.Lost) != 1 || out.Lost[0].Version != old.Version || out.State.Version != v || !out.State.Covers(old.Version) {
		t.Errorf("a concurrent write: %+v", out)
	}
	// A write where a tombstone was dropped comes after it.
	dead := State{Version: Version{clock.Timestamp{Wall: 3}, cells[0]}, Deleted: true}
	anew := State{Version: Version{clock.Timestamp{Wall: 9}, cells[1]}, Vector: Vector{Floor: clock.Timestamp{Wall: 5}}, Item: item.Item("anew")}
	if out := Resolve(&dead, &anew); len(out.Lost) != 0 || !out.State.Vector.Equal(&anew.Vector) {
		t.Errorf("a write after a tombstone was dropped: %+v", out)
	}
}

func randomState(rng *rand.Rand) State {
	v := Version{clock.Timestamp{Wall: rng.Int64N(3), Logical: rng.Uint32N(2)}, cells[rng.IntN(len(cells))]}
	return State{Version: v}
}

func TestVersionsOrderAsTheirBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		a, b := randomState(rng).Version, randomState(rng).Version
		want := a.Time.Compare(b.Time)
		got := bytes.Compare(clock.AppendTimestamp(nil, a.Time), clock.AppendTimestamp(nil, b.Time))
		if got != want {
			t.Fatalf("%v and %v: %d as versions, %d as bytes", a, b, want, got)
		}
	}
}

func TestVersionRoundTrip(t *testing.T) {
	d := NewDecoder(cells[1])
	for _, c := range cells {
		v := Version{clock.Timestamp{Wall: 1_790_000_000_000_000, Logical: 7}, c}
		got, rest, err := d.Version(append(AppendVersion(nil, v), "rest"...))
		if err != nil || got != v || string(rest) != "rest" {
			t.Errorf("%v: got %v, rest %q, %v", v, got, rest, err)
		}
	}
	vec := Vector{Floor: clock.Timestamp{Wall: 2}, Last: []Version{{clock.Timestamp{Wall: 3}, cells[0]}, {clock.Timestamp{Wall: 1 << 40}, cells[2]}}}
	got, rest, err := d.Vector(AppendVector(nil, &vec))
	if err != nil || !got.Equal(&vec) || len(rest) != 0 {
		t.Errorf("vector: got %v, rest %q, %v", got, rest, err)
	}
}

// FuzzDecode states that no bytes make the decoder panic, and that what it
// accepts is written back as it was read.
func FuzzDecode(f *testing.F) {
	f.Add(AppendVersion(nil, Version{clock.Timestamp{Wall: 5}, cells[0]}))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := NewDecoder(cells[0])
		if v, rest, err := d.Version(b); err == nil && len(v.Cell.Account) == 12 {
			if got := AppendVersion(nil, v); !bytes.Equal(got, b[:len(b)-len(rest)]) {
				t.Fatalf("%x was written back as %x", b, got)
			}
		}
		if v, _, err := d.Vector(b); err == nil {
			w, _, err := d.Vector(AppendVector(nil, &v))
			if err != nil || !v.Equal(&w) {
				t.Fatalf("%v was read back as %v, %v", v, w, err)
			}
		}
	})
}

func BenchmarkDecodeVersion(b *testing.B) {
	d := NewDecoder(cells[1])
	enc := AppendVersion(nil, Version{clock.Timestamp{Wall: 1 << 50}, cells[1]})
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := d.Version(enc); err != nil {
			b.Fatal(err)
		}
	}
}
