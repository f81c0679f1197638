// Package replication keeps the members of a global table in step: it ships
// each cell's own changes to the others, seeds newcomers, and asks the resource
// policies of both sides for leave on every batch.
//
// Cells meet only here. A sender reads its table's log and pushes batches of
// records of local origin; a receiver applies them, together with its cursor,
// and acknowledges the cursor. Messages may be lost, repeated, delayed and
// reordered: a batch says after which cursor it stands, and applying one twice
// changes nothing.
package replication

import (
	"context"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// MessageKind says what a Message is.
type MessageKind uint8

// The kinds of messages, with the side that sends them.
const (
	Batch    MessageKind = 1 + iota // Source: records after From, up to To.
	Ack                             // Destination: everything up to To is applied.
	SeedAsk                         // Destination: the rows after Key; without Key, where to begin.
	SeedPage                        // Source: rows after Key, in answer.
	Progress                        // Any member: how far it has applied every member's versions.
)

// Message is what members of a global table send each other. Who receives one
// must not change it.
type Message struct {
	Kind  MessageKind
	Table string
	Group string // Messages of a group that the table no longer belongs to are dropped.

	// When the sender and the receiver joined, as the sender knows it. A member
	// that leaves and joins again has another log and other cursors: what is
	// still under way of its time before is dropped.
	FromSince, ToSince int64

	From, To kv.Position // Positions of the source's log.
	Entries  []Entry
	Run      uint64 // Of what names positions: their run, see Point. Of an Ack: that of the history in which the cursor stands.
	Refused  string // Of an Ack: why the destination does not apply what comes. Of a Batch: why the source sends nothing.
	Denied   bool   // Of an Ack with Refused: by a policy, and not for the time being.
	Failing  bool   // Of an Ack with Refused: it would apply it, and fails.
	Active   bool   // Of an Ack: the destination is seeded and in use.
	Stranger bool   // Of an Ack, in answer to a Batch: there is no such replica here. It says nothing else.
	Life     string // Of an Ack: names the destination's run. Within one its cursor never goes back. Of a SeedAsk and its answer: the seeding's era.

	// Of an Ack: what a transaction waits for before it is applied. All up to From
	// has come, and need not be sent again.
	Held string

	// Of a Batch of nothing: names a question where the destination is. Of an Ack:
	// the question that it answers. What was sent before it has come, or is lost.
	Ask uint64

	Seeded int // Of an Ack without Active: the part of the table that has come to the destination by seeding, in percent.

	Inaccessible *table.Inaccessible // Of an Ack, and of a Batch with Refused: that the one who sends it is.

	Begin   bool // Of a SeedAsk and its answer: where to begin.
	Key     []byte
	Origin  aws.Cell // Of a SeedAsk and its answer: only rows that this cell, which has left, wrote last. None when it is for seeding.
	Pages   int      // Of a SeedAsk: how many pages are wanted, one after the other; 0 is one.
	Last    bool     // Of a SeedPage: no further one was asked for.
	Next    []byte   // Of a SeedPage: the key to ask from next; nil at the end.
	Rows    []table.Row
	Cursors []Point         // Of a SeedPage with Begin: the source's own cursors on the other members.
	Floor   clock.Timestamp // Of a SeedPage with Begin: see table.Table.Floor.

	LowWater clock.Timestamp // Of Progress: all that the sender stamped up to this is in its log up to To.
	Applied  []Mark          // Of Progress: what the sender has applied. What it wrote without that is up to To, too.
	Wants    bool            // Of Progress: the sender has tombstones and needs an answer. Of an Ack: so does the destination, when nothing is in flight.

	Edition table.Edition // Of a Batch without entries and an Ack: of the sender's settings that members have in step.

	from aws.Cell // Set on delivery where one mailbox serves several peers.
}

// Size is about how many bytes a message takes on its way.
func (m *Message) Size() int {
	n := 64 + len(m.Table) + len(m.Group) + len(m.Refused) + len(m.Held) + len(m.Life) + len(m.Key) + len(m.Next) + len(m.Edition.ID)
	for i := range m.Entries {
		n += 16 + len(m.Entries[i].Record)
	}
	for _, row := range m.Rows {
		n += 4 + len(row)
	}
	return n + 32*(len(m.Cursors)+len(m.Applied))
}

// Entry is one record of a source's log.
type Entry struct {
	Position kv.Position
	Time     int64 // When the source committed it, microseconds.
	Record   []byte
}

// Mark is a time up to which all versions of a member are applied.
type Mark struct {
	Cell aws.Cell
	Time clock.Timestamp
}

// Transport carries messages and requests to the cells of other members.
type Transport interface {
	// Send queues a message. It does not wait, and it may be lost, repeated,
	// delayed and reordered.
	Send(from, to aws.Cell, m *Message)

	// Call asks another cell and waits for its answer. The answer's error is the
	// cell's own when it is an *aws.Error.
	Call(ctx context.Context, from, to aws.Cell, r *Request) (*Response, error)

	// Down says why nothing passes between two cells at this moment, as far as that
	// is known; "" where it may pass.
	Down(from, to aws.Cell) string
}

// A Downer is a Peer that may know that nothing passes to it.
type Downer interface{ Down() string }

// Peer is a cell as a Transport sees it.
type Peer interface {
	Deliver(from aws.Cell, m *Message)
	Serve(ctx context.Context, from aws.Cell, r *Request) (*Response, error)
}
