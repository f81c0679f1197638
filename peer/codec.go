package peer

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// Limits of a message. See docs/formats/peer.md.
const (
	// MaxMessage is how many bytes an encoded message has at most: a batch ends
	// between commits, so it can hold all of one.
	MaxMessage = kv.MaxUpdateSize + 1<<20

	maxName = 1 << 10  // Bytes of a table's name, a group's or a life's id.
	maxText = 64 << 10 // Bytes of a reason; a longer one is cut off.
)

// ErrMalformed reports bytes that are not what this format allows.
var ErrMalformed = errors.New("peer: malformed message")

// The bits that say which fields a message has; a bit is never used again.
const (
	hasFrom = 1 << iota
	hasTo
	hasEntries
	hasRefused
	isDenied
	isActive
	hasLife
	isBegin
	hasKey
	hasNext
	hasRows
	hasCursors
	hasLowWater
	hasApplied
	isWants
	isLast
	hasPages
	hasFloor
	hasInaccessible
	hasOrigin
	hasHeld
	hasSeeded
	hasEdition
	hasRun
	isStranger
	hasAsk
	isFailing
	unknownBits
)

// appendMessage appends a message with its addresses.
func appendMessage(dst []byte, from, to aws.Cell, m *replication.Message) []byte {
	dst = appendCell(appendCell(append(dst, byte(m.Kind)), from), to)
	dst = appendText(appendText(dst, m.Table), m.Group)
	dst = binary.AppendVarint(binary.AppendVarint(dst, m.FromSince), m.ToSince)
	has := fields(m)
	dst = binary.AppendUvarint(dst, has)
	if has&hasFrom != 0 {
		dst = binary.AppendUvarint(dst, uint64(m.From))
	}
	if has&hasTo != 0 {
		dst = binary.AppendUvarint(dst, uint64(m.To))
	}
	if has&hasEntries != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(m.Entries)))
		for i := range m.Entries {
			e := &m.Entries[i]
			dst = binary.AppendVarint(binary.AppendUvarint(dst, uint64(e.Position)), e.Time)
			dst = appendBytes(dst, e.Record)
		}
	}
	if has&hasRefused != 0 {
		dst = appendText(dst, m.Refused[:min(len(m.Refused), maxText)])
	}
	if has&hasLife != 0 {
		dst = appendText(dst, m.Life)
	}
	return appendSeeding(dst, has, m)
}

// appendSeeding appends the fields of seeding and of progress.
func appendSeeding(dst []byte, has uint64, m *replication.Message) []byte {
	if has&hasKey != 0 {
		dst = appendBytes(dst, m.Key)
	}
	if has&hasNext != 0 {
		dst = appendBytes(dst, m.Next)
	}
	if has&hasRows != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(m.Rows)))
		for _, row := range m.Rows {
			dst = appendBytes(dst, row)
		}
	}
	if has&hasCursors != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(m.Cursors)))
		for _, c := range m.Cursors {
			dst = binary.AppendUvarint(appendCell(dst, c.Cell), uint64(c.Position))
			dst = binary.BigEndian.AppendUint64(dst, c.Run)
		}
	}
	if has&hasLowWater != 0 {
		dst = clock.AppendTimestamp(dst, m.LowWater)
	}
	if has&hasApplied != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(m.Applied)))
		for _, a := range m.Applied {
			dst = clock.AppendTimestamp(appendCell(dst, a.Cell), a.Time)
		}
	}
	if has&hasPages != 0 {
		dst = binary.AppendUvarint(dst, uint64(m.Pages))
	}
	if has&hasFloor != 0 {
		dst = clock.AppendTimestamp(dst, m.Floor)
	}
	if has&hasInaccessible != 0 {
		dst = binary.AppendVarint(appendText(dst, string(m.Inaccessible.Status)), m.Inaccessible.Since)
	}
	if has&hasOrigin != 0 {
		dst = appendCell(dst, m.Origin)
	}
	if has&hasHeld != 0 {
		dst = appendText(dst, m.Held[:min(len(m.Held), maxText)])
	}
	if has&hasSeeded != 0 {
		dst = append(dst, byte(m.Seeded))
	}
	if has&hasEdition != 0 {
		dst = appendText(binary.AppendUvarint(dst, m.Edition.Number), m.Edition.ID)
	}
	if has&hasRun != 0 {
		dst = binary.BigEndian.AppendUint64(dst, m.Run)
	}
	if has&hasAsk != 0 {
		dst = binary.AppendUvarint(dst, m.Ask)
	}
	return dst
}

// fields says which fields of a message are set.
func fields(m *replication.Message) uint64 {
	has := uint64(0)
	for _, f := range []struct {
		bit uint64
		set bool
	}{
		{hasFrom, m.From != 0},
		{hasTo, m.To != 0},
		{hasEntries, len(m.Entries) > 0},
		{hasRefused, m.Refused != ""},
		{isDenied, m.Denied},
		{isActive, m.Active},
		{hasLife, m.Life != ""},
		{isBegin, m.Begin},
		{hasKey, len(m.Key) > 0},
		{hasNext, len(m.Next) > 0},
		{hasRows, len(m.Rows) > 0},
		{hasCursors, len(m.Cursors) > 0},
		{hasLowWater, !m.LowWater.IsZero()},
		{hasApplied, len(m.Applied) > 0},
		{isWants, m.Wants},
		{isLast, m.Last},
		{hasPages, m.Pages != 0},
		{hasFloor, !m.Floor.IsZero()},
		{hasInaccessible, m.Inaccessible != nil},
		{hasOrigin, m.Origin != (aws.Cell{})},
		{hasHeld, m.Held != ""},
		{hasSeeded, m.Seeded != 0},
		{hasEdition, m.Edition != (table.Edition{})},
		{hasRun, m.Run != 0},
		{isStranger, m.Stranger},
		{hasAsk, m.Ask != 0},
		{isFailing, m.Failing},
	} {
		if f.set {
			has |= f.bit
		}
	}
	return has
}

