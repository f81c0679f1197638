package item

// Sizes as AWS counts them (documented: CapacityUnitCalculations).
const (
	sizeContainer = 3 // Each list and map.
	sizeElement   = 1 // Each element of a list and entry of a map.
	sizeFlag      = 1 // BOOL and NULL.
)

// MaxSize is the most bytes that an item may have, names included, by Size.
const MaxSize = 400 << 10

// MaxName is the longest name of an attribute, in bytes (documented as 64 KB; to
// the byte as DynamoDB Local has it).
const MaxName = 64<<10 - 1

// Size is the value's size in bytes as AWS counts it for limits and capacity.
// The name of the attribute that holds it is not part of it.
func (v Value) Size() int {
	switch v.Type() {
	case TypeS, TypeB:
		return len(v.Bytes())
	case TypeN:
		return v.Number().Size()
	case TypeBOOL, TypeNULL:
		return sizeFlag
	case TypeL:
		size := sizeContainer
		for rest := v[headLen:]; len(rest) > 0; {
			n := valueLen(rest)
			size += sizeElement + rest[:n].Size()
			rest = rest[n:]
		}
		return size
	case TypeM:
		return sizeContainer + sizeElement*v.Len() + sizeEntries(v[headLen:])
	case TypeSS, TypeNS, TypeBS:
		size, numbers := 0, v.Type() == TypeNS
		for rest := []byte(v[headLen:]); len(rest) > 0; {
			var payload []byte
			if payload, rest = cutPayload(rest); numbers {
				size += Number(payload).Size()
			} else {
				size += len(payload)
			}
		}
		return size
	}
	return 0
}

// Size is the item's size in bytes as AWS counts it: names and values.
func (it Item) Size() int { return sizeEntries(it.body()) }

// sizeEntries adds up names and values. It goes through the bytes itself: the
// iterators would allocate in a function that calls itself.
func sizeEntries(rest []byte) int {
	size := 0
	for len(rest) > 0 {
		var name []byte
		name, rest = cutPayload(rest)
		n := valueLen(rest)
		size += len(name) + Value(rest[:n]).Size()
		rest = rest[n:]
	}
	return size
}

// MaxDepth is how many levels an item may have, itself included (documented as
// 32 levels; counted as DynamoDB Local counts: an attribute may be 31 lists and
// maps deep).
const MaxDepth = 32

// Depth is how many lists and maps lie within one another in v: 0 for a scalar
// and a set, one more than the deepest element for a list or map.
func (v Value) Depth() int {
	deepest := 0
	switch v.Type() {
	case TypeL:
		for e := range v.Elements() {
			deepest = max(deepest, e.Depth())
		}
	case TypeM:
		for _, e := range v.Entries() {
			deepest = max(deepest, e.Depth())
		}
	default:
		return 0
	}
	return deepest + 1
}

// Depth is how many levels the item has, for comparison with MaxDepth.
func (it Item) Depth() int {
	deepest := 0
	for _, v := range it.All() {
		deepest = max(deepest, v.Depth())
	}
	return deepest + 1
}
