package dynamodb

import (
	"context"
	"slices"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// errReplicaKey is ours; that an Update refuses a key, whichever it is, is known
// from the live service.
var errReplicaKey = aws.InvalidParameter("KMSMasterKeyId of a replica cannot be changed through ReplicaUpdates. Use UpdateTable with SSESpecification in the Region of the replica")

// errReplicaKeys is known from the live service, of a replica that is to be made.
var errReplicaKeys = aws.InvalidParameter("All replica keys must either be Customer Managed CMK or AWS Managed CMK.")

func checkReplicaUpdate(u *types.UpdateReplicationGroupMemberAction) error {
	switch {
	case u.KMSMasterKeyId != nil:
		return errReplicaKey
	case u.OnDemandThroughputOverride == nil && u.ProvisionedThroughputOverride == nil && u.TableClassOverride == "" && len(u.GlobalSecondaryIndexes) == 0:
		return aws.Validation("There are no actions specified in the Replica Update Action of the request.")
	}
	return checkTableClass(u.TableClassOverride)
}

// overrideReplicas changes what replicas in other Regions of the account have for
// themselves. The answer shows the table as it was, as for other changes.
func (s *Service) overrideReplicas(ctx context.Context, t *table.Table, updates []types.ReplicationGroupUpdate) (*types.TableDescription, error) {
	for i := range updates {
		region := *updates[i].Update.RegionName
		if region == string(s.Cell.Region) {
			return nil, aws.Validation("Cannot add, delete, or update the local region through ReplicaUpdates. Use CreateTable, DeleteTable, or UpdateTable as required.")
		}
		if !aws.Region(region).Known() {
			return nil, errUnsupportedRegion(region)
		}
	}
	if err := checkSettled(t); err != nil {
		return nil, err
	}
	if t.Def.Group != nil && !t.Def.Group.Kind.Overrides() {
		return nil, aws.InvalidParameter("A replica of a %s global table has no overrides; send UpdateTable to its own Region, with credentials of its own account", t.Def.Group.Kind)
	}
	var changed []table.Member
	for i := range updates {
		u := updates[i].Update
		to := aws.Cell{Account: s.Cell.Account, Region: aws.Region(*u.RegionName)}
		if t.Def.Group.Member(to) == nil {
			return nil, errNotReplica(*u.RegionName)
		}
		own, err := s.overrides(&t.Def, u.ProvisionedThroughputOverride, u.OnDemandThroughputOverride, u.GlobalSecondaryIndexes, u.TableClassOverride)
		if err != nil {
			return nil, err
		}
		changed = append(changed, table.Member{Cell: to, Settings: own})
	}
	if err := s.Replication.Override(ctx, t, changed, settles(s.Clock.Now(), s.Pace.Update)); err != nil {
		return nil, err
	}
	return s.describe(t, types.TableStatusUpdating), nil
}

// errNotReplica is known from the live service.
func errNotReplica(region string) error {
	return aws.Validation("Update global table operation failed because one or more replicas were not part of the global table. Please retry the request without these replicas: [%s].", region)
}

// overrides reads what a replica is to have for itself: reads and the class
// (documented).
func (s *Service) overrides(d *table.Definition, p *types.ProvisionedThroughputOverride, o *types.OnDemandThroughputOverride, indexes []types.ReplicaGlobalSecondaryIndex, class types.TableClass) (table.Settings, error) {
	out := table.Settings{TableClass: string(class)}
	if class != "" {
		out.TableClassSince = s.Clock.Now().UnixMicro()
	}
	var err error
	if out.Reads, err = appendReads(nil, d, "", p, o); err != nil {
		return out, err
	}
	for i := range indexes {
		x := &indexes[i]
		if in := d.Index(*x.IndexName); in == nil || in.Local {
			return out, noIndex(*x.IndexName, d)
		}
		if slices.ContainsFunc(indexes[:i], func(y types.ReplicaGlobalSecondaryIndex) bool { return *y.IndexName == *x.IndexName }) {
			return out, aws.InvalidParameter("Only one global secondary index update per index is allowed simultaneously. Index: %s", *x.IndexName)
		}
		if out.Reads, err = appendReads(out.Reads, d, *x.IndexName, x.ProvisionedThroughputOverride, x.OnDemandThroughputOverride); err != nil {
			return out, err
		}
	}
	return out, nil
}

// appendReads appends the reads of a table, or of an index where one is named.
func appendReads(out []table.Reads, d *table.Definition, index string, p *types.ProvisionedThroughputOverride, o *types.OnDemandThroughputOverride) ([]table.Reads, error) {
	if p != nil {
		if d.OnDemand { // The text lacks the prefix that it has elsewhere (recorded).
			return nil, aws.Validation("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
		}
		if p.ReadCapacityUnits != nil {
			if _, err := throughput(&types.ProvisionedThroughput{ReadCapacityUnits: p.ReadCapacityUnits, WriteCapacityUnits: sdkaws.Int64(1)}); err != nil {
				return nil, err
			}
			out = append(out, table.Reads{Index: index, Units: *p.ReadCapacityUnits})
		}
	}
	if o != nil && o.MaxReadRequestUnits != nil {
		of := "table"
		if index != "" {
			of = "index : " + index
		}
		if err := checkMaximum("MaxReadRequestUnits", *o.MaxReadRequestUnits, d.OnDemand, of, false); err != nil {
			return nil, err
		}
		out = append(out, table.Reads{Index: index, OnDemand: true, Units: *o.MaxReadRequestUnits})
	}
	return out, nil
}

// newReplica reads what a replica that is to be made has for itself. Its key is
// of the kind of its source's key: one of the customer's in its own Region, or
// the one that AWS manages (known from the live service).
func (s *Service) newReplica(d *table.Definition, r *types.CreateReplicationGroupMemberAction) (table.Settings, error) {
	if err := checkTableClass(r.TableClassOverride); err != nil {
		return table.Settings{}, err
	}
	out, err := s.overrides(d, r.ProvisionedThroughputOverride, r.OnDemandThroughputOverride, r.GlobalSecondaryIndexes, r.TableClassOverride)
	if err != nil {
		return out, err
	}
	if isMixed(d) {
		return mixedReplica(d, r, out)
	}
	if e := d.Encryption; e != nil || r.KMSMasterKeyId != nil {
		own := &table.Encryption{Type: string(types.SSETypeKms), KeyID: sdkaws.ToString(r.KMSMasterKeyId)}
		switch {
		case e != nil && !e.Managed() && r.KMSMasterKeyId == nil:
			return out, aws.InvalidParameter("KMSMasterKeyId must be specified for each replica.")
		case e == nil, e.Managed() != own.Managed():
			return out, errReplicaKeys
		}
		out.Encryption = own
	}
	return out, nil
}

// isMixed reports whether a table's replicas are those of a mixed global table.
func isMixed(d *table.Definition) bool {
	if d.Group != nil {
		return d.Group.Kind == table.Mixed
	}
	return d.Topology == table.MixedTopology
}

// mixedReplica has its class and its key for itself, as replicas of a multi-account
// global table do, and nothing else.
func mixedReplica(d *table.Definition, r *types.CreateReplicationGroupMemberAction, own table.Settings) (table.Settings, error) {
	if len(own.Reads) > 0 {
		return own, aws.InvalidParameter("A replica of a mixed global table has no overrides of throughput; all replicas have the same")
	}
	if d.Encryption.Managed() {
		return own, errManagedKey
	}
	if r.KMSMasterKeyId != nil {
		own.Encryption = &table.Encryption{Type: string(types.SSETypeKms), KeyID: *r.KMSMasterKeyId}
		if own.Encryption.Managed() {
			return own, errManagedKey
		}
	}
	return own, nil
}

// overwritten says what a change of settings makes the same at all members, also
// where it changes nothing here: throughput is given reads and writes together,
// so that a change of writes takes away what others had for their reads
// (recorded).
func overwritten(in *sdk.UpdateTableInput, d *table.Definition) table.Overwritten {
	o := table.Overwritten{Class: in.TableClass != "" && sameAccount(d)}
	if in.ProvisionedThroughput != nil || in.OnDemandThroughput != nil && !emptyMaxima(in.OnDemandThroughput) {
		o.Reads = append(o.Reads, "")
	}
	for i := range in.GlobalSecondaryIndexUpdates {
		switch g := &in.GlobalSecondaryIndexUpdates[i]; {
		case g.Create != nil:
			o.Reads = append(o.Reads, *g.Create.IndexName)
		case g.Delete != nil:
			o.Reads = append(o.Reads, *g.Delete.IndexName)
		case g.Update != nil && (g.Update.ProvisionedThroughput != nil || g.Update.OnDemandThroughput != nil && !emptyMaxima(g.Update.OnDemandThroughput)):
			o.Reads = append(o.Reads, *g.Update.IndexName)
		}
	}
	return o
}

func sameAccount(d *table.Definition) bool {
	return d.Group != nil && d.Group.Kind.Overrides()
}

// readOverrides is how reads show that are not those of the member that is asked:
// on both sides (recorded).
func readOverrides(r table.Reads) (*types.ProvisionedThroughputOverride, *types.OnDemandThroughputOverride) {
	switch {
	case !r.OnDemand:
		return &types.ProvisionedThroughputOverride{ReadCapacityUnits: &r.Units}, nil
	case r.Units == noMaximum:
		return nil, nil
	}
	return nil, &types.OnDemandThroughputOverride{MaxReadRequestUnits: &r.Units}
}

// describeReplica fills in what an entry has once the member is in use. A class
// shows only where it is not the standard one (recorded), a key where it is the
// customer's.
func (s *Service) describeReplica(def *table.Definition, m *table.Member, r *types.ReplicaDescription) {
	provisioned := def.Throughput
	if own, ok := def.Differs(m, ""); ok {
		r.ProvisionedThroughputOverride, r.OnDemandThroughputOverride = readOverrides(own)
		if !own.OnDemand {
			provisioned.Read = own.Units
		}
	}
	w := warm(def.OnDemand, provisioned, def.Warm)
	r.WarmThroughput = &types.TableWarmThroughputDescription{ReadUnitsPerSecond: &w.Read, WriteUnitsPerSecond: &w.Write, Status: s.warmStatus(def.WarmingUntil)}
	r.GlobalTableSettingsReplicationMode = types.GlobalTableSettingsReplicationMode(def.SettingsMode)
	for i := range def.Indexes {
		x := def.Indexes[i]
		if x.Local {
			continue
		}
		g := types.ReplicaGlobalSecondaryIndexDescription{IndexName: &def.Indexes[i].Name}
		if own, ok := def.Differs(m, x.Name); ok {
			g.ProvisionedThroughputOverride, g.OnDemandThroughputOverride = readOverrides(own)
			if !own.OnDemand {
				x.Throughput.Read = own.Units
			}
		}
		if x.Active() {
			g.WarmThroughput = s.warmIndex(def, &x)
		}
		r.GlobalSecondaryIndexes = append(r.GlobalSecondaryIndexes, g)
	}
	if c := types.TableClass(m.Settings.TableClass); c != "" && c != types.TableClassStandard {
		r.ReplicaTableClassSummary = &types.TableClassSummary{TableClass: c, LastUpdateDateTime: instant(m.Settings.TableClassSince)}
	}
	if e := m.Settings.Encryption; e != nil && e.Type != "" && !e.Managed() {
		r.KMSMasterKeyId = sdkaws.String(keyARN(m.Cell, e.KeyID))
	}
}
