package replication

import (
	"cmp"
	"maps"
	"slices"
)

// sorted lists the links in a fixed order: by table, group, peer and side.
func (r *Replicator) sorted() []*link {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.links), func(a, b *link) int {
		return cmp.Or(
			cmp.Compare(a.key.table, b.key.table), cmp.Compare(a.key.group, b.key.group),
			a.key.peer.Compare(b.key.peer), cmp.Compare(a.key.side, b.key.side),
		)
	})
}
