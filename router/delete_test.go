package router_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
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
