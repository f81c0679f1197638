package sim

import (
	"errors"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/table"
)

// acknowledged is the last change of settings in step that a client was told of.
type acknowledged struct {
	edition  table.Edition
	settings string
}

// reads is the provisioned read throughput: the same always, so that no member of
// one account has reads of its own when its global table becomes mixed.
const reads = 5

// drawSetting makes up a change of settings that members have in step.
func (w *world) drawSetting() (string, table.Overwritten, func(*table.Definition) error) {
	n := 1 + w.rng.Int64N(9)
	o := table.Overwritten{Reads: []string{""}}
	switch w.rng.IntN(5) {
	case 0:
		return "time to live", table.Overwritten{}, func(d *table.Definition) error {
			if d.TimeToLive != nil {
				d.TimeToLive = nil
			} else {
				d.TimeToLive = &table.TimeToLive{Attribute: "until"}
			}
			return nil
		}
	case 1:
		return "throughput", o, func(d *table.Definition) error {
			d.OnDemand, d.Throughput = false, table.Throughput{Read: reads, Write: n}
			d.Overwrite(o)
			return nil
		}
	case 2:
		return "on-demand mode", o, onDemand
	case 3:
		return "warm throughput", table.Overwritten{}, func(d *table.Definition) error {
			d.Warm = &table.Throughput{Read: 12_000 + n, Write: 4000 + n}
			return nil
		}
	}
	rules := table.Rules{Transactions: table.ByItem}
	if n%2 == 0 {
		rules.Transactions = table.Together
	}
	if w.Merging && !w.Counting { // A counter counts under the rule merge alone.
		rules.Conflict = conflict.LastWriter
		if n%3 != 0 {
			rules.Conflict = conflict.Merge
		}
	}
	return "rules", table.Overwritten{}, func(d *table.Definition) error {
		d.SetRules(rules)
		return nil
	}
}

func onDemand(d *table.Definition) error {
	d.OnDemand, d.Throughput = true, table.Throughput{}
	return nil
}

// set has a member change a setting: one that all have in step, or one of its own.
func (w *world) set() {
	c := w.pick(func(c *cell) bool { return c.member() && c.serving() && c.table().Def.Group != nil })
	if c == nil {
		return
	}
	if w.rng.IntN(6) == 0 {
		w.protect(c)
		return
	}
	what, o, change := w.drawSetting()
	w.change(c, what, o, change)
}

// change makes a change of settings in step.
func (w *world) change(c *cell, what string, o table.Overwritten, change func(*table.Definition) error) {
	withheld := w.withholding(c)
	var after *table.Table
	err := c.call(func() (err error) {
		after, err = c.repl.Change(w.ctx, c.table(), o, change)
		return err
	})
	w.trace("%v: changes %s: %v", c, what, err)
	w.did(Settled, err)
	if known, ok := errors.AsType[*aws.Error](err); ok && known.Code == "AccessDeniedException" {
		w.Tally.count(Unsettled)
	}
	w.contract(c, err, "UpdateTable")
	if err != nil || c.dead() {
		return
	}
	for d, revision := range withheld {
		if t := d.table(); t != nil && t.Def.Policy.Revision == revision {
			w.fail("%v: the settings are changed, and %v withholds the keeping of them", c, d)
		}
	}
	if after.Def.Edition.Compare(w.settled.edition) > 0 {
		text, err := after.Def.InStep()
		c.expect(err, "InStep")
		w.settled = acknowledged{after.Def.Edition, text}
	}
}

// withholding returns the members, as one of them sees it, whose policies withhold the
// keeping of settings, each with the revision that does. Within an account nothing has
// to allow it.
func (w *world) withholding(c *cell) map[*cell]string {
	out := map[*cell]string{}
	for _, d := range w.cells {
		if w.Shared == 0 && d.up && c.table().Def.Group.Member(d.name) != nil && d.member() && !d.permitted() {
			out[d] = d.table().Def.Policy.Revision
		}
	}
	return out
}

// protect turns a member's deletion protection on or off, which is its own. It is
// refused, too, while a member is known to withhold the keeping of settings.
func (w *world) protect(c *cell) {
	err := c.call(func() error {
		if err := c.repl.CheckConsent(w.ctx, c.table()); err != nil {
			return err
		}
		_, err := c.engine.Alter(w.ctx, tableName, func(d *table.Definition) error {
			d.DeletionProtection = !d.DeletionProtection
			return nil
		})
		return err
	})
	w.trace("%v: changes its deletion protection: %v", c, err)
	w.did(Protected, err)
	w.contract(c, err, "UpdateTable")
}

// unprovision has members on demand once faults have stopped: to a table in
// provisioned mode nobody can join, for nothing scales here.
func (w *world) unprovision() {
	c := w.pick(func(c *cell) bool {
		return c.member() && c.serving() && c.table().Def.Group != nil && !c.table().Def.OnDemand
	})
	if c != nil {
		w.change(c, "on-demand mode", table.Overwritten{}, onDemand)
		return
	}
	if c := w.pick(func(c *cell) bool {
		return c.member() && c.serving() && c.table().Def.Group == nil && !c.table().Def.OnDemand
	}); c != nil {
		err := c.call(func() error {
			_, err := c.repl.Change(w.ctx, c.table(), table.Overwritten{}, onDemand)
			return err
		})
		c.expect(err, "UpdateTable")
		w.settled = acknowledged{} // Of a time when there were members.
	}
}

// unsettled says which members have other settings than the first one; "" where none
// has, and they are not older than what was acknowledged.
func (w *world) unsettled() string {
	first := w.cells[0].table().Def
	want, err := first.InStep()
	w.cells[0].expect(err, "InStep")
	for _, c := range w.cells[1:w.Members] {
		d := c.table().Def
		got, err := d.InStep()
		c.expect(err, "InStep")
		if d.Edition != first.Edition || got != want {
			return c.String() + " has settings " + got + ", and the first cell " + want
		}
	}
	return ""
}

// checkSettings holds the settings that are in use at the end to what was
// acknowledged.
func (w *world) checkSettings() {
	d := w.cells[0].table().Def
	got, err := d.InStep()
	w.cells[0].expect(err, "InStep")
	switch at := w.settled.edition; {
	case d.Edition.Compare(at) < 0:
		w.fail("the settings are of edition %+v, and %+v was acknowledged", d.Edition, at)
	case d.Edition == at && at != (table.Edition{}) && got != w.settled.settings:
		w.fail("edition %+v of the settings is %s, and %s was acknowledged", at, got, w.settled.settings)
	}
}
