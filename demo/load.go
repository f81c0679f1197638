package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/demo/dataset"
	"github.com/hortusdb/hortus/hortusapi"
)

const (
	loaders   = 4
	batchSize = 25 // Items that one BatchWriteItem takes (documented).
	retries   = 10 // Of a batch's unprocessed items.
)

// airport is what the applications work on.
type airport struct {
	key, country, code, region, name string
}

// read unpacks the data set.
func (s *story) read() ([]item, error) {
	lines, err := dataset.Items()
	if err != nil {
		return nil, err
	}
	var items []item
	s.source = map[string]string{}
	n := 0
	for line := range lines {
		if n++; n%max(s.pace.Share, 1) != 0 {
			continue
		}
		i, err := parseItem(line)
		if err != nil {
			return nil, fmt.Errorf("data set: %w", err)
		}
		items = append(items, i)
		s.source[i.key()] = i.canonical()
		if code, ok := strings.CutPrefix(i.text(dataset.SortKey), "AIRPORT#"); ok {
			s.airports = append(s.airports, airport{i.key(), i.text(dataset.PartitionKey), code, i.text(indexPartition), i.text(indexSort)})
		}
	}
	return items, nil
}

// load has prod join the empty table, fills it in staging, and compares prod's
// replica with the data set.
func (s *story) load(ctx context.Context) error {
	items, err := s.read()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := s.join(ctx, s.prod); err != nil {
		return fmt.Errorf("CreateTable in prod with GlobalTableSourceArn: %w", err)
	}
	d, err := s.active(ctx, s.prod, nil)
	if err != nil {
		return err
	}
	s.report.verify(len(d.KeySchema) == 2 && len(d.GlobalSecondaryIndexes) == 1,
		fmt.Sprintf("prod joined by CreateTable with GlobalTableSourceArn, and inherited keys and index (%s)", duration(time.Since(began))),
		"2 keys, 1 index", fmt.Sprintf("%d keys, %d indexes", len(d.KeySchema), len(d.GlobalSecondaryIndexes)))
	if err := s.verifyReplicas(ctx, s.staging, s.prod); err != nil {
		return err
	}
	began = time.Now()
	if err := s.write(ctx, s.staging, items); err != nil {
		return err
	}
	took := time.Since(began)
	s.figures.load = took
	s.report.verify(true, fmt.Sprintf("%s items loaded in staging by BatchWriteItem, %d at a time: %s, %s items/s", count(len(items)), loaders,
		duration(took), count(int64(float64(len(items))/took.Seconds()))), "", "")
	lag, err := s.settle(ctx, s.staging, s.prod)
	if err != nil {
		return err
	}
	got, err := s.scan(ctx, s.prod)
	if err != nil {
		return err
	}
	diff := differences(s.source, withoutMarks(got), "the data set", "prod")
	s.report.verify(diff.n == 0, fmt.Sprintf("prod has every item of the data set as it is there, %s behind the load", duration(lag)),
		fmt.Sprintf("%s equal items", count(len(s.source))), diff.String())
	return nil
}

// write puts items into a cell by several workers, a batch a request.
func (s *story) write(ctx context.Context, c *cell, items []item) error {
	batches := make(chan []item)
	errs := make(chan error, loaders)
	var done atomic.Int64
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range loaders {
		wg.Go(func() {
			for batch := range batches {
				if err := putBatch(ctx, c, batch); err != nil {
					errs <- err
					cancel()
					return
				}
				s.report.progress(done.Add(int64(len(batch))), int64(len(items)), "items")
			}
		})
	}
	for batch := range slices.Chunk(items, batchSize) {
		select {
		case batches <- batch:
		case <-ctx.Done():
		}
	}
	close(batches)
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return ctx.Err()
	}
}

func putBatch(ctx context.Context, c *cell, batch []item) error {
	var requests []types.WriteRequest
	for _, i := range batch {
		requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: i}})
	}
	for range retries {
		out, err := c.db.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{dataset.TableName: requests},
		})
		if err != nil {
			return fmt.Errorf("BatchWriteItem in %s: %w", c, err)
		}
		if requests = out.UnprocessedItems[dataset.TableName]; len(requests) == 0 {
			return nil
		}
	}
	return fmt.Errorf("BatchWriteItem in %s: %d items are unprocessed after %d requests", c, len(requests), retries)
}

