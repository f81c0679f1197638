package dynamodb

import (
	"context"
	"errors"
	"slices"
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

// parsePolicy reads a policy that is to be attached to a table or stream, and
// refuses one that is open to everybody.
func parsePolicy(arn, text string) (*policy.Document, error) {
	doc, err := policy.Parse(policy.Resource, arn, []byte(text))
	if e, ok := errors.AsType[*aws.Error](err); ok {
		return nil, aws.InvalidParameter("%s", e.Message)
	}
	if err != nil {
		return nil, err
	}
	if err := checkScope(doc, strings.Contains(arn, streamPart)); err != nil {
		return nil, err
	}
	if doc.Public() != nil {
		return nil, aws.Validation("Resource-based policy grants unbounded access in one or more elements. Please revise the policy to ensure least-privilege form of access")
	}
	return doc, nil
}

// streamPart comes in the ARN of a stream between its table and its label.
const streamPart = "/stream/"

// checkScope refuses a policy of a table that names actions or ARNs of streams,
// and the other way round (recorded).
func checkScope(doc *policy.Document, stream bool) error {
	var wrong []string
	for _, name := range doc.Actions() {
		onStream := slices.ContainsFunc(streamActions, func(a string) bool { return strings.EqualFold(a, name) })
		if onStream != stream && !strings.ContainsAny(name, "*?") {
			wrong = append(wrong, strconv.Quote(name))
		}
	}
	if len(wrong) > 0 {
		return aws.InvalidParameter("Invalid policy document: The following action names are invalid: %s", strings.Join(wrong, ", "))
	}
	for _, arn := range doc.Resources() {
		if p := strings.SplitN(arn, ":", 6); len(p) == 6 && strings.Contains(p[5], streamPart) != stream && !strings.ContainsAny(p[5], "*?$") {
			return aws.InvalidParameter("Invalid policy document: The relative-id %q is invalid for ARN %q", p[5], arn)
		}
	}
	return nil
}

// streamActions are those that a policy of a stream can name (documented).
var streamActions = []string{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}

// newPolicy gives a document its revision: the time in milliseconds (recorded),
// moved on where that is taken. The same document, written in another way or not,
// keeps its revision and its text.
func (s *Service) newPolicy(text string, old *table.Policy) *table.Policy {
	revision := s.Clock.Now().UnixMilli()
	if old != nil {
		if policy.Same(old.Document, text) {
			return old
		}
		if before, err := strconv.ParseInt(old.Revision, 10, 64); err == nil {
			revision = max(revision, before+1)
		}
	}
	return &table.Policy{Document: text, Revision: strconv.FormatInt(revision, 10)}
}

func (a *API) decodePolicyCall(c *api.Call, arn, action string) error {
	name, stream, err := resource(c, arn, func(arn string) error { return aws.InvalidParameter("Invalid resource Arn: %s", arn) })
	if err == nil {
		c.Needs = append(c.Needs, api.Need{Action: action, Table: name, Stream: stream, Cell: c.Owner})
	}
	return err
}

// policyTable returns the table that a call about a policy names, itself or by its
// stream, which has to be on.
func (s *Service) policyTable(c *api.Call) (*table.Table, error) {
	name := c.Needs[0].Table
	t := s.Engine.Table(name)
	if t == nil {
		return nil, notFound(name)
	}
	if t.Def.Status == table.Deleting {
		return nil, checkInUse(t)
	}
	if label := c.Needs[0].Stream; label != "" && (t.Def.Stream == nil || t.Def.Stream.Label != label) {
		return nil, aws.Errorf("ResourceNotFoundException", "Requested resource not found: Stream: %s not found for Table: %s", label, name)
	}
	return t, nil
}

// attached is where a table keeps the policy that a call is about: its own, or its
// stream's, which may have gone meanwhile.
func attached(c *api.Call, d *table.Definition) (**table.Policy, error) {
	switch label := c.Needs[0].Stream; {
	case label == "":
		return &d.Policy, nil
	case d.Stream != nil && d.Stream.Label == label:
		return &d.Stream.Policy, nil
	default:
		return nil, errChanging
	}
}

// policyNotFound is recorded, for a wrong revision too.
func policyNotFound(format string, args ...any) error {
	return aws.Errorf("PolicyNotFoundException", "Resource-based policy not found for the provided ResourceArn: "+format, args...)
}

// checkRevision holds a change to the revision that its caller has seen.
func checkRevision(d *table.Definition, now *table.Policy, expected *string) error {
	switch {
	case expected == nil:
		return nil
	case now == nil && *expected == noPolicy:
		return nil
	case now == nil:
		return policyNotFound("Requested update for policy with revision id %s, but table %s has no associated policy.", *expected, d.Name)
	case *expected == noPolicy:
		return policyNotFound("Requested update expects none to be present for table %s, but a policy exists with revision id %s.", d.Name, now.Revision)
	case *expected != now.Revision:
		return policyNotFound("Requested update for policy with revision id %s, but the policy associated to target table %s has revision id %s.", *expected, d.Name, now.Revision)
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
	arn := c.Needs[0].ARN()
	doc, err := parsePolicy(arn, *in.Policy)
	if err != nil {
		return err
	}
	t, err := s.policyTable(c)
	if err != nil {
		return err
	}
	if !in.ConfirmRemoveSelfResourceAccess && !strings.EqualFold(c.HeaderText(confirmHeader), "true") {
		if err := s.checkLockout(c, arn, doc); err != nil {
			return err
		}
	}
	out := &sdk.PutResourcePolicyOutput{}
	_, err = s.Engine.Alter(ctx, t.Def.Name, func(d *table.Definition) error {
		p, err := attached(c, d)
		if err != nil {
			return err
		}
		if err := checkRevision(d, *p, in.ExpectedRevisionId); err != nil {
			return err
		}
		*p = s.newPolicy(*in.Policy, *p)
		out.RevisionId = &(*p).Revision
		return nil
	})
	if err != nil {
		return err
	}
	s.Replication.Rouse()
	return answer(c, out)
}

// checkLockout refuses a policy that denies its author the next change of it
// (recorded). An Allow is not needed: the account's own policies give it.
func (s *Service) checkLockout(c *api.Call, arn string, doc *policy.Document) error {
	d := policy.Evaluate(&policy.Request{Principal: c.Caller, Action: "dynamodb:PutResourcePolicy", Resource: arn, Came: c.Circumstances(s.Clock.Now())}, doc)
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
	p, err := attached(c, &t.Def)
	if err != nil {
		return err
	}
	if *p == nil {
		return policyNotFound("%s", *c.Input.(*sdk.GetResourcePolicyInput).ResourceArn)
	}
	document := policy.Canonical((*p).Document)
	return answer(c, &sdk.GetResourcePolicyOutput{Policy: &document, RevisionId: &(*p).Revision})
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
	now, err := attached(c, &t.Def)
	if err != nil {
		return err
	}
	if *now == nil && in.ExpectedRevisionId == nil {
		return answer(c, out)
	}
	_, err = s.Engine.Alter(ctx, t.Def.Name, func(d *table.Definition) error {
		p, err := attached(c, d)
		if err != nil {
			return err
		}
		if err := checkRevision(d, *p, in.ExpectedRevisionId); err != nil {
			return err
		}
		out.RevisionId = nil
		if *p != nil {
			out.RevisionId = &(*p).Revision
		}
		*p = nil
		return nil
	})
	if err != nil {
		return err
	}
	s.Replication.Rouse()
	return answer(c, out)
}
