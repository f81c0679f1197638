package shape

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/hortusdb/hortus/aws"
)

const (
	// MaxViolations is how many broken constraints one message spells out; its
	// count is of all. AWS's own limit, if any, is not known.
	MaxViolations = 100

	// maxValueText is how many bytes of a value one violation shows.
	maxValueText = 8 << 10

	// maxSteps is how deep a path is kept; inputs of the control plane need 7.
	maxSteps = 16
)

// Violations collects broken constraints and words them as AWS does. The zero
// value is ready; while nothing is broken, nothing is allocated.
//
// A path is relative to the places entered, and as AWS writes it: "tableName",
// "sSESpecification.sSEType".
type Violations struct {
	steps [maxSteps]step
	depth int // May pass maxSteps.
	count int
	texts []string
	alone string // If not "", the whole message.
	union string // A fault that is told only if no constraint is broken.
}

type step struct {
	name  string // "" for an element of a list.
	index int
	key   bool // The name is a map's key.
}

// Enter begins a member; what follows is relative to it. Leave ends it.
func (v *Violations) Enter(name string) { v.enter(step{name: name}) }

// EnterIndex begins the element i, counted from 0, of the list entered.
func (v *Violations) EnterIndex(i int) { v.enter(step{index: i}) }

// EnterKey begins the value under a key of the map entered.
func (v *Violations) EnterKey(key string) { v.enter(step{name: key, key: true}) }

func (v *Violations) enter(s step) {
	if v.depth < maxSteps {
		v.steps[v.depth] = s
	}
	v.depth++
}

// Leave ends what was entered last.
func (v *Violations) Leave() { v.depth-- }

func (v *Violations) appendPath(dst []byte, path string) []byte {
	start := len(dst)
	for _, s := range v.steps[:min(v.depth, maxSteps)] {
		if len(dst) > start {
			dst = append(dst, '.')
		}
		switch {
		case s.key:
			dst = append(append(dst, s.name...), ".member"...)
		case s.name == "":
			dst = append(strconv.AppendInt(dst, int64(s.index)+1, 10), ".member"...)
		default:
			dst = append(dst, s.name...)
		}
	}
	if len(dst) > start && path != "" {
		dst = append(dst, '.')
	}
	return append(dst, path...)
}

// Add adds a violation in the caller's words, without AWS's frame.
func (v *Violations) Add(text string) {
	if v.count++; v.count <= MaxViolations {
		v.texts = append(v.texts, text)
	}
}

// fail adds "Value VALUE at 'PATH' failed to satisfy constraint: CONSTRAINT".
// The value is already in quotes, or null, or "" where AWS shows none.
func (v *Violations) fail(path, value, constraint string) {
	v.Add(v.text(path, value, constraint))
}

func (v *Violations) text(path, value, constraint string) string {
	b := append([]byte("Value "), value...)
	if value != "" {
		b = append(b, ' ')
	}
	b = append(b, "at '"...)
	b = v.appendPath(b, path)
	b = append(b, "' failed to satisfy constraint: "...)
	return string(append(b, constraint...))
}

// quote shows a value, cut to maxValueText.
func quote(value string) string {
	if len(value) > maxValueText {
		end := maxValueText
		for !utf8.RuneStart(value[end]) {
			end--
		}
		value = value[:end] + "..."
	}
	return "'" + value + "'"
}

// Required adds a violation unless the member is present.
func (v *Violations) Required(path string, present bool) {
	if !present {
		v.fail(path, "null", "Member must not be null")
	}
}

// Length checks a string's length in UTF-16 units, as Java counts. A max of 0
// or less means none.
func (v *Violations) Length(path, value string, low, high int) {
	n := len(value)
	if n <= high && n/3 >= low {
		return // Whatever the characters: a unit is one to three bytes of UTF-8.
	}
	n = utf16Length(value)
	if high > 0 && n > high {
		v.fail(path, quote(value), maxText("length", int64(high)))
	}
	if n < low {
		v.fail(path, quote(value), minText("length", int64(low)))
	}
}

func utf16Length(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// Count checks how many elements a list or map has. The text function prints
// the value in Java's way when it is needed; nil prints none. A max of 0 or
// less means none.
func (v *Violations) Count(path string, n, low, high int, text func() string) {
	value := ""
	bad := n < low || high > 0 && n > high
	if bad && text != nil {
		value = quote(text())
	}
	if high > 0 && n > high {
		v.fail(path, value, maxText("length", int64(high)))
	}
	if n < low {
		v.fail(path, value, minText("length", int64(low)))
	}
}

// Pattern checks a string against the constraint's pattern.
func (v *Violations) Pattern(path, value string, c *Constraint) {
	if c != nil && !c.Matches(value) {
		v.fail(path, quote(value), patternText(c.Pattern))
	}
}

// Enum checks that value is one of the set, which is shown in its order.
func (v *Violations) Enum(path, value string, set []string) {
	if slices.Contains(set, value) {
		return
	}
	v.fail(path, quote(value), enumText(set))
}

// Range checks a number; both bounds are inclusive.
func (v *Violations) Range(path string, value, low, high int64) {
	v.bounds(path, value, Bounds{Min: low, Max: high, HasMin: true, HasMax: true})
}

// String checks a string against all that the constraint asks, in AWS's order:
// the enumeration, the pattern, the length, the last two the other way round
// where the constraint says so. A nil constraint asks nothing.
func (v *Violations) String(path, value string, c *Constraint) {
	if c == nil {
		return
	}
	if c.Resource {
		v.resource(path, value, c)
		return
	}
	if len(c.Enum) > 0 && !c.Open {
		v.Enum(path, value, c.Enum)
	}
	if !c.Sized {
		v.Pattern(path, value, c)
	}
	if c.Length != (Bounds{}) {
		v.lengths(path, value, c.Length)
	}
	if c.Sized {
		v.Pattern(path, value, c)
	}
}

func (v *Violations) lengths(path, value string, b Bounds) {
	high := int(b.Max)
	if !b.HasMax {
		high = 0
	}
	v.Length(path, value, int(b.Min), high)
}

// resource checks a name or ARN. Its faults are reported without those of
// other members (recorded), the length before the pattern.
func (v *Violations) resource(path, value string, c *Constraint) {
	count, texts := v.count, v.texts
	v.count, v.texts = 0, nil
	v.lengths(path, value, c.Length)
	if v.count == 0 || c.Every {
		v.Pattern(path, value, c)
	}
	if v.count > 0 && v.alone == "" {
		v.alone = message(v.count, v.texts)
	}
	v.count, v.texts = count, texts
}

// Number checks a number against the constraint's bounds. A nil constraint
// asks nothing.
func (v *Violations) Number(path string, value int64, c *Constraint) {
	if c != nil {
		v.bounds(path, value, c.Value)
	}
}

func (v *Violations) bounds(path string, value int64, b Bounds) {
	if b.HasMax && value > b.Max {
		v.fail(path, quote(strconv.FormatInt(value, 10)), maxText("value", b.Max))
	}
	if b.HasMin && value < b.Min {
		v.fail(path, quote(strconv.FormatInt(value, 10)), minText("value", b.Min))
	}
}

// Err is nil, or the ValidationException that tells all violations.
func (v *Violations) Err() error {
	switch {
	case v.alone != "":
		return aws.Validation("%s", v.alone)
	case v.count > 0:
		return aws.Validation("%s", message(v.count, v.texts))
	}
	return nil
}

func message(n int, texts []string) string {
	plural := "s"
	if n == 1 {
		plural = ""
	}
	return strconv.Itoa(n) + " validation error" + plural + " detected: " + strings.Join(texts, "; ")
}
