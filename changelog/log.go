package changelog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hortusdb/hortus/kv"
)

// readerPrefix begins the keys of readers; see docs/formats/changelog.md.
const readerPrefix = 'r'

// maxReaderName is the longest name of a reader.
const maxReaderName = 128

// startName is the name under which the position stands up to which the log
// was trimmed. No reader has it: theirs are not empty.
const startName = ""

// Reader is a durable cursor: all entries up to Position are done with.
type Reader struct {
	Name     string
	Position kv.Position
	Lost     bool // Cut off by retention: entries after Position may be gone.
}

// Log is one table's log and its readers.
type Log struct {
	Store kv.Store
	ID    kv.LogID
}

func (l Log) prefix() []byte {
	return binary.BigEndian.AppendUint64([]byte{readerPrefix}, uint64(l.ID))
}

// ReaderKey is the key of a reader, for a caller that moves it in the same
// commit as what the reader did.
func (l Log) ReaderKey(name string) []byte { return append(l.prefix(), name...) }

// AppendReader appends the stored form of a reader's state.
func AppendReader(dst []byte, position kv.Position, lost bool) []byte {
	dst = append(dst, recordFormat, 0)
	if lost {
		dst[len(dst)-1] = 1
	}
	return binary.BigEndian.AppendUint64(dst, uint64(position))
}

func decodeReader(name string, b []byte) (Reader, error) {
	if len(b) != 10 || b[0] != recordFormat {
		return Reader{}, fmt.Errorf("changelog: reader %s: %w", name, ErrMalformed)
	}
	return Reader{name, kv.Position(binary.BigEndian.Uint64(b[2:])), b[1] == 1}, nil
}

// Register makes a reader that starts at a position, or leaves an existing one
// that is not lost as it is, and returns the reader.
func (l Log) Register(ctx context.Context, name string, position kv.Position) (Reader, error) {
	if name == "" || len(name) > maxReaderName {
		return Reader{}, fmt.Errorf("changelog: a reader's name has 1 to %d bytes", maxReaderName)
	}
	key := l.ReaderKey(name)
	var out Reader
	_, err := l.Store.Update(ctx, kv.Plan{Write: [][]byte{key}}, func(values [][]byte, w *kv.Writes) error {
		out = Reader{Name: name, Position: position}
		if values[0] != nil {
			old, err := decodeReader(name, values[0])
			if err == nil && !old.Lost {
				out = old
				return nil
			}
		}
		w.Set(key, AppendReader(nil, position, false))
		return nil
	})
	return out, err
}

// Advance moves a reader forward. A reader that is not registered, or lost, or
// already past the position stays as it is.
func (l Log) Advance(ctx context.Context, name string, position kv.Position) error {
	key := l.ReaderKey(name)
	_, err := l.Store.Update(ctx, kv.Plan{Write: [][]byte{key}}, func(values [][]byte, w *kv.Writes) error {
		if values[0] == nil {
			return nil
		}
		old, err := decodeReader(name, values[0])
		if err != nil || old.Lost || old.Position >= position {
			return err
		}
		w.Set(key, AppendReader(nil, position, false))
		return nil
	})
	return err
}

// Rewind sets a registered reader back, or marks it lost.
func (l Log) Rewind(ctx context.Context, name string, position kv.Position, lost bool) error {
	key := l.ReaderKey(name)
	_, err := l.Store.Update(ctx, kv.Plan{Write: [][]byte{key}}, func(values [][]byte, w *kv.Writes) error {
		if values[0] != nil {
			w.Set(key, AppendReader(nil, position, lost))
		}
		return nil
	})
	return err
}

// Remove forgets a reader.
func (l Log) Remove(ctx context.Context, name string) error {
	key := l.ReaderKey(name)
	_, err := l.Store.Update(ctx, kv.Plan{Write: [][]byte{key}}, func(_ [][]byte, w *kv.Writes) error {
		w.Delete(key)
		return nil
	})
	return err
}

// Readers lists the log's readers by name.
func (l Log) Readers(ctx context.Context) ([]Reader, error) {
	var out []Reader
	var bad error
	prefix := l.prefix()
	_, err := l.Store.Scan(ctx, kv.Range{Low: prefix, High: Successor(prefix)}, func(key, value []byte) bool {
		name := string(key[len(prefix):])
		if name == startName {
			return true
		}
		r, err := decodeReader(name, value)
		if err != nil {
			bad = err
			return false
		}
		out = append(out, r)
		return true
	})
	return out, errors.Join(err, bad)
}

