package partiql

import (
	"strings"
	"unicode/utf8"
)

// kind says what a token is.
type kind uint8

const (
	kindEnd       kind = iota
	kindName           // A bare word that is not reserved.
	kindQuoted         // A name in double quotes; text is what they enclose.
	kindKeyword        // A reserved word; text is in capitals.
	kindString         // text is what the quotes enclose.
	kindNumber         // Without a sign.
	kindParameter      // ?
	kindSymbol         // An operator or a separator.
	kindIon            // What backquotes enclose, which DynamoDB does not take.
)

// position is where a token begins, counted from 1, and how long it is, in
// characters.
type position struct{ line, column, length int }

type token struct {
	kind kind
	text string
	at   position
}

// is reports whether t is that reserved word, or that symbol.
func (t *token) is(text string) bool {
	return t.text == text && (t.kind == kindKeyword || t.kind == kindSymbol)
}

// symbols are what is longer than a character; each other sign is one of its own.
var symbols = [...]string{"<<", ">>", "<=", ">=", "<>", "!=", "||"}

const signs = "()[]{},.:;*=<>+-/%@"

// lexer cuts a statement into tokens.
type lexer struct {
	text         string
	at           int
	line, column int
}

// tokens returns all tokens, kindEnd at the end; false for a text that is not
// made of tokens.
func tokens(text string) ([]token, bool) {
	if !utf8.ValidString(text) {
		return nil, false
	}
	l := lexer{text: text, line: 1, column: 1}
	out := make([]token, 0, 16)
	for {
		t, ok := l.next()
		if !ok {
			return nil, false
		}
		out = append(out, t)
		if t.kind == kindEnd {
			return out, true
		}
	}
}

// advance goes on by n bytes.
func (l *lexer) advance(n int) {
	for _, r := range l.text[l.at : l.at+n] {
		l.column++
		if r == '\n' {
			l.line, l.column = l.line+1, 1
		}
	}
	l.at += n
}

// space goes past blanks and comments; false for a comment without an end.
func (l *lexer) space() bool {
	for l.at < len(l.text) {
		rest := l.text[l.at:]
		switch {
		case strings.HasPrefix(rest, "--"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			l.advance(n)
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return false
			}
			l.advance(n + 4)
		case strings.IndexByte(" \t\r\n\f\v", rest[0]) >= 0:
			l.advance(1)
		default:
			return true
		}
	}
	return true
}

func (l *lexer) next() (token, bool) {
	if !l.space() {
		return token{}, false
	}
	at := position{l.line, l.column, 0}
	start := l.at
	t, n, ok := scan(l.text[l.at:])
	if !ok {
		return token{}, false
	}
	l.advance(n)
	t.at = at
	if t.at.length = utf8.RuneCountInString(l.text[start:l.at]); t.kind == kindEnd {
		t.at.length = 0
	}
	return t, true
}

// scan reads one token at the beginning of rest, and tells how long it is.
func scan(rest string) (token, int, bool) {
	if rest == "" {
		return token{kind: kindEnd}, 0, true
	}
	switch c := rest[0]; {
	case c == '\'':
		return enclosed(rest, kindString, true)
	case c == '"':
		return enclosed(rest, kindQuoted, true)
	case c == '`':
		return enclosed(rest, kindIon, false)
	case c == '?':
		return token{kind: kindParameter, text: "?"}, 1, true
	case isDigit(c), c == '.' && len(rest) > 1 && isDigit(rest[1]):
		n := numberLen(rest)
		if n < len(rest) && (isLetter(rest[n]) || rest[n] == '.') {
			return token{}, 0, false
		}
		return token{kind: kindNumber, text: rest[:n]}, n, true
	case isLetter(c):
		n := 1
		for n < len(rest) && (isLetter(rest[n]) || isDigit(rest[n])) {
			n++
		}
		if word := strings.ToUpper(rest[:n]); reserved(word) {
			return token{kind: kindKeyword, text: word}, n, true
		}
		return token{kind: kindName, text: rest[:n]}, n, true
	}
	for _, s := range symbols {
		if strings.HasPrefix(rest, s) {
			return token{kind: kindSymbol, text: s}, len(s), true
		}
	}
	if strings.IndexByte(signs, rest[0]) >= 0 {
		return token{kind: kindSymbol, text: rest[:1]}, 1, true
	}
	return token{}, 0, false
}

// enclosed reads what stands between two of the character that rest begins
// with. Where doubled is set, two of them stand for one.
func enclosed(rest string, k kind, doubled bool) (token, int, bool) {
	quote := rest[0]
	escapes := false
	for i := 1; i < len(rest); i++ {
		if rest[i] != quote {
			continue
		}
		if doubled && i+1 < len(rest) && rest[i+1] == quote {
			i++
			escapes = true
			continue
		}
		text := rest[1:i]
		if escapes {
			q := string(quote)
			text = strings.ReplaceAll(text, q+q, q)
		}
		return token{kind: k, text: text}, i + 1, true
	}
	return token{}, 0, false
}

// numberLen is how long the number at the beginning of s is.
func numberLen(s string) int {
	digits := func(i int) int {
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		return i
	}
	n := digits(0)
	if n < len(s) && s[n] == '.' {
		n = digits(n + 1)
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		from := n + 1
		if from < len(s) && (s[from] == '+' || s[from] == '-') {
			from++
		}
		if end := digits(from); end > from {
			n = end
		}
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$'
}