func appendCell(dst []byte, c aws.Cell) []byte {
	return appendText(append(dst, c.Account...), string(c.Region))
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// decodeMessage reads what appendMessage wrote, all of b. Records, rows and keys
// of the message are views of b.
func decodeMessage(b []byte) (from, to aws.Cell, m *replication.Message, err error) {
	d := decoder{b: b}
	m = &replication.Message{Kind: replication.MessageKind(d.byte())}
	from, to = d.cell(), d.cell()
	m.Table, m.Group = d.text(maxName), d.text(maxName)
	m.FromSince, m.ToSince = d.varint(), d.varint()
	has := d.uvarint()
	if m.Kind < replication.Batch || m.Kind > replication.Progress || has >= unknownBits {
		d.bad = true
	}
	if has&hasFrom != 0 {
		m.From = kv.Position(d.uvarint())
	}
	if has&hasTo != 0 {
		m.To = kv.Position(d.uvarint())
	}
	if has&hasEntries != 0 {
		n := d.count(3)
		m.Entries = make([]replication.Entry, 0, n)
		for range n {
			m.Entries = append(m.Entries, replication.Entry{Position: kv.Position(d.uvarint()), Time: d.varint(), Record: d.bytes()})
		}
	}
	if has&hasRefused != 0 {
		m.Refused = d.text(maxText)
	}
	if has&hasLife != 0 {
		m.Life = d.text(maxName)
	}
	m.Denied, m.Active, m.Begin = has&isDenied != 0, has&isActive != 0, has&isBegin != 0
	m.Wants, m.Last, m.Stranger = has&isWants != 0, has&isLast != 0, has&isStranger != 0
	m.Failing = has&isFailing != 0
	d.seeding(has, m)
	// A set bit whose field is empty would be a second spelling of one message.
	if d.bad || len(d.b) > 0 || fields(m) != has {
		return from, to, nil, ErrMalformed
	}
	return from, to, m, nil
}

// seeding reads what appendSeeding wrote.
func (d *decoder) seeding(has uint64, m *replication.Message) {
	if has&hasKey != 0 {
		m.Key = d.bytes()
	}
	if has&hasNext != 0 {
		m.Next = d.bytes()
	}
	if has&hasRows != 0 {
		n := d.count(1)
		m.Rows = make([]table.Row, 0, n)
		for range n {
			m.Rows = append(m.Rows, table.Row(d.bytes()))
		}
	}
	if has&hasCursors != 0 {
		for range d.count(23) {
			m.Cursors = append(m.Cursors, replication.Point{Cell: d.cell(), Position: kv.Position(d.uvarint()), Run: d.uint64()})
		}
	}
	if has&hasLowWater != 0 {
		m.LowWater = d.timestamp()
	}
	if has&hasApplied != 0 {
		for range d.count(25) {
			m.Applied = append(m.Applied, replication.Mark{Cell: d.cell(), Time: d.timestamp()})
		}
	}
	if has&hasPages != 0 {
		m.Pages = int(d.uvarint() & 0xffff)
	}
	if has&hasFloor != 0 {
		m.Floor = d.timestamp()
	}
	if has&hasInaccessible != 0 {
		m.Inaccessible = &table.Inaccessible{Status: table.Status(d.text(maxName)), Since: d.varint()}
	}
	if has&hasOrigin != 0 {
		m.Origin = d.cell()
	}
	if has&hasHeld != 0 {
		m.Held = d.text(maxText)
	}
	if has&hasSeeded != 0 {
		m.Seeded = int(d.byte())
		d.bad = d.bad || m.Seeded > 100
	}
	if has&hasEdition != 0 {
		m.Edition = table.Edition{Number: d.uvarint(), ID: d.text(maxName)}
	}
	if has&hasRun != 0 {
		m.Run = d.uint64()
	}
	if has&hasAsk != 0 {
		m.Ask = d.uvarint()
	}
}

// decoder takes values off the front of b. Once something is wrong it stays
// bad, and gives out zero values.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n uint64) []byte {
	if d.bad || n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	head := d.b[:n:n]
	d.b = d.b[n:]
	return head
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if d.bad || n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if d.bad || n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count reads a number of things of which each takes at least so many bytes, so
// that what is made for them is bounded by what came.
func (d *decoder) count(least int) int {
	n := d.uvarint()
	if n > uint64(len(d.b)/least) {
		d.bad = true
		return 0
	}
	return int(n)
}

func (d *decoder) bytes() []byte { return d.take(d.uvarint()) }

func (d *decoder) text(limit int) string {
	n := d.uvarint()
	if n > uint64(limit) {
		d.bad = true
	}
	return string(d.take(n))
}

func (d *decoder) timestamp() clock.Timestamp {
	b := d.take(clock.EncodedSize)
	if b == nil {
		return clock.Timestamp{}
	}
	return clock.DecodeTimestamp(b)
}

func (d *decoder) cell() aws.Cell {
	account := aws.Account(d.take(12))
	region, known := aws.Region(d.take(uint64(d.byte()))).Intern()
	if !known || !account.Valid() {
		d.bad = true
		return aws.Cell{}
	}
	return aws.Cell{Account: account, Region: region}
}

// errNewer reports another version of the format.
func errNewer(format byte) error {
	return fmt.Errorf("%w: format %d, this node reads %d", ErrMalformed, format, formatVersion)
}
