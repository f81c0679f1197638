package conflict

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"strconv"
	"strings"

	"github.com/hortusdb/hortus/item"
)

// amount is what was added to a number: an N where a number can hold it, else, as a
// sum can have more digits or be greater, a wide one. Each value has one form, so
// that replicas which have seen the same hold the same bytes.
type amount []byte

// A wide amount is this byte, which begins no value; 1 where it is negative, else 0;
// the exponent (varint); and the digits, a whole number without a zero at its end, big
// endian. See docs/formats/row.md.
const wideAmount = 0

// Limits of wide amounts that are read. The digit of an N with the least weight stands
// for 10^-167; that of the greatest, for 10^125, and it takes 10^20 additions to get as
// far beyond as the digits' limit.
const (
	leastExponent  = -167
	mostExponent   = 145
	maxWideDigits  = 132 // Bytes: 313 digits, from the one exponent to the other, are 131 of them.
	greatestDigits = "99999999999999999999999999999999999999"
	greatestEnds   = 88  // The exponent of the last digit of the greatest number.
	greatestBegins = 125 // And of its first one.
	leastBegins    = -130
)

func (a amount) wide() bool { return len(a) > 0 && a[0] == wideAmount }

// plus is the exact sum.
func (a amount) plus(b amount) amount {
	if !a.wide() && !b.wide() {
		if n, err := item.AddNumbers(nil, item.Value(a).Number(), item.Value(b).Number()); err == nil {
			return amount(item.AppendN(nil, n))
		}
	}
	var sum exact
	sum.add(a)
	sum.add(b)
	return sum.amount()
}

// shown is the number that is nearest to the sum of amounts, and the sum itself where
// a number can hold that. In whatever order they come it is the same.
func shown(all []amount) item.Value {
	sum := all[0]
	for _, a := range all[1:] {
		sum = sum.plus(a)
	}
	if !sum.wide() {
		return item.Value(sum)
	}
	e := sum.exact()
	return e.nearest()
}

// exact is a decimal number of any length: digits × 10^exp.
type exact struct {
	digits big.Int
	exp    int
}

func powerOfTen(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

func (e *exact) add(a amount) {
	b := a.exact()
	switch {
	case b.exp < e.exp:
		e.digits.Mul(&e.digits, powerOfTen(e.exp-b.exp))
		e.exp = b.exp
	case b.exp > e.exp:
		b.digits.Mul(&b.digits, powerOfTen(b.exp-e.exp))
	}
	e.digits.Add(&e.digits, &b.digits)
}

// exact takes an amount apart.
func (a amount) exact() exact {
	var e exact
	if a.wide() {
		exp, n := binary.Varint(a[2:])
		e.exp = int(exp)
		e.digits.SetBytes(a[2+n:])
		if a[1] == 1 {
			e.digits.Neg(&e.digits)
		}
		return e
	}
	whole, fraction, _ := strings.Cut(item.Value(a).Number().String(), ".")
	e.digits.SetString(whole+fraction, 10)
	e.exp = -len(fraction)
	return e
}

// nearest is the number nearest to e: of two the one whose last digit is even, the
// one farthest from zero where e is beyond that, and zero where e is nearer to that than
// any other number.
func (e *exact) nearest() item.Value {
	digits, exp := new(big.Int).Set(&e.digits), e.exp
	long := len(new(big.Int).Abs(digits).String())
	if cut := long - item.MaxDigits; cut > 0 {
		rest := new(big.Int)
		unit := powerOfTen(cut)
		digits.QuoRem(digits, unit, rest)
		twice := rest.Abs(rest).Lsh(rest, 1).Cmp(unit)
		if twice > 0 || (twice == 0 && digits.Bit(0) == 1) {
			digits.Add(digits, big.NewInt(int64(e.digits.Sign())))
		}
		exp += cut
	}
	text := digits.String()
	switch begins := len(strings.TrimPrefix(text, "-")) - 1 + exp; {
	case digits.Sign() == 0 || begins < leastBegins:
		text, exp = "0", 0
	case begins > greatestBegins:
		text, exp = greatestDigits, greatestEnds
		if digits.Sign() < 0 {
			text = "-" + text
		}
	}
	v, err := item.N(text + "e" + strconv.Itoa(exp))
	if err != nil {
		return nil // It never is: the digits and the exponent are within bounds.
	}
	return v
}

// amount is e in its one form.
func (e *exact) amount() amount {
	if e.digits.Sign() == 0 {
		return amount(e.nearest())
	}
	digits, exp := new(big.Int).Set(&e.digits), e.exp
	ten := big.NewInt(10)
	for rest := new(big.Int); ; exp++ {
		next, _ := new(big.Int).QuoRem(digits, ten, rest)
		if rest.Sign() != 0 {
			break
		}
		digits = next
	}
	begins := len(new(big.Int).Abs(digits).String()) - 1 + exp
	if begins-exp < item.MaxDigits && begins >= leastBegins && begins <= greatestBegins {
		return amount(e.nearest())
	}
	sign := byte(0)
	if digits.Sign() < 0 {
		sign = 1
	}
	return append(binary.AppendVarint([]byte{wideAmount, sign}, int64(exp)), digits.Bytes()...)
}

// valid reports whether bytes that were read are a wide amount, in its one form.
func (a amount) valid() bool {
	if len(a) < 4 || a[0] != wideAmount || a[1] > 1 {
		return false
	}
	exp, n := binary.Varint(a[2:])
	if n <= 0 || exp < leastExponent || exp > mostExponent || len(a)-2-n > maxWideDigits {
		return false
	}
	e := a.exact()
	return bytes.Equal(e.amount(), a)
}
