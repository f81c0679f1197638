package replication

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/hortusdb/hortus/aws"
)

// TestHandlers: every kind of request is answered.
func TestHandlers(t *testing.T) {
	all := handlers()
	for k := Inspect; k <= Found; k++ {
		if all[k].answer == nil {
			t.Errorf("nobody answers requests of kind %d", k)
		}
	}
	if len(all) != int(Found) {
		t.Errorf("%d kinds are answered, and there are %d", len(all), Found)
	}
}

// failing is a transport whose calls end in an error.
type failing struct {
	Transport
	err error
}

func (f failing) Call(context.Context, aws.Cell, aws.Cell, *Request) (*Response, error) {
	return nil, f.err
}

// TestUnreachableAnswer: the answer for a cell that cannot be asked says whether
// something may have been changed, and to try again only where that may help.
func TestUnreachableAnswer(t *testing.T) {
	for _, c := range []struct {
		q           Request
		err         error
		has, hasNot string
	}{
		{Request{Kind: Settle}, ErrUnreachable, "may have been changed elsewhere already; try again", "nothing"},
		{Request{Kind: Settle, DryRun: true}, ErrUnreachable, "nothing was changed; try again", "elsewhere"},
		{Request{Kind: ReadScaling}, ErrUnreachable, "nothing was changed; try again", "elsewhere"},
		{Request{Kind: Adopt}, ErrNoNode, "no node is known that has that cell; nothing was changed", "try again"},
	} {
		r := &Replicator{handlers: handlers(), transport: failing{err: c.err}}
		_, err := r.call(t.Context(), aws.Cell{Account: "111111111111", Region: "eu-west-1"}, &c.q)
		known, ok := errors.AsType[*aws.Error](err)
		if !ok || known.Code != unavailable || !strings.Contains(known.Message, c.has) || strings.Contains(known.Message, c.hasNot) {
			t.Errorf("kind %d, %v: %v", c.q.Kind, c.err, err)
		}
	}
}

// TestWithReason: an error's message does not end in an empty line.
func TestWithReason(t *testing.T) {
	got := withReason(aws.Errorf("AccessDeniedException", "User may not"), "Denied by s.\nNo Allow outweighs a Deny: change that statement.\n")
	if want := "User may not. Denied by s.\nNo Allow outweighs a Deny: change that statement."; got.Message != want {
		t.Errorf("%q", got.Message)
	}
}
