package shape

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Model is one service's constraints, by name of the shape that bears them.
type Model struct {
	javaPackage string
	structures  map[string][]modelMember
	constraints map[string]*Constraint
	unions      map[string]*modelUnion
}

type modelMember struct {
	name     string
	bounds   string // The shape whose constraint holds here, if not the member's own.
	required bool
	alone    bool // Its absence is reported alone.
}

type modelUnion struct {
	variants    map[string]reflect.Type
	empty, many string
}

// ParseModel reads statements, one a line; dynamodb.model documents them.
func ParseModel(text string) (*Model, error) {
	m := &Model{
		structures:  map[string][]modelMember{},
		constraints: map[string]*Constraint{},
		unions:      map[string]*modelUnion{},
	}
	for n, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		verb, rest, _ := strings.Cut(line, " ")
		name, argument, _ := strings.Cut(rest, " ")
		if name == "" {
			return nil, fmt.Errorf("shape: model line %d: want a verb and a name", n+1)
		}
		if err := m.statement(verb, name, argument); err != nil {
			return nil, fmt.Errorf("shape: model line %d: %w", n+1, err)
		}
	}
	for name, c := range m.constraints {
		if c.Pattern != "" && c.Pattern != namePattern && c.match == nil {
			return nil, fmt.Errorf("shape: model: the pattern of %s needs a matches statement", name)
		}
	}
	return m, nil
}

func (m *Model) statement(verb, name, argument string) (err error) {
	switch verb {
	case "package":
		m.javaPackage = name
	case "structure":
		m.structures[name] = parseMembers(argument)
	case "empty":
		m.union(name).empty = argument
	case "many":
		m.union(name).many = argument
	case "enum":
		m.constraint(name).Enum = strings.Fields(argument)
	case "length":
		m.constraint(name).Length, err = parseBounds(argument)
	case "value":
		m.constraint(name).Value, err = parseBounds(argument)
	case "pattern":
		c := m.constraint(name)
		c.Pattern = argument
		if argument != namePattern {
			// A pattern in Java's syntax alone compiles at its matches statement.
			c.match, _ = compilePattern(argument)
		}
	case "matches":
		m.constraint(name).match, err = compilePattern(argument)
	case "resource":
		m.constraint(name).Resource, m.constraint(name).Every = true, argument == "all"
	case "sized":
		m.constraint(name).Sized = true
	case "open":
		m.constraint(name).Open = true
	default:
		return fmt.Errorf("unknown verb %q", verb)
	}
	return err
}

func parseMembers(text string) []modelMember {
	var members []modelMember
	for word := range strings.FieldsSeq(text) {
		var member modelMember
		word, member.bounds, _ = strings.Cut(word, ":")
		member.name = strings.TrimRight(word, "!")
		member.required = strings.HasSuffix(word, "!")
		member.alone = strings.HasSuffix(word, "!!")
		members = append(members, member)
	}
	return members
}

func parseBounds(text string) (b Bounds, err error) {
	low, high, ok := strings.Cut(text, "..")
	if !ok {
		return b, fmt.Errorf("bounds %q: want MIN..MAX", text)
	}
	if low != "" {
		b.HasMin = true
		if b.Min, err = strconv.ParseInt(low, 10, 64); err != nil {
			return b, fmt.Errorf("bounds %q: %w", text, err)
		}
	}
	if high != "" {
		b.HasMax = true
		if b.Max, err = strconv.ParseInt(high, 10, 64); err != nil {
			return b, fmt.Errorf("bounds %q: %w", text, err)
		}
	}
	return b, nil
}

func compilePattern(text string) (*regexp.Regexp, error) {
	r, err := regexp.Compile("^(?:" + text + ")$")
	if err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	return r, nil
}

func (m *Model) constraint(name string) *Constraint {
	c := m.constraints[name]
	if c == nil {
		c = &Constraint{}
		m.constraints[name] = c
	}
	return c
}

func (m *Model) union(name string) *modelUnion {
	u := m.unions[name]
	if u == nil {
		u = &modelUnion{variants: map[string]reflect.Type{}}
		m.unions[name] = u
	}
	return u
}

// Constraint returns the constraint of the shape of that name, or nil, which
// constrains nothing.
func (m *Model) Constraint(name string) *Constraint { return m.constraints[name] }

// Union names the SDK's Go types of a union's variants: pointers to structures
// whose names end in Member and the variant's name.
func (m *Model) Union(name string, variants ...any) {
	u := m.union(name)
	for _, v := range variants {
		t := reflect.TypeOf(v).Elem()
		u.variants[strings.TrimPrefix(t.Name(), name+"Member")] = t
	}
}

// Constraint is what the model asks of one shape's values.
type Constraint struct {
	Enum     []string // In the order in which error texts list them.
	Pattern  string   // As error texts show it; of the whole string.
	Length   Bounds   // Of a string in UTF-16 units, of a list or map in elements.
	Value    Bounds   // Of a number.
	Resource bool     // May be an ARN; its faults are reported without those of others.
	Every    bool     // Of a Resource: all its faults are reported, not only the first.
	Sized    bool     // Its length is checked before its pattern.
	Open     bool     // An enumeration that is not checked here.

	match *regexp.Regexp
}

// Bounds are inclusive; each may be lacking.
type Bounds struct {
	Min, Max       int64
	HasMin, HasMax bool
}

// namePattern is AWS's pattern for names of tables, indexes and backups. It is
// matched without a regular expression, being on the path of every request.
const namePattern = "[a-zA-Z0-9_.-]+"

// Matches reports whether the whole of value fits the pattern, or is an ARN
// where that is allowed.
func (c *Constraint) Matches(value string) bool {
	switch {
	case c.Pattern == "", c.Resource && strings.HasPrefix(value, "arn:"):
		return true
	case c.Pattern == namePattern:
		return isName(value)
	default:
		return c.match == nil || c.match.MatchString(value)
	}
}

func isName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '.', c == '-':
		default:
			return false
		}
	}
	return s != ""
}

// Member reports whether value is one of the enumeration's, where that is
// checked here.
func (c *Constraint) Member(value string) bool {
	return len(c.Enum) == 0 || c.Open || slices.Contains(c.Enum, value)
}

// appendText writes the constraint as AWS lists it for the elements of a list
// or map.
func (c *Constraint) appendText(dst []byte) []byte {
	var parts []string
	if len(c.Enum) > 0 {
		parts = append(parts, enumText(c.Enum))
	}
	parts = append(parts, c.Length.texts("length")...)
	parts = append(parts, c.Value.texts("value")...)
	if c.Pattern != "" {
		parts = append(parts, patternText(c.Pattern))
	}
	dst = append(dst, '[')
	dst = append(dst, strings.Join(parts, ", ")...)
	return append(dst, ']')
}

func (b Bounds) texts(of string) []string {
	var parts []string
	if b.HasMax {
		parts = append(parts, maxText(of, b.Max))
	}
	if b.HasMin {
		parts = append(parts, minText(of, b.Min))
	}
	return parts
}

func enumText(set []string) string {
	return "Member must satisfy enum value set: [" + strings.Join(set, ", ") + "]"
}

func patternText(pattern string) string {
	return "Member must satisfy regular expression pattern: " + pattern
}

func minText(of string, min int64) string {
	return "Member must have " + of + " greater than or equal to " + strconv.FormatInt(min, 10)
}

func maxText(of string, max int64) string {
	return "Member must have " + of + " less than or equal to " + strconv.FormatInt(max, 10)
}
