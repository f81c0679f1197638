package demo

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/cockroachdb/apd/v3"

	"github.com/hortusdb/hortus/demo/dataset"
)

// item is an item as the SDK has it.
type item map[string]types.AttributeValue

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func num[T int | int64](n T) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(n), 10)}
}

// text returns a string attribute, "" where there is none.
func (i item) text(name string) string {
	if s, ok := i[name].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// number returns a whole number, 0 where there is none.
func (i item) number(name string) int64 {
	if n, ok := i[name].(*types.AttributeValueMemberN); ok {
		v, err := strconv.ParseInt(n.Value, 10, 64)
		if err == nil {
			return v
		}
	}
	return 0
}

// key names an item, as in AT/AIRPORT#LOWW.
func (i item) key() string { return i.text(dataset.PartitionKey) + "/" + i.text(dataset.SortKey) }

// keyOf is the Key of a request for the item of that name.
func keyOf(key string) item {
	country, entry, _ := strings.Cut(key, "/")
	return item{dataset.PartitionKey: str(country), dataset.SortKey: str(entry)}
}

// parseItem reads an item of DynamoDB JSON.
func parseItem(b []byte) (item, error) {
	var members map[string]any
	if err := json.Unmarshal(b, &members); err != nil {
		return nil, err
	}
	return itemOf(members)
}

func itemOf(members map[string]any) (item, error) {
	out := make(item, len(members))
	for name, m := range members {
		v, err := valueOf(m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = v
	}
	return out, nil
}

// valueOf makes an attribute value of its JSON: an object with one member.
func valueOf(of any) (types.AttributeValue, error) {
	object, _ := of.(map[string]any)
	for kind, v := range object {
		switch v := v.(type) {
		case string:
			return scalarOf(kind, v)
		case bool:
			if kind == "NULL" {
				return &types.AttributeValueMemberNULL{Value: v}, nil
			}
			return &types.AttributeValueMemberBOOL{Value: v}, nil
		case map[string]any:
			m, err := itemOf(v)
			return &types.AttributeValueMemberM{Value: m}, err
		case []any:
			return listOf(kind, v)
		}
	}
	return nil, fmt.Errorf("not an attribute value that the data set has: %v", of)
}

func scalarOf(kind, s string) (types.AttributeValue, error) {
	switch kind {
	case "S":
		return str(s), nil
	case "N":
		return &types.AttributeValueMemberN{Value: s}, nil
	case "B":
		b, err := base64.StdEncoding.DecodeString(s)
		return &types.AttributeValueMemberB{Value: b}, err
	}
	return nil, fmt.Errorf("not a type of a string: %s", kind)
}

func listOf(kind string, members []any) (types.AttributeValue, error) {
	if kind == "L" {
		out := make([]types.AttributeValue, 0, len(members))
		for _, m := range members {
			v, err := valueOf(m)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return &types.AttributeValueMemberL{Value: out}, nil
	}
	out := make([]string, 0, len(members))
	for _, m := range members {
		s, ok := m.(string)
		if !ok {
			return nil, fmt.Errorf("not a member of a set: %v", m)
		}
		out = append(out, s)
	}
	switch kind {
	case "SS":
		return &types.AttributeValueMemberSS{Value: out}, nil
	case "NS":
		return &types.AttributeValueMemberNS{Value: out}, nil
	}
	return nil, fmt.Errorf("not a type of a set that the data set has: %s", kind)
}

// canonical writes an item so that equal items are equal texts: names and sets
// in order, numbers in their plainest form.
func (i item) canonical() string {
	return string(appendMap(make([]byte, 0, 1024), i))
}

func appendMap(b []byte, m map[string]types.AttributeValue) []byte {
	b = append(b, '{')
	for n, name := range slices.Sorted(maps.Keys(m)) {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendQuote(b, name), ':')
		b = appendValue(b, m[name])
	}
	return append(b, '}')
}

func appendValue(b []byte, v types.AttributeValue) []byte {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return appendScalar(b, "S", v.Value)
	case *types.AttributeValueMemberN:
		return appendScalar(b, "N", plainest(v.Value))
	case *types.AttributeValueMemberB:
		return appendScalar(b, "B", base64.StdEncoding.EncodeToString(v.Value))
	case *types.AttributeValueMemberBOOL:
		return fmt.Appendf(b, `{"BOOL":%t}`, v.Value)
	case *types.AttributeValueMemberNULL:
		return append(b, `{"NULL":true}`...)
	case *types.AttributeValueMemberSS:
		return appendSet(b, "SS", v.Value, func(s string) string { return s })
	case *types.AttributeValueMemberNS:
		return appendSet(b, "NS", v.Value, plainest)
	case *types.AttributeValueMemberBS:
		return appendSet(b, "BS", v.Value, base64.StdEncoding.EncodeToString)
	case *types.AttributeValueMemberM:
		return append(appendMap(append(b, `{"M":`...), v.Value), '}')
	case *types.AttributeValueMemberL:
		b = append(b, `{"L":[`...)
		for n, e := range v.Value {
			if n > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, e)
		}
		return append(b, "]}"...)
	default:
		return fmt.Appendf(b, `{"unknown":%q}`, fmt.Sprint(v))
	}
}

func appendScalar(b []byte, kind, s string) []byte {
	b = append(append(append(b, `{"`...), kind...), `":`...)
	return append(strconv.AppendQuote(b, s), '}')
}

func appendSet[T any](b []byte, kind string, members []T, text func(T) string) []byte {
	texts := make([]string, 0, len(members))
	for _, m := range members {
		texts = append(texts, text(m))
	}
	slices.Sort(texts)
	return fmt.Appendf(b, `{"%s":%q}`, kind, texts)
}

// plainest is a number without needless digits, and without an exponent; what
// is no number stays.
func plainest(s string) string {
	if !strings.ContainsAny(s, ".eE") && !strings.HasPrefix(s, "0") && !strings.HasPrefix(s, "-0") {
		return s
	}
	d, _, err := apd.NewFromString(s)
	if err != nil {
		return s
	}
	d.Reduce(d)
	return d.Text('f')
}
