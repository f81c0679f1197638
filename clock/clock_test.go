package clock_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hortusdb/hortus/clock"
)

// wallClock is a clock that the test moves.
type wallClock struct{ now time.Time }

func (c *wallClock) Now() time.Time { return c.now }

// TestHybridOrder: whatever the wall does and whatever is observed, each reading
// is later than all readings and observations before.
func TestHybridOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		wall := &wallClock{time.UnixMicro(1_000_000_000)}
		h := clock.NewHybrid(wall)
		var last clock.Timestamp
		seen := func(u clock.Timestamp) {
			if u.Compare(last) > 0 {
				last = u
			}
		}
		for range rapid.IntRange(1, 50).Draw(rt, "steps") {
			u := clock.Timestamp{
				Wall:    wall.now.UnixMicro() + rapid.Int64Range(-20_000_000, 20_000_000).Draw(rt, "offset"),
				Logical: uint32(rapid.IntRange(0, 5).Draw(rt, "logical")),
			}
			var next clock.Timestamp
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0:
				wall.now = wall.now.Add(time.Duration(rapid.Int64Range(-1000, 1000).Draw(rt, "move")) * time.Microsecond)
				continue
			case 1:
				err := h.Observe(u)
				ahead := u.Wall > wall.now.Add(clock.MaxAhead).UnixMicro()
				if errors.Is(err, clock.ErrAhead) != ahead || (err != nil) != ahead {
					rt.Fatalf("%v at %v: %v", u, wall.now.UnixMicro(), err)
				}
				if err == nil {
					seen(u)
				}
				continue
			case 2:
				h.Restore(u)
				seen(u)
				continue
			case 3:
				next = h.After(u)
				seen(u)
			default:
				next = h.Now()
			}
			if next.Compare(last) <= 0 {
				rt.Fatalf("%v comes after %v", next, last)
			}
			if next.Wall < wall.now.UnixMicro() {
				rt.Fatalf("%v is behind the wall, %d", next, wall.now.UnixMicro())
			}
			last = next
		}
	})
}

// TestObserveAhead: the bound is exact, and a refused timestamp does not move the
// clock.
func TestObserveAhead(t *testing.T) {
	wall := &wallClock{time.UnixMicro(5_000_000)}
	h := clock.NewHybrid(wall)
	bound := wall.now.Add(clock.MaxAhead).UnixMicro()
	if err := h.Observe(clock.Timestamp{Wall: bound + 1}); !errors.Is(err, clock.ErrAhead) {
		t.Errorf("a microsecond too far: %v", err)
	}
	if got := h.Now(); got != (clock.Timestamp{Wall: 5_000_000}) {
		t.Errorf("after a refusal the clock gives %v", got)
	}
	if err := h.Observe(clock.Timestamp{Wall: bound, Logical: 9}); err != nil {
		t.Error(err)
	}
	if got, want := h.Now(), (clock.Timestamp{Wall: bound, Logical: 10}); got != want {
		t.Errorf("after the bound comes %v, want %v", got, want)
	}
}

// TestConcurrent: no two readings are equal, and those of one goroutine rise.
func TestConcurrent(t *testing.T) {
	h := clock.NewHybrid(&wallClock{time.Unix(1, 0)})
	const readers, each = 8, 1000
	var running sync.WaitGroup
	got := make([][]clock.Timestamp, readers)
	for i := range readers {
		running.Go(func() {
			for range each {
				got[i] = append(got[i], h.Now())
			}
		})
	}
	running.Wait()
	all := map[clock.Timestamp]bool{}
	for _, list := range got {
		for i, u := range list {
			if all[u] = true; i > 0 && u.Compare(list[i-1]) <= 0 {
				t.Fatalf("%v comes after %v", u, list[i-1])
			}
		}
	}
	if len(all) != readers*each {
		t.Errorf("%d different readings, want %d", len(all), readers*each)
	}
}

// TestEncoding: encoded timestamps sort as timestamps do and come back equal.
func TestEncoding(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := func() clock.Timestamp {
			return clock.Timestamp{Wall: rapid.Int64Range(0, 1<<62).Draw(rt, "wall"), Logical: rapid.Uint32().Draw(rt, "logical")}
		}
		a, b := draw(), draw()
		x, y := clock.AppendTimestamp(nil, a), clock.AppendTimestamp(nil, b)
		if len(x) != clock.EncodedSize || clock.DecodeTimestamp(x) != a {
			rt.Fatalf("%v is written as %x", a, x)
		}
		if bytes.Compare(x, y) != a.Compare(b) || a.Compare(b) != -b.Compare(a) {
			rt.Fatalf("%v and %v are written as %x and %x", a, b, x, y)
		}
		if (a.Compare(clock.Timestamp{}) == 0) != a.IsZero() {
			rt.Fatalf("%v: zero is %t", a, a.IsZero())
		}
	})
	u := clock.Timestamp{Wall: 1_500_000, Logical: 2}
	if u.String() != "1500000.2" || !u.Time().Equal(time.Unix(1, 500_000_000)) {
		t.Errorf("%v stands for %v", u, u.Time())
	}
}

// TestWait: it returns for a wake, for the end of the time, and for the end of
// the context, which alone is false.
func TestWait(t *testing.T) {
	wake := make(chan struct{}, 1)
	wake <- struct{}{}
	if !clock.Wait(t.Context(), wake, -1) {
		t.Error("a wake is no reason to go on")
	}
	if !clock.Wait(t.Context(), nil, 0) {
		t.Error("no time to wait is no reason to go on")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if clock.Wait(ended, nil, -1) {
		t.Error("it goes on after the end")
	}
	wake <- struct{}{}
	if clock.Wait(ended, wake, 0) {
		t.Error("it goes on after the end, since it was woken too")
	}
}
