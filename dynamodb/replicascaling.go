package dynamodb

import (
	"context"
	"net/http"
	"slices"
	"strings"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/scaling"
	"github.com/hortusdb/hortus/table"
)

func (a *API) decodeDescribeTableReplicaAutoScaling(c *api.Call) error {
	in, err := decode(a.inputs.describeTableReplicaAutoScaling, c)
	if err != nil {
		return err
	}
	if *in.TableName, err = tableName(c, *in.TableName); err != nil {
		return err
	}
	c.Need("dynamodb:DescribeTableReplicaAutoScaling", *in.TableName, "")
	return nil
}

// globalTable finds a table that has replicas. The error is recorded, for a
// regional table too.
func (s *Service) globalTable(name string) (*table.Table, error) {
	t := s.Engine.Table(name)
	if t == nil || t.Def.Group == nil {
		return nil, aws.Errorf("ResourceNotFoundException", "Global table with name: '%s' does not exist.", name)
	}
	return t, nil
}

func describeTableReplicaAutoScaling(ctx context.Context, s *Service, c *api.Call) error {
	t, err := s.globalTable(*c.Input.(*sdk.DescribeTableReplicaAutoScalingInput).TableName)
	if err != nil {
		return err
	}
	replicas, err := s.replicaScaling(ctx, t)
	if err != nil {
		return err
	}
	return answer(c, &sdk.DescribeTableReplicaAutoScalingOutput{TableAutoScalingDescription: s.describeScaling(t, replicas)})
}

// replicaTargets is how a member scales.
type replicaTargets struct {
	member  table.Member
	targets []scaling.Target
}

// replicaScaling asks the members of this account: what those of others have is
// theirs to tell.
func (s *Service) replicaScaling(ctx context.Context, t *table.Table) ([]replicaTargets, error) {
	var out []replicaTargets
	for _, m := range t.Def.Group.Members {
		if m.Cell.Account != s.Cell.Account {
			continue
		}
		targets, err := s.Replication.Scaling(ctx, t, m)
		if err != nil {
			return nil, err
		}
		out = append(out, replicaTargets{m, targets})
	}
	return out, nil
}

func (s *Service) describeScaling(t *table.Table, replicas []replicaTargets) *types.TableAutoScalingDescription {
	d := &types.TableAutoScalingDescription{TableName: &t.Def.Name, TableStatus: s.status(t), Replicas: []types.ReplicaAutoScalingDescription{}}
	for i := range replicas {
		r := &replicas[i]
		settings := func(index string, dim scaling.Dimension) *types.AutoScalingSettingsDescription {
			return s.scalingSettings(t, find(r.targets, scaling.Resource(t.Def.Name, index), dim))
		}
		replica := types.ReplicaAutoScalingDescription{
			RegionName: sdkaws.String(string(r.member.Cell.Region)), ReplicaStatus: types.ReplicaStatus(r.member.Status),
			ReplicaProvisionedReadCapacityAutoScalingSettings:  settings("", scaling.TableRead),
			ReplicaProvisionedWriteCapacityAutoScalingSettings: settings("", scaling.TableWrite),
		}
		for j := range t.Def.Indexes {
			x := &t.Def.Indexes[j]
			if x.Local {
				continue
			}
			replica.GlobalSecondaryIndexes = append(replica.GlobalSecondaryIndexes, types.ReplicaGlobalSecondaryIndexAutoScalingDescription{
				IndexName: &x.Name, IndexStatus: types.IndexStatusActive,
				ProvisionedReadCapacityAutoScalingSettings:  settings(x.Name, scaling.IndexRead),
				ProvisionedWriteCapacityAutoScalingSettings: settings(x.Name, scaling.IndexWrite),
			})
		}
		d.Replicas = append(d.Replicas, replica)
	}
	return d
}

func find(targets []scaling.Target, resource string, d scaling.Dimension) *scaling.Target {
	i := slices.IndexFunc(targets, func(t scaling.Target) bool { return t.Resource == resource && t.Dimension == d })
	if i < 0 {
		return nil
	}
	return &targets[i]
}

// scalingSettings shows a target: as disabled without a policy, and as disabled
// but complete while the table is on demand (recorded).
func (s *Service) scalingSettings(t *table.Table, target *scaling.Target) *types.AutoScalingSettingsDescription {
	if target == nil || len(target.Policies) == 0 {
		return &types.AutoScalingSettingsDescription{AutoScalingDisabled: sdkaws.Bool(true), ScalingPolicies: []types.AutoScalingPolicyDescription{}}
	}
	role := target.Role
	if role == "" {
		role = scaling.ServiceRole(s.Cell.Account)
	}
	d := &types.AutoScalingSettingsDescription{
		MinimumUnits: sdkaws.Int64(int64(target.Min)), MaximumUnits: sdkaws.Int64(int64(target.Max)), AutoScalingRoleArn: &role,
	}
	if t.Def.OnDemand {
		d.AutoScalingDisabled = sdkaws.Bool(true)
	}
	for i := range target.Policies {
		p := &target.Policies[i]
		d.ScalingPolicies = append(d.ScalingPolicies, types.AutoScalingPolicyDescription{
			PolicyName: &p.Name,
			TargetTrackingScalingPolicyConfiguration: &types.AutoScalingTargetTrackingScalingPolicyConfigurationDescription{
				TargetValue: &p.Value, ScaleInCooldown: p.InCooldown, ScaleOutCooldown: p.OutCooldown, DisableScaleIn: p.DisableScaleIn,
			},
		})
	}
	return d
}

