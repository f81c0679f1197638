package replication

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// Settings that all members have in step are changed by requests that may end
// half-way: where a member is out of reach or the process ends, some have the change
// and others do not. And a store that was put back has the settings of its copy. So a
// definition has the edition of these settings. A change makes the next edition of
// the one that it was made from, and a member takes it that has that one. All changes
// come to the members in the order of their cells, whoever asks, so of two at the same
// time the first member takes one, and of the other nothing is done. Every sign of
// life tells the edition; who hears of a later one than its own asks for those
// settings and takes them over. So a change that was answered as done is at all
// members, one that failed is at all or at none in the end, and who was put back has
// what is in use now.
//
// Keeping in step is a change like another one: the policies of both sides have to
// allow ReplicateSettings.

// Change makes a change of settings that all members of t's global table have in
// step, at all of them. Where one of them refuses, or is out of reach at first,
// nothing was changed. A regional table is changed here alone. change is called on
// copies, more than once.
func (r *Replicator) Change(ctx context.Context, t *table.Table, o table.Overwritten, change func(*table.Definition) error) (*table.Table, error) {
	if t.Def.Group == nil {
		to := t.Def.Edition
		if to != (table.Edition{}) {
			to = to.Next(r.newID()) // Others may have had that one, and come again.
		}
		return r.changeOwn(ctx, t, to, change)
	}
	def, err := t.Def.Clone()
	if err != nil {
		return nil, err
	}
	was := t.Def.Changing()
	if err := change(&def); err != nil {
		return nil, err
	}
	if x := def.Changing(); x != nil && was != nil && x.Name == was.Name && x.Status == was.Status {
		x.Status, x.Backfilling = "", false // That the members know already.
	}
	if err := r.engine.CheckUnits(&def); err != nil {
		return nil, err
	}
	if err := r.CheckSettle(t); err != nil {
		return nil, err
	}
	var after *table.Table
	_, err = r.Settle(ctx, &table.Table{Def: def}, o, func(to table.Edition) error {
		var err error
		after, err = r.changeOwn(ctx, t, to, change)
		return err
	})
	return after, err
}

// changeOwn is Change for this cell's own table, which becomes one of an edition.
func (r *Replicator) changeOwn(ctx context.Context, t *table.Table, to table.Edition, change func(*table.Definition) error) (*table.Table, error) {
	return r.engine.Alter(ctx, t.Def.Name, func(d *table.Definition) error {
		switch {
		case d.ID != t.Def.ID || (d.Group == nil) != (t.Def.Group == nil) || (d.Group != nil && !sameMembers(d.Group, t.Def.Group, aws.Cell{})):
			return errInUse // Somebody joined or left meanwhile, and was not asked.
		case d.Edition == to && to != t.Def.Edition:
			return nil // It has come by way of another member already.
		case d.Edition != t.Def.Edition:
			return errInUse
		}
		d.Edition = to
		return change(d)
	})
}

// checkEdition refuses a change of other settings than those that a member has,
// unless it has all that the settings are after the change: it was there before, in
// an attempt that ended half-way. That it has what the change is about is not
// enough: the rest may be of another change, that nobody else has.
func checkEdition(d *table.Definition, q *Request) error {
	if d.Edition == q.Base || d.Edition == q.Edition {
		return nil
	}
	if q.Definition == nil {
		return errInUse
	}
	has, err := d.InStep()
	if err != nil {
		return err
	}
	made, err := q.Definition.InStep()
	if err == nil && made != has {
		err = errInUse
	}
	return err
}

// takeSettings makes what members have in step in s that of d, but for indexes and
// the topology.
func (r *Replicator) takeSettings(d, s *table.Definition, o table.Overwritten) {
	if s.OnDemand && !d.OnDemand {
		d.OnDemandSince = r.dates.Now().UnixMicro()
	}
	d.TakeOver(s, o)
	d.TimeToLive, d.TimeToLiveSince, d.TimeToLiveSettles = s.TimeToLive, s.TimeToLiveSince, s.TimeToLiveSettles
	d.SetRules(s.Rules())
	if d.Group.Kind.Overrides() {
		d.FollowKey(r.cell, s)
	}
}

// keepUpAgain is when a member is asked again for its settings.
const keepUpAgain = time.Second

// keepUp takes over the settings of a member that has later ones. It returns when
// to call it again; zero where there is nothing to do.
func (k *keeper) keepUp(ctx context.Context, t *table.Table, now time.Time) (time.Time, error) {
	switch {
	case t.Def.Group.Member(k.newer) == nil:
		k.newer, k.keepUpAt = aws.Cell{}, time.Time{}
		return time.Time{}, nil
	case now.Before(k.keepUpAt):
		return k.keepUpAt, nil
	}
	k.keepUpAt = now.Add(keepUpAgain)
	if k.r.CheckSettle(t) != nil {
		return k.keepUpAt, nil //nolint:nilerr // It is tried again.
	}
	a, err := k.r.transport.Call(ctx, k.r.cell, k.newer, &Request{Kind: ReadSettings, Table: k.table, Group: t.Def.Group})
	switch {
	case errors.Is(err, ErrUnreachable) || isNotFound(err) || isDenial(err):
		return k.keepUpAt, nil
	case err != nil:
		return k.keepUpAt, err
	}
	done, err := k.r.adoptSettings(ctx, t, k.newer, &a.Definition)
	if done {
		k.newer, k.keepUpAt = aws.Cell{}, time.Time{}
	}
	return k.keepUpAt, err
}

