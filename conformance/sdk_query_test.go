//go:build conformance

package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// ordersTable makes an indexed table with 4 buyers' 25 orders each.
func ordersTable(ctx context.Context, t *testing.T, c *dynamodb.Client) {
	t.Helper()
	createTable(ctx, t, c, indexed("Orders"))
	for buyer := range 4 {
		var batch []types.WriteRequest
		for i := range 25 {
			batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: attributes{
				"id": str(fmt.Sprint("shop-", i%2)), "seq": num(buyer*25 + i), "buyer": str(fmt.Sprint("buyer-", buyer)),
				"weight": num(100 - i), "note": str("note"), "other": str("other"),
			}}})
		}
		write(ctx, t, c, map[string][]types.WriteRequest{"Orders": batch})
	}
	// In no index: it has neither buyer nor weight.
	put(ctx, t, c, "Orders", attributes{"id": str("shop-9"), "seq": num(-1)})
}

// numbers picks a number attribute out of items.
func numbers(items []attributes, name string) []string {
	var out []string
	for _, it := range items {
		if n, ok := it[name].(*types.AttributeValueMemberN); ok {
			out = append(out, n.Value)
		}
	}
	return out
}

func TestSDKQuery(t *testing.T) {
	ctx := deadline(t)
	c := inMemory(t).client(staging, virginia)
	ordersTable(ctx, t, c)
	query := func(in dynamodb.QueryInput) (all []attributes, pages int) {
		t.Helper()
		in.TableName = aws.String("Orders")
		for p := dynamodb.NewQueryPaginator(c, &in); p.HasMorePages(); pages++ {
			page, err := p.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, page.Items...)
		}
		return all, pages
	}
	got, _ := query(dynamodb.QueryInput{
		KeyConditionExpression: aws.String("id = :id AND seq BETWEEN :a AND :b"),

		ExpressionAttributeValues: attributes{":id": str("shop-0"), ":a": num(2), ":b": num(9)},
	})
	if n := numbers(got, "seq"); !slices.Equal(n, []string{"2", "4", "6", "8"}) {
		t.Errorf("BETWEEN: %v", n)
	}
	got, pages := query(dynamodb.QueryInput{
		KeyConditionExpression: aws.String("id = :id"), ScanIndexForward: aws.Bool(false), Limit: aws.Int32(20),
		FilterExpression:          aws.String("buyer = :o"),
		ExpressionAttributeValues: attributes{":id": str("shop-1"), ":o": str("buyer-3")},
	})
	if n := numbers(got, "seq"); len(n) != 12 || n[0] != "98" || n[11] != "76" || pages != 3 {
		t.Errorf("backward with a filter: %v in %d pages", n, pages)
	}
	got, _ = query(dynamodb.QueryInput{
		IndexName: aws.String("by-weight"), KeyConditionExpression: aws.String("id = :id AND weight < :s"), ConsistentRead: aws.Bool(true),
		ExpressionAttributeValues: attributes{":id": str("shop-0"), ":s": num(80)},
	})
	if n := numbers(got, "weight"); !slices.Equal(n, []string{"76", "76", "76", "76", "78", "78", "78", "78"}) || got[0]["note"] != nil {
		t.Errorf("local index: %v, first %s", n, show(got[0]))
	}
	got, _ = query(dynamodb.QueryInput{
		IndexName: aws.String("by-buyer"), KeyConditionExpression: aws.String("buyer = :o"),
		ExpressionAttributeValues: attributes{":o": str("buyer-2")}, Limit: aws.Int32(7),
	})
	if n := numbers(got, "seq"); len(n) != 25 || n[0] != "50" || n[24] != "74" || got[0]["note"] == nil || got[0]["other"] != nil {
		t.Errorf("global index: %v, first %s", n, show(got[0]))
	}
	count, err := c.Query(ctx, &dynamodb.QueryInput{
		TableName: aws.String("Orders"), Select: types.SelectCount, KeyConditionExpression: aws.String("id = :id"),
		ExpressionAttributeValues: attributes{":id": str("shop-0")},
	})
	if err != nil || count.Count != 52 || count.Items != nil {
		t.Errorf("count: %+v, %v", count, err)
	}
	_, err = c.Query(ctx, &dynamodb.QueryInput{TableName: aws.String("Orders"), KeyConditionExpression: aws.String("seq = :a"), ExpressionAttributeValues: attributes{":a": num(1)}})
	wantError(t, err, "ValidationException", "Query condition missed key schema element: id")
	_, err = c.Query(ctx, &dynamodb.QueryInput{TableName: aws.String("Orders"), IndexName: aws.String("none"), KeyConditionExpression: aws.String("id = :a"), ExpressionAttributeValues: attributes{":a": str("1")}})
	wantError(t, err, "ValidationException", "The table does not have the specified index: none")
}

