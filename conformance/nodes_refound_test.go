//go:build conformance

package conformance

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestNodesReattachAll: the policies of all three nodes' replicas go at once, and no
// node hears of the others before each has become a regional table. All take writes and
// deletions; then two find together while they are killed (-9), and the third comes to
// them. All is everywhere, and nothing deleted comes back.
func TestNodesReattachAll(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces, nil, object{"rehearsal": true})
	clients := m.join(ctx, "Orders")
	for i := range 300 {
		put(ctx, t, clients[i%3], "Orders", attributes{"id": str(fmt.Sprint("before/", i))})
	}
	converged(ctx, t, clients, "Orders")
	for i, n := range m.all {
		if _, err := clients[i].DeleteResourcePolicy(ctx, &dynamodb.DeleteResourcePolicyInput{ResourceArn: aws.String(n.arn("Orders"))}); err != nil {
			t.Fatal(err)
		}
		m.awaitStatus(n, types.TableStatusReplicationNotAuthorized, 2)
	}
	for _, w := range m.ways {
		w.set(true)
	}
	for _, n := range m.all {
		m.become(n) // The others do not answer it.
		if out, _ := hortus(t, "clock", "advance", "21h", "--endpoint", "http://"+n.listen); !strings.Contains(out, "21 hours ahead") {
			t.Fatal(out)
		}
	}
	for _, n := range m.all {
		m.awaitStatus(n, types.TableStatusActive, 0)
	}
	for _, w := range m.ways {
		w.set(false)
	}
	load := m.load(ctx, m.all...)
	for i := range 60 {
		if _, err := clients[i%3].DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String("Orders"), Key: attributes{"id": str(fmt.Sprint("before/", i))}}); err != nil {
			t.Fatal(err)
		}
	}
	a, b, c := m.all[0], m.all[1], m.all[2]
	m.setPolicies(ctx, []*node{a, c}, threePlaces)
	m.restart(1)
	m.untilDone(c, "replication", "reattach", "Orders")
	m.restart(0)
	m.restart(2)
	m.awaitStatus(a, types.TableStatusActive, 1)
	m.awaitStatus(c, types.TableStatusActive, 1)
	m.awaitStatus(b, types.TableStatusActive, 0)
	m.setPolicies(ctx, []*node{b}, threePlaces)
	m.untilDone(b, "replication", "reattach", "Orders")
	m.restart(1)
	m.wantWhole(ctx, clients, load, 60, 300)
	m.end()
}

// wantWhole waits until all three are members of Orders again, ends the load, and wants
// all that it wrote everywhere, and of the items of before those from one on: the
// others were deleted.
func (m *nodes) wantWhole(ctx context.Context, clients []*dynamodb.Client, load *nodeLoad, from, to int) {
	m.t.Helper()
	for _, n := range m.all {
		m.awaitStatus(n, types.TableStatusActive, 2)
	}
	load.stop()
	converged(ctx, m.t, clients, "Orders")
	items := scanAll(ctx, m.t, clients[1], "Orders", "")
	load.wantAll(items)
	have := byKey(m.t, items)
	for i := range to {
		if _, there := have[showValue(str(fmt.Sprint("before/", i)))]; there != (i >= from) {
			m.t.Errorf("before/%d is there: %t", i, there)
		}
	}
	m.flows("Orders")
}

// awaitStatus waits until a node shows a status and a number of other replicas.
func (m *nodes) awaitStatus(n *node, status types.TableStatus, others int) {
	m.t.Helper()
	eventually(m.t, fmt.Sprintf("%s is %s with %d others", n.region, status, others), func() bool {
		d := m.describe(n)
		return d != nil && d.TableStatus == status && len(d.Replicas) == others
	})
}
