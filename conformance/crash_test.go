//go:build conformance

package conformance

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Sizes of the load under which the server is killed.
const (
	defaultKills = 5
	writersEach  = 8  // Writers of each replica.
	keysEach     = 12 // Keys of each writer, written by it alone.
	counters     = 3  // Shared by all writers of a replica.
	longestRun   = 400 * time.Millisecond
)

// kills is how often the crash test kills the server.
func kills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("HORTUS_KILLS")
	if text == "" {
		return defaultKills
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("HORTUS_KILLS=%q: want a number of kills", text)
	}
	return n
}

// crashSeed is what HORTUS_SEED says, or a new one; it is printed. It decides
// what is written and when the server is killed, but not what the machine makes
// of that.
func crashSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("HORTUS_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("HORTUS_SEED=%d", seed)
	return seed
}

// TestCrash kills the server, again and again, while writers put, delete, count
// and write batches in two accounts that share a table and in a third table of
// one. After each start it wants
//
//   - for every key the value that was acknowledged last, or one that was in
//     flight when the server died;
//   - in every counter the increments that were acknowledged, and no more than
//     those in flight besides;
//   - in each index exactly what the table says;
//   - in both replicas, once they have talked, the same items.
func TestCrash(t *testing.T) {
	t.Parallel()
	seed := crashSeed(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	data := t.TempDir()
	w := newCrashWorld(t, rng)
	s := launch(t, "--data", data, "--durability", "sync")
	w.setUp(s)
	n := kills(t)
	for kill := range n {
		if t.Failed() {
			t.Fatalf("at kill %d of %d", kill, n)
		}
		w.load(s, time.Duration(rng.Int64N(int64(longestRun))))
		s.checkLog()
		s = launch(t, "--data", data, "--durability", "sync")
		w.check(s)
	}
	s.stop(os.Interrupt)
	s.checkLog()
	t.Logf("%d kills, %d writes acknowledged, %d in flight at a kill, %d of those took hold", n, w.acknowledged, w.inFlight, w.tookHold)
	if w.acknowledged == 0 || (n >= 20 && w.inFlight == 0) {
		t.Error("the load was none: no write acknowledged, or none in flight at any kill")
	}
}

// crashWorld is what is known of the server's data.
type crashWorld struct {
	t       *testing.T
	writers []*crashWriter
	counts  map[string]*count // By replica and counter.
	mu      sync.Mutex        // Guards counts while there is load.

	acknowledged, inFlight, tookHold int
}

// count is what is known of a counter.
type count struct{ acknowledged, inFlight int }

// crashWriter writes its own keys, one write at a time, in one replica.
type crashWriter struct {
	world   *crashWorld
	id      int
	member  place
	rng     *rand.Rand
	client  *dynamodb.Client
	next    int               // The value to write next.
	known   map[string]string // What was acknowledged last; "" for no item.
	pending map[string]string // What is in flight, or was at the kill.
	done    int
}

const (
	sharedTable = "Shared" // Of two accounts.
	ownTable    = "Own"    // Of the first alone.
)

var crashPlaces = []place{inStaging, inProd}

func newCrashWorld(t *testing.T, rng *rand.Rand) *crashWorld {
	w := &crashWorld{t: t, counts: map[string]*count{}}
	for i := range writersEach * len(crashPlaces) {
		m := crashPlaces[i%len(crashPlaces)]
		w.writers = append(w.writers, &crashWriter{
			world: w, id: i, member: m, rng: rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64())),
			known: map[string]string{}, pending: map[string]string{},
		})
	}
	for _, m := range crashPlaces {
		for i := range counters {
			w.counts[counterKey(m, i)] = &count{}
		}
	}
	return w
}

func counterKey(m place, i int) string { return fmt.Sprintf("%s/count/%d", m.account, i) }

func (w *crashWorld) setUp(s *server) {
	ctx := deadline(w.t)
	globalTable(ctx, w.t, s, crashTable(sharedTable), crashPlaces)
	createTable(ctx, w.t, s.client(staging, virginia), crashTable(ownTable))
}

// crashTable has a global index that items come into, move in, and go from.
func crashTable(name string) *dynamodb.CreateTableInput {
	in := simple(name, false)
	in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String("kind"), AttributeType: types.ScalarAttributeTypeS})
	in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{
		IndexName:  aws.String("by-kind"),
		KeySchema:  []types.KeySchemaElement{{AttributeName: aws.String("kind"), KeyType: types.KeyTypeHash}},
		Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
	}}
	return in
}

