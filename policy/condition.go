package policy

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// family is what a condition operator compares.
type family uint8

const (
	famString family = iota
	famStringFold
	famLike
	famARN
	famBool
	famNull
	famNumeric
	famDate
	famIP
)

// relation is how a numeric or date operator compares.
type relation uint8

const (
	equal relation = iota
	less
	lessEqual
	greater
	greaterEqual
)

// quantifier is the prefix ForAllValues or ForAnyValue, or none.
type quantifier uint8

const (
	plain quantifier = iota
	forAll
	forAny
)

type operator struct {
	family   family
	relation relation
	negate   bool
}

// operatorNamed returns the operator of that name, without prefix or suffix.
func operatorNamed(name string) (operator, bool) {
	switch name {
	case "StringEquals", "BinaryEquals":
		return operator{family: famString}, true
	case "StringNotEquals":
		return operator{family: famString, negate: true}, true
	case "StringEqualsIgnoreCase":
		return operator{family: famStringFold}, true
	case "StringNotEqualsIgnoreCase":
		return operator{family: famStringFold, negate: true}, true
	case "StringLike":
		return operator{family: famLike}, true
	case "StringNotLike":
		return operator{family: famLike, negate: true}, true
	case "ArnEquals", "ArnLike":
		return operator{family: famARN}, true
	case "ArnNotEquals", "ArnNotLike":
		return operator{family: famARN, negate: true}, true
	case "Bool":
		return operator{family: famBool}, true
	case "Null":
		return operator{family: famNull}, true
	case "IpAddress":
		return operator{family: famIP}, true
	case "NotIpAddress":
		return operator{family: famIP, negate: true}, true
	}
	op := operator{family: famNumeric}
	rest, ok := strings.CutPrefix(name, "Numeric")
	if !ok {
		if rest, ok = strings.CutPrefix(name, "Date"); !ok {
			return op, false
		}
		op.family = famDate
	}
	switch rest {
	case "Equals":
	case "NotEquals":
		op.negate = true
	case "LessThan":
		op.relation = less
	case "LessThanEquals":
		op.relation = lessEqual
	case "GreaterThan":
		op.relation = greater
	case "GreaterThanEquals":
		op.relation = greaterEqual
	default:
		return op, false
	}
	return op, true
}

// condition is one key under one operator. All conditions of a statement must
// hold; any of the values of one may match.
type condition struct {
	operator
	name       string // The operator as written.
	key        string // In lower case.
	written    string // The key as written.
	quantifier quantifier
	ifExists   bool
	operands   []operand
}

// operand is one value of a condition in compiled form.
type operand struct {
	text    string // As written.
	pattern pattern
	number  float64
	seconds int64
	nanos   int
	prefix  netip.Prefix
	boolean bool
}

// compileCondition compiles one operator and key with its values. The error
// is the detail of a malformed document.
func compileCondition(name, key string, operands []string, variables bool) (condition, string) {
	c := condition{name: name, key: strings.ToLower(key), written: key}
	bare := name
	if rest, ok := strings.CutPrefix(bare, "ForAllValues:"); ok {
		c.quantifier, bare = forAll, rest
	} else if rest, ok := strings.CutPrefix(bare, "ForAnyValue:"); ok {
		c.quantifier, bare = forAny, rest
	}
	if rest, ok := strings.CutSuffix(bare, "IfExists"); ok {
		c.ifExists, bare = true, rest
	}
	op, ok := operatorNamed(bare)
	if !ok || op.family == famNull && (c.ifExists || c.quantifier != plain) {
		return c, "Invalid Condition type : " + name + "."
	}
	c.operator = op
	if !strings.Contains(key, ":") {
		return c, "Condition " + name + ": " + strconv.Quote(key) + " is not a condition key."
	}
	for _, text := range operands {
		o, ok := compileOperand(op.family, text, variables)
		if !ok {
			return c, "Condition " + name + " " + key + ": " + strconv.Quote(text) + " is not a value for it."
		}
		c.operands = append(c.operands, o)
	}
	return c, ""
}

