package conflict

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
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

// law is one way of deciding between two states.
type law func(t *testing.T, a, b *State) State

func lastWriter(_ *testing.T, a, b *State) State { return LastWriterWins(*a, *b) }

func resolve(t *testing.T, a, b *State) State {
	out, err := Resolve(decoder, keyOnly, a, b)
	if err != nil {
		t.Fatal(err)
	}
	return out.State
}

var (
	decoder = NewDecoder(cells[1])
	keyOnly = item.BuildItem(nil, []item.Entry{{Name: "pk", Value: item.S("p")}})
)

// TestResolverLaws holds every rule to the laws that make replicas converge,
// vectors and parts included: replicas that have seen the same writes hold the
// same, in whatever order and how often they came.
func TestResolverLaws(t *testing.T) {
	for name, test := range map[string]struct {
		merge law
		write func(rng *rand.Rand, old *State, at Version) State
	}{
		"LastWriterWins": {lastWriter, putOrDelete},
		"last writer":    {resolve, putOrDelete},
		"merge":          {resolve, anyUpdate},
		"both":           {resolve, putOrUpdate},
		"sums":           {resolve, addOrSet},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			for range 400 {
				states := history(t, rng, test.merge, test.write, 24)
				for range 60 {
					a, b, c := states[rng.IntN(len(states))], states[rng.IntN(len(states))], states[rng.IntN(len(states))]
					ab, bc := test.merge(t, &a, &b), test.merge(t, &b, &c)
					if got := test.merge(t, &b, &a); !reflect.DeepEqual(got, ab) {
						t.Fatalf("not commutative: %+v, %+v:\n%+v and\n%+v", a, b, ab, got)
					}
					if got, want := test.merge(t, &a, &bc), test.merge(t, &ab, &c); !reflect.DeepEqual(got, want) {
						t.Fatalf("not associative:\n%s\n%s\n%s:\n%s and\n%s", show(&a), show(&b), show(&c), show(&got), show(&want))
					}
					if got := test.merge(t, &a, &a); !reflect.DeepEqual(got, a) {
						t.Fatalf("not idempotent: %+v: %+v", a, got)
					}
				}
			}
		})
	}
}

func show(s *State) string {
	p, _ := s.open(decoder)
	return fmt.Sprintf("%v %+v deleted %t %s %+v", s.Version, s.Vector, s.Deleted, item.AppendItemJSON(nil, s.Item), p)
}

// history makes states of one item as cells make them that write, and send each
// other what they have. Times collide between cells.
func history(t *testing.T, rng *rand.Rand, merge law, write func(*rand.Rand, *State, Version) State, n int) []State {
	now := make([]State, len(cells))
	var out []State
	for len(out) < n {
		i, from := rng.IntN(len(cells)), rng.IntN(len(cells))
		switch {
		case rng.IntN(2) == 0:
			at := Version{clock.Timestamp{Wall: now[i].Version.Time.Wall + 1 + rng.Int64N(2)}, cells[i]}
			now[i] = write(rng, &now[i], at)
		case now[i].Version.IsZero():
			now[i] = now[from]
			continue
		case now[from].Version.IsZero():
			continue
		default:
			now[i] = merge(t, &now[i], &now[from])
		}
		if !now[i].Version.IsZero() {
			out = append(out, now[i])
		}
	}
	return out
}

// putOrDelete writes an item whole.
func putOrDelete(rng *rand.Rand, old *State, at Version) State {
	next := State{Version: at, Vector: old.Follow(at), Deleted: rng.IntN(4) == 0, Item: keyOnly}
	if !next.Deleted {
		b := new(item.Builder)
		b.Add("pk", item.S("p"))
		b.Add("by", item.S(at.String()))
		for _, name := range []string{"n", "s"} {
			if rng.IntN(3) == 0 {
				b.Add(name, number(rng.IntN(9)))
			}
		}
		next.Item = b.Item(nil)
	}
	return next
}

func number(n int) item.Value {
	v, err := item.N(strconv.Itoa(n))
	if err != nil {
		panic(err)
	}
	return v
}

func stringSet(elements ...string) item.Value {
	var members []item.Value
	for _, e := range elements {
		members = append(members, item.S(e))
	}
	v, err := item.BuildSet(nil, item.TypeSS, members)
	if err != nil {
		panic(err)
	}
	return v
}

