package changelog

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/item"
)

var (
	self    = aws.Cell{Account: "111111111111", Region: "us-east-1"}
	other   = aws.Cell{Account: "000000000002", Region: "eu-west-1"}
	decoder = conflict.NewDecoder(self)
	key     = item.BuildItem(nil, []item.Entry{{Name: "pk", Value: item.S("p")}})
	image   = item.BuildItem(nil, []item.Entry{{Name: "pk", Value: item.S("p")}, {Name: "x", Value: item.AppendNull(nil)}})
)

func version(wall int64, c aws.Cell) conflict.Version {
	return conflict.Version{Time: clock.Timestamp{Wall: wall, Logical: 1}, Cell: c}
}

// TestRecordBytes holds records to docs/formats/changelog.md, byte for byte, and
// reads each again.
func TestRecordBytes(t *testing.T) {
	const (
		v1   = "0000000000000001" + "00000001" + "19debd01c7" + "09" + "75732d656173742d31"
		v2   = "0000000000000002" + "00000001" + "0000000002" + "09" + "65752d776573742d31"
		keyB = "07" + "0102706b010170"
		imgB = "0a" + "0202706b010170" + "017806"
	)
	for _, c := range []struct {
		r    Record
		want string
	}{
		{Record{Version: version(1, self), Cause: Client, Key: key}, "010001" + v1 + keyB},
		{Record{Version: version(1, self), Cause: Expiry, Key: key, Deleted: true}, "010102" + v1 + keyB},
		{Record{Version: version(2, other), Previous: version(1, self), Cause: Replica, Key: key, New: image}, "011203" + v2 + v1 + keyB + imgB},
		{
			Record{Version: version(1, self), Vector: conflict.Vector{Last: []conflict.Version{version(2, other)}}, Transaction: 200, Cause: Restore, Key: key, New: image, Old: key},
			"013c04" + v1 + "000000000000000000000000" + "01" + v2 + "c801" + keyB + imgB + keyB,
		},
		{
			Record{Version: version(1, self), Transaction: 200, Tables: []string{"Orders", "Stock"}, Cause: Client, Key: key, New: image},
			"029801" + v1 + "c801" + "02" + "06" + "4f7264657273" + "05" + "53746f636b" + keyB + imgB,
		},
	} {
		b := c.r.Append(nil)
		if got := hex.EncodeToString(b); got != c.want {
			t.Errorf("%+v is written as\n%s, want\n%s", c.r, got, c.want)
		}
		r, err := Decode(b, decoder)
		if err != nil || !bytes.Equal(r.Append(nil), b) || r.Version != c.r.Version || r.Previous != c.r.Previous || r.Transaction != c.r.Transaction || r.Cause != c.r.Cause || r.Deleted != c.r.Deleted || !bytes.Equal(r.New, c.r.New) || !bytes.Equal(r.Old, c.r.Old) || !slices.Equal(r.Tables, c.r.Tables) {
			t.Errorf("%x is read as %+v (%v)", b, r, err)
		}
		for cut := range b {
			if _, err := Decode(b[:cut], decoder); !errors.Is(err, ErrMalformed) {
				t.Errorf("%x, cut at %d, gives %v", b, cut, err)
			}
		}
		if _, err := Decode(append(b, 0), decoder); !errors.Is(err, ErrMalformed) {
			t.Errorf("%x with a byte more gives %v", b, err)
		}
	}
}

// TestRecordFormats: records of the first format are read for good (those of
// TestRecordBytes, which has both). A format has its own flags and no others, so
// that no record has two spellings and none is misread.
func TestRecordFormats(t *testing.T) {
	old := (&Record{Version: version(1, self), Transaction: 200, Cause: Client, Key: key}).Append(nil)
	if old[0] != 1 {
		t.Fatalf("a record that names no tables has format %d", old[0])
	}
	const flags = 1
	wrong := map[string]func(b []byte){
		"format 2 without its flag": func(b []byte) { b[0] = 2 },
		"format 1 with a flag of 2": func(b []byte) { b[flags] |= flagTables },
		"format 3":                  func(b []byte) { b[0] = 3 },
		"format 0":                  func(b []byte) { b[0] = 0 },
	}
	for what, spoil := range wrong {
		b := bytes.Clone(old)
		spoil(b)
		if _, err := Decode(b, decoder); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s gives %v", what, err)
		}
	}
}

// TestCauses: each cause has a name of its own.
func TestCauses(t *testing.T) {
	want := map[Cause]string{Client: "client", Expiry: "expiry", Replica: "replica", Restore: "restore", 9: "cause 9"}
	for c, name := range want {
		if c.String() != name {
			t.Errorf("cause %d is %q, want %q", uint8(c), c, name)
		}
	}
}

// FuzzDecode: no bytes make Decode panic; what it takes is, written again, read
// as the same.
func FuzzDecode(f *testing.F) {
	for _, r := range []Record{
		{Version: version(1, self), Cause: Client, Key: key, New: image},
		{Version: version(1, other), Previous: version(1, self), Vector: conflict.Vector{Last: []conflict.Version{version(1, self)}}, Transaction: 7, Cause: Replica, Deleted: true, Key: key, Old: image},
		{Version: version(1, self), Transaction: 7, Tables: []string{"A", "B"}, Cause: Client, Key: key, New: image},
	} {
		f.Add(r.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = decodeReader("r", b)
		r, err := Decode(b, decoder)
		if err != nil {
			return
		}
		again, err := Decode(r.Append(nil), decoder)
		if err != nil || again.Version != r.Version || again.Deleted != r.Deleted || !bytes.Equal(again.Key, r.Key) || !bytes.Equal(again.New, r.New) || !bytes.Equal(again.Old, r.Old) || !slices.Equal(again.Tables, r.Tables) {
			t.Fatalf("%x is read as %+v, and again as %+v (%v)", b, r, again, err)
		}
	})
}

func BenchmarkAppendDecode(b *testing.B) {
	r := Record{Version: version(1, self), Previous: version(1, self), Cause: Client, Key: key, New: image, Old: image}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = r.Append(buf[:0])
		if _, err := Decode(buf, decoder); err != nil {
			b.Fatal(err)
		}
	}
}

// TestHead: the head of a record is that of the whole, and without the image
// before all else is as it was.
func TestHead(t *testing.T) {
	for _, r := range []Record{
		{Version: version(1, self), Cause: Expiry, Key: key, Deleted: true},
		{Version: version(1, self), Cause: Client, Key: key, Deleted: true, Old: image},
		{Version: version(2, other), Previous: version(1, self), Cause: Replica, Key: key, New: image, Old: key},
		{Version: version(2, self), Cause: Client, Key: key, New: image, Old: bytes.Repeat([]byte{7}, 300)},
	} {
		b := r.Append(nil)
		v, cause, err := Head(b, decoder)
		if err != nil || v != r.Version || cause != r.Cause {
			t.Errorf("%+v: the head is %v, %v, %v", r, v, cause, err)
		}
		without := r
		without.Old = nil
		if got, want := AppendWithoutOld([]byte("before"), b, &r), append([]byte("before"), without.Append(nil)...); !bytes.Equal(got, want) {
			t.Errorf("%+v: without the image before it is %x, want %x", r, got, want)
		}
		if !bytes.Equal(r.Append(nil), b) {
			t.Errorf("%+v: the record itself is changed", r)
		}
	}
	for _, b := range [][]byte{nil, {1}, {1, 0}, {9, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 0, 1}} {
		if _, _, err := Head(b, decoder); !errors.Is(err, ErrMalformed) {
			t.Errorf("the head of %x: %v", b, err)
		}
	}
}
