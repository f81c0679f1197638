package replication

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/table"
)

// InaccessibleAtMost is how long a replica may be kept from replication until it
// becomes a regional table, for good (documented).
const InaccessibleAtMost = 20 * time.Hour

// ReattachWithin is how long a replica that was detached by that may come back with
// its data. Until then neither it nor the others drop a tombstone (ours; on AWS it
// is for good).
const ReattachWithin = 7 * 24 * time.Hour

// Standing is why this cell's replica takes no part in replication, "" when
// nothing here keeps it from it: its Region is disabled, or its own policy
// withholds reading or writing on behalf of some member.
func (r *Replicator) Standing(t *table.Table) table.Status {
	switch {
	case t.Def.Group == nil:
		return ""
	case r.disabled.Load():
		return table.RegionDisabled
	}
	if d := r.dataDenial(t); !d.Allowed() {
		return table.ReplicationNotAuthorized
	}
	return ""
}

// dataDenial is the first denial by the table's own policy that keeps changes
// from coming or going; an allowing decision when there is none.
func (r *Replicator) dataDenial(t *table.Table) policy.Decision {
	d := policy.Decision{Effect: policy.Allow}
	for _, m := range t.Def.Group.Members {
		if m.Cell == r.cell {
			continue
		}
		if d = r.decideData(t.Def.Group.Kind, subjectOf(t), readData, m.Cell); !d.Allowed() {
			return d
		}
	}
	return d
}

// SetDisabled says whether the cell's Region is disabled in its account: then
// nothing is replicated to and from it.
func (r *Replicator) SetDisabled(on bool) {
	r.disabled.Store(on)
	r.Rouse()
}

// Rouse has every link look again at what it depends on: a policy, or the clock
// of deadlines.
func (r *Replicator) Rouse() {
	for _, l := range r.sorted() {
		l.box.rouse()
	}
}

// watch keeps why, and since when, this cell's replica takes no part in
// replication. When that has lasted too long the replica becomes a regional
// table, and left is true. One that is still being made is given up then: it has
// nothing of its own, and no member can change the table while it is made.
func (k *keeper) watch(ctx context.Context, t *table.Table) (left bool, err error) {
	status, was, now := k.r.Standing(t), t.Def.Inaccessible, k.r.dates.Now()
	switch {
	case status == "" && was == nil:
		return false, nil
	case status != "" && was != nil && now.Sub(time.UnixMicro(was.Since)) >= InaccessibleAtMost && t.Def.Status == table.Creating:
		k.r.logger.Error("a replica that is being made was kept from replication for too long and is given up",
			"cell", k.r.cell.String(), "table", k.table, "status", string(status), "since", time.UnixMicro(was.Since))
		return true, k.r.Leave(ctx, t)
	case status != "" && was != nil && now.Sub(time.UnixMicro(was.Since)) >= InaccessibleAtMost:
		k.r.logger.Error("a replica was kept from replication for too long and becomes a regional table",
			"cell", k.r.cell.String(), "table", k.table, "status", string(status), "since", time.UnixMicro(was.Since))
		return true, k.r.detach(ctx, k.table, k.group, 0, true)
	case status != "" && was != nil && was.Status == status:
		return false, nil
	}
	_, err = k.r.engine.Alter(ctx, k.table, func(d *table.Definition) error {
		switch {
		case d.Group == nil || d.Group.ID != k.group || status == "":
			d.Inaccessible = nil
		case d.Inaccessible == nil:
			d.Inaccessible = &table.Inaccessible{Status: status, Since: now.UnixMicro()}
		default:
			d.Inaccessible.Status = status
		}
		return nil
	})
	if err == nil {
		k.r.Rouse() // The others are told.
	}
	return false, err
}

// Trouble is why another member takes no part in replication, and since when.
type Trouble struct {
	table.Inaccessible
	Reason string // In its words, one sentence; "" where it did not say.
}

// Detaches is when the member becomes a regional table if nothing changes, by the
// clock of deadlines; zero where it is not known since when.
func (t *Trouble) Detaches() time.Time {
	if t.Since == 0 {
		return time.Time{}
	}
	return time.UnixMicro(t.Since).Add(InaccessibleAtMost)
}

// Troubles are those of the other members that said that they take no part in
// replication.
func (r *Replicator) Troubles(name string) map[aws.Cell]Trouble {
	out := map[aws.Cell]Trouble{}
	for _, l := range r.sortedOf(name) {
		if l.key.side != sending && l.key.side != receiving {
			continue
		}
		l.mu.Lock()
		var told *table.Inaccessible
		reason, denied := "", false
		switch w := l.work.(type) {
		case *sender:
			told, denied, reason = w.told, w.denied, w.refused
		case *receiver:
			told, denied, reason = w.told, w.withheld != "", w.withheld
		}
		if told == nil && denied {
			told = &table.Inaccessible{Status: table.ReplicationNotAuthorized} // It will say since when.
		}
		l.mu.Unlock()
		if told == nil {
			continue
		}
		reason, _, _ = strings.Cut(reason, "\n")
		was := out[l.key.peer]
		if was.Since == 0 {
			was.Inaccessible = *told
		}
		was.Reason = cmp.Or(was.Reason, reason)
		out[l.key.peer] = was
	}
	return out
}
