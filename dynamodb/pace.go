package dynamodb

import (
	"fmt"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/table"
)

// Pace is how long changes of tables take. They are made at once all the same,
// but for a table that is created or deleted, and an index that is, which are not
// there before, and there no more after: what takes its time is the status, as
// clients of AWS see it. The zero Pace lets every change be over when it is
// answered. What takes longer for reasons of its own, the backfill of an index or
// the seeding of a replica, takes that time in any case, and for a replica that is
// made or deleted it is the only one.
type Pace struct {
	Create     time.Duration // A regional table.
	Delete     time.Duration // A regional table.
	Update     time.Duration // Settings of a table, but for those that AWS changes at once.
	Switch     time.Duration // The billing mode.
	Index      time.Duration // The creation or deletion of a global index.
	TimeToLive time.Duration
	Tags       time.Duration // How long after a change of tags there is no other one.
}

// AWSPace is what was recorded of the live service, rounded; how long a deletion
// takes and a change of the time to live is a guess.
func AWSPace() Pace {
	return Pace{
		Create: 9 * time.Second, Delete: 5 * time.Second, Update: 2 * time.Second,
		Switch: 70 * time.Second, Index: 10 * time.Minute, TimeToLive: time.Minute,
		Tags: 1700 * time.Millisecond,
	}
}

// maxPace bounds a pace that is given as one duration.
const maxPace = 24 * time.Hour

// ParsePace reads a pace: instant, aws, or a duration that every change takes.
func ParsePace(s string) (Pace, error) {
	switch s {
	case "instant":
		return Pace{}, nil
	case "aws":
		return AWSPace(), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > maxPace {
		return Pace{}, fmt.Errorf("pace %q: want instant, aws, or a duration up to 24h that each change takes, as in 3s", s)
	}
	return Pace{d, d, d, d, d, d, d}, nil
}

// settles is when a change that begins now is over, as a Definition has it; 0 for
// at once.
func settles(now time.Time, takes time.Duration) int64 {
	if takes == 0 {
		return 0
	}
	return now.Add(takes).UnixMicro()
}

// pace says when the changes are over that a request has made. Some settings AWS
// changes at once (recorded).
func (s *Service) pace(in *sdk.UpdateTableInput, was bool, d *table.Definition, now time.Time) {
	switch {
	case changesIndexes(in) > 0:
		x := d.Changing()
		x.SettlesAt = settles(now, s.Pace.Index)
		if x.Status == table.Creating {
			// The table is UPDATING first, and then the index is Backfilling (recorded):
			// half of the time at least, where both have the same.
			d.SettlesAt = settles(now, min(s.Pace.Update, s.Pace.Index/2))
		}
	case was != d.OnDemand:
		d.SettlesAt = settles(now, s.Pace.Switch)
		return
	case in.ProvisionedThroughput != nil, in.StreamSpecification != nil, in.TableClass != "", in.SSESpecification != nil, changesThroughput(in):
		d.SettlesAt = settles(now, s.Pace.Update)
	case d.Group != nil && (in.DeletionProtectionEnabled != nil || in.OnDemandThroughput != nil):
		d.SettlesAt = settles(now, s.Pace.Update) // A regional table has these at once (recorded).
	}
	s.paceShown(in, d, now)
}

// paceShown says until when the status of an index's throughput, and of a warm
// throughput, shows that it is being changed. The table's own status does not
// show the latter (documented).
func (s *Service) paceShown(in *sdk.UpdateTableInput, d *table.Definition, now time.Time) {
	until := settles(now, s.Pace.Update)
	if in.WarmThroughput != nil {
		d.WarmingUntil = until
	}
	for i := range in.GlobalSecondaryIndexUpdates {
		u := in.GlobalSecondaryIndexUpdates[i].Update
		if u == nil {
			continue
		}
		x := d.Index(*u.IndexName)
		if u.WarmThroughput != nil {
			x.WarmingUntil = until
		}
		if u.ProvisionedThroughput != nil || u.OnDemandThroughput != nil {
			x.UpdatingUntil = until
		}
	}
}

// warmStatus is the status of a warm throughput that was changed last at a pace.
func (s *Service) warmStatus(until int64) types.TableStatus {
	if s.Clock.Now().Before(time.UnixMicro(until)) {
		return types.TableStatusUpdating
	}
	return types.TableStatusActive
}

// changesThroughput reports whether a request changes the provisioned throughput
// of an index.
func changesThroughput(in *sdk.UpdateTableInput) bool {
	for i := range in.GlobalSecondaryIndexUpdates {
		if u := in.GlobalSecondaryIndexUpdates[i].Update; u != nil && u.ProvisionedThroughput != nil {
			return true
		}
	}
	return false
}

// checkPaced refuses what cannot be changed while another change is under way
// (recorded, but for the last text, which is that of a deletion).
func checkPaced(d *table.Definition, in *sdk.UpdateTableInput) error {
	switch {
	case !d.Updating() || d.Changing() != nil:
		return nil // checkUpdating says more about indexes.
	case in.DeletionProtectionEnabled != nil, in.WarmThroughput != nil:
		return nil
	case in.ProvisionedThroughput != nil, in.BillingMode != "", changesThroughput(in):
		return inUse(d, "Table IOPS are currently being updated. Table: %s", d.Name)
	case in.OnDemandThroughput != nil:
		return inUse(d, "OnDemandThroughput cannot be updated while BillingMode update is in progress")
	case in.StreamSpecification != nil:
		return inUse(d, "Can't enable or disable stream while table IOPS are being updated. Table: %s", d.Name)
	}
	return errInProcess(d)
}

// errInProcess is recorded for the deletion of a table that is being updated.
func errInProcess(d *table.Definition) error {
	return inUse(d, "Table: %s is in the process of being updated.", d.Name)
}

// timeToLiveStatus is what a table shows of its time to live.
func (s *Service) timeToLiveStatus(def *table.Definition) *types.TimeToLiveDescription {
	d := &types.TimeToLiveDescription{TimeToLiveStatus: types.TimeToLiveStatusDisabled}
	changing := false
	if c := def.TimeToLiveSettles; c != nil && s.Clock.Now().Before(time.UnixMicro(c.At)) {
		d.AttributeName, changing = &c.Attribute, true
	}
	switch l := def.TimeToLive; {
	case l != nil && changing:
		d.TimeToLiveStatus = types.TimeToLiveStatusEnabling
	case l != nil:
		d.TimeToLiveStatus, d.AttributeName = types.TimeToLiveStatusEnabled, &l.Attribute
	case changing:
		d.TimeToLiveStatus = types.TimeToLiveStatusDisabling
	}
	return d
}
