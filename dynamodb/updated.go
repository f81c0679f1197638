package dynamodb

import (
	"slices"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/table"
)

// describeUpdate is the answer to an UpdateTable that changed settings. What it
// shows as it is now, what as it was, and which status, differs by the setting
// (recorded); a change that AWS makes later shows the old value and UPDATING.
func (s *Service) describeUpdate(before, after *table.Table, in *sdk.UpdateTableInput) *types.TableDescription {
	regional := before.Def.Group == nil
	switch {
	case in.GlobalTableSettingsReplicationMode != "", in.DisassociationProtectionEnabled != nil, in.DeletionProtectionEnabled != nil && regional:
		return s.describe(after, s.status(after))
	case in.StreamSpecification != nil, changesIndexes(in) > 0, before.Def.OnDemand != after.Def.OnDemand:
		d := s.describe(after, types.TableStatusUpdating)
		if b := d.BillingModeSummary; b != nil && after.Def.OnDemandSince != before.Def.OnDemandSince {
			b.LastUpdateToPayPerRequestDateTime = nil // It comes when the switch is done.
		}
		return d
	case in.SSESpecification != nil:
		return s.describeEncrypting(before)
	case in.OnDemandThroughput != nil && !emptyMaxima(in.OnDemandThroughput) && regional:
		d := s.describe(after, s.status(after))
		d.OnDemandThroughput = echoMaxima(d.OnDemandThroughput, in.OnDemandThroughput)
		return d
	case in.WarmThroughput != nil && !emptyWarm(in.WarmThroughput):
		d := s.describe(before, s.status(before))
		d.WarmThroughput.Status = types.TableStatusUpdating
		return d
	case len(in.GlobalSecondaryIndexUpdates) > 0 && in.BillingMode == "" && in.ProvisionedThroughput == nil && regional:
		return s.describeIndexUpdate(before, in)
	}
	d := s.describe(before, types.TableStatusUpdating)
	// When throughput was changed is told at once (recorded).
	d.ProvisionedThroughput.LastIncreaseDateTime = instant(after.Def.Adjusted.LastIncrease)
	d.ProvisionedThroughput.LastDecreaseDateTime = instant(after.Def.Adjusted.LastDecrease)
	return d
}

// describeEncrypting shows a table whose key is being changed: active, still with
// the key that it had.
func (s *Service) describeEncrypting(before *table.Table) *types.TableDescription {
	d := s.describe(before, s.status(before))
	if d.SSEDescription == nil {
		d.SSEDescription = &types.SSEDescription{}
	}
	d.SSEDescription.Status = types.SSEStatusUpdating
	return d
}

// describeIndexUpdate shows a table whose indexes are being changed: it is active
// meanwhile, and they have the throughput that they had.
func (s *Service) describeIndexUpdate(before *table.Table, in *sdk.UpdateTableInput) *types.TableDescription {
	d := s.describe(before, s.status(before))
	for i := range in.GlobalSecondaryIndexUpdates {
		u := in.GlobalSecondaryIndexUpdates[i].Update
		x := slices.IndexFunc(d.GlobalSecondaryIndexes, func(g types.GlobalSecondaryIndexDescription) bool { return *g.IndexName == *u.IndexName })
		if x < 0 {
			continue // The index came meanwhile.
		}
		g := &d.GlobalSecondaryIndexes[x]
		if u.ProvisionedThroughput != nil || u.OnDemandThroughput != nil {
			g.IndexStatus = types.IndexStatusUpdating
		}
		if u.WarmThroughput != nil && g.WarmThroughput != nil {
			g.WarmThroughput.Status = types.IndexStatusUpdating
		}
	}
	return d
}

// echoMaxima shows a maximum that the request took away as -1. Later
// descriptions leave it out.
func echoMaxima(d, given *types.OnDemandThroughput) *types.OnDemandThroughput {
	out := types.OnDemandThroughput{}
	if d != nil {
		out = *d
	}
	if sdkaws.ToInt64(given.MaxReadRequestUnits) == noMaximum {
		out.MaxReadRequestUnits = given.MaxReadRequestUnits
	}
	if sdkaws.ToInt64(given.MaxWriteRequestUnits) == noMaximum {
		out.MaxWriteRequestUnits = given.MaxWriteRequestUnits
	}
	return &out
}
