package table_test

import (
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// settleClock is a clock that a test moves.
type settleClock struct{ now time.Time }

func (c *settleClock) Now() time.Time { return c.now }

// TestSettling holds that a table's change ends at its time, also in an engine
// that was opened after it began, and that Step says when that is.
func TestSettling(t *testing.T) {
	ctx := t.Context()
	clock := &settleClock{now: time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)}
	store := kv.NewMem(kv.MemOptions{})
	open := func() *table.Engine {
		e, err := table.Open(ctx, table.Options{Cell: aws.Cell{Account: "111111111111", Region: "eu-west-1"}, Store: store, Clock: clock})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	step := func(e *table.Engine) time.Time {
		next, err := e.Step(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	status := func(e *table.Engine) table.Status {
		if d := e.Table("Orders"); d != nil {
			return d.Def.Status
		}
		return ""
	}
	due := clock.now.Add(8 * time.Second)
	def := table.Definition{
		Name: "Orders", ID: "1", Status: table.Creating, SettlesAt: due.UnixMicro(), OnDemand: true,
		Attributes: []table.Attribute{{Name: "id", Type: "S"}}, Hash: "id",
	}
	e := open()
	if _, err := e.Create(ctx, def); err != nil {
		t.Fatal(err)
	}
	if next := step(e); next.After(due) || status(e) != table.Creating {
		t.Errorf("%s, and again at %v, want CREATING until %v", status(e), next, due)
	}
	e = open()
	clock.now = due.Add(-time.Microsecond)
	if next := step(e); !next.Equal(due) || status(e) != table.Creating {
		t.Errorf("%s, and again at %v, want CREATING until %v", status(e), next, due)
	}
	clock.now = due
	if step(e); status(e) != table.Active || e.Table("Orders").Def.SettlesAt != 0 {
		t.Errorf("%s, want ACTIVE", status(e))
	}
	_, err := e.Alter(ctx, "Orders", func(d *table.Definition) error {
		d.Status, d.SettlesAt = table.Deleting, due.Add(time.Second).UnixMicro()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	e = open()
	if step(e); status(e) != table.Deleting {
		t.Errorf("%s, want DELETING", status(e))
	}
	clock.now = due.Add(time.Second)
	if step(e); status(e) != "" {
		t.Errorf("%s, want no table", status(e))
	}
	if e = open(); status(e) != "" {
		t.Errorf("%s after a restart, want no table", status(e))
	}
}