func TestSDKScan(t *testing.T) {
	ctx := deadline(t)
	c := inMemory(t).client(staging, virginia)
	ordersTable(ctx, t, c)
	if all := scanAll(ctx, t, c, "Orders", ""); len(all) != 101 {
		t.Errorf("Scan: %d items, want 101", len(all))
	}
	for _, index := range []string{"by-buyer", "by-weight"} {
		if all := scanAll(ctx, t, c, "Orders", index); len(all) != 100 {
			t.Errorf("Scan of %s: %d items, want 100", index, len(all))
		}
	}
	const segments = 8
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[string]int{}
	for segment := range segments {
		wg.Go(func() {
			in := &dynamodb.ScanInput{TableName: aws.String("Orders"), Segment: aws.Int32(int32(segment)), TotalSegments: aws.Int32(segments), Limit: aws.Int32(5)}
			for p := dynamodb.NewScanPaginator(c, in); p.HasMorePages(); {
				page, err := p.NextPage(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, n := range numbers(page.Items, "seq") {
					seen[n]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for n, times := range seen {
		if times != 1 {
			t.Errorf("parallel scan: item %s %d times", n, times)
		}
	}
	if len(seen) != 101 {
		t.Errorf("parallel scan: %d items, want 101", len(seen))
	}
	out, err := c.Scan(ctx, &dynamodb.ScanInput{
		TableName: aws.String("Orders"), FilterExpression: aws.String("weight >= :s AND begins_with(buyer, :o)"),
		ExpressionAttributeValues: attributes{":s": num(99), ":o": str("buyer-")},
	})
	if err != nil || out.Count != 8 || out.ScannedCount != 101 {
		t.Errorf("Scan with a filter: %+v, %v", out, err)
	}
	_, err = c.Scan(ctx, &dynamodb.ScanInput{TableName: aws.String("Orders"), Segment: aws.Int32(4), TotalSegments: aws.Int32(4)})
	wantError(t, err, "ValidationException", "Segment")
}

// TestSDKPagesBySize reads more than the 1 MB of a page.
func TestSDKPagesBySize(t *testing.T) {
	ctx := deadline(t)
	c := inMemory(t).client(staging, virginia)
	createTable(ctx, t, c, simple("Big", true))
	for i := range 30 {
		put(ctx, t, c, "Big", attributes{"id": str("one"), "seq": num(i), "text": str(strings.Repeat("x", 100_000))})
	}
	in := &dynamodb.QueryInput{TableName: aws.String("Big"), KeyConditionExpression: aws.String("id = :id"), ExpressionAttributeValues: attributes{":id": str("one")}}
	var sizes []int
	for p := dynamodb.NewQueryPaginator(c, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(page.Items))
	}
	// The item that passes the megabyte is still in the page (recorded).
	if !slices.Equal(sizes, []int{11, 11, 8}) {
		t.Errorf("pages of %v items, want 11, 11 and 8", sizes)
	}
}
