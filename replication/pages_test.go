package replication

import (
	"testing"
	"time"

	"github.com/hortusdb/hortus/kv"
)

// TestPace: pages go at the rate that was set, at none without one, and slower
// while the cell takes writes.
func TestPace(t *testing.T) {
	began := time.Unix(1000, 0)
	send := func(p *pace, seconds, commitsASecond int) (sent int) {
		for now := began; now.Sub(began) < time.Duration(seconds)*time.Second; now = now.Add(time.Millisecond) {
			if p.wait(now) <= 0 {
				sent += 1 << 20
				p.spend(now, 1<<20, kv.Position(int(now.Sub(began).Milliseconds())*commitsASecond/1000))
			}
		}
		return sent
	}
	for _, c := range []struct {
		rate            int64
		commits         int
		least, greatest int
	}{
		{0, 0, 4000 << 20, 4000 << 20},
		{8 << 20, 0, 31 << 20, 33 << 20},
		{0, 1000, 4 * 15 << 20, 4*16<<20 + 200<<20},
		{8 << 20, 1000, 31 << 20, 33 << 20},
	} {
		if got := send(&pace{rate: c.rate}, 4, c.commits); got < c.least || got > c.greatest {
			t.Errorf("rate %d, %d commits a second: %d bytes in 4 s", c.rate, c.commits, got)
		}
	}
}
