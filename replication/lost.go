package replication

import (
	"context"
	"slices"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/table"
)

// A member whose node never returns is asked for its leave in vain: to a deletion,
// a disassociation, a change of settings. Nobody but an operator knows that it is
// lost and not only cut off. So he says so, to a member that remains, and all that
// remain are asked whether they have no contact with it either: who still has is
// right. Then each takes it out, as one that left in haste, if its own policy lets the
// operator do that: in his account unless it denies him, in another one where it
// allows him. Those whose policy does not are left to their own operators.
//
// The lost one may come back all the same. It hears nothing, asks, and is told that
// it is out: then it is detached, with its data, and may be reattached for as long as
// the others keep their deletions for it. One that was coming back when it was taken out
// may be as it was before, or back in its own eyes: it says so when it comes again, and
// deletions were kept since before.

// removeAction is what an operator does to a table from whose global table he takes a
// member out. AWS has it for the deletion of a replica.
const removeAction = "dynamodb:DeleteTableReplica"

// Removal is what came of the taking out of lost members at one that remains.
type Removal struct {
	Cell  aws.Cell
	Err   error // Why it still counts them; nil when it does not.
	Known []Known
}

// Known is how much of a lost member's log a member that remains has.
type Known struct {
	Cell     aws.Cell    // The lost one.
	Position kv.Position // Applied up to here.
	Missing  kv.Position // The lost one said that its log reaches here; zero where it said no more than Position.
	Silent   time.Duration
}

// RemoveLost takes members out of a table's global table that will never return, at
// all others. It is refused, and nothing is changed, while any of these has contact
// with one of them or cannot be asked itself, and where this cell's own policy denies
// it. What a lost member wrote and brought to nobody is lost; what it brought to some
// of the others they bring to each other.
func (r *Replicator) RemoveLost(ctx context.Context, caller Caller, name string, lost []aws.Cell) ([]Removal, error) {
	t := r.engine.Table(name)
	if err := r.checkRemoval(t, name, lost); err != nil {
		return nil, err
	}
	q := &Request{Kind: Remove, Table: name, Caller: caller.Principal, Came: caller.Came, Group: t.Def.Group, Lost: lost, DryRun: true}
	out := []Removal{{Cell: r.cell}}
	for _, m := range t.Def.Group.Members {
		if m.Cell != r.cell && !slices.Contains(lost, m.Cell) {
			out = append(out, Removal{Cell: m.Cell})
		}
	}
	for i := range out {
		a, err := r.callOrServe(ctx, out[i].Cell, q)
		if err != nil {
			return nil, err
		}
		out[i].Known = a.Known
	}
	act := *q
	act.DryRun = false
	for i := range out {
		_, err := r.callOrServe(ctx, out[i].Cell, &act)
		if err != nil && out[i].Cell == r.cell {
			return nil, err
		}
		out[i].Err = err
	}
	return out, nil
}

// checkRemoval refuses what is no removal.
func (r *Replicator) checkRemoval(t *table.Table, name string, lost []aws.Cell) error {
	switch {
	case t == nil:
		return notFound(name)
	case t.Def.Group == nil:
		return aws.InvalidParameter("The table %s in %v is not a replica of a global table", name, r.cell)
	case len(lost) == 0:
		return aws.InvalidParameter("Name the replicas that are lost")
	case t.Def.Status == table.Creating:
		return aws.InvalidParameter("The replica in %v is being made: delete it, or ask another one", r.cell)
	}
	for _, c := range lost {
		if c == r.cell {
			return aws.InvalidParameter("The replica in %v answers: it is not lost", c)
		}
		if t.Def.Group.Member(c) == nil && t.Def.Group.AwayIn(c) == nil {
			return aws.InvalidParameter("The global table has no replica in %v", c)
		}
	}
	return nil
}

