package shape

import (
	"encoding/base64"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/jsonscan"
)

// MaxNodes is how many values one request may hold: above any legal request of
// the control plane by far. It bounds the memory that a hostile one can take.
const MaxNodes = 1 << 18

// node is one value of a request, of its plan's kind.
type node struct {
	plan   *plan
	set    bool // Present and not null.
	text   string
	bits   uint64 // An integer, the bits of a float64 (times: epoch seconds), or 1 for true.
	nodes  []node // A structure's members, a list's elements, a map's values, a union's one.
	keys   []string
	choice int // A union's member, or choiceNone or choiceMany.
}

const (
	choiceNone = -1
	choiceMany = -2
)

func (n *node) integer() int64 { return int64(n.bits) }
func (n *node) float() float64 { return math.Float64frombits(n.bits) }
func (n *node) flag() bool     { return n.bits != 0 }

type parser struct {
	s       jsonscan.Scanner
	scratch []byte
	left    int // Of MaxNodes.
}

// errSyntax is the answer to a body that is not JSON: it has no message
// (recorded).
func errSyntax() error { return aws.Serialization("") }

func parse(body []byte, p *plan) (node, error) {
	ps := parser{left: MaxNodes}
	ps.s.Reset(body)
	if ps.s.Peek() != jsonscan.Object {
		return node{}, errSyntax()
	}
	root, err := ps.value(p)
	if err == nil {
		err = ps.s.Finish()
	}
	if err == nil {
		return root, nil
	}
	// A body that is not JSON is found out first, wherever its fault is.
	if _, ok := errors.AsType[*aws.Error](err); !ok || !jsonscan.Valid(body) {
		return node{}, errSyntax()
	}
	return node{}, err
}

// value reads the value that stands next. Its errors are *aws.Error for a wrong
// type and else the scanner's.
func (ps *parser) value(p *plan) (n node, err error) {
	n.plan = p
	if ps.left--; ps.left < 0 {
		return n, aws.Serialization("Too many values in the request")
	}
	next := ps.s.Peek()
	if next == jsonscan.Null {
		return n, ps.s.Null()
	}
	n.set = true
	if fault := mismatch(p, next); fault != "" {
		if next == jsonscan.Number {
			raw, err := ps.s.Number()
			if err != nil {
				return n, err
			}
			fault = numberFault(fault, raw)
		}
		return n, aws.Serialization(fault)
	}
	switch p.kind {
	case kindString:
		n.text, err = ps.string()
	case kindBlob:
		err = ps.blob(&n)
	case kindBool:
		err = ps.bool(&n, next)
	case kindInteger:
		var raw []byte
		raw, err = ps.s.Number()
		n.bits = uint64(clamp(parseInteger(string(raw)), p.bits))
	case kindFloat, kindTime:
		var raw []byte
		raw, err = ps.s.Number()
		n.bits = math.Float64bits(parseFloat(string(raw), p.bits))
	case kindList:
		err = ps.list(&n)
	case kindMap:
		err = ps.mapping(&n)
	case kindStructure:
		err = ps.structure(&n)
	case kindUnion:
		err = ps.union(&n)
	}
	return n, err
}

// mismatch words the wrong JSON kind for a value; "" means that it may be
// right. Known from the live service; strings pass for booleans (recorded).
func mismatch(p *plan, got jsonscan.Kind) string {
	const object = "Start of structure or map found where not expected"
	class := "class " + p.java
	switch p.kind {
	case kindList:
		switch got {
		case jsonscan.Array:
			return ""
		case jsonscan.Object:
			return object
		}
		return "Unexpected field type"
	case kindMap, kindStructure, kindUnion:
		switch got {
		case jsonscan.Object:
			return ""
		case jsonscan.Array:
			if p.kind == kindMap {
				class = p.java
			}
			return "Unrecognized collection type " + class
		}
		return "Unexpected field type"
	default:
	}
	switch got {
	case jsonscan.Object:
		return object
	case jsonscan.Array:
		return "Unrecognized collection type " + class
	}
	if fits(p.kind, got) {
		return ""
	}
	if p.kind == kindBlob {
		return "only base-64-encoded strings are convertible to bytes"
	}
	return tokenName(got) + " cannot be converted to " + p.java[strings.LastIndexByte(p.java, '.')+1:]
}

func fits(k kind, got jsonscan.Kind) bool {
	switch k {
	case kindString, kindBlob:
		return got == jsonscan.String
	case kindBool:
		return got == jsonscan.True || got == jsonscan.False || got == jsonscan.String
	default:
		return got == jsonscan.Number
	}
}

