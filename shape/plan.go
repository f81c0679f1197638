package shape

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aws/smithy-go"

	"github.com/hortusdb/hortus/invariant"
)

type kind uint8

const (
	kindString kind = iota // Enumerations too.
	kindBool
	kindInteger
	kindFloat
	kindBlob
	kindTime
	kindList
	kindMap
	kindStructure
	kindUnion
)

// plan is how values of one shape are read, checked and filled in.
type plan struct {
	kind    kind
	name    string      // The shape's, as texts that print a value show it.
	java    string      // The Java class, as serialization errors name it.
	bits    int         // Of an integer or float.
	bounds  *Constraint // May be nil.
	elem    *plan       // Of a list's elements, a map's values.
	key     *Constraint // Of a map's keys.
	members []member    // Of a structure in the model's order; of a union in any.
	index   map[string]int
	union   *modelUnion
}

type member struct {
	name, path string // As in requests, as in error texts.
	plan       *plan
	bounds     *Constraint
	field      []int        // Of the Go structure.
	variant    reflect.Type // Of a union: the structure with the field Value.
	required   bool
	alone      bool
}

type planKey struct {
	shape string
	typ   reflect.Type
}

type compiler struct {
	model *Model
	plans map[planKey]*plan
}

func shapeName(s *smithy.Schema) string {
	if s.ID().Member != "" {
		return s.TargetID().Name
	}
	return s.ID().Name
}

// plan joins a schema with the Go type that holds its values.
func (c *compiler) plan(s *smithy.Schema, t reflect.Type) *plan {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	key := planKey{shapeName(s), t}
	if p := c.plans[key]; p != nil {
		return p
	}
	p := &plan{name: key.shape, bounds: c.model.constraints[key.shape]}
	c.plans[key] = p
	switch s.Type() {
	case smithy.ShapeTypeString, smithy.ShapeTypeEnum:
		c.check(t.Kind() == reflect.String, p, t)
		p.kind, p.java = kindString, "java.lang.String"
		p.bounds = withEnum(p.bounds, s)
	case smithy.ShapeTypeBoolean:
		c.check(t.Kind() == reflect.Bool, p, t)
		p.kind, p.java = kindBool, "java.lang.Boolean"
	case smithy.ShapeTypeByte, smithy.ShapeTypeShort, smithy.ShapeTypeInteger, smithy.ShapeTypeIntEnum, smithy.ShapeTypeLong:
		c.check(t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64, p, t)
		p.kind, p.java, p.bits = kindInteger, "java.lang."+integerName(t.Bits()), t.Bits()
	case smithy.ShapeTypeFloat, smithy.ShapeTypeDouble:
		c.check(t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64, p, t)
		p.kind, p.java, p.bits = kindFloat, "java.lang.Double", t.Bits()
		if p.bits == 32 {
			p.java = "java.lang.Float"
		}
	case smithy.ShapeTypeBlob:
		c.check(t == reflect.TypeFor[[]byte](), p, t)
		p.kind, p.java = kindBlob, "java.nio.ByteBuffer"
	case smithy.ShapeTypeTimestamp:
		c.check(t == reflect.TypeFor[time.Time](), p, t)
		p.kind, p.java = kindTime, "java.util.Date"
	case smithy.ShapeTypeList, smithy.ShapeTypeSet:
		c.check(t.Kind() == reflect.Slice, p, t)
		p.kind = kindList
		p.elem = c.plan(s.ListMember(), t.Elem())
		p.java = "java.util.List<" + p.elem.java + ">"
	case smithy.ShapeTypeMap:
		c.check(t.Kind() == reflect.Map, p, t)
		p.kind, p.key = kindMap, c.model.constraints[shapeName(s.MapKey())]
		p.java = "java.util.Map<java.lang.String, " + c.javaOf(s.MapValue(), t.Elem()) + ">"
		p.elem = c.plan(s.MapValue(), t.Elem())
	case smithy.ShapeTypeStructure:
		c.check(t.Kind() == reflect.Struct, p, t)
		p.kind, p.java = kindStructure, c.model.javaPackage+"."+p.name
		c.structure(p, s, t)
	case smithy.ShapeTypeUnion:
		c.check(t.Kind() == reflect.Interface, p, t)
		p.kind, p.java = kindUnion, c.model.javaPackage+"."+p.name
		c.union(p, s)
	default:
		c.check(false, p, t)
	}
	return p
}

