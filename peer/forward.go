package peer

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/policy"
)

// Limits of a client's call that is passed on, and of its answer.
const (
	maxForwardHead = 128 << 10 // Bytes of all but the body.
	maxForwardBody = 16 << 20  // What DynamoDB takes; answers are far smaller.
	forwardWithin  = time.Minute

	// Calls that are larger than largeForward are in memory twice while they are
	// passed on: so many of them are, at once, to each node and from all. Others wait.
	largeForward     = 256 << 10
	maxLargeForwards = 8
)

// slots are for the large calls that are passed on at once.
type slots chan struct{}

// take waits for a slot, where a call of that size needs one. free gives it back.
func (s slots) take(ctx context.Context, size int64) (free func(), err error) {
	if size <= largeForward {
		return func() {}, nil
	}
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// forwardPath is where a node takes clients' calls that came to another node.
const forwardPath = "/1/forward"

// Forward is a client's call on its way to the node that has the cell which it is
// for. It is passed on once: who gets it answers it, or refuses it.
type Forward struct {
	To aws.Cell

	// Caller is who calls, where the node that passes the call on has verified the
	// signature; From is the caller's cell, for which that node has to speak. Without
	// both the signature is verified where the call goes, on the request as it came.
	Caller *policy.Principal `json:",omitempty"`
	From   aws.Cell          `json:",omitzero"`

	// Source is from where the client called, and Secure that it did so by TLS: what
	// policies ask of that is told by the node that was called.
	Source netip.Addr `json:",omitzero"`
	Secure bool       `json:",omitempty"`

	RequestID string `json:",omitempty"` // Of a call whose answer says it in its body.

	Method, Path, RawQuery string
	Headers                []Field // Names in lower case, Host among them.
	Body                   []byte  `json:"-"`
}

// Field is a header line.
type Field struct{ Name, Value string }

// Forwarded is the answer.
type Forwarded struct {
	Status  int
	Headers []Field
	Body    []byte `json:"-"`
}

// Calls takes the calls that other nodes pass on.
type Calls interface {
	Forwarded(ctx context.Context, f *Forward) *Forwarded

	// MoveClock moves the clock of deadlines on until it is as far ahead of the
	// machine's as it is to be, where another node may do that, and tells how far it
	// is then. Zero only looks.
	MoveClock(ahead time.Duration) (time.Duration, error)
}

// Take has calls that other nodes pass on answered. It is called before Run;
// without it they are refused.
func (p *Peers) Take(c Calls) { p.calls = c }

// Has reports whether a cell is on another node.
func (p *Peers) Has(c aws.Cell) bool { return p != nil && p.linkTo(c) != nil }

// Where returns, of each node that has cells for which is holds, one of them.
func (p *Peers) Where(is func(aws.Cell) bool) []aws.Cell {
	if p == nil {
		return nil
	}
	var found []aws.Cell
	for _, l := range p.links {
		if i := slices.IndexFunc(l.node.Cells, is); i >= 0 {
			found = append(found, l.node.Cells[i])
		}
	}
	return found
}

func (p *Peers) linkTo(c aws.Cell) *link {
	for _, l := range p.links {
		if slices.Contains(l.node.Cells, c) {
			return l
		}
	}
	return nil
}

// Forward passes a call on to the node that has the cell f.To. A node that cannot be reached, or
// that does not answer, is an error of the contract that names it: whether the call
// was done is then not known.
func (p *Peers) Forward(ctx context.Context, f *Forward) (*Forwarded, error) {
	l := p.linkTo(f.To)
	if l == nil {
		return nil, fmt.Errorf("peer: no node is known that has %v", f.To)
	}
	ctx, stop := context.WithTimeout(ctx, forwardWithin)
	defer stop()
	free, err := l.passing.take(ctx, int64(len(f.Body)))
	if err != nil {
		return nil, &aws.Error{
			Code: "ServiceUnavailable", Status: http.StatusServiceUnavailable,
			Message: fmt.Sprintf("This node passes on %d large calls to the node at %s, as many as it does at once. Nothing was done. Try again, or call that node.", maxLargeForwards, l.node.Address),
		}
	}
	defer free()
	out, err := l.forward(ctx, f)
	if err != nil {
		p.options.Logger.Warn("a call could not be passed on", "address", l.node.Address, "cell", f.To.String(), "error", err)
		return nil, &aws.Error{
			Code: "ServiceUnavailable", Status: http.StatusServiceUnavailable,
			Message: fmt.Sprintf("Account %s in Region %s is on the node at %s, which does not answer this one. Whether the call was done there is not known. Try again, or call that node.", f.To.Account, f.To.Region, l.node.Address),
		}
	}
	return out, nil
}

func (l *link) forward(ctx context.Context, f *Forward) (*Forwarded, error) {
	b, err := packCall(f, f.Body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+l.node.Address+forwardPath, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	answer, err := l.calls.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, maxText)) // It adds to an error.
		return nil, fmt.Errorf("peer: the node answers %s: %s", answer.Status, bytes.TrimSpace(text))
	}
	var out Forwarded
	out.Body, err = unpackCall(answer.Body, &out)
	return &out, err
}