func (a *API) decodeUpdateTableReplicaAutoScaling(c *api.Call) error {
	in, err := decode(a.inputs.updateTableReplicaAutoScaling, c)
	if err != nil {
		return err
	}
	if *in.TableName, err = tableName(c, *in.TableName); err != nil {
		return err
	}
	c.Need("dynamodb:UpdateTableReplicaAutoScaling", *in.TableName, "")
	return nil
}

// scalingChange is one change of a target; with a Region it is for that replica
// alone.
type scalingChange struct {
	region    string
	index     string
	dimension scaling.Dimension
	settings  *types.AutoScalingSettingsUpdate
}

// scalingFault words what a request lacks (recorded).
func scalingFault(name, format string, args ...any) error {
	return aws.Validation("Failed to update settings for global table with name: ‘"+name+"’"+format, args...)
}

// errNameless is recorded: an index element without its name is AWS's own fault.
var errNameless = &aws.Error{Code: "InternalServerError", Message: "Internal server error", Status: http.StatusInternalServerError}

// scalingChanges lists what a request asks for. Writes scale alike in all
// replicas, reads in each as it is named (documented).
func scalingChanges(in *sdk.UpdateTableReplicaAutoScalingInput) ([]scalingChange, error) {
	var out []scalingChange
	if in.ProvisionedWriteCapacityAutoScalingUpdate != nil {
		out = append(out, scalingChange{"", "", scaling.TableWrite, in.ProvisionedWriteCapacityAutoScalingUpdate})
	}
	for i := range in.GlobalSecondaryIndexUpdates {
		u := &in.GlobalSecondaryIndexUpdates[i]
		switch {
		case u.IndexName == nil:
			return nil, errNameless
		case u.ProvisionedWriteCapacityAutoScalingUpdate == nil:
			return nil, scalingFault(*in.TableName, " because at least one update parameter must be specified for global secondary index with name: ‘%s’.", *u.IndexName)
		}
		out = append(out, scalingChange{"", *u.IndexName, scaling.IndexWrite, u.ProvisionedWriteCapacityAutoScalingUpdate})
	}
	for i := range in.ReplicaUpdates {
		u := &in.ReplicaUpdates[i]
		if u.ReplicaProvisionedReadCapacityAutoScalingUpdate == nil && len(u.ReplicaGlobalSecondaryIndexUpdates) == 0 {
			return nil, scalingFault(*in.TableName, " because at least one update parameter must be specified for region: ‘%s’.", *u.RegionName)
		}
		if u.ReplicaProvisionedReadCapacityAutoScalingUpdate != nil {
			out = append(out, scalingChange{*u.RegionName, "", scaling.TableRead, u.ReplicaProvisionedReadCapacityAutoScalingUpdate})
		}
		for j := range u.ReplicaGlobalSecondaryIndexUpdates {
			x := &u.ReplicaGlobalSecondaryIndexUpdates[j]
			switch {
			case x.IndexName == nil:
				return nil, errNameless
			case x.ProvisionedReadCapacityAutoScalingUpdate == nil:
				return nil, scalingFault(*in.TableName, " because at least one update parameter must be specified for global secondary index with name: ‘%s’.", *x.IndexName)
			}
			out = append(out, scalingChange{*u.RegionName, *x.IndexName, scaling.IndexRead, x.ProvisionedReadCapacityAutoScalingUpdate})
		}
	}
	if len(out) == 0 {
		return nil, scalingFault(*in.TableName, " because at least one update parameter must be specified.")
	}
	for i := range out {
		if err := checkScalingSettings(*in.TableName, out[i].settings); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// checkScalingSettings: scaling is set up whole, or disabled with nothing else
// (recorded).
func checkScalingSettings(name string, u *types.AutoScalingSettingsUpdate) error {
	off := sdkaws.ToBool(u.AutoScalingDisabled)
	var given, absent []string
	for _, m := range []struct {
		name  string
		given bool
	}{
		{"MaximumUnits", u.MaximumUnits != nil},
		{"ScalingPolicyUpdate", u.ScalingPolicyUpdate != nil},
		{"MinimumUnits", u.MinimumUnits != nil},
	} {
		if m.given {
			given = append(given, "'"+m.name+"'")
		} else {
			absent = append(absent, "'"+m.name+"'")
		}
	}
	switch {
	case off && len(given) > 0:
		return aws.Validation("Failed to update settings for global table with name ‘%s’: Parameters %s must be left blank when disabling auto scaling.", name, strings.Join(given, ", "))
	case !off && len(absent) > 0:
		return scalingFault(name, ": Parameters %s are required unless auto scaling is being disabled.", strings.Join(absent, ", "))
	case !off && *u.MaximumUnits < *u.MinimumUnits:
		return aws.Validation("Maximum capacity cannot be less than minimum capacity")
	case !off && (*u.MaximumUnits > scaling.DefaultMax || *u.MinimumUnits < 1):
		return aws.Validation("MinimumUnits and MaximumUnits must be between 1 and %d", scaling.DefaultMax)
	}
	return nil
}

// updateTableReplicaAutoScaling answers with what was before (recorded). It is
// not atomic: when a replica fails, those before it have changed (recorded). Members
// of other accounts follow, but for the policies of reads (documented).
func updateTableReplicaAutoScaling(ctx context.Context, s *Service, c *api.Call) error {
	in := c.Input.(*sdk.UpdateTableReplicaAutoScalingInput)
	changes, err := scalingChanges(in)
	if err != nil {
		return err
	}
	t, err := s.globalTable(*in.TableName)
	if err != nil {
		return err
	}
	if err := checkAdding(t); err != nil {
		return err
	}
	replicas, err := s.replicaScaling(ctx, t)
	if err != nil {
		return err
	}
	before := s.describeScaling(t, replicas)
	if err := checkScalingChanges(t, replicas, changes); err != nil {
		return err
	}
	shared := !t.Def.Group.Kind.Overrides()
	check := s.Replication.CheckConsent
	if shared {
		check = s.Replication.CheckShareScaling
	}
	if err := check(ctx, t); err != nil {
		return err
	}
	to := s.Replication.NextScaling(t)
	for i := range replicas {
		r := &replicas[i]
		next := slices.Clone(r.targets)
		for j := range changes {
			if region := changes[j].region; region == "" || region == string(r.member.Cell.Region) {
				next = changes[j].apply(t.Def.Name, next)
			}
		}
		if err := s.Replication.SetScaling(ctx, t, r.member, next, to); err != nil {
			return err
		}
	}
	if shared {
		if err := s.Replication.ShareScaling(ctx, t); err != nil {
			return err
		}
	}
	return answer(c, &sdk.UpdateTableReplicaAutoScalingOutput{TableAutoScalingDescription: before})
}

func checkScalingChanges(t *table.Table, replicas []replicaTargets, changes []scalingChange) error {
	for i := range changes {
		ch := &changes[i]
		known := ch.region == "" || slices.ContainsFunc(replicas, func(r replicaTargets) bool { return string(r.member.Cell.Region) == ch.region })
		x := t.Def.Index(ch.index)
		switch {
		case !known:
			return aws.Errorf("ResourceNotFoundException", "Replica not found: the table %s has no replica in Region %s", t.Def.Name, ch.region)
		case ch.index != "" && (x == nil || x.Local):
			return aws.Errorf("ResourceNotFoundException", "Requested resource not found: Table: %s does not have a global secondary index: %s", t.Def.Name, ch.index)
		case t.Def.OnDemand && !sdkaws.ToBool(ch.settings.AutoScalingDisabled):
			return scalingFault(t.Def.Name, ": Auto scaling cannot be enabled when BillingMode is PAY_PER_REQUEST.")
		}
	}
	return nil
}

// apply changes one target in a list. A new policy replaces the old ones; what it
// does not say is dropped (recorded).
func (ch *scalingChange) apply(name string, targets []scaling.Target) []scaling.Target {
	resource := scaling.Resource(name, ch.index)
	targets = slices.Clone(targets)
	if sdkaws.ToBool(ch.settings.AutoScalingDisabled) {
		return slices.DeleteFunc(targets, func(t scaling.Target) bool { return t.Resource == resource && t.Dimension == ch.dimension })
	}
	t := find(targets, resource, ch.dimension)
	if t == nil {
		targets = append(targets, scaling.Target{Resource: resource, Dimension: ch.dimension})
		t = &targets[len(targets)-1]
	}
	u := ch.settings
	t.Min, t.Max, t.Role = int32(*u.MinimumUnits), int32(*u.MaximumUnits), sdkaws.ToString(u.AutoScalingRoleArn)
	config := u.ScalingPolicyUpdate.TargetTrackingScalingPolicyConfiguration
	policyName := sdkaws.ToString(u.ScalingPolicyUpdate.PolicyName)
	if policyName == "" {
		policyName = ch.dimension.Metric() + ":" + resource
	}
	t.Policies = []scaling.Policy{{
		Name: policyName, Value: *config.TargetValue, InCooldown: config.ScaleInCooldown, OutCooldown: config.ScaleOutCooldown, DisableScaleIn: config.DisableScaleIn,
	}}
	return targets
}
