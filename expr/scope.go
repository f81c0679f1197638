package expr

import (
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/item"
)

// Name is an entry of ExpressionAttributeNames.
type Name struct {
	Placeholder string // With its '#'.
	Attribute   string
	used        bool
}

// Value is an entry of ExpressionAttributeValues.
type Value struct {
	Placeholder string // With its ':'.
	Value       item.Value
	used        bool
}

// Names and Values are a request's placeholders, in the request's order. Nil
// says that the request has no such parameter; empty, that it has an empty one.
type (
	Names  []Name
	Values []Value
)

// Scope is what the placeholders of one request stand for, shared by all its
// expressions. It notes which placeholders were used, so it belongs to one
// request and one goroutine.
type Scope struct {
	Names  Names
	Values Values

	nameIndex, valueIndex map[string]int
}

// indexThreshold is the number of placeholders from which on an index is worth
// its allocation.
const indexThreshold = 24

// CheckNeeded reports placeholders in a request without an expression that
// could use them. names says whether the request has any expression. params
// lists the operation's parameters that can use values, in AWS's order, and
// values says whether one of them is there; an operation without such
// parameters passes none.
func (s *Scope) CheckNeeded(names, values bool, params ...Kind) error {
	if s.Names != nil && !names {
		return aws.Validation("ExpressionAttributeNames can only be specified when using expressions")
	}
	if s.Values == nil || values || len(params) == 0 {
		return nil
	}
	var b strings.Builder
	for i, k := range params {
		if i > 0 {
			b.WriteString(" and ")
		}
		b.WriteString(k.String())
	}
	verb := "is"
	if len(params) > 1 {
		verb = "are"
	}
	return aws.Validation("ExpressionAttributeValues can only be specified when using expressions: %s %s null", b.String(), verb)
}

// Check reports placeholders that are malformed, names first. AWS does so
// before it looks at any expression.
func (s *Scope) Check() error {
	if err := s.checkNames(); err != nil {
		return err
	}
	return s.checkValues()
}

func (s *Scope) checkNames() error {
	const parameter = "ExpressionAttributeNames"
	if s.Names != nil && len(s.Names) == 0 {
		return aws.Validation(parameter + " must not be empty")
	}
	size := 0
	for i := range s.Names {
		n := &s.Names[i]
		if err := checkPlaceholder(parameter, '#', n.Placeholder); err != nil {
			return err
		}
		switch {
		case n.Attribute == "":
			return aws.Validation(parameter+" contains invalid value: Empty attribute name for key %s", n.Placeholder)
		case len(n.Attribute) > MaxAttributeNameBytes:
			return aws.Validation(parameter+" contains invalid value: Attribute name is too large, must be less than %d bytes for key %s",
				MaxAttributeNameBytes+1, n.Placeholder)
		}
		size += len(n.Placeholder) + len(n.Attribute)
	}
	if size > MaxSubstitutionBytes {
		return aws.Validation(parameter + " exceeds max size")
	}
	return nil
}

func (s *Scope) checkValues() error {
	const parameter = "ExpressionAttributeValues"
	if s.Values != nil && len(s.Values) == 0 {
		return aws.Validation(parameter + " must not be empty")
	}
	size := 0
	for i := range s.Values {
		v := &s.Values[i]
		if err := checkPlaceholder(parameter, ':', v.Placeholder); err != nil {
			return err
		}
		size += len(v.Placeholder) + v.Value.Size()
	}
	if size > MaxSubstitutionBytes {
		return aws.Validation(parameter + " exceeds max size")
	}
	return nil
}

func checkPlaceholder(parameter string, sigil byte, key string) error {
	switch {
	case key == "":
		return aws.Validation("%s contains invalid key: The expression attribute map contains an empty key;", parameter)
	case len(key) > MaxPlaceholderBytes && sigil == '#':
		return aws.Validation("%s contains invalid key: The expression attribute map contains a key that is too long; size of key: %d",
			parameter, len(key))
	case len(key) > MaxPlaceholderBytes: // Recorded: without the size here.
		return aws.Validation("%s contains invalid key: The expression attribute map contains a key that is too long;", parameter)
	}
	ok := key[0] == sigil && len(key) > 1
	for i := 1; i < len(key) && ok; i++ {
		ok = isWord(key[i])
	}
	if !ok {
		return aws.Validation("%s contains invalid key: Syntax error; key: \"%s\"", parameter, key)
	}
	return nil
}

// CheckUnused reports the placeholders that no expression bound so far has
// used. Call it when all of a request's expressions are bound.
func (s *Scope) CheckUnused() error {
	var unused []string
	for i := range s.Names {
		if !s.Names[i].used {
			unused = append(unused, s.Names[i].Placeholder)
		}
	}
	if unused != nil {
		return aws.Validation("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", strings.Join(unused, ", "))
	}
	for i := range s.Values {
		if !s.Values[i].used {
			unused = append(unused, s.Values[i].Placeholder)
		}
	}
	if unused != nil {
		return aws.Validation("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", strings.Join(unused, ", "))
	}
	return nil
}

// name returns what a placeholder stands for, and marks it used.
func (s *Scope) name(placeholder string) (string, bool) {
	if len(s.Names) >= indexThreshold {
		if s.nameIndex == nil {
			s.nameIndex = make(map[string]int, len(s.Names))
			for i := range s.Names {
				s.nameIndex[s.Names[i].Placeholder] = i
			}
		}
		i, ok := s.nameIndex[placeholder]
		if !ok {
			return "", false
		}
		s.Names[i].used = true
		return s.Names[i].Attribute, true
	}
	for i := range s.Names {
		if n := &s.Names[i]; n.Placeholder == placeholder {
			n.used = true
			return n.Attribute, true
		}
	}
	return "", false
}

// value returns what a placeholder stands for, and marks it used.
func (s *Scope) value(placeholder string) (item.Value, bool) {
	if len(s.Values) >= indexThreshold {
		if s.valueIndex == nil {
			s.valueIndex = make(map[string]int, len(s.Values))
			for i := range s.Values {
				s.valueIndex[s.Values[i].Placeholder] = i
			}
		}
		i, ok := s.valueIndex[placeholder]
		if !ok {
			return nil, false
		}
		s.Values[i].used = true
		return s.Values[i].Value, true
	}
	for i := range s.Values {
		if v := &s.Values[i]; v.Placeholder == placeholder {
			v.used = true
			return v.Value, true
		}
	}
	return nil, false
}
