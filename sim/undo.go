package sim

// mayReturn reports whether a cell was detached against its will, and may still
// come back with its data.
func (c *cell) mayReturn() bool {
	d := c.table().Def.Detached
	return c.w.Undo && c.table().Def.Group == nil && d != nil && d.Own && dates{c}.Now().UnixMicro() < d.Until
}

// reattach has a cell that was detached come back, with all that it has.
func (w *world) reattach() {
	c := w.pick(func(c *cell) bool { return c.member() && c.serving() && c.mayReturn() })
	if c == nil {
		return
	}
	if !c.permitted() {
		c.permit(fullPolicy)
		return
	}
	err := c.call(func() error { return c.repl.Reattach(w.ctx, tableName) })
	w.trace("%v: comes back: %v", c, err)
	w.did(CameBack, err)
	w.contract(c, err, "ReattachReplica")
}
