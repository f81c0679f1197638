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
	return slices.SortedFunc(maps.Values(r.links), func(a, b *link) int { return a.key.compare(b.key) })
}

// sortedOf lists the links of one table in a fixed order.
func (r *Replicator) sortedOf(name string) []*link {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*link
	for k, l := range r.links {
		if k.table == name {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b *link) int { return a.key.compare(b.key) })
	return out
}

// compare orders links by table, group, peer and side.
func (k linkKey) compare(l linkKey) int {
	return cmp.Or(
		cmp.Compare(k.table, l.table), cmp.Compare(k.group, l.group),
		k.peer.Compare(l.peer), cmp.Compare(k.side, l.side),
	)
}
