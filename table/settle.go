package table

import (
	"context"
	"time"
)

// stepSettling ends the change of a table whose time has come. It returns when
// that is to be, now when it was just ended, and the zero time where there is
// nothing to end.
func (e *Engine) stepSettling(ctx context.Context, t *Table, now time.Time) (time.Time, error) {
	if t.Def.SettlesAt == 0 {
		return time.Time{}, nil
	}
	if due := time.UnixMicro(t.Def.SettlesAt); now.Before(due) {
		return due, nil
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

// waits returns when the creation or deletion of an index may go on, the zero
// time for at once. A creation first shows that its backfill has begun.
func (x *Index) waits(now time.Time) time.Time {
	due := time.UnixMicro(x.SettlesAt)
	if x.Status == Creating && !x.Backfilling || !now.Before(due) {
		return time.Time{}
	}
	return due
}