// packCall writes the length of the head in four bytes, the head as JSON, the body.
func packCall(head any, body []byte) ([]byte, error) {
	b, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("peer: call: %w", err)
	}
	if len(b) > maxForwardHead {
		return nil, fmt.Errorf("peer: the headers of the call have %d bytes, over %d", len(b), maxForwardHead)
	}
	return slices.Concat(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b, body), nil
}

// unpackCall reads what packCall wrote.
func unpackCall(r io.Reader, head any) (body []byte, err error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxForwardHead {
		return nil, ErrMalformed
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := strict(b, head); err != nil {
		return nil, err
	}
	body, err = io.ReadAll(io.LimitReader(r, maxForwardBody+1))
	if err == nil && len(body) > maxForwardBody {
		err = ErrMalformed
	}
	return body, err
}

// forwarded serves a call that another node passes on.
func (p *Peers) forwarded(w http.ResponseWriter, r *http.Request, by *caller) {
	ctx, stop := context.WithTimeout(r.Context(), forwardWithin)
	defer stop()
	size := r.ContentLength
	if size < 0 {
		size = maxForwardBody // It may be.
	}
	free, err := p.received.take(ctx, size)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer free()
	var f Forward
	if f.Body, err = unpackCall(r.Body, &f); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := p.takes(by, &f); err != nil {
		p.dropped.add(1)
		if p.warned.first(by.serial + " forwards " + f.From.String() + " " + f.To.String()) {
			p.options.Logger.Error("refused a call that a peer passed on", "certificate", by.serial, "from", f.From.String(), "to", f.To.String(), "error", err)
		}
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	out := p.calls.Forwarded(ctx, &f)
	b, err := packCall(out, out.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(b) // A caller that is gone asks again.
}

// takes checks that a node may pass a call on: the cell is here, and where the node
// says who calls, its certificate names a cell of the caller's account that is not
// one of this node.
func (p *Peers) takes(by *caller, f *Forward) error {
	switch {
	case p.calls == nil:
		return errors.New("peer: this node takes no calls of others")
	case !validCell(f.To) || !p.own[f.To]:
		return fmt.Errorf("peer: %v is not a cell of this node", f.To)
	case f.Caller == nil && f.From == aws.Cell{}:
		return nil
	case f.Caller == nil || !validCell(f.From) || f.Caller.Account != f.From.Account:
		return fmt.Errorf("peer: a call from %v by another account's principal", f.From)
	case !by.cells[f.From]:
		return fmt.Errorf("%w: %v", errNotNamed, f.From)
	case p.own[f.From]:
		return fmt.Errorf("peer: %v is a cell of this node, and another node speaks for it", f.From)
	}
	return nil
}
