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
	names := make([]string, len(r.puts))
	for i := range names {
		names[i] = r.puts[i].table
	}
	return appendCollections(dst, names, writes, owner)
}

// appendCollections writes the ItemCollectionMetrics of several writes, by
// table: owner tells of each write which name it has. What was only checked has
// none.
func appendCollections(dst []byte, names []string, writes []*table.Write, owner []int) []byte {
	counts := func(w *table.Write) bool { return w.Kind != table.Check && hasCollections(w.Table) }
	if !slices.ContainsFunc(writes, counts) {
		return dst
	}
	dst = append(appendMember(dst, `"ItemCollectionMetrics":`), '{')
	for n := range names {
		first := true
		for i, w := range writes {
			if owner[i] != n || !counts(w) {
				continue
			}
			if first {
				dst = append(appendMember(dst, ""), jsonscan.AppendString(nil, names[n])...)
				dst = append(dst, `:[`...)
			} else {
				dst = append(dst, ',')
			}
			first = false
			dst = appendCollection(dst, w.Table, w.Key)
		}
		if !first {
			dst = append(dst, ']')
		}
	}
	return append(dst, '}')
}
