//go:build conformance

package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestCrashJoin kills the server while a second account joins a table, is seeded,
// or leaves again. After each start the table is either there, and gets all
// items, or is not, and then the source does not count it among its replicas for
// long and takes a new join.
func TestCrashJoin(t *testing.T) {
	t.Parallel()
	seed := crashSeed(t)
	rng := rand.New(rand.NewPCG(seed, 2))
	data := t.TempDir()
	s := launch(t, "--data", data)
	ctx := deadline(t)
	source := s.client(staging, virginia)
	createTable(ctx, t, source, sourceInput(simple("Orders", true), inStaging, crashPlaces))
	const items = 1500
	for from := 0; from < items; from += 25 {
		var batch []types.WriteRequest
		for i := range 25 {
			batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: attributes{"id": str(fmt.Sprint(from)), "seq": num(i)}}})
		}
		write(ctx, t, source, map[string][]types.WriteRequest{"Orders": batch})
	}
	n := kills(t)
	joined, left, undone := 0, 0, 0
	for kill := 0; kill < n && !t.Failed(); kill++ {
		// What goes on when the server is killed.
		ctx := deadline(t)
		acknowledged := make(chan error, 1)
		go func() { acknowledged <- joinOnce(ctx, s) }()
		time.Sleep(time.Duration(rng.Int64N(int64(60 * time.Millisecond))))
		s.kill()
		err := <-acknowledged
		s.checkLog()
		s = launch(t, "--data", data)
		if settleJoin(ctx, t, s, err == nil, items) {
			joined++
		} else {
			undone++
		}
		// Now it is a member, and leaves.
		go func() { acknowledged <- leaveOnce(ctx, s) }()
		time.Sleep(time.Duration(rng.Int64N(int64(20 * time.Millisecond))))
		s.kill()
		err = <-acknowledged
		s.checkLog()
		s = launch(t, "--data", data)
		if settleLeave(ctx, t, s, err == nil) {
			left++
		}
	}
	s.stop(os.Interrupt)
	s.checkLog()
	t.Logf("%d kills in a join: %d were joined all the same, %d undone; %d kills in a departure: %d had left", n, joined, undone, n, left)
}

// joinOnce joins as the second account, without a retry.
func joinOnce(ctx context.Context, s *server) error {
	_, err := s.client(prod, ireland).CreateTable(ctx, joinInput(inProd, inStaging, "Orders", crashPlaces), once)
	return err
}

func leaveOnce(ctx context.Context, s *server) error {
	_, err := s.client(prod, ireland).DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String("Orders")}, once)
	return err
}

func once(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }

// settleJoin wants the join to end well, one way or the other, and leaves the
// account joined. It returns false when the kill undid the join.
func settleJoin(ctx context.Context, t *testing.T, s *server, acknowledged bool, items int) bool {
	t.Helper()
	source, replica := s.client(staging, virginia), s.client(prod, ireland)
	there := exists(ctx, t, replica)
	if !there {
		if acknowledged {
			t.Error("the join was acknowledged, and is forgotten")
		}
		// The source may count the newcomer among its replicas; a new join is taken
		// at once or as soon as it has asked.
		var last error
		eventuallyQuiet(t, func() bool { last = joinOnce(ctx, s); return last == nil }, func() string { return fmt.Sprintf("no new join: %v", last) })
	}
	awaitTable(ctx, t, replica, "Orders")
	clients := []*dynamodb.Client{source, replica}
	put(ctx, t, replica, "Orders", attributes{"id": str("marker"), "seq": num(1), "at": num(int(time.Now().UnixNano()))})
	converged(ctx, t, clients, "Orders")
	if got := len(scanAll(ctx, t, replica, "Orders", "")); got != items+1 {
		t.Errorf("the replica has %d items, want %d", got, items+1)
	}
	var here, abroad string
	eventuallyQuiet(t, func() bool {
		here, abroad = replicasOf(ctx, t, source), replicasOf(ctx, t, replica)
		return here == "eu-west-1 ACTIVE " && abroad == "us-east-1 ACTIVE "
	}, func() string {
		return fmt.Sprintf("the source has the replicas %q and the newcomer %q; log:\n%s", here, abroad, s.log.String())
	})
	return there
}

// settleLeave wants the departure to end well, and leaves the account out.
func settleLeave(ctx context.Context, t *testing.T, s *server, acknowledged bool) bool {
	t.Helper()
	source, replica := s.client(staging, virginia), s.client(prod, ireland)
	out, err := replica.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("Orders")})
	left := err != nil || out.Table.TableStatus == types.TableStatusDeleting
	if !left {
		if acknowledged {
			t.Error("the departure was acknowledged, and is forgotten")
		}
		if err := leaveOnce(ctx, s); err != nil {
			t.Error(err)
		}
	}
	eventuallyQuiet(t, func() bool { return !exists(ctx, t, replica) }, func() string {
		status, _ := hortus(t, "replication", "status", "--endpoint", s.URL)
		return fmt.Sprintf("the replica does not go: the source has %q, it has %q\n%s\n%s", replicasOf(ctx, t, source), replicasOf(ctx, t, replica), status, s.log.String())
	})
	eventually(t, "the source has no replica", func() bool { return replicasOf(ctx, t, source) == "" })
	return left
}

func exists(ctx context.Context, t *testing.T, c *dynamodb.Client) bool {
	t.Helper()
	_, err := c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("Orders")})
	var none *types.ResourceNotFoundException
	if err != nil && !errors.As(err, &none) {
		t.Fatal(err)
	}
	return err == nil
}

// replicasOf lists a table's replicas and their states.
func replicasOf(ctx context.Context, t *testing.T, c *dynamodb.Client) string {
	t.Helper()
	d, err := c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("Orders")})
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	for _, r := range d.Table.Replicas {
		out += *r.RegionName + " " + string(r.ReplicaStatus) + " "
	}
	return out
}
