package main

import "testing"

// TestGarbagePercent: much garbage where little is in use, and as much as is in use
// where that is a lot.
func TestGarbagePercent(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, 400}, {4 << 20, 400}, {24 << 20, 400}, {32 << 20, 300}, {50 << 20, 150}, {96 << 20, 100}, {4 << 30, 100},
	} {
		if got := garbagePercent(c.live); got != c.want {
			t.Errorf("%d bytes in use: %d percent, want %d", c.live, got, c.want)
		}
	}
}
