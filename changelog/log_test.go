package changelog

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hortusdb/hortus/kv"
)

// fixture is a log whose time the test moves.
type fixture struct {
	t     testing.TB
	store *kv.Mem
	log   Log
	now   time.Time
}

func newFixture(t testing.TB) *fixture {
	f := &fixture{t: t, now: time.Unix(1_000_000, 0)}
	f.store = kv.NewMem(kv.MemOptions{Now: func() int64 { return f.now.UnixMicro() }})
	f.log = Log{f.store, 7}
	return f
}

// add appends one commit with n entries and returns its position.
func (f *fixture) add(n, size int) kv.Position {
	f.t.Helper()
	at, err := f.store.Update(f.t.Context(), kv.Plan{}, func(_ [][]byte, w *kv.Writes) error {
		for range n {
			w.Append(f.log.ID, make([]byte, size))
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return at
}

func (f *fixture) register(name string, at kv.Position) Reader {
	f.t.Helper()
	r, err := f.log.Register(f.t.Context(), name, at)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func (f *fixture) advance(name string, at kv.Position) {
	f.t.Helper()
	if err := f.log.Advance(f.t.Context(), name, at); err != nil {
		f.t.Fatal(err)
	}
}

// trim trims until there is no more to do, and returns who was lost.
func (f *fixture) trim(r Retention) []string {
	f.t.Helper()
	var out []string
	for {
		lost, more, err := f.log.Trim(f.t.Context(), f.now, r)
		if err != nil {
			f.t.Fatal(err)
		}
		if out = append(out, lost...); !more {
			return out
		}
	}
}

// left returns the positions of the entries that are left.
func (f *fixture) left() []kv.Position {
	f.t.Helper()
	start, err := f.log.Start(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	var out []kv.Position
	if _, err := f.store.ReadLog(f.t.Context(), f.log.ID, start, func(e kv.Entry) bool {
		out = append(out, e.Position)
		return true
	}); err != nil {
		f.t.Fatal(err)
	}
	return out
}

func (f *fixture) readers() string {
	f.t.Helper()
	readers, err := f.log.Readers(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	var b strings.Builder
	for _, r := range readers {
		fmt.Fprintf(&b, "%s:%d", r.Name, r.Position)
		if r.Lost {
			b.WriteString(" lost")
		}
		b.WriteString(";")
	}
	return b.String()
}

var anyAge = Retention{MaxAge: 1000 * time.Hour, MaxBytes: 1 << 40}

// TestReaders: a reader moves forward alone, stays where it is when it is
// registered again, and is gone once removed.
func TestReaders(t *testing.T) {
	f := newFixture(t)
	f.register("b", 5)
	f.register("a", 3)
	if r := f.register("b", 9); r.Position != 5 {
		t.Errorf("registered again, b stands at %d", r.Position)
	}
	f.advance("b", 7)
	f.advance("b", 6)
	f.advance("nobody", 6)
	if got, want := f.readers(), "a:3;b:7;"; got != want {
		t.Errorf("readers %s, want %s", got, want)
	}
	if err := f.log.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if got, want := f.readers(), "b:7;"; got != want {
		t.Errorf("readers %s, want %s", got, want)
	}
	for _, bad := range []string{"", strings.Repeat("x", maxReaderName+1)} {
		if _, err := f.log.Register(t.Context(), bad, 1); err == nil {
			t.Errorf("a reader named %q is taken", bad)
		}
	}
	if other := (Log{f.store, 8}); other.ReaderKey("b") != nil {
		if readers, err := other.Readers(t.Context()); err != nil || len(readers) != 0 {
			t.Errorf("another log has the readers %v (%v)", readers, err)
		}
	}
}

// TestReaderBytes holds readers to docs/formats/changelog.md.
func TestReaderBytes(t *testing.T) {
	if got := hex.EncodeToString(Log{ID: 7}.ReaderKey("ab")); got != "72"+"0000000000000007"+"6162" {
		t.Errorf("the key is %s", got)
	}
	for lost, want := range map[bool]string{false: "0100" + "0000000000000102", true: "0101" + "0000000000000102"} {
		b := AppendReader(nil, 0x0102, lost)
		if got := hex.EncodeToString(b); got != want {
			t.Errorf("a reader is stored as %s, want %s", got, want)
		}
		if r, err := decodeReader("x", b); err != nil || r != (Reader{"x", 0x0102, lost}) {
			t.Errorf("read again: %+v (%v)", r, err)
		}
	}
}

// TestTrim: entries go once all readers are done with them and they are older
// than Keep; without readers age alone decides.
func TestTrim(t *testing.T) {
	f := newFixture(t)
	p1 := f.add(2, 10)
	f.now = f.now.Add(time.Hour)
	p2 := f.add(1, 10)
	f.now = f.now.Add(time.Hour)
	p3 := f.add(1, 10)
	f.register("slow", p1)
	f.register("fast", p3)
	keep := func(d time.Duration) Retention {
		r := anyAge
		r.Keep = d
		return r
	}
	if lost := f.trim(keep(3 * time.Hour)); len(lost) != 0 || len(f.left()) != 4 {
		t.Errorf("too young, but left are %v, lost %v", f.left(), lost)
	}
	f.trim(keep(0))
	if got := f.left(); !slices.Equal(got, []kv.Position{p2, p3}) {
		t.Errorf("left are %v, want %v", got, []kv.Position{p2, p3})
	}
	f.advance("slow", p3)
	f.trim(keep(90 * time.Minute))
	if got := f.left(); len(got) != 2 {
		t.Errorf("left are %v", got)
	}
	f.trim(keep(30 * time.Minute))
	if got := f.left(); !slices.Equal(got, []kv.Position{p3}) {
		t.Errorf("left are %v, want %v", got, []kv.Position{p3})
	}
	for _, name := range []string{"slow", "fast"} {
		if err := f.log.Remove(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	f.now = f.now.Add(time.Microsecond)
	f.trim(keep(0))
	if got := f.left(); len(got) != 0 {
		t.Errorf("left are %v", got)
	}
}

// TestLostReaders: a reader that is too far behind, by age or by size, is marked
// lost, the slowest first; it holds nothing back any more, does not move, and
// starts anew when it is registered again.
func TestLostReaders(t *testing.T) {
	f := newFixture(t)
	start := f.store.Durable()
	f.register("old", start)
	p1 := f.add(1, 100)
	f.register("young", p1)
	f.now = f.now.Add(2 * time.Hour)
	p2 := f.add(1, 100)
	if lost := f.trim(Retention{MaxAge: time.Hour, MaxBytes: 1000}); !slices.Equal(lost, []string{"old"}) {
		t.Errorf("lost %v, want old", lost)
	}
	if got := f.left(); !slices.Equal(got, []kv.Position{p2}) {
		t.Errorf("left are %v, want %v", got, []kv.Position{p2})
	}
	f.advance("old", p2)
	if got, want := f.readers(), fmt.Sprintf("old:%d lost;young:%d;", start, p1); got != want {
		t.Errorf("readers %s, want %s", got, want)
	}
	f.add(10, 100)
	if lost := f.trim(Retention{MaxAge: time.Hour, MaxBytes: 1000}); !slices.Equal(lost, []string{"young"}) {
		t.Errorf("lost %v, want young", lost)
	}
	if r := f.register("old", p2); r.Lost || r.Position != p2 {
		t.Errorf("registered again: %+v", r)
	}
	if got, want := f.readers(), fmt.Sprintf("old:%d;young:%d lost;", p2, p1); got != want {
		t.Errorf("readers %s, want %s", got, want)
	}
}

// TestTrimSteps: one Trim does a bounded piece of work and says that there is
// more.
func TestTrimSteps(t *testing.T) {
	f := newFixture(t)
	for range 11 {
		f.add(10_000, 1)
	}
	f.now = f.now.Add(time.Second)
	_, more, err := f.log.Trim(t.Context(), f.now, anyAge)
	if err != nil || !more {
		t.Fatalf("more is %t (%v)", more, err)
	}
	if n := len(f.left()); n == 0 || n >= 110_000 {
		t.Errorf("%d entries are left after one step", n)
	}
	f.trim(anyAge)
	if n := len(f.left()); n != 0 {
		t.Errorf("%d entries are left", n)
	}
}

// TestTrimKeeps: whatever readers do, no entry goes that a reader, not lost, has
// still to read, nor one younger than Keep (invariant 3); and Start is where
// reading can begin.
func TestTrimKeeps(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t)
		type commit struct {
			at   kv.Position
			time time.Time
		}
		var commits []commit
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "reader")
			switch rapid.IntRange(0, 6).Draw(rt, "step") {
			case 0:
				f.register(name, f.store.Durable())
			case 1:
				if len(commits) > 0 {
					f.advance(name, rapid.SampledFrom(commits).Draw(rt, "commit").at)
				}
			case 2:
				f.now = f.now.Add(time.Duration(rapid.IntRange(1, 100).Draw(rt, "minutes")) * time.Minute)
			case 3:
				if err := f.log.Remove(t.Context(), name); err != nil {
					t.Fatal(err)
				}
			case 4:
				r := Retention{Keep: 30 * time.Minute, MaxAge: 5 * time.Hour, MaxBytes: 100}
				f.trim(r)
				readers, err := f.log.Readers(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				left := f.left()
				low, _ := lowest(readers)
				for _, c := range commits {
					needed := c.at > low || !c.time.Before(f.now.Add(-r.Keep))
					if needed && !slices.Contains(left, c.at) {
						rt.Fatalf("entry %d of %v is gone at %v with readers %s", c.at, c.time, f.now, f.readers())
					}
					if !needed && slices.Contains(left, c.at) {
						rt.Fatalf("entry %d of %v is still there at %v with readers %s", c.at, c.time, f.now, f.readers())
					}
				}
				commits = slices.DeleteFunc(commits, func(c commit) bool { return !slices.Contains(left, c.at) })
			default:
				commits = append(commits, commit{f.add(1, rapid.IntRange(1, 60).Draw(rt, "size")), f.now})
			}
		}
	})
}

// TestSuccessor: it is greater than all that begins with the prefix, and no
// other key is between.
func TestSuccessor(t *testing.T) {
	for _, c := range [][2]string{{"a", "b"}, {"a\xff", "b"}, {"a\xff\xff", "b"}, {"ab", "ac"}, {"\x00", "\x01"}} {
		if got := Successor([]byte(c[0])); string(got) != c[1] {
			t.Errorf("after %q comes %q, want %q", c[0], got, c[1])
		}
	}
	for _, end := range []string{"", "\xff", "\xff\xff"} {
		if got := Successor([]byte(end)); got != nil {
			t.Errorf("after %q comes %q, want the end", end, got)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		prefix := rapid.SliceOf(rapid.Byte()).Draw(rt, "prefix")
		k := rapid.SliceOf(rapid.Byte()).Draw(rt, "key")
		next := Successor(prefix)
		below := next == nil || bytes.Compare(k, next) < 0
		if inside := bytes.Compare(k, prefix) >= 0 && below; inside != bytes.HasPrefix(k, prefix) {
			rt.Fatalf("%x between %x and %x: %t", k, prefix, next, inside)
		}
	})
}
