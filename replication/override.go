package replication

import (
	"context"
	"slices"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// Override gives other members of a same-account global table settings for
// themselves: Members name them, with what changes. All members are told, so that
// each can say what the others have; when one of them refuses or is out of reach,
// nothing was changed. Until settles, in microseconds, all members show that they
// are being updated; 0 for not at all.
func (r *Replicator) Override(ctx context.Context, t *table.Table, changed []table.Member, settles int64) error {
	for _, dry := range []bool{true, false} {
		for _, c := range changed {
			// The member itself comes first: the others then tell what is so.
			to := []aws.Cell{c.Cell}
			for _, m := range t.Def.Group.Members {
				if m.Cell != c.Cell {
					to = append(to, m.Cell)
				}
			}
			if err := r.tell(ctx, t, &Request{Member: c, SettlesAt: settles, DryRun: dry}, to); err != nil {
				return err
			}
		}
	}
	return nil
}

// ShareKey tells the other members with which key this one is about to be
// encrypted; nil is the key that AWS owns.
func (r *Replicator) ShareKey(ctx context.Context, t *table.Table, e *table.Encryption) error {
	if e == nil {
		e = &table.Encryption{}
	}
	var others []aws.Cell
	for _, m := range t.Def.Group.Members {
		if m.Cell != r.cell {
			others = append(others, m.Cell)
		}
	}
	self := table.Member{Cell: r.cell, Settings: table.Settings{Encryption: e}}
	for _, dry := range []bool{true, false} {
		if err := r.tell(ctx, t, &Request{Member: self, DryRun: dry}, others); err != nil {
			return err
		}
	}
	return nil
}

// tell completes an Override and asks it of cells.
func (r *Replicator) tell(ctx context.Context, t *table.Table, q *Request, to []aws.Cell) error {
	q.Kind, q.Table, q.Group = Override, t.Def.Name, t.Def.Group
	for _, c := range to {
		if _, err := r.callOrServe(ctx, c, q); err != nil {
			return err
		}
	}
	return nil
}

// override takes over what a member, this one or another, has for itself.
func (r *Replicator) override(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	t := r.engine.Table(q.Table)
	if !belongs(t, q.Group.ID, from) || from.Account != r.cell.Account || !t.Def.Group.Kind.Overrides() {
		return nil, notFound(q.Table)
	}
	if !sameMembers(t.Def.Group, q.Group, aws.Cell{}) || t.Def.Group.Member(q.Member.Cell) == nil || !fits(&t.Def, &q.Member.Settings) {
		// Somebody joins or leaves, or changes what the request goes by.
		return nil, errInUse
	}
	if err := r.CheckSettle(t); err != nil || q.DryRun {
		return &Response{}, err
	}
	_, err := r.engine.Alter(ctx, q.Table, func(d *table.Definition) error {
		if d.Group == nil || !fits(d, &q.Member.Settings) {
			return errInUse
		}
		d.Override(r.cell, q.Member.Cell, q.Member.Settings)
		d.Settles(q.SettlesAt)
		return nil
	})
	return &Response{}, err
}

// fits reports whether reads are of the table's mode and of indexes that it has, and a
// key is of the kind that all replicas have.
func fits(d *table.Definition, s *table.Settings) bool {
	if s.Encryption != nil && s.Encryption.Kind() != d.Encryption.Kind() {
		return false
	}
	own := d.Reads()
	for _, r := range s.Reads {
		if !slices.ContainsFunc(own, func(o table.Reads) bool { return o.Index == r.Index && o.OnDemand == r.OnDemand }) {
			return false
		}
	}
	return true
}

// withReads completes what a newcomer is to have for itself with the reads that
// it takes over, for the members that have other ones than its source.
func withReads(source *table.Definition, own table.Settings) table.Settings {
	next := *source
	next.Indexes = slices.Clone(next.Indexes)
	for _, r := range own.Reads {
		next.SetReads(r)
	}
	own.Reads = next.Reads()
	return own
}
