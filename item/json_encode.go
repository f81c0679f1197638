package item

import (
	"encoding/base64"

	"github.com/hortusdb/hortus/jsonscan"
)

// AppendItemJSON appends the item as a JSON object of attribute values, names
// in stored order. No item gives an empty object.
func AppendItemJSON(dst []byte, it Item) []byte { return appendEntriesJSON(dst, it.body()) }

// AppendValueJSON appends the value as JSON, as in {"S":"text"}.
func AppendValueJSON(dst []byte, v Value) []byte {
	t := v.Type()
	dst = append(dst, '{', '"')
	dst = append(dst, t.String()...)
	dst = append(dst, '"', ':')
	switch {
	case t <= TypeB:
		dst = appendScalarJSON(dst, t, v.Bytes())
	case t == TypeBOOL && !v.Bool():
		dst = append(dst, "false"...)
	case t == TypeBOOL || t == TypeNULL:
		dst = append(dst, "true"...)
	case t == TypeM:
		dst = appendEntriesJSON(dst, v[headLen:])
	default:
		dst = append(dst, '[')
		for rest := v[headLen:]; len(rest) > 0; {
			if len(rest) < len(v)-headLen {
				dst = append(dst, ',')
			}
			if t == TypeL {
				n := valueLen(rest)
				dst = AppendValueJSON(dst, rest[:n])
				rest = rest[n:]
				continue
			}
			var payload []byte
			payload, rest = cutPayload(rest)
			dst = appendScalarJSON(dst, t.Element(), payload)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func appendEntriesJSON(dst, rest []byte) []byte {
	dst = append(dst, '{')
	for first := true; len(rest) > 0; first = false {
		if !first {
			dst = append(dst, ',')
		}
		var name []byte
		name, rest = cutPayload(rest)
		dst = append(jsonscan.AppendString(dst, name), ':')
		n := valueLen(rest)
		dst = AppendValueJSON(dst, rest[:n])
		rest = rest[n:]
	}
	return append(dst, '}')
}

func appendScalarJSON(dst []byte, t Type, payload []byte) []byte {
	if t == TypeS {
		return jsonscan.AppendString(dst, payload)
	}
	dst = append(dst, '"')
	if t == TypeN {
		dst = Number(payload).AppendText(dst)
	} else {
		dst = base64.StdEncoding.AppendEncode(dst, payload)
	}
	return append(dst, '"')
}
