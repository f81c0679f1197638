//go:build conformance

package conformance

import (
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// most changes how many reads a second the table takes at most, by a node that tries
// once.
func (n *node) most(t *testing.T, reads int64) error {
	t.Helper()
	_, err := n.client(func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }).UpdateTable(deadline(t), &dynamodb.UpdateTableInput{
		TableName: aws.String("Orders"), OnDemandThroughput: &types.OnDemandThroughput{MaxReadRequestUnits: aws.Int64(reads)},
	})
	return err
}

// mostAt is what a node shows of it.
func (m *nodes) mostAt(n *node) int64 {
	d := m.describe(n)
	if d == nil || d.OnDemandThroughput == nil {
		return 0
	}
	return *d.OnDemandThroughput.MaxReadRequestUnits
}

// joined has a table in all nodes, each of which has heard that all are ACTIVE: until
// then settings and replicas stay.
func (m *nodes) joined(t *testing.T) {
	t.Helper()
	m.join(deadline(t), "Orders")
	for _, n := range m.all {
		eventually(t, n.region+" shows all replicas as ACTIVE", func() bool {
			d, active := m.describe(n), 0
			for i := range d.Replicas {
				if d.Replicas[i].ReplicaStatus == types.ReplicaStatusActive {
					active++
				}
			}
			return active == len(m.all)-1
		})
	}
}

// TestNodesSettingsAtOnce: of changes of settings that two nodes take at the same time
// one is done, at all nodes by the time it is answered, and nothing of the other is.
func TestNodesSettingsAtOnce(t *testing.T) {
	m := newNodes(t, threePlaces, nil)
	m.joined(t)
	for i := range int64(20) {
		var errs [2]error
		var both sync.WaitGroup
		for j := range errs {
			both.Go(func() { errs[j] = m.all[2*j].most(t, 100*(i+1)+int64(j)) })
		}
		both.Wait()
		if errs[0] != nil && errs[1] != nil {
			t.Errorf("round %d: %v; %v", i, errs[0], errs[1])
		}
		got := m.mostAt(m.all[0])
		for _, n := range m.all[1:] {
			if other := m.mostAt(n); other != got {
				t.Errorf("round %d: %d at the first node, %d at %s (%v; %v)", i, got, other, n.region, errs[0], errs[1])
			}
		}
		if j := got - 100*(i+1); j != 0 && j != 1 || errs[j] != nil {
			t.Errorf("round %d: there is %d (%v; %v)", i, got, errs[0], errs[1])
		}
	}
	if out := m.as(m.all[0], "table", "get", "Orders"); !strings.Contains(out, "All of them have these settings.") {
		t.Error(out)
	}
	m.end()
}

// TestNodesLost: a node never returns. Settings wait for it until it is taken out, by
// the administrator of each account that remains; when it returns nevertheless it
// learns of it, and comes back with its data.
func TestNodesLost(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces, nil)
	clients := m.join(ctx, "Orders")
	a, b, c := m.all[0], m.all[1], m.all[2]
	put(ctx, t, clients[2], "Orders", attributes{"id": str("of the lost")})
	converged(ctx, t, clients, "Orders")
	lost := c.account + "/" + c.region
	refuses := func(n *node, text string) {
		t.Helper()
		m.become(n)
		if out, code := hortus(t, "replication", "remove-lost", "Orders", lost, "--endpoint", "http://"+n.listen); code == 0 || !strings.Contains(out, text) {
			t.Fatalf("exit code %d: %s", code, out)
		}
	}
	refuses(a, "for lost")
	c.kill()
	eventually(t, "it says that a node which never returns stays a member", func() bool {
		return strings.Contains(m.as(a, "explain", "links", "Orders"), "hortus replication remove-lost Orders ")
	})
	wantError(t, a.most(t, 100), "ServiceUnavailable", "cannot be reached")
	eventually(t, "A has taken it out, and B, which is another account's, has not", func() bool {
		m.become(a)
		out, code := hortus(t, "replication", "remove-lost", "Orders", lost, "--endpoint", "http://"+a.listen)
		return code != 0 && strings.Contains(out, b.account+"/"+b.region+" still counts them") && strings.Contains(out, "DeleteTableReplica")
	})
	if out := m.as(b, "replication", "remove-lost", "Orders", lost); !strings.Contains(out, "has the log of "+lost+" up to position") {
		t.Error(out)
	}
	eventually(t, "settings can be changed", func() bool { return a.most(t, 200) == nil })
	if got := m.mostAt(b); got != 200 {
		t.Errorf("B has %d", got)
	}
	put(ctx, t, clients[0], "Orders", attributes{"id": str("meanwhile")})
	m.start(2)
	eventually(t, "the lost one is a regional table, with its data", func() bool {
		d := m.describe(c)
		return d != nil && d.TableStatus == types.TableStatusActive && len(d.Replicas) == 0
	})
	if get(deadline(t), t, c.client(), "Orders", attributes{"id": str("of the lost")}) == nil {
		t.Error("its data is gone")
	}
	m.untilDone(c, "replication", "reattach", "Orders")
	converged(deadline(t), t, clients, "Orders")
	m.flows("Orders")
	m.end()
}

// TestNodesNoReplicaThere: a replica that the account does not have in a Region cannot
// be deleted, whether another account's node has that Region, no node does, or the one
// that does cannot be reached. Nor can one be made of a multi-account global table.
func TestNodesNoReplicaThere(t *testing.T) {
	m := newNodes(t, threePlaces[:2], nil)
	m.joined(t)
	a, b := m.all[0], m.all[1]
	change := func(u types.ReplicationGroupUpdate, code, text string) {
		t.Helper()
		_, err := a.client().UpdateTable(deadline(t), &dynamodb.UpdateTableInput{TableName: aws.String("Orders"), ReplicaUpdates: []types.ReplicationGroupUpdate{u}})
		wantError(t, err, code, text)
	}
	check := func() {
		t.Helper()
		for _, region := range []string{b.region, "sa-east-1"} {
			change(types.ReplicationGroupUpdate{Delete: &types.DeleteReplicationGroupMemberAction{RegionName: aws.String(region)}},
				"ValidationException", "one or more replicas were not part of the global table. Please retry the request without these replicas: ["+region+"]")
			change(types.ReplicationGroupUpdate{Create: &types.CreateReplicationGroupMemberAction{RegionName: aws.String(region)}},
				"ValidationException", "A multi-account global table has one replica in each account")
		}
	}
	check()
	b.kill()
	check()
	a.stop(syscall.SIGTERM)
	a.checkLog()
}
