// Command go tries guregu/dynamo against a running Hortus: a table with an index
// and expiry, puts, queries with pages, conditional updates, transactions and
// batches. It prints "ok" when all went as it should.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/guregu/dynamo/v2"
)

type reading struct {
	Station string    `dynamo:",hash" index:"by-kind,range"`
	At      time.Time `dynamo:",range"`
	Kind    string    `index:"by-kind,hash"`
	Value   float64
	Tags    []string          `dynamo:",set"`
	Notes   map[string]string `dynamo:",omitempty"`
	Expires time.Time         `dynamo:",unixtime,omitempty"`
}

type counter struct {
	Name string `dynamo:",hash"`
	N    int
}

func main() {
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

func run(ctx context.Context, endpoint string) error {
	db := dynamo.New(aws.Config{Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("111111111111", "any", "")},
		func(o *dynamodb.Options) { o.BaseEndpoint = &endpoint })
	if err := db.CreateTable("orm-dynamo", reading{}).OnDemand(true).Wait(ctx); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if err := db.CreateTable("orm-dynamo-counters", counter{}).OnDemand(true).Wait(ctx); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	readings, counters := db.Table("orm-dynamo"), db.Table("orm-dynamo-counters")
	if err := readings.UpdateTTL("Expires", true).Run(ctx); err != nil {
		return fmt.Errorf("expiry: %w", err)
	}
	if d, err := readings.DescribeTTL().Run(ctx); err != nil || d.Attribute != "Expires" {
		return fmt.Errorf("expiry is %+v, %w", d, err)
	}
	if d, err := readings.Describe().Run(ctx); err != nil || d.Status != dynamo.ActiveStatus || len(d.GSI) != 1 {
		return fmt.Errorf("the table is %+v, %w", d, err)
	}
	for _, try := range []func(context.Context, dynamo.Table) error{items, pages, updates} {
		if err := try(ctx, readings); err != nil {
			return err
		}
	}
	return transactions(ctx, db, readings, counters)
}

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func made(station string, i int) reading {
	return reading{Station: station, At: begin.Add(time.Duration(i) * time.Minute), Kind: []string{"wind", "rain"}[i%2], Value: float64(i) / 2, Tags: []string{"a", "b"}, Expires: time.Now().Add(time.Hour)}
}

// items puts, gets and writes batches.
func items(ctx context.Context, t dynamo.Table) error {
	one := made("oslo", 0)
	one.Notes = map[string]string{"by": "ada"}
	if err := t.Put(one).If("attribute_not_exists('Station')").Run(ctx); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	if err := t.Put(one).If("attribute_not_exists('Station')").Run(ctx); !dynamo.IsCondCheckFailed(err) {
		return fmt.Errorf("a put of what is there: %w", err)
	}
	var got reading
	if err := t.Get("Station", "oslo").Range("At", dynamo.Equal, one.At).Consistent(true).One(ctx, &got); err != nil {
		return fmt.Errorf("get: %w", err)
	}
	if got.Value != one.Value || got.Notes["by"] != "ada" || len(got.Tags) != 2 || !got.At.Equal(one.At) {
		return fmt.Errorf("got %+v, want %+v", got, one)
	}
	if err := t.Get("Station", "rome").Range("At", dynamo.Equal, one.At).One(ctx, &got); !errors.Is(err, dynamo.ErrNotFound) {
		return fmt.Errorf("a get of nothing: %w", err)
	}
	var many []any
	for i := 1; i < 60; i++ {
		many = append(many, made("oslo", i))
	}
	if n, err := t.Batch("Station", "At").Write().Put(many...).Run(ctx); n != 59 || err != nil {
		return fmt.Errorf("%d written in batches, %w", n, err)
	}
	var some []reading
	keys := []dynamo.Keyed{dynamo.Keys{"oslo", made("", 3).At}, dynamo.Keys{"oslo", made("", 59).At}, dynamo.Keys{"oslo", made("", 77).At}}
	if err := t.Batch("Station", "At").Get(keys...).All(ctx, &some); err != nil || len(some) != 2 {
		return fmt.Errorf("%d got in a batch, %w", len(some), err)
	}
	return nil
}

// pages reads the table and its index in pages.
func pages(ctx context.Context, t dynamo.Table) error {
	var all []reading
	var next dynamo.PagingKey
	for {
		q := t.Get("Kind", "rain").Index("by-kind").SearchLimit(7).Order(dynamo.Descending).StartFrom(next).Iter()
		for r := (reading{}); q.Next(ctx, &r); r = (reading{}) {
			all = append(all, r)
		}
		if q.Err() != nil {
			return fmt.Errorf("query: %w", q.Err())
		}
		var err error
		if next, err = q.LastEvaluatedKey(ctx); err != nil {
			return fmt.Errorf("last key: %w", err)
		}
		if next == nil {
			break
		}
	}
	if len(all) != 30 {
		return fmt.Errorf("%d in the index, want 30", len(all))
	}
	var few []reading
	err := t.Get("Station", "oslo").Range("At", dynamo.Between, made("", 10).At, made("", 19).At).Filter("'Value' > ? AND contains($, ?)", 7.0, "Tags", "a").All(ctx, &few)
	if err != nil || len(few) != 5 {
		return fmt.Errorf("%d between, %w", len(few), err)
	}
	if n, err := t.Scan().Filter("'Kind' = ?", "wind").Count(ctx); n != 30 || err != nil {
		return fmt.Errorf("%d counted, %w", n, err)
	}
	return nil
}

// updates changes one item, under conditions.
func updates(ctx context.Context, t dynamo.Table) error {
	var now, old reading
	change := t.Update("Station", "oslo").Range("At", begin).Add("Value", 2.5).AddStringsToSet("Tags", "c").Set("Notes.seen", "yes").If("'Value' = ?", 0)
	if err := change.Value(ctx, &now); err != nil || now.Value != 2.5 || now.Notes["seen"] != "yes" || len(now.Tags) != 3 {
		return fmt.Errorf("updated to %+v, %w", now, err)
	}
	if err := change.Run(ctx); !dynamo.IsCondCheckFailed(err) {
		return fmt.Errorf("an update whose condition fails: %w", err)
	}
	if err := t.Delete("Station", "oslo").Range("At", made("", 59).At).OldValue(ctx, &old); err != nil || old.Value != 29.5 {
		return fmt.Errorf("deleted %+v, %w", old, err)
	}
	return nil
}

// transactions change both tables, or neither.
func transactions(ctx context.Context, db *dynamo.DB, t, counters dynamo.Table) error {
	if err := counters.Put(counter{"oslo", 0}).Run(ctx); err != nil {
		return err
	}
	add := func(i int) *dynamo.WriteTx {
		return db.WriteTx().Idempotent(true).
			Update(counters.Update("Name", "oslo").Add("N", 1)).
			Put(t.Put(made("rome", i)).If("attribute_not_exists('Station')")).
			Check(t.Check("Station", "oslo").Range("At", begin).IfExists())
	}
	for i, refused := range []bool{false, true} {
		err := add(0).Run(ctx)
		if refused && !dynamo.IsCondCheckFailed(err) || !refused && err != nil {
			return fmt.Errorf("transaction %d: %w", i, err)
		}
	}
	var c counter
	var r reading
	err := db.GetTx().GetOne(counters.Get("Name", "oslo"), &c).GetOne(t.Get("Station", "rome").Range("At", dynamo.Equal, begin), &r).Run(ctx)
	if err != nil || c.N != 1 || r.Station != "rome" {
		return fmt.Errorf("the transactions left %+v and %+v, %w", c, r, err)
	}
	return nil
}
