package table

import (
	"cmp"
	"slices"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/item"
)

// definitionFormat is the format of a stored Definition; see
// docs/formats/catalog.md.
const definitionFormat = 1

// Status is a table's status, in AWS's words.
type Status string

// The statuses that a table can have. A table without authorization to
// replicate goes on serving its own cell.
const (
	Creating                 Status = "CREATING"
	Active                   Status = "ACTIVE"
	Deleting                 Status = "DELETING"
	ReplicationNotAuthorized Status = "REPLICATION_NOT_AUTHORIZED"
	RegionDisabled           Status = "REGION_DISABLED"
)

// Definition is all that a cell keeps of a table but its items. It is stored
// as JSON, and never changed in place: Engine.Alter makes a new one.
type Definition struct {
	Format     int         `json:"format"`
	Name       string      `json:"name"`
	Number     uint32      `json:"number"` // Names the table's keys and its log; never used again in this store.
	ID         string      `json:"id"`     // AWS's TableId, one for each incarnation.
	CreatedAt  int64       `json:"created_at"`
	Status     Status      `json:"status"`
	Attributes []Attribute `json:"attributes"`
	Hash       string      `json:"hash"`
	Range      string      `json:"range,omitempty"`
	Indexes    []Index     `json:"indexes,omitempty"`
	NextIndex  uint16      `json:"next_index"`

	OnDemand           bool        `json:"on_demand"`
	OnDemandSince      int64       `json:"on_demand_since,omitempty"`
	Throughput         Throughput  `json:"throughput"`
	OnDemandMax        *Throughput `json:"on_demand_max,omitempty"` // -1 is no maximum.
	Warm               *Throughput `json:"warm,omitempty"`          // The most that it was ever made ready for; nil for what its mode gives.
	Adjusted           Adjusted    `json:"adjusted,omitzero"`
	ToOnDemand         []int64     `json:"to_on_demand,omitempty"` // When it came to be on demand, of late; microseconds.
	Stream             *Stream     `json:"stream,omitempty"`
	LastStreamLabel    string      `json:"last_stream_label,omitempty"`
	DeletionProtection bool        `json:"deletion_protection,omitempty"`
	TableClass         string      `json:"table_class,omitempty"`
	TableClassSince    int64       `json:"table_class_since,omitempty"`
	Encryption         *Encryption `json:"encryption,omitempty"`
	Tags               []Tag       `json:"tags,omitempty"`
	Policy             *Policy     `json:"policy,omitempty"`
	SettingsMode       string      `json:"settings_mode,omitempty"` // GlobalTableSettingsReplicationMode.
	Group              *Group      `json:"group,omitempty"`         // Nil for a regional table.

	// Of a member of a global table. It keeps Disassociate away unless that was
	// allowed; Disassociating is set while it leaves and keeps its data; and
	// Inaccessible says why nothing is replicated to and from it.
	MayDisassociate bool          `json:"may_disassociate,omitempty"`
	Disassociating  bool          `json:"disassociating,omitempty"`
	Inaccessible    *Inaccessible `json:"inaccessible,omitempty"`

	// When the class, and the key, were changed of late, and until when the tags are
	// not changed again; microseconds.
	ClassChanges []int64 `json:"class_changes,omitempty"`
	KeyChanges   []int64 `json:"key_changes,omitempty"`
	TagsSettle   int64   `json:"tags_settle,omitempty"`

	Detached *Detached `json:"detached,omitempty"` // Nil where nobody may come back.

	// Resync is since when a member is to be compared with all others, microseconds;
	// 0 where it is not. Until its own status is Creating the others do not know.
	Resync int64 `json:"resync,omitempty"`

	TimeToLive      *TimeToLive `json:"time_to_live,omitempty"` // Nil while it is disabled.
	TimeToLiveSince int64       `json:"time_to_live_since,omitempty"`

	// SettlesAt is when a change of the table that is under way is over, in
	// microseconds since 1970; 0 while none is, or where something else ends it.
	// Step then makes a table that is Creating Active, and drops one that is
	// Deleting.
	SettlesAt int64 `json:"settles_at,omitempty"`

	// WarmingUntil is until when Warm shows as being changed, in microseconds.
	WarmingUntil int64 `json:"warming_until,omitempty"`

	// TimeToLiveSettles is the change of the time to live that was made last; nil
	// where it held at once.
	TimeToLiveSettles *TimeToLiveSettles `json:"time_to_live_settles,omitempty"`

	Conflict conflict.Rule `json:"conflict,omitempty"` // Between concurrent writes; empty is the last writer.
	Topology Topology      `json:"topology,omitempty"` // Of the global table that it is or may be in; empty is AWSTopology.

	Transactions Visibility `json:"transactions,omitempty"` // In other members; empty is ByItem.

	// Edition is that of the settings which all members of a global table have in
	// step. A regional table keeps that of its last time as a member.
	Edition Edition `json:"edition,omitzero"`

	// Scaled is the edition of the targets of auto scaling that members have in step,
	// where they were changed since the table was made.
	Scaled Edition `json:"scaled,omitzero"`
}

