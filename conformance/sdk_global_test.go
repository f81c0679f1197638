//go:build conformance

package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// place is where a replica is.
type place struct{ account, region string }

func (p place) arn(table string) string {
	return fmt.Sprintf("arn:aws:dynamodb:%s:%s:table/%s", p.region, p.account, table)
}

// The places of the main job.
var (
	inStaging   = place{staging, virginia}
	inProd      = place{prod, ireland}
	inAnalytics = place{analytics, oregon}
	threePlaces = []place{inStaging, inProd, inAnalytics}
)

// replicationPolicy is the document that a member of a multi-account global
// table needs: the replication service may replicate on behalf of all members,
// and the other accounts may associate a replica.
func replicationPolicy(own place, table string, members []place) string {
	var accounts, arns, others []string
	for _, m := range members {
		accounts, arns = append(accounts, m.account), append(arns, m.arn(table))
		if m != own {
			others = append(others, m.account)
		}
	}
	type object map[string]any
	b, err := json.Marshal(object{"Version": "2012-10-17", "Statement": []object{
		{
			"Effect": "Allow", "Principal": object{"Service": "replication.dynamodb.amazonaws.com"}, "Resource": own.arn(table),
			"Action":    []string{"dynamodb:ReadDataForReplication", "dynamodb:WriteDataForReplication", "dynamodb:ReplicateSettings"},
			"Condition": object{"StringEquals": object{"aws:SourceAccount": accounts, "aws:SourceArn": arns}},
		},
		{"Effect": "Allow", "Principal": object{"AWS": others}, "Resource": own.arn(table), "Action": "dynamodb:AssociateTableReplica"},
	}})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// joinInput is the request with which an account joins a global table.
func joinInput(own, source place, table string, members []place) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName: &table, GlobalTableSourceArn: aws.String(source.arn(table)),
		GlobalTableSettingsReplicationMode: types.GlobalTableSettingsReplicationModeEnabled,
		ResourcePolicy:                     aws.String(replicationPolicy(own, table, members)),
	}
}

// sourceInput makes a table's request that of a source for others to join.
func sourceInput(in *dynamodb.CreateTableInput, own place, members []place) *dynamodb.CreateTableInput {
	in.GlobalTableSettingsReplicationMode = types.GlobalTableSettingsReplicationModeEnabled
	in.ResourcePolicy = aws.String(replicationPolicy(own, *in.TableName, members))
	return in
}

// globalTable makes a table in the first place and joins it from the others.
func globalTable(ctx context.Context, t testing.TB, s *server, in *dynamodb.CreateTableInput, members []place) []*dynamodb.Client {
	t.Helper()
	var clients []*dynamodb.Client
	for i, m := range members {
		c := s.client(m.account, m.region)
		clients = append(clients, c)
		if i == 0 {
			createTable(ctx, t, c, sourceInput(in, m, members))
		} else {
			createTable(ctx, t, c, joinInput(m, members[0], *in.TableName, members))
		}
	}
	return clients
}

// converged waits until replicas are equal, item by item, in the table and in
// the indexes named.
func converged(ctx context.Context, t testing.TB, clients []*dynamodb.Client, table string, indexes ...string) {
	t.Helper()
	for _, index := range append([]string{""}, indexes...) {
		eventually(t, "replicas of "+table+" are equal "+index, func() bool {
			first := byKey(t, scanAll(ctx, t, clients[0], table, index))
			for _, c := range clients[1:] {
				if !reflect.DeepEqual(first, byKey(t, scanAll(ctx, t, c, table, index))) {
					return false
				}
			}
			return true
		})
	}
}

// byKey maps items by id and seq.
func byKey(t testing.TB, items []attributes) map[string]attributes {
	t.Helper()
	out := make(map[string]attributes, len(items))
	for _, it := range items {
		key := showValue(it["id"])
		if it["seq"] != nil {
			key += showValue(it["seq"])
		}
		if out[key] != nil {
			t.Errorf("item %s twice", key)
		}
		out[key] = it
	}
	return out
}

