package item

import "github.com/hortusdb/hortus/aws"

// AddNumbers appends a + b to dst, or fails with AWS's errors when the exact
// sum is out of range or needs more than 38 digits.
func AddNumbers(dst []byte, a, b Number) ([]byte, error) { return sum(dst, a, b, false) }

// SubNumbers appends a - b to dst; see AddNumbers.
func SubNumbers(dst []byte, a, b Number) ([]byte, error) { return sum(dst, a, b, true) }

func sum(dst []byte, a, b Number, negate bool) ([]byte, error) {
	var x, y decimal
	x.load(a)
	y.load(b)
	y.neg = y.neg != negate
	switch {
	case y.n == 0:
		return append(dst, a...), nil
	case x.n == 0:
		return y.append(dst), nil
	}
	if err := x.add(&y); err != nil {
		return dst, err
	}
	return x.append(dst), nil
}

// sumDigits is room for the widest exact sum: every position between the
// greatest and the least digit that a number can have, and a carry.
const sumDigits = maxExponent - minExponent + MaxDigits + 1

// add adds y to x, neither of them zero, digit by digit: exact, without
// allocating. The written sum is normalised.
func (d *decimal) add(y *decimal) *aws.Error {
	x := d
	if x.exp < y.exp || x.exp == y.exp && lessDigits(x, y) {
		x, y = y, x
	}
	// Now |x| >= |y|; position 0 is the carry, position 1 is x's first digit.
	var acc [sumDigits]int8
	shift := x.exp - y.exp
	width := max(x.n, y.n+shift) + 1
	for i := range x.n {
		acc[1+i] = int8(x.digits[i])
	}
	sign := int8(1)
	if x.neg != y.neg {
		sign = -1
	}
	for i := range y.n {
		acc[1+i+shift] += sign * int8(y.digits[i])
	}
	for i := width - 1; i > 0; i-- {
		switch {
		case acc[i] > 9:
			acc[i] -= 10
			acc[i-1]++
		case acc[i] < 0:
			acc[i] += 10
			acc[i-1]--
		}
	}
	first, last := 0, width
	for first < last && acc[first] == 0 {
		first++
	}
	for last > first && acc[last-1] == 0 {
		last--
	}
	neg, exp := x.neg, x.exp+1-first
	*d = decimal{}
	if first == last {
		return nil
	}
	if last-first > MaxDigits {
		return errDigits
	}
	d.neg, d.exp, d.n = neg, exp, last-first
	for i := range d.n {
		d.digits[i] = byte(acc[first+i])
	}
	return d.checkRange()
}

// lessDigits compares the digits of numbers of equal exponent.
func lessDigits(x, y *decimal) bool { return string(x.digits[:x.n]) < string(y.digits[:y.n]) }
