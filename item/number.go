package item

import (
	"github.com/hortusdb/hortus/aws"
)

// Limits of numbers (documented).
const (
	MaxDigits   = 38   // Significant decimal digits.
	minExponent = -130 // Of the first significant digit: 1E-130 is the least magnitude.
	maxExponent = 125
)

// Number is a number in ordered form: bytes.Compare orders Numbers as their
// values, none is a prefix of another, and each value has one encoding.
type Number []byte

// The first byte of a Number. Zero is that byte alone. After it: the exponent
// of the first digit plus 130; digits in pairs, each pair plus 1; a zero byte.
// In negative numbers each byte after the first is complemented.
const (
	signNegative = 1
	signZero     = 2
	signPositive = 3
)

// maxNumberLen is the longest Number: sign, exponent, 19 pairs, end.
const maxNumberLen = 3 + MaxDigits/2

// decimal is a number taken apart: 0.d1d2d3… × 10^(exp+1), first and last
// digit not zero. n is 0 for zero.
type decimal struct {
	neg    bool
	exp    int
	n      int
	digits [MaxDigits]byte // Values 0 to 9.
}

// ParseNumber reads a decimal number, as in "-12.50" or "1.5e7", and appends
// its ordered form to dst. Its errors are AWS's: text that is no number, more
// than 38 significant digits, a magnitude out of range.
func ParseNumber(dst, text []byte) ([]byte, error) {
	var d decimal
	if err := d.parse(text); err != nil {
		return dst, err
	}
	return d.append(dst), nil
}

var (
	errDigits    = aws.Validation("Attempting to store more than 38 significant digits in a Number")
	errOverflow  = aws.Validation("Number overflow. Attempting to store a number with magnitude larger than supported range")
	errUnderflow = aws.Validation("Number underflow. Attempting to store a number with magnitude smaller than supported range")
)

// errNotNumber is AWS's answer to a text that is no number (seen of the live
// service; DynamoDB Local has other words).
func errNotNumber(text string) *aws.Error {
	const message = "The parameter cannot be converted to a numeric value"
	if text == "" {
		return aws.Validation(message)
	}
	return aws.Validation(message+": %s", text)
}

// maxWrittenExponent is the largest written exponent that is still read as a
// number; beyond it the text is none (observed on DynamoDB Local).
const maxWrittenExponent = 1<<31 - 1

// parse reads text into d, which must be zero.
func (d *decimal) parse(text []byte) *aws.Error {
	i := 0
	if i < len(text) && (text[i] == '-' || text[i] == '+') {
		d.neg = text[i] == '-'
		i++
	}
	// point is where the decimal point stands, counted in digits read after
	// leading zeros; n counts digits up to the last that is not zero.
	seen, point, read, tooLong := false, -1, 0, false
	zeros := 0 // Zeros between the point and the first other digit.
	for ; i < len(text); i++ {
		c := text[i]
		if c == '.' && point < 0 {
			point = read
			continue
		}
		if c-'0' > 9 {
			break
		}
		seen = true
		if c == '0' && read == 0 {
			if point >= 0 {
				zeros++
			}
			continue
		}
		if c != '0' {
			if read >= MaxDigits {
				tooLong = true
			} else {
				d.digits[read] = c - '0'
				d.n = read + 1
			}
		}
		read++
	}
	if !seen {
		return errNotNumber(string(text)) // A copy: text stays off the heap.
	}
	if point < 0 {
		point = read
	}
	written, ok := parseExponent(text[i:])
	if !ok {
		return errNotNumber(string(text)) // A copy: text stays off the heap.
	}
	if d.n == 0 {
		d.neg = false
		return nil
	}
	if tooLong {
		return errDigits
	}
	d.exp = point - zeros - 1 + written
	return d.checkRange()
}

