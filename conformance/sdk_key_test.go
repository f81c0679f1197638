//go:build conformance

package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// inTwoRegions makes a table in one Region and a replica of it in Ireland.
func inTwoRegions(ctx context.Context, t *testing.T, here, there *dynamodb.Client, name string) {
	t.Helper()
	createTable(ctx, t, here, simple(name, false))
	if _, err := here.UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName:      &name,
		ReplicaUpdates: []types.ReplicationGroupUpdate{{Create: &types.CreateReplicationGroupMemberAction{RegionName: aws.String(ireland)}}},
	}); err != nil {
		t.Fatal(err)
	}
	awaitTable(ctx, t, there, name)
	for {
		out, err := here.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
		if err != nil {
			t.Fatal(err)
		}
		if r := out.Table.Replicas; len(r) == 1 && r[0].ReplicaStatus == types.ReplicaStatusActive {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestSDKReplicaKeysAtOnce: one Region is given a key of the kind that all have, and
// the other one of another kind, at the same time: all have keys of one kind in the end.
func TestSDKReplicaKeysAtOnce(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	s := inMemory(t)
	here, there := s.client(staging, virginia), s.client(staging, ireland)
	managed := &types.SSESpecification{Enabled: aws.Bool(true)}
	customer := &types.SSESpecification{Enabled: aws.Bool(true), SSEType: types.SSETypeKms, KMSMasterKeyId: aws.String("mrk-x")}
	for i := range 40 {
		name := aws.String(fmt.Sprintf("Orders%d", i))
		inTwoRegions(ctx, t, here, there, *name)
		if _, err := here.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: name, SSESpecification: managed}); err != nil {
			t.Fatal(err)
		}
		awaitTable(ctx, t, here, *name)
		awaitTable(ctx, t, there, *name)
		var both sync.WaitGroup
		for client, spec := range map[*dynamodb.Client]*types.SSESpecification{here: managed, there: customer} {
			both.Go(func() {
				_, err := client.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: name, SSESpecification: spec})
				var inUse *types.ResourceInUseException
				if err != nil && !errors.As(err, &inUse) {
					t.Error(err)
				}
			})
		}
		both.Wait()
		var customers [4]bool // What each has, and takes the other to have.
		for i, client := range []*dynamodb.Client{here, there} {
			out, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: name})
			if err != nil {
				t.Fatal(err)
			}
			customers[2*i] = strings.Contains(aws.ToString(out.Table.SSEDescription.KMSMasterKeyArn), "mrk-x")
			customers[2*i+1] = out.Table.Replicas[0].KMSMasterKeyId != nil
		}
		if customers != [4]bool{} && customers != [4]bool{true, true, true, true} {
			t.Errorf("round %d: of the customer are %t", i, customers)
		}
	}
}

// TestSDKReplicaKeys: the kind of key of one account's replicas is a setting of all of
// them, and the key itself one of each.
func TestSDKReplicaKeys(t *testing.T) {
	ctx := deadline(t)
	s := inMemory(t)
	here, there := s.client(staging, virginia), s.client(staging, ireland)
	inTwoRegions(ctx, t, here, there, "Orders")
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