// Successor is the least key that is greater than every key with the prefix;
// nil, the end of the store, when there is none.
func Successor(prefix []byte) []byte {
	out := append([]byte(nil), prefix...)
	for i := len(out) - 1; i >= 0; i-- {
		if out[i]++; out[i] != 0 {
			return out[:i+1]
		}
	}
	return nil
}

// Retention says how long a log is kept.
type Retention struct {
	Keep     time.Duration // Entries younger than this stay, whoever has read them.
	MaxAge   time.Duration // A reader that has not read an older entry is cut off.
	MaxBytes int64         // A reader with a longer backlog than this is cut off.

	Spare map[string]bool // Readers that are behind but moving are not cut off.
}

// trimStep bounds the entries that one Trim looks at.
const trimStep = 50_000

// sample is how many entries tell how large the entries of a backlog are.
const sample = 1000

// Trim gives up the entries that all readers are done with and that are older
// than r.Keep. Readers that are behind by more than r allows are marked lost
// and named in the result; they must be seeded again. It does a bounded piece
// of work: more is true when another call would find more to do.
func (l Log) Trim(ctx context.Context, now time.Time, r Retention) (lost []string, more bool, err error) {
	readers, err := l.Readers(ctx)
	if err != nil {
		return nil, false, err
	}
	low, slowest := lowest(readers)
	if slowest >= 0 && !r.Spare[readers[slowest].Name] {
		over, err := l.overLimit(ctx, low, now, r)
		if err != nil {
			return nil, false, err
		}
		if over {
			name := readers[slowest].Name
			key := l.ReaderKey(name)
			_, err := l.Store.Update(ctx, kv.Plan{Write: [][]byte{key}}, func(_ [][]byte, w *kv.Writes) error {
				w.Set(key, AppendReader(nil, low, true))
				return nil
			})
			return []string{name}, true, err
		}
	}
	start, err := l.Start(ctx)
	if err != nil {
		return nil, false, err
	}
	keepAfter := now.Add(-r.Keep).UnixMicro()
	var upTo kv.Position
	n := 0
	_, err = l.Store.ReadLog(ctx, l.ID, start, func(e kv.Entry) bool {
		if e.Position > low || e.Time >= keepAfter || n == trimStep {
			return false
		}
		upTo = e.Position
		n++
		return true
	})
	if err != nil || upTo == 0 {
		return nil, false, err
	}
	key := l.ReaderKey(startName)
	_, err = l.Store.Update(ctx, kv.Plan{Write: [][]byte{key}}, func(_ [][]byte, w *kv.Writes) error {
		w.Set(key, AppendReader(nil, upTo, false))
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return nil, n == trimStep, l.Store.TrimLog(ctx, l.ID, upTo)
}

// Start returns the position up to which the log was given up. Reading starts
// after it.
func (l Log) Start(ctx context.Context) (kv.Position, error) {
	b, _, err := l.Store.Get(ctx, l.ReaderKey(startName), nil)
	if errors.Is(err, kv.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	r, err := decodeReader(startName, b)
	return r.Position, err
}

// lowest returns the position up to which every reader that is not lost is
// done, and the index of the slowest, -1 where there is none.
func lowest(readers []Reader) (kv.Position, int) {
	low, slowest := kv.Position(math.MaxUint64), -1
	for i, r := range readers {
		if !r.Lost && r.Position < low {
			low, slowest = r.Position, i
		}
	}
	return low, slowest
}

// overLimit reports whether what lies after a position is older or longer than
// r allows to a reader.
//
// The first entries tell the age, and how large an entry is. Only when as many
// of them as there can be come near the limit is the whole backlog read.
func (l Log) overLimit(ctx context.Context, after kv.Position, now time.Time, r Retention) (bool, error) {
	oldest := now.Add(-r.MaxAge).UnixMicro()
	over, bytes, n := false, int64(0), int64(0)
	behind := int64(l.Store.Durable() - min(after, l.Store.Durable()))
	_, err := l.Store.ReadLog(ctx, l.ID, after, func(e kv.Entry) bool {
		bytes += int64(len(e.Record))
		n++
		over = e.Time < oldest || bytes > r.MaxBytes
		far := n < sample || bytes/n*behind > r.MaxBytes/2
		return !over && far
	})
	if errors.Is(err, kv.ErrTrimmed) {
		return true, nil // What the reader needs is gone already.
	}
	return over, err
}
