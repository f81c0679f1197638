//go:build conformance

package differential

import (
	"maps"
	"slices"
	"strings"
)

// maxAttempts bounds the requests that one shrinking sends.
const maxAttempts = 400

// shrink drops members and words of the request as long as the difference
// stays.
func (s *session) shrink(d *difference) *difference {
	attempts := 0
	try := func(request any) bool {
		if attempts++; attempts > maxAttempts {
			return false
		}
		c := *d.call
		c.request = request.(object)
		if s.restore(&c) != nil {
			return false
		}
		next, err := s.run(&c)
		if err != nil || next == nil || next.what != d.what || kindOfText(next.ours) != kindOfText(d.ours) || kindOfText(next.local) != kindOfText(d.local) || s.explain(next) != "" {
			return false
		}
		d = next
		return true
	}
	for {
		if !slices.ContainsFunc(variants(d.call.request), try) {
			return d
		}
	}
}

func kindOfText(a *answer) string { return specifics.ReplaceAllString(a.message, "_") }

// variants are all values that lack one thing that v has.
func variants(v any) []any {
	var out []any
	switch v := v.(type) {
	case object:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if k == "TableName" {
				continue
			}
			m := maps.Clone(v)
			delete(m, k)
			out = append(out, m)
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			for _, e := range variants(v[k]) {
				m := maps.Clone(v)
				m[k] = e
				out = append(out, m)
			}
		}
	case []any:
		for i := range v {
			out = append(out, slices.Delete(slices.Clone(v), i, i+1))
		}
		for i := range v {
			for _, e := range variants(v[i]) {
				c := slices.Clone(v)
				c[i] = e
				out = append(out, c)
			}
		}
	case string:
		words := strings.Split(v, " ")
		for n := len(words) / 2; n > 0 && len(words) > 1; n /= 2 {
			for i := 0; i+n <= len(words); i += n {
				out = append(out, strings.Join(slices.Delete(slices.Clone(words), i, i+n), " "))
			}
		}
	}
	return out
}