// older begins the answer to a member that leaves, and has settings of an edition:
// whether this cell's are older. They are taken over then; but not where this cell
// leaves, too.
func (r *Replicator) older(t *table.Table, from aws.Cell, to table.Edition) *Response {
	if t.Def.Status == table.Deleting || t.Def.Edition.Compare(to) >= 0 {
		return &Response{}
	}
	r.put(linkKey{t.Def.Name, t.Def.Group.ID, r.cell, keeping}, &Message{Kind: Ack, from: from})
	return &Response{Older: true, Withheld: r.CheckSettle(t) != nil}
}

// readSettings answers keepUp.
func (r *Replicator) readSettings(_ context.Context, from aws.Cell, q *Request) (*Response, error) {
	t := r.engine.Table(q.Table)
	if !belongs(t, q.Group.ID, from) || !belongs(t, q.Group.ID, r.cell) {
		return nil, notFound(q.Table)
	}
	return &Response{Definition: t.Def}, r.CheckSettle(t)
}

// adoptSettings makes the settings of another member this one's, where they are later.
// It returns false while that is not done: one index comes or goes at a time.
func (r *Replicator) adoptSettings(ctx context.Context, t *table.Table, from aws.Cell, s *table.Definition) (bool, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	if s.Group == nil || s.Group.Member(from) == nil {
		return true, nil
	}
	done, provisioned := true, false
	after, err := r.engine.Alter(ctx, t.Def.Name, func(d *table.Definition) error {
		if d.ID != t.Def.ID || d.Group == nil || d.Group.ID != s.Group.ID || d.Status == table.Deleting || d.Edition.Compare(s.Edition) >= 0 {
			return errKept
		}
		provisioned = d.OnDemand && !s.OnDemand
		done = r.followTopology(d, from, s)
		done = followIndexes(d, s) && done
		r.takeSettings(d, s, table.Overwritten{})
		if done {
			d.Edition = s.Edition
		}
		return nil
	})
	switch {
	case errors.Is(err, errKept):
		return true, nil
	case err == nil && provisioned:
		err = r.ResetScaling(ctx, &after.Def)
	}
	if done && err == nil {
		r.logger.Info("the settings of another member are taken over", "cell", r.cell.String(), "table", t.Def.Name, "member", from.String())
	}
	return done && err == nil, err
}

// errKept ends an Alter that has nothing to do.
var errKept = errors.New("replication: the settings are no later ones")

// followTopology makes the topology of another member this one's. It returns false
// while this one's members, as far as it knows them, cannot be such.
func (r *Replicator) followTopology(d *table.Definition, from aws.Cell, s *table.Definition) bool {
	to := cmp.Or(s.Topology, table.AWSTopology)
	if to == cmp.Or(d.Topology, table.AWSTopology) {
		return true
	}
	kind, err := kindFor(d.Group, to)
	if err != nil || r.checkConvertible(d, kind) != nil {
		return false
	}
	d.SetTopology(to)
	d.Group.Kind, d.SettingsMode = kind, settingsMode(kind)
	for i := range d.Group.Members {
		m := &d.Group.Members[i]
		theirs := withOwnReads(s.Group, from, s).Member(m.Cell)
		if m.Settings = (table.Settings{}); kind.Overrides() && m.Cell != r.cell && theirs != nil {
			m.Settings = theirs.Settings
		}
	}
	return true
}

// followIndexes begins what is to be done next so that a table has the indexes of
// another member. It returns true where nothing is.
func followIndexes(d, s *table.Definition) bool {
	there := func(d *table.Definition, like *table.Index) bool {
		x := d.Index(like.Name)
		return x != nil && x.Status != table.Deleting && x.SameLayout(like)
	}
	busy, same := d.Changing() != nil, true
	for i := range d.Indexes {
		x := &d.Indexes[i]
		if x.Local || x.Status == table.Deleting || there(s, x) {
			continue
		}
		if same = false; !busy {
			x.Status, x.Backfilling, x.SettlesAt, busy = table.Deleting, false, 0, true
		}
	}
	for i := range s.Indexes {
		x := &s.Indexes[i]
		if x.Local || x.Status == table.Deleting || there(d, x) {
			continue
		}
		if same = false; !busy && d.Index(x.Name) == nil {
			addIndex(d, s, x)
			busy = true
		}
	}
	return same
}

// addIndex begins to create an index that another member has.
func addIndex(d, s *table.Definition, x *table.Index) {
	for _, a := range s.Attributes {
		if _, ok := d.Type(a.Name); !ok {
			d.Attributes = append(d.Attributes, a)
		}
	}
	slices.SortFunc(d.Attributes, func(a, b table.Attribute) int { return strings.Compare(a.Name, b.Name) })
	d.AddIndex(*x)
}
