package table

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/item"
)

// rowFormat is the first byte of every stored row; see docs/formats/row.md.
const rowFormat = 1

const (
	rowDeleted = 1 << iota // A tombstone: the item holds the key attributes alone.
	rowVector              // A version vector follows the version.
	rowParts               // Then the length of the parts, and they.
)

var errMalformedRow = errors.New("table: malformed row")

// row is the stored state of an item: what the item path calls "old". The zero
// row is that of a key that was never written.
type row struct {
	conflict.State
	exists bool // The item exists: there is a row, and it is no tombstone.
}

// appendRow appends the stored form of a state.
func appendRow(dst []byte, s *conflict.State) []byte {
	flags := byte(0)
	if s.Deleted {
		flags |= rowDeleted
	}
	if !s.Vector.IsZero() {
		flags |= rowVector
	}
	if s.Parts != nil {
		flags |= rowParts
	}
	dst = conflict.AppendVersion(append(dst, rowFormat, flags), s.Version)
	if flags&rowVector != 0 {
		dst = conflict.AppendVector(dst, &s.Vector)
	}
	if flags&rowParts != 0 {
		dst = append(binary.AppendUvarint(dst, uint64(len(s.Parts))), s.Parts...)
	}
	return append(dst, s.Item...)
}

// decodeRow reads a stored row; nil is the zero row. The item is a view of b.
func decodeRow(b []byte, d *conflict.Decoder) (row, error) {
	var r row
	if b == nil {
		return r, nil
	}
	if len(b) < 2 || b[0] != rowFormat {
		return r, errMalformedRow
	}
	flags := b[1]
	var err error
	if r.Version, b, err = d.Version(b[2:]); err != nil {
		return r, fmt.Errorf("%w: %w", errMalformedRow, err)
	}
	if flags&rowVector != 0 {
		if r.Vector, b, err = d.Vector(b); err != nil {
			return r, fmt.Errorf("%w: %w", errMalformedRow, err)
		}
	}
	if flags&rowParts != 0 {
		n, k := binary.Uvarint(b)
		if k <= 0 || n == 0 || n > uint64(len(b)-k) {
			return r, errMalformedRow
		}
		r.Parts, b = b[k:k+int(n):k+int(n)], b[k+int(n):]
	}
	r.Item, r.Deleted = b, flags&rowDeleted != 0
	r.exists = !r.Deleted
	return r, nil
}

// rowItem returns the item of a stored row, nil for a tombstone. It is the
// reader's short way: who wrote it and when is not looked at.
func rowItem(b []byte, d *conflict.Decoder) (item.Item, error) {
	const cell = 2 + clock.EncodedSize + 5 // Where the length of the Region's name stands.
	if len(b) <= cell || b[0] != rowFormat {
		return nil, errMalformedRow
	}
	if b[1]&rowDeleted != 0 {
		return nil, nil
	}
	if b[1]&(rowVector|rowParts) != 0 {
		r, err := decodeRow(b, d)
		return r.Item, err
	}
	n := cell + 1 + int(b[cell])
	if len(b) <= n {
		return nil, errMalformedRow
	}
	return item.Item(b[n:]), nil
}

// entryFormat is the first byte of every index entry; the projected item
// follows.
const entryFormat = 1

func appendEntry(dst []byte, it item.Item) []byte { return append(append(dst, entryFormat), it...) }

func decodeEntry(b []byte) (item.Item, error) {
	if len(b) < 2 || b[0] != entryFormat {
		return nil, fmt.Errorf("table: malformed index entry")
	}
	return item.Item(b[1:]), nil
}
