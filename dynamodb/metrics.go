package dynamodb

import (
	"slices"
	"strconv"

	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/jsonscan"
	"github.com/hortusdb/hortus/table"
)

// appendCollection writes the ItemCollectionMetrics of the collection that a
// written item belongs to. Its size is told as the whole gigabytes around it
// (documented: an estimate, with a lower and an upper bound).
func appendCollection(dst []byte, w *table.Write) []byte {
	hash, _ := w.Table.HashKey()
	dst = append(dst, `{"ItemCollectionKey":{`...)
	dst = append(jsonscan.AppendString(dst, hash), ':')
	dst = item.AppendValueJSON(dst, w.Key.Hash)
	low := w.Collection >> 30
	dst = strconv.AppendInt(append(dst, `},"SizeEstimateRangeGB":[`...), low, 10)
	dst = strconv.AppendInt(append(dst, ".0,"...), low+1, 10)
	return append(dst, ".0]}"...)
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

func appendCollectionMetrics(dst []byte, w *table.Write) []byte {
	if !hasCollections(w.Table) {
		return dst
	}
	return appendCollection(appendMember(dst, `"ItemCollectionMetrics":`), w)
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
			dst = appendCollection(dst, w)
		}
		if !first {
			dst = append(dst, ']')
		}
	}
	return append(dst, '}')
}
