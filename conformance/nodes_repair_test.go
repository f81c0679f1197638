//go:build conformance

package conformance

import (
	"fmt"
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

// copyData stops a node, copies its data to where the result says, and starts it
// again.
func (m *nodes) copyData(i int) string {
	m.t.Helper()
	n, backup := m.all[i], filepath.Join(m.t.TempDir(), "backup")
	n.stop(syscall.SIGTERM)
	if err := os.CopyFS(backup, os.DirFS(filepath.Join(m.dir, n.region+"-data"))); err != nil {
		m.t.Fatal(err)
	}
	m.start(i)
	return backup
}

// putBack ends a node, puts its data back and starts it again.
func (m *nodes) putBack(i int, backup string) {
	m.t.Helper()
	n := m.all[i]
	n.stop(syscall.SIGTERM)
	data := filepath.Join(m.dir, n.region+"-data")
	if err := os.RemoveAll(data); err != nil {
		m.t.Fatal(err)
	}
	if err := os.CopyFS(data, os.DirFS(backup)); err != nil {
		m.t.Fatal(err)
	}
	m.start(i)
}

// TestNodesRepair: the disk of one node is put back to an earlier state, so that it
// lacks what it wrote itself and nobody sends it again. While a third node is
// stopped it cannot be brought back by itself: a check between two processes finds
// what it lacks, and a repair brings that back.
func TestNodesRepair(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces, nil)
	clients := m.join(ctx, "Orders")
	a, b, c := m.all[0], m.all[1], m.all[2]
	put(ctx, t, clients[0], "Orders", attributes{"id": str("first")})
	converged(ctx, t, clients, "Orders")
	backup := m.copyData(1)
	for _, id := range []string{"lost", "lost too"} {
		put(ctx, t, clients[1], "Orders", attributes{"id": str(id)})
	}
	converged(ctx, t, clients, "Orders")
	signal(t, c, syscall.SIGSTOP)
	m.putBack(1, backup)
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
	eventually(t, "the node says why nothing comes from it", func() bool {
		return strings.Contains(m.as(b, "replication", "status", "--table", "Orders"), "put back")
	})
	if out, code := divergence("repair"); code != 0 {
		t.Errorf("the repair: %d %s", code, out)
	}
	if out, code := divergence("check"); code != 0 {
		t.Errorf("after the repair: %d %s", code, out)
	}
	signal(t, c, syscall.SIGCONT)
	m.flows("Orders")
	converged(ctx, t, clients, "Orders")
	if got := len(scanAll(ctx, t, clients[1], "Orders", "")); got != 3 {
		t.Errorf("%d items", got)
	}
	m.end()
}

// TestNodesPending: over a link that is slow a check between two processes finds no
// divergence in what is on its way, whoever checks, also a third one that has it
// already.
func TestNodesPending(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces, nil, object{"rehearsal": true})
	clients := m.join(ctx, "Orders")
	a, b, c := m.all[0], m.all[1], m.all[2]
	for i := range 100 {
		put(ctx, t, clients[0], "Orders", attributes{"id": str(fmt.Sprint(i)), "v": str("first")})
	}
	converged(ctx, t, clients, "Orders")
	m.as(a, "link", "slow", a.region, b.region, "--bandwidth", "32KiB")
	for i := range 100 {
		put(ctx, t, clients[0], "Orders", attributes{"id": str(fmt.Sprint(i + 50)), "v": str(strings.Repeat("x", 5000))})
	}
	eventually(t, "the third has all", func() bool { return len(scanAll(ctx, t, clients[2], "Orders", "")) == 150 })
	at := func(n *node) string { return n.account + "/" + n.region }
	for _, x := range []struct{ from, to *node }{{a, b}, {b, a}, {c, b}, {b, c}} {
		m.become(x.from)
		out, code := hortus(t, "divergence", "check", "Orders", at(x.from), at(x.to), "--endpoint", "http://"+x.from.listen)
		if code != 0 || !strings.Contains(out, " are pending") || !strings.Contains(out, ", 0 differ,") {
			t.Errorf("%s with %s: %d %s", x.from.region, x.to.region, code, out)
		}
	}
	m.as(a, "link", "set", a.region, b.region)
	converged(ctx, t, clients, "Orders")
	m.end()
}

// TestNodesRestored: the data of a node are put back to an earlier copy, twice, while
// all nodes take writes. What it wrote after the copy comes back to it from the
// others; what was deleted meanwhile does not; and what it writes from then on
// arrives, though it has given out the same positions before.
func TestNodesRestored(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces, nil)
	clients := m.join(ctx, "Orders")
	for i := range 100 {
		put(ctx, t, clients[i%3], "Orders", attributes{"id": str(fmt.Sprint("before/", i))})
	}
	converged(ctx, t, clients, "Orders")
	backup := m.copyData(0)
	load := m.load(ctx, m.all...)
	for i := range 10 {
		if _, err := clients[i%3].DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String("Orders"), Key: attributes{"id": str(fmt.Sprint("before/", i))}}); err != nil {
			t.Fatal(err)
		}
	}
	lasts(2 * time.Second) // Deletions are forgotten meanwhile, or not.
	load.stop()
	converged(ctx, t, clients, "Orders") // What a copy lacks and nobody else has is lost.
	for range 2 {
		m.putBack(0, backup)
		more := m.load(ctx, m.all...)
		lasts(300 * time.Millisecond)
		m.restart(1)
		lasts(300 * time.Millisecond)
		m.restart(0)
		lasts(300 * time.Millisecond)
		more.stop()
		m.flows("Orders")
		converged(ctx, t, clients, "Orders")
		items := scanAll(ctx, t, clients[0], "Orders", "")
		load.wantAll(items)
		more.wantAll(items)
		have := byKey(t, items)
		for i := range 100 {
			if _, there := have[showValue(str(fmt.Sprint("before/", i)))]; there != (i >= 10) {
				t.Errorf("before/%d is there: %t", i, there)
			}
		}
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
