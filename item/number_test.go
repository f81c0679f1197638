package item

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const (
	textNotNumber = "ValidationException: The parameter cannot be converted to a numeric value"
	textDigits    = "ValidationException: Attempting to store more than 38 significant digits in a Number"
	textOverflow  = "ValidationException: Number overflow. Attempting to store a number with magnitude larger than supported range"
	textUnderflow = "ValidationException: Number underflow. Attempting to store a number with magnitude smaller than supported range"
)

func TestNumberText(t *testing.T) {
	nines := strings.Repeat("9", 38)
	for text, want := range map[string]string{
		"0": "0", "-0": "0", "0.000": "0", "0E500": "0", "+0": "0",
		"1": "1", "+1": "1", "007": "7", "1.": "1", ".5": "0.5", "1.50": "1.5", "-12.5": "-12.5",
		"1e5": "100000", "1E+05": "100000", "1.5E2": "150", "-0.00100": "-0.001", "1.5E-7": "0.00000015",
		"100": "100", "120.0340": "120.034", "0.1e1": "1", "10E-1": "1",
		nines: nines, nines + "000": nines + "000", "0." + nines: "0." + nines, nines + "E88": nines + strings.Repeat("0", 88),
		"1E125":                        "1" + strings.Repeat("0", 125),
		"1E-130":                       "0." + strings.Repeat("0", 129) + "1",
		"1.5E-130":                     "0." + strings.Repeat("0", 129) + "15",
		strings.Repeat("0", 200) + "5": "5",
		"1" + strings.Repeat("0", 125): "1" + strings.Repeat("0", 125),
	} {
		if got := number(t, text).String(); got != want {
			t.Errorf("%s became %s", text, got)
		}
	}
}

func TestNumberErrors(t *testing.T) {
	long := strings.Repeat("1", 39)
	for text, want := range map[string]string{
		"": textNotNumber, "abc": textNotNumber + ": abc", " 1": textNotNumber + ":  1", "1 ": textNotNumber + ": 1 ", "--1": textNotNumber + ": --1",
		"+": textNotNumber + ": +", ".": textNotNumber + ": .", "1e": textNotNumber + ": 1e", "1e+": textNotNumber + ": 1e+", "e5": textNotNumber + ": e5",
		"1.2.3": textNotNumber + ": 1.2.3", "0x1": textNotNumber + ": 0x1", "1_0": textNotNumber + ": 1_0", "NaN": textNotNumber + ": NaN", "Infinity": textNotNumber + ": Infinity",
		"1E2147483648": textNotNumber + ": 1E2147483648", "1E99999999999999999999999": textNotNumber + ": 1E99999999999999999999999", "1f": textNotNumber + ": 1f",
		long: textDigits, "1." + strings.Repeat("0", 37) + "1": textDigits, long + "E200": textDigits, "-0." + long: textDigits,
		"1E126": textOverflow, "-1E126": textOverflow, "1E2147483647": textOverflow, "10E125": textOverflow,
		"1" + strings.Repeat("0", 126): textOverflow,
		"1E-131":                       textUnderflow, "-9.9E-131": textUnderflow, "1E-2147483647": textUnderflow,
		"0." + strings.Repeat("0", 130) + "1": textUnderflow,
	} {
		dst, err := ParseNumber([]byte("x"), []byte(text))
		if err == nil || err.Error() != want || string(dst) != "x" {
			t.Errorf("%q: %q, %v; want %s", text, dst, err, want)
		}
	}
}

func TestNumberInt(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "-1": -1, "1e3": 1000, "123450": 123450, "9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64,
	} {
		if got, ok := number(t, text).Int(); !ok || got != want {
			t.Errorf("%s is %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"0.5", "1.5", "9223372036854775808", "-9223372036854775809", "1e19", "1e125", "18446744073709551617"} {
		if got, ok := number(t, text).Int(); ok {
			t.Errorf("%s is %d", text, got)
		}
	}
}

// drawNumber draws numbers whose neighbours are close in every way: length,
// exponent, sign.
func drawNumber(t *rapid.T, label string) string {
	digits := rapid.OneOf(rapid.StringMatching(`[0-9]{1,3}`), rapid.StringMatching(`[1-9][0-9]{0,37}`), rapid.StringMatching(`(0{1,3}|9{1,12}|5){1,3}`)).Draw(t, label)
	if len(digits) > MaxDigits {
		digits = digits[:MaxDigits]
	}
	exponent := rapid.OneOf(rapid.IntRange(-3, 3), rapid.IntRange(-130, 125-MaxDigits)).Draw(t, label+" exponent")
	sign := rapid.SampledFrom([]string{"", "-"}).Draw(t, label+" sign")
	return sign + digits + "E" + strconv.Itoa(exponent)
}

func rational(t rapid.TB, text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("math/big does not read %q", text)
	}
	return r
}

