package replication_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
)

// TestWipedMember: a member that is there again without its data is shown as such
// with the first message that reaches it, both ways, and is taken out; whoever joins
// meanwhile is told what is waited for, until it can.
func TestWipedMember(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	g := grant{members: all, admits: all}
	w.create(cellA, g)
	w.mustJoin(cellB, cellA, g)
	w.mustJoin(cellC, cellA, g)
	w.fill(cellA, 0, 5)
	w.until(5*time.Second, "all have 5", w.settled(5, all...))
	w.run(6 * time.Second)
	w.network.Detach(cellB)
	w.members[cellB].store.Crash()
	w.start(cellB, newStore(w))
	join := func() error { return w.join(cellB, cellA, g) }
	wantCode(t, join(), "ResourceInUseException", "has not heard that it is gone")
	w.fill(cellA, 5, 6)
	w.run(2 * tick)
	if s := w.link(cellA, cellA, cellB); s.State != replication.Refused || !strings.Contains(s.Reason, "no such replica") {
		t.Errorf("the link to it is %s: %s", s.State, s.Reason)
	}
	if s := w.link(cellA, cellB, cellA); s.State != replication.NoContact || !strings.Contains(s.Reason, "no such replica") {
		t.Errorf("the link from it is %s: %s", s.State, s.Reason)
	}
	said := map[string]bool{}
	w.until(30*time.Second, "it joins again", func() bool {
		err := join()
		if contract, ok := errors.AsType[*aws.Error](err); ok {
			said[contract.Message] = true
			if contract.Code != "ResourceInUseException" || !strings.HasSuffix(contract.Message, "; nothing was changed. Try again") {
				t.Errorf("it is refused without a reason: %v", err)
			}
		}
		return err == nil
	})
	if len(said) < 2 {
		t.Errorf("it was refused for %v: too little is tested", said)
	}
	w.until(20*time.Second, "all have all", w.settled(6, all...))
	w.until(20*time.Second, "its links flow", func() bool {
		return w.link(cellA, cellA, cellB).State == replication.Flowing && w.link(cellA, cellB, cellA).State == replication.Flowing
	})
}
