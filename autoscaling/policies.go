package autoscaling

import (
	"context"
	"slices"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/smithy-go"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/scaling"
)

// Bounds of a target value, in percent (documented for DynamoDB).
const (
	minTarget = 20
	maxTarget = 90
)

// putPolicy makes a policy or replaces the one of that name. What is left out of
// a new configuration is dropped, not kept (recorded).
func (s *Service) putPolicy(ctx context.Context, in *sdk.PutScalingPolicyInput) (smithy.Serializable, error) {
	name, index, d, err := place(in.ServiceNamespace, in.ResourceId, in.ScalableDimension)
	if err != nil {
		return nil, err
	}
	config, err := tracking(in, d)
	if err != nil {
		return nil, err
	}
	if err := s.checkScalable(name, index, *in.ResourceId); err != nil {
		return nil, err
	}
	if err := s.checkShare(ctx, name); err != nil {
		return nil, err
	}
	var put scaling.Policy
	err = s.Targets.Change(ctx, *in.ResourceId, d, func(t *scaling.Target) (*scaling.Target, error) {
		if t == nil {
			return nil, missing(*in.ResourceId, d)
		}
		i := slices.IndexFunc(t.Policies, func(p scaling.Policy) bool { return p.Name == *in.PolicyName })
		switch {
		case i < 0 && len(t.Policies) > 0: // Known: there is one metric a dimension.
			return nil, aws.Validation("Only one TargetTrackingScaling policy for a given metric specification is allowed.")
		case i < 0:
			i = 0
			t.Policies = []scaling.Policy{{Name: *in.PolicyName, ID: s.NewID(), Created: s.Clock.Now().UnixMicro()}}
		}
		p := &t.Policies[i]
		p.Value, p.InCooldown, p.OutCooldown, p.DisableScaleIn = *config.TargetValue, config.ScaleInCooldown, config.ScaleOutCooldown, config.DisableScaleIn
		put = *p
		return t, nil
	})
	if err != nil {
		return nil, err
	}
	out := &sdk.PutScalingPolicyOutput{PolicyARN: s.policyARN(*in.ResourceId, &put), Alarms: []types.Alarm{}}
	return out, s.share(ctx, name)
}

// tracking returns the configuration of a target tracking policy, the only kind
// that DynamoDB takes (documented).
func tracking(in *sdk.PutScalingPolicyInput, d scaling.Dimension) (*types.TargetTrackingScalingPolicyConfiguration, error) {
	c := in.TargetTrackingScalingPolicyConfiguration
	switch {
	case in.PolicyType != "" && in.PolicyType != types.PolicyTypeTargetTrackingScaling, in.StepScalingPolicyConfiguration != nil, in.PredictiveScalingPolicyConfiguration != nil:
		return nil, aws.Validation("DynamoDB supports policies of the type TargetTrackingScaling only")
	case c == nil:
		return nil, aws.Validation("TargetTrackingScalingPolicyConfiguration must be specified")
	case c.CustomizedMetricSpecification != nil:
		return nil, aws.Validation("Customized metrics are not supported; use the predefined metric %s", d.Metric())
	case c.PredefinedMetricSpecification == nil:
		return nil, aws.Validation("PredefinedMetricSpecification or CustomizedMetricSpecification must be specified")
	case string(c.PredefinedMetricSpecification.PredefinedMetricType) != d.Metric():
		return nil, aws.Validation("The predefined metric for %s is %s, not %s", d, d.Metric(), c.PredefinedMetricSpecification.PredefinedMetricType)
	case *c.TargetValue < minTarget || *c.TargetValue > maxTarget:
		return nil, aws.Validation("TargetValue must be between %d and %d", minTarget, maxTarget)
	case negative(c.ScaleInCooldown) || negative(c.ScaleOutCooldown):
		return nil, aws.Validation("Cooldowns must not be negative")
	}
	return c, nil
}

func negative(n *int32) bool { return n != nil && *n < 0 }

func (s *Service) policyARN(resource string, p *scaling.Policy) *string {
	return sdkaws.String("arn:aws:autoscaling:" + string(s.Cell.Region) + ":" + string(s.Cell.Account) +
		":scalingPolicy:" + p.ID + ":resource/dynamodb/" + resource + ":policyName/" + p.Name)
}

func (s *Service) deletePolicy(ctx context.Context, in *sdk.DeleteScalingPolicyInput) (smithy.Serializable, error) {
	name, _, d, err := place(in.ServiceNamespace, in.ResourceId, in.ScalableDimension)
	if err != nil {
		return nil, err
	}
	if err := s.checkShare(ctx, name); err != nil {
		return nil, err
	}
	err = s.Targets.Change(ctx, *in.ResourceId, d, func(t *scaling.Target) (*scaling.Target, error) {
		if t == nil {
			return nil, missing(*in.ResourceId, d)
		}
		i := slices.IndexFunc(t.Policies, func(p scaling.Policy) bool { return p.Name == *in.PolicyName })
		if i < 0 {
			return nil, errorf("ObjectNotFoundException", "No scaling policy found for service namespace: dynamodb, resource ID: %s, scalable dimension: %s: %s", *in.ResourceId, d, *in.PolicyName)
		}
		t.Policies = slices.Delete(t.Policies, i, i+1)
		return t, nil
	})
	if err != nil {
		return nil, err
	}
	return nil, s.share(ctx, name)
}

func (s *Service) describePolicies(ctx context.Context, in *sdk.DescribeScalingPoliciesInput) (smithy.Serializable, error) {
	var resources []string
	if in.ResourceId != nil {
		resources = []string{*in.ResourceId}
	}
	targets, err := s.all(ctx, in.ServiceNamespace, resources, in.ScalableDimension)
	if err != nil {
		return nil, err
	}
	var list []types.ScalingPolicy
	for i := range targets {
		t := &targets[i]
		for j := range t.Policies {
			if p := &t.Policies[j]; len(in.PolicyNames) == 0 || slices.Contains(in.PolicyNames, p.Name) {
				list = append(list, s.policy(t, p))
			}
		}
	}
	list, next, err := page(list, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeScalingPoliciesOutput{ScalingPolicies: append([]types.ScalingPolicy{}, list...), NextToken: next}, nil
}

func (s *Service) policy(t *scaling.Target, p *scaling.Policy) types.ScalingPolicy {
	return types.ScalingPolicy{
		PolicyARN: s.policyARN(t.Resource, p), PolicyName: &p.Name, PolicyType: types.PolicyTypeTargetTrackingScaling,
		ServiceNamespace: types.ServiceNamespaceDynamodb, ResourceId: &t.Resource, ScalableDimension: types.ScalableDimension(t.Dimension),
		CreationTime: sdkaws.Time(time.UnixMicro(p.Created)), Alarms: []types.Alarm{},
		TargetTrackingScalingPolicyConfiguration: &types.TargetTrackingScalingPolicyConfiguration{
			TargetValue:                   &p.Value,
			PredefinedMetricSpecification: &types.PredefinedMetricSpecification{PredefinedMetricType: types.MetricType(t.Dimension.Metric())},
			ScaleInCooldown:               p.InCooldown, ScaleOutCooldown: p.OutCooldown, DisableScaleIn: p.DisableScaleIn,
		},
	}
}
