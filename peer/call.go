package peer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
)

// Limits of a request to another cell and of its answer, in bytes. A definition
// is the largest part of both: its policies and its tags are bounded by AWS's
// limits, far below this.
const maxCall = 4 << 20

// question is a request on its way. Requests are rare and carry definitions,
// which are stored as JSON: so they travel as JSON, too. Members that are not
// known are refused.
type question struct {
	Format  int                  `json:"format"`
	From    aws.Cell             `json:"from"`
	To      aws.Cell             `json:"to"`
	Request *replication.Request `json:"request"`
}

// reply is the answer: a response, an error that is part of the contract, or a
// failure of that node.
type reply struct {
	Format   int                   `json:"format"`
	Response *replication.Response `json:"response,omitempty"`
	Error    *aws.Error            `json:"error,omitempty"`
	Failure  string                `json:"failure,omitempty"`
	Absent   bool                  `json:"absent,omitempty"` // The cell cannot be reached from there.
}

func decodeQuestion(b []byte) (*question, error) {
	var q question
	if err := strict(b, &q); err != nil {
		return nil, err
	}
	if q.Format != formatVersion || q.Request == nil || !validCell(q.From) || !validCell(q.To) {
		return nil, ErrMalformed
	}
	q.From.Region, _ = q.From.Region.Intern()
	q.To.Region, _ = q.To.Region.Intern()
	return &q, checkRequest(q.Request)
}

// checkRequest wants what each kind of request cannot do without, since what
// serves it takes that for granted, and refuses cells that are none.
func checkRequest(r *replication.Request) error {
	switch r.Kind {
	case replication.Adopt, replication.Settle:
		if r.Group == nil || r.Definition == nil {
			return ErrMalformed
		}
	case replication.Inspect, replication.Permit, replication.Explain:
	case replication.Digest, replication.ReadRows, replication.MergeRows, replication.Underway:
		if r.Group == nil || !r.Compared.Valid() {
			return ErrMalformed
		}
	case replication.Admit, replication.Expel, replication.Abandon, replication.Confirm, replication.Drain, replication.ReadScaling, replication.Rescale, replication.Override, replication.Resow, replication.Convert, replication.Rejoin, replication.Found, replication.Reached, replication.Renew, replication.Consent, replication.ReadSettings, replication.Lineage, replication.Remove:
		if r.Group == nil {
			return ErrMalformed
		}
	}
	if r.Group != nil {
		for _, m := range r.Group.Members {
			if !validCell(m.Cell) {
				return ErrMalformed
			}
		}
		for _, a := range r.Group.Away {
			if !validCell(a.Cell) {
				return ErrMalformed
			}
		}
	}
	if r.Member.Cell != (aws.Cell{}) && !validCell(r.Member.Cell) {
		return ErrMalformed
	}
	for _, c := range r.Lost {
		if !validCell(c) {
			return ErrMalformed
		}
	}
	return nil
}

func validCell(c aws.Cell) bool { return c.Account.Valid() && c.Region.Known() }

func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if d.More() {
		return ErrMalformed
	}
	return nil
}

// answerOf makes a reply of what a cell answered.
func answerOf(r *replication.Response, err error) *reply {
	out := &reply{Format: formatVersion}
	var known *aws.Error
	switch {
	case err == nil:
		out.Response = r
	case errors.As(err, &known):
		out.Error = known
	default:
		out.Failure, out.Absent = err.Error(), errors.Is(err, replication.ErrUnreachable)
	}
	return out
}

// result is what answerOf was made of.
func (r *reply) result() (*replication.Response, error) {
	switch {
	case r.Format != formatVersion:
		return nil, errNewer(byte(r.Format))
	case r.Error != nil:
		return nil, r.Error
	case r.Absent:
		return nil, fmt.Errorf("%w: %s", replication.ErrUnreachable, r.Failure)
	case r.Failure != "":
		return nil, errors.New(r.Failure)
	case r.Response == nil:
		return nil, ErrMalformed
	}
	return r.Response, nil
}
