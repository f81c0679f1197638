//go:build conformance

package conformance

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const (
	replicationRole = "AWSServiceRoleForDynamoDBReplication"
	settingsRole    = "AWSServiceRoleForDynamoDBGlobalTableSettingsManagement"
)

// iam is a client of IAM for an account.
func (s *server) iam(account string) *iam.Client {
	return iam.New(iam.Options{
		Region: virginia, BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider(account, "any", ""),
	})
}

// rolesOf lists the names of an account's roles, in pages of one.
func rolesOf(ctx context.Context, t testing.TB, c *iam.Client) (names []string) {
	t.Helper()
	for p := iam.NewListRolesPaginator(c, &iam.ListRolesInput{PathPrefix: aws.String("/aws-service-role/"), MaxItems: aws.Int32(1)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Roles {
			names = append(names, *r.RoleName)
		}
	}
	return names
}

// getRole describes a role.
func getRole(ctx context.Context, t testing.TB, c *iam.Client, name string) *iamtypes.Role {
	t.Helper()
	out, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return out.Role
}

// TestSDKServiceLinkedRoles: the first replica makes its role, which outlives a restart
// and stays as long as the replica; its ARN is the one that a Deny names.
func TestSDKServiceLinkedRoles(t *testing.T) {
	ctx, dir := deadline(t), t.TempDir()
	s := start(t, "--data", dir)
	c, roles := s.client(staging, virginia), s.iam(staging)
	createTable(ctx, t, c, simple("Orders", false))
	if got := rolesOf(ctx, t, roles); len(got) != 0 {
		t.Errorf("a regional table has made %v", got)
	}
	_, err := roles.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(replicationRole)})
	wantError(t, err, "NoSuchEntity", "The role with name "+replicationRole+" cannot be found.")
	create := types.ReplicationGroupUpdate{Create: &types.CreateReplicationGroupMemberAction{RegionName: aws.String(ireland)}}
	if _, err := c.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: aws.String("Orders"), ReplicaUpdates: []types.ReplicationGroupUpdate{create}}); err != nil {
		t.Fatal(err)
	}
	made := getRole(ctx, t, roles, replicationRole)
	trust, err := url.QueryUnescape(*made.AssumeRolePolicyDocument)
	if err != nil || !strings.Contains(trust, `"Service":"replication.dynamodb.amazonaws.com"`) || *made.Path != "/aws-service-role/replication.dynamodb.amazonaws.com/" ||
		!strings.HasPrefix(*made.RoleId, "AROA") || made.CreateDate.IsZero() || *made.MaxSessionDuration != 3600 {
		t.Errorf("the role is %+v, %s, %v", made, trust, err)
	}
	s.stop(os.Interrupt)
	s = start(t, "--data", dir)
	c, roles = s.client(staging, virginia), s.iam(staging)
	if again := getRole(ctx, t, roles, replicationRole); *again.RoleId != *made.RoleId || !again.CreateDate.Equal(*made.CreateDate) {
		t.Errorf("after a restart the role is %+v", again)
	}
	deletion(ctx, t, roles, replicationRole, iamtypes.DeletionTaskStatusTypeFailed, place{staging, virginia}.arn("Orders"))
	arn := place{staging, virginia}.arn("Orders")
	deny := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"dynamodb:UpdateItem","Resource":%q,"Condition":{"ArnEquals":{"aws:PrincipalArn":%q}}}]}`, arn, *made.Arn)
	if _, err := c.PutResourcePolicy(ctx, &dynamodb.PutResourcePolicyInput{ResourceArn: &arn, Policy: &deny}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the Deny of the role keeps the replica from replication", func() bool {
		out, err := c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("Orders")})
		return err == nil && out.Table.TableStatus == types.TableStatusReplicationNotAuthorized
	})
}

// deletion asks for the deletion of a role, and wants what comes of it: where it
// fails, a resource that needs the role.
func deletion(ctx context.Context, t testing.TB, c *iam.Client, role string, want iamtypes.DeletionTaskStatusType, resource string) {
	t.Helper()
	task, err := c.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: &role})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.GetServiceLinkedRoleDeletionStatus(ctx, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: task.DeletionTaskId})
	if err != nil || out.Status != want {
		t.Fatalf("the deletion of %s came to %+v, %v", role, out, err)
	}
	if out.Reason != nil && !strings.Contains(fmt.Sprint(out.Reason.RoleUsageList), resource) || (out.Reason == nil) != (resource == "") {
		t.Errorf("the deletion of %s: %+v", role, out.Reason)
	}
}

// TestSDKRolesOfAccounts: the first replica in a group of several accounts makes the
// role that keeps settings, in each account, and a person may make it before and delete
// it after.
func TestSDKRolesOfAccounts(t *testing.T) {
	ctx, s := deadline(t), inMemory(t)
	source, joined := s.iam(staging), s.iam(prod)
	globalTable(ctx, t, s, simple("Orders", false), []place{inStaging, inProd})
	for _, c := range []*iam.Client{source, joined} {
		if got := rolesOf(ctx, t, c); fmt.Sprint(got) != fmt.Sprint([]string{settingsRole}) {
			t.Errorf("an account has %v", got)
		}
	}
	create := func(service string) error {
		_, err := joined.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: &service})
		return err
	}
	wantError(t, create("globaltablesettingsmanagement.dynamodb.amazonaws.com"), "InvalidInput", "has been taken in this account")
	wantError(t, create("es.amazonaws.com"), "AccessDenied", "Cannot find Service Linked Role template")
	if err := create("replication.dynamodb.amazonaws.com"); err != nil {
		t.Fatal(err)
	}
	attached, err := joined.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: aws.String(replicationRole)})
	if err != nil || len(attached.AttachedPolicies) != 1 || *attached.AttachedPolicies[0].PolicyName != "DynamoDBReplicationServiceRolePolicy" {
		t.Errorf("attached are %+v, %v", attached, err)
	}
	if got := rolesOf(ctx, t, joined); len(got) != 2 {
		t.Errorf("there are %v", got)
	}
	deletion(ctx, t, joined, replicationRole, iamtypes.DeletionTaskStatusTypeSucceeded, "")
	deletion(ctx, t, joined, settingsRole, iamtypes.DeletionTaskStatusTypeFailed, inProd.arn("Orders"))
	_, err = joined.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("u")})
	wantError(t, err, "InvalidAction", "others are not built")
}
