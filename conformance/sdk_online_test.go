//go:build conformance

package conformance

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// loadOnline fills a table with items, of which every tenth has the index's key
// attribute in the wrong type.
func loadOnline(ctx context.Context, t testing.TB, c *dynamodb.Client, items int) {
	t.Helper()
	const batch = 25
	for i := 0; i < items; i += batch {
		var writes []types.WriteRequest
		for n := i; n < i+batch; n++ {
			color := str("red")
			if n%10 == 0 {
				color = num(n)
			}
			item := attributes{"id": str(strconv.Itoa(n)), "color": color, "n": num(n)}
			writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
		}
		if _, err := c.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"Live": writes}}); err != nil {
			t.Fatal(err)
		}
	}
}

func createOnline(ctx context.Context, t testing.TB, c *dynamodb.Client) {
	t.Helper()
	out, err := c.UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName:            aws.String("Live"),
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("color"), AttributeType: types.ScalarAttributeTypeS}},
		GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{{Create: &types.CreateGlobalSecondaryIndexAction{
			IndexName:  aws.String("by-color"),
			KeySchema:  []types.KeySchemaElement{{AttributeName: aws.String("color"), KeyType: types.KeyTypeHash}},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := out.TableDescription
	if len(d.GlobalSecondaryIndexes) != 1 || d.TableStatus != types.TableStatusUpdating || d.GlobalSecondaryIndexes[0].IndexStatus != types.IndexStatusCreating {
		t.Errorf("UpdateTable answers %s, %v", d.TableStatus, d.GlobalSecondaryIndexes)
	}
}

// indexStatus is that of the table's one index, "" when there is none.
func indexStatus(ctx context.Context, t testing.TB, c *dynamodb.Client) types.IndexStatus {
	t.Helper()
	out, err := c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("Live")})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Table.GlobalSecondaryIndexes) == 0 {
		return ""
	}
	return out.Table.GlobalSecondaryIndexes[0].IndexStatus
}

// sorted prints an item with its attributes in order.
func sorted(it attributes) string {
	out := map[string]string{}
	for name, v := range it {
		out[name] = showValue(v)
	}
	return fmt.Sprint(out)
}

// wantIndexed compares an index with its table.
func wantIndexed(ctx context.Context, t testing.TB, c *dynamodb.Client) {
	t.Helper()
	want, got := map[string]string{}, map[string]string{}
	for _, it := range scanAll(ctx, t, c, "Live", "") {
		if _, ok := it["color"].(*types.AttributeValueMemberS); ok {
			want[showValue(it["id"])] = sorted(it)
		}
	}
	for _, it := range scanAll(ctx, t, c, "Live", "by-color") {
		id := showValue(it["id"])
		if got[id] != "" || want[id] != sorted(it) {
			t.Errorf("the index has %s, the table %s", sorted(it), want[id])
		}
		got[id] = sorted(it)
	}
	if len(got) != len(want) {
		t.Errorf("the index has %d entries, want %d", len(got), len(want))
	}
}

// TestSDKOnlineIndex: an index is created, and deleted, on a table that others
// write to all the time.
func TestSDKOnlineIndex(t *testing.T) {
	const items = 2000
	ctx := deadline(t)
	c := inMemory(t).client(staging, virginia)
	createTable(ctx, t, c, simple("Live", false))
	loadOnline(ctx, t, c, items)
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			for n := w; ; n = (n + 7) % items {
				select {
				case <-stop:
					return
				default:
				}
				key := attributes{"id": str(strconv.Itoa(n))}
				var err error
				if n%4 == 0 {
					_, err = c.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String("Live"), Key: key})
				} else {
					_, err = c.UpdateItem(ctx, &dynamodb.UpdateItemInput{
						TableName: aws.String("Live"), Key: key, UpdateExpression: aws.String("SET color = :c"),
						ExpressionAttributeValues: attributes{":c": str(fmt.Sprint("c", n%5))},
					})
				}
				if err != nil {
					t.Errorf("a write while the index is created: %v", err)
					return
				}
			}
		})
	}
	createOnline(ctx, t, c)
	eventually(t, "the index is active", func() bool { return indexStatus(ctx, t, c) == types.IndexStatusActive })
	close(stop)
	writers.Wait()
	wantIndexed(ctx, t, c)
	if _, err := c.UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName:                   aws.String("Live"),
		GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: aws.String("by-color")}}},
	}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the index is gone", func() bool { return indexStatus(ctx, t, c) == "" })
	_, err := c.Scan(ctx, &dynamodb.ScanInput{TableName: aws.String("Live"), IndexName: aws.String("by-color")})
	wantError(t, err, "ValidationException", "does not have the specified index")
}

// TestSDKOnlineIndexCrash: a backfill goes on after each kill -9.
func TestSDKOnlineIndexCrash(t *testing.T) {
	const items, kills = 5000, 3
	ctx := deadline(t)
	data := t.TempDir()
	s := launch(t, "--data", data, "--durability", "interval:10ms")
	c := s.client(staging, virginia)
	createTable(ctx, t, c, simple("Live", false))
	loadOnline(ctx, t, c, items)
	createOnline(ctx, t, c)
	for range kills {
		if indexStatus(ctx, t, c) == types.IndexStatusActive {
			break
		}
		s.kill()
		s = launch(t, "--data", data, "--durability", "interval:10ms")
		c = s.client(staging, virginia)
	}
	eventually(t, "the index is active", func() bool {
		status := indexStatus(ctx, t, c)
		return status == types.IndexStatusActive || status == "" // A crash may take back what was acknowledged last.
	})
	if indexStatus(ctx, t, c) == "" {
		createOnline(ctx, t, c)
		eventually(t, "the index is active", func() bool { return indexStatus(ctx, t, c) == types.IndexStatusActive })
	}
	wantIndexed(ctx, t, c)
	s.stop(syscall.SIGTERM)
	s.checkLog()
}

// TestSDKTimeToLive: an expired item goes within seconds, and the counts follow.
func TestSDKTimeToLive(t *testing.T) {
	ctx := deadline(t)
	c := inMemory(t).client(staging, virginia)
	createTable(ctx, t, c, simple("Live", false))
	spec := &types.TimeToLiveSpecification{AttributeName: aws.String("until"), Enabled: aws.Bool(true)}
	if _, err := c.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{TableName: aws.String("Live"), TimeToLiveSpecification: spec}); err != nil {
		t.Fatal(err)
	}
	out, err := c.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: aws.String("Live")})
	if err != nil || out.TimeToLiveDescription.TimeToLiveStatus != types.TimeToLiveStatusEnabled {
		t.Fatalf("DescribeTimeToLive: %v, %v", out, err)
	}
	now := int(time.Now().Unix())
	put(ctx, t, c, "Live", attributes{"id": str("past"), "until": num(now - 60)})
	put(ctx, t, c, "Live", attributes{"id": str("future"), "until": num(now + 3600)})
	eventually(t, "the expired item is gone", func() bool { return get(ctx, t, c, "Live", attributes{"id": str("past")}) == nil })
	if get(ctx, t, c, "Live", attributes{"id": str("future")}) == nil {
		t.Error("an item went before its time")
	}
	eventually(t, "one item is counted", func() bool {
		d, err := c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("Live")})
		return err == nil && *d.Table.ItemCount == 1 && *d.Table.TableSizeBytes > 0
	})
}
