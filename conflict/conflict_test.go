package conflict

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
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
// converge.
func TestResolverLaws(t *testing.T) {
	for name, merge := range map[string]Resolver{"LastWriterWins": LastWriterWins} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			for range 20_000 {
				a, b, c := randomState(rng), randomState(rng), randomState(rng)
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
		})
	}
}

// randomState draws from a space small enough that times collide. A cell never
// uses one timestamp twice, so the content follows from time and cell.
func randomState(rng *rand.Rand) State {
	v := Version{clock.Timestamp{Wall: rng.Int64N(3), Logical: rng.Uint32N(2)}, cells[rng.IntN(len(cells))]}
	return State{Version: v, Deleted: v.Time.Wall == 1, Item: item.Item(v.String())}
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
	vec := Vector{{cells[0], 3}, {cells[2], 1 << 40}}
	got, rest, err := d.Vector(AppendVector(nil, vec))
	if err != nil || !slices.Equal(got, vec) || len(rest) != 0 {
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
			w, _, err := d.Vector(AppendVector(nil, v))
			if err != nil || !slices.Equal(v, w) {
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
