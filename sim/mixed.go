package sim

import (
	"errors"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// grow has a member make a replica in another Region of its account.
func (w *world) grow() {
	if w.Shared == 0 {
		return
	}
	shared := func(c *cell) bool { return c.number < w.Shared }
	c := w.pick(func(c *cell) bool { return shared(c) && c.idle() && c.table() == nil })
	source := w.pick(func(c *cell) bool {
		return shared(c) && c.member() && c.serving() && (c.table().Def.Group == nil || c.table().Def.Group.Kind != table.MultiAccount)
	})
	if c == nil || source == nil || c == w.cells[0] {
		return
	}
	err := source.call(func() error {
		return source.repl.AddReplica(w.ctx, source.caller(), source.table(), c.name.Region, table.Settings{})
	})
	w.trace("%v: makes a replica in %v: %v", source, c, err)
	w.did(Grew, err)
	w.contract(source, err, "UpdateTable")
}

// convert has a global table of one account, or of one replica in each, become
// mixed. Its members are given
// policies first, which those of other accounts ask for.
func (w *world) convert() {
	if !w.Convert {
		return
	}
	if c := w.pick(func(c *cell) bool { return c.member() && c.serving() && c.table().Def.Policy == nil }); c != nil {
		c.permit(fullPolicy)
		return
	}
	c := w.pick(func(c *cell) bool {
		return c.member() && c.serving() && c.table().Def.Topology != table.MixedTopology
	})
	if c == nil {
		return
	}
	err := c.call(func() error { return c.repl.SetTopology(w.ctx, tableName, table.MixedTopology) })
	w.trace("%v: sets the topology: %v", c, err)
	w.did(Converted, err)
	w.contract(c, err, "UpdateTableSettings")
}

// contract fails the run on an error that is neither part of the contract nor
// explained by a fault.
func (w *world) contract(c *cell, err error, what string) {
	if _, answer := errors.AsType[*aws.Error](err); !answer {
		c.expect(err, what)
	}
}
