package sim

import (
	"errors"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/table"
)

// setup makes the tables, and the global table where it is there from the
// start.
func (w *world) setup() {
	for _, c := range w.cells {
		c.create(diary(w.newID()))
		if err := w.note(c); err != nil {
			w.fail("%v: %w", c, err)
		}
	}
	c, out := w.cells[0], w.outsider()
	def := definition(w.newID())
	if w.Merging {
		def.Conflict = conflict.Merge
	}
	if w.Shared > 0 && !w.Convert {
		def.Topology = table.MixedTopology
	}
	c.create(def)
	out.create(definition(w.newID()))
	w.openLedgers()
	w.fill(c)
	w.fill(out)
	end := w.now + w.HealBound.Microseconds()
	for !w.JoinLate && w.failure == nil && !w.complete() {
		w.tick()
		w.unprovision()
		w.join()
		w.joinLedgers()
		w.startAnew() // Who left already, while another one joined.
		w.inspect(0)
		if w.now > end {
			w.fail("no global table within %v: %s", w.HealBound, w.incomplete())
		}
	}
}

func (c *cell) create(def table.Definition) {
	if def.Name == tableName {
		def.Policy = &table.Policy{Document: fullPolicy, Revision: c.w.newID()}
	}
	def.CreatedAt = c.micros()
	_, err := c.engine.Create(c.w.ctx, def)
	c.expect(err, "CreateTable")
}

// act lets a client or an administrator do something.
func (w *world) act() {
	if w.rng.IntN(100) < w.Clients.Percent {
		if w.Counting {
			w.count()
		} else {
			w.traffic()
		}
	}
	if w.Ledgers && w.rng.IntN(2) == 0 {
		w.transfer()
	}
	if w.Sessions && w.rng.IntN(4) == 0 {
		w.session.visit()
	}
	switch w.rng.IntN(100 / max(1, w.Haste)) {
	case 0, 1:
		w.join()
		w.joinLedgers()
	case 2:
		if w.Leaves && !w.LoseSeed {
			w.leave()
		}
	case 4:
		if w.Detach {
			w.part()
			w.startAnew()
			w.reattach()
		}
	case 5, 6, 7:
		if w.LoseSeed && w.complete() {
			w.leave()
		}
	case 8, 9:
		w.grow()
	case 10, 11:
		w.convert()
	case 12, 13, 14:
		w.set()
	case 15, 16:
		if w.Restore {
			w.copyDisk()
		}
	case 19:
		if w.Lose && !w.calm {
			w.lose()
		}
	case 17, 18:
		if w.Restore && !w.calm {
			w.putBack()
		}
	case 3:
		if c := w.pick((*cell).idle); c != nil {
			if err := w.note(c); err != nil {
				w.fail("%v: private table: %w", c, err)
			}
		}
	}
}

// join has a cell that is not a member join by one that is.
func (w *world) join() {
	c := w.pick(func(c *cell) bool { return c.idle() && c != w.outsider() && c.table() == nil })
	source := w.pick(func(c *cell) bool {
		// One that is detached, also while it is asked, begins another global table.
		return c.member() && c.serving() && (c == w.cells[0] || !w.Detach) && !c.mayReturn()
	})
	if c == nil || source == nil || c == w.cells[0] {
		return
	}
	def := table.Definition{
		Name: tableName, TableClass: "STANDARD",
		Policy: &table.Policy{Document: fullPolicy, Revision: w.newID()},
	}
	err := c.call(func() error {
		_, err := c.repl.Join(w.ctx, c.caller(), source.name.TableARN(tableName), def)
		return err
	})
	w.trace("%v: joins by %v: %v", c, source, err)
	w.did(Joined, err)
	var contract *aws.Error
	if err != nil && !c.dead() && !errors.As(err, &contract) {
		w.fail("%v: joins by %v: %w", c, source, err)
	}
}

// loseSource stops the source of a newcomer, for longer than others stop.
func (w *world) loseSource() {
	c := w.pick(func(c *cell) bool {
		t := c.table()
		return c.idle() && t != nil && t.Def.Status == table.Creating && len(t.Def.Group.Members) > 2
	})
	if c == nil || w.pick(func(c *cell) bool { return !c.up }) != nil {
		return // One at a time.
	}
	source := c.table().Def.Group.Member(c.name).Source
	for _, s := range w.cells {
		if s.name == source && s.idle() {
			s.lost = true
			w.Tally.count(SourceLost)
			s.crash("is lost, and seeds " + c.String())
		}
	}
}

