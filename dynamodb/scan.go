package dynamodb

import (
	"math"
	"strconv"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/jsonscan"
)

// members reads the object that the body is, and gives each member to fn, which
// reads exactly one value.
func (r *request) members(fn func(name []byte) error) error {
	if kind := r.scan.Peek(); kind != jsonscan.Object {
		return aws.Serialization("")
	}
	err := r.each(func(name []byte) error {
		if r.scan.Peek() == jsonscan.Null { // As good as absent.
			return serialization(r.scan.Null())
		}
		return fn(name)
	})
	if err != nil {
		return err
	}
	return serialization(r.scan.Finish())
}

// each reads the object that comes next, and gives each member to fn.
func (r *request) each(fn func(name []byte) error) error {
	if err := r.scan.BeginObject(); err != nil {
		return aws.Serialization("")
	}
	for {
		name, more, err := r.scan.NextKey()
		if err != nil || !more {
			return serialization(err)
		}
		if err := fn(name); err != nil {
			return err
		}
	}
}

func serialization(err error) error {
	if err != nil {
		return aws.Serialization("")
	}
	return nil
}

// text reads a string member.
func (r *request) text(t *text) error {
	switch r.scan.Peek() {
	case jsonscan.String:
		b, err := r.scan.String(nil)
		t.s, t.ok = string(b), true
		return serialization(err)
	case jsonscan.Number:
		return aws.Serialization("NUMBER_VALUE cannot be converted to String")
	case jsonscan.True:
		return aws.Serialization("TRUE_VALUE cannot be converted to String")
	case jsonscan.False:
		return aws.Serialization("FALSE_VALUE cannot be converted to String")
	}
	return r.container()
}

// container words an object or a list where a scalar belongs.
func (r *request) container() error {
	switch r.scan.Peek() {
	case jsonscan.Object:
		return aws.Serialization("Start of structure or map found where not expected")
	case jsonscan.Array:
		return aws.Serialization("Unrecognized collection type class java.lang.String")
	}
	return aws.Serialization("")
}

// bool reads a boolean member. A string is taken for one too (recorded).
func (r *request) bool(v *bool) error {
	switch r.scan.Peek() {
	case jsonscan.True, jsonscan.False:
		var err error
		*v, err = r.scan.Bool()
		return serialization(err)
	case jsonscan.String:
		b, err := r.scan.Text()
		*v = string(b) == "true"
		return serialization(err)
	case jsonscan.Number:
		return aws.Serialization("NUMBER_VALUE cannot be converted to Boolean")
	}
	return r.container()
}

// number reads an integer member; one out of range becomes the nearest.
func (r *request) number(v *number) error {
	switch r.scan.Peek() {
	case jsonscan.Number:
		b, err := r.scan.Number()
		if err != nil {
			return aws.Serialization("")
		}
		f, err := strconv.ParseFloat(string(b), 64)
		if err != nil {
			f = math.MaxInt32
		}
		v.n, v.ok = int64(max(math.MinInt32, min(math.MaxInt32, f))), true
		return nil
	case jsonscan.String:
		return aws.Serialization("STRING_VALUE cannot be converted to Integer")
	case jsonscan.True:
		return aws.Serialization("TRUE_VALUE cannot be converted to Integer")
	case jsonscan.False:
		return aws.Serialization("FALSE_VALUE cannot be converted to Integer")
	}
	return r.container()
}

// object reads a JSON object and gives each member to fn; a null one is left
// out.
func (r *request) object(fn func(name string) error) error {
	return r.entries(func(name string) error {
		if r.scan.Peek() == jsonscan.Null {
			return serialization(r.scan.Null())
		}
		return fn(name)
	})
}

// entries reads a JSON object and gives each member to fn.
func (r *request) entries(fn func(name string) error) error {
	switch r.scan.Peek() {
	case jsonscan.Object:
	case jsonscan.Array:
		return aws.Serialization("Unrecognized collection type java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>")
	case jsonscan.Invalid, jsonscan.End:
		return aws.Serialization("")
	default:
		return aws.Serialization("Unexpected value type in payload")
	}
	return r.each(func(name []byte) error { return fn(string(name)) })
}

// array reads a JSON array and calls fn before each element.
func (r *request) array(fn func() error) error {
	switch r.scan.Peek() {
	case jsonscan.Array:
	case jsonscan.Object:
		return aws.Serialization("Start of structure or map found where not expected")
	case jsonscan.Invalid, jsonscan.End:
		return aws.Serialization("")
	default:
		return aws.Serialization("Unexpected field type")
	}
	if r.scan.BeginArray() != nil {
		return aws.Serialization("")
	}
	for {
		more, err := r.scan.NextElem()
		if err != nil || !more {
			return serialization(err)
		}
		if err := fn(); err != nil {
			return err
		}
	}
}