// Attribute is a key attribute of the table or of an index.
type Attribute struct {
	Name string `json:"name"`
	Type string `json:"type"` // S, N or B.
}

// Projection says which attributes an index holds, in AWS's words.
type Projection string

// The projections.
const (
	KeysOnly Projection = "KEYS_ONLY"
	Include  Projection = "INCLUDE"
	All      Projection = "ALL"
)

// Index is a secondary index. A global index has up to four hash and four
// range attributes; a local one has the table's hash and one range attribute.
type Index struct {
	Name       string      `json:"name"`
	Number     uint16      `json:"number"` // Names the index's keys within the table's; from 1.
	Local      bool        `json:"local,omitempty"`
	Hash       []string    `json:"hash"`
	Range      []string    `json:"range,omitempty"`
	Projection Projection  `json:"projection"`
	NonKey     []string    `json:"non_key,omitempty"`
	Throughput Throughput  `json:"throughput"`
	OnDemand   *Throughput `json:"on_demand_max,omitempty"`
	Warm       *Throughput `json:"warm,omitempty"`    // As of a Definition.
	Adjusted   Adjusted    `json:"adjusted,omitzero"` // As of a Definition.

	// Status is Creating while the items that were there first get their
	// entries, Deleting while the entries go, and empty when the index is in use.
	// At most one index of a table has one.
	Status      Status `json:"status,omitempty"`
	Backfilling bool   `json:"backfilling,omitempty"` // Set while Creating, once that has begun.
	SettlesAt   int64  `json:"settles_at,omitempty"`  // Before this time it does not come into use, or go; microseconds.

	// Until when an index in use shows that its throughput, and that its warm
	// throughput, is being changed; microseconds.
	UpdatingUntil int64 `json:"updating_until,omitempty"`
	WarmingUntil  int64 `json:"warming_until,omitempty"`
}

// Active reports whether the index can be read.
func (x *Index) Active() bool { return x.Status == "" }

// TimeToLive is an enabled time to live.
type TimeToLive struct {
	Attribute string `json:"attribute"`
}

// TimeToLiveSettles says until when a change of the time to live shows as being
// made, in microseconds, and of which attribute.
type TimeToLiveSettles struct {
	At        int64  `json:"at"`
	Attribute string `json:"attribute"`
}

// Updating reports whether a change of the table is under way that SettlesAt
// ends.
func (d *Definition) Updating() bool { return d.Status == Active && d.SettlesAt != 0 }

// Settles lets the table show that it is being updated until a time, in
// microseconds, unless it does so for longer already.
func (d *Definition) Settles(at int64) {
	if d.Status == Active {
		d.SettlesAt = max(d.SettlesAt, at)
	}
}

// Throughput is in capacity units a second.
type Throughput struct {
	Read  int64 `json:"read"`
	Write int64 `json:"write"`
}

// Adjusted says when provisioned throughput was changed last, in microseconds
// since 1970.
type Adjusted struct {
	LastIncrease int64 `json:"last_increase,omitempty"`
	LastDecrease int64 `json:"last_decrease,omitempty"`
	Decreases    int64 `json:"decreases,omitempty"` // On the day, in UTC, of the last one.
}

// DecreasesOn returns how often the throughput was lowered on the day of now, in
// UTC.
func (a *Adjusted) DecreasesOn(now time.Time) int64 {
	const day = 24 * time.Hour
	if !time.UnixMicro(a.LastDecrease).Truncate(day).Equal(now.Truncate(day)) {
		return 0
	}
	return a.Decreases
}

// Stream is an enabled stream.
type Stream struct {
	View  string `json:"view"`  // KEYS_ONLY, NEW_IMAGE, OLD_IMAGE or NEW_AND_OLD_IMAGES.
	Label string `json:"label"` // When it was enabled, as in its ARN.

	Policy *Policy `json:"policy,omitempty"` // Of the stream itself, not of its table.
}

// Encryption is the table's SSESpecification.
type Encryption struct {
	Type  string `json:"type"`
	KeyID string `json:"key_id,omitempty"`
}

// Tag is a key and a value.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Policy is an attached resource-based policy.
type Policy struct {
	Document string `json:"document"`
	Revision string `json:"revision"`
}

