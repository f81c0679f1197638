package shape

// structure checks the members of a structure, in the model's order.
func (v *Violations) structure(n *node) {
	for i := range n.nodes {
		m := &n.plan.members[i]
		child := &n.nodes[i]
		switch {
		case child.set:
			v.Enter(m.path)
			v.node(child, m.bounds)
			v.Leave()
		case m.alone && v.alone == "":
			v.alone = "The parameter '" + m.name + "' is required but was not present in the request"
		case m.required:
			v.Required(m.path, false)
		}
	}
}

// node checks a value at the place entered, then what is within it.
func (v *Violations) node(n *node, c *Constraint) {
	switch n.plan.kind {
	case kindString:
		v.String("", n.text, c)
	case kindInteger:
		v.Number("", n.integer(), c)
	case kindFloat:
		v.float(n, c)
	case kindBlob:
		if c != nil {
			v.size(n, len(n.text), c.Length)
		}
	case kindList, kindMap:
		v.collection(n, c)
	case kindStructure:
		v.structure(n)
	case kindUnion:
		v.variant(n)
	default: // The rest has no constraints.
	}
}

func (v *Violations) float(n *node, c *Constraint) {
	if c == nil {
		return
	}
	f := n.float()
	if c.Value.HasMax && f > float64(c.Value.Max) {
		v.fail("", quote(n.String()), maxText("value", c.Value.Max))
	}
	if c.Value.HasMin && f < float64(c.Value.Min) {
		v.fail("", quote(n.String()), minText("value", c.Value.Min))
	}
}

func (v *Violations) size(n *node, count int, b Bounds) {
	high := int(b.Max)
	if !b.HasMax {
		high = 0
	}
	v.Count("", count, int(b.Min), high, n.String)
}

// collection checks a list or map: its size; its keys and values, whose faults
// AWS tells once, of the whole; and what is within its values, each with its
// own place.
func (v *Violations) collection(n *node, c *Constraint) {
	if c != nil {
		v.size(n, len(n.nodes), c.Length)
	}
	values := "Member must satisfy constraint: "
	if n.plan.kind == kindMap {
		values = "Map value must satisfy constraint: "
		if n.plan.key != nil {
			for _, key := range n.keys {
				if !satisfies(key, n.plan.key) {
					v.fail("", quote(n.String()), "Map keys must satisfy constraint: "+string(n.plan.key.appendText(nil)))
					break
				}
			}
		}
	}
	if b := n.plan.elem.bounds; b != nil {
		for i := range n.nodes {
			if elem := &n.nodes[i]; !elem.satisfies(b) {
				v.fail("", quote(n.String()), values+string(b.appendText(nil)))
				break
			}
		}
	}
	if n.plan.elem.kind < kindList {
		return
	}
	for i := range n.nodes {
		elem := &n.nodes[i]
		if n.plan.kind == kindMap {
			v.EnterKey(n.keys[i])
		} else {
			v.EnterIndex(i)
		}
		v.element(elem)
		v.Leave()
	}
}

// element checks what is within an element; its own bounds were checked with
// the collection's.
func (v *Violations) element(n *node) {
	if !n.set {
		v.Required("", false)
		return
	}
	v.node(n, nil)
}

func (v *Violations) variant(n *node) {
	switch {
	case n.choice >= 0:
		m := &n.plan.members[n.choice]
		v.Enter(m.path)
		v.node(&n.nodes[0], m.bounds)
		v.Leave()
	case v.union == "" && n.choice == choiceNone:
		v.union = n.plan.union.empty
	case v.union == "":
		v.union = n.plan.union.many
	}
}

// satisfies reports whether a key or element keeps its shape's bounds. A null
// element counts as an empty string or as 0.
func (n *node) satisfies(c *Constraint) bool {
	switch n.plan.kind {
	case kindString:
		return satisfies(n.text, c)
	case kindInteger:
		return c.Value.hold(n.integer())
	case kindList, kindMap:
		return !n.set || c.Length.hold(int64(len(n.nodes)))
	default:
		return true
	}
}

func satisfies(value string, c *Constraint) bool {
	return c.Member(value) && c.Matches(value) && c.Length.hold(int64(utf16Length(value)))
}

func (b Bounds) hold(n int64) bool {
	return (!b.HasMin || n >= b.Min) && (!b.HasMax || n <= b.Max)
}