// load runs all writers for a while, then kills the server under them.
func (w *crashWorld) load(s *server, d time.Duration) {
	ctx, cancel := context.WithCancel(deadline(w.t))
	defer cancel()
	transport := &http.Transport{MaxIdleConnsPerHost: len(w.writers)}
	defer transport.CloseIdleConnections()
	var running sync.WaitGroup
	for _, writer := range w.writers {
		o := s.options(writer.member.account, writer.member.region)
		// A retry of what the server may have done would count twice.
		o.Retryer, o.HTTPClient = aws.NopRetryer{}, &http.Client{Transport: transport}
		writer.client = dynamodb.New(o)
		running.Go(func() { writer.run(ctx) })
	}
	time.Sleep(d)
	s.kill()
	running.Wait()
}

// run writes until a write fails, which is the server's death.
func (c *crashWriter) run(ctx context.Context) {
	for {
		var err error
		switch n := c.rng.IntN(10); {
		case n < 4:
			err = c.put(ctx, 1)
		case n < 6:
			err = c.put(ctx, 2+c.rng.IntN(keysEach-2))
		case n < 7:
			err = c.remove(ctx)
		default:
			err = c.add(ctx)
		}
		if err != nil {
			if text := err.Error(); strings.Contains(text, "api error") {
				c.world.t.Errorf("writer %d: %v", c.id, err)
			}
			return
		}
		c.done++
	}
}

// table of a key: that of the first account has some of its writers' keys.
func (c *crashWriter) table(key int) string {
	if c.member == inStaging && key%3 == 0 {
		return ownTable
	}
	return sharedTable
}

func (c *crashWriter) key(n int) string { return fmt.Sprintf("w%02d/%02d", c.id, n) }

// item is one of a value: its kind is in the index for two values of three.
func crashItem(key, value string) attributes {
	it := attributes{"id": str(key), "v": str(value), "pad": str(strings.Repeat("x", len(value)*50))}
	if n, err := strconv.Atoi(value); err == nil && n%3 != 0 {
		it["kind"] = str(fmt.Sprint("kind-", n%7))
	}
	return it
}

// put writes some keys: one alone, or several in a batch.
func (c *crashWriter) put(ctx context.Context, count int) error {
	batch := map[string][]types.WriteRequest{}
	for _, n := range c.rng.Perm(keysEach)[:count] {
		key := c.key(n)
		c.next++
		c.pending[key] = strconv.Itoa(c.next)
		batch[c.table(n)] = append(batch[c.table(n)], types.WriteRequest{PutRequest: &types.PutRequest{Item: crashItem(key, c.pending[key])}})
	}
	if count > 1 {
		out, err := c.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: batch})
		if err != nil {
			return err
		}
		if len(out.UnprocessedItems) > 0 {
			return fmt.Errorf("api error: unprocessed items")
		}
		c.settle()
		return nil
	}
	for table, one := range batch {
		if _, err := c.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: one[0].PutRequest.Item}); err != nil {
			return err
		}
	}
	c.settle()
	return nil
}

func (c *crashWriter) remove(ctx context.Context) error {
	n := c.rng.IntN(keysEach)
	c.pending[c.key(n)] = ""
	_, err := c.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String(c.table(n)), Key: attributes{"id": str(c.key(n))}})
	if err == nil {
		c.settle()
	}
	return err
}

// settle notes that what was pending was acknowledged.
func (c *crashWriter) settle() {
	maps.Copy(c.known, c.pending)
	clear(c.pending)
}

// add counts in a counter of the replica, which its writers share. A counter is
// written in one replica alone: across replicas the last writer would win.
func (c *crashWriter) add(ctx context.Context) error {
	w := c.world
	key := counterKey(c.member, c.rng.IntN(counters))
	w.mu.Lock()
	w.counts[key].inFlight++
	w.mu.Unlock()
	_, err := c.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(sharedTable), Key: attributes{"id": str(key)}, UpdateExpression: aws.String("ADD n :one SET kind = :kind"),
		ExpressionAttributeValues: attributes{":one": num(1), ":kind": str("counter")},
	})
	if err == nil {
		w.mu.Lock()
		w.counts[key].inFlight--
		w.counts[key].acknowledged++
		w.mu.Unlock()
	}
	return err
}

