package shape

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/schemas"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"pgregory.net/rapid"
)

// The SDK's own client protocol is the other end of these round trips.

func clientWrites(t *rapid.T, op operation, in any) []byte {
	req := smithyhttp.NewStackRequest().(*smithyhttp.Request)
	err := awsjson.New10(schemas.DynamoDB_20120810).SerializeRequest(context.Background(), op.schema, in.(smithy.Serializable), req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(req.GetStream())
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func clientReads(t *rapid.T, op operation, body []byte) any {
	out := op.output()
	resp := &smithyhttp.Response{Response: &http.Response{
		StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body)),
	}}
	err := awsjson.New10(schemas.DynamoDB_20120810).DeserializeResponse(
		context.Background(), op.schema, dynamodb.TypeRegistry, resp, out.(smithy.Deserializable))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return out
}

// TestInputRoundTrip: what the SDK's client writes, we read as what it was.
func TestInputRoundTrip(t *testing.T) {
	for _, op := range operations() {
		t.Run(op.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want := op.input()
				populate(t, reflect.ValueOf(want).Elem(), 0)
				body := clientWrites(t, op, want)
				got, err := op.read(body)
				if err != nil {
					t.Fatalf("%s: %v", body, err)
				}
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("%s\nread as %s", body, Encode(nil, got.(smithy.Serializable)))
				}
			})
		})
	}
}

// TestOutputRoundTrip: what we write, the SDK's client reads as what it was.
func TestOutputRoundTrip(t *testing.T) {
	for _, op := range operations() {
		if op.schema.Output == nil {
			continue
		}
		t.Run(op.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want := op.output()
				populate(t, reflect.ValueOf(want).Elem(), 0)
				body := Encode(nil, want.(smithy.Serializable))
				if got := clientReads(t, op, body); !reflect.DeepEqual(got, want) {
					t.Fatalf("%s\nread as %s", body, Encode(nil, got.(smithy.Serializable)))
				}
			})
		})
	}
}

// maxPopulated is how deep structures and attribute values nest in the tests.
const maxPopulated = 6

// populate sets every field at random; absent and empty are both drawn where
// the SDK's types tell them apart.
func populate(t *rapid.T, v reflect.Value, depth int) {
	switch v.Interface().(type) {
	case middleware.Metadata:
		return
	case time.Time:
		// Eighths of a second before 2247: of other fractions the client loses a
		// millisecond, and it counts nanoseconds in 64 bits.
		v.Set(reflect.ValueOf(time.UnixMilli(125 * rapid.Int64Range(-1e9, 7e10).Draw(t, "time")).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.Type().Elem().Kind() == reflect.Struct && depth > maxPopulated || !rapid.Bool().Draw(t, "present") {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		populate(t, v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				populate(t, v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		if rapid.Bool().Draw(t, "present") {
			populateSlice(t, v, depth)
		}
	case reflect.Map:
		if rapid.Bool().Draw(t, "present") {
			populateMap(t, v, depth)
		}
	case reflect.Interface:
		populateUnion(t, v, depth)
	case reflect.String:
		v.SetString(rapid.String().Draw(t, "text"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "flag"))
	case reflect.Int32:
		v.SetInt(int64(rapid.Int32().Draw(t, "number")))
	case reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "number"))
	case reflect.Float32:
		v.SetFloat(float64(rapid.Float32().Draw(t, "number")))
	case reflect.Float64:
		v.SetFloat(rapid.Float64().Draw(t, "number"))
	default:
		t.Fatalf("a field of type %v", v.Type())
	}
}

func populateSlice(t *rapid.T, v reflect.Value, depth int) {
	n := rapid.IntRange(0, 2).Draw(t, "length")
	if depth > maxPopulated {
		n = 0
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		if elem := v.Index(i); elem.Kind() == reflect.Slice || elem.Kind() == reflect.Map {
			populatePresent(t, elem, depth+1)
		} else if elem.Kind() == reflect.Uint8 {
			elem.SetUint(uint64(rapid.Byte().Draw(t, "byte")))
		} else {
			populate(t, elem, depth+1)
		}
	}
}

func populateMap(t *rapid.T, v reflect.Value, depth int) {
	n := rapid.IntRange(0, 2).Draw(t, "length")
	if depth > maxPopulated {
		n = 0
	}
	v.Set(reflect.MakeMap(v.Type()))
	for range n {
		value := reflect.New(v.Type().Elem()).Elem()
		populatePresent(t, value, depth+1)
		v.SetMapIndex(reflect.ValueOf(rapid.String().Draw(t, "key")), value)
	}
}

// populatePresent is populate for places where the client writes no null.
func populatePresent(t *rapid.T, v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Slice:
		populateSlice(t, v, depth)
	case reflect.Map:
		populateMap(t, v, depth)
	default:
		populate(t, v, depth)
	}
}

var attributeValues = DynamoDB().union("AttributeValue")

func populateUnion(t *rapid.T, v reflect.Value, depth int) {
	variants := attributeValues.variants
	names := []string{"B", "BOOL", "BS", "L", "M", "N", "NS", "NULL", "S", "SS"}
	variant := reflect.New(variants[rapid.SampledFrom(names).Draw(t, "variant")])
	populatePresent(t, variant.Elem().FieldByName("Value"), depth+1)
	v.Set(variant)
}