// parseExponent reads "", "e5", "E+05", "e-7" and the like.
func parseExponent(text []byte) (int, bool) {
	if len(text) == 0 {
		return 0, true
	}
	if text[0]|0x20 != 'e' {
		return 0, false
	}
	text = text[1:]
	neg := false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		neg = text[0] == '-'
		text = text[1:]
	}
	if len(text) == 0 {
		return 0, false
	}
	e := 0
	for _, c := range text {
		if c-'0' > 9 {
			return 0, false
		}
		if e = e*10 + int(c-'0'); e > maxWrittenExponent {
			return 0, false
		}
	}
	if neg {
		e = -e
	}
	return e, true
}

func (d *decimal) checkRange() *aws.Error {
	if d.exp > maxExponent {
		return errOverflow
	}
	if d.exp < minExponent {
		return errUnderflow
	}
	return nil
}

// append appends the ordered form of d.
func (d *decimal) append(dst []byte) []byte {
	if d.n == 0 {
		return append(dst, signZero)
	}
	var flip byte
	sign := byte(signPositive)
	if d.neg {
		flip, sign = 0xff, signNegative
	}
	dst = append(dst, sign, byte(d.exp-minExponent)^flip)
	for i := 0; i < d.n; i += 2 {
		pair := d.digits[i] * 10
		if i+1 < d.n {
			pair += d.digits[i+1]
		}
		dst = append(dst, (pair+1)^flip)
	}
	return append(dst, flip)
}

// load takes a Number apart.
func (d *decimal) load(n Number) {
	*d = decimal{}
	if len(n) < 3 {
		return
	}
	var flip byte
	if n[0] == signNegative {
		d.neg, flip = true, 0xff
	}
	d.exp = int(n[1]^flip) + minExponent
	for _, b := range n[2 : len(n)-1] {
		pair := (b ^ flip) - 1
		d.digits[d.n], d.digits[d.n+1] = pair/10, pair%10
		d.n += 2
	}
	if d.digits[d.n-1] == 0 {
		d.n--
	}
}

// AppendText appends the number as AWS spells it: no exponent, no zeros that
// mean nothing.
func (n Number) AppendText(dst []byte) []byte {
	var d decimal
	d.load(n)
	if d.n == 0 {
		return append(dst, '0')
	}
	if d.neg {
		dst = append(dst, '-')
	}
	if d.exp < 0 {
		dst = append(dst, '0', '.')
		for i := -1; i > d.exp; i-- {
			dst = append(dst, '0')
		}
	}
	for i := range max(d.n, d.exp+1) {
		if i == d.exp+1 && i > 0 {
			dst = append(dst, '.')
		}
		if i < d.n {
			dst = append(dst, '0'+d.digits[i])
		} else {
			dst = append(dst, '0')
		}
	}
	return dst
}

// String returns the text that AppendText writes.
func (n Number) String() string { return string(n.AppendText(nil)) }

// Int returns the number as an int64; false when it is no whole number or does
// not fit.
func (n Number) Int() (int64, bool) {
	var d decimal
	d.load(n)
	if d.n == 0 {
		return 0, true
	}
	if d.exp < d.n-1 || d.exp > 18 {
		return 0, false
	}
	var u uint64
	for i := range d.exp + 1 {
		u *= 10
		if i < d.n {
			u += uint64(d.digits[i])
		}
	}
	if d.neg {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u < 1<<63
}

// Size is the number's size in bytes as AWS counts it: one byte, one more for
// each pair of significant digits, one more if it is negative; zero is one byte
// (recorded). The documentation calls its rule, a byte for every two digits,
// approximate; as DynamoDB Local counts, the pairs are those of base 100, so
// that 15 has one and 1.5 and 150 have two.
func (n Number) Size() int {
	if len(n) < 3 {
		return 1
	}
	size, flip := len(n)-2, byte(0) // The exponent and each pair stored.
	if n[0] == signNegative {
		size, flip = size+1, 0xff
	}
	evenExponent := (n[1]^flip)%2 == -minExponent%2
	evenDigits := (n[len(n)-2]^flip-1)%10 != 0
	if evenExponent && evenDigits {
		size++ // Base 100 cuts every stored pair in two.
	}
	return size
}
