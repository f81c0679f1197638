package dynamodb

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hortusdb/hortus/jsonscan"
	"github.com/hortusdb/hortus/table"
)

// Sizes of a capacity unit, in bytes (documented).
const (
	readUnit  = 4 << 10
	writeUnit = 1 << 10
)

// readUnits is what reading size bytes costs; nothing costs as much as one
// unit.
func readUnits(size int, consistent bool) float64 {
	units := math.Max(1, math.Ceil(float64(size)/readUnit))
	if !consistent {
		units /= 2
	}
	return units
}

// writeUnits is what writing size bytes costs.
func writeUnits(size int) float64 {
	return math.Max(1, math.Ceil(float64(size)/writeUnit))
}

// wantsCapacity reports whether the answer tells what the call consumed.
func (r *request) wantsCapacity() bool {
	return r.returnConsumed.s == "TOTAL" || r.returnConsumed.s == "INDEXES"
}

// usage is what a call consumed of one table.
type usage struct {
	table   string // As the request names it.
	units   float64
	indexes []indexUsage
	also    string // In a transaction: the member, read or write units, that repeats each figure.
}

// The members of a transaction's ConsumedCapacity (recorded: each of its parts
// has one).
const (
	alsoRead  = `"ReadCapacityUnits":`
	alsoWrite = `"WriteCapacityUnits":`
)

type indexUsage struct {
	name  string
	local bool
	units float64
}

// index adds to what was consumed of an index.
func (u *usage) index(x *table.Index, units float64) {
	for i := range u.indexes {
		if u.indexes[i].name == x.Name {
			u.indexes[i].units += units
			return
		}
	}
	u.indexes = append(u.indexes, indexUsage{x.Name, x.Local, units})
}

// write adds what a write consumed: the larger of both images, and for each
// index whose entry changed the entry that came and the one that went
// (documented).
func (u *usage) write(w *table.Write) {
	u.units += writeUnits(max(w.OldSize, w.NewSize))
	for _, t := range w.Touched {
		switch {
		case t.Moved:
			u.index(t.Index, writeUnits(t.Before)+writeUnits(t.After))
		default:
			u.index(t.Index, writeUnits(max(t.Before, t.After)))
		}
	}
}

// failed adds what a write consumed whose condition failed: what the item that is
// there costs (recorded).
func (u *usage) failed(w *table.Write) { u.units += writeUnits(w.OldSize) }

// consumed leaves out the tables of which nothing was consumed.
func consumed(usages []usage) []usage {
	return slices.DeleteFunc(usages, func(u usage) bool { return u.units == 0 })
}

// append writes the usage as a ConsumedCapacity.
func (u *usage) append(dst []byte, detail string) []byte {
	total := u.units
	for _, x := range u.indexes {
		total += x.units
	}
	dst = append(dst, `{"TableName":`...)
	dst = jsonscan.AppendString(dst, u.table)
	dst = u.appendFigure(append(dst, ','), total)
	if detail == "INDEXES" {
		dst = append(u.appendFigure(append(dst, `,"Table":{`...), u.units), '}')
		slices.SortFunc(u.indexes, func(a, b indexUsage) int { return strings.Compare(a.name, b.name) })
		dst = u.appendIndexes(dst, `,"LocalSecondaryIndexes":{`, true)
		dst = u.appendIndexes(dst, `,"GlobalSecondaryIndexes":{`, false)
	}
	return append(dst, '}')
}

func (u *usage) appendIndexes(dst []byte, open string, local bool) []byte {
	first := true
	for _, x := range u.indexes {
		if x.local != local {
			continue
		}
		if first {
			dst = append(dst, open...)
		} else {
			dst = append(dst, ',')
		}
		first = false
		dst = jsonscan.AppendString(dst, x.name)
		dst = append(u.appendFigure(append(dst, `:{`...), x.units), '}')
	}
	if !first {
		dst = append(dst, '}')
	}
	return dst
}

// appendFigure writes the members that say one number of units.
func (u *usage) appendFigure(dst []byte, units float64) []byte {
	dst = appendUnits(append(dst, `"CapacityUnits":`...), units)
	if u.also != "" {
		dst = append(append(dst, ','), u.also...)
		dst = appendUnits(dst, units)
	}
	return dst
}

// appendUnits writes a number of units as AWS does, with a decimal point.
func appendUnits(dst []byte, units float64) []byte {
	return strconv.AppendFloat(dst, units, 'f', 1, 64)
}

// appendMember writes a comma, unless an object has just begun, and the name.
func appendMember(dst []byte, name string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(dst, name...)
}
