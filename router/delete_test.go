package router_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestDeleteReplicaNeedsLeave: to delete a member of a multi-account global table
// takes leave for dynamodb:DeleteTableReplica as well (documented); a regional
// table is deleted without.
func TestDeleteReplicaNeedsLeave(t *testing.T) {
	w := newMesh(t)
	const denied = "dynamodb:DeleteTableReplica"
	deny := func(c *dynamodb.Client, arn string) {
		t.Helper()
		policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"` + denied + `","Resource":"` + arn + `"}]}`
		if _, err := c.PutResourcePolicy(t.Context(), &dynamodb.PutResourcePolicyInput{ResourceArn: &arn, Policy: &policy}); err != nil {
			t.Fatal(err)
		}
	}
	c := w.client(1, nil)
	deny(c, "arn:aws:dynamodb:"+places[1].region+":"+places[1].account+":table/Orders")
	_, err := c.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: aws.String("Orders")})
	if err == nil || !strings.Contains(err.Error(), "AccessDeniedException") || !strings.Contains(err.Error(), denied) {
		t.Errorf("a replica is deleted without leave: %v", err)
	}
	regional := &dynamodb.CreateTableInput{
		TableName: aws.String("Regional"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	}
	if _, err := c.CreateTable(t.Context(), regional); err != nil {
		t.Fatal(err)
	}
	deny(c, "arn:aws:dynamodb:"+places[1].region+":"+places[1].account+":table/Regional")
	if _, err := c.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: aws.String("Regional")}); err != nil {
		t.Errorf("a regional table is not deleted: %v", err)
	}
}

// TestDeniedReplicaDelete: on the way of UpdateTable a denial is wrapped (recorded),
// also where the replica is on this node.
func TestDeniedReplicaDelete(t *testing.T) {
	w := newMesh(t)
	c := w.client(0, nil)
	name := aws.String("Two")
	if _, err := c.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	}); err != nil {
		t.Fatal(err)
	}
	const region = "sa-east-1"
	update := func(u types.ReplicationGroupUpdate) error {
		_, err := c.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: name, ReplicaUpdates: []types.ReplicationGroupUpdate{u}})
		return err
	}
	if err := update(types.ReplicationGroupUpdate{Create: &types.CreateReplicationGroupMemberAction{RegionName: aws.String(region)}}); err != nil {
		t.Fatal(err)
	}
	there := dynamodb.New(dynamodb.Options{Region: region, BaseEndpoint: &w.url, Credentials: credentials.NewStaticCredentialsProvider(places[0].account, "any", "")})
	waiter := dynamodb.NewTableExistsWaiter(there, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 10*time.Millisecond, 10*time.Millisecond
	})
	if err := waiter.Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	arn := "arn:aws:dynamodb:" + region + ":" + places[0].account + ":table/Two"
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"dynamodb:DeleteTableReplica","Resource":"` + arn + `"}]}`
	if _, err := there.PutResourcePolicy(t.Context(), &dynamodb.PutResourcePolicyInput{ResourceArn: &arn, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
	err := update(types.ReplicationGroupUpdate{Delete: &types.DeleteReplicationGroupMemberAction{RegionName: aws.String(region)}})
	wantErr(t, "a denial", err, "AccessDeniedException", "'AccessDeniedException':'User: arn:aws:iam::"+places[0].account+":root is not authorized to perform: dynamodb:DeleteTableReplica on resource: "+arn+" with an explicit deny in a resource-based policy'.")
}
