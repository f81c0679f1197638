//go:build conformance

package conformance

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// attributes is an item or a key as the SDK has it.
type attributes = map[string]types.AttributeValue

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func num(n int) types.AttributeValue    { return &types.AttributeValueMemberN{Value: fmt.Sprint(n)} }

// wantError wants an error of the service with a code, and words in its message.
func wantError(t testing.TB, err error, code, words string) {
	t.Helper()
	var e smithy.APIError
	switch {
	case err == nil:
		t.Errorf("no error, want %s: %s", code, words)
	case !errors.As(err, &e):
		t.Errorf("error %v, want %s: %s", err, code, words)
	case e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), words):
		t.Errorf("error %s: %s\nwant %s: %s", e.ErrorCode(), e.ErrorMessage(), code, words)
	}
}

// wantItem compares items.
func wantItem(t testing.TB, got, want attributes) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("item\n%s\nwant\n%s", show(got), show(want))
	}
}

// show prints an item.
func show(a attributes) string {
	if a == nil {
		return "none"
	}
	var b strings.Builder
	for k, v := range a {
		fmt.Fprintf(&b, "  %s: %s\n", k, showValue(v))
	}
	return b.String()
}

func showValue(v types.AttributeValue) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case *types.AttributeValueMemberM:
		return "{" + show(v.Value) + "}"
	case *types.AttributeValueMemberL:
		var out []string
		for _, e := range v.Value {
			out = append(out, showValue(e))
		}
		return "[" + strings.Join(out, ", ") + "]"
	}
	return fmt.Sprintf("%T %+v", v, reflect.ValueOf(v).Elem().Field(0))
}

// simple is the request for a table with a partition key id, and a sort key seq
// where it is sorted.
func simple(name string, sorted bool) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{
		TableName:            &name,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		BillingMode:          types.BillingModePayPerRequest,
	}
	if sorted {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String("seq"), AttributeType: types.ScalarAttributeTypeN})
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: aws.String("seq"), KeyType: types.KeyTypeRange})
	}
	return in
}

// createTable makes a table and waits until it exists, by the SDK's waiter.
func createTable(ctx context.Context, t testing.TB, c *dynamodb.Client, in *dynamodb.CreateTableInput) *types.TableDescription {
	t.Helper()
	out, err := c.CreateTable(ctx, in)
	if err != nil {
		t.Fatalf("CreateTable %s: %v", *in.TableName, err)
	}
	awaitTable(ctx, t, c, *in.TableName)
	return out.TableDescription
}

func awaitTable(ctx context.Context, t testing.TB, c *dynamodb.Client, name string) {
	t.Helper()
	waiter := dynamodb.NewTableExistsWaiter(c, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, time.Second
	})
	if err := waiter.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, testWithin); err != nil {
		t.Fatalf("table %s does not become active: %v", name, err)
	}
}

func put(ctx context.Context, t testing.TB, c *dynamodb.Client, table string, item attributes) {
	t.Helper()
	if _, err := c.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: item}); err != nil {
		t.Fatalf("PutItem: %v", err)
	}
}

// get reads an item consistently; nil where there is none.
func get(ctx context.Context, t testing.TB, c *dynamodb.Client, table string, key attributes) attributes {
	t.Helper()
	out, err := c.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatalf("GetItem: %v", err)
	}
	return out.Item
}

// scanAll reads a table, or one of its indexes, to the end.
func scanAll(ctx context.Context, t testing.TB, c *dynamodb.Client, table, index string) []attributes {
	t.Helper()
	in := &dynamodb.ScanInput{TableName: &table}
	if index != "" {
		in.IndexName = &index
	}
	var all []attributes
	for p := dynamodb.NewScanPaginator(c, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatalf("Scan: %v", err)
		}
		all = append(all, page.Items...)
	}
	return all
}

// putOnce writes item n of one partition without a retry.
func putOnce(ctx context.Context, c *dynamodb.Client, n int) error {
	_, err := c.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String("Orders"), Item: attributes{"id": str("1"), "seq": num(n)},
	}, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
	return err
}
