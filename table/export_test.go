package table

// LimitSteps makes the pieces of Step so small that a few items need several.
func (e *Engine) LimitSteps(rows int) { e.upkeep.rows = rows }

// LimitCollections makes item collections of few bytes too large.
func (e *Engine) LimitCollections(bytes int64) { e.maxCollection = bytes }

// Held is how many items and tokens transactions under way have.
func (e *Engine) Held() int64 { return e.ongoing.held.Load() }