func (c *compiler) check(ok bool, p *plan, t reflect.Type) {
	invariant.Assert(ok, "the SDK's type fits its schema", "shape", p.name, "type", t)
}

// javaOf names the class of a map's values before their plan, which may lead
// back to the map, is complete.
func (c *compiler) javaOf(s *smithy.Schema, t reflect.Type) string {
	if s.Type() == smithy.ShapeTypeStructure || s.Type() == smithy.ShapeTypeUnion {
		return c.model.javaPackage + "." + shapeName(s)
	}
	return c.plan(s, t).java
}

func integerName(bits int) string {
	switch bits {
	case 8:
		return "Byte"
	case 16:
		return "Short"
	case 32:
		return "Integer"
	default:
		return "Long"
	}
}

// withEnum adds the values of the SDK's enumeration that the model does not
// list, so that a newer SDK alone makes them known.
func withEnum(b *Constraint, s *smithy.Schema) *Constraint {
	if s.Type() != smithy.ShapeTypeEnum {
		return b
	}
	full := Constraint{}
	if b != nil {
		full = *b
	}
	full.Enum = slices.Clone(full.Enum)
	for _, value := range slices.Sorted(maps.Keys(s.Members())) {
		if !slices.Contains(full.Enum, value) {
			full.Enum = append(full.Enum, value)
		}
	}
	return &full
}

func (c *compiler) structure(p *plan, s *smithy.Schema, t reflect.Type) {
	listed := c.model.structures[p.name]
	known := map[string]bool{}
	for _, m := range listed {
		known[m.name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(s.Members())) {
		if !known[name] {
			listed = append(slices.Clip(listed), modelMember{name: name})
		}
	}
	p.index = map[string]int{}
	for _, m := range listed {
		ms := s.Member(m.name)
		if ms == nil {
			continue // The SDK is older than the model.
		}
		field, ok := t.FieldByNameFunc(func(f string) bool { return strings.EqualFold(f, m.name) })
		invariant.Assert(ok, "the SDK's structure has a field a member", "shape", p.name, "member", m.name)
		mp := c.plan(ms, field.Type)
		bounds := mp.bounds
		if m.bounds != "" {
			bounds = c.model.constraints[m.bounds]
		}
		p.index[m.name] = len(p.members)
		p.members = append(p.members, member{
			name: m.name, path: lowerFirst(m.name), plan: mp, bounds: bounds,
			field: field.Index, required: m.required, alone: m.alone,
		})
	}
}

func (c *compiler) union(p *plan, s *smithy.Schema) {
	p.union = c.model.unions[p.name]
	invariant.Assert(p.union != nil, "the model names the union's Go types", "shape", p.name)
	p.index = map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(s.Members())) {
		variant := p.union.variants[name]
		invariant.Assert(variant != nil, "the model names the union's Go types", "shape", p.name, "variant", name)
		field, ok := variant.FieldByName("Value")
		invariant.Assert(ok, "a variant holds its Value", "shape", p.name, "variant", name)
		mp := c.plan(s.Member(name), field.Type)
		p.index[name] = len(p.members)
		p.members = append(p.members, member{
			name: name, path: lowerFirst(name), plan: mp, bounds: mp.bounds, field: field.Index, variant: variant,
		})
	}
}

// lowerFirst is how Java's beans, and so AWS's error texts, name a member:
// sSESpecification (recorded for one capital, known for more).
func lowerFirst(name string) string {
	r, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(r)) + name[n:]
}
