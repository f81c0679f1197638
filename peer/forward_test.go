package peer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/policy"
)

type echo struct{}

func (echo) Forwarded(context.Context, *Forward) *Forwarded { return &Forwarded{Status: 200} }

func (echo) MoveClock(ahead time.Duration) (time.Duration, error) { return ahead, nil }

// TestTakes: a node passes calls on for the cells that its certificate names, on
// behalf of principals of their accounts, and to cells that are here.
func TestTakes(t *testing.T) {
	here := aws.Cell{Account: "111111111111", Region: "us-east-1"}
	theirs := aws.Cell{Account: "222222222222", Region: "us-east-1"}
	third := aws.Cell{Account: "333333333333", Region: "us-east-1"}
	who := func(c aws.Cell) *policy.Principal { return &policy.Principal{Account: c.Account} }
	p := &Peers{own: map[aws.Cell]bool{here: true}}
	by := &caller{cells: map[aws.Cell]bool{theirs: true, here: true}}
	ok := Forward{To: here, From: theirs, Caller: who(theirs)}
	if p.takes(by, &ok) == nil {
		t.Error("calls are taken where nobody answers them")
	}
	p.calls = echo{}
	for _, c := range []struct {
		name  string
		f     Forward
		taken bool
	}{
		{"of a cell of the node", ok, true},
		{"with a signature to verify", Forward{To: here}, true},
		{"for a cell that is not here", Forward{To: third, From: theirs, Caller: who(theirs)}, false},
		{"of another node's cell", Forward{To: here, From: third, Caller: who(third)}, false},
		{"of another account's principal", Forward{To: here, From: theirs, Caller: who(third)}, false},
		{"in this node's own name", Forward{To: here, From: here, Caller: who(here)}, false},
		{"of nobody", Forward{To: here, From: theirs}, false},
		{"of somebody from nowhere", Forward{To: here, Caller: who(theirs)}, false},
	} {
		if err := p.takes(by, &c.f); (err == nil) != c.taken {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestSlots: large calls wait for those that are passed on already, small ones do not.
func TestSlots(t *testing.T) {
	s := make(slots, 1)
	free, err := s.take(t.Context(), largeForward+1)
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := s.take(ended, largeForward+1); !errors.Is(err, context.Canceled) {
		t.Errorf("a second large one: %v", err)
	}
	if _, err := s.take(ended, largeForward); err != nil {
		t.Errorf("a small one: %v", err)
	}
	free()
	if free, err = s.take(t.Context(), largeForward+1); err != nil {
		t.Errorf("once there is room: %v", err)
	}
	free()
}

// FuzzUnpackCall states that what is read is what packCall writes, and that nothing
// else is taken for more than it brings.
func FuzzUnpackCall(f *testing.F) {
	for _, x := range []Forward{{}, {To: aws.Cell{Account: "111111111111", Region: "us-east-1"}, Method: "POST", Headers: []Field{{"host", "x"}}, Body: []byte("{}")}} {
		b, err := packCall(&x, x.Body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		var x, y Forward
		var err error
		if x.Body, err = unpackCall(bytes.NewReader(b), &x); err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Error(err)
			}
			return
		}
		packed, err := packCall(&x, x.Body)
		if err != nil {
			return // Characters that JSON writes longer made it too long.
		}
		if y.Body, err = unpackCall(bytes.NewReader(packed), &y); err != nil || !reflect.DeepEqual(x, y) {
			t.Errorf("%+v came back as %+v, %v", x, y, err)
		}
	})
}