// seed has analytics join while applications write in the other two.
func (s *story) seed(ctx context.Context) error {
	work := s.start(ctx, s.staging, s.prod)
	if err := s.join(ctx, s.analytics); err != nil {
		_, stopped := work.stop()
		return fmt.Errorf("CreateTable in analytics with GlobalTableSourceArn: %w", errors.Join(err, stopped))
	}
	began, looked, states := time.Now(), time.Time{}, map[string]bool{}
	_, err := s.active(ctx, s.analytics, func() error {
		if time.Since(looked) < progressEvery {
			return nil
		}
		looked = time.Now()
		l, err := s.link(ctx, s.staging, s.analytics)
		if err != nil {
			return err
		}
		states[string(l.State)] = true
		s.report.progress(l.Seeded, int64(len(s.source)), "items seeded")
		return nil
	})
	took := time.Since(began)
	if err == nil {
		err = pause(ctx, workAfterSeed)
	}
	did, workErr := work.stop()
	if err := errors.Join(err, workErr); err != nil {
		return err
	}
	l, err := s.link(ctx, s.staging, s.analytics)
	if err != nil {
		return err
	}
	s.figures.seed, s.figures.seeded = took, l.Seeded
	s.report.verify(l.Seeded >= int64(len(s.source)),
		fmt.Sprintf("analytics was seeded with %s items in %s, %s items/s", count(l.Seeded), duration(took), count(int64(float64(l.Seeded)/took.Seconds()))),
		fmt.Sprintf("at least %s items", count(len(s.source))), count(l.Seeded))
	if err := s.verifyReplicas(ctx, s.cells()...); err != nil {
		return err
	}
	if _, err := s.settle(ctx, s.cells()...); err != nil {
		return err
	}
	got, err := s.scan(ctx, s.analytics)
	if err != nil {
		return err
	}
	return s.verifySeeded(got, did)
}

const (
	progressEvery = 25 * time.Millisecond
	workAfterSeed = 500 * time.Millisecond
)

// verifySeeded looks for the data set and for what was written meanwhile.
func (s *story) verifySeeded(got map[string]item, did work) error {
	missing := 0
	for key := range s.source {
		if got[key] == nil {
			missing++
		}
	}
	lost := s.ledger.missing(got)
	writes := did.total(writing)
	s.report.verify(missing == 0 && len(lost) == 0,
		fmt.Sprintf("analytics has all of it, and the %s writes of staging and prod meanwhile", count(writes)),
		"nothing is missing", fmt.Sprintf("%d items of the data set are missing, and of the writes %d: %s", missing, len(lost), firstOf(lost)))
	s.verifyWork(did)
	return nil
}

// link is the state of one direction of replication, as the Hortus service has
// it.
func (s *story) link(ctx context.Context, from, to *cell) (hortusapi.Replication, error) {
	links, err := s.links(ctx)
	if err != nil {
		return hortusapi.Replication{}, err
	}
	l, ok := links[way{from.name, to.name}]
	if !ok {
		return l, fmt.Errorf("DescribeReplication has no link from %s to %s", from.id, to.id)
	}
	return l, nil
}

func (s *story) links(ctx context.Context) (map[way]hortusapi.Replication, error) {
	var out hortusapi.ReplicationOutput
	if err := s.hortus.Call(ctx, "DescribeReplication", hortusapi.ReplicationInput{Table: dataset.TableName}, &out); err != nil {
		return nil, fmt.Errorf("DescribeReplication: %w", err)
	}
	names := map[string]string{}
	for _, c := range s.cells() {
		names[c.id.String()] = c.name
	}
	links := map[way]hortusapi.Replication{}
	for _, l := range out.Links {
		links[way{names[l.Source], names[l.Destination]}] = l
	}
	return links, nil
}

// way is a direction between two cells, by their names.
type way struct{ from, to string }

// ways lists all directions.
func (s *story) ways() []way {
	var out []way
	for _, from := range s.cells() {
		for _, to := range s.cells() {
			if from != to {
				out = append(out, way{from.name, to.name})
			}
		}
	}
	return out
}

func tableName() *string { return awssdk.String(dataset.TableName) }
