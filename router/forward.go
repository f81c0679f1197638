package router

import (
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

// elsewhere returns the cell, of another node, that an authenticated call is for,
// or one that could not be, by what authentication came to. Of a key that is not
// known here only the Region is known: it has to lead to one node.
func (r *Router) elsewhere(w *wire.Call, home aws.Cell, err error) (aws.Cell, bool) {
	switch {
	case err == nil:
		return home, r.node.Cell(home) == nil && !r.node.Hosts(home) && r.peers.Has(home)
	case !errors.Is(err, errUnknownKey):
		return aws.Cell{}, false
	}
	_, text, ok := claim(w)
	region, known := aws.Region(text).Intern()
	if !ok || !known {
		return aws.Cell{}, false
	}
	return r.peers.Only(region)
}

// pass passes a call on. Without a caller the other node verifies the signature.
func (r *Router) pass(ctx context.Context, w *wire.Call, to aws.Cell, c *call) error {
	f := &peer.Forward{
		To: to, Source: w.RemoteAddr.Addr(), Secure: w.Secure,
		Method: string(w.Method), Path: string(w.Path), RawQuery: string(w.RawQuery), Body: w.Body,
	}
	if c != nil {
		who := c.Caller
		f.Caller, f.From = &who, c.Home
	}
	for _, h := range w.Headers() {
		f.Headers = append(f.Headers, peer.Field{Name: string(h.Name), Value: string(h.Value)})
	}
	out, err := r.peers.Forward(ctx, f)
	if err != nil {
		return err
	}
	w.Status = out.Status
	w.Out = append(w.Out[:0], out.Body...)
	for _, h := range out.Headers {
		w.SetHeader(h.Name, h.Value)
	}
	return nil
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
	w.Target, w.Host, w.ContentType = w.Header("x-amz-target"), w.Header("host"), w.Header("content-type")
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