// TestSDKMultiAccount is the main job in small: three accounts, one table.
func TestSDKMultiAccount(t *testing.T) {
	ctx := deadline(t)
	s := inMemory(t)
	first := s.client(staging, virginia)
	createTable(ctx, t, first, sourceInput(indexed("Orders"), inStaging, threePlaces))
	item := func(id, by string, n int) attributes {
		return attributes{"id": str(id), "seq": num(n), "buyer": str(by), "weight": num(n), "note": str("by " + by)}
	}
	for i := range 200 {
		put(ctx, t, first, "Orders", item("seeded", "staging", i))
	}
	clients := []*dynamodb.Client{first}
	for _, m := range threePlaces[1:] {
		c := s.client(m.account, m.region)
		createTable(ctx, t, c, joinInput(m, inStaging, "Orders", threePlaces))
		if got := len(scanAll(ctx, t, c, "Orders", "")); got != 200 {
			t.Errorf("%s is active with %d of 200 items", m.arn("Orders"), got)
		}
		clients = append(clients, c)
	}
	for i, c := range clients {
		put(ctx, t, c, "Orders", item("own", fmt.Sprint("member-", i), i))
		put(ctx, t, c, "Orders", item("same", fmt.Sprint("member-", i), 0)) // A conflict.
		if _, err := c.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String("Orders"), Key: attributes{"id": str("seeded"), "seq": num(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all that was written is everywhere", func() bool {
		for _, c := range clients {
			if len(scanAll(ctx, t, c, "Orders", "")) != 200-3+3+1 {
				return false
			}
		}
		return true
	})
	converged(ctx, t, clients, "Orders", "by-buyer", "by-weight")
	out, err := clients[1].DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("Orders")})
	if err != nil {
		t.Fatal(err)
	}
	replicas := map[string]string{}
	for _, r := range out.Table.Replicas {
		replicas[*r.RegionName] = *r.ReplicaArn + " " + string(r.ReplicaStatus)
	}
	want := map[string]string{virginia: inStaging.arn("Orders") + " ACTIVE", oregon: inAnalytics.arn("Orders") + " ACTIVE"}
	if !reflect.DeepEqual(replicas, want) || *out.Table.GlobalTableVersion != "2019.11.21" {
		t.Errorf("DescribeTable: replicas %v, version %s; want %v", replicas, *out.Table.GlobalTableVersion, want)
	}
	// A source stays for 24 hours; a replica that is no source can leave.
	_, err = first.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String("Orders")})
	wantError(t, err, "ValidationException", "acted as a source region")
	deleteTable(ctx, t, clients[2], "Orders")
	put(ctx, t, first, "Orders", item("after", "staging", 1))
	converged(ctx, t, clients[:2], "Orders")
}

// TestSDKIsolation cuts a Region off, writes on both sides, heals it, and wants
// what was written on both sides everywhere.
func TestSDKIsolation(t *testing.T) {
	ctx := deadline(t)
	s := inMemory(t)
	clients := globalTable(ctx, t, s, simple("Orders", false), threePlaces)
	if out, code := hortus(t, "region", "isolate", ireland, "--endpoint", s.URL); code != 0 {
		t.Fatalf("hortus region isolate: exit code %d: %s", code, out)
	}
	for i, c := range clients {
		put(ctx, t, c, "Orders", attributes{"id": str("same"), "by": num(i)})
		put(ctx, t, c, "Orders", attributes{"id": str(fmt.Sprint("own-", i)), "by": num(i)})
	}
	eventually(t, "the connected Regions agree", func() bool {
		return len(scanAll(ctx, t, clients[0], "Orders", "")) == 3 && len(scanAll(ctx, t, clients[2], "Orders", "")) == 3
	})
	if got := scanAll(ctx, t, clients[1], "Orders", ""); len(got) != 2 {
		t.Errorf("the isolated Region has %d items, want its own 2", len(got))
	}
	if out, code := hortus(t, "region", "heal", ireland, "--endpoint", s.URL); code != 0 {
		t.Fatalf("hortus region heal: exit code %d: %s", code, out)
	}
	eventually(t, "all is everywhere", func() bool { return len(scanAll(ctx, t, clients[1], "Orders", "")) == 4 })
	converged(ctx, t, clients, "Orders")
	out, code := hortus(t, "replication", "status", "--endpoint", s.URL)
	if code != 0 || strings.Count(out, "Orders") != 6 {
		t.Errorf("hortus replication status: exit code %d, want six links:\n%s", code, out)
	}
}

