package main

import "testing"

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{"5": 5, "2KiB": 2 << 10, "512MiB": 512 << 20, "3GiB": 3 << 30} {
		if got, err := parseSize(s); err != nil || got != want {
			t.Errorf("%s: %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "MiB", "-1", "1.5GiB", "9223372036854775807GiB", "5MB"} {
		if got, err := parseSize(s); err == nil {
			t.Errorf("%q: %d", s, got)
		}
	}
}

func TestCacheSize(t *testing.T) {
	if n, err := cacheSize(""); err != nil || n < minCache || n > maxAutoCache {
		t.Errorf("without a size: %d, %v", n, err)
	}
	if _, err := cacheSize("1KiB"); err == nil {
		t.Error("1KiB is taken for a cache")
	}
}
