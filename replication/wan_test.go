package replication

import (
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
)

// TestRoundTrip: every pair of Regions has a time, the same both ways.
func TestRoundTrip(t *testing.T) {
	for i := range roundTrips {
		if len(roundTrips[i].to) != i {
			t.Errorf("the row of %s has %d times, want %d", roundTrips[i].region, len(roundTrips[i].to), i)
		}
	}
	all := aws.Regions()
	for _, a := range all {
		for _, b := range all {
			d := RoundTrip(a, b)
			if d != RoundTrip(b, a) || (d == 0) != (a == b) || d > 600*time.Millisecond {
				t.Errorf("%s to %s: %v, and back: %v", a, b, d, RoundTrip(b, a))
			}
		}
	}
	for _, c := range []struct {
		a, b aws.Region
		want time.Duration
	}{
		{"us-east-1", "us-east-2", 11 * time.Millisecond},
		{"eu-west-1", "us-east-1", 71 * time.Millisecond},
		{"ap-east-1", "ap-northeast-1", 51 * time.Millisecond},
		{"eu-central-2", "us-east-1", 93 * time.Millisecond},
	} {
		if got := RoundTrip(c.a, c.b); got != c.want {
			t.Errorf("%s to %s: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

// TestBandwidth: messages go out one after the other at the rate of the way, what
// waits too long is lost, and a line that was idle saves nothing up.
func TestBandwidth(t *testing.T) {
	now := time.Unix(1000, 0)
	way := &transit{}
	if out, ok := way.depart(now, 1<<30, 0); !ok || out != now {
		t.Errorf("without a limit: %v %t", out, ok)
	}
	for i := range 5 {
		if out, ok := way.depart(now, 2000, 1000); !ok || out != now.Add(time.Duration(2*(i+1))*time.Second) {
			if i < 3 || ok {
				t.Errorf("message %d: %v %t", i, out.Sub(now), ok)
			}
		} else if i > 2 {
			t.Errorf("message %d is taken, behind %v", i, out.Sub(now))
		}
	}
	now = now.Add(time.Minute)
	if out, ok := way.depart(now, 2000, 1000); !ok || out != now.Add(2*time.Second) {
		t.Errorf("after a rest: %v %t", out.Sub(now), ok)
	}
}
