package load

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// TestZipfShares holds the shares of the first ranks to the law. Ten million
// draws would be as far off as their root; these are bounds at ten times that.
func TestZipfShares(t *testing.T) {
	const draws = 200_000
	z := newZipf(1000, 0.99)
	rng := rand.New(rand.NewPCG(1, 2))
	count := make([]int, z.n)
	for range draws {
		count[z.rank(rng.Float64())]++
	}
	for rank := range 2 { // The method is exact for the first two, and close for the rest.
		want := draws / math.Pow(float64(rank+1), z.theta) / z.zeta
		if math.Abs(float64(count[rank])-want) > 10*math.Sqrt(want) {
			t.Errorf("rank %d came up %d times, want %.0f", rank, count[rank], want)
		}
	}
	if count[0] < 5*count[10] || count[10] < 3*count[100] {
		t.Errorf("shares fall too slowly: %d, %d, %d", count[0], count[10], count[100])
	}
}

// TestZipfRange: whatever the size and the exponent, an item is one of them.
func TestZipfRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5000).Draw(t, "n")
		z := newZipf(n, rapid.Float64Range(0.01, 0.999).Draw(t, "theta"))
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for range 100 {
			if i := z.draw(rng); i < 0 || i >= n {
				t.Fatalf("item %d of %d", i, n)
			}
		}
		if r := z.rank(math.Nextafter(1, 0)); r < 0 || r >= n {
			t.Fatalf("rank %d of %d", r, n)
		}
	})
}
