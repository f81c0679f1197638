package peer

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
)

// hand is a clock that other nodes move, or may not.
type hand struct {
	echo
	ahead time.Duration
	stuck bool
}

func (h *hand) MoveClock(ahead time.Duration) (time.Duration, error) {
	if h.stuck && ahead > h.ahead {
		return h.ahead, aws.Errorf("AccessDeniedException", "not a rehearsal")
	}
	h.ahead = max(h.ahead, ahead)
	return h.ahead, nil
}

// TestMoveClocks: the clock is moved on at every node that lets it, and what became of
// it at each is told; nobody but a node of the configuration moves it.
func TestMoveClocks(t *testing.T) {
	a := authority(t)
	third := aws.Cell{Account: "333333333333", Region: "us-west-2"}
	lnA, lnB, lnC := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	moved, stuck := &hand{}, &hand{ahead: time.Minute, stuck: true}
	nodeA := serveCalls(t, a, &hand{}, lnA, one(staging), one(staging), Node{lnB.Addr().String(), one(prod)}, Node{lnC.Addr().String(), one(third)})
	serveCalls(t, a, moved, lnB, one(prod), one(prod), Node{lnA.Addr().String(), one(staging)})
	nodeC := serveCalls(t, a, stuck, lnC, one(third), one(third), Node{lnA.Addr().String(), one(staging)})

	out := nodeA.MoveClocks(t.Context(), time.Hour)
	if len(out) != 2 || !slices.Equal(out[0].Cells, one(prod)) || out[0].Ahead != time.Hour || out[0].Err != nil || moved.ahead != time.Hour {
		t.Errorf("moved: %+v", out)
	}
	if out[1].Ahead != time.Minute || out[1].Err == nil || !strings.Contains(out[1].Err.Error(), "not a rehearsal") || stuck.ahead != time.Minute {
		t.Errorf("may not be moved: %+v", out[1])
	}
	for i, want := range []time.Duration{time.Hour, time.Minute} {
		if got := nodeA.MoveClocks(t.Context(), 0)[i]; got.Ahead != want || got.Err != nil {
			t.Errorf("looked at: %+v", got)
		}
	}
	nodeC.stop()
	if got := nodeA.MoveClocks(t.Context(), 0)[1]; got.Err == nil || got.Err.Error() != "the node does not answer" {
		t.Errorf("gone: %+v", got)
	}

	// A certificate of the authority alone is not enough.
	stranger := aws.Cell{Account: "444444444444", Region: "us-west-2"}
	nodeD := serveNode(t, a, listen(t, "127.0.0.1:0"), one(stranger), one(stranger), Node{lnB.Addr().String(), one(prod)})
	if got := nodeD.MoveClocks(t.Context(), 2*time.Hour)[0]; got.Err == nil || !strings.Contains(got.Err.Error(), "403") || moved.ahead != time.Hour {
		t.Errorf("by a stranger: %+v", got)
	}
}
