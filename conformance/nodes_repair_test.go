//go:build conformance

package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestNodesRepair: the disk of one node is put back to an earlier state, so that it
// lacks what it wrote itself and nobody sends it again. A check between two
// processes finds that, and a repair brings it back.
func TestNodesRepair(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces[:2], nil)
	clients := m.join(ctx, "Orders")
	a, b := m.all[0], m.all[1]
	put(ctx, t, clients[0], "Orders", attributes{"id": str("first")})
	converged(ctx, t, clients, "Orders")
	data, backup := filepath.Join(m.dir, b.region+"-data"), filepath.Join(m.dir, "backup")
	b.stop(syscall.SIGTERM)
	if err := os.CopyFS(backup, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	m.start(1)
	for _, id := range []string{"lost", "lost too"} {
		put(ctx, t, clients[1], "Orders", attributes{"id": str(id)})
	}
	converged(ctx, t, clients, "Orders")
	b.stop(syscall.SIGTERM)
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(backup, data); err != nil {
		t.Fatal(err)
	}
	m.start(1)
	at := func(n *node) string { return n.account + "/" + n.region }
	divergence := func(what string) (string, int) {
		t.Setenv("AWS_ACCESS_KEY_ID", "KEY"+a.account)
		t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
		return hortus(t, "divergence", what, "Orders", at(a), at(b), "--endpoint", "http://"+a.listen)
	}
	eventually(t, "the check finds what is lost", func() bool {
		out, code := divergence("check")
		return code == 1 && strings.Contains(out, `"lost"`) && strings.Contains(out, `"lost too"`)
	})
	if out, code := divergence("repair"); code != 0 {
		t.Errorf("the repair: %d %s", code, out)
	}
	if out, code := divergence("check"); code != 0 {
		t.Errorf("after the repair: %d %s", code, out)
	}
	converged(ctx, t, clients, "Orders")
	if got := len(scanAll(ctx, t, clients[1], "Orders", "")); got != 3 {
		t.Errorf("%d items", got)
	}
	m.end()
}

// TestNodesDisassociate: a replica leaves with its data. It waits for a node that
// is stopped, and the others go on with each other.
func TestNodesDisassociate(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces, nil)
	clients := m.join(ctx, "Orders")
	c := m.all[2]
	put(ctx, t, clients[2], "Orders", attributes{"id": str("of the one that leaves")})
	converged(ctx, t, clients, "Orders")
	name := aws.String("Orders")
	if _, err := clients[2].UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: name, DisassociationProtectionEnabled: aws.Bool(false)}); err != nil {
		t.Fatal(err)
	}
	leave := &dynamodb.UpdateTableInput{TableName: name, ReplicaUpdates: []types.ReplicationGroupUpdate{{
		Disassociate: &types.DisassociateReplicationGroupMemberAction{RegionName: &c.region, DisassociationMode: types.DisassociationModeWaitForReplication},
	}}}
	signal(t, m.all[1], syscall.SIGSTOP)
	put(ctx, t, clients[2], "Orders", attributes{"id": str("while one is stopped")})
	if _, err := clients[2].UpdateTable(ctx, leave); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second) // It may not be over by now, however long it takes.
	if d := m.describe(c); d == nil || d.TableStatus != types.TableStatusUpdating || len(d.Replicas) != 2 {
		t.Errorf("with one node stopped it is %+v", d)
	}
	signal(t, m.all[1], syscall.SIGCONT)
	eventually(t, "it is a regional table", func() bool {
		d := m.describe(c)
		return d != nil && d.TableStatus == types.TableStatusActive && len(d.Replicas) == 0
	})
	for _, n := range m.all[:2] {
		eventually(t, n.region+" has one other replica", func() bool { return len(m.describe(n).Replicas) == 1 })
	}
	converged(ctx, t, clients, "Orders")
	if got := len(scanAll(ctx, t, clients[1], "Orders", "")); got != 2 {
		t.Errorf("%d items", got)
	}
	put(ctx, t, clients[0], "Orders", attributes{"id": str("afterwards")})
	converged(ctx, t, clients[:2], "Orders")
	if got := len(scanAll(ctx, t, clients[2], "Orders", "")); got != 2 {
		t.Errorf("the one that left has %d items", got)
	}
	m.end()
}

// TestNodesForward: a call for a cell of another node may come to any.
func TestNodesForward(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces[:2], nil)
	a, b := m.all[0], m.all[1]
	m.join(ctx, "Orders")
	through := b.client(func(o *dynamodb.Options) { o.BaseEndpoint = aws.String("http://" + a.listen) })
	put(ctx, t, through, "Orders", attributes{"id": str("by way of another node")})
	if got := get(ctx, t, b.client(), "Orders", attributes{"id": str("by way of another node")}); got == nil {
		t.Error("the node does not have what was passed on to it")
	}
	b.kill()
	impatient := b.client(func(o *dynamodb.Options) {
		o.BaseEndpoint, o.Retryer = aws.String("http://"+a.listen), aws.NopRetryer{}
	})
	_, err := impatient.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("Orders")})
	wantError(t, err, "ServiceUnavailable", "is on the node at "+m.ways[[2]int{0, 1}].address)
	a.stop(syscall.SIGTERM)
	a.checkLog()
}
