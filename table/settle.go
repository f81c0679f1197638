package table

import (
	"context"
	"time"
)

// stepSettling ends the change of a table whose time has come. It returns when
// it is to be looked at again, now when the change was just ended, and the zero
// time where there is nothing to end.
func (e *Engine) stepSettling(ctx context.Context, t *Table, now time.Time) (time.Time, error) {
	if t.Def.SettlesAt == 0 {
		return time.Time{}, nil
	}
	if again := e.awaits(t.Def.SettlesAt, now); !again.IsZero() {
		return again, nil
	}
	if t.Def.Status == Deleting {
		return now, e.Drop(ctx, t.Def.Name)
	}
	_, err := e.Alter(ctx, t.Def.Name, func(d *Definition) error {
		if d.ID != t.Def.ID || d.SettlesAt != t.Def.SettlesAt {
			return errRetired
		}
		d.SettlesAt = 0
		if d.Status == Creating {
			d.Status = Active
		}
		return nil
	})
	if err != nil && e.Table(t.Def.Name) == nil {
		return now, errRetired
	}
	return now, err
}

// awaits returns when a date is to be looked at again, the zero time for one that
// has come. Dates go by a clock that can be moved at any moment, so it is never
// long.
func (e *Engine) awaits(date int64, now time.Time) time.Time {
	left := time.UnixMicro(date).Sub(e.dates.Now())
	if left <= 0 {
		return time.Time{}
	}
	return now.Add(min(left, roundRest))
}

// awaitsIndex does so for the creation or deletion of an index. A creation first
// shows that its backfill has begun.
func (e *Engine) awaitsIndex(x *Index, now time.Time) time.Time {
	if x.Status == Creating && !x.Backfilling {
		return time.Time{}
	}
	return e.awaits(x.SettlesAt, now)
}
