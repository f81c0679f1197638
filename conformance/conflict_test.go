//go:build conformance

package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// conflictClients are at the same two items, each until it has met a conflict of its
// kind, and at least that often.
const (
	conflictClients = 3 // Of each kind.
	conflictEach    = 20
)

const ongoingText = "Transaction is ongoing for the item"

// conflictKind is one way to write or read the items.
type conflictKind struct {
	name string
	run  func(ctx context.Context, c *dynamodb.Client) error
	adds [2]int // To each counter, when it is done.
}

func counterOf(i int) *types.Update {
	return &types.Update{
		TableName: aws.String("Hot"), Key: attributes{"id": str(fmt.Sprint("c", i))},
		UpdateExpression: aws.String("ADD n :n"), ExpressionAttributeValues: attributes{":n": num(1)},
	}
}

func conflictKinds() []conflictKind {
	first, second := counterOf(0), counterOf(1)
	return []conflictKind{
		{"TransactWriteItems", func(ctx context.Context, c *dynamodb.Client) error {
			_, err := c.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Update: first}, {Update: second}}})
			return err
		}, [2]int{1, 1}},
		{"TransactGetItems", func(ctx context.Context, c *dynamodb.Client) error {
			_, err := c.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
				{Get: &types.Get{TableName: first.TableName, Key: second.Key}}, {Get: &types.Get{TableName: first.TableName, Key: first.Key}},
			}})
			return err
		}, [2]int{}},
		{"UpdateItem", func(ctx context.Context, c *dynamodb.Client) error {
			_, err := c.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: first.TableName, Key: first.Key, UpdateExpression: first.UpdateExpression, ExpressionAttributeValues: first.ExpressionAttributeValues})
			return err
		}, [2]int{1, 0}},
		{"ExecuteStatement", func(ctx context.Context, c *dynamodb.Client) error {
			_, err := c.ExecuteStatement(ctx, &dynamodb.ExecuteStatementInput{Statement: aws.String(`UPDATE "Hot" SET m = 1 WHERE id = 'c1'`)})
			return err
		}, [2]int{}},
	}
}

// conflictOf reports whether a refusal is AWS's for a conflict; any other error is
// returned.
func conflictOf(err error) (bool, error) {
	var single *types.TransactionConflictException
	if errors.As(err, &single) && single.ErrorMessage() == ongoingText {
		return true, nil
	}
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) {
		return false, err
	}
	met := false
	for _, r := range canceled.CancellationReasons {
		switch aws.ToString(r.Code) {
		case "None":
		case "TransactionConflict":
			if met = true; aws.ToString(r.Message) != ongoingText {
				return false, err
			}
		default:
			return false, err
		}
	}
	if !met {
		return false, err
	}
	return true, nil
}

// TestServerConflicts: on a disk, where a commit takes the time of a sync, clients at
// the same items meet conflicts of every kind; what was refused did nothing, and what
// was done counts once.
func TestServerConflicts(t *testing.T) {
	ctx, s := deadline(t), launch(t, "--data", t.TempDir(), "--durability", "sync")
	createTable(ctx, t, s.client(staging, virginia), simple("Hot", false))
	for i := range 2 { // Statements update only what is there.
		if _, err := s.client(staging, virginia).PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("Hot"), Item: attributes{"id": str(fmt.Sprint("c", i)), "n": num(0)}}); err != nil {
			t.Fatal(err)
		}
	}
	var want [2]atomic.Int64
	kinds := conflictKinds()
	met := make([]atomic.Int64, len(kinds))
	all := func() bool {
		for i := range met {
			if met[i].Load() == 0 {
				return false
			}
		}
		return true
	}
	var running sync.WaitGroup
	for i, k := range kinds {
		for range conflictClients {
			o := s.options(staging, virginia)
			o.Retryer = aws.NopRetryer{}
			c := dynamodb.New(o)
			running.Go(func() {
				for n := 0; (n < conflictEach || !all()) && ctx.Err() == nil; n++ {
					err := k.run(ctx, c)
					conflict, err := conflictOf(err)
					switch {
					case err != nil:
						t.Errorf("%s: %v", k.name, err)
						return
					case conflict:
						met[i].Add(1)
					default:
						want[0].Add(int64(k.adds[0]))
						want[1].Add(int64(k.adds[1]))
					}
				}
			})
		}
	}
	running.Wait()
	for i, k := range kinds {
		t.Logf("%s met %d conflicts", k.name, met[i].Load())
		if met[i].Load() == 0 {
			t.Errorf("%s met none", k.name)
		}
	}
	for i := range want {
		got, err := s.client(staging, virginia).GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("Hot"), Key: counterOf(i).Key, ConsistentRead: aws.Bool(true)})
		if err != nil {
			t.Fatal(err)
		}
		if n := linearValue(got.Item); n != int(want[i].Load()) {
			t.Errorf("counter %d is %d, want %d", i, n, want[i].Load())
		}
	}
	s.stop(os.Interrupt)
	s.checkLog()
}

// TestServerTokensAtOnce: of calls with one token at once, one is done; the others are
// told that it is in progress, or that it is done.
func TestServerTokensAtOnce(t *testing.T) {
	ctx, s := deadline(t), launch(t, "--data", t.TempDir(), "--durability", "sync")
	createTable(ctx, t, s.client(staging, virginia), simple("Hot", false))
	o := s.options(staging, virginia)
	o.Retryer = aws.NopRetryer{}
	c := dynamodb.New(o)
	rounds, waiting := 0, atomic.Int64{}
	for ; rounds < conflictEach || waiting.Load() == 0 && ctx.Err() == nil; rounds++ {
		var running sync.WaitGroup
		var done atomic.Int64
		for range 2 * conflictClients {
			running.Go(func() {
				_, err := c.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
					TransactItems: []types.TransactWriteItem{{Update: counterOf(0)}}, ClientRequestToken: aws.String(fmt.Sprint("round ", rounds)),
				})
				var inProgress *types.TransactionInProgressException
				switch {
				case err == nil:
					done.Add(1)
				case errors.As(err, &inProgress):
					waiting.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		running.Wait()
		if done.Load() == 0 {
			t.Fatalf("round %d: nobody was told that it is done", rounds)
		}
	}
	if waiting.Load() == 0 {
		t.Error("no call was told that another is in progress")
	}
	got, err := c.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("Hot"), Key: counterOf(0).Key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	if n := linearValue(got.Item); n != rounds {
		t.Errorf("the counter is %d after %d rounds", n, rounds)
	}
	s.stop(os.Interrupt)
	s.checkLog()
}
