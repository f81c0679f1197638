package shape

import (
	"math"
	"strconv"
	"strings"
)

// String prints a value as error texts show it: in the way of Java's toString,
// KeySchemaElement(attributeName=pk, keyType=HASH) (known from the live service).
func (n *node) String() string {
	return string(n.appendJava(nil))
}

// appendJava stops growing soon after maxValueText, where the text is cut.
func (n *node) appendJava(dst []byte) []byte {
	if len(dst) > maxValueText {
		return dst
	}
	if !n.set {
		return append(dst, "null"...)
	}
	switch n.plan.kind {
	case kindString:
		return append(dst, n.text...)
	case kindBool:
		return strconv.AppendBool(dst, n.flag())
	case kindInteger:
		return strconv.AppendInt(dst, n.integer(), 10)
	case kindFloat:
		return appendDouble(dst, n.float(), n.plan.bits)
	case kindBlob:
		size := strconv.Itoa(len(n.text))
		return append(dst, "java.nio.HeapByteBuffer[pos=0 lim="+size+" cap="+size+"]"...)
	case kindTime:
		return epochTime(n.float()).AppendFormat(dst, "Mon Jan 02 15:04:05 MST 2006")
	case kindList:
		dst = append(dst, '[')
		for i := range n.nodes {
			dst = n.nodes[i].appendJava(appendComma(dst, i))
		}
		return append(dst, ']')
	case kindMap:
		dst = append(dst, '{')
		for i, key := range n.keys {
			dst = append(append(appendComma(dst, i), key...), '=')
			dst = n.nodes[i].appendJava(dst)
		}
		return append(dst, '}')
	case kindStructure:
		dst = append(append(dst, n.plan.name...), '(')
		for i := range n.nodes {
			dst = append(append(appendComma(dst, i), n.plan.members[i].path...), '=')
			dst = n.nodes[i].appendJava(dst)
		}
		return append(dst, ')')
	default:
		return n.appendUnion(dst)
	}
}

func (n *node) appendUnion(dst []byte) []byte {
	dst = append(append(dst, n.plan.name...), '(')
	if n.choice >= 0 {
		dst = append(append(dst, n.plan.members[n.choice].path...), '=')
		dst = n.nodes[0].appendJava(dst)
	}
	return append(dst, ')')
}

func appendComma(dst []byte, i int) []byte {
	if i == 0 {
		return dst
	}
	return append(dst, ", "...)
}

// appendDouble writes a number as Java does: always with a fraction, and with
// an exponent outside 1E-3 to 1E7. Infinities and NaN are in words.
func appendDouble(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 0):
		return append(dst, strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, 64), "+")+"inity"...)
	case f == 0 || math.Abs(f) >= 1e-3 && math.Abs(f) < 1e7:
		start := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
		if !strings.Contains(string(dst[start:]), ".") {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	text := strconv.FormatFloat(f, 'E', -1, bits)
	mantissa, exponent, _ := strings.Cut(text, "E")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	e, _ := strconv.Atoi(exponent)
	return strconv.AppendInt(append(append(dst, mantissa...), 'E'), int64(e), 10)
}