// removeLost takes lost members out here, or says, when it is asked for that alone,
// whether they are lost to this cell, too.
func (r *Replicator) removeLost(ctx context.Context, from aws.Cell, q *Request) (*Response, error) {
	t := r.engine.Table(q.Table)
	if !belongs(t, q.Group.ID, from) || !belongs(t, q.Group.ID, r.cell) || slices.Contains(q.Lost, r.cell) {
		return nil, notFound(q.Table)
	}
	out := &Response{}
	var gone []table.Member
	for _, c := range q.Lost {
		m := t.Def.Group.Member(c)
		if m == nil {
			continue // It is out here.
		}
		if err := r.checkLost(ctx, t, c); err != nil {
			return nil, err
		}
		gone = append(gone, *m)
		out.Known = append(out.Known, r.known(t, c))
	}
	if q.DryRun || len(gone) == 0 {
		return out, nil
	}
	req := policy.Request{Principal: q.Caller, Action: removeAction, Resource: t.ARN, Came: r.came(q)}
	if d := Leave(t, r.cell.Account, &req); !d.Allowed() {
		return nil, d.AccessDenied()
	}
	for _, m := range gone {
		r.logger.Warn("a lost replica is taken out", "cell", r.cell.String(), "table", q.Table, "member", m.Cell.String(), "asked by", q.Caller.String())
		was := m.Status != table.Creating || t.Def.Group.AwayIn(m.Cell) != nil // Else it never was in use.
		if err := r.takeOut(context.WithoutCancel(ctx), q.Table, q.Group.ID, m, departure{away: was, lost: true}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// checkLost refuses the removal of a member that this cell has heard of lately, or
// that answers.
func (r *Replicator) checkLost(ctx context.Context, t *table.Table, c aws.Cell) error {
	if silent := r.clock.Now().Sub(r.heard(t, c)); silent <= noContactAfter {
		return aws.InvalidParameter("%v cannot take the replica in %v for lost: it has been without contact with it for %s, and that is to be more than %s", r.cell, c, clock.Words(silent.Truncate(time.Second)), clock.Words(noContactAfter))
	}
	ctx, stop := context.WithTimeout(ctx, consentWithin)
	defer stop()
	_, err := r.transport.Call(ctx, r.cell, c, &Request{Kind: Confirm, Table: t.Def.Name, Group: t.Def.Group})
	if err == nil {
		return aws.InvalidParameter("The replica in %v answers %v: it is not lost", c, r.cell)
	}
	return nil // It does not, or says that it has no such replica.
}

// known is how much of a member's log is here.
func (r *Replicator) known(t *table.Table, c aws.Cell) Known {
	out := Known{Cell: c, Silent: r.clock.Now().Sub(r.heard(t, c))}
	l := r.linkOf(linkKey{t.Def.Name, t.Def.Group.ID, c, receiving})
	if l == nil {
		return out
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if v, ok := l.work.(*receiver); ok {
		out.Position = v.cursor
		for _, p := range v.promised {
			if p.at > v.cursor {
				out.Missing = max(out.Missing, p.at)
			}
		}
	}
	return out
}

// takenOut reports whether a member that asks was taken out, and may come back: this
// table keeps its deletions for it.
func takenOut(t *table.Table, group string, m *table.Member) bool {
	if t == nil || m.Cell == (aws.Cell{}) {
		return false
	}
	g := t.Def.Group
	if g == nil {
		g = outlived(&t.Def)
	}
	if g == nil || g.ID != group || g.Member(m.Cell) != nil {
		return false
	}
	away := g.AwayIn(m.Cell)
	return away != nil && away.Since == m.Since
}

// expelled makes this cell's replica a regional table that may come back: another
// member, which it asked since it heard nothing, has said that it was taken out.
func (k *keeper) expelled(ctx context.Context, by aws.Cell) error {
	k.r.logger.Error("a replica was taken out of its global table as lost, and becomes a regional table", "cell", k.r.cell.String(), "table", k.table, "by", by.String())
	return k.r.detach(ctx, k.table, k.group, 0, true)
}
