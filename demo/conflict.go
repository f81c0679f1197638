package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/hortusapi"
)

// The keys of items that two cells write.
const (
	conflictPrefix  = "CONFLICT#"
	partitionPrefix = "PARTITION#"
)

// partitionKeys are written on both sides of a partition.
const partitionKeys = 30

// pairs are the cells that meet, in turn.
func (s *story) pairs() [][2]*cell {
	return [][2]*cell{{s.staging, s.prod}, {s.prod, s.analytics}, {s.analytics, s.staging}}
}

// conflict writes keys in two cells at the same moment, and verifies that all
// three agree on one of the two.
func (s *story) conflict(ctx context.Context) error {
	before, err := s.outdated(ctx)
	if err != nil {
		return err
	}
	contests := map[string][2]*cell{}
	for n := range s.pace.Conflicts {
		key := fmt.Sprintf("%s/%s%04d", ownCountry, conflictPrefix, n)
		contests[key] = s.pairs()[n%3]
		if err := atOnce(ctx, key, contests[key]); err != nil {
			return err
		}
	}
	took, err := s.settle(ctx, s.cells()...)
	if err != nil {
		return err
	}
	after, err := s.outdated(ctx)
	if err != nil {
		return err
	}
	all, err := s.outcome(ctx, conflictPrefix)
	if err != nil {
		return err
	}
	wins := map[string]int{}
	agreed, oneOfTwo := 0, 0
	fault := ""
	for key, by := range contests {
		winner := all[s.staging][key]
		if winner != "" && winner == all[s.prod][key] && winner == all[s.analytics][key] {
			agreed++
		} else {
			fault = fmt.Sprintf("%s is of %q in staging, %q in prod, %q in analytics", key, winner, all[s.prod][key], all[s.analytics][key])
		}
		if winner == by[0].name || winner == by[1].name {
			oneOfTwo++
		}
		wins[winner]++
	}
	want := fmt.Sprintf("%d keys", len(contests))
	s.report.verify(agreed == len(contests), fmt.Sprintf("%s keys, each written in two cells at once: all three replicas agree on every one, %s later", count(agreed), duration(took)),
		want, fmt.Sprintf("%d keys; %s", agreed, fault))
	s.report.verify(oneOfTwo == len(contests), fmt.Sprintf("the survivor is always one of the two (staging %d, prod %d, analytics %d)", wins["staging"], wins["prod"], wins["analytics"]),
		want, fmt.Sprintf("%d keys", oneOfTwo))
	s.figures.conflicts, s.figures.settled = len(contests), took
	s.report.note("%s writes came to a cell that had a later one already, and were dropped as outdated", count(after-before))
	return nil
}

// atOnce writes a key in two cells at the same moment.
func atOnce(ctx context.Context, key string, by [2]*cell) error {
	var errs [2]error
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for n, c := range by {
		wg.Go(func() {
			<-gate
			errs[n] = put(ctx, c, contestant(key, c))
		})
	}
	close(gate)
	wg.Wait()
	return errors.Join(errs[0], errs[1])
}

// contestant is one of the items that compete for a key.
func contestant(key string, c *cell) item {
	i := keyOf(key)
	i["by"] = str(c.name)
	return i
}

// outdated is how many writes arrived that were older than what was there.
func (s *story) outdated(ctx context.Context) (int64, error) {
	links, err := s.links(ctx)
	n := int64(0)
	for _, l := range links {
		n += l.Lost
	}
	return n, err
}

// outcome tells for each cell who wrote each of the story's own items whose
// sort keys begin with prefix.
func (s *story) outcome(ctx context.Context, prefix string) (map[*cell]map[string]string, error) {
	out := map[*cell]map[string]string{}
	for _, c := range s.cells() {
		out[c] = map[string]string{}
		pages := dynamodb.NewQueryPaginator(c.db, &dynamodb.QueryInput{
			TableName: tableName(), ConsistentRead: awssdk.Bool(true),
			KeyConditionExpression:    awssdk.String("country = :own AND begins_with(entry, :prefix)"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":own": str(ownCountry), ":prefix": str(prefix)},
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, fmt.Errorf("query in %s: %w", c, err)
			}
			for _, i := range page.Items {
				out[c][item(i).key()] = item(i).text("by")
			}
		}
	}
	return out, nil
}

// isolate cuts prod's Region off for a while, writes on both sides, and heals.
func (s *story) isolate(ctx context.Context) error {
	region := s.prod.id.Region
	before, err := s.outdated(ctx)
	if err != nil {
		return err
	}
	if err := s.hortus.Call(ctx, "IsolateRegion", hortusapi.RegionInput{Region: region}, &hortusapi.Empty{}); err != nil {
		return fmt.Errorf("IsolateRegion: %w", err)
	}
	began := time.Now()
	t := s.start(ctx, s.cells()...)
	later, err := s.diverge(ctx)
	if err == nil {
		err = s.verifyDivergence(ctx)
	}
	for err == nil && time.Since(began) < s.pace.Isolation {
		s.report.elapsed(began, s.pace.Isolation)
		err = pause(ctx, progressEvery)
	}
	w, workErr := t.stop()
	if err := errors.Join(err, workErr); err != nil {
		return err
	}
	s.figures.isolated = w
	s.verifyWork(w)
	s.noteWork(w)
	if err := s.heal(ctx, region, time.Since(began)); err != nil {
		return err
	}
	return s.verifyLater(ctx, later, before)
}

