package autoscaling

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/smithy-go"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/scaling"
)

// register makes a target or changes one. Members that are absent stay as they
// are.
func (s *Service) register(ctx context.Context, in *sdk.RegisterScalableTargetInput) (smithy.Serializable, error) {
	name, index, d, err := place(in.ServiceNamespace, in.ResourceId, in.ScalableDimension)
	if err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	if err := s.checkScalable(name, index, *in.ResourceId); err != nil {
		return nil, err
	}
	if err := s.checkShare(ctx, name); err != nil {
		return nil, err
	}
	id := ""
	err = s.Targets.Change(ctx, *in.ResourceId, d, func(old *scaling.Target) (*scaling.Target, error) {
		next := old
		switch {
		case old != nil && len(in.Tags) > 0:
			return nil, aws.Validation("Tags can be given to a new scalable target only; use TagResource for one that is registered")
		case old == nil && (in.MinCapacity == nil || in.MaxCapacity == nil):
			return nil, aws.Validation("MinCapacity and MaxCapacity must be specified to register a new scalable target")
		case old == nil:
			next = &scaling.Target{ID: s.NewID(), Created: s.Clock.Now().UnixMicro(), Tags: newTags(nil, in.Tags)}
		}
		set(&next.Min, in.MinCapacity)
		set(&next.Max, in.MaxCapacity)
		set(&next.Role, in.RoleARN)
		if u := in.SuspendedState; u != nil {
			set(&next.Suspended.In, u.DynamicScalingInSuspended)
			set(&next.Suspended.Out, u.DynamicScalingOutSuspended)
			set(&next.Suspended.Scheduled, u.ScheduledScalingSuspended)
		}
		switch {
		case next.Min < 1:
			return nil, aws.Validation("Minimum capacity must be at least 1 for %s", d)
		case next.Max < next.Min:
			return nil, aws.Validation("Maximum capacity cannot be less than minimum capacity")
		}
		id = next.ID
		return next, nil
	})
	if err != nil {
		return nil, err
	}
	return &sdk.RegisterScalableTargetOutput{ScalableTargetARN: s.targetARN(id)}, s.share(ctx, name)
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func (s *Service) targetARN(id string) *string {
	return sdkaws.String(s.targetPrefix() + id)
}

func (s *Service) targetPrefix() string {
	return "arn:aws:application-autoscaling:" + string(s.Cell.Region) + ":" + string(s.Cell.Account) + ":scalable-target/"
}

// missing is known from the live service.
func missing(resource string, d scaling.Dimension) error {
	return errorf("ObjectNotFoundException", "No scalable target registered for service namespace: dynamodb, resource ID: %s, scalable dimension: %s", resource, d)
}

func (s *Service) deregister(ctx context.Context, in *sdk.DeregisterScalableTargetInput) (smithy.Serializable, error) {
	name, _, d, err := place(in.ServiceNamespace, in.ResourceId, in.ScalableDimension)
	if err != nil {
		return nil, err
	}
	if err := s.checkShare(ctx, name); err != nil {
		return nil, err
	}
	err = s.Targets.Change(ctx, *in.ResourceId, d, func(old *scaling.Target) (*scaling.Target, error) {
		if old == nil {
			return nil, missing(*in.ResourceId, d)
		}
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	return nil, s.share(ctx, name)
}

// maxResults is how many entries a page has at most (documented).
const maxResults = 50

// page cuts a page out of a list. The token is the number of the first entry.
func page[T any](list []T, most *int32, token *string) ([]T, *string, error) {
	limit := maxResults
	if most != nil {
		if *most < 1 || *most > maxResults {
			return nil, nil, aws.Validation("MaxResults must be between 1 and %d", maxResults)
		}
		limit = int(*most)
	}
	first := 0
	if token != nil {
		n, err := strconv.Atoi(*token)
		if err != nil || n < 0 || n > len(list) {
			return nil, nil, errorf("InvalidNextTokenException", "The next token is not valid")
		}
		first = n
	}
	end := min(first+limit, len(list))
	if end == len(list) {
		return list[first:], nil, nil
	}
	return list[first:end], sdkaws.String(strconv.Itoa(end)), nil
}

// all lists the targets that a description asks for.
func (s *Service) all(ctx context.Context, namespace types.ServiceNamespace, resources []string, d types.ScalableDimension) ([]scaling.Target, error) {
	if len(resources) == 0 && d != "" {
		return nil, aws.Validation("Resource id must be provided when scalable dimension is specified")
	}
	if namespace != types.ServiceNamespaceDynamodb {
		return nil, nil // Nothing of another service is here.
	}
	list, err := s.Targets.All(ctx)
	return slices.DeleteFunc(list, func(t scaling.Target) bool {
		return (len(resources) > 0 && !slices.Contains(resources, t.Resource)) || (d != "" && t.Dimension != scaling.Dimension(d))
	}), err
}

func (s *Service) describeTargets(ctx context.Context, in *sdk.DescribeScalableTargetsInput) (smithy.Serializable, error) {
	list, err := s.all(ctx, in.ServiceNamespace, in.ResourceIds, in.ScalableDimension)
	if err != nil {
		return nil, err
	}
	list, next, err := page(list, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.DescribeScalableTargetsOutput{ScalableTargets: []types.ScalableTarget{}, NextToken: next}
	for i := range list {
		t := &list[i]
		role := t.Role
		if role == "" {
			role = scaling.ServiceRole(s.Cell.Account)
		}
		out.ScalableTargets = append(out.ScalableTargets, types.ScalableTarget{
			ServiceNamespace: types.ServiceNamespaceDynamodb, ResourceId: &t.Resource, ScalableDimension: types.ScalableDimension(t.Dimension),
			MinCapacity: &t.Min, MaxCapacity: &t.Max, RoleARN: &role, ScalableTargetARN: s.targetARN(t.ID),
			CreationTime: sdkaws.Time(time.UnixMicro(t.Created)),
			SuspendedState: &types.SuspendedState{
				DynamicScalingInSuspended: &t.Suspended.In, DynamicScalingOutSuspended: &t.Suspended.Out, ScheduledScalingSuspended: &t.Suspended.Scheduled,
			},
		})
	}
	return out, nil
}

// Limits of tags (documented).
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

func checkTags(tags map[string]string) error {
	for k, v := range tags {
		switch {
		case k == "" || len([]rune(k)) > maxTagKey || len([]rune(v)) > maxTagValue:
			return aws.Validation("A tag has a key of 1 to %d characters and a value of at most %d", maxTagKey, maxTagValue)
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return aws.Validation("Tag keys cannot be prefixed with aws:")
		}
	}
	return nil
}

func newTags(old []scaling.Tag, add map[string]string) []scaling.Tag {
	next := slices.DeleteFunc(slices.Clone(old), func(t scaling.Tag) bool { _, ok := add[t.Key]; return ok })
	for k, v := range add {
		next = append(next, scaling.Tag{Key: k, Value: v})
	}
	slices.SortFunc(next, func(a, b scaling.Tag) int { return strings.Compare(a.Key, b.Key) })
	return next
}

// tagged finds the target of an ARN.
func (s *Service) tagged(ctx context.Context, arn string) (*scaling.Target, error) {
	id, ok := strings.CutPrefix(arn, s.targetPrefix())
	if ok {
		list, err := s.Targets.All(ctx)
		if err != nil {
			return nil, err
		}
		for i := range list {
			if list[i].ID == id {
				return &list[i], nil
			}
		}
	}
	return nil, &aws.Error{
		Code: "com.amazonaws.applicationautoscaling#ResourceNotFoundException", Message: "The scalable target does not exist: " + arn,
		Members: []aws.Member{{Name: "ResourceName", JSON: strconv.AppendQuote(nil, strings.ToValidUTF8(arn, "?"))}},
	}
}

// retag changes the tags of the target of an ARN.
func (s *Service) retag(ctx context.Context, arn string, fn func([]scaling.Tag) []scaling.Tag) error {
	t, err := s.tagged(ctx, arn)
	if err != nil {
		return err
	}
	return s.Targets.Change(ctx, t.Resource, t.Dimension, func(old *scaling.Target) (*scaling.Target, error) {
		if old == nil || old.ID != t.ID {
			return nil, missing(t.Resource, t.Dimension)
		}
		if old.Tags = fn(old.Tags); len(old.Tags) > maxTags {
			return nil, errorf("TooManyTagsException", "A scalable target has at most %d tags", maxTags)
		}
		return old, nil
	})
}

func (s *Service) tag(ctx context.Context, in *sdk.TagResourceInput) (smithy.Serializable, error) {
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	return nil, s.retag(ctx, *in.ResourceARN, func(old []scaling.Tag) []scaling.Tag { return newTags(old, in.Tags) })
}

func (s *Service) untag(ctx context.Context, in *sdk.UntagResourceInput) (smithy.Serializable, error) {
	return nil, s.retag(ctx, *in.ResourceARN, func(old []scaling.Tag) []scaling.Tag {
		return slices.DeleteFunc(old, func(t scaling.Tag) bool { return slices.Contains(in.TagKeys, t.Key) })
	})
}

func (s *Service) listTags(ctx context.Context, in *sdk.ListTagsForResourceInput) (smithy.Serializable, error) {
	t, err := s.tagged(ctx, *in.ResourceARN)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListTagsForResourceOutput{Tags: map[string]string{}}
	for _, tag := range t.Tags {
		out.Tags[tag.Key] = tag.Value
	}
	return out, nil
}