func tokenName(k jsonscan.Kind) string {
	switch k {
	case jsonscan.String:
		return "STRING_VALUE"
	case jsonscan.True:
		return "TRUE_VALUE"
	case jsonscan.False:
		return "FALSE_VALUE"
	default:
		return "NUMBER_VALUE"
	}
}

// numberFault tells whole numbers from others as the live service does.
func numberFault(fault string, raw []byte) string {
	if strings.ContainsAny(string(raw), ".eE") {
		return strings.Replace(fault, "NUMBER_VALUE", "DECIMAL_VALUE", 1)
	}
	return fault
}

func (ps *parser) string() (string, error) {
	text, err := ps.s.String(ps.scratch)
	if cap(text) > cap(ps.scratch) && len(text) <= 1<<10 {
		ps.scratch = make([]byte, 0, 1<<10)
	}
	return string(text), err
}

func (ps *parser) blob(n *node) error {
	text, err := ps.string()
	if err != nil {
		return err
	}
	if len(text)%4 != 0 {
		return aws.Serialization("Base64 encoded length is expected a multiple of 4 bytes but found: " + strconv.Itoa(len(text)))
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return aws.Serialization("Invalid Base64 character")
	}
	n.text = string(data)
	return nil
}

// bool takes a string as Java does: true if it says so, else false.
func (ps *parser) bool(n *node, next jsonscan.Kind) error {
	var b bool
	var err error
	if next == jsonscan.String {
		var text string
		text, err = ps.string()
		b = strings.EqualFold(text, "true")
	} else {
		b, err = ps.s.Bool()
	}
	if b {
		n.bits = 1
	}
	return err
}

// parseInteger reads a JSON number as Java narrows it: fractions are cut and
// what is out of range becomes the nearest that is not.
func parseInteger(text string) int64 {
	i, err := strconv.ParseInt(text, 10, 64)
	if err == nil || !strings.ContainsAny(text, ".eE") {
		return i // Out of range, ParseInt returns the nearest.
	}
	f, _ := strconv.ParseFloat(text, 64)
	switch {
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

// parseFloat returns the nearest finite number.
func parseFloat(text string, bits int) float64 {
	f, _ := strconv.ParseFloat(text, 64)
	high := math.MaxFloat64
	if bits == 32 {
		high = math.MaxFloat32
	}
	return max(min(f, high), -high)
}

func clamp(i int64, bits int) int64 {
	high := int64(1)<<(bits-1) - 1
	return max(min(i, high), -high-1)
}

func (ps *parser) list(n *node) error {
	if err := ps.s.BeginArray(); err != nil {
		return err
	}
	for {
		more, err := ps.s.NextElem()
		if err != nil || !more {
			return err
		}
		elem, err := ps.value(n.plan.elem)
		if err != nil {
			return err
		}
		n.nodes = append(n.nodes, elem)
	}
}

func (ps *parser) mapping(n *node) error {
	if err := ps.s.BeginObject(); err != nil {
		return err
	}
	at := map[string]int{}
	for {
		key, more, err := ps.s.NextKey()
		if err != nil || !more {
			return err
		}
		name := string(key)
		value, err := ps.value(n.plan.elem)
		if err != nil {
			return err
		}
		if i, again := at[name]; again {
			n.nodes[i] = value
			continue
		}
		at[name] = len(n.nodes)
		n.keys, n.nodes = append(n.keys, name), append(n.nodes, value)
	}
}

func (ps *parser) structure(n *node) error {
	if err := ps.s.BeginObject(); err != nil {
		return err
	}
	ps.left -= len(n.plan.members)
	if ps.left < 0 {
		return aws.Serialization("Too many values in the request")
	}
	n.nodes = make([]node, len(n.plan.members))
	for {
		key, more, err := ps.s.NextKey()
		if err != nil || !more {
			return err
		}
		i, known := n.plan.index[string(key)]
		if !known {
			if err := ps.s.Skip(); err != nil {
				return err
			}
			continue
		}
		if n.nodes[i], err = ps.value(n.plan.members[i].plan); err != nil {
			return err
		}
	}
}

func (ps *parser) union(n *node) error {
	if err := ps.s.BeginObject(); err != nil {
		return err
	}
	n.choice = choiceNone
	for {
		key, more, err := ps.s.NextKey()
		if err != nil || !more {
			return err
		}
		i, known := n.plan.index[string(key)]
		if !known {
			if err := ps.s.Skip(); err != nil {
				return err
			}
			continue
		}
		value, err := ps.value(n.plan.members[i].plan)
		if err != nil {
			return err
		}
		switch {
		case !value.set:
		case n.choice == choiceNone || n.choice == i:
			n.choice, n.nodes = i, []node{value}
		default:
			n.choice = choiceMany
		}
	}
}