// GroupKind tells how a global table's members authorize each other.
type GroupKind string

// The kinds of global table. Mixed is not AWS's: some of its members are of one
// account, and some of others.
const (
	SameAccount  GroupKind = "same-account"
	MultiAccount GroupKind = "multi-account"
	Mixed        GroupKind = "mixed"
)

// Overrides reports whether members may have settings for themselves that others
// have in step.
func (k GroupKind) Overrides() bool { return k == SameAccount }

// ByRole reports whether a service-linked role replicates between tables of two
// accounts that are members: only an explicit Deny stops it. Otherwise the
// policies of both have to allow it.
func (k GroupKind) ByRole(a, b aws.Account) bool {
	return k == SameAccount || (k == Mixed && a == b)
}

// Topology says which accounts the members of a global table may be of.
type Topology string

// The topologies. The first is the default.
const (
	AWSTopology   Topology = "aws"   // All of one account, or each of an account of its own.
	MixedTopology Topology = "mixed" // Any; in a Region there is one member at most all the same.
)

// Known reports whether t is a topology.
func (t Topology) Known() bool { return t == AWSTopology || t == MixedTopology }

// Group is the global table that a table belongs to, as this cell knows it.
type Group struct {
	ID      string    `json:"id"`
	Kind    GroupKind `json:"kind"`
	Members []Member  `json:"members"` // All of them, this table included, ordered by cell.

	// Recover lists what is still to be asked for after members have left in
	// haste.
	Recover []Recovery `json:"recover,omitempty"`

	// Away lists replicas that were detached against their will and may come back:
	// until then no tombstone goes.
	Away []Away `json:"away,omitempty"`
}

// Away is a former member that may come back with its data.
type Away struct {
	Cell  aws.Cell `json:"cell"`
	Since int64    `json:"since"` // As the member had it.
	Until int64    `json:"until"` // Microseconds, by the clock of deadlines.

	// Before is the Since that it was coming back from when it was taken out as lost;
	// zero where it was not. It may not have got further: deletions are kept since then.
	Before int64 `json:"before,omitempty"`
}

// Was reports whether the former member may be the one of a membership that began then.
func (a *Away) Was(since int64) bool {
	return a.Since == since || (a.Before != 0 && a.Before == since)
}

// Detached is what a regional table keeps of the global table that it was in
// while a replica may come back to it: this one, which was detached against its
// will, or another one, of which this was the last member left. Meanwhile it keeps
// tombstones and the vectors of versions as a member does.
//
// A member has it, too, while it is coming back and does not have all yet.
type Detached struct {
	Group Group `json:"group"`
	Until int64 `json:"until"`         // Microseconds, by the clock of deadlines.
	Own   bool  `json:"own,omitempty"` // It is this table that was detached.

	// Edition is that of the settings when it was detached. As a regional table it may
	// have made later ones, of its own.
	Edition Edition `json:"edition,omitzero"`
}

// Recovery is the asking of one member for the rows of another that has left and
// may not have brought all its changes to all.
type Recovery struct {
	Gone aws.Cell `json:"gone"`
	From aws.Cell `json:"from"`
}

// Member is one replica of a global table.
type Member struct {
	Cell   aws.Cell `json:"cell"`
	Status Status   `json:"status"`
	Since  int64    `json:"since"`           // When it joined, microseconds.
	Source aws.Cell `json:"source,omitzero"` // The member that it was seeded from; none for the first.

	// Settings are what another member of a same-account global table has for
	// itself. A member's own are its definition's.
	Settings Settings `json:"settings,omitzero"`
}

// Inaccessible is why a replica takes no part in replication.
type Inaccessible struct {
	Status Status `json:"status"` // ReplicationNotAuthorized or RegionDisabled.
	Since  int64  `json:"since"`  // Microseconds, by the clock of deadlines.
}

// Regional makes a member a table of its own again. It keeps all that it has.
func (d *Definition) Regional() {
	if d.Group != nil && d.Group.Kind.Overrides() {
		d.SettingsMode = ""
	}
	d.Group, d.Inaccessible, d.Disassociating, d.MayDisassociate, d.Resync = nil, nil, false, false, 0
}

// Detach makes a member a table of its own against its will: until then it may come
// back.
func (d *Definition) Detach(until int64) {
	d.Detached = &Detached{Group: *d.Group, Until: until, Own: true, Edition: d.Edition}
	d.Regional()
}

// Outlive makes the last member left a table of its own. It waits for those that
// may come back.
func (d *Definition) Outlive() {
	d.Detached = nil
	if away := d.Group.Away; len(away) > 0 {
		d.Detached = &Detached{Group: *d.Group}
		for _, a := range away {
			d.Detached.Until = max(d.Detached.Until, a.Until)
		}
	}
	d.Regional()
}

