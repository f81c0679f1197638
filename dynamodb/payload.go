package dynamodb

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/table"
)

// payload digests what makes a TransactWriteItems the same as another: the
// actions in their order and what the answer is to tell, but not how numbers
// are spelled, in which order members come, and whether a NONE is said or left
// out (recorded). Values are in stored form, which has one spelling.
func (r *request) payload() [table.PayloadSize]byte {
	b := r.row[:0]
	b = appendChosen(b, r.returnConsumed)
	b = appendChosen(b, r.returnMetrics)
	for i := range r.actions {
		x := &r.actions[i]
		b = append(b, byte(x.write.Kind))
		b = appendPart(b, x.table.s)
		b = appendPart(b, x.item)
		b = appendPart(b, x.key)
		b = appendText(b, x.expressions[expr.ConditionKind])
		b = appendText(b, x.expressions[expr.UpdateKind])
		b = appendChosen(b, x.returnOnFailure)
		names := slices.Clone(x.scope.Names)
		slices.SortFunc(names, func(a, b expr.Name) int { return strings.Compare(a.Placeholder, b.Placeholder) })
		b = binary.AppendUvarint(b, uint64(len(names)))
		for _, n := range names {
			b = appendPart(appendPart(b, n.Placeholder), n.Attribute)
		}
		values := slices.Clone(x.scope.Values)
		slices.SortFunc(values, func(a, b expr.Value) int { return strings.Compare(a.Placeholder, b.Placeholder) })
		b = binary.AppendUvarint(b, uint64(len(values)))
		for _, v := range values {
			b = appendPart(appendPart(b, v.Placeholder), v.Value)
		}
	}
	r.row = b
	return sha256.Sum256(b)
}

// appendPart appends a length and what is so long.
func appendPart[T ~string | ~[]byte](dst []byte, part T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(part))), part...)
}

// appendText appends an optional member.
func appendText(dst []byte, t text) []byte {
	if !t.ok {
		return append(dst, 0)
	}
	return appendPart(append(dst, 1), t.s)
}

// appendChosen appends a choice whose default is NONE.
func appendChosen(dst []byte, t text) []byte {
	if t.s == "" {
		return appendPart(dst, "NONE")
	}
	return appendPart(dst, t.s)
}