func parse(t rapid.TB, text string) Number {
	n, err := ParseNumber(nil, []byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return n
}

// The order of the bytes is the order of the values, and none is a prefix of
// another's.
func TestNumberOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := drawNumber(t, "x"), drawNumber(t, "y")
		a, b := parse(t, x), parse(t, y)
		if got, want := bytes.Compare(a, b), rational(t, x).Cmp(rational(t, y)); got != want {
			t.Fatalf("%s against %s is %d, want %d", x, y, got, want)
		}
		if !bytes.Equal(a, b) && (bytes.HasPrefix(a, b) || bytes.HasPrefix(b, a)) {
			t.Fatalf("%s is stored as %x, %s as %x", x, a, y, b)
		}
		if len(a) > maxNumberLen || numberLen(a) != len(a) {
			t.Fatalf("%s has %d bytes: %x", x, len(a), a)
		}
	})
}

// The text has the same value and reads as the same bytes.
func TestNumberRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawNumber(t, "x")
		a := parse(t, x)
		text := a.String()
		if rational(t, text).Cmp(rational(t, x)) != 0 || !bytes.Equal(parse(t, text), a) {
			t.Fatalf("%s became %s", x, text)
		}
	})
}

// Sums and differences are exact, or refused for exactly AWS's reasons.
func TestArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := drawNumber(t, "x"), drawNumber(t, "y")
		a, b := parse(t, x), parse(t, y)
		check := func(op string, got []byte, err error, want *big.Rat) {
			text := ""
			if err != nil {
				text = err.Error()
			}
			digits, exponent := measure(want)
			switch {
			case digits > MaxDigits:
				if text != textDigits {
					t.Fatalf("%s %s %s has %d digits: %s, %v", x, op, y, digits, Number(got), err)
				}
			case digits > 0 && exponent > maxExponent:
				if text != textOverflow {
					t.Fatalf("%s %s %s overflows: %v", x, op, y, err)
				}
			case digits > 0 && exponent < minExponent:
				if text != textUnderflow {
					t.Fatalf("%s %s %s underflows: %v", x, op, y, err)
				}
			case err != nil || rational(t, Number(got).String()).Cmp(want) != 0 || numberLen(got) != len(got):
				t.Fatalf("%s %s %s is %s, %v", x, op, y, Number(got), err)
			}
		}
		s, err := AddNumbers(nil, a, b)
		check("+", s, err, new(big.Rat).Add(rational(t, x), rational(t, y)))
		s, err = SubNumbers(nil, a, b)
		check("-", s, err, new(big.Rat).Sub(rational(t, x), rational(t, y)))
	})
}

// measure returns the significant digits of r, a decimal fraction, and the
// exponent of the first.
func measure(r *big.Rat) (digits, exponent int) {
	if r.Sign() == 0 {
		return 0, 0
	}
	text := strings.TrimPrefix(r.FloatString(200), "-")
	whole, _, _ := strings.Cut(text, ".")
	all := strings.Replace(text, ".", "", 1)
	first := len(all) - len(strings.TrimLeft(all, "0"))
	return len(strings.Trim(all, "0")), len(whole) - 1 - first
}

func TestArithmeticErrors(t *testing.T) {
	nines := strings.Repeat("9", 38)
	for _, tc := range []struct{ a, op, b, want string }{
		{nines, "+", "1", "1" + strings.Repeat("0", 38)},
		{nines, "+", "0.1", textDigits},
		{"1E100", "+", "1", textDigits},
		{"1E100", "-", "1", textDigits},
		{"9.9E125", "+", "9E125", textOverflow},
		{"-9.9E125", "-", "9E125", textOverflow},
		{"1.1E-130", "-", "1E-130", textUnderflow},
		{"5", "-", "5", "0"},
		{"0", "-", "5", "-5"},
		{"-5", "+", "0", "-5"},
		{"1000", "-", "0.001", "999.999"},
	} {
		op := AddNumbers
		if tc.op == "-" {
			op = SubNumbers
		}
		n, err := op(nil, number(t, tc.a), number(t, tc.b))
		got := Number(n).String()
		if err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%s %s %s is %s", tc.a, tc.op, tc.b, got)
		}
	}
}

// Property: what is read as a number has the value that math/big reads, is
// written as text that reads as the same bytes, and is canonical.
func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"0", "-12.50", "1e5", ".5", "1.", "+0.0E9", "99999999999999999999999999999999999999E87", "1E-130", "abc"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := ParseNumber(nil, text)
		if err != nil {
			return
		}
		if numberLen(n) != len(n) {
			t.Fatalf("%q is stored as %x", text, n)
		}
		written := Number(n).AppendText(nil)
		if again := parse(t, string(written)); !bytes.Equal(again, n) {
			t.Fatalf("%q: %s is stored as %x, not %x", text, written, again, n)
		}
		if n[0] != signZero && rational(t, string(text)).Cmp(rational(t, string(written))) != 0 {
			t.Fatalf("%q became %s", text, written)
		}
		if size := Number(n).Size(); size < 1 || size > 22 {
			t.Fatalf("%q has size %d", text, size)
		}
	})
}