func compileOperand(f family, text string, variables bool) (operand, bool) {
	o := operand{text: text}
	var ok bool
	switch f {
	case famString, famStringFold:
		o.pattern, ok = compilePattern(text, patternSyntax{variables: variables})
	case famLike, famARN:
		o.pattern, ok = compilePattern(text, patternSyntax{wildcards: true, variables: variables})
	case famBool, famNull:
		o.boolean, ok = parseBool(text)
	case famNumeric:
		o.number, ok = parseNumber(text)
	case famDate:
		var t time.Time
		if t, ok = parseDate(text); ok {
			o.seconds, o.nanos = t.Unix(), t.Nanosecond()
		}
	case famIP:
		o.prefix, ok = parsePrefix(text)
	}
	return o, ok
}

func parseBool(s string) (value, ok bool) {
	if strings.EqualFold(s, "true") {
		return true, true
	}
	return false, strings.EqualFold(s, "false")
}

func parseNumber(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "+-.0123456789eE") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

// parseDate reads the W3C's forms of ISO 8601, or seconds since 1970.
func parseDate(s string) (time.Time, bool) {
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(n, 0), err == nil
}

func parsePrefix(s string) (netip.Prefix, bool) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, false
		}
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err == nil
}

// holds reports whether the condition holds for the request, in a statement
// that denies or allows.
func (c *condition) holds(r *Request, deny bool) bool {
	v, present := r.lookup(c.key)
	if c.family == famNull {
		for i := range c.operands {
			if c.operands[i].boolean != present {
				return true
			}
		}
		return false
	}
	if !present {
		return c.ifExists || c.quantifier == forAll || c.negate && c.quantifier == plain
	}
	// A variable without a value makes its operand match nothing. Negated,
	// that would let an Allow through that was meant to be narrow.
	if c.negate && !deny && !c.resolves(r) {
		return false
	}
	// One value that fails decides where all must hold, one that holds
	// elsewhere.
	all := c.negate
	switch {
	case v.each:
		all = !deny
	case c.quantifier != plain:
		all = c.quantifier == forAll
	}
	for i := range v.len() {
		if c.test(r, v.at(i)) != all {
			return !all
		}
	}
	return all
}

func (c *condition) resolves(r *Request) bool {
	for i := range c.operands {
		if _, ok := c.operands[i].pattern.resolve(r); !ok {
			return false
		}
	}
	return true
}

// test reports whether one value of the request passes, the negation counted
// in.
func (c *condition) test(r *Request, value string) bool {
	for i := range c.operands {
		if c.matches(r, &c.operands[i], value) {
			return !c.negate
		}
	}
	return c.negate
}

func (c *condition) matches(r *Request, o *operand, value string) bool {
	switch c.family {
	case famString, famLike:
		return o.pattern.matches(r, value)
	case famStringFold:
		text, ok := o.pattern.resolve(r)
		return ok && strings.EqualFold(text, value)
	case famARN:
		text, ok := o.pattern.resolve(r)
		return ok && globARN(text, value)
	case famBool:
		b, ok := parseBool(value)
		return ok && b == o.boolean
	case famNumeric:
		n, ok := parseNumber(value)
		return ok && c.relation.holds(compare(n, o.number))
	case famDate:
		t, ok := parseDate(value)
		return ok && c.relation.holds(t.Compare(time.Unix(o.seconds, int64(o.nanos))))
	case famIP:
		a, err := netip.ParseAddr(value)
		return err == nil && o.prefix.Contains(a.Unmap())
	case famNull:
	}
	return false
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (r relation) holds(order int) bool {
	switch r {
	case equal:
		return order == 0
	case less:
		return order < 0
	case lessEqual:
		return order <= 0
	case greater:
		return order > 0
	case greaterEqual:
		return order >= 0
	}
	return false
}
