package clock

import (
	"sync/atomic"
	"time"
)

// Offset is a clock that is ahead of another one by as much as it was moved. It
// is what the deadlines of hours and days are counted by, so that a rehearsal
// need not wait for them; versions and signatures read the clock below it. It is
// safe for concurrent use.
type Offset struct {
	of    Clock
	ahead atomic.Int64
}

// NewOffset returns a clock that is ahead of another one.
func NewOffset(of Clock, ahead time.Duration) *Offset {
	o := &Offset{of: of}
	o.ahead.Store(int64(ahead))
	return o
}

// Now returns the time of the clock below, moved.
func (o *Offset) Now() time.Time { return o.of.Now().Add(o.Ahead()) }

// Ahead is how far it was moved.
func (o *Offset) Ahead() time.Duration { return time.Duration(o.ahead.Load()) }

// Advance moves it further.
func (o *Offset) Advance(d time.Duration) { o.ahead.Add(int64(d)) }
