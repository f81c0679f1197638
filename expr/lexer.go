package expr

import (
	"strings"
	"unicode/utf8"
)

// tokenKind classifies a token of the expression language.
type tokenKind uint8

const (
	tokEOF     tokenKind = iota
	tokIdent             // A bare attribute or function name.
	tokName              // #placeholder
	tokValue             // :placeholder
	tokInteger           // A decimal integer without sign or leading zeros.
	tokPunct             // One of ( ) [ ] , . + - and the comparators.
	tokKeyword           // AND OR NOT BETWEEN IN SET REMOVE ADD DELETE, in any case.
	tokIllegal           // One character that no token starts with.
)

// token is a piece of the text; op is set for punctuation and keywords.
type token struct {
	kind       tokenKind
	op         symbol
	start, end int
}

// symbol names a punctuation mark or a keyword.
type symbol uint8

const (
	symNone symbol = iota
	symOpen
	symClose
	symOpenIndex
	symCloseIndex
	symComma
	symDot
	symPlus
	symMinus
	symEQ
	symNE
	symLT
	symLE
	symGT
	symGE
	symAnd
	symOr
	symNot
	symBetween
	symIn
	symSet
	symRemove
	symAdd
	symDelete
)

// lexer cuts a text into tokens. White space is space, tab, line feed and
// carriage return (recorded from DynamoDB Local; form feed is not).
type lexer struct {
	text string
	pos  int
}

func (l *lexer) next() token {
	for l.pos < len(l.text) && isSpace(l.text[l.pos]) {
		l.pos++
	}
	start := l.pos
	if start == len(l.text) {
		return token{kind: tokEOF, start: start, end: start}
	}
	c := l.text[start]
	switch {
	case isLetter(c):
		l.word()
		return l.identOrKeyword(start)
	case c == '#' || c == ':':
		l.word()
		if l.pos == start+1 {
			return token{kind: tokIllegal, start: start, end: l.pos}
		}
		if c == '#' {
			return token{kind: tokName, start: start, end: l.pos}
		}
		return token{kind: tokValue, start: start, end: l.pos}
	case isDigit(c):
		l.pos++
		for c != '0' && l.pos < len(l.text) && isDigit(l.text[l.pos]) {
			l.pos++
		}
		return token{kind: tokInteger, start: start, end: l.pos}
	}
	if op, n := punctuation(l.text[start:]); n > 0 {
		l.pos += n
		return token{kind: tokPunct, op: op, start: start, end: l.pos}
	}
	_, n := utf8.DecodeRuneInString(l.text[start:])
	l.pos += n
	return token{kind: tokIllegal, start: start, end: l.pos}
}

// word moves past the first character and every word character behind it.
func (l *lexer) word() {
	l.pos++
	for l.pos < len(l.text) && isWord(l.text[l.pos]) {
		l.pos++
	}
}

func (l *lexer) identOrKeyword(start int) token {
	t := token{kind: tokIdent, start: start, end: l.pos}
	if op := keyword(l.text[start:l.pos]); op != symNone {
		t.kind, t.op = tokKeyword, op
	}
	return t
}

func isSpace(c byte) bool  { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) || c == '_' }

// punctuation returns the mark that text begins with and its length, or 0.
func punctuation(text string) (symbol, int) {
	if len(text) > 1 {
		switch text[:2] {
		case "<>":
			return symNE, 2
		case "<=":
			return symLE, 2
		case ">=":
			return symGE, 2
		}
	}
	switch text[0] {
	case '(':
		return symOpen, 1
	case ')':
		return symClose, 1
	case '[':
		return symOpenIndex, 1
	case ']':
		return symCloseIndex, 1
	case ',':
		return symComma, 1
	case '.':
		return symDot, 1
	case '+':
		return symPlus, 1
	case '-':
		return symMinus, 1
	case '=':
		return symEQ, 1
	case '<':
		return symLT, 1
	case '>':
		return symGT, 1
	}
	return symNone, 0
}

// keyword returns the keyword that word is, in any case of letters.
func keyword(word string) symbol {
	for _, k := range [...]struct {
		word string
		op   symbol
	}{
		{"AND", symAnd},
		{"OR", symOr},
		{"NOT", symNot},
		{"BETWEEN", symBetween},
		{"IN", symIn},
		{"SET", symSet},
		{"REMOVE", symRemove},
		{"ADD", symAdd},
		{"DELETE", symDelete},
	} {
		if len(word) == len(k.word) && strings.EqualFold(word, k.word) {
			return k.op
		}
	}
	return symNone
}
