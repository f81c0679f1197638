package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/demo/dataset"
)

// A mark is an item of a cell that only it writes, with a number that grows. A
// link ships a cell's writes in their order: where a mark is seen, all that the
// cell wrote before it is there.

// ownCountry is the partition of items that the story makes for itself. No
// country has this code (ISO 3166 leaves it to users).
const ownCountry = "QZ"

const markPrefix = ownCountry + "/MARK#"

const (
	lookEvery  = time.Millisecond // How often another cell is asked for a mark.
	probeEvery = 150 * time.Millisecond
)

type marks struct {
	mu   sync.Mutex
	last int64
}

func (m *marks) next() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last++
	return m.last
}

// mark writes a cell's mark and returns its number.
func (s *story) mark(ctx context.Context, c *cell) (int64, error) {
	n := s.marks.next()
	i := keyOf(markPrefix + c.name)
	i["n"] = num(n)
	if err := put(ctx, c, i); err != nil {
		return 0, err
	}
	return n, nil
}

// await waits until a cell sees a mark of another, and returns when it did.
func (s *story) await(ctx context.Context, at, of *cell, n int64) (time.Time, error) {
	for until := time.Now().Add(settleWithin); ; {
		i, err := get(ctx, at, markPrefix+of.name)
		now := time.Now()
		switch {
		case err != nil:
			return now, err
		case i.number("n") >= n:
			return now, nil
		case now.After(until):
			return now, fmt.Errorf("what %s wrote was not in %s after %s", of, at, clock.Words(settleWithin))
		}
		if err := pause(ctx, lookEvery); err != nil {
			return now, err
		}
	}
}

// settle waits until each of some cells has all that the others wrote so far,
// and returns how long that took.
func (s *story) settle(ctx context.Context, cells ...*cell) (time.Duration, error) {
	began := time.Now()
	numbers := map[*cell]int64{}
	for _, c := range cells {
		n, err := s.mark(ctx, c)
		if err != nil {
			return 0, err
		}
		numbers[c] = n
	}
	for _, at := range cells {
		for _, of := range cells {
			if _, err := s.await(ctx, at, of, numbers[of]); err != nil {
				return 0, err
			}
		}
	}
	return time.Since(began), nil
}

// probe measures for a time, for every direction, how long after the answer to
// a write another cell shows it.
func (s *story) probe(ctx context.Context, d time.Duration) (map[way][]time.Duration, error) {
	var mu sync.Mutex
	var failed error
	out := map[way][]time.Duration{}
	began := time.Now()
	var wg sync.WaitGroup
	for _, of := range s.cells() {
		wg.Go(func() {
			for time.Since(began) < d {
				s.report.elapsed(began, d)
				lags, err := s.probeOnce(ctx, of)
				mu.Lock()
				for w, lag := range lags {
					out[w] = append(out[w], lag)
				}
				failed = errors.Join(failed, err)
				mu.Unlock()
				if err != nil || pause(ctx, probeEvery) != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return out, errors.Join(failed, context.Cause(ctx))
}

func (s *story) probeOnce(ctx context.Context, of *cell) (map[way]time.Duration, error) {
	n, err := s.mark(ctx, of)
	if err != nil {
		return nil, err
	}
	answered := time.Now()
	var mu sync.Mutex
	var failed error
	out := map[way]time.Duration{}
	var wg sync.WaitGroup
	for _, at := range s.cells() {
		if at == of {
			continue
		}
		wg.Go(func() {
			seen, err := s.await(ctx, at, of, n)
			mu.Lock()
			defer mu.Unlock()
			out[way{of.name, at.name}] = seen.Sub(answered)
			failed = errors.Join(failed, err)
		})
	}
	wg.Wait()
	return out, failed
}

// put, get and del are single calls of the SDK.
func put(ctx context.Context, c *cell, i item) error {
	ctx, stop := context.WithTimeout(ctx, callWithin)
	defer stop()
	if _, err := c.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: tableName(), Item: i}); err != nil {
		return fmt.Errorf("PutItem in %s: %w", c, err)
	}
	return nil
}

func get(ctx context.Context, c *cell, key string) (item, error) {
	ctx, stop := context.WithTimeout(ctx, callWithin)
	defer stop()
	out, err := c.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: tableName(), Key: keyOf(key), ConsistentRead: awssdk.Bool(true)})
	if err != nil {
		return nil, fmt.Errorf("GetItem in %s: %w", c, err)
	}
	return out.Item, nil
}

func del(ctx context.Context, c *cell, key string) error {
	ctx, stop := context.WithTimeout(ctx, callWithin)
	defer stop()
	if _, err := c.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: tableName(), Key: keyOf(key)}); err != nil {
		return fmt.Errorf("DeleteItem in %s: %w", c, err)
	}
	return nil
}

// withoutMarks is what a scan found but for the story's marks, as canonical
// JSON.
func withoutMarks(items map[string]item) map[string]string {
	out := make(map[string]string, len(items))
	for key, i := range items {
		if i.text(dataset.PartitionKey) != ownCountry {
			out[key] = i.canonical()
		}
	}
	return out
}
