package item

import (
	"bytes"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/jsonscan"
)

// The shapes that the errors about lists name.
const (
	attributeValue = "class com.amazonaws.dynamodb.v20120810.AttributeValue"
	attributeMap   = "java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>"
	stringShape    = "class java.lang.String"
)

const errStructure = "Start of structure or map found where not expected"

// malformed turns the scanner's error into AWS's, which says nothing more.
func malformed(err error) error {
	if err == nil {
		return nil
	}
	return aws.Serialization("")
}

// wantObject begins an object, or words what stands there instead.
func wantObject(s *jsonscan.Scanner, shape string) error {
	if kind := s.Peek(); kind != jsonscan.Object {
		return mapMismatch(kind, shape)
	}
	return malformed(s.BeginObject())
}

// mapMismatch is the error for something else where an object belongs.
func mapMismatch(kind jsonscan.Kind, shape string) error {
	switch kind {
	case jsonscan.Array:
		return aws.Serialization("Unrecognized collection type " + shape)
	case jsonscan.Invalid, jsonscan.End:
		return aws.Serialization("")
	}
	return aws.Serialization("Unexpected value type in payload")
}

// listMismatch is the error for something else where a list belongs.
func listMismatch(kind jsonscan.Kind) error {
	switch kind {
	case jsonscan.Object:
		return aws.Serialization(errStructure)
	case jsonscan.Invalid, jsonscan.End:
		return aws.Serialization("")
	}
	return aws.Serialization("Unexpected field type")
}

// scalarMismatch is the error for something else where a value of type t, or
// an element of a set of them, belongs.
func scalarMismatch(s *jsonscan.Scanner, t Type, kind jsonscan.Kind) error {
	shape := "String"
	switch t {
	case TypeBOOL:
		shape = "Boolean"
	case TypeB:
		shape = "Blob"
	default:
	}
	switch kind {
	case jsonscan.Object:
		return aws.Serialization(errStructure)
	case jsonscan.Array:
		if t == TypeS || t == TypeN {
			return aws.Serialization("Unrecognized collection type " + stringShape)
		}
		return aws.Serialization("Start of list found where not expected")
	case jsonscan.True:
		return aws.Serialization("TRUE_VALUE cannot be converted to " + shape)
	case jsonscan.False:
		return aws.Serialization("FALSE_VALUE cannot be converted to " + shape)
	case jsonscan.Number:
		raw, err := s.Number()
		if err != nil {
			return malformed(err)
		}
		if bytes.ContainsAny(raw, ".eE") {
			return aws.Serialization("DECIMAL_VALUE cannot be converted to " + shape)
		}
		return aws.Serialization("NUMBER_VALUE cannot be converted to " + shape)
	}
	return aws.Serialization("")
}

// errNullElement is the error for a null in a set (as DynamoDB Local says it
// for SS and NS).
func errNullElement(t Type) *aws.Error {
	switch t {
	case TypeSS:
		return aws.InvalidParameter("An string set may not have a null string as a member")
	case TypeNS:
		return errNotNumber("")
	default:
		return errNoType
	}
}