// TestSDKSameAccount adds a replica by UpdateTable and removes it.
func TestSDKSameAccount(t *testing.T) {
	ctx := deadline(t)
	s := inMemory(t)
	here, there := s.client(staging, virginia), s.client(staging, ireland)
	createTable(ctx, t, here, simple("Orders", true))
	put(ctx, t, here, "Orders", attributes{"id": str("1"), "seq": num(1)})
	_, err := here.UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName:           aws.String("Orders"),
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = here.UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName:      aws.String("Orders"),
		ReplicaUpdates: []types.ReplicationGroupUpdate{{Create: &types.CreateReplicationGroupMemberAction{RegionName: aws.String(ireland)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	awaitTable(ctx, t, there, "Orders")
	awaitTable(ctx, t, here, "Orders")
	put(ctx, t, there, "Orders", attributes{"id": str("1"), "seq": num(2)})
	eventually(t, "the item arrives", func() bool { return len(scanAll(ctx, t, here, "Orders", "")) == 2 })
	converged(ctx, t, []*dynamodb.Client{here, there}, "Orders")
	_, err = here.UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName:      aws.String("Orders"),
		ReplicaUpdates: []types.ReplicationGroupUpdate{{Delete: &types.DeleteReplicationGroupMemberAction{RegionName: aws.String(ireland)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replica is gone", func() bool {
		out, err := there.ListTables(ctx, &dynamodb.ListTablesInput{})
		return err == nil && len(out.TableNames) == 0
	})
	awaitTable(ctx, t, here, "Orders")
	if got := scanAll(ctx, t, here, "Orders", ""); len(got) != 2 {
		t.Errorf("%d items are left, want 2", len(got))
	}
}

// TestSDKCrossAccount reads and writes another account's table by its ARN.
func TestSDKCrossAccount(t *testing.T) {
	ctx := deadline(t)
	s := inMemory(t)
	owner, guest := s.client(staging, virginia), s.client(prod, virginia)
	arn := createTable(ctx, t, owner, simple("Orders", false)).TableArn
	put(ctx, t, owner, "Orders", attributes{"id": str("1"), "v": num(1)})
	read := func() (attributes, error) {
		out, err := guest.GetItem(ctx, &dynamodb.GetItemInput{TableName: arn, Key: attributes{"id": str("1")}})
		if err != nil {
			return nil, err
		}
		return out.Item, nil
	}
	store := func() error {
		_, err := guest.PutItem(ctx, &dynamodb.PutItemInput{TableName: arn, Item: attributes{"id": str("2")}})
		return err
	}
	_, err := read()
	wantError(t, err, "AccessDeniedException", "dynamodb:GetItem")
	document := allow(prod, *arn, "dynamodb:GetItem")
	if _, err = owner.PutResourcePolicy(ctx, &dynamodb.PutResourcePolicyInput{ResourceArn: arn, Policy: &document}); err != nil {
		t.Fatal(err)
	}
	got, err := read()
	if err != nil {
		t.Fatal(err)
	}
	wantItem(t, got, attributes{"id": str("1"), "v": num(1)})
	wantError(t, store(), "AccessDeniedException", "dynamodb:PutItem")
	document = allow(prod, *arn, "dynamodb:*Item")
	if _, err = owner.PutResourcePolicy(ctx, &dynamodb.PutResourcePolicyInput{ResourceArn: arn, Policy: &document}); err != nil {
		t.Fatal(err)
	}
	if err = store(); err != nil {
		t.Error(err)
	}
	wantItem(t, get(ctx, t, owner, "Orders", attributes{"id": str("2")}), attributes{"id": str("2")})
	// By its name it is another table, which there is not.
	_, err = guest.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("Orders"), Key: attributes{"id": str("1")}})
	wantError(t, err, "ResourceNotFoundException", "")
	_, err = guest.CreateTable(ctx, simple(*arn, false))
	if err == nil {
		t.Error("a table was created in another account")
	}
	if _, err = owner.DeleteResourcePolicy(ctx, &dynamodb.DeleteResourcePolicyInput{ResourceArn: arn}); err != nil {
		t.Fatal(err)
	}
	_, err = read()
	wantError(t, err, "AccessDeniedException", "dynamodb:GetItem")
	wantError(t, store(), "AccessDeniedException", "dynamodb:PutItem")
}

// TestSDKJoinRefused wants a clear error, and nothing made, for each join that
// cannot be.
func TestSDKJoinRefused(t *testing.T) {
	ctx := deadline(t)
	s := inMemory(t)
	first := s.client(staging, virginia)
	two := threePlaces[:2]
	createTable(ctx, t, first, sourceInput(simple("Orders", false), inStaging, two))
	createTable(ctx, t, first, simple("Plain", false))
	without := func(in *dynamodb.CreateTableInput) *dynamodb.CreateTableInput {
		in.ResourcePolicy = nil
		return in
	}
	for _, c := range []struct {
		what        string
		at          place
		in          *dynamodb.CreateTableInput
		code, words string
	}{
		{"an account that the source does not admit", inAnalytics, joinInput(inAnalytics, inStaging, "Orders", threePlaces), "AccessDeniedException", "dynamodb:AssociateTableReplica"},
		{"no policy of its own", inProd, without(joinInput(inProd, inStaging, "Orders", two)), "AccessDeniedException", "dynamodb:AssociateTableReplica"},
		{"a policy of its own without itself", inProd, joinInput(inProd, inStaging, "Orders", threePlaces[:1]), "AccessDeniedException", "dynamodb:AssociateTableReplica"},
		{"a source without a policy", inProd, joinInput(inProd, inStaging, "Plain", two), "", ""},
		{"a missing source", inProd, joinInput(inProd, inStaging, "Nowhere", two), "", ""},
		{"a source in a cell that is not", inProd, joinInput(inProd, place{"444444444444", "ap-south-1"}, "Orders", two), "", ""},
		{"the source's account", place{staging, ireland}, joinInput(place{staging, ireland}, inStaging, "Orders", two), "ValidationException", "account"},
		{"the source's Region", place{prod, virginia}, joinInput(place{prod, virginia}, inStaging, "Orders", two), "ValidationException", "Region"},
		{"not an ARN", inProd, &dynamodb.CreateTableInput{TableName: aws.String("Orders"), GlobalTableSourceArn: aws.String("arn:aws:s3:::bucket-of-mine-and-more"), GlobalTableSettingsReplicationMode: types.GlobalTableSettingsReplicationModeEnabled}, "ValidationException", ""},
		{"a mode that does not fit", inProd, func() *dynamodb.CreateTableInput {
			in := joinInput(inProd, inStaging, "Orders", two)
			in.GlobalTableSettingsReplicationMode = types.GlobalTableSettingsReplicationModeDisabled
			return in
		}(), "ValidationException", ""},
	} {
		client := s.client(c.at.account, c.at.region)
		_, err := client.CreateTable(ctx, c.in)
		if err != nil {
			t.Logf("%s: %v", c.what, err)
		}
		t.Run(c.what, func(t *testing.T) {
			code := c.code
			if code == "" { // Which of the two is not known.
				code = "AccessDeniedException"
				if err != nil && strings.Contains(err.Error(), "ResourceNotFoundException") {
					code = "ResourceNotFoundException"
				}
			}
			wantError(t, err, code, c.words)
		})
		out, err := client.ListTables(ctx, &dynamodb.ListTablesInput{})
		if err != nil || len(out.TableNames) != 0 {
			t.Errorf("%s: it left %v, %v", c.what, out, err)
		}
		source, err := first.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("Orders")})
		if err != nil || source.Table.Replicas != nil || source.Table.TableStatus != types.TableStatusActive {
			t.Errorf("%s: the source is now %+v, %v", c.what, source, err)
		}
	}
	joinTwice(ctx, t, s)
}

// joinTwice joins the one that is admitted, after all that; a second one in its
// account, or in a Region that is taken, does not.
func joinTwice(ctx context.Context, t *testing.T, s *server) {
	t.Helper()
	two := threePlaces[:2]
	createTable(ctx, t, s.client(prod, ireland), joinInput(inProd, inStaging, "Orders", two))
	for _, second := range []place{{prod, oregon}, {analytics, ireland}} {
		members := append(two[:2:2], second)
		for _, m := range two {
			document := replicationPolicy(m, "Orders", members)
			_, err := s.client(m.account, m.region).PutResourcePolicy(ctx, &dynamodb.PutResourcePolicyInput{ResourceArn: aws.String(m.arn("Orders")), Policy: &document})
			if err != nil {
				t.Fatal(err)
			}
		}
		_, err := s.client(second.account, second.region).CreateTable(ctx, joinInput(second, inStaging, "Orders", members))
		wantError(t, err, "ValidationException", "already")
	}
	_, err := s.client(prod, ireland).CreateTable(ctx, joinInput(inProd, inStaging, "Orders", two))
	wantError(t, err, "ResourceInUseException", "Table already exists: Orders")
}
