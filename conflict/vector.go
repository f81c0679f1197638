package conflict

import (
	"encoding/binary"
	"slices"

	"github.com/hortusdb/hortus/clock"
)

// Vector says, beside a state's own version, which versions of the item are part
// of the state: those that its writer had seen, and those that were merged into
// it. It tells a concurrent write from a later one.
//
// A cell's entry is the time of its last version that is part. Times never repeat
// in a cell and grow from version to version of an item, also when the tombstone
// between two of them is long gone, where a count of versions would begin anew.
// The entry of the cell that made the state is its version, and is not said
// again: a state of one writer alone has an empty vector. So a state that was
// written while its table was regional needs none either, and is part of every
// version whose writer saw it.
//
// The zero Vector is empty. A Vector is canonical: equal ones have equal bytes.
type Vector struct {
	// Floor is a time up to which every version of every cell is part. A write
	// that finds nothing has it where a tombstone may have been dropped: it
	// stands for the versions that the tombstone had seen.
	Floor clock.Timestamp
	Last  []Version // By cell, each once, all after Floor.
}

// MaxVector is the number of cells that a vector may name. A longer one loses its
// oldest entries; a conflict with one of these may then be noted once more.
const MaxVector = 256

// IsZero reports whether v is empty.
func (v *Vector) IsZero() bool { return v.Floor.IsZero() && len(v.Last) == 0 }

// Equal reports whether two vectors are the same.
func (v *Vector) Equal(w *Vector) bool {
	return v.Floor == w.Floor && slices.Equal(v.Last, w.Last)
}

// covers reports whether a version is part, by the vector alone.
func (v *Vector) covers(w Version) bool {
	if w.Time.Compare(v.Floor) <= 0 {
		return true
	}
	for i := range v.Last {
		if v.Last[i].Cell == w.Cell {
			return w.Time.Compare(v.Last[i].Time) <= 0
		}
	}
	return false
}

// Covers reports whether a version is part of the state: its writer had seen it,
// or it was merged into it.
func (s *State) Covers(v Version) bool {
	return (v.Cell == s.Version.Cell && v.Time.Compare(s.Version.Time) <= 0) || s.Vector.covers(v)
}

// Follow is the vector of a new version of cell at's own, written on top of s,
// which may be the zero State. It may share memory with that of s.
func (s *State) Follow(at Version) Vector {
	if s.Version.IsZero() || (s.Version.Cell == at.Cell && len(s.Vector.Last) == 0) {
		return s.Vector
	}
	return join(at, s, &State{Version: at})
}

// Join is the vector of a state of that version into which both a and b are
// merged.
func Join(survivor Version, a, b *State) Vector {
	if a.Vector.IsZero() && b.Vector.IsZero() && a.Version.Cell == survivor.Cell && b.Version.Cell == survivor.Cell {
		return Vector{}
	}
	return join(survivor, a, b)
}

func join(survivor Version, a, b *State) Vector {
	out := Vector{Floor: a.Vector.Floor}
	if b.Vector.Floor.Compare(out.Floor) > 0 {
		out.Floor = b.Vector.Floor
	}
	all := make([]Version, 0, len(a.Vector.Last)+len(b.Vector.Last)+2)
	all = append(append(all, a.Vector.Last...), b.Vector.Last...)
	all = append(all, a.Version, b.Version)
	slices.SortFunc(all, func(v, w Version) int {
		if c := v.Cell.Compare(w.Cell); c != 0 {
			return c
		}
		return w.Time.Compare(v.Time)
	})
	kept := all[:0]
	for i, v := range all {
		first := i == 0 || all[i-1].Cell != v.Cell
		if first && v.Cell != survivor.Cell && v.Time.Compare(out.Floor) > 0 {
			kept = append(kept, v)
		}
	}
	for len(kept) > MaxVector {
		oldest := 0
		for i := range kept {
			if kept[i].Time.Compare(kept[oldest].Time) < 0 {
				oldest = i
			}
		}
		kept = slices.Delete(kept, oldest, oldest+1)
	}
	if len(kept) > 0 {
		out.Last = kept
	}
	return out
}

// AppendVector appends the floor, the number of entries and each entry.
func AppendVector(dst []byte, v *Vector) []byte {
	dst = clock.AppendTimestamp(dst, v.Floor)
	dst = binary.AppendUvarint(dst, uint64(len(v.Last)))
	for _, e := range v.Last {
		dst = AppendVersion(dst, e)
	}
	return dst
}

// Vector reads what AppendVector wrote and returns the rest of b. It takes
// nothing that is not canonical.
func (d *Decoder) Vector(b []byte) (Vector, []byte, error) {
	var v Vector
	if len(b) < clock.EncodedSize {
		return v, nil, ErrMalformed
	}
	v.Floor = clock.DecodeTimestamp(b)
	b = b[clock.EncodedSize:]
	n, k := binary.Uvarint(b)
	if k <= 0 || n > MaxVector || (k > 1 && b[k-1] == 0) {
		return Vector{}, nil, ErrMalformed
	}
	b = b[k:]
	if n == 0 {
		return v, b, nil
	}
	v.Last = make([]Version, n)
	for i := range v.Last {
		var err error
		if v.Last[i], b, err = d.Version(b); err != nil {
			return Vector{}, nil, err
		}
		if (i > 0 && v.Last[i-1].Cell.Compare(v.Last[i].Cell) >= 0) || v.Last[i].Time.Compare(v.Floor) <= 0 {
			return Vector{}, nil, ErrMalformed
		}
	}
	return v, b, nil
}
