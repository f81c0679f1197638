// Package changelog says what happened in a cell's tables, in commit order,
// durably: what a change record is, who reads a log and from where, and how
// long it is kept.
//
// The log is the narrow waist: streams, replication, point-in-time recovery and
// export are readers of it, and nothing else records changes. kv owns
// positions, durability and order; a reader never sees a record that a crash
// could take back.
package changelog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/item"
)

// Cause says what made a change.
type Cause uint8

// The causes of changes.
const (
	Client  Cause = 1 + iota // A call of the data plane.
	Expiry                   // Time to live.
	Replica                  // A write of another member of the global table.
	Restore                  // A restore or an import.
)

func (c Cause) String() string {
	switch c {
	case Client:
		return "client"
	case Expiry:
		return "expiry"
	case Replica:
		return "replica"
	case Restore:
		return "restore"
	}
	return fmt.Sprintf("cause %d", uint8(c))
}

// Record is one change of one item. Its slices are views into the encoded
// record.
type Record struct {
	Version     conflict.Version
	Previous    conflict.Version // Of what it replaced; zero when there was nothing.
	Vector      conflict.Vector
	Parts       []byte // See conflict.State.
	Transaction uint64 // The same for all records of one transaction; zero outside.
	Cause       Cause
	Deleted     bool

	// Tables are the other tables that the transaction wrote to and that are
	// visible together with this one in other members: their names, in order. In
	// each table's log the first record of the transaction has them.
	Tables []string

	Key item.Item // The key attributes.
	New item.Item // The image after, nil when it is not kept or Deleted.
	Old item.Item // The image before, nil when it is not kept or there was none.
}

// The first byte of every record; see docs/formats/changelog.md. The later format
// has flagTables, the earlier one has not, and is written where it will do: a
// program that knows it alone reads all but what it could not heed.
const (
	recordFormat       = 1
	recordFormatTables = 2
)

// maxTables is how many tables a record names at most: as many as a transaction
// has items.
const maxTables = 100

const (
	flagDeleted = 1 << iota
	flagPrevious
	flagVector
	flagTransaction
	flagNew
	flagOld
	flagParts
	flagTables
)

// ErrMalformed reports bytes that are not a record of a known format.
var ErrMalformed = errors.New("changelog: malformed record")

// Append appends the encoded record.
func (r *Record) Append(dst []byte) []byte {
	flags := byte(0)
	set := func(on bool, f byte) {
		if on {
			flags |= f
		}
	}
	set(r.Deleted, flagDeleted)
	set(!r.Previous.IsZero(), flagPrevious)
	set(!r.Vector.IsZero(), flagVector)
	set(r.Transaction != 0, flagTransaction)
	set(r.New != nil, flagNew)
	set(r.Old != nil, flagOld)
	set(r.Parts != nil, flagParts)
	set(len(r.Tables) > 0, flagTables)
	dst = append(dst, formatWith(flags), flags, byte(r.Cause))
	dst = conflict.AppendVersion(dst, r.Version)
	if flags&flagPrevious != 0 {
		dst = conflict.AppendVersion(dst, r.Previous)
	}
	if flags&flagVector != 0 {
		dst = conflict.AppendVector(dst, &r.Vector)
	}
	if flags&flagParts != 0 {
		dst = appendBytes(dst, r.Parts)
	}
	if flags&flagTransaction != 0 {
		dst = binary.AppendUvarint(dst, r.Transaction)
	}
	if flags&flagTables != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(r.Tables)))
		for _, name := range r.Tables {
			dst = append(binary.AppendUvarint(dst, uint64(len(name))), name...)
		}
	}
	dst = appendBytes(dst, r.Key)
	if flags&flagNew != 0 {
		dst = appendBytes(dst, r.New)
	}
	if flags&flagOld != 0 {
		dst = appendBytes(dst, r.Old)
	}
	return dst
}

// formatWith is the format of a record with these flags.
func formatWith(flags byte) byte {
	if flags&flagTables != 0 {
		return recordFormatTables
	}
	return recordFormat
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// Decode reads an encoded record. The record's slices point into b.
func Decode(b []byte, d *conflict.Decoder) (Record, error) {
	var r Record
	if len(b) < 3 || b[0] != formatWith(b[1]) {
		return r, ErrMalformed
	}
	flags := b[1]
	r.Cause, r.Deleted = Cause(b[2]), flags&flagDeleted != 0
	var err error
	if r.Version, b, err = d.Version(b[3:]); err != nil {
		return r, ErrMalformed
	}
	if flags&flagPrevious != 0 {
		if r.Previous, b, err = d.Version(b); err != nil {
			return r, ErrMalformed
		}
	}
	if flags&flagVector != 0 {
		if r.Vector, b, err = d.Vector(b); err != nil {
			return r, ErrMalformed
		}
	}
	if flags&flagParts != 0 {
		if r.Parts, b, err = cutBytes(b); err != nil {
			return r, err
		}
	}
	if flags&flagTransaction != 0 {
		n, k := binary.Uvarint(b)
		if k <= 0 {
			return r, ErrMalformed
		}
		r.Transaction, b = n, b[k:]
	}
	if flags&flagTables != 0 {
		if r.Tables, b, err = cutTables(b); err != nil {
			return r, err
		}
	}
	if r.Key, b, err = cutBytes(b); err != nil {
		return r, err
	}
	if flags&flagNew != 0 {
		if r.New, b, err = cutBytes(b); err != nil {
			return r, err
		}
	}
	if flags&flagOld != 0 {
		if r.Old, b, err = cutBytes(b); err != nil {
			return r, err
		}
	}
	if len(b) != 0 {
		return r, ErrMalformed
	}
	return r, nil
}

// Head reads who made the change that a record is of, and what made it, and looks
// at nothing else: whoever passes over most records need not fetch their images.
func Head(b []byte, d *conflict.Decoder) (conflict.Version, Cause, error) {
	if len(b) < 3 || b[0] != formatWith(b[1]) {
		return conflict.Version{}, 0, ErrMalformed
	}
	v, _, err := d.Version(b[3:])
	if err != nil {
		return conflict.Version{}, 0, ErrMalformed
	}
	return v, Cause(b[2]), nil
}

// AppendWithoutOld appends the encoded record b, of which r was decoded, without
// the image before: who applies a change has its own.
func AppendWithoutOld(dst, b []byte, r *Record) []byte {
	if r.Old == nil {
		return append(dst, b...)
	}
	at := len(dst)
	var length [binary.MaxVarintLen64]byte
	dst = append(dst, b[:len(b)-len(r.Old)-binary.PutUvarint(length[:], uint64(len(r.Old)))]...)
	dst[at+1] &^= flagOld
	return dst
}

// cutTables reads the names of tables, of which there is at least one.
func cutTables(b []byte) (tables []string, rest []byte, err error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n == 0 || n > maxTables {
		return nil, nil, ErrMalformed
	}
	b = b[k:]
	for range n {
		var name []byte
		if name, b, err = cutBytes(b); err != nil {
			return nil, nil, err
		}
		tables = append(tables, string(name))
	}
	return tables, b, nil
}

func cutBytes(b []byte) (head, rest []byte, err error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return nil, nil, ErrMalformed
	}
	b = b[k:]
	return b[:n:n], b[n:], nil
}
