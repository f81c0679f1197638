//go:build conformance

package conformance

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestSDKCapacity holds a server with --throttle and --pace to what the SDK makes
// of it: its waiters see tables come and go, its retries see a refusal as one that
// passes, and the errors have their types and reasons.
func TestSDKCapacity(t *testing.T) {
	ctx := deadline(t)
	c := start(t, "--memory", "--throttle", "--pace", "300ms").client(staging, virginia)
	once := func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }
	in := simple("Slow", false)
	in.BillingMode = types.BillingModeProvisioned
	in.ProvisionedThroughput = &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(1), WriteCapacityUnits: aws.Int64(2)}
	if _, err := c.CreateTable(ctx, in); err != nil {
		t.Fatal(err)
	}
	write := func(n int, options ...func(*dynamodb.Options)) error {
		_, err := c.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: aws.String("Slow"), Item: attributes{"id": str(fmt.Sprint(n))},
		}, options...)
		return err
	}
	wait := func() {
		w := dynamodb.NewTableExistsWaiter(c, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 50 * time.Millisecond })
		if err := w.Wait(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("Slow")}, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	wait()

	var refused *types.ProvisionedThroughputExceededException
	written := 0
	for ; written < 5000; written++ {
		if err := write(written, once); errors.As(err, &refused) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	switch {
	case refused == nil || written < 600: // Five minutes of two units, and what came in.
		t.Fatalf("refused after %d writes: %v", written, refused)
	case len(refused.ThrottlingReasons) != 1 || *refused.ThrottlingReasons[0].Reason != "TableWriteProvisionedThroughputExceeded" ||
		*refused.ThrottlingReasons[0].Resource != "arn:aws:dynamodb:us-east-1:111111111111:table/Slow":
		t.Errorf("reasons: %+v", refused.ThrottlingReasons)
	}
	patient := func(o *dynamodb.Options) {
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) { s.MaxAttempts = 10 })
	}
	if err := write(written, patient); err != nil {
		t.Errorf("the SDK's retries do not get through: %v", err)
	}

	if _, err := c.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String("Slow")}); err != nil {
		t.Fatal(err)
	}
	out, err := c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("Slow")})
	if err == nil && (out.Table.TableStatus != types.TableStatusDeleting || out.Table.KeySchema != nil) {
		t.Errorf("after DeleteTable: %s, key %v", out.Table.TableStatus, out.Table.KeySchema)
	}
	gone := dynamodb.NewTableNotExistsWaiter(c, func(o *dynamodb.TableNotExistsWaiterOptions) { o.MinDelay = 50 * time.Millisecond })
	if err := gone.Wait(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("Slow")}, time.Minute); err != nil {
		t.Error(err)
	}
}
