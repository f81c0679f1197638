package peer

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

var (
	staging = aws.Cell{Account: "111111111111", Region: "us-east-1"}
	prod    = aws.Cell{Account: "222222222222", Region: "eu-west-1"}
	third   = aws.Cell{Account: "333333333333", Region: "us-west-2"}
)

// full is a message in which every exported field is set.
func full() *replication.Message {
	return &replication.Message{
		Kind: replication.SeedPage, Table: "Orders", Group: "g", FromSince: 3, ToSince: -4,
		From: 5, To: 6, Entries: []replication.Entry{{Position: 7, Time: 8, Record: []byte("record")}},
		Inaccessible: &table.Inaccessible{Status: table.RegionDisabled, Since: 77},
		Origin:       prod,
		Edition:      table.Edition{Number: 78, ID: "e"},
		Refused:      "because", Held: "what", Denied: true, Active: true, Life: "life",
		Begin: true, Key: []byte("key"), Pages: 9, Last: true, Next: []byte("next"),
		Rows: []table.Row{[]byte("row"), []byte("rows")}, Cursors: []replication.Point{{Cell: prod, Position: 10, Run: 1 << 62}},
		LowWater: clock.Timestamp{Wall: 11, Logical: 12},
		Applied:  []replication.Mark{{Cell: staging, Time: clock.Timestamp{Wall: 13}}}, Wants: true,
		Floor: clock.Timestamp{Wall: 14, Logical: 15}, Seeded: 16, Run: 1 << 63, Stranger: true, Ask: 17, Failing: true,
	}
}

// TestEveryField: a field that is added to a message must be added to the format,
// or it would be lost between nodes and nowhere else.
func TestEveryField(t *testing.T) {
	in := full()
	v := reflect.ValueOf(*in)
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() && v.Field(i).IsZero() {
			t.Errorf("full() leaves out %s", f.Name)
		}
	}
	from, to, out, err := decodeMessage(appendMessage(nil, staging, prod, in))
	if err != nil || from != staging || to != prod || !reflect.DeepEqual(in, out) {
		t.Errorf("from %v to %v, %v:\n%+v\nwant\n%+v", from, to, err, out, in)
	}
}

func TestMalformed(t *testing.T) {
	good := appendMessage(nil, staging, prod, full())
	for n := range good {
		if _, _, _, err := decodeMessage(good[:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	if _, _, _, err := decodeMessage(append(good, 0)); !errors.Is(err, ErrMalformed) {
		t.Errorf("a byte too many: %v", err)
	}
	region := bytes.Replace(good, []byte("us-east-1"), []byte("us-east-9"), 1)
	if _, _, _, err := decodeMessage(region); !errors.Is(err, ErrMalformed) {
		t.Errorf("an unknown Region: %v", err)
	}
	for _, kind := range []byte{0, 200} {
		b := append([]byte{kind}, good[1:]...)
		if _, _, _, err := decodeMessage(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("kind %d: %v", kind, err)
		}
	}
}

// TestLongReason: what a person reads is cut, and nothing else.
func TestLongReason(t *testing.T) {
	m := &replication.Message{Kind: replication.Ack, Refused: strings.Repeat("x", maxText+1)}
	_, _, out, err := decodeMessage(appendMessage(nil, staging, prod, m))
	if err != nil || len(out.Refused) != maxText {
		t.Errorf("%v, %d bytes", err, len(out.Refused))
	}
}

// TestFrames: whatever messages are put into frames come out, in order, packed
// or not.
func TestFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sent []*replication.Message
		var stream []byte
		var w frameWriter
		for range rapid.IntRange(1, 4).Draw(t, "frames") {
			for range rapid.IntRange(0, 4).Draw(t, "messages") {
				m := &replication.Message{Kind: replication.Batch, Table: "T", From: kv.Position(rapid.Uint64().Draw(t, "from"))}
				if b := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "record"); len(b) > 0 {
					m.Entries = []replication.Entry{{Position: 1, Record: b}}
				}
				sent = append(sent, m)
				w.add(staging, prod, m)
			}
			stream = append(stream, w.take()...)
		}
		var got []*replication.Message
		r := bytes.NewReader(stream)
		var err error
		for err == nil {
			err = readFrame(r, func(from, to aws.Cell, m *replication.Message) { got = append(got, m) })
		}
		if !errors.Is(err, io.EOF) || !reflect.DeepEqual(got, sent) {
			t.Fatalf("%v: %d messages, want %d", err, len(got), len(sent))
		}
	})
}

