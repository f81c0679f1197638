//go:build conformance

package conformance

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The books: in two tables each node has accounts of its own, among which it moves
// amounts by transactions. So what they hold comes to nothing, and the transactions
// are numbered in both, wherever and whenever somebody looks.
var books = [2]string{"Assets", "Debts"}

const bookAccounts = 4 // Of each node, in each table.

func bookKey(owner *node, account int) attributes {
	return attributes{"id": str(fmt.Sprintf("%s/%d", owner.region, account))}
}

// bookNumber is the account in which an owner's transactions are numbered.
const bookNumber = bookAccounts

// bookkeeper moves amounts at its own node until done is closed. It returns how
// many transactions were acknowledged.
func bookkeeper(ctx context.Context, n *node, rng *rand.Rand, done <-chan struct{}) (acknowledged int) {
	c := n.client(func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
	add := func(table, account int, v int) types.TransactWriteItem {
		return types.TransactWriteItem{Update: &types.Update{
			TableName: &books[table], Key: bookKey(n, account),
			UpdateExpression: aws.String("ADD n :v"), ExpressionAttributeValues: attributes{":v": num(v)},
		}}
	}
	for {
		select {
		case <-done:
			return acknowledged
		default:
		}
		v := rng.IntN(100)
		from, to := rng.IntN(bookAccounts), rng.IntN(bookAccounts)
		try, stop := context.WithTimeout(ctx, 2*time.Second)
		_, err := c.TransactWriteItems(try, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			add(0, from, -v), add(1, to, v), add(0, bookNumber, 1), add(1, bookNumber, 1),
		}})
		stop()
		if err != nil {
			time.Sleep(20 * time.Millisecond) // Its node is gone.
			continue
		}
		acknowledged++
	}
}

// auditor looks at the accounts of all nodes, as one of them shows them.
type auditor struct {
	t    *testing.T
	at   *node
	all  []*node
	seen atomic.Int64 // Looks at an owner that had moved something.
}

func (a *auditor) run(ctx context.Context, done <-chan struct{}) {
	c := a.at.client(func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		default:
		}
		owner := a.all[i%len(a.all)]
		try, stop := context.WithTimeout(ctx, 2*time.Second)
		if !a.together(try, c, owner) || !a.inTurn(try, c, owner, i%2) {
			time.Sleep(20 * time.Millisecond) // Its node is gone.
		}
		stop()
	}
}

// together reads all accounts of an owner at once. It returns false when it cannot.
func (a *auditor) together(ctx context.Context, c *dynamodb.Client, owner *node) bool {
	var in dynamodb.TransactGetItemsInput
	for account := range bookAccounts + 1 {
		for i := range books {
			in.TransactItems = append(in.TransactItems, types.TransactGetItem{Get: &types.Get{TableName: &books[i], Key: bookKey(owner, account)}})
		}
	}
	out, err := c.TransactGetItems(ctx, &in)
	if err != nil {
		return false
	}
	sum := 0
	for _, r := range out.Responses[:2*bookAccounts] {
		sum += a.number(r.Item)
	}
	numbers := [2]int{a.number(out.Responses[2*bookNumber].Item), a.number(out.Responses[2*bookNumber+1].Item)}
	if sum != 0 || numbers[0] != numbers[1] {
		a.t.Errorf("%s shows of %s accounts that come to %d, numbered %v", a.at.region, owner.region, sum, numbers)
	}
	if numbers[0] > 0 {
		a.seen.Add(1)
	}
	return true
}

// inTurn reads the number in one table and then in the other: there it is as late,
// or later.
func (a *auditor) inTurn(ctx context.Context, c *dynamodb.Client, owner *node, first int) bool {
	var numbers [2]int
	for i, table := range []int{first, 1 - first} {
		out, err := c.GetItem(ctx, &dynamodb.GetItemInput{TableName: &books[table], Key: bookKey(owner, bookNumber)})
		if err != nil {
			return false
		}
		numbers[i] = a.number(out.Item)
	}
	if numbers[1] < numbers[0] {
		a.t.Errorf("%s shows number %d of %s in %s, and then %d in %s", a.at.region, numbers[0], owner.region, books[first], numbers[1], books[1-first])
	}
	return true
}

func (a *auditor) number(item attributes) int {
	v, ok := item["n"].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(v.Value)
	if err != nil {
		a.t.Error(err)
	}
	return n
}

// TestNodesAtomic: transactions over two tables become visible together in every
// node, while nodes are killed and started again and the ways between them are cut.
func TestNodesAtomic(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces, nil)
	var clients []*dynamodb.Client
	for _, table := range books {
		clients = m.join(ctx, table, types.Tag{Key: aws.String("hortus:transactions"), Value: aws.String("atomic")})
	}
	done := make(chan struct{})
	var running sync.WaitGroup
	acknowledged := make([]int, len(m.all))
	var auditors []*auditor
	for i, n := range m.all {
		rng := rand.New(rand.NewPCG(1, uint64(i)))
		running.Go(func() { acknowledged[i] = bookkeeper(ctx, n, rng, done) })
		a := &auditor{t: t, at: n, all: m.all}
		auditors = append(auditors, a)
		running.Go(func() { a.run(ctx, done) })
	}
	lasts(500 * time.Millisecond)
	for i := range m.all { // The one that writes, and those that show it.
		m.restart(i)
		lasts(300 * time.Millisecond)
	}
	for range 4 {
		for _, cut := range []bool{true, false} {
			for _, w := range m.ways {
				w.set(cut)
			}
			lasts(200 * time.Millisecond)
		}
	}
	close(done)
	running.Wait()
	for i, table := range books {
		converged(ctx, t, clients, table)
		for j, owner := range m.all {
			if got := auditors[0].number(get(ctx, t, clients[0], table, bookKey(owner, bookNumber))); got < acknowledged[j] || acknowledged[j] == 0 {
				t.Errorf("%s: %d transactions of %s, and %d were acknowledged", books[i], got, owner.region, acknowledged[j])
			}
		}
		for _, n := range m.all {
			for _, l := range m.links(ctx, n, table) {
				if l.Apart > 0 {
					t.Errorf("%s to %s showed %d transactions of %s in parts: %s", l.Source, l.Destination, l.Apart, table, l.ApartReason)
				}
			}
		}
	}
	for _, a := range auditors {
		if a.seen.Load() == 0 {
			t.Errorf("nothing was looked at in %s", a.at.region)
		}
		t.Logf("%s: %d looks", a.at.region, a.seen.Load())
	}
	t.Logf("%v transactions were acknowledged", acknowledged)
	m.end()
}
