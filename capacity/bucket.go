package capacity

import "time"

// bucket fills at a rate up to a burst. Its level may be below zero: what was
// taken was more than there was.
type bucket struct {
	rate, burst float64 // Units a second; units.
	level       float64
	at          time.Time // When the level was right.
}

// newBucket returns a full bucket, which keeps rate for as long as that.
func newBucket(rate float64, keep time.Duration, now time.Time) bucket {
	burst := rate * keep.Seconds()
	return bucket{rate: rate, burst: burst, level: burst, at: now}
}

// fill adds what has come in by now. A clock that went back adds nothing.
func (b *bucket) fill(now time.Time) {
	if passed := now.Sub(b.at); passed > 0 {
		b.level = min(b.burst, b.level+b.rate*passed.Seconds())
		b.at = now
	}
}

// open reports whether anything is left.
func (b *bucket) open(now time.Time) bool {
	b.fill(now)
	return b.level > 0
}

// take takes units out; a negative number gives them back.
func (b *bucket) take(now time.Time, units float64) {
	b.fill(now)
	b.level = min(b.burst, b.level-units)
}

// adjust changes the rate and keeps what is in the bucket.
func (b *bucket) adjust(rate float64, keep time.Duration, now time.Time) {
	b.fill(now)
	b.rate, b.burst = rate, rate*keep.Seconds()
	b.level = min(b.level, b.burst)
}