func putOrUpdate(rng *rand.Rand, old *State, at Version) State {
	if rng.IntN(3) == 0 {
		return putOrDelete(rng, old, at)
	}
	return anyUpdate(rng, old, at)
}

// anyUpdate does to a few attributes what updates do, or deletes the item.
func anyUpdate(rng *rand.Rand, old *State, at Version) State {
	if rng.IntN(12) == 0 {
		return State{Version: at, Vector: old.Follow(at), Deleted: true, Item: keyOnly}
	}
	values := map[string]item.Value{"pk": item.S("p")}
	if !old.Deleted && !old.Version.IsZero() {
		for name, v := range old.Item.All() {
			values[string(name)] = v
		}
	}
	var acts []Act
	for _, name := range []string{"n", "s"} {
		v := values[name]
		switch n := rng.IntN(9); {
		case n < 2 && (v == nil || v.Type() == item.TypeN):
			by := number(1 + rng.IntN(5))
			acts = append(acts, Act{name, Add, by})
			if v != nil {
				sum, err := item.AddNumbers(nil, v.Number(), by.Number())
				if err != nil {
					panic(err)
				}
				by = item.AppendN(nil, sum)
			}
			values[name] = by
		case n < 5 && (v == nil || v.Type() == item.TypeSS):
			some := stringSet(string(rune('a'+rng.IntN(3))), string(rune('d'+rng.IntN(3))))
			acts = append(acts, Act{name, Add, some})
			if v != nil {
				some = item.Union(nil, v, some)
			}
			values[name] = some
		case n < 6 && v.Type() == item.TypeSS:
			some := stringSet(string(rune('a'+rng.IntN(3))), string(rune('d'+rng.IntN(3))))
			acts = append(acts, Act{name, Take, some})
			delete(values, name)
			if rest, ok := item.Difference(nil, v, some); ok {
				values[name] = rest
			}
		case n == 6:
			acts = append(acts, Act{name, Assign, nil})
			values[name] = number(100 * rng.IntN(5))
		case n == 7 && v != nil:
			acts = append(acts, Act{name, Assign, nil})
			delete(values, name)
		}
	}
	next := State{Version: at, Vector: old.Follow(at)}
	b := new(item.Builder)
	for name, v := range values {
		b.Add(name, v)
	}
	next.Item = b.Item(nil)
	if err := Track(decoder, old, &next, acts); err != nil {
		panic(err)
	}
	return next
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
			out, err := Resolve(decoder, keyOnly, a, b)
			if err != nil {
				t.Fatal(err)
			}
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
	if out, _ := Resolve(decoder, keyOnly, &old, &later); len(out.Lost) != 0 || out.State.Version != v {
		t.Errorf("a later write: %+v", out)
	}
	unaware := State{Version: v, Item: item.Item("unaware")}
	if out, _ := Resolve(decoder, keyOnly, &unaware, &old); len(out.Lost) != 1 || out.Lost[0].Version != old.Version || out.State.Version != v || !out.State.Covers(old.Version) {
		t.Errorf("a concurrent write: %+v", out)
	}
	// A write where a tombstone was dropped comes after it.
	dead := State{Version: Version{clock.Timestamp{Wall: 3}, cells[0]}, Deleted: true}
	anew := State{Version: Version{clock.Timestamp{Wall: 9}, cells[1]}, Vector: Vector{Floor: clock.Timestamp{Wall: 5}}, Item: item.Item("anew")}
	if out, _ := Resolve(decoder, keyOnly, &dead, &anew); len(out.Lost) != 0 || !out.State.Vector.Equal(&anew.Vector) {
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
	all := slices.Clone(cells)
	for _, account := range []aws.Account{"000000000000", "000000000007", "000000011111", "099999999999", "100000000000", "999999999999"} {
		all = append(all, aws.Cell{Account: account, Region: "eu-west-1"})
	}
	for _, c := range all {
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
	for name, c := range map[string]aws.Cell{"own": cells[1], "other": {Account: "000000011111", Region: "eu-west-1"}} {
		b.Run(name, func(b *testing.B) {
			enc := AppendVersion(nil, Version{clock.Timestamp{Wall: 1 << 50}, c})
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := d.Version(enc); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