// check compares what the server has with what is known, and takes over which of
// the writes in flight took hold.
func (w *crashWorld) check(s *server) {
	t := w.t
	ctx := deadline(t)
	for _, m := range crashPlaces {
		c := s.client(m.account, m.region)
		got := valuesOf(w, scanAll(ctx, t, c, sharedTable, ""))
		w.checkIndex(ctx, c, sharedTable)
		if m == inStaging {
			maps.Copy(got, valuesOf(w, scanAll(ctx, t, c, ownTable, "")))
			w.checkIndex(ctx, c, ownTable)
		}
		for _, writer := range w.writers {
			if writer.member == m {
				writer.check(got)
			}
		}
		for i := range counters {
			w.checkCounter(counterKey(m, i), got)
		}
	}
	clients := []*dynamodb.Client{s.client(staging, virginia), s.client(prod, ireland)}
	converged(ctx, t, clients, sharedTable, "by-kind")
	// What came from the other replica has undone nothing.
	got := valuesOf(w, scanAll(ctx, t, clients[1], sharedTable, ""))
	for _, writer := range w.writers {
		for n := range keysEach {
			if key := writer.key(n); writer.table(n) == sharedTable && got[key] != writer.known[key] {
				t.Errorf("%s: value %q after the replicas have talked, and was %q", key, got[key], writer.known[key])
			}
		}
	}
}

// valuesOf maps keys to values; a counter's is its number.
func valuesOf(w *crashWorld, items []attributes) map[string]string {
	out := map[string]string{}
	for _, it := range items {
		key := it["id"].(*types.AttributeValueMemberS).Value
		switch v := it["v"].(type) {
		case *types.AttributeValueMemberS:
			out[key] = v.Value
			wantItem(w.t, it, crashItem(key, v.Value))
		default:
			out[key] = strings.Join(numbers([]attributes{it}, "n"), "")
		}
	}
	return out
}

// checkIndex wants in the index what the table has a kind for, and nothing else.
func (w *crashWorld) checkIndex(ctx context.Context, c *dynamodb.Client, table string) {
	// Replication goes on meanwhile: the two scans are of different moments, and
	// agree as soon as it is quiet.
	var missing []string
	eventuallyQuiet(w.t, func() bool {
		base := byKey(w.t, slices.DeleteFunc(scanAll(ctx, w.t, c, table, ""), func(it attributes) bool { return it["kind"] == nil }))
		index := byKey(w.t, scanAll(ctx, w.t, c, table, "by-kind"))
		missing = missing[:0]
		for key, it := range base {
			if !reflect.DeepEqual(it, index[key]) {
				missing = append(missing, key+" is not so in the index")
			}
		}
		for key := range index {
			if base[key] == nil {
				missing = append(missing, key+" is in the index and not in the table")
			}
		}
		return len(missing) == 0
	}, func() string { return table + ": " + strings.Join(missing, ", ") })
}

// eventuallyQuiet is eventually with a word of its own on failure.
func eventuallyQuiet(t testing.TB, ok func() bool, why func() string) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(end) {
			t.Error(why())
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// check holds the writer's keys to what it knows of them.
func (c *crashWriter) check(got map[string]string) {
	c.world.acknowledged += c.done
	c.done = 0
	for n := range keysEach {
		key := c.key(n)
		pending, flies := c.pending[key]
		switch v := got[key]; {
		case flies && v == pending:
			c.world.inFlight++
			c.world.tookHold++
			c.known[key] = v
		case v == c.known[key]:
			if flies {
				c.world.inFlight++
			}
		default:
			c.world.t.Errorf("%s in %s: value %q; acknowledged was %q, in flight %q (%t)", key, c.member.region, v, c.known[key], pending, flies)
		}
	}
	clear(c.pending)
}

func (w *crashWorld) checkCounter(key string, got map[string]string) {
	c := w.counts[key]
	n := 0
	if text := got[key]; text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			w.t.Errorf("counter %s is %q", key, text)
		}
	}
	if n < c.acknowledged || n > c.acknowledged+c.inFlight {
		w.t.Errorf("counter %s is %d; %d increments were acknowledged and %d in flight", key, n, c.acknowledged, c.inFlight)
	}
	w.inFlight += c.inFlight
	w.tookHold += n - c.acknowledged
	c.acknowledged, c.inFlight = n, 0
}
