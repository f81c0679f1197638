package main

import (
	"testing"
	"time"
)

func TestCompareEvery(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "1m": time.Minute, "24h": 24 * time.Hour, "59s": -1, "-1h": -1, "often": -1} {
		got, err := (&config{Divergence: text}).compareEvery()
		if (want < 0) != (err != nil) || (err == nil && got != want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
}
