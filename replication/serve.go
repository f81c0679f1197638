package replication

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/hortusdb/hortus/aws"
)

// handler answers the requests of one kind.
type handler struct {
	answer func(*Replicator, context.Context, aws.Cell, *Request) (*Response, error)

	reads   bool // Whoever gets no answer knows that it changed nothing.
	missing bool // That there is no such table, or that it is no member, is an answer.
	paused  bool // Not while the account has the Region disabled.
}

// handlers are those of all kinds.
func handlers() map[RequestKind]handler {
	return map[RequestKind]handler{
		Inspect:      {answer: (*Replicator).inspect, reads: true, missing: true, paused: true},
		Admit:        {answer: (*Replicator).admit, paused: true},
		Expel:        {answer: (*Replicator).expel},
		Adopt:        {answer: (*Replicator).adopt, paused: true},
		Abandon:      {answer: (*Replicator).abandon},
		Settle:       {answer: (*Replicator).settle, paused: true},
		Confirm:      {answer: (*Replicator).confirm},
		Drain:        {answer: (*Replicator).drain},
		ReadScaling:  {answer: (*Replicator).readScaling, reads: true},
		Rescale:      {answer: (*Replicator).rescale},
		Override:     {answer: (*Replicator).override, paused: true},
		Digest:       {answer: (*Replicator).compare, reads: true},
		ReadRows:     {answer: (*Replicator).compare, reads: true},
		MergeRows:    {answer: (*Replicator).compare},
		Resow:        {answer: (*Replicator).resow},
		Convert:      {answer: (*Replicator).convert, paused: true},
		Rejoin:       {answer: (*Replicator).rejoin, missing: true},
		Consent:      {answer: (*Replicator).consent, reads: true},
		Permit:       {answer: (*Replicator).permit},
		Reached:      {answer: (*Replicator).reachedBy},
		Renew:        {answer: (*Replicator).renewed},
		ReadSettings: {answer: (*Replicator).readSettings, reads: true},
		Lineage:      {answer: (*Replicator).lineage},
		Underway:     {answer: (*Replicator).underwayTo, reads: true},
		Explain:      {answer: (*Replicator).explainTo},
		Remove:       {answer: (*Replicator).removeLost},
		Found:        {answer: (*Replicator).found, missing: true},
	}
}

// Serve implements Peer.
func (r *Replicator) Serve(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	h, ok := r.handlers[q.Kind]
	switch {
	case !ok:
		return nil, fmt.Errorf("replication: unknown request %d", q.Kind)
	case h.paused && r.disabled.Load():
		return nil, r.errDisabled()
	}
	return h.answer(r, ctx, from, q)
}

// call asks another cell. A cell that does not answer is AWS's
// ServiceUnavailable: the caller may try again.
func (r *Replicator) call(ctx context.Context, to aws.Cell, q *Request) (*Response, error) {
	a, err := r.transport.Call(ctx, r.cell, to, q)
	if errors.Is(err, ErrUnreachable) {
		so := "it may have been changed elsewhere already; try again"
		if q.DryRun || r.handlers[q.Kind].reads {
			so = "nothing was changed; try again"
		}
		if errors.Is(err, ErrNoNode) {
			so = "no node is known that has that cell; nothing was changed"
		}
		return nil, &aws.Error{
			Code: unavailable, Status: http.StatusServiceUnavailable,
			Message: fmt.Sprintf("Region %s of account %s cannot be reached; %s.", to.Region, to.Account, so),
		}
	}
	if isNotFound(err) && !r.handlers[q.Kind].missing {
		return nil, errNoReplica(to, q.Table)
	}
	return a, err
}

// errNoReplica is the answer where a member turns out to have no replica. That it has
// none is no matter of the table that the caller named, which is there.
func errNoReplica(c aws.Cell, name string) error {
	return aws.Errorf("ResourceInUseException",
		"Region %s of account %s is a member of the global table %s, and says that it has no such replica: it has just left, or it lost its data. Within half a minute it is taken out of the global table; try again then. To have a replica there again, make it again.",
		c.Region, c.Account, name)
}

// unavailable is the code of an answer for a cell that cannot be asked.
const unavailable = "ServiceUnavailable"

// notFound is AWS's answer for a table that does not exist.
func notFound(name string) error {
	return aws.Errorf("ResourceNotFoundException", "Requested resource not found: Table: %s not found", name)
}

// isNotFound reports whether another cell said that it has no such table, or is no
// member.
func isNotFound(err error) bool {
	var answer *aws.Error
	return errors.As(err, &answer) && answer.Code == "ResourceNotFoundException"
}
