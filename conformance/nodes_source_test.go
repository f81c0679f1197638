//go:build conformance

package conformance

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// slowSeeds has nodes send so little to newcomers that a seeding of a few MB is
// still under way when its source is killed.
var slowSeeds = object{"seed_rate": "300KiB"}

// seedItems are the items that take several pages of a seed.
const seedItems = 300

func (m *nodes) fill(t *testing.T, c *dynamodb.Client) {
	t.Helper()
	ctx := deadline(t)
	for i := range seedItems {
		put(ctx, t, c, "Orders", attributes{"id": str(fmt.Sprintf("seed/%d", i)), "text": str(strings.Repeat("x", 10_000))})
	}
}

// as has commands of the CLI call with a node's key.
func (m *nodes) as(n *node, args ...string) string {
	m.t.Helper()
	m.become(n)
	return m.run(append(args, "--endpoint", "http://"+n.listen)...)
}

// become has what the binary is run for next call with the key of a node.
func (m *nodes) become(n *node) {
	m.t.Setenv("AWS_ACCESS_KEY_ID", "KEY"+n.account)
	m.t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
}

// describe returns the table as a node describes it, nil when there is none.
func (m *nodes) describe(n *node) *types.TableDescription {
	out, err := n.client().DescribeTable(deadline(m.t), &dynamodb.DescribeTableInput{TableName: aws.String("Orders")})
	if err != nil {
		return nil
	}
	return out.Table
}

// TestNodesLostSource: the node that seeds a newcomer is killed for good. Another
// node seeds it.
func TestNodesLostSource(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces, nil, slowSeeds)
	a, b, c := m.all[0], m.all[1], m.all[2]
	createTable(ctx, t, a.client(), sourceInput(simple("Orders", false), a.place, threePlaces))
	createTable(ctx, t, b.client(), joinInput(b.place, a.place, "Orders", threePlaces))
	m.fill(t, a.client())
	converged(ctx, t, []*dynamodb.Client{a.client(), b.client()}, "Orders")
	if _, err := c.client().CreateTable(ctx, joinInput(c.place, a.place, "Orders", threePlaces)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a first page has come", func() bool {
		return strings.Contains(m.as(c, "replication", "status", "--table", "Orders"), "is seeded from "+staging+"/"+virginia+": ")
	})
	a.kill()
	put(ctx, t, b.client(), "Orders", attributes{"id": str("while nobody seeds")})
	if d := m.describe(c); d == nil || d.TableStatus != types.TableStatusCreating {
		t.Fatalf("the newcomer was seeded before its source was killed: %+v", d)
	}
	eventually(t, "it says that another member takes over", func() bool {
		out := m.as(c, "replication", "status", "--table", "Orders")
		return strings.Contains(out, "NO_CONTACT") && strings.Contains(out, "Another member takes its place")
	})
	end := time.Now().Add(3 * time.Minute) // 30 seconds of silence, and a slow seeding.
	for m.describe(c).TableStatus != types.TableStatusActive {
		if time.Now().After(end) {
			t.Fatalf("it is not ACTIVE:\n%s\n%s", m.as(c, "replication", "status"), c.log.String())
		}
		time.Sleep(100 * time.Millisecond)
	}
	left := []*dynamodb.Client{b.client(), c.client()}
	converged(deadline(t), t, left, "Orders")
	if got := len(scanAll(deadline(t), t, left[1], "Orders", "")); got != seedItems+1 {
		t.Errorf("%d items, want %d", got, seedItems+1)
	}
	put(deadline(t), t, left[1], "Orders", attributes{"id": str("of the newcomer")})
	converged(deadline(t), t, left, "Orders")
	for _, n := range []*node{b, c} {
		n.stop(syscall.SIGTERM)
		n.checkLog()
	}
}

// TestNodesStranded: the only node that could seed a newcomer is killed for good.
// The newcomer says so and can be deleted.
func TestNodesStranded(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces[:2], nil, slowSeeds)
	a, b := m.all[0], m.all[1]
	createTable(ctx, t, a.client(), sourceInput(simple("Orders", false), a.place, threePlaces[:2]))
	m.fill(t, a.client())
	if _, err := b.client().CreateTable(ctx, joinInput(b.place, a.place, "Orders", threePlaces[:2])); err != nil {
		t.Fatal(err)
	}
	_, err := b.client().DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String("Orders")})
	wantError(t, err, "ResourceInUseException", "Table is being created")
	a.kill()
	eventually(t, "it says that nobody can seed it", func() bool {
		return strings.Contains(m.as(b, "explain", "links"), "There is no other member")
	})
	if _, err := b.client().DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String("Orders")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is gone", func() bool { return m.describe(b) == nil })
	m.start(0)
	eventually(t, "the source is a regional table again", func() bool { d := m.describe(a); return d != nil && len(d.Replicas) == 0 })
	m.end()
}

// TestNodesExplainJoin: what is in the way of a join is told at the source's node, at
// another member's and at the newcomer's: to each what is for it to know. A newcomer
// that no policy lets associate hears of that, and of no policy and no member else.
func TestNodesExplainJoin(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces, nil)
	a, b, c := m.all[0], m.all[1], m.all[2]
	pair := []place{a.place, b.place}
	createTable(ctx, t, a.client(), sourceInput(simple("Orders", false), a.place, pair))
	createTable(ctx, t, b.client(), joinInput(b.place, a.place, "Orders", pair))
	at := func(n *node) string { return n.account + "/" + n.region }
	for _, n := range m.all {
		eventually(t, "both members are asked at "+n.region, func() bool {
			out := m.as(n, "explain", "join", "Orders", at(a), at(c))
			if n == c && (strings.Contains(out, b.account) || strings.Contains(out, "statement 1")) {
				t.Fatalf("a stranger is told: %s", out)
			}
			return strings.Contains(out, at(a)+":\n") && (n == c || strings.Contains(out, at(b)+":\n")) && strings.Contains(out, "AssociateTableReplica") && !strings.Contains(out, "no answer") && !strings.Contains(out, "There is no table")
		})
	}
	for _, x := range []*node{a, b} {
		if _, err := x.client().PutResourcePolicy(ctx, &dynamodb.PutResourcePolicyInput{
			ResourceArn: aws.String("arn:aws:dynamodb:" + x.region + ":" + x.account + ":table/Orders"),
			Policy:      aws.String(replicationPolicy(x.place, "Orders", threePlaces)),
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range m.all {
		if out := m.as(n, "explain", "join", "Orders", at(a), at(c)); !strings.Contains(out, "nothing is in the way") {
			t.Errorf("at %s: %s", n.region, out)
		}
	}
	createTable(ctx, t, c.client(), joinInput(c.place, a.place, "Orders", threePlaces))
	m.end()
}
