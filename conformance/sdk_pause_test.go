//go:build conformance

package conformance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestSDKPause pauses a replica by a Deny that ends by itself, and then withholds the
// keeping of settings at another one.
func TestSDKPause(t *testing.T) {
	ctx := deadline(t)
	s := inMemory(t)
	clients := globalTable(ctx, t, s, simple("Orders", false), threePlaces)
	setPolicy := func(i int, text string) {
		t.Helper()
		arn := threePlaces[i].arn("Orders")
		if _, err := clients[i].PutResourcePolicy(ctx, &dynamodb.PutResourcePolicyInput{ResourceArn: &arn, Policy: &text}); err != nil {
			t.Fatal(err)
		}
	}
	prodSeen := func() types.ReplicaDescription {
		t.Helper()
		out, err := clients[0].DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("Orders")})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.Table.Replicas {
			if *r.RegionName == ireland {
				return r
			}
		}
		t.Fatalf("no replica in %s: %+v", ireland, out.Table.Replicas)
		return types.ReplicaDescription{}
	}
	whole := replicationPolicy(inProd, "Orders", threePlaces)
	pause := fmt.Sprintf(`{"Sid":"Pause","Effect":"Deny","Principal":{"AWS":"*"},"Action":["dynamodb:ReadDataForReplication","dynamodb:WriteDataForReplication"],"Resource":%q,`+
		`"Condition":{"StringEquals":{"aws:PrincipalServiceName":"replication.dynamodb.amazonaws.com"},"DateLessThan":{"aws:CurrentTime":%q}}},`,
		inProd.arn("Orders"), time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05.000Z"))
	setPolicy(1, strings.Replace(whole, `"Statement":[`, `"Statement":[`+pause, 1))
	put(ctx, t, clients[0], "Orders", attributes{"id": str("paused")})
	eventually(t, "the others know why", func() bool {
		r := prodSeen()
		said := aws.ToString(r.ReplicaStatusDescription)
		return r.ReplicaStatus == types.ReplicaStatusReplicationNotAuthorized && r.ReplicaInaccessibleDateTime != nil &&
			strings.Contains(said, "(Pause)") && strings.Contains(said, "becomes a single-Region table at ")
	})
	if got := scanAll(ctx, t, clients[1], "Orders", ""); len(got) != 0 {
		t.Errorf("the replica that is paused has %v", got)
	}
	if out, code := hortus(t, "clock", "advance", "1h", "--endpoint", s.URL); code != 0 {
		t.Fatalf("hortus clock advance: exit code %d: %s", code, out)
	}
	converged(ctx, t, clients, "Orders")
	eventually(t, "it is active", func() bool {
		r := prodSeen()
		return r.ReplicaStatus == types.ReplicaStatusActive && r.ReplicaStatusDescription == nil && r.ReplicaInaccessibleDateTime == nil
	})

	setPolicy(2, strings.Replace(replicationPolicy(inAnalytics, "Orders", threePlaces), `,"dynamodb:ReplicateSettings"`, "", 1))
	for i, c := range clients {
		_, err := c.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: aws.String("Orders"), DeletionProtectionEnabled: aws.Bool(true)})
		wantError(t, err, "AccessDeniedException", "dynamodb:ReplicateSettings on resource: "+inAnalytics.arn("Orders"))
		out, err := c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("Orders")})
		if err != nil || *out.Table.DeletionProtectionEnabled {
			t.Errorf("at %v it was changed: %v", threePlaces[i], err)
		}
	}
}
