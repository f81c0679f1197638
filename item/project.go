package item

// Project appends to dst the part of it that paths lead to. Lists keep the
// chosen elements, in order, without gaps; paths that lead nowhere are left
// out. Paths must not overlap.
func Project(dst []byte, it Item, paths []Path) Item {
	start := len(dst)
	out, count := projectEntries(append(dst, 0), it.body(), paths, 0)
	return endItem(out, start, count)
}

// projectEntries appends the chosen ones of entries. The paths all lead here
// by their first depth steps.
func projectEntries(dst, rest []byte, paths []Path, depth int) ([]byte, int) {
	count := 0
	for len(rest) > 0 {
		var name []byte
		name, rest = cutPayload(rest)
		n := valueLen(rest)
		v := Value(rest[:n])
		rest = rest[n:]
		start := len(dst)
		whole, inner := choose(paths, depth, func(s Step) bool { return s.Index < 0 && s.Name == string(name) })
		if !whole && inner == nil {
			continue
		}
		dst = appendBytes(dst, name)
		var ok bool
		if dst, ok = projectValue(dst, v, whole, inner, depth+1); !ok {
			dst = dst[:start]
			continue
		}
		count++
	}
	return dst, count
}

// projectValue appends the chosen part of v; false when nothing is chosen.
func projectValue(dst []byte, v Value, whole bool, paths []Path, depth int) ([]byte, bool) {
	if whole {
		return append(dst, v...), true
	}
	start, count := len(dst), 0
	switch v.Type() {
	case TypeM:
		dst, count = projectEntries(beginContainer(dst, tagM), v[headLen:], paths, depth)
	case TypeL:
		dst = beginContainer(dst, tagL)
		i := -1
		for e := range v.Elements() {
			i++
			whole, inner := choose(paths, depth, func(s Step) bool { return s.Index == i })
			if !whole && inner == nil {
				continue
			}
			var ok bool
			if dst, ok = projectValue(dst, e, whole, inner, depth+1); ok {
				count++
			}
		}
	default: // Nothing is within.
	}
	if count == 0 {
		return dst[:start], false
	}
	endContainer(dst, start, count)
	return dst, true
}

// choose returns the paths whose step at depth matches and that go on; whole is
// true when one of them ends there.
func choose(paths []Path, depth int, match func(Step) bool) (whole bool, inner []Path) {
	for _, p := range paths {
		if !match(p[depth]) {
			continue
		}
		if len(p) == depth+1 {
			return true, nil
		}
		inner = append(inner, p)
	}
	return false, inner
}
