// Package conflict decides which of two versions of an item survives.
//
// Versions order by hybrid timestamp, then by cell, so that all replicas that
// have seen the same versions of an item hold the same one, whatever the order
// of arrival.
package conflict

import (
	"encoding/binary"
	"errors"
	"strconv"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
)

// Version says when and where an item was written. No cell gives out one
// version twice.
type Version struct {
	Time clock.Timestamp
	Cell aws.Cell // The cell of origin. Breaks ties between equal times.
}

// Compare orders versions by time, then by cell.
func (v Version) Compare(w Version) int {
	if c := v.Time.Compare(w.Time); c != 0 {
		return c
	}
	return v.Cell.Compare(w.Cell)
}

// IsZero reports whether v is the zero version, which is before all others.
func (v Version) IsZero() bool { return v == Version{} }

func (v Version) String() string { return v.Time.String() + "@" + v.Cell.String() }

// ErrMalformed reports bytes that are not an encoded version or vector.
var ErrMalformed = errors.New("conflict: malformed version")

// accountBytes is enough for twelve decimal digits.
const accountBytes = 5

// AppendCell appends the account as five bytes, the length of the Region's
// name as one, and the name.
func AppendCell(dst []byte, c aws.Cell) []byte {
	n, _ := strconv.ParseUint(string(c.Account), 10, 64)
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	dst = append(dst, b[8-accountBytes:]...)
	dst = append(dst, byte(len(c.Region)))
	return append(dst, c.Region...)
}

// AppendVersion appends the timestamp's 12 bytes and the cell.
func AppendVersion(dst []byte, v Version) []byte {
	return AppendCell(clock.AppendTimestamp(dst, v.Time), v.Cell)
}

// Decoder reads versions. It knows the cell that it works for, so that most
// versions are read without an allocation.
type Decoder struct {
	self    aws.Cell
	encoded []byte
}

// NewDecoder returns a decoder for the data of a cell.
func NewDecoder(self aws.Cell) *Decoder {
	return &Decoder{self, AppendCell(nil, self)}
}

// Cell reads what AppendCell wrote and returns the rest of b.
func (d *Decoder) Cell(b []byte) (aws.Cell, []byte, error) {
	if len(b) < accountBytes+1 {
		return aws.Cell{}, nil, ErrMalformed
	}
	n := accountBytes + 1 + int(b[accountBytes])
	if len(b) < n {
		return aws.Cell{}, nil, ErrMalformed
	}
	if string(b[:n]) == string(d.encoded) {
		return d.self, b[n:], nil
	}
	var a [8]byte
	copy(a[8-accountBytes:], b)
	account := binary.BigEndian.Uint64(a[:])
	text := make([]byte, 0, 64) // Of both, so that there is one allocation.
	for least := uint64(1e11); least > 1 && account < least; least /= 10 {
		text = append(text, '0')
	}
	text = strconv.AppendUint(text, account, 10)
	digits := len(text)
	both := string(append(text, b[accountBytes+1:n]...))
	return aws.Cell{Account: aws.Account(both[:digits]), Region: aws.Region(both[digits:])}, b[n:], nil
}

// Version reads what AppendVersion wrote and returns the rest of b.
func (d *Decoder) Version(b []byte) (Version, []byte, error) {
	if len(b) < clock.EncodedSize {
		return Version{}, nil, ErrMalformed
	}
	t := clock.DecodeTimestamp(b)
	c, rest, err := d.Cell(b[clock.EncodedSize:])
	return Version{t, c}, rest, err
}
