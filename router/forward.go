package router

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/peer"
	"github.com/hortusdb/hortus/wire"
)

// A call for a cell of another node is passed on to that node, once, as it came.
// Where it is the caller's own cell that is there, the signature is verified there,
// too. Where the caller's cell is here and calls another account's table by its ARN,
// the signature was verified here, and the other node takes this one's word for who
// calls: its certificate speaks for the caller's cell.

// elsewhere returns where a call could be for, by what authentication came to: a
// cell of another node, or, of a key that is not known here and so tells its Region
// alone, one of each node that has cells in that. A call of IAM is for any cell of the
// account.
func (r *Router) elsewhere(w *wire.Call, home aws.Cell, err error) []aws.Cell {
	switch {
	case w.Form && err == nil:
		if _, here := r.node.AnyCell(home.Account); here {
			return nil
		}
		return r.peers.Where(func(c aws.Cell) bool { return c.Account == home.Account })
	case w.Form && errors.Is(err, errUnknownKey):
		return r.peers.Where(func(aws.Cell) bool { return true })
	case err == nil && r.node.Cell(home) == nil && !r.node.Hosts(home) && r.peers.Has(home):
		return []aws.Cell{home}
	case !errors.Is(err, errUnknownKey):
		return nil
	}
	_, text, ok := claim(w)
	region, known := aws.Region(text).Intern()
	if !ok || !known {
		return nil
	}
	return r.peers.Where(func(c aws.Cell) bool { return c.Region == region })
}

// passAlong passes a call on that is still to be authenticated. Where the key is not
// known, the next node is asked: nothing was done. One that cannot be reached may be
// the one that knows it, so its error is the answer when no other one does.
func (r *Router) passAlong(ctx context.Context, w *wire.Call, where []aws.Cell) error {
	var unknown *peer.Forwarded
	var gone error
	refusal := errUnknownKey
	if w.Form {
		refusal = wire.QueryError(refusal)
	}
	for _, to := range where {
		out, err := r.forward(ctx, w, to, nil)
		switch {
		case err != nil:
			gone = err
		case out.Status == refusal.Status && bytes.Contains(out.Body, []byte(refusal.Code)):
			unknown = out
		default:
			answerWith(w, out)
			return nil
		}
	}
	if gone == nil {
		answerWith(w, unknown)
	}
	return gone
}

// pass passes on a call whose caller is known.
func (r *Router) pass(ctx context.Context, w *wire.Call, to aws.Cell, c *call) error {
	out, err := r.forward(ctx, w, to, c)
	if err == nil {
		answerWith(w, out)
	}
	return err
}

// forward asks another node for its answer to a call. Without a caller that node
// verifies the signature.
func (r *Router) forward(ctx context.Context, w *wire.Call, to aws.Cell, c *call) (*peer.Forwarded, error) {
	f := &peer.Forward{
		To: to, Source: w.RemoteAddr.Addr(), Secure: w.Secure,
		Method: string(w.Method), Path: string(w.Path), RawQuery: string(w.RawQuery), Body: w.Body,
	}
	if w.Form {
		f.RequestID = string(w.RequestID)
	}
	if c != nil {
		who := c.Caller
		f.Caller, f.From = &who, c.Home
	}
	for _, h := range w.Headers() {
		f.Headers = append(f.Headers, peer.Field{Name: string(h.Name), Value: string(h.Value)})
	}
	return r.peers.Forward(ctx, f)
}

// answerWith makes another node's answer this one's.
func answerWith(w *wire.Call, out *peer.Forwarded) {
	w.Status = out.Status
	w.Out = append(w.Out[:0], out.Body...)
	for _, h := range out.Headers {
		w.SetHeader(h.Name, h.Value)
	}
}

// Forwarded implements peer.Calls: it answers a call that came to another node.
func (r *Router) Forwarded(ctx context.Context, f *peer.Forward) *peer.Forwarded {
	headers := make([]wire.Header, 0, len(f.Headers))
	for _, h := range f.Headers {
		headers = append(headers, wire.Header{Name: []byte(h.Name), Value: []byte(h.Value)})
	}
	w := wire.NewCall(headers)
	w.Method, w.Path, w.RawQuery, w.Body = []byte(f.Method), []byte(f.Path), []byte(f.RawQuery), f.Body
	w.RemoteAddr, w.Secure = netip.AddrPortFrom(f.Source, 0), f.Secure
	w.RequestID = []byte(f.RequestID)
	out := &peer.Forwarded{}
	func() {
		defer func() {
			if v := recover(); v != nil { // As wire does, for this call alone.
				r.logger.Error("a call that was passed on panicked", "target", string(w.Target), "cause", v)
				w.Fail(&aws.Error{Code: "InternalServerError", Status: http.StatusInternalServerError, Message: "Internal server error"})
			}
		}()
		r.answer(ctx, w, f)
	}()
	out.Status, out.Body = w.Status, w.Out
	w.Extra(func(name, value string) { out.Headers = append(out.Headers, peer.Field{Name: name, Value: value}) })
	return out
}

// MoveClock implements peer.Calls. It moves the clock of a node for rehearsals alone.
func (r *Router) MoveClock(ahead time.Duration) (time.Duration, error) {
	if ahead > r.node.Dates().Ahead() && !r.moves {
		return r.node.Dates().Ahead(), errNoRehearsal("Moving the clock of deadlines")
	}
	err := r.node.MoveClock(ahead)
	return r.node.Dates().Ahead(), err
}

// errNoRehearsal refuses what acts on all accounts of a node.
func errNoRehearsal(what string) error {
	return aws.Errorf("AccessDeniedException", "%s acts on all accounts of this node. It is allowed where the configuration says \"rehearsal\": true", what)
}

// believeNode makes a call that of whom another node has verified.
func (c *call) believeNode(f *peer.Forward) {
	c.Caller, c.Home = *f.Caller, f.From
	c.Home.Region, _ = c.Home.Region.Intern()
}

var _ peer.Calls = (*Router)(nil)
