package dynamodb

import (
	"slices"

	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/jsonscan"
	"github.com/hortusdb/hortus/table"
)

// appendCollection writes the ItemCollectionMetrics of the collection that an
// item belongs to. Its size is an estimate on AWS too; the bounds given here are
// those of a small collection.
func appendCollection(dst []byte, t *table.Table, k table.Key) []byte {
	hash, _ := t.HashKey()
	dst = append(dst, `{"ItemCollectionKey":{`...)
	dst = append(jsonscan.AppendString(dst, hash), ':')
	dst = item.AppendValueJSON(dst, k.Hash)
	return append(dst, `},"SizeEstimateRangeGB":[0.0,1.0]}`...)
}

// hasCollections reports whether AWS keeps collection sizes of a table: it does
// where there are local indexes (documented).
func hasCollections(t *table.Table) bool {
	for i := range t.Def.Indexes {
		if t.Def.Indexes[i].Local {
			return true
		}
	}
	return false
}

func appendCollectionMetrics(dst []byte, t *table.Table, k table.Key) []byte {
	if !hasCollections(t) {
		return dst
	}
	return appendCollection(appendMember(dst, `"ItemCollectionMetrics":`), t, k)
}

// appendBatchMetrics writes the ItemCollectionMetrics of a batch, by table; none
// of its tables may have collections.
func appendBatchMetrics(dst []byte, r *request, writes []*table.Write, owner []int) []byte {
	if !slices.ContainsFunc(writes, func(w *table.Write) bool { return hasCollections(w.Table) }) {
		return dst
	}
	dst = append(dst, `,"ItemCollectionMetrics":{`...)
	some := false
	for n := range r.puts {
		first := true
		for i, w := range writes {
			if owner[i] != n || !hasCollections(w.Table) {
				continue
			}
			switch {
			case !first:
				dst = append(dst, ',')
			case some:
				dst = append(dst, ',')
				fallthrough
			default:
				dst = append(jsonscan.AppendString(dst, r.puts[n].table), `:[`...)
			}
			first, some = false, true
			dst = appendCollection(dst, w.Table, w.Key)
		}
		if !first {
			dst = append(dst, ']')
		}
	}
	return append(dst, '}')
}
