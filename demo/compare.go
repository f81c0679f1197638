package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	segments = 4  // Of a parallel Scan.
	regions  = 12 // Whose airports are queried by the index: those with the most items.
)

// scan reads a replica whole, by a parallel Scan.
func (s *story) scan(ctx context.Context, c *cell) (map[string]item, error) {
	var mu sync.Mutex
	var failed error
	all := map[string]item{}
	var wg sync.WaitGroup
	for n := range segments {
		wg.Go(func() {
			pages := dynamodb.NewScanPaginator(c.db, &dynamodb.ScanInput{
				TableName: tableName(), ConsistentRead: awssdk.Bool(true),
				Segment: awssdk.Int32(int32(n)), TotalSegments: awssdk.Int32(segments),
			})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				mu.Lock()
				if err != nil {
					failed = errors.Join(failed, fmt.Errorf("scan in %s: %w", c, err))
					mu.Unlock()
					return
				}
				for _, i := range page.Items {
					all[item(i).key()] = i
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return all, failed
}

// difference is what two replicas disagree on.
type difference struct {
	n     int
	first string // One of them, in words.
}

func (d difference) String() string {
	if d.n == 0 {
		return "no difference"
	}
	return fmt.Sprintf("%s differences; the first: %s", count(d.n), d.first)
}

// differences compares canonical items by key.
func differences(a, b map[string]string, nameA, nameB string) difference {
	var d difference
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if a[key] == b[key] {
			continue
		}
		if d.n == 0 {
			d.first = fmt.Sprintf("%s is %s in %s, and %s in %s", key, shorten(cmp.Or(a[key], "nothing"), width), nameA, shorten(cmp.Or(b[key], "nothing"), width), nameB)
		}
		d.n++
	}
	return d
}

// compare verifies that the three replicas are equal, hold all that was
// acknowledged, and have equal indexes.
func (s *story) compare(ctx context.Context) error {
	replicas, err := s.scanAll(ctx)
	if err != nil {
		return err
	}
	lost := 0
	fault := ""
	for n, c := range s.cells() {
		if missing := s.ledger.missing(replicas[n]); len(missing) > 0 {
			lost += len(missing)
			fault = fmt.Sprintf("; %s in %s", missing[0], c)
		}
	}
	s.report.verify(lost == 0, fmt.Sprintf("each of the %s items that an application put and was told of is in all three", count(len(s.ledger.entries))),
		"none is missing", fmt.Sprintf("%d are missing%s", lost, fault))
	untouched := map[string]string{}
	for key, text := range s.source {
		if replicas[0][key] == nil || replicas[0][key]["visits"] == nil {
			untouched[key] = text
		}
	}
	got := map[string]string{}
	for key := range untouched {
		if i := replicas[0][key]; i != nil {
			got[key] = i.canonical()
		}
	}
	d := differences(untouched, got, "the data set", "staging")
	s.report.verify(d.n == 0, fmt.Sprintf("the %s items that nobody visited are as the data set has them", count(len(untouched))), "no difference", d.String())
	return s.verifyIndex(ctx, replicas[0])
}

// scanAll scans the three replicas and verifies that they are equal.
func (s *story) scanAll(ctx context.Context) ([3]map[string]item, error) {
	var replicas [3]map[string]item
	var texts [3]map[string]string
	var errs [3]error
	if _, err := s.settle(ctx, s.cells()...); err != nil {
		return replicas, err
	}
	var wg sync.WaitGroup
	for n, c := range s.cells() {
		wg.Go(func() {
			replicas[n], errs[n] = s.scan(ctx, c)
			texts[n] = map[string]string{}
			for key, i := range replicas[n] {
				texts[n][key] = i.canonical()
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return replicas, err
	}
	d := differences(texts[0], texts[1], s.staging.name, s.prod.name)
	if d.n == 0 {
		d = differences(texts[0], texts[2], s.staging.name, s.analytics.name)
	}
	s.figures.items = len(texts[0])
	s.report.verify(d.n == 0 && len(texts[0]) > 0, fmt.Sprintf("three parallel scans, %s items each: equal, item by item", count(len(texts[0]))),
		"no difference", fmt.Sprintf("%s (%d, %d, %d items)", d, len(texts[0]), len(texts[1]), len(texts[2])))
	return replicas, nil
}

// verifyIndex verifies in each cell that a Query on the index finds what the
// table has.
func (s *story) verifyIndex(ctx context.Context, table map[string]item) error {
	want := map[string]map[string]string{}
	for key, i := range table {
		if i[indexPartition] == nil || i[indexSort] == nil {
			continue
		}
		r := i.text(indexPartition)
		if want[r] == nil {
			want[r] = map[string]string{}
		}
		want[r][key] = i.canonical()
	}
	largest := slices.SortedFunc(maps.Keys(want), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(want[b]), len(want[a])), cmp.Compare(a, b))
	})
	found := 0
	var d difference
	for _, c := range s.cells() {
		for _, r := range largest[:min(regions, len(largest))] {
			got, err := queryIndex(ctx, c, r)
			if err != nil {
				return err
			}
			found += len(got)
			if one := differences(want[r], got, "staging's table", c.name+"'s index"); one.n > 0 {
				d = one
			}
		}
	}
	s.report.verify(d.n == 0 && found > 0, fmt.Sprintf("queries on index %s for %d regions find in each cell what the table has (%s items)", indexName, regions, count(found)),
		"no difference", d.String())
	return nil
}

// queryIndex returns the items of a region by the index.
func queryIndex(ctx context.Context, c *cell, region string) (map[string]string, error) {
	out := map[string]string{}
	pages := dynamodb.NewQueryPaginator(c.db, &dynamodb.QueryInput{
		TableName: tableName(), IndexName: awssdk.String(indexName),
		KeyConditionExpression:    awssdk.String("#r = :r"),
		ExpressionAttributeNames:  map[string]string{"#r": indexPartition},
		ExpressionAttributeValues: map[string]types.AttributeValue{":r": str(region)},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("query on the index in %s: %w", c, err)
		}
		for _, i := range page.Items {
			out[item(i).key()] = item(i).canonical()
		}
	}
	return out, nil
}

// remove deletes items, each in another cell than the one that wrote it, and
// verifies that they are gone everywhere, the index included.
func (s *story) remove(ctx context.Context) error {
	before := s.figures.items
	gone := s.ledger.forget(s.pace.Deletes)
	for n, g := range gone {
		c := s.cells()[n%3]
		if g.by == c.name {
			c = s.cells()[(n+1)%3]
		}
		if err := del(ctx, c, g.key); err != nil {
			return err
		}
	}
	took, err := s.settle(ctx, s.cells()...)
	if err != nil {
		return err
	}
	left, fault := 0, ""
	for _, c := range s.cells() {
		for _, g := range gone {
			i, err := get(ctx, c, g.key)
			if err != nil {
				return err
			}
			if i != nil {
				left, fault = left+1, fmt.Sprintf("; %s in %s", g.key, c)
			}
		}
	}
	s.report.verify(left == 0 && len(gone) > 0, fmt.Sprintf("%s items, each deleted in a cell that had not written it, are gone from all three %s later", count(len(gone)), duration(took)),
		"none is left", fmt.Sprintf("%d of %d are left%s", left, len(gone), fault))
	replicas, err := s.scanAll(ctx)
	if err != nil {
		return err
	}
	s.report.verify(s.figures.items == before-len(gone), fmt.Sprintf("nothing else is gone: %s items before, %s after", count(before), count(s.figures.items)),
		count(before-len(gone)), count(s.figures.items))
	return s.verifyIndex(ctx, replicas[0])
}
