// Package clock is the only source of time: wall readings, and the hybrid
// logical timestamps that order writes across cells.
package clock

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Clock reads the wall. Everything below cmd takes one, so that the simulator
// owns time.
type Clock interface {
	Now() time.Time
}

// Wall is the machine's clock.
type Wall struct{}

// Now returns the machine's time.
func (Wall) Now() time.Time { return time.Now() }

// Timestamp orders writes in every cell. Wall is in microseconds since 1970.
type Timestamp struct {
	Wall    int64
	Logical uint32
}

// Compare orders timestamps by wall time, then by logical count.
func (t Timestamp) Compare(u Timestamp) int {
	return cmp.Or(cmp.Compare(t.Wall, u.Wall), cmp.Compare(t.Logical, u.Logical))
}

// IsZero reports whether t is the zero timestamp, which is before all others.
func (t Timestamp) IsZero() bool { return t == Timestamp{} }

// Time returns the wall part.
func (t Timestamp) Time() time.Time { return time.UnixMicro(t.Wall) }

func (t Timestamp) String() string { return fmt.Sprintf("%d.%d", t.Wall, t.Logical) }

// EncodedSize is the length of an encoded Timestamp.
const EncodedSize = 12

// AppendTimestamp appends t in 12 bytes that sort as timestamps do.
func AppendTimestamp(dst []byte, t Timestamp) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.Wall))
	return binary.BigEndian.AppendUint32(dst, t.Logical)
}

// DecodeTimestamp reads what AppendTimestamp wrote; b holds at least
// EncodedSize bytes.
func DecodeTimestamp(b []byte) Timestamp {
	return Timestamp{int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint32(b[8:])}
}

// MaxAhead is how far ahead of this cell's wall a timestamp of another cell
// may be. A clock further ahead would win every conflict and drag every hybrid
// clock along, so what it stamped is refused.
const MaxAhead = 10 * time.Second

// ErrAhead reports a timestamp that is more than MaxAhead in the future.
var ErrAhead = errors.New("clock: timestamp is too far ahead of this cell's clock")

// Hybrid hands out timestamps that never repeat and never go back, even when
// the wall clock does. It is safe for concurrent use.
type Hybrid struct {
	wall Clock

	mu   sync.Mutex
	last Timestamp
}

// NewHybrid returns a hybrid clock over wall.
func NewHybrid(wall Clock) *Hybrid { return &Hybrid{wall: wall} }

// Now returns a timestamp later than every one returned or observed before.
func (h *Hybrid) Now() Timestamp { return h.After(Timestamp{}) }

// After is Now, and later than t too: a new version of an item must follow the
// one that it replaces, whatever became of the clock since.
func (h *Hybrid) After(t Timestamp) Timestamp {
	w := h.wall.Now().UnixMicro()
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.Compare(h.last) > 0 {
		h.last = t
	}
	if w > h.last.Wall {
		h.last = Timestamp{Wall: w}
	} else {
		h.last.Logical++
	}
	return h.last
}

// Observe moves the clock past t, a timestamp made by another cell. It returns
// ErrAhead, and does not move, when t is more than MaxAhead past the wall.
func (h *Hybrid) Observe(t Timestamp) error {
	if t.Wall > h.wall.Now().Add(MaxAhead).UnixMicro() {
		return fmt.Errorf("%w: %v", ErrAhead, t)
	}
	h.Restore(t)
	return nil
}

// Restore moves the clock past t without a bound: for timestamps that this
// cell itself made and kept.
func (h *Hybrid) Restore(t Timestamp) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.Compare(h.last) > 0 {
		h.last = t
	}
}

// Wait returns when d has passed, when wake can be received from, or when ctx
// ends; only then its result is false. It is how a goroutine that owns a Step
// waits for its next turn. A negative d waits for wake or ctx alone.
func Wait(ctx context.Context, wake <-chan struct{}, d time.Duration) bool {
	var tick <-chan time.Time
	if d >= 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		tick = t.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-tick:
	}
	return ctx.Err() == nil
}
