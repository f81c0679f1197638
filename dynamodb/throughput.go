package dynamodb

import (
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// Limits of changes of throughput, of a table and of each global index apart
// (documented).
const (
	decreasesAtOnce = 4         // On a day in UTC, at any time.
	decreaseEvery   = time.Hour // How long each further one comes after the last.
	switchesAtOnce  = 4         // To on-demand mode, in switchesWithin.
	switchesWithin  = 24 * time.Hour
)

// applyCapacity changes the billing mode, the table's throughput and its
// on-demand maxima.
func applyCapacity(in *sdk.UpdateTableInput, d *table.Definition, now time.Time) error {
	onDemand := d.OnDemand
	if in.BillingMode != "" {
		onDemand = in.BillingMode == types.BillingModePayPerRequest
	}
	switch {
	case onDemand && in.ProvisionedThroughput != nil:
		return errUnitsOnDemand
	case in.BillingMode == types.BillingModeProvisioned && in.ProvisionedThroughput == nil:
		return aws.InvalidParameter("ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
	}
	next, err := throughput(in.ProvisionedThroughput)
	if err != nil {
		return err
	}
	switch {
	case onDemand && !d.OnDemand:
		if err := switchToOnDemand(d, now); err != nil {
			return err
		}
	case !onDemand && d.OnDemand:
		// The maxima of on-demand mode end with it (recorded).
		keepWarm(d)
		d.OnDemand, d.Throughput, d.OnDemandMax = false, next, nil
		for i := range d.Indexes {
			d.Indexes[i].OnDemand = nil
		}
	case in.ProvisionedThroughput != nil && next == d.Throughput:
		return unchanged("the table", "the table", d.Throughput)
	case in.ProvisionedThroughput != nil:
		if err := adjustThroughput(&d.Adjusted, d.Throughput, next, now); err != nil {
			return err
		}
		keepWarm(d)
		d.Throughput = next
	}
	d.OnDemandMax, err = maxima(in.OnDemandThroughput, d.OnDemand, "", d.OnDemandMax, false)
	return err
}

// switchToOnDemand ends provisioned mode, unless that was done too often. A table
// that was born on demand has done it once (recorded).
func switchToOnDemand(d *table.Definition, now time.Time) error {
	recent := since(d.ToOnDemand, now, switchesWithin)
	if len(recent) >= switchesAtOnce {
		// The text is that of the time when there was one switch a day, with the number
		// of today (ours).
		last, next := time.UnixMicro(recent[len(recent)-1]), time.UnixMicro(recent[0]).Add(switchesWithin)
		return aws.Errorf("LimitExceededException", "Subscriber limit exceeded: Update to PayPerRequest mode are limited to %d times in 1 day(s). Last update at %s. Next update can be made at %s",
			switchesAtOnce, last.UTC().Format(limitLayout), next.UTC().Format(limitLayout))
	}
	keepWarm(d)
	d.OnDemand, d.OnDemandSince, d.Throughput = true, now.UnixMicro(), table.Throughput{}
	d.ToOnDemand = append(recent, d.OnDemandSince)
	for i := range d.Indexes {
		d.Indexes[i].Throughput = table.Throughput{}
	}
	return nil
}

// adjustThroughput keeps when throughput was raised and lowered, and refuses to
// lower it too often. Lowering one kind of unit is a decrease, whatever becomes
// of the other (recorded).
func adjustThroughput(a *table.Adjusted, was, next table.Throughput, now time.Time) error {
	if next.Read < was.Read || next.Write < was.Write {
		count := a.DecreasesOn(now)
		last := time.UnixMicro(a.LastDecrease).UTC()
		if count >= decreasesAtOnce && now.Sub(last) < decreaseEvery {
			return errDecreases(count, last)
		}
		a.LastDecrease, a.Decreases = now.UnixMicro(), count+1
	}
	if next.Read > was.Read || next.Write > was.Write {
		a.LastIncrease = now.UnixMicro()
	}
	return nil
}

// errDecreases names the next time, which is the next day if that is earlier
// (recorded).
func errDecreases(count int64, last time.Time) error {
	const layout = "Monday, January 2, 2006 at 3:04:05 PM Coordinated Universal Time"
	next := last.Add(decreaseEvery)
	if day := last.Truncate(24 * time.Hour).Add(24 * time.Hour); day.Before(next) {
		next = day
	}
	return aws.Errorf("LimitExceededException", "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. "+
		"After the first %d decreases, each subsequent decrease in the same UTC day can be performed at most once every %d seconds. "+
		"Number of decreases today: %d. Last decrease at %s. Next decrease can be made at %s",
		decreasesAtOnce, int(decreaseEvery.Seconds()), count, last.Format(layout), next.Format(layout))
}

// unchanged is recorded; what keeps its throughput is named in two ways.
func unchanged(what, of string, t table.Throughput) error {
	return aws.Validation("The provisioned throughput for %s will not change. The requested value equals the current value. "+
		"Current ReadCapacityUnits provisioned for %s: %d. Requested ReadCapacityUnits: %d. "+
		"Current WriteCapacityUnits provisioned for %s: %d. Requested WriteCapacityUnits: %d. "+
		"Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
		what, of, t.Read, t.Read, of, t.Write, t.Write)
}

// warm is the throughput that a table or index takes at once: what its mode
// gives, or the most that it was ever made ready for (recorded).
func warm(onDemand bool, provisioned table.Throughput, kept *table.Throughput) table.Throughput {
	w := provisioned
	if onDemand {
		w = table.Throughput{Read: warmOnDemandRead, Write: warmOnDemandWrite}
	}
	if kept != nil {
		w.Read, w.Write = max(w.Read, kept.Read), max(w.Write, kept.Write)
	}
	return w
}

// keepWarm keeps what a table and its indexes are ready for before that changes.
func keepWarm(d *table.Definition) {
	w := warm(d.OnDemand, d.Throughput, d.Warm)
	d.Warm = &w
	for i := range d.Indexes {
		if x := &d.Indexes[i]; !x.Local {
			keepWarmIndex(d, x)
		}
	}
}

func keepWarmIndex(d *table.Definition, x *table.Index) {
	w := warm(d.OnDemand, x.Throughput, x.Warm)
	x.Warm = &w
}

// applyWarm makes a table ready for more. It never becomes less (recorded).
func applyWarm(w *types.WarmThroughput, d *table.Definition) (err error) {
	if w != nil {
		d.Warm, err = raised(w, warm(d.OnDemand, d.Throughput, d.Warm), "table")
	}
	return err
}

// raised is what a request makes of the warm throughput; of is "table", or as
// errors name an index.
func raised(w *types.WarmThroughput, now table.Throughput, of string) (*table.Throughput, error) {
	for _, m := range []struct {
		name  string
		given *int64
		into  *int64
	}{{"ReadUnitsPerSecond", w.ReadUnitsPerSecond, &now.Read}, {"WriteUnitsPerSecond", w.WriteUnitsPerSecond, &now.Write}} {
		switch {
		case m.given == nil:
		case *m.given < *m.into:
			return nil, aws.InvalidParameter("Requested %s for WarmThroughput for %s is lower than current WarmThroughput, decreasing WarmThroughput is not supported", m.name, of)
		default:
			*m.into = *m.given
		}
	}
	return &now, nil
}

// newWarm is the warm throughput that a new table or index asks for; nil where
// that is no more than its mode gives.
func newWarm(w *types.WarmThroughput, onDemand bool, provisioned table.Throughput) *table.Throughput {
	if w == nil {
		return nil
	}
	base := warm(onDemand, provisioned, nil)
	next := base
	if w.ReadUnitsPerSecond != nil {
		next.Read = max(next.Read, *w.ReadUnitsPerSecond)
	}
	if w.WriteUnitsPerSecond != nil {
		next.Write = max(next.Write, *w.WriteUnitsPerSecond)
	}
	if next == base {
		return nil
	}
	return &next
}
