package main

import (
	"strings"
	"testing"
)

// TestPort: a port that is none is said to be none, and no other server is blamed.
func TestPort(t *testing.T) {
	for _, port := range []int{-1, 65536, 99999} {
		d := devCommand{Port: port, Region: "us-east-1", Auth: "open", Memory: true, Durability: "sync", Pace: "instant"}
		err := d.Run(t.Context())
		if err == nil || !strings.HasPrefix(err.Error(), "--port ") || !strings.Contains(err.Error(), "want a number from 0 to 65535") {
			t.Errorf("%d: %v", port, err)
		}
	}
}
