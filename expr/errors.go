package expr

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/item"
)

// Limits of expressions (documented, except where noted).
const (
	// MaxTextBytes is the longest text of one expression.
	MaxTextBytes = 4096
	// MaxOperators is the most operators and functions in one expression.
	MaxOperators = 300
	// MaxInOperands is the longest list of an IN.
	MaxInOperands = 100
	// MaxPathElements is the deepest document path.
	MaxPathElements = 32
	// MaxPlaceholderBytes is the longest placeholder, its first character included.
	MaxPlaceholderBytes = 255
	// MaxAttributeNameBytes is the longest name that a placeholder stands for.
	MaxAttributeNameBytes = item.MaxName
	// MaxSubstitutionBytes bounds all names, and all values, of a request.
	MaxSubstitutionBytes = 2 << 20
	// MaxListIndex is the greatest index of a list (recorded from DynamoDB Local).
	MaxListIndex = 1<<31 - 1
)

// invalid reports a fault of an expression under its parameter's name.
func invalid(k Kind, format string, args ...any) error {
	return aws.Validation("Invalid %s: %s", k, fmt.Sprintf(format, args...))
}

// Errors that only the item at hand can cause, in AWS's words.
func errMissingOperand() error {
	return aws.Validation("The provided expression refers to an attribute that does not exist in the item")
}

func errOperandType() error {
	return aws.Validation("An operand in the update expression has an incorrect data type")
}

func errNesting() error {
	return aws.Validation("Nesting Levels have exceeded supported limits")
}

func errOperatorType(k Kind, op Op, t string) error {
	return invalid(k, "Incorrect operand type for operator or function; operator or function: %s, operand type: %s", op, t)
}

func errFunctionUse(k Kind, op Op) error {
	return invalid(k, "The function is not allowed to be used this way in an expression; function: %s", op)
}

// formatPath writes a path as AWS does in messages: [a, [0], b].
func formatPath(p item.Path) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range p {
		if i > 0 {
			b.WriteString(", ")
		}
		if s.Index >= 0 {
			b.WriteByte('[')
			b.WriteString(strconv.Itoa(s.Index))
			b.WriteByte(']')
			continue
		}
		b.WriteString(s.Name)
	}
	b.WriteByte(']')
	return b.String()
}

// formatValue writes a scalar as AWS does in messages: AttributeValue: {N:1}.
// It prints the buffer of a binary value, not its bytes (recorded from DynamoDB
// Local).
func formatValue(v item.Value) string {
	t := v.Type()
	switch t {
	case item.TypeS:
		return "AttributeValue: {S:" + string(v.Bytes()) + "}"
	case item.TypeN:
		return "AttributeValue: {N:" + string(v.Number().AppendText(nil)) + "}"
	case item.TypeB:
		n := strconv.Itoa(len(v.Bytes()))
		return "AttributeValue: {B:java.nio.HeapByteBuffer[pos=0 lim=" + n + " cap=" + n + "]}"
	default:
		return "AttributeValue: " + string(item.AppendValueJSON(nil, v))
	}
}
