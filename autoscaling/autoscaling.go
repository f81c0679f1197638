// Package autoscaling holds the operations of Application Auto Scaling on
// DynamoDB's tables and indexes: scalable targets, target tracking policies and
// tags. They are kept and described; nothing acts on load yet.
//
// A global table in provisioned mode needs them: it takes no replica before its
// writes scale (recorded).
package autoscaling

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/schemas"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/smithy-go"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/scaling"
	"github.com/hortusdb/hortus/shape"
	"github.com/hortusdb/hortus/table"
)

// TargetPrefix begins the target of each operation.
const TargetPrefix = "AnyScaleFrontendService."

// Service is Application Auto Scaling as one cell has it.
type Service struct {
	Cell        aws.Cell
	Engine      *table.Engine
	Targets     *scaling.Store
	Replication *replication.Replicator
	Clock       clock.Clock
	NewID       func() string
}

// Operation is one operation of Application Auto Scaling.
type Operation = api.Operation[*Service]

// Operations lists all operations that are built. Any other name is unknown.
func Operations() []*Operation {
	m := shape.AutoScaling()
	return []*Operation{
		operation("RegisterScalableTarget", shape.NewInput[sdk.RegisterScalableTargetInput](m, schemas.RegisterScalableTargetRequest), (*Service).register),
		operation("DeregisterScalableTarget", shape.NewInput[sdk.DeregisterScalableTargetInput](m, schemas.DeregisterScalableTargetRequest), (*Service).deregister),
		operation("DescribeScalableTargets", shape.NewInput[sdk.DescribeScalableTargetsInput](m, schemas.DescribeScalableTargetsRequest), (*Service).describeTargets),
		operation("PutScalingPolicy", shape.NewInput[sdk.PutScalingPolicyInput](m, schemas.PutScalingPolicyRequest), (*Service).putPolicy),
		operation("DeleteScalingPolicy", shape.NewInput[sdk.DeleteScalingPolicyInput](m, schemas.DeleteScalingPolicyRequest), (*Service).deletePolicy),
		operation("DescribeScalingPolicies", shape.NewInput[sdk.DescribeScalingPoliciesInput](m, schemas.DescribeScalingPoliciesRequest), (*Service).describePolicies),
		operation("TagResource", shape.NewInput[sdk.TagResourceInput](m, schemas.TagResourceRequest), (*Service).tag),
		operation("UntagResource", shape.NewInput[sdk.UntagResourceInput](m, schemas.UntagResourceRequest), (*Service).untag),
		operation("ListTagsForResource", shape.NewInput[sdk.ListTagsForResourceInput](m, schemas.ListTagsForResourceRequest), (*Service).listTags),
	}
}

// operation makes an operation of a function from an input to an output, nil for
// an empty one.
func operation[I any](name string, in *shape.Input[I], run func(*Service, context.Context, *I) (smithy.Serializable, error)) *Operation {
	action := "application-autoscaling:" + name
	return &Operation{
		Name: name, Action: action,
		Decode: func(c *api.Call) error {
			v := new(I)
			if err := in.Decode(c.Body, v); err != nil {
				return err
			}
			c.Input = v
			c.Need(action, "", "")
			return nil
		},
		Run: func(ctx context.Context, s *Service, c *api.Call) error {
			out, err := run(s, ctx, c.Input.(*I))
			if err != nil {
				return err
			}
			c.Out = shape.Encode(c.Out, out)
			return nil
		},
	}
}

func errorf(code, format string, args ...any) error {
	return aws.Errorf("com.amazonaws.applicationautoscaling#"+code, format, args...)
}

// errUnsupported is known from the live service.
var errUnsupported = aws.Validation("Unsupported service namespace, resource type or scalable dimension")

// place reads what a call is about: a dimension of a table or of an index.
func place(namespace types.ServiceNamespace, resource *string, dimension types.ScalableDimension) (name, index string, d scaling.Dimension, err error) {
	d = scaling.Dimension(dimension)
	name, index, ok := scaling.ParseResource(*resource)
	switch d {
	case scaling.TableRead, scaling.TableWrite, scaling.IndexRead, scaling.IndexWrite:
	default:
		ok = false
	}
	if namespace != types.ServiceNamespaceDynamodb || !ok || d.Index() != (index != "") {
		return "", "", "", errUnsupported
	}
	return name, index, d, nil
}

// checkScalable refuses a target of what cannot scale.
func (s *Service) checkScalable(name, index, resource string) error {
	t := s.Engine.Table(name)
	switch {
	case t == nil:
		return aws.Validation("DynamoDB table does not exist: %s", resource) // Known.
	case index != "" && (t.Def.Index(index) == nil || t.Def.Index(index).Local):
		return aws.Validation("DynamoDB index does not exist: %s", resource)
	case t.Def.OnDemand: // Recorded that it is refused, not in which words.
		return aws.Validation("The capacity mode of the DynamoDB table is PAY_PER_REQUEST, so that %s is not scalable", resource)
	}
	return nil
}

// share brings a change of a table's targets to the other members of its
// multi-account global table, which keep them in step (documented), or of a mixed
// one. Within one account a direct change stays in its Region (recorded).
func (s *Service) share(ctx context.Context, name string) error {
	t := s.Engine.Table(name)
	if t == nil || t.Def.Group == nil || t.Def.Group.Kind.Overrides() {
		return nil
	}
	return s.Replication.ShareScaling(ctx, t)
}

// checkShare refuses a change that the members of a multi-account global table
// could not follow.
func (s *Service) checkShare(ctx context.Context, name string) error {
	t := s.Engine.Table(name)
	if t == nil || t.Def.Group == nil || t.Def.Group.Kind.Overrides() {
		return nil
	}
	return s.Replication.CheckShareScaling(ctx, t)
}