func TestFrameErrors(t *testing.T) {
	var w frameWriter
	w.add(staging, prod, full())
	good := append([]byte(nil), w.take()...)
	damage := func(at int, b byte) []byte {
		out := append([]byte(nil), good...)
		out[at] = b
		return out
	}
	for what, b := range map[string][]byte{
		"another version": damage(0, 2), "another packing": damage(1, 7), "a length over the limit": damage(2, 0xff),
		"packed, and is not": damage(1, compressed),
	} {
		if err := readFrame(bytes.NewReader(b), func(aws.Cell, aws.Cell, *replication.Message) {}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := readFrame(bytes.NewReader(good[:len(good)-1]), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut off: %v", err)
	}
}

// FuzzMessage: whatever bytes come, decoding neither panics nor takes more memory
// than they account for, and what is decoded is encoded to a message that is the
// same.
func FuzzMessage(f *testing.F) {
	f.Add(appendMessage(nil, staging, prod, full()))
	f.Add(appendMessage(nil, staging, prod, &replication.Message{Kind: replication.Ack, To: 9}))
	f.Fuzz(func(t *testing.T, b []byte) {
		from, to, m, err := decodeMessage(b)
		if err != nil {
			return
		}
		from2, to2, m2, err := decodeMessage(appendMessage(nil, from, to, m))
		if err != nil || from != from2 || to != to2 || !reflect.DeepEqual(m, m2) {
			t.Errorf("%+v\n%+v %v", m, m2, err)
		}
	})
}

// FuzzFrame: a stream of any bytes ends in an error, and never in a panic.
func FuzzFrame(f *testing.F) {
	var w frameWriter
	for range 50 {
		w.add(staging, prod, full())
	}
	f.Add(append([]byte(nil), w.take()...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		for readFrame(r, func(aws.Cell, aws.Cell, *replication.Message) {}) == nil {
			continue
		}
	})
}

// FuzzQuestion: no body makes a request without what serves it needs.
func FuzzQuestion(f *testing.F) {
	f.Add([]byte(`{"format":1,"from":{"Account":"111111111111","Region":"us-east-1"},"to":{"Account":"222222222222","Region":"eu-west-1"},"request":{"Kind":2,"Group":{"members":[]}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, err := decodeQuestion(b); err == nil && q.Request == nil {
			t.Error("no request")
		}
	})
}

// TestOverrideQuestion: settings of a member arrive as they were sent, and a
// request that names no group is refused.
func TestOverrideQuestion(t *testing.T) {
	q := question{Format: formatVersion, From: staging, To: prod, Request: &replication.Request{
		Kind: replication.Override, Table: "T", Group: &table.Group{ID: "g"},
		Member: table.Member{Cell: prod, Settings: table.Settings{
			Reads: []table.Reads{{Units: 5}, {Index: "i", OnDemand: true, Units: -1}}, TableClass: "STANDARD", TableClassSince: 7,
			Encryption: &table.Encryption{},
		}},
	}}
	b, err := json.Marshal(&q)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeQuestion(b)
	if err != nil || !reflect.DeepEqual(got, &q) {
		t.Errorf("%s: %+v, %v", b, got, err)
	}
	q.Request.Group = nil
	if b, err = json.Marshal(&q); err != nil {
		t.Fatal(err)
	}
	if _, err := decodeQuestion(b); !errors.Is(err, ErrMalformed) {
		t.Errorf("without a group: %v", err)
	}
}
