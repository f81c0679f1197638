package item

// Sizes as AWS counts them (documented: CapacityUnitCalculations).
const (
	sizeContainer = 3 // Each list and map.
	sizeElement   = 1 // Each element of a list and entry of a map.
	sizeFlag      = 1 // BOOL and NULL.
)

// MaxSize is the most bytes that an item may have, names included, by Size.
const MaxSize = 400 << 10

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
		for e := range v.Elements() {
			size += sizeElement + e.Size()
		}
		return size
	case TypeM:
		size := sizeContainer
		for name, e := range v.Entries() {
			size += sizeElement + len(name) + e.Size()
		}
		return size
	case TypeNS:
		size := 0
		for m := range v.Members() {
			size += Number(m).Size()
		}
		return size
	case TypeSS, TypeBS:
		size := 0
		for m := range v.Members() {
			size += len(m)
		}
		return size
	}
	return 0
}

// Size is the item's size in bytes as AWS counts it: names and values.
func (it Item) Size() int {
	size := 0
	for name, v := range it.All() {
		size += len(name) + v.Size()
	}
	return size
}

// MaxDepth is how many values may lie within one another, by Depth
// (documented as 32 levels).
const MaxDepth = 32

// Depth is how many values lie within one another: 1 for a scalar, a set and
// an empty list or map, one more than the deepest element for the others.
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
	}
	return deepest + 1
}

// Depth is the depth of the item's deepest attribute, and 0 if it has none.
func (it Item) Depth() int {
	deepest := 0
	for _, v := range it.All() {
		deepest = max(deepest, v.Depth())
	}
	return deepest
}
