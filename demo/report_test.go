package demo

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestReport has a claim that does not hold: it is shown with what was expected
// and found, and the verdict is an error.
func TestReport(t *testing.T) {
	var out bytes.Buffer
	r := newReport(&Options{Out: &out, Plain: true})
	r.verify(true, "two and two → four", "4", "4")
	if err := r.verdict(); err != nil {
		t.Errorf("error %v before anything failed, want none", err)
	}
	r.verify(false, "two and two are five", "5", "4")
	err := r.verdict()
	if want := "demo: 1 of 2 checks did not hold"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	for _, want := range []string{"  ok    0.0 s  two and two -> four\n", "  NO    0.0 s  two and two are five\n", "   expected 5\n", "   found 4\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report has no %q:\n%s", want, out.String())
		}
	}
}

// TestReportColours keeps colours and bars away from what is no terminal.
func TestReportColours(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want bool
	}{
		{Options{}, false},
		{Options{Colour: true}, true},
		{Options{Live: true}, true},
		{Options{Colour: true, Live: true, Plain: true}, false},
	} {
		var out bytes.Buffer
		c.o.Out = &out
		r := newReport(&c.o)
		r.progress(1, 2, "items")
		r.verify(true, "yes", "", "")
		if got := strings.Contains(out.String(), "\x1b["); got != c.want {
			t.Errorf("%+v: escape sequences %t, want %t: %q", c.o, got, c.want, out.String())
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		s    string
		n    int
		want string
	}{
		{"", 5, ""},
		{"ab cd ef", 5, "ab cd|ef"},
		{"abcdefgh", 5, "|abcde|fgh"},
		{"µµµ µµ", 3, "µµµ|µµ"},
	} {
		if got := strings.Join(wrap(c.s, c.n), "|"); got != c.want {
			t.Errorf("wrap(%q, %d): %q, want %q", c.s, c.n, got, c.want)
		}
	}
}

func TestFigures(t *testing.T) {
	for _, c := range []struct {
		got, want string
	}{
		{count(0), "0"},
		{count(999), "999"},
		{count(10_709), "10,709"},
		{count(-1_234_567), "-1,234,567"},
		{duration(250 * time.Microsecond), "250 µs"},
		{duration(4250 * time.Microsecond), "4.25 ms"},
		{duration(42_500 * time.Microsecond), "42.5 ms"},
		{duration(425 * time.Millisecond), "425 ms"},
		{duration(4250 * time.Millisecond), "4.25 s"},
		{duration(quantile(nil, 0.5)), "0 µs"},
		{duration(quantile([]time.Duration{3e6, 1e6, 2e6}, 0.5)), "2.00 ms"},
		{duration(quantile([]time.Duration{3e6, 1e6, 2e6}, 0.99)), "3.00 ms"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// TestCanonical writes equal items as equal texts, and others as others.
func TestCanonical(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		equal bool
	}{
		{`{"a":{"N":"1.50"},"b":{"S":"x"}}`, `{"b":{"S":"x"},"a":{"N":"1.5"}}`, true},
		{`{"a":{"N":"100"}}`, `{"a":{"N":"1E2"}}`, true},
		{`{"a":{"N":"100"}}`, `{"a":{"N":"10"}}`, false},
		{`{"a":{"N":"1"}}`, `{"a":{"S":"1"}}`, false},
		{`{"a":{"SS":["x","y"]}}`, `{"a":{"SS":["y","x"]}}`, true},
		{`{"a":{"NS":["1.0","2"]}}`, `{"a":{"NS":["2","1"]}}`, true},
		{`{"a":{"L":[{"S":"x"},{"S":"y"}]}}`, `{"a":{"L":[{"S":"y"},{"S":"x"}]}}`, false},
		{`{"a":{"M":{"b":{"NULL":true},"c":{"BOOL":false}}}}`, `{"a":{"M":{"c":{"BOOL":false},"b":{"NULL":true}}}}`, true},
		{`{"a":{"BOOL":true}}`, `{"a":{"BOOL":false}}`, false},
		{`{"a":{"B":"AAE="}}`, `{"a":{"B":"AAE="}}`, true},
	} {
		a, err := parseItem([]byte(c.a))
		if err != nil {
			t.Fatal(err)
		}
		b, err := parseItem([]byte(c.b))
		if err != nil {
			t.Fatal(err)
		}
		if got := a.canonical() == b.canonical(); got != c.equal {
			t.Errorf("%s and %s: equal %t, want %t", c.a, c.b, got, c.equal)
		}
	}
	for _, bad := range []string{`[]`, `{"a":"x"}`, `{"a":{}}`, `{"a":{"S":1}}`, `{"a":{"SS":[1]}}`, `{"a":{"B":"?"}}`, `{"a":{"X":"x"}}`} {
		if i, err := parseItem([]byte(bad)); err == nil {
			t.Errorf("%s: item %v, want an error", bad, i)
		}
	}
}

// TestDifferences finds what is missing, what is more, and what differs.
func TestDifferences(t *testing.T) {
	a := map[string]string{"k1": "1", "k2": "2", "k3": "3"}
	if d := differences(a, map[string]string{"k1": "1", "k2": "2", "k3": "3"}, "a", "b"); d.n != 0 {
		t.Errorf("%v, want none", d)
	}
	d := differences(a, map[string]string{"k1": "1", "k2": "two", "k4": "4"}, "a", "b")
	if want := "3 differences; the first: k2 is 2 in a, and two in b"; d.String() != want {
		t.Errorf("%q, want %q", d, want)
	}
}

// TestLedger misses an acknowledged item that is not there, or is another.
func TestLedger(t *testing.T) {
	l := ledger{entries: map[string]string{}}
	here, gone, changed := keyOf("AT/1"), keyOf("AT/2"), keyOf("AT/3")
	for _, i := range []item{here, gone, changed} {
		l.acknowledged(i)
	}
	other := keyOf("AT/3")
	other["by"] = &types.AttributeValueMemberS{Value: "prod"}
	got := l.missing(map[string]item{"AT/1": here, "AT/3": other})
	if want := "AT/2 AT/3"; strings.Join(got, " ") != want {
		t.Errorf("missing %q, want %q", got, want)
	}
	if n := len(l.forget(5)); n != 3 || len(l.missing(nil)) != 0 {
		t.Errorf("%d forgotten, %d left, want 3 and 0", n, len(l.missing(nil)))
	}
}
