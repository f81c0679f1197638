package replication

import (
	"context"
	"errors"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// consentWithin is how long the members are asked for their consent.
const consentWithin = 3 * time.Second

// CheckConsent returns AWS's error when the policy of any member's table withholds
// the keeping of settings from another member: then no member can change its
// settings, those that are its own included (documented). It is for a change of
// these; of others all members are told anyway, by Settle.
//
// A member that cannot be asked keeps nobody from a change that is not about it.
func (r *Replicator) CheckConsent(ctx context.Context, t *table.Table) error {
	if err := r.CheckSettle(t); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, consentWithin)
	defer stop()
	for _, m := range t.Def.Group.Members {
		if m.Cell == r.cell {
			continue
		}
		_, err := r.call(ctx, m.Cell, &Request{Kind: Consent, Table: t.Def.Name, Group: t.Def.Group})
		if isDenial(err) {
			return err
		}
	}
	return nil
}

// isDenial reports whether a policy said no.
func isDenial(err error) bool {
	var answer *aws.Error
	return errors.As(err, &answer) && answer.Code == "AccessDeniedException"
}

// consent answers another member.
func (r *Replicator) consent(_ context.Context, from aws.Cell, q *Request) (*Response, error) {
	t := r.engine.Table(q.Table)
	if !belongs(t, q.Group.ID, from) {
		return nil, notFound(q.Table)
	}
	return &Response{}, r.CheckSettle(t)
}
