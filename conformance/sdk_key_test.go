//go:build conformance

package conformance

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestSDKReplicaKeys: the kind of key of one account's replicas is a setting of all of
// them, and the key itself one of each.
func TestSDKReplicaKeys(t *testing.T) {
	ctx := deadline(t)
	s := inMemory(t)
	here, there := s.client(staging, virginia), s.client(staging, ireland)
	createTable(ctx, t, here, simple("Orders", false))
	if _, err := here.UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName:      aws.String("Orders"),
		ReplicaUpdates: []types.ReplicationGroupUpdate{{Create: &types.CreateReplicationGroupMemberAction{RegionName: aws.String(ireland)}}},
	}); err != nil {
		t.Fatal(err)
	}
	awaitTable(ctx, t, there, "Orders")
	set := func(client *dynamodb.Client, spec types.SSESpecification) error {
		awaitTable(ctx, t, here, "Orders")
		awaitTable(ctx, t, there, "Orders")
		_, err := client.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: aws.String("Orders"), SSESpecification: &spec})
		return err
	}
	key := func(client *dynamodb.Client) (own, other string) {
		t.Helper()
		out, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("Orders")})
		if err != nil || len(out.Table.Replicas) != 1 {
			t.Fatalf("%v: %+v", err, out)
		}
		if e := out.Table.SSEDescription; e != nil {
			own = string(e.SSEType) + " " + aws.ToString(e.KMSMasterKeyArn)
		}
		return own, aws.ToString(out.Table.Replicas[0].KMSMasterKeyId)
	}
	arn := func(region, id string) string { return "arn:aws:kms:" + region + ":" + staging + ":key/" + id }
	customer := func(id string) types.SSESpecification {
		return types.SSESpecification{Enabled: aws.Bool(true), SSEType: types.SSETypeKms, KMSMasterKeyId: aws.String(id)}
	}

	if err := set(here, types.SSESpecification{Enabled: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	for client, region := range map[*dynamodb.Client]string{here: virginia, there: ireland} {
		if own, other := key(client); !strings.HasPrefix(own, "KMS "+arn(region, "")) || other != "" {
			t.Errorf("managed in %s: %q, and the other %q", region, own, other)
		}
	}
	if err := set(there, customer(arn(ireland, "11111111-2222-3333-4444-555555555555"))); err == nil || !strings.Contains(err.Error(), "All replica keys must either be Customer Managed CMK or AWS Managed CMK.") {
		t.Errorf("a key that the other Region does not have: %v", err)
	}
	if err := set(there, customer("mrk-1234")); err != nil {
		t.Fatal(err)
	}
	if own, other := key(here); own != "KMS "+arn(virginia, "mrk-1234") || other != arn(ireland, "mrk-1234") {
		t.Errorf("of a key of several Regions: %q, and the other %q", own, other)
	}
	rotated := arn(ireland, "11111111-2222-3333-4444-555555555555")
	if err := set(there, customer(rotated)); err != nil {
		t.Fatal(err)
	}
	if own, other := key(here); own != "KMS "+arn(virginia, "mrk-1234") || other != rotated {
		t.Errorf("when the other was rotated: %q, and the other %q", own, other)
	}
	if err := set(here, types.SSESpecification{Enabled: aws.Bool(false)}); err != nil {
		t.Fatal(err)
	}
	if own, other := key(there); own != "" || other != "" {
		t.Errorf("AWS owned: %q, and the other %q", own, other)
	}
}
