//go:build conformance

package conformance

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// mixedPlaces are two Regions of one account, and another account.
var mixedPlaces = []place{inStaging, {staging, ireland}, {prod, oregon}}

// setPolicies gives the tables of some nodes the policy that lets all members
// replicate.
func (m *nodes) setPolicies(ctx context.Context, to []*node, members []place) {
	m.t.Helper()
	for _, n := range to {
		if _, err := n.client().PutResourcePolicy(ctx, &dynamodb.PutResourcePolicyInput{
			ResourceArn: aws.String(n.arn("Orders")), Policy: aws.String(replicationPolicy(n.place, "Orders", members)),
		}); err != nil {
			m.t.Fatal(err)
		}
	}
}

// untilDone calls a command of the CLI again, with a node's key, until it succeeds:
// a node that it needs may be gone.
func (m *nodes) untilDone(n *node, args ...string) {
	m.t.Helper()
	m.t.Setenv("AWS_ACCESS_KEY_ID", "KEY"+n.account)
	m.t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	out := ""
	eventually(m.t, strings.Join(args, " "), func() bool {
		var code int
		out, code = hortus(m.t, append(args, "--endpoint", "http://"+n.listen)...)
		return code == 0
	})
	m.t.Logf("%s: %s", strings.Join(args, " "), out)
}

// TestNodesMixed: a global table of two Regions of one account becomes mixed in
// place while it is written to and one of its nodes is killed; another account
// joins it while its source is. Nothing that was acknowledged is lost, and a
// member's Region comes to the members of both accounts.
func TestNodesMixed(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, mixedPlaces, nil)
	a, b, c := m.all[0], m.all[1], m.all[2]
	createTable(ctx, t, a.client(), simple("Orders", false))
	if _, err := a.client().UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName:      aws.String("Orders"),
		ReplicaUpdates: []types.ReplicationGroupUpdate{{Create: &types.CreateReplicationGroupMemberAction{RegionName: &b.region}}},
	}); err != nil {
		t.Fatal(err)
	}
	awaitTable(ctx, t, b.client(), "Orders")
	awaitTable(ctx, t, a.client(), "Orders")
	load := m.load(ctx, a, b)
	lasts(300 * time.Millisecond)

	b.kill()
	if out, code := hortus(t, "table", "set", "Orders", "--topology", "mixed", "--endpoint", "http://"+a.listen); code == 0 {
		t.Errorf("it is mixed though a member cannot be asked: %s", out)
	}
	m.start(1)
	converting := make(chan struct{})
	go func() {
		defer close(converting)
		m.untilDone(a, "table", "set", "Orders", "--topology", "mixed")
	}()
	lasts(30 * time.Millisecond)
	m.restart(1)
	<-converting
	m.setPolicies(ctx, []*node{a, b}, mixedPlaces)

	if _, err := c.client().CreateTable(ctx, joinInput(c.place, a.place, "Orders", mixedPlaces)); err != nil {
		t.Fatal(err)
	}
	m.restart(0)
	awaitTable(ctx, t, c.client(), "Orders")
	late := m.load(ctx, c)
	lasts(300 * time.Millisecond)
	m.restart(2)
	lasts(300 * time.Millisecond)
	load.stop()
	late.stop()
	clients := []*dynamodb.Client{a.client(), b.client(), c.client()}
	converged(ctx, t, clients, "Orders")
	items := scanAll(ctx, t, clients[2], "Orders", "")
	load.wantAll(items)
	late.wantAll(items)
	m.flows("Orders")
	m.end()
}

// TestNodesReattach: a replica is kept from replication until it is a regional
// table, both sides write and delete, and it comes back with its data while it and
// another member are killed.
func TestNodesReattach(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces, nil, object{"rehearsal": true})
	clients := m.join(ctx, "Orders")
	c := m.all[2]
	for i := range 400 {
		put(ctx, t, clients[i%3], "Orders", attributes{"id": str(fmt.Sprint("before/", i))})
	}
	converged(ctx, t, clients, "Orders")
	if _, err := clients[2].DeleteResourcePolicy(ctx, &dynamodb.DeleteResourcePolicyInput{ResourceArn: aws.String(c.arn("Orders"))}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is kept from replication", func() bool {
		d := m.describe(c)
		return d != nil && d.TableStatus == types.TableStatusReplicationNotAuthorized
	})
	m.as(m.all[0], "clock", "advance", "21h") // At the others, too.
	if out := m.as(c, "clock", "show"); strings.Count(out, "the same at the node of") != len(m.all)-1 || !strings.Contains(out, "21 hours ahead") {
		t.Errorf("the clocks of the nodes: %s", out)
	}
	m.awaitStatus(c, types.TableStatusActive, 0)
	for _, n := range m.all[:2] {
		m.awaitStatus(n, types.TableStatusActive, 1)
	}
	load := m.load(ctx, m.all...)
	remove := func(client *dynamodb.Client, id string) {
		t.Helper()
		if _, err := client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String("Orders"), Key: attributes{"id": str(id)}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		remove(clients[0], fmt.Sprint("before/", i))
		remove(clients[2], fmt.Sprint("before/", 20+i))
	}
	m.restart(1)
	m.setPolicies(ctx, []*node{c}, threePlaces)
	m.untilDone(c, "replication", "reattach", "Orders")
	m.restart(2)
	m.restart(0)
	m.wantWhole(ctx, clients, load, 40, 400)
	m.end()
}
