package dynamodb

import (
	"slices"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// Limits of how often a setting of a table changes, and of how many tables change
// at once (documented; throughput has its own).
const (
	classChangesAtOnce = 2 // In classChangesWithin.
	classChangesWithin = 30 * 24 * time.Hour

	keyChangesAtOnce = 4 // In keyChangesWithin.
	keyChangesWithin = 24 * time.Hour
	keyChangeAlways  = 6 * time.Hour // After so long without a change there is another one.

	MaxOperations        = 500 // Tables that are created, updated or deleted.
	MaxIndexedOperations = 250 // Of these, tables that are created with indexes.
)

// since returns which of some times, in microseconds and oldest first, are not
// longer ago than within.
func since(times []int64, now time.Time, within time.Duration) []int64 {
	return slices.DeleteFunc(slices.Clone(times), func(at int64) bool { return now.Sub(time.UnixMicro(at)) >= within })
}

// changeClass changes the class of a table, unless that was done too often. The
// class that a table has from birth is not shown, and asking for it changes nothing
// (recorded). The text of the refusal is ours.
func changeClass(d *table.Definition, class string, now time.Time) error {
	const standard = "STANDARD"
	was := d.TableClass
	if was == "" {
		if was = standard; class == standard {
			return nil
		}
	}
	if class != was {
		recent := since(d.ClassChanges, now, classChangesWithin)
		if len(recent) >= classChangesAtOnce {
			next := time.UnixMicro(recent[0]).Add(classChangesWithin)
			return aws.Errorf("LimitExceededException", "Subscriber limit exceeded: The table class can be updated %d times in %d days. Next update can be made at %s",
				classChangesAtOnce, int(classChangesWithin.Hours()/24), next.UTC().Format(limitLayout))
		}
		d.ClassChanges = append(recent, now.UnixMicro())
	}
	d.TableClass, d.TableClassSince = class, now.UnixMicro()
	return nil
}

// countKeyChange notes that a table's key changes, unless it did too often; the
// text is ours. It counts what was asked of this cell: whether AWS also counts at
// a replica what it takes over from another Region is not known.
func countKeyChange(d *table.Definition, now time.Time) error {
	recent := since(d.KeyChanges, now, keyChangesWithin)
	if n := len(recent); n >= keyChangesAtOnce && now.Sub(time.UnixMicro(recent[n-1])) < keyChangeAlways {
		next := time.UnixMicro(recent[n-1]).Add(keyChangeAlways)
		if free := time.UnixMicro(recent[n-keyChangesAtOnce]).Add(keyChangesWithin); free.Before(next) {
			next = free
		}
		return aws.Errorf("LimitExceededException", "Subscriber limit exceeded: Updates of SSESpecification are limited to %d times in %d hours. Next update can be made at %s",
			keyChangesAtOnce, int(keyChangesWithin.Hours()), next.UTC().Format(limitLayout))
	}
	d.KeyChanges = append(recent, now.UnixMicro())
	return nil
}

// limitLayout is how refusals name a time.
const limitLayout = "Mon Jan 2 15:04:05 UTC 2006"

// checkOperations refuses one more change of a table while too many are under way
// in the cell (known from the live service, of a time when there could be ten). A
// table that is being created counts once more if it has indexes.
func (s *Service) checkOperations(indexed bool) error {
	var all, creating int
	for _, t := range s.Engine.Tables() {
		d := &t.Def
		if d.Status != table.Active || d.Updating() || d.Disassociating || d.Changing() != nil {
			all++
		}
		if d.Status == table.Creating && len(d.Indexes) > 0 {
			creating++
		}
	}
	switch {
	case all >= MaxOperations:
		return aws.Errorf("LimitExceededException", "Subscriber limit exceeded: Only %d tables can be created, updated, or deleted simultaneously", MaxOperations)
	case indexed && creating >= MaxIndexedOperations:
		return aws.Errorf("LimitExceededException", "Subscriber limit exceeded: Only %d tables with secondary indexes can be created simultaneously", MaxIndexedOperations)
	}
	return nil
}

// countTagChange refuses tags that come too soon after others, and keeps the next
// ones away (known from the live service). Tags that change nothing do neither.
func (s *Service) countTagChange(d *table.Definition, was []table.Tag) error {
	if slices.Equal(was, d.Tags) {
		return nil
	}
	now := s.Clock.Now()
	if now.Before(time.UnixMicro(d.TagsSettle)) {
		return aws.Errorf("LimitExceededException", "Table tags are being updated")
	}
	d.TagsSettle = settles(now, s.Pace.Tags)
	return nil
}