// Remain makes a table that was detached what the last member left is: one to which
// all others may come back, former members until then. It keeps what it has.
func (d *Definition) Remain(c aws.Cell, until int64) {
	g := d.Detached.Group
	out := &Detached{Group: Group{ID: g.ID, Kind: g.Kind, Away: slices.Clone(g.Away)}, Until: until}
	for _, m := range g.Members {
		if m.Cell == c {
			m.Status, m.Source = Active, aws.Cell{}
			out.Group.Members = []Member{m}
			continue
		}
		out.Group.Forget(m.Cell)
		out.Group.Away = append(out.Group.Away, Away{Cell: m.Cell, Since: m.Since, Until: until})
	}
	for _, a := range g.Away {
		out.Until = max(out.Until, a.Until)
	}
	d.Detached = out
}

// Returning reports whether the table is a member again, or counted anew, and does
// not have all yet that it missed, nor have the others all that it wrote.
func (d *Definition) Returning() bool {
	return d.Group != nil && (d.Detached != nil || d.Resync != 0)
}

// Returns reports whether some member is coming back. Others join after that.
func (g *Group) Returns() bool {
	return slices.ContainsFunc(g.Away, func(a Away) bool { return g.Member(a.Cell) != nil })
}

// AwayIn returns the former member in a cell that may come back, nil when there is
// none.
func (g *Group) AwayIn(c aws.Cell) *Away {
	for i := range g.Away {
		if g.Away[i].Cell == c {
			return &g.Away[i]
		}
	}
	return nil
}

// Forget takes a former member out of those that may come back.
func (g *Group) Forget(c aws.Cell) {
	g.Away = slices.DeleteFunc(g.Away, func(a Away) bool { return a.Cell == c })
}

// Member returns the group's member in a cell, nil when there is none.
func (g *Group) Member(c aws.Cell) *Member {
	if g == nil {
		return nil
	}
	for i := range g.Members {
		if g.Members[i].Cell == c {
			return &g.Members[i]
		}
	}
	return nil
}

// Type returns the type of a key attribute.
func (d *Definition) Type(name string) (item.Type, bool) {
	for _, a := range d.Attributes {
		if a.Name == name {
			return item.ParseType(a.Type)
		}
	}
	return 0, false
}

// Index returns the index of that name, nil when there is none.
func (d *Definition) Index(name string) *Index {
	for i := range d.Indexes {
		if d.Indexes[i].Name == name {
			return &d.Indexes[i]
		}
	}
	return nil
}

// Changing returns the index that is being created or deleted, nil when there is
// none.
func (d *Definition) Changing() *Index {
	for i := range d.Indexes {
		if !d.Indexes[i].Active() {
			return &d.Indexes[i]
		}
	}
	return nil
}

// AddIndex adds an index to a table that may hold items: Step gives them their
// entries. Its key attributes are added before.
func (d *Definition) AddIndex(x Index) {
	d.NextIndex++
	x.Number, x.Status, x.Backfilling = d.NextIndex, Creating, false
	d.Indexes = append(d.Indexes, x)
}

// removeIndex takes an index out, and the attributes that only it had for keys.
func (d *Definition) removeIndex(number uint16) {
	d.Indexes = slices.DeleteFunc(d.Indexes, func(x Index) bool { return x.Number == number })
	d.Attributes = slices.DeleteFunc(d.Attributes, func(a Attribute) bool {
		used := a.Name == d.Hash || a.Name == d.Range
		for i := range d.Indexes {
			x := &d.Indexes[i]
			used = used || slices.Contains(x.Hash, a.Name) || slices.Contains(x.Range, a.Name)
		}
		return !used
	})
}

// Tag returns the value of a tag.
func (d *Definition) Tag(key string) (string, bool) {
	for _, t := range d.Tags {
		if t.Key == key {
			return t.Value, true
		}
	}
	return "", false
}

// retag changes the value of a tag that there is.
func (d *Definition) retag(key, value string) {
	for i := range d.Tags {
		if d.Tags[i].Key == key {
			d.Tags[i].Value = value
		}
	}
}

// TopologyTag is the tag of CreateTable that says of which accounts the members
// of the table's global table may be. As with ConflictTag, the setting is the
// definition's.
const TopologyTag = "hortus:topology"

// SetTopology changes the topology, and the tag that says it, where there is one.
func (d *Definition) SetTopology(t Topology) {
	t = cmp.Or(t, AWSTopology)
	d.retag(TopologyTag, string(t))
	if d.Topology = t; t == AWSTopology {
		d.Topology = ""
	}
}