// diverge writes keys on both sides of the partition, one after the other, and
// returns who wrote each of them later.
func (s *story) diverge(ctx context.Context) (map[string]*cell, error) {
	later := map[string]*cell{}
	for n := range partitionKeys {
		key := fmt.Sprintf("%s/%s%04d", ownCountry, partitionPrefix, n)
		sides := [2]*cell{s.prod, []*cell{s.staging, s.analytics}[n/2%2]}
		if n%2 == 1 {
			sides[0], sides[1] = sides[1], sides[0]
		}
		for _, c := range sides {
			if err := put(ctx, c, contestant(key, c)); err != nil {
				return nil, err
			}
		}
		later[key] = sides[1]
	}
	return later, nil
}

// verifyDivergence looks at both sides of the partition.
func (s *story) verifyDivergence(ctx context.Context) error {
	n, err := s.mark(ctx, s.staging)
	if err != nil {
		return err
	}
	if _, err := s.await(ctx, s.analytics, s.staging, n); err != nil {
		return err
	}
	if n, err = s.mark(ctx, s.analytics); err != nil {
		return err
	}
	if _, err := s.await(ctx, s.staging, s.analytics, n); err != nil {
		return err
	}
	all, err := s.outcome(ctx, partitionPrefix)
	if err != nil {
		return err
	}
	differ, agree := 0, 0
	for key, by := range all[s.staging] {
		if by != all[s.prod][key] {
			differ++
		}
		if by == all[s.analytics][key] {
			agree++
		}
	}
	first := ownCountry + "/" + partitionPrefix + "0000"
	s.report.verify(differ == partitionKeys && agree == partitionKeys,
		fmt.Sprintf("%d keys written on both sides differ: the first is of %s in prod, and of %s in staging and analytics, which still agree", differ, all[s.prod][first], all[s.staging][first]),
		fmt.Sprintf("%d differ between staging and prod, %d are equal in staging and analytics", partitionKeys, partitionKeys), fmt.Sprintf("%d and %d", differ, agree))
	return nil
}

// heal ends the isolation and measures how long it takes until each side has
// all that the other wrote.
func (s *story) heal(ctx context.Context, region aws.Region, cut time.Duration) error {
	links, err := s.links(ctx)
	if err != nil {
		return err
	}
	pending := int64(0)
	for _, l := range links {
		pending = max(pending, l.Pending)
	}
	numbers := map[*cell]int64{}
	for _, c := range s.cells() {
		if numbers[c], err = s.mark(ctx, c); err != nil {
			return err
		}
	}
	there, err := get(ctx, s.prod, markPrefix+s.staging.name)
	if err != nil {
		return err
	}
	s.report.verify(there.number("n") < numbers[s.staging], "nothing passed: prod does not know staging's last write",
		fmt.Sprintf("a mark before %d", numbers[s.staging]), fmt.Sprint(there.number("n")))
	if err := s.hortus.Call(ctx, "HealRegion", hortusapi.RegionInput{Region: region}, &hortusapi.Empty{}); err != nil {
		return fmt.Errorf("HealRegion: %w", err)
	}
	healed := time.Now()
	for _, at := range s.cells() {
		for _, of := range s.cells() {
			if _, err := s.await(ctx, at, of, numbers[of]); err != nil {
				return err
			}
		}
	}
	s.figures.converge, s.figures.waiting = time.Since(healed), pending
	s.report.verify(true, fmt.Sprintf("healed after %s with up to %s commits waiting; each side had all of the other's %s later", duration(cut), count(pending), duration(s.figures.converge)), "", "")
	return nil
}

// verifyLater verifies that of two writes that did not know of each other the
// later one survived everywhere, and that the others were counted as outdated;
// before is their number before.
func (s *story) verifyLater(ctx context.Context, later map[string]*cell, before int64) error {
	if _, err := s.settle(ctx, s.cells()...); err != nil {
		return err
	}
	all, err := s.outcome(ctx, partitionPrefix)
	if err != nil {
		return err
	}
	right, fault := 0, ""
	for key, c := range later {
		if all[s.staging][key] == c.name && all[s.prod][key] == c.name && all[s.analytics][key] == c.name {
			right++
		} else {
			fault = fmt.Sprintf("; %s is to be of %s, and is of %s, %s, %s", key, c, all[s.staging][key], all[s.prod][key], all[s.analytics][key])
		}
	}
	s.report.verify(right == partitionKeys, fmt.Sprintf("of the %d keys that differed, the later write survived in all three", right),
		fmt.Sprintf("%d keys", partitionKeys), fmt.Sprintf("%d keys%s", right, fault))
	after, err := s.outdated(ctx)
	if err != nil {
		return err
	}
	s.report.verify(after-before >= partitionKeys, fmt.Sprintf("the links counted %s writes that arrived as outdated, and dropped them", count(after-before)),
		fmt.Sprintf("at least %d", partitionKeys), count(after-before))
	return nil
}
