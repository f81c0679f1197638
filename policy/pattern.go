package policy

import (
	"strings"
	"unicode/utf8"
)

// In compiled patterns the wildcards are bytes that UTF-8 never has, so that
// an asterisk can also stand for itself.
const (
	anyRun = 0xFF // *
	anyOne = 0xFE // ?
)

// pattern is a string with wildcards and policy variables.
type pattern struct {
	text    string // With anyRun and anyOne; meaningless with parts.
	literal int    // How much of text stands before the first wildcard.
	wild    bool
	fold    bool    // Compare without regard to ASCII case; text is in lower case.
	parts   []piece // Where it has policy variables.
}

// piece is a run of pattern text, or a variable.
type piece struct {
	text       string
	variable   string // The condition key, in lower case.
	fallback   string
	isVariable bool
	hasDefault bool
}

// patternSyntax says which characters mean more than themselves.
type patternSyntax struct{ wildcards, variables, fold bool }

// compilePattern compiles s. The second result is false for a variable that is
// not closed or has no name.
func compilePattern(s string, syntax patternSyntax) (pattern, bool) {
	p := pattern{fold: syntax.fold}
	var b strings.Builder
	for i := 0; i < len(s); {
		if syntax.variables && strings.HasPrefix(s[i:], "${") {
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				return pattern{}, false
			}
			v, ok := parseVariable(s[i+2 : i+end])
			if !ok {
				return pattern{}, false
			}
			i += end + 1
			if !v.isVariable {
				b.WriteString(v.text)
				continue
			}
			p.parts = append(p.parts, piece{text: b.String()}, v)
			b.Reset()
			continue
		}
		b.WriteByte(compileByte(s[i], syntax, &p.wild))
		i++
	}
	p.text = b.String()
	for p.literal < len(p.text) && p.text[p.literal] != anyRun && p.text[p.literal] != anyOne {
		p.literal++
	}
	if p.parts != nil {
		p.parts = append(p.parts, piece{text: p.text})
	}
	return p, true
}

func compileByte(c byte, syntax patternSyntax, wild *bool) byte {
	if syntax.wildcards && (c == '*' || c == '?') {
		*wild = true
		if c == '*' {
			return anyRun
		}
		return anyOne
	}
	if syntax.fold {
		return lower(c)
	}
	return c
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// parseVariable reads what stands between the braces: a key, perhaps with a
// default in quotes, or an escaped *, ? or $.
func parseVariable(s string) (piece, bool) {
	if s == "*" || s == "?" || s == "$" {
		return piece{text: s}, true
	}
	key, rest, hasDefault := strings.Cut(s, ",")
	v := piece{isVariable: true, variable: strings.ToLower(strings.TrimSpace(key)), hasDefault: hasDefault}
	if hasDefault {
		rest = strings.TrimSpace(rest)
		if len(rest) < 2 || rest[0] != '\'' || rest[len(rest)-1] != '\'' {
			return piece{}, false
		}
		v.fallback = rest[1 : len(rest)-1]
	}
	return v, strings.Contains(v.variable, ":") && !strings.ContainsAny(v.variable, "${")
}

// resolve returns the pattern's text for a request. It is false where a
// variable has no single value and no default; then nothing matches.
func (p *pattern) resolve(r *Request) (string, bool) {
	if p.parts == nil {
		return p.text, true
	}
	var b strings.Builder
	for i := range p.parts {
		part := &p.parts[i]
		if !part.isVariable {
			b.WriteString(part.text)
			continue
		}
		v, ok := r.lookup(part.variable)
		switch {
		case ok && v.len() == 1:
			// A value is text, never a wildcard.
			text := strings.ToValidUTF8(v.at(0), "\uFFFD")
			if p.fold {
				text = strings.ToLower(text)
			}
			b.WriteString(text)
		case part.hasDefault:
			b.WriteString(part.fallback)
		default:
			return "", false
		}
	}
	return b.String(), true
}

// matches reports whether the pattern covers s.
func (p *pattern) matches(r *Request, s string) bool {
	if p.parts != nil {
		text, ok := p.resolve(r)
		return ok && glob(text, s, p.fold)
	}
	n := p.literal
	if len(s) < n || !p.wild && len(s) != n {
		return false
	}
	if !p.fold {
		if s[:n] != p.text[:n] {
			return false
		}
	} else if !equalFold(p.text[:n], s[:n]) {
		return false
	}
	return !p.wild || len(p.text) == n+1 && p.text[n] == anyRun || glob(p.text[n:], s[n:], p.fold)
}

// equalFold compares s with a lower-case string of the same length, from the
// end, since most actions begin with the same service.
func equalFold(lowered, s string) bool {
	for i := len(s) - 1; i >= 0; i-- {
		if lowered[i] != lower(s[i]) {
			return false
		}
	}
	return true
}

// glob matches a compiled pattern. An anyOne takes one character, an anyRun
// any number. Time is at most the product of both lengths.
func glob(p, s string, fold bool) bool {
	pi, si := 0, 0
	star, mark := -1, 0
	for si < len(s) {
		if pi < len(p) {
			c := p[pi]
			if c == anyRun {
				if pi == len(p)-1 {
					return true
				}
				star, mark = pi, si
				pi++
				continue
			}
			if c == anyOne {
				si += runeLen(s[si:])
				pi++
				continue
			}
			if d := s[si]; c == d || fold && c == lower(d) {
				si++
				pi++
				continue
			}
		}
		if star < 0 {
			return false
		}
		mark += runeLen(s[mark:])
		pi, si = star+1, mark
	}
	for pi < len(p) && p[pi] == anyRun {
		pi++
	}
	return pi == len(p)
}

func runeLen(s string) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}

// globARN matches the six parts of an ARN one by one, as ArnLike does; a
// wildcard does not reach over a colon but in the last part.
func globARN(p, s string) bool {
	for range 5 {
		part, rest, ok := strings.Cut(p, ":")
		value, tail, ok2 := strings.Cut(s, ":")
		if !ok && ok2 {
			// "*" stands for every ARN, "arn:aws:*" for all from there on.
			return len(p) == 1 && p[0] == anyRun
		}
		if !ok || !ok2 || !glob(part, value, false) {
			return false
		}
		p, s = rest, tail
	}
	return glob(p, s, false)
}
