package dynamodb

import (
	"context"
	"errors"
	"strconv"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/table"
)

// confirmHeader says that the caller may be locked out (documented). The SDKs
// for this protocol send a member of the body instead; either counts.
const confirmHeader = "x-amz-confirm-remove-self-resource-access"

// noPolicy is the ExpectedRevisionId of a table without a policy (documented).
const noPolicy = "NO_POLICY"

// parsePolicy reads a policy that is to be attached to a table, and refuses one
// that is open to everybody.
func parsePolicy(arn, text string) (*policy.Document, error) {
	doc, err := policy.Parse(policy.Resource, arn, []byte(text))
	if e, ok := errors.AsType[*aws.Error](err); ok && !strings.HasPrefix(e.Message, "Invalid principal") {
		return nil, aws.InvalidParameter("%s", e.Message) // The text for a principal alone has no opening (known).
	}
	if err != nil {
		return nil, err
	}
	if doc.Public() != nil {
		return nil, aws.Validation("Resource-based policy grants unbounded access in one or more elements. Please revise the policy to ensure least-privilege form of access")
	}
	return doc, nil
}

// newPolicy gives a document its revision: the time in milliseconds (recorded),
// moved on where that is taken. The same document keeps its revision.
func (s *Service) newPolicy(text string, old *table.Policy) *table.Policy {
	revision := s.Clock.Now().UnixMilli()
	if old != nil {
		if old.Document == text {
			return old
		}
		if before, err := strconv.ParseInt(old.Revision, 10, 64); err == nil {
			revision = max(revision, before+1)
		}
	}
	return &table.Policy{Document: text, Revision: strconv.FormatInt(revision, 10)}
}

func (a *API) decodePolicyCall(c *api.Call, arn, action string) error {
	name, err := resource(c, arn, func(arn string) error { return aws.InvalidParameter("Invalid resource Arn: %s", arn) })
	if err == nil {
		c.Need(action, name, "")
	}
	return err
}

// policyTable returns the table that a call about a policy names.
func (s *Service) policyTable(c *api.Call) (*table.Table, error) {
	name := c.Needs[0].Table
	t := s.Engine.Table(name)
	if t == nil {
		return nil, notFound(name)
	}
	if t.Def.Status == table.Deleting {
		return nil, checkInUse(t)
	}
	return t, nil
}

// policyNotFound is recorded, for a wrong revision too.
func policyNotFound(format string, args ...any) error {
	return aws.Errorf("PolicyNotFoundException", "Resource-based policy not found for the provided ResourceArn: "+format, args...)
}

// checkRevision holds a change to the revision that its caller has seen.
func checkRevision(d *table.Definition, expected *string) error {
	switch {
	case expected == nil:
		return nil
	case d.Policy == nil && *expected == noPolicy:
		return nil
	case d.Policy == nil:
		return policyNotFound("Requested update for policy with revision id %s, but table %s has no associated policy.", *expected, d.Name)
	case *expected == noPolicy:
		return policyNotFound("Requested update expects none to be present for table %s, but a policy exists with revision id %s.", d.Name, d.Policy.Revision)
	case *expected != d.Policy.Revision:
		return policyNotFound("Requested update for policy with revision id %s, but the policy associated to target table %s has revision id %s.", *expected, d.Name, d.Policy.Revision)
	}
	return nil
}

func (a *API) decodePutResourcePolicy(c *api.Call) error {
	in, err := decode(a.inputs.putResourcePolicy, c)
	if err != nil {
		return err
	}
	return a.decodePolicyCall(c, *in.ResourceArn, "dynamodb:PutResourcePolicy")
}

// putResourcePolicy attaches a policy. Unlike AWS's, where it takes seconds, it
// holds for every call and every batch of replication from the answer on.
func putResourcePolicy(ctx context.Context, s *Service, c *api.Call) error {
	in := c.Input.(*sdk.PutResourcePolicyInput)
	arn := s.Cell.TableARN(c.Needs[0].Table)
	doc, err := parsePolicy(arn, *in.Policy)
	if err != nil {
		return err
	}
	t, err := s.policyTable(c)
	if err != nil {
		return err
	}
	if !in.ConfirmRemoveSelfResourceAccess && !strings.EqualFold(header(c, confirmHeader), "true") {
		if err := checkLockout(&c.Caller, arn, doc); err != nil {
			return err
		}
	}
	after, err := s.Engine.Alter(ctx, t.Def.Name, func(d *table.Definition) error {
		if err := checkRevision(d, in.ExpectedRevisionId); err != nil {
			return err
		}
		d.Policy = s.newPolicy(*in.Policy, d.Policy)
		return nil
	})
	if err != nil {
		return err
	}
	s.Replication.Rouse()
	return answer(c, &sdk.PutResourcePolicyOutput{RevisionId: &after.Def.Policy.Revision})
}

// checkLockout refuses a policy that denies its author the next change of it
// (recorded). An Allow is not needed: the account's own policies give it.
func checkLockout(caller *policy.Principal, arn string, doc *policy.Document) error {
	d := policy.Evaluate(&policy.Request{Principal: *caller, Action: "dynamodb:PutResourcePolicy", Resource: arn}, doc)
	if d.Effect == policy.ExplicitDeny {
		return aws.Errorf("AccessDeniedException", "The new resource policy will not allow you to update the resource policy in the future.")
	}
	return nil
}

func (a *API) decodeGetResourcePolicy(c *api.Call) error {
	in, err := decode(a.inputs.getResourcePolicy, c)
	if err != nil {
		return err
	}
	return a.decodePolicyCall(c, *in.ResourceArn, "dynamodb:GetResourcePolicy")
}

// getResourcePolicy reads consistently: it shows what was put last.
func getResourcePolicy(_ context.Context, s *Service, c *api.Call) error {
	t, err := s.policyTable(c)
	if err != nil {
		return err
	}
	if t.Def.Policy == nil {
		return policyNotFound("%s", *c.Input.(*sdk.GetResourcePolicyInput).ResourceArn)
	}
	return answer(c, &sdk.GetResourcePolicyOutput{Policy: &t.Def.Policy.Document, RevisionId: &t.Def.Policy.Revision})
}

func (a *API) decodeDeleteResourcePolicy(c *api.Call) error {
	in, err := decode(a.inputs.deleteResourcePolicy, c)
	if err != nil {
		return err
	}
	return a.decodePolicyCall(c, *in.ResourceArn, "dynamodb:DeleteResourcePolicy")
}

// deleteResourcePolicy answers the revision that is gone; where there was none,
// nothing (recorded).
func deleteResourcePolicy(ctx context.Context, s *Service, c *api.Call) error {
	in := c.Input.(*sdk.DeleteResourcePolicyInput)
	t, err := s.policyTable(c)
	if err != nil {
		return err
	}
	out := &sdk.DeleteResourcePolicyOutput{}
	if t.Def.Policy == nil && in.ExpectedRevisionId == nil {
		return answer(c, out)
	}
	_, err = s.Engine.Alter(ctx, t.Def.Name, func(d *table.Definition) error {
		if err := checkRevision(d, in.ExpectedRevisionId); err != nil {
			return err
		}
		out.RevisionId = nil
		if d.Policy != nil {
			out.RevisionId = &d.Policy.Revision
		}
		d.Policy = nil
		return nil
	})
	if err != nil {
		return err
	}
	s.Replication.Rouse()
	return answer(c, out)
}