// leave has a member leave that is not the source of others. Where a policy
// forbids replication a member that leaves may take its last writes along, so
// then none does.
func (w *world) leave() {
	if w.calm || w.pick(func(c *cell) bool { return !c.up || (c.member() && !c.permitted()) }) != nil {
		return
	}
	c := w.pick(func(c *cell) bool {
		return c != w.cells[0] && c.member() && c.serving() && c.table().Def.Group != nil && c.repl.CheckDelete(c.table()) == nil
	})
	if c == nil {
		return
	}
	w.trace("%v: leaves", c)
	w.audit.follow(c) // Its log may be gone before the step is over.
	err := c.call(func() error { return c.repl.Leave(w.ctx, c.table()) })
	w.did(Left, err)
	c.expect(err, "DeleteTable")
}

// part has a member leave and keep its data. Where clients count none does: what it
// counts alone would be gone.
func (w *world) part() {
	if w.calm || w.Counting {
		return
	}
	c := w.pick(func(c *cell) bool {
		return c != w.cells[0] && c.member() && c.serving() && c.table().Def.Group != nil && !c.table().Def.Disassociating
	})
	if c == nil {
		return
	}
	err := c.call(func() error {
		_, err := c.repl.Disassociate(w.ctx, c.table())
		return err
	})
	w.trace("%v: disassociates: %v", c, err)
	w.did(KeptData, err)
	if _, contract := errors.AsType[*aws.Error](err); !contract {
		c.expect(err, "UpdateTable")
	}
}

// startAnew deletes the table of a cell that was detached, or left with its data,
// so that it can join again. What it alone has is gone then.
func (w *world) startAnew() {
	c := w.pick(func(c *cell) bool {
		return c != w.cells[0] && c.member() && c.serving() && c.table().Def.Group == nil && !c.mayReturn() && !c.awaits()
	})
	if c == nil {
		return
	}
	w.trace("%v: starts anew", c)
	w.Tally.count(BeganAnew)
	w.audit.follow(c)
	c.dropping = c.table().Def.ID
	c.expect(c.call(func() error { return c.engine.Drop(w.ctx, tableName) }), "DeleteTable")
	c.settleDrop()
}

// settleDrop buries the log of a table that is gone; whether it is, a cell that is
// down says when it is up again.
func (c *cell) settleDrop() {
	if !c.up || c.dead() || c.dropping == "" {
		return
	}
	if t := c.table(); t == nil || t.Def.ID != c.dropping {
		c.w.audit.bury(c.dropping)
	}
	c.dropping = ""
}

// leaving reports whether some member is about to leave, or could be: a cell
// that is down does not say.
func (w *world) leaving() bool {
	return w.pick(func(c *cell) bool { return !c.up || (c.member() && c.table().Def.Status == table.Deleting) }) != nil
}

// settle does what is left to do once faults have stopped: permissions are
// given back, and who is not a member joins.
func (w *world) settle() {
	for _, c := range w.cells {
		if c.idle() && c.member() && !c.permitted() {
			c.permit(fullPolicy)
		}
	}
	if w.rng.IntN(20) == 0 {
		if !w.complete() {
			w.unprovision()
		}
		w.startAnew()
		w.reattach()
		w.join()
		w.joinLedgers()
		w.grow()
		w.convert()
	}
}

// complete reports whether every cell that is to be a member is one, in the eyes
// of all.
func (w *world) complete() bool { return w.incomplete() == "" }

func (w *world) incomplete() string {
	for _, c := range w.cells[:w.Members] {
		t := c.table()
		switch {
		case t == nil:
			return c.String() + " has no table"
		case t.Def.Status != table.Active:
			return c.String() + " is " + string(t.Def.Status)
		case t.Def.Disassociating:
			return c.String() + " is about to leave"
		case w.Members > 1 && t.Def.Group == nil:
			return c.String() + " has no group"
		}
		for _, d := range w.cells[:w.Members] {
			if w.Members == 1 {
				continue
			}
			if m := t.Def.Group.Member(d.name); m == nil || m.Status != table.Active {
				return c.String() + " does not have " + d.String() + " as an active member"
			}
		}
	}
	return ""
}
