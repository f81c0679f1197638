package load

import (
	"math"
	"math/rand/v2"
)

// zipf draws items so that the i-th most popular comes up as i^-theta, theta
// below 1, by the method of Gray et al. ("Quickly generating billion-record
// synthetic databases", 1994), which YCSB uses, too. Popular items are
// scattered over all.
type zipf struct {
	n                             int
	theta, alpha, zeta, half, eta float64
}

func newZipf(n int, theta float64) *zipf {
	z := &zipf{n: n, theta: theta, alpha: 1 / (1 - theta), half: math.Pow(0.5, theta)}
	for i := 1; i <= n; i++ {
		z.zeta += 1 / math.Pow(float64(i), theta)
	}
	z.eta = (1 - math.Pow(2/float64(n), 1-theta)) / (1 - (1+z.half)/z.zeta)
	return z
}

// rank is 0 for the most popular item.
func (z *zipf) rank(u float64) int {
	switch uz := u * z.zeta; {
	case uz < 1 || z.n == 1:
		return 0
	case uz < 1+z.half || z.n == 2:
		return 1
	}
	return min(int(float64(z.n)*math.Pow(z.eta*u-z.eta+1, z.alpha)), z.n-1)
}

func (z *zipf) draw(rng *rand.Rand) int {
	// Fibonacci hashing scatters the ranks; two may meet on one item.
	const golden = 0x9e3779b97f4a7c15
	return int(uint64(z.rank(rng.Float64())) * golden % uint64(z.n))
}
